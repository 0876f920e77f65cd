"""Divergences and criteria as losses of PyTorch, on the CPU; tensors on other devices go over the host.

The coupling, bandwidth or ε is held constant, so that the gradient is exact where the divergence has one (envelope theorem). A second
backward pass is refused. Under `torch.compile` a call is a break of the graph.
"""

from __future__ import annotations

from typing import Any

import torch

from ._autograd import back, host
from ._criterion import Criterion
from ._divergence import distance
from ._gather import gather
from ._result import Result

__all__ = ["Criterion", "Divergence", "SamplesLoss", "gather"]


class _Distance(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> torch.Tensor:
        x, y, labels_x, labels_y, call = arguments

        soft = labels_x is not None and labels_x.ndim == 2
        found = call(host(x), host(y), host(labels_x), host(labels_y), ctx.needs_input_grad[0] or (soft and ctx.needs_input_grad[2]))
        ctx.found = found
        ctx.like = (x, labels_x)
        return torch.as_tensor(found.value, dtype=x.dtype, device=x.device)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        x, labels_x = ctx.like
        (grad,) = grads

        return back(ctx.found.gradient, x, grad), None, back(ctx.found.gradient_labels, labels_x, grad), None, None


class Divergence(torch.nn.Module):
    """Any divergence of `kd2m.metrics()` as a module: `Divergence("w2")(x, y)` is a scalar with a gradient to x.

    x is n × d, y is m × d and a constant; `labels_x`, `labels_y` are classes (n) or distributions over them (n × C; a gradient goes to
    those of x where the divergence has one). Options, units and errors as in `kd2m.distance`; a second derivative is a `RuntimeError`.

    >>> x = torch.zeros(4, 2, requires_grad=True)
    >>> loss = Divergence("w2")(x, torch.ones(4, 2))
    >>> loss.backward()
    >>> float(loss.detach()), x.grad[0].tolist()
    (2.0, [-0.5, -0.5])
    """

    def __init__(self, metric: str = "w2", **options: Any) -> None:
        super().__init__()
        self.metric, self.options = metric, options

    @torch.compiler.disable
    def forward(
        self,
        x: torch.Tensor,
        y: torch.Tensor,
        labels_x: torch.Tensor | None = None,
        labels_y: torch.Tensor | None = None,
    ) -> torch.Tensor:
        def call(x: Any, y: Any, labels_x: Any, labels_y: Any, gradient: bool) -> Result:
            return distance(x, y, self.metric, labels_x=labels_x, labels_y=labels_y, gradient=gradient, **self.options)

        return _Distance.apply(x, y, labels_x, labels_y, call)

    def extra_repr(self) -> str:
        return ", ".join([repr(self.metric), *(f"{name}={value!r}" for name, value in self.options.items())])


class SamplesLoss(torch.nn.Module):
    """geomloss's `SamplesLoss` of x (n × d) and y (m × d), by its value: `sinkhorn` (p = 2, `blur`, `reach`), `energy`, `gaussian` (`blur`).

    `blur` and `reach` are in units of the features. Raises `ValueError` for another loss or p, `Kd2mError` where `kd2m.distance` does.

    >>> x, y = torch.zeros(4, 2), torch.ones(4, 2)
    >>> round(float(SamplesLoss("energy")(x, y)), 5)
    1.41421
    """

    def __init__(self, loss: str = "sinkhorn", p: int = 2, blur: float = 0.05, reach: float | None = None) -> None:
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

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        # Half of ours, as geomloss has it: its costs are ‖x − y‖²/2.
        return 0.5 * self.divergence(x, y)
