"""Many problems in one call: threads are shared over the problems."""

from __future__ import annotations

from typing import Any, Literal, overload

import numpy as np

from . import _kd2m
from ._transport import _costs


def linear_sum_assignment(C: Any, maximize: bool = False) -> tuple[Any, Any]:
    """Assignments of C[b] (B × n × m): rows and columns, B × min(n, m) each. A list of matrices of any sizes gives two lists.

    Raises `Kd2mError` for a cost that is NaN or infinite and for anything but B × n × m.

    >>> import numpy as np
    >>> rows, columns = linear_sum_assignment(np.array([[[1.0, 2.0], [3.0, 5.0]], [[1.0, 2.0], [3.0, 3.0]]]))
    >>> columns
    array([[1, 0],
           [0, 1]])
    """
    if isinstance(C, (list, tuple)):
        found = [_kd2m.assignment(_costs(c), maximize) for c in C]
        return [rows for rows, _ in found], [columns for _, columns in found]
    C = _costs(C)
    rows, columns = _kd2m.assignment_batch(C, maximize)
    shape = (C.shape[0], min(C.shape[1:]))
    return rows.reshape(shape), columns.reshape(shape)


@overload
def w2(X: Any, Y: Any, *, gradient: Literal[False] = False) -> np.ndarray: ...
@overload
def w2(X: Any, Y: Any, *, gradient: Literal[True]) -> tuple[np.ndarray, Any]: ...
def w2(X: Any, Y: Any, *, gradient: bool = False) -> np.ndarray | tuple[np.ndarray, Any]:
    """W₂² of X[b] and Y[b] for every b: B values; with `gradient` also those with respect to X, B × n × d.

    X is B × n × d, Y is B × m × d; values are in squared units of the features. Lists of n_b × d and m_b × d arrays of any sizes are
    taken too; their gradients are a list. Raises `Kd2mError` where B or d differ or a number is not finite.

    >>> import numpy as np
    >>> w2(np.zeros((3, 4, 2)), np.ones((3, 5, 2)))
    array([2., 2., 2.])
    """
    if isinstance(X, (list, tuple)):
        from ._divergence import w2 as one

        found = [one(x, y, gradient=gradient) for x, y in zip(X, Y, strict=True)]
        values = np.array([f.value for f in found])
        return (values, [f.gradient for f in found]) if gradient else values
    X, Y = np.asarray(X), np.asarray(Y)
    if not (X.dtype == Y.dtype and X.dtype in (np.float32, np.float64)):
        X, Y = X.astype(np.float64), Y.astype(np.float64)
    values, gradients = _kd2m.w2_batch(X, Y, gradient)
    return (values, gradients) if gradient else values
