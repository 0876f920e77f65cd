"""Divergences as losses of PyTorch: values with gradients to x, on the CPU; tensors on other devices go over the host.

The coupling, bandwidth or ε is held constant, so that the gradient is exact where the divergence has one (envelope theorem). A second
backward pass is refused. Under `torch.compile` a call is a break of the graph.
"""

from __future__ import annotations

import numpy as np
import torch

from ._divergence import distance


class _Distance(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, labels_x, labels_y, call):
        def host(t):
            return None if t is None else t.detach().cpu().numpy()

        soft = labels_x is not None and labels_x.ndim == 2
        found = call(host(x), host(y), host(labels_x), host(labels_y), ctx.needs_input_grad[0] or (soft and ctx.needs_input_grad[2]))
        ctx.found = found
        ctx.like = (x, labels_x)
        return torch.as_tensor(found.value, dtype=x.dtype, device=x.device)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, grad):
        x, labels_x = ctx.like

        def back(gradient, like):
            if gradient is None or like is None:
                return None
            return torch.from_numpy(np.ascontiguousarray(gradient)).to(like) * grad.to(like)

        return back(ctx.found.gradient, x), None, back(ctx.found.gradient_labels, labels_x), None, None


class Divergence(torch.nn.Module):
    """Any divergence of `kd2m.metrics()` as a module: `Divergence("w2")(x, y)` is a scalar with a gradient to x.

    x is n × d, y is m × d and a constant; `labels_x`, `labels_y` are classes (n) or distributions over them (n × C; a gradient goes to
    those of x where the divergence has one). Options as in `kd2m.distance`.

    >>> x = torch.zeros(4, 2, requires_grad=True)
    >>> loss = Divergence("w2")(x, torch.ones(4, 2))
    >>> loss.backward()
    >>> float(loss.detach()), x.grad[0].tolist()
    (2.0, [-0.5, -0.5])
    """

    def __init__(self, metric: str = "w2", **options):
        super().__init__()
        self.metric, self.options = metric, options

    @torch.compiler.disable
    def forward(self, x, y, labels_x=None, labels_y=None):
        def call(x, y, labels_x, labels_y, gradient):
            return distance(x, y, self.metric, labels_x=labels_x, labels_y=labels_y, gradient=gradient, **self.options)

        return _Distance.apply(x, y, labels_x, labels_y, call)

    def extra_repr(self) -> str:
        return ", ".join([repr(self.metric), *(f"{name}={value!r}" for name, value in self.options.items())])


class SamplesLoss(torch.nn.Module):
    """geomloss's `SamplesLoss`, by its value: `sinkhorn` (p = 2, `blur`, `reach`), `energy`, `gaussian` (`blur`).

    >>> x, y = torch.zeros(4, 2), torch.ones(4, 2)
    >>> round(float(SamplesLoss("energy")(x, y)), 5)
    1.41421
    """

    def __init__(self, loss: str = "sinkhorn", p: int = 2, blur: float = 0.05, reach: float | None = None):
        super().__init__()
        if loss == "sinkhorn" and p == 2:
            options = {"epsilon": 2 * blur**2}
            name = "sinkhorn"
            if reach is not None:
                name, options = "unbalanced", options | {"rho": 2 * reach**2}
        elif loss == "energy":
            name, options = "energy", {}
        elif loss == "gaussian":
            name, options = "mmd-rbf", {"bandwidth": blur}
        else:
            raise ValueError(f"loss {loss!r} with p = {p}: sinkhorn with p = 2, energy or gaussian")
        self.divergence = Divergence(name, **options)

    def forward(self, x, y):
        # Half of ours, as geomloss has it: its costs are ‖x − y‖²/2.
        return 0.5 * self.divergence(x, y)
