"""What a distance is made of, and whether it could be chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import pair
from ._divergence import distance
from ._result import Plan, Result

# Numbers of differences held at once: 32 MB in double precision.
_BLOCK = 1 << 22


@dataclass(frozen=True)
class Explanation:
    """Shares of a transport distance; each kind sums to `value`.

    `pairs[k]`: of the coupled pair `plan.rows[k]`, `plan.cols[k]`. `features`: of each of the d features. `classes[i, j]`: of what goes
    from class i of x to class j of y, where labels were given. `explain` makes it.

    >>> explain([[0.0], [4.0]], [[1.0], [4.0]]).pairs.tolist()
    [0.5, 0.0]
    """

    value: float
    plan: Plan
    pairs: np.ndarray
    features: np.ndarray
    classes: np.ndarray | None = None


def explain(
    x: ArrayLike,
    y: ArrayLike,
    metric: str = "w2",
    *,
    labels_x: ArrayLike | None = None,
    labels_y: ArrayLike | None = None,
    weights_x: ArrayLike | None = None,
    weights_y: ArrayLike | None = None,
) -> Explanation:
    """W₂² (or W₁) of x (n × d) and y (m × d) as shares by pair of samples, by feature and by class; each sums to the value.

    Labels are n and m whole numbers from 0. A feature's share of W₁ is δ²/‖δ‖ of each coupled difference δ, of W₂² it is δ²; shares are
    in the units of the value. Raises `ValueError` for other metrics, which have no plan whose costs their value is, and `Kd2mError` where
    `distance` does.

    >>> found = explain([[0.0, 0.0], [4.0, 0.0]], [[0.0, 1.0], [5.0, 0.0]], labels_x=[0, 1], labels_y=[0, 1])
    >>> found.value, found.features.tolist(), found.classes.tolist()
    (1.0, [0.5, 0.5], [[0.5, 0.0], [0.0, 0.5]])
    """
    if metric not in ("w1", "w2"):
        raise ValueError(f"metric {metric!r} has no plan whose costs its value is: w2 or w1")
    x, y = pair(x, y)
    found = distance(x, y, metric, weights_x=weights_x, weights_y=weights_y, plan=True)
    plan = found.plan
    assert plan is not None
    pairs = np.empty(len(plan.mass))
    features = np.zeros(x.shape[1])
    for begin in range(0, len(pairs), max(1, _BLOCK // max(1, x.shape[1]))):
        part = slice(begin, begin + max(1, _BLOCK // max(1, x.shape[1])))
        squares = (x[plan.rows[part]].astype(np.float64) - y[plan.cols[part]]) ** 2
        costs = squares.sum(1)
        if metric == "w1":
            costs = np.sqrt(costs)
            squares /= np.where(costs > 0, costs, 1.0)[:, None]
        pairs[part] = plan.mass[part] * costs
        features += plan.mass[part] @ squares
    classes = None
    if labels_x is not None and labels_y is not None:
        of_x, of_y = (np.asarray(labels, dtype=np.int64) for labels in (labels_x, labels_y))
        classes = np.zeros((of_x.max() + 1, of_y.max() + 1))
        np.add.at(classes, (of_x[plan.rows], of_y[plan.cols]), pairs)
    return Explanation(value=float(pairs.sum()), plan=plan, pairs=pairs, features=features, classes=classes)


@dataclass(frozen=True)
class PermutationTest:
    """`p`: the share of permutations (the data's own order among them) whose distance is at least `value`. `null`: their distances.

    `permutation_test` makes it.

    >>> permutation_test([[0.0], [1.0]], [[5.0], [6.0]], permutations=9).null.shape
    (9,)
    """

    value: float
    p: float
    null: np.ndarray


def permutation_test(
    x: ArrayLike,
    y: ArrayLike,
    metric: str = "w2",
    *,
    permutations: int = 999,
    seed: int = 0,
    labels_x: ArrayLike | None = None,
    labels_y: ArrayLike | None = None,
    **options: Any,
) -> PermutationTest:
    """Whether x (n × d) and y (m × d) may be samples of one distribution: the distance of all samples dealt anew into two such sets.

    p is at least 1/(permutations + 1), and exact whatever the distributions: under equality it is below α in at most a share α of
    samples. Labels go with their samples. Threads are shared over permutations. Raises `Kd2mError` where `distance` does.

    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> permutation_test(rng.normal(size=(30, 2)), rng.normal(size=(30, 2)) + 2.0, permutations=99).p
    0.01
    """
    # Where it is used: `import kd2m` is to cost little beyond NumPy.
    import os
    from concurrent.futures import ThreadPoolExecutor

    x, y = pair(x, y)
    pooled = np.concatenate([x, y])
    labels = None
    if labels_x is not None and labels_y is not None:
        labels = np.concatenate([np.asarray(labels_x), np.asarray(labels_y)])

    def dealt(order: np.ndarray) -> float:
        left, right = order[: len(x)], order[len(x) :]
        of_left, of_right = (None, None) if labels is None else (labels[left], labels[right])
        return distance(pooled[left], pooled[right], metric, labels_x=of_left, labels_y=of_right, **options).value

    value = dealt(np.arange(len(pooled)))
    rng = np.random.default_rng(seed)
    orders = (rng.permutation(len(pooled)) for _ in range(permutations))
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        null = np.fromiter(threads.map(dealt, orders), dtype=np.float64, count=permutations)
    # Sums in another order differ at rounding level: that is not less.
    least = value - 1e-12 * abs(value)
    return PermutationTest(value=value, p=float((1 + np.count_nonzero(null >= least)) / (1 + permutations)), null=null)


class Barycentric:
    """The map of an exact plan, as an estimator: `fit(x, y)` couples, `transform(new)` moves samples that were not there.

    A sample of x goes to the mean of what it is coupled with; any other moves as its nearest sample of x does (Ferradans et al. 2014).
    x is n × d, y is m × d, `new` is k × d. Raises `Kd2mError` where `w2` does, from `fit`.

    >>> move = Barycentric().fit([[0.0], [1.0]], [[10.0], [11.0]])
    >>> move.transform([[0.0], [1.25]]).tolist()
    [[10.0], [11.25]]
    """

    plan_: Plan
    result_: Result

    def fit(
        self, x: ArrayLike, y: ArrayLike, *, weights_x: ArrayLike | None = None, weights_y: ArrayLike | None = None
    ) -> Barycentric:
        """Couples x (n × d) with y (m × d) at the least mean squared distance."""
        self.x_, to = pair(x, y)
        self.result_ = distance(self.x_, to, "w2", weights_x=weights_x, weights_y=weights_y, plan=True)
        assert self.result_.plan is not None
        self.plan_ = self.result_.plan
        self.moved_ = self.plan_.barycentric(to)
        return self

    def transform(self, new: ArrayLike) -> np.ndarray:
        """k × d samples at their new places, k × d."""
        places, x = pair(new, self.x_)
        shift = self.moved_ - self.x_
        out = np.empty(places.shape, dtype=places.dtype)
        squares = (x.astype(np.float64) ** 2).sum(1)
        step = max(1, _BLOCK // len(x))
        for begin in range(0, len(places), step):
            part = places[begin : begin + step]
            # ‖new − x‖² without what is the same for every x.
            nearest = (squares - 2.0 * (part.astype(np.float64) @ x.T)).argmin(1)
            out[begin : begin + step] = part + shift[nearest]
        return out

    def fit_transform(self, x: ArrayLike, y: ArrayLike, **weights: Any) -> np.ndarray:
        """The samples of x at their new places."""
        return self.fit(x, y, **weights).moved_
