"""Transport at given costs, under the names that SciPy and POT have for it."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike

from . import _kd2m
from ._arrays import weights
from ._divergence import distance
from ._result import Potentials, Result, result


def _costs(cost: ArrayLike) -> np.ndarray:
    cost = np.asarray(cost)
    return cost if cost.dtype in (np.float32, np.float64) else cost.astype(np.float64)


def linear_sum_assignment(
    cost_matrix: ArrayLike, maximize: bool = False, *, cost_limit: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a cheapest (or dearest) assignment, as `scipy.optimize.linear_sum_assignment` gives them.

    `cost_matrix` is n × m, float32 or float64 (other numbers are taken as float64); where n ≠ m, min(n, m) pairs are matched. Rows come
    in order, as int64. Differences to SciPy: infinite costs are refused, ties may be broken otherwise (the total is the same).

    With `cost_limit` a row and a column may stay unmatched at that price, so that no pair is dearer (as `cost_limit` of lapx); fewer
    than min(n, m) pairs may come back. Trackers use it to let objects come and go.

    Raises `Kd2mError` for a cost that is NaN or infinite and for anything but a matrix, `ValueError` for `cost_limit` with `maximize`.

    >>> linear_sum_assignment([[1.0, 9.0], [9.0, 8.0]], cost_limit=5.0)
    (array([0]), array([0]))
    >>> linear_sum_assignment([[1.0, 2.0], [3.0, 5.0]])
    (array([0, 1]), array([1, 0]))
    """
    cost = _costs(cost_matrix)
    if cost.ndim == 2 and 0 in cost.shape:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    if cost_limit is None:
        return _kd2m.assignment(cost, maximize)
    if maximize:
        raise ValueError("cost_limit is a price, so it goes with the least cost: maximize=False")
    # A pair is worth what it saves over the price; one that saves nothing may as well stay unmatched.
    rows, columns = _kd2m.assignment(np.minimum(cost - np.asarray(cost_limit, dtype=cost.dtype), 0.0), False)
    kept = cost[rows, columns] < cost_limit
    return rows[kept], columns[kept]


def solve(
    M: ArrayLike, a: ArrayLike | None = None, b: ArrayLike | None = None, *, start: Potentials | None = None
) -> Result:
    """The exact plan at the costs M (n × m) with masses a (n) and b (m), uniform when left out and taken as shares of their sums.

    Gives a `Result` with value (in units of the costs), plan, potentials, status and gap; `start` are potentials of a problem nearby.
    Raises `Kd2mError` for costs that are not finite, masses that are negative or all 0, and lengths that differ.

    >>> solve([[0.0, 1.0], [1.0, 0.0]]).plan.to_dense()
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    return result(_kd2m.transport(_costs(M), weights(a), weights(b), start))


def solve_sample(
    X_a: ArrayLike,
    X_b: ArrayLike,
    a: ArrayLike | None = None,
    b: ArrayLike | None = None,
    *,
    metric: str = "sqeuclidean",
    reg: float | None = None,
    start: Potentials | None = None,
) -> Result:
    """The plan between X_a (n × d) and X_b (m × d), as `ot.solve_sample` has it: exact, or entropic of strength `reg` (then debiased).

    `metric`: "sqeuclidean" (the value is then in squared units of the features) or "euclidean". `reg` is in units of the cost. Masses a
    (n), b (m) and `start` as in `solve`. Raises `Kd2mError` where `distance` does, `ValueError` for another metric.

    >>> solve_sample([[0.0], [2.0]], [[1.0], [3.0]]).value
    1.0
    """
    if metric not in ("sqeuclidean", "euclidean"):
        raise ValueError(f"metric {metric!r}: sqeuclidean or euclidean; any other cost goes to kd2m.solve as a matrix")
    if reg is None:
        name = "w2" if metric == "sqeuclidean" else "w1"
        return distance(X_a, X_b, name, weights_x=a, weights_y=b, plan=True, start=start)
    if metric != "sqeuclidean":
        raise ValueError("an entropic plan is of squared Euclidean costs here: metric='sqeuclidean'")
    return distance(X_a, X_b, "sinkhorn", weights_x=a, weights_y=b, plan=True, start=start, epsilon=reg)


@overload
def emd(a: ArrayLike, b: ArrayLike, M: ArrayLike, log: Literal[False] = False) -> np.ndarray: ...
@overload
def emd(a: ArrayLike, b: ArrayLike, M: ArrayLike, log: Literal[True]) -> tuple[np.ndarray, dict[str, Any]]: ...
def emd(
    a: ArrayLike, b: ArrayLike, M: ArrayLike, log: bool = False
) -> np.ndarray | tuple[np.ndarray, dict[str, Any]]:
    """The optimal plan as a dense n × m array, as `ot.emd(a, b, M)` gives it, of masses a (n) and b (m) at costs M (n × m).

    Empty a or b: uniform. With `log` also a dictionary of `cost`, `u` (n), `v` (m), `warning` and `gap`. Raises `Kd2mError` where `solve`
    does.

    >>> emd([], [], [[0.0, 1.0], [1.0, 0.0]])
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    found = solve(M, a, b)
    assert found.plan is not None and found.potentials is not None
    plan = found.plan.to_dense()
    if not log:
        return plan
    u, v = found.potentials
    warning = None if found.status == "optimal" else f"{found.status}, gap {found.gap}"
    return plan, {"cost": found.value, "u": u, "v": v, "warning": warning, "gap": found.gap}


def emd2(a: ArrayLike, b: ArrayLike, M: ArrayLike) -> float:
    """The least cost of masses a (n) and b (m) at costs M (n × m), in units of the costs, as `ot.emd2(a, b, M)` gives it.

    Empty a or b: uniform. Raises `Kd2mError` where `solve` does.

    >>> emd2([], [], [[0.0, 1.0], [1.0, 0.5]])
    0.25
    """
    return solve(M, a, b).value
