"""Divergences between two sets of features."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from . import _kd2m
from ._arrays import labels, pair, weights, words
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
    from 0, taken as shares of their sum; uniform when left out. `gradient`: also that of the value with respect to x, n × d. `plan`:
    also the coupling. `start`: potentials of a problem nearby, which change the time and never the answer. `options`: the metric's own.

    The value is in squared units of the features for the W₂ family, `gaussian-w2`, `fid` and `mse`, in units of the features for `w1`
    and `energy`, and a number without units for kernels and Gaussian divergences; `kd2m.metrics()` has the formulas.

    Raises `Kd2mError` for an unknown metric or option (the nearest names are given) and for input that the metric is not defined on,
    `ValueError` for an x or y that is not n × d.

    >>> import numpy as np
    >>> x, y = np.zeros((4, 2)), np.ones((4, 2))
    >>> distance(x, y, "energy").value
    2.8284271247461903
    >>> distance(x, y, "mmd-rbf", bandwidth=1.0, gradient=True).gradient.shape
    (4, 2)
    """
    x, y = pair(x, y)
    found = _kd2m.evaluate(
        metric,
        words(options),
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
    """Exact W₂² of two sets of samples: the least mean of ‖x_i − y_j‖² over all couplings of x and y.

    x is n × d, y is m × d, float32 or float64 (other numbers are taken as float64); no n × m matrix is asked for, at any size. The
    value is in squared units of the features. `weights_x` (n) and `weights_y` (m) are numbers from 0, taken as shares of their sum;
    uniform when left out. `gradient`: also that of the value with respect to x, n × d, of x's precision. `plan`: also the coupling.
    `start`: potentials of a problem nearby (`Result.potentials`), which change the time and never the answer.

    Gives a `Result`; `gap` says by how much its value can be above the least one. Raises `Kd2mError` where widths differ, a number is
    NaN or infinite, or weights are negative or all 0, and `ValueError` for an x or y that is not n × d.

    >>> w2([[0.0], [2.0]], [[1.0], [3.0]]).value
    1.0
    >>> found = w2([[0.0], [2.0]], [[1.0], [3.0]], gradient=True, plan=True)
    >>> found.gradient.tolist(), found.plan.to_dense().tolist()
    ([[-1.0], [-1.0]], [[0.5, 0.0], [0.0, 0.5]])
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
    """Exact W₁ of two sets of samples: the least mean of ‖x_i − y_j‖ over all couplings of x (n × d) and y (m × d).

    The value is in units of the features. Arguments, answer and errors are those of `w2`.

    >>> w1([[0.0], [2.0]], [[1.0], [4.0]]).value
    1.5
    """
    return distance(x, y, "w1", weights_x=weights_x, weights_y=weights_y, gradient=gradient, plan=plan, start=start)


def bounds(x: ArrayLike, y: ArrayLike, *, block: int = 4096) -> tuple[float, float]:
    """A certified lower and upper bound of W₂² of x (n × d) and y (m × d), for sets too large for an exact plan.

    Both are in squared units of the features. `block` samples are matched exactly at a time: larger blocks are tighter and take longer.
    Raises `Kd2mError` where `w2` does.

    >>> import numpy as np
    >>> low, high = bounds(np.zeros((10, 2)), np.ones((10, 2)))
    >>> low <= 2.0 <= high
    True
    """
    found = distance(x, y, "bounds", block=block)
    return found.diagnostics.get("lower", found.value), found.value


def frechet(x: ArrayLike, y: ArrayLike) -> float:
    """The Fréchet distance of two Gaussians with the means and covariances (n − 1) of x (n × d) and y (m × d), as FID packages have it.

    In squared units of the features. Raises `Kd2mError` where widths differ, a number is not finite, or a set has one sample.

    >>> import numpy as np
    >>> frechet(np.eye(3), np.eye(3))
    0.0
    """
    return distance(x, y, "fid").value


def kid(
    x: ArrayLike, y: ArrayLike, *, subsets: int = 100, size: int | None = None, seed: int = 0
) -> tuple[float, float]:
    """Kernel inception distance of x (n × d) and y (m × d): mean and deviation over random subsets of the unbiased MMD² with (xᵀy/d + 1)³.

    `size` samples a subset, min(1000, n, m) when left out; with one subset of all samples it is the MMD² itself. It can be negative.
    Raises `Kd2mError` where widths differ, a number is not finite, or a subset is larger than a set.

    >>> import numpy as np
    >>> mean, deviation = kid(np.eye(4), np.eye(4), subsets=1, size=4)
    >>> deviation
    0.0
    """
    x, y = pair(x, y)
    size = min(1000, len(x), len(y)) if size is None else size
    found = distance(x, y, "kid", subsets=subsets, size=size, seed=seed)
    return found.value, found.diagnostics.get("deviation", 0.0)
