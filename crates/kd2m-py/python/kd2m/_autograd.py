"""What losses of PyTorch share: values from the host, gradients back to the tensors, no second derivative."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def host(t: torch.Tensor | None) -> Any:
    """A tensor's values as an array; those of half precision as float32, which NumPy has."""
    if t is None:
        return None
    t = t.detach().cpu()
    return (t.float() if t.dtype in (torch.float16, torch.bfloat16) else t).numpy()


def back(gradient: np.ndarray | None, like: torch.Tensor | None, grad: torch.Tensor) -> torch.Tensor | None:
    """`gradient` times `grad`, as a tensor like the one that it is of."""
    if gradient is None or like is None:
        return None
    found = torch.from_numpy(np.ascontiguousarray(gradient)).to(like) * grad.to(like)
    # `create_graph`: what depends on this gradient would go on without its derivative, and without a word.
    return _Once.apply(found, like) if torch.is_grad_enabled() else found


class _Once(torch.autograd.Function):
    """A gradient that has no derivative of its own."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> torch.Tensor:
        gradient, _ = arguments
        return gradient.clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        raise RuntimeError("a loss of kd2m cannot be differentiated twice: its coupling is held constant; detach its gradient")
