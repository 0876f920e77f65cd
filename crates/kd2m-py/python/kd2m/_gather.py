"""Samples of all processes in each, for losses that compare whole batches."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> torch.Tensor:
        x, factor, group = arguments
        world, rank = dist.get_world_size(group), dist.get_rank(group)
        own = torch.tensor([len(x)], device=x.device)
        counts = [torch.empty_like(own) for _ in range(world)]
        dist.all_gather(counts, own, group=group)
        lengths = [int(count) for count in counts]
        # Parts of one size travel: the last batch of a process may be shorter.
        padded = torch.cat([x.detach(), x.new_zeros(max(lengths) - len(x), *x.shape[1:])]).contiguous()
        parts = [torch.empty_like(padded) for _ in range(world)]
        dist.all_gather(parts, padded, group=group)
        ctx.begin, ctx.rows = sum(lengths[:rank]), len(x)
        ctx.factor = world if factor else 1
        return torch.cat([part[:length] for part, length in zip(parts, lengths)])

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        (grad,) = grads
        return grad[ctx.begin : ctx.begin + ctx.rows] * ctx.factor, None, None


def gather(x: torch.Tensor, *, averaged: bool = True, group: Any = None) -> torch.Tensor:
    """The rows of all processes (Σ n_r × …), in the order of their ranks; x (n × …) itself where there is one process.

    A distance of the union is not the mean of distances, so gather features, logits and labels before the criterion: each process then
    has the same value. The gradient is that of its own rows. `DistributedDataParallel` divides gradients by the number of processes
    afterwards, so it is multiplied by that number here, and the sum over all is that of one process with the whole batch;
    `averaged=False` where gradients are summed. Parts that a `Criterion` learns have their whole gradient in every process: step them
    outside of `DistributedDataParallel`.

    Raises what `torch.distributed` raises where rows of the processes differ in size or precision.

    >>> gather(torch.ones(3, 2)).shape
    torch.Size([3, 2])
    """
    if not (dist.is_available() and dist.is_initialized()):
        return x
    return _Gather.apply(x, averaged, group)
