"""Divergences between two sets of features."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from . import _kd2m
from ._arrays import labels, pair, weights
from ._result import Potentials, Result, result


def distance(
    x: ArrayLike,
    y: ArrayLike,
    metric: str = "w2",
    *,
    labels_x: ArrayLike | None = None,
    labels_y: ArrayLike | None = None,
    weights_x: ArrayLike | None = None,
    weights_y: ArrayLike | None = None,
    gradient: bool = False,
    plan: bool = False,
    start: Potentials | None = None,
    **options: Any,
) -> Result:
    """Any divergence of `kd2m.metrics()` between x (n × d) and y (m × d).

    `labels_*`: n classes, or n × C distributions over them, for `class-NAME`, `joint-NAME`, `cw2` and `jw2`. `weights_*`: n numbers
    from 0, taken as shares of their sum; uniform when left out. `gradient`: also that of the value with respect to x. `plan`: also the
    coupling. `start`: potentials of a problem nearby, which change the time and never the answer. `options`: the metric's own.

    Raises `Kd2mError` for an unknown metric or option (the nearest names are given) and for input that the metric is not defined on.

    >>> import numpy as np
    >>> x, y = np.zeros((4, 2)), np.ones((4, 2))
    >>> distance(x, y, "energy").value
    2.8284271247461903
    >>> distance(x, y, "mmd-rbf", bandwidth=1.0, gradient=True).gradient.shape
    (4, 2)
    """
    x, y = pair(x, y)
    words = [(name, str(value).lower() if isinstance(value, bool) else str(value)) for name, value in options.items()]
    found = _kd2m.evaluate(
        metric,
        words,
        x,
        y,
        labels(labels_x, x.dtype, "labels_x"),
        labels(labels_y, y.dtype, "labels_y"),
        weights(weights_x),
        weights(weights_y),
        gradient,
        plan,
        start,
    )
    return result(found)


def w2(
    x: ArrayLike,
    y: ArrayLike,
    *,
    weights_x: ArrayLike | None = None,
    weights_y: ArrayLike | None = None,
    gradient: bool = False,
    plan: bool = False,
    start: Potentials | None = None,
) -> Result:
    """Exact W₂², the least mean of ‖x − y‖² over couplings, from coordinates: no n × m matrix is asked for.

    >>> w2([[0.0], [2.0]], [[1.0], [3.0]]).value
    1.0
    """
    return distance(x, y, "w2", weights_x=weights_x, weights_y=weights_y, gradient=gradient, plan=plan, start=start)


def w1(
    x: ArrayLike,
    y: ArrayLike,
    *,
    weights_x: ArrayLike | None = None,
    weights_y: ArrayLike | None = None,
    gradient: bool = False,
    plan: bool = False,
    start: Potentials | None = None,
) -> Result:
    """Exact W₁, the least mean of ‖x − y‖ over couplings.

    >>> w1([[0.0], [2.0]], [[1.0], [4.0]]).value
    1.5
    """
    return distance(x, y, "w1", weights_x=weights_x, weights_y=weights_y, gradient=gradient, plan=plan, start=start)


def bounds(x: ArrayLike, y: ArrayLike, *, block: int = 4096) -> tuple[float, float]:
    """A certified lower and upper bound of W₂², for sets too large for an exact plan.

    >>> import numpy as np
    >>> low, high = bounds(np.zeros((10, 2)), np.ones((10, 2)))
    >>> low <= 2.0 <= high
    True
    """
    found = distance(x, y, "bounds", block=block)
    return found.diagnostics.get("lower", found.value), found.value


def frechet(x: ArrayLike, y: ArrayLike) -> float:
    """The Fréchet distance of two Gaussians with the means and covariances of x and y, as FID packages compute it from features.

    >>> import numpy as np
    >>> frechet(np.eye(3), np.eye(3))
    0.0
    """
    return distance(x, y, "fid").value


def kid(
    x: ArrayLike, y: ArrayLike, *, subsets: int = 100, size: int | None = None, seed: int = 0
) -> tuple[float, float]:
    """Kernel inception distance of features: mean and deviation over random subsets; with one subset of all samples, the unbiased MMD².

    >>> import numpy as np
    >>> mean, deviation = kid(np.eye(4), np.eye(4), subsets=1, size=4)
    >>> deviation
    0.0
    """
    x, y = pair(x, y)
    size = min(1000, len(x), len(y)) if size is None else size
    found = distance(x, y, "kid", subsets=subsets, size=size, seed=seed)
    return found.value, found.diagnostics.get("deviation", 0.0)


def metrics() -> dict[str, dict[str, Any]]:
    """What there is to choose from: formula, source, cost, when to choose it, options with their defaults.

    >>> metrics()["sinkhorn"]["options"]["tolerance"][0]
    '1e-4'
    """
    keys = ("aliases", "formula", "source", "cost", "when")
    return {
        name: dict(zip(keys, facts), options={option: (default, text) for option, default, text in options})
        for name, *facts, options in _kd2m.metrics()
    }
