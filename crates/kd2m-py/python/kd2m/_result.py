"""Answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

# u over x, v over y.
Potentials = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Plan:
    """A coupling: `mass[k]` goes from sample `rows[k]` of x to sample `cols[k]` of y; `shape` is (n, m).

    Masses are shares: they sum to 1, by rows to the weights of x, by columns to those of y.

    >>> plan = Plan(rows=np.array([0, 1]), cols=np.array([1, 0]), mass=np.array([0.5, 0.5]), shape=(2, 2))
    >>> plan.to_dense()
    array([[0. , 0.5],
           [0.5, 0. ]])
    >>> plan.barycentric([[1.0], [2.0]]).tolist()
    [[2.0], [1.0]]
    """

    rows: np.ndarray
    cols: np.ndarray
    mass: np.ndarray
    shape: tuple[int, int]

    def to_dense(self) -> np.ndarray:
        """As an n × m array."""
        dense = np.zeros(self.shape)
        dense[self.rows, self.cols] = self.mass
        return dense

    def to_scipy(self) -> Any:
        """As a `scipy.sparse.coo_array`."""
        import scipy.sparse

        return scipy.sparse.coo_array((self.mass, (self.rows, self.cols)), shape=self.shape)

    def barycentric(self, y: ArrayLike) -> np.ndarray:
        """Where each sample of x goes: the mean of the samples of y that it is coupled with."""
        y = np.asarray(y)
        moved = np.zeros((self.shape[0], y.shape[1]), dtype=y.dtype)
        np.add.at(moved, self.rows, self.mass[:, None] * y[self.cols])
        masses = np.bincount(self.rows, weights=self.mass, minlength=self.shape[0])
        return moved / np.where(masses > 0, masses, 1.0)[:, None].astype(y.dtype)


@dataclass(frozen=True)
class Result:
    """The answer of a divergence or of a transport problem.

    `value`: squared for the W₂ family. `status`: `closed` (a formula), `optimal` (an exact plan, at most `gap` above the least value),
    `converged` or `stopped`. `gradient`: of the value with respect to x, n × d. `plan` and `potentials` (u over x, v over y) where there
    are such. `diagnostics`: named numbers, as the bandwidth or ε that was used. `float(result)` is its value; it can be pickled.

    >>> float(Result(value=2.0, status="closed"))
    2.0
    """

    value: float
    status: str
    gap: float | None = None
    iterations: int = 0
    gradient: np.ndarray | None = None
    gradient_labels: np.ndarray | None = None
    plan: Plan | None = None
    potentials: Potentials | None = None
    diagnostics: dict[str, float] = field(default_factory=dict)

    def __float__(self) -> float:
        return self.value


def result(found: dict[str, Any]) -> Result:
    """From what the extension module gives."""
    plan = found.get("plan")
    return Result(
        value=found["value"],
        status=found["status"],
        gap=found.get("gap"),
        iterations=found.get("iterations", 0),
        gradient=found.get("gradient"),
        gradient_labels=found.get("gradient_labels"),
        plan=None if plan is None else Plan(*plan),
        potentials=found.get("potentials"),
        diagnostics=dict(found.get("diagnostics", ())),
    )
