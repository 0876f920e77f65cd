"""Arguments as the arrays that the extension module takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

_FLOATS = (np.float32, np.float64)


def features(x: ArrayLike, name: str = "x") -> np.ndarray:
    """n × d of float32 or float64; anything else as float64."""
    x = np.asarray(x)
    if x.dtype not in _FLOATS:
        x = x.astype(np.float32 if x.dtype == np.float16 else np.float64)
    if x.ndim != 2:
        raise ValueError(f"{name} has {x.ndim} dimensions, features are n × d: x.reshape(len(x), -1) makes one row a sample")
    return x


def pair(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both sides in one precision: where one is float64, both are."""
    x, y = features(x, "x"), features(y, "y")
    if x.dtype != y.dtype:
        x, y = x.astype(np.float64, copy=False), y.astype(np.float64, copy=False)
    return x, y


def weights(w: ArrayLike | None) -> np.ndarray | None:
    """n numbers, or None for uniform ones; an empty list is None, as POT has it."""
    if w is None:
        return None
    w = np.asarray(w, dtype=np.float64)
    return None if w.size == 0 else w


def labels(y: ArrayLike | None, dtype: DTypeLike, name: str) -> np.ndarray | None:
    """n classes, or n × C distributions over them in the features' precision."""
    if y is None:
        return None
    y = np.asarray(y)
    if y.ndim == 2:
        return y.astype(dtype, copy=False)
    return whole(y, f"{name} are classes")


def whole(y: ArrayLike, what: str) -> np.ndarray:
    """n whole numbers from 0; `what` begins the sentence about others."""
    y = np.asarray(y)
    if y.ndim != 1 or y.size and (y.min() < 0 or np.any(y != np.floor(y))):
        raise ValueError(f"{what}: one whole number from 0 a sample")
    return y.astype(np.uint32)


def words(options: dict[str, Any]) -> list[tuple[str, str]]:
    """Options as a configuration has them: true and false, lists joined by commas."""

    def word(value: Any) -> str:
        if isinstance(value, (list, tuple)):
            return ",".join(map(word, value))
        return str(value).lower() if isinstance(value, bool) else str(value)

    return [(name, word(value)) for name, value in options.items()]
