"""The extension module: arrays of float32 or float64 in, dictionaries out. `tests/test_numpy.py` holds these names to its own."""

from typing import Any

import numpy as np

class Kd2mError(ValueError): ...

class Criterion:
    def __new__(cls, name: str, options: list[tuple[str, str]], on: str, memory: int) -> Criterion: ...
    def reads(self) -> tuple[bool, bool, bool, bool, list[str], list[str]]: ...
    def init(
        self,
        student: list[tuple[str, list[int]]],
        teacher: list[tuple[str, list[int]]],
        classes: int | None,
        train: list[int],
        seed: int,
    ) -> list[tuple[str, list[int], np.ndarray]]: ...
    def evaluate(
        self,
        student: list[tuple[str, np.ndarray]],
        teacher: list[tuple[str, np.ndarray]],
        labels: np.ndarray | None,
        labels_teacher: np.ndarray | None,
        indices: np.ndarray | None,
        learned: list[tuple[str, np.ndarray]],
        step: int,
        seed: int,
        train: bool,
        gradient: bool,
    ) -> dict[str, Any]: ...
    def state(self) -> list[tuple[str, list[int], np.ndarray]]: ...
    def load_state(self, state: list[tuple[str, np.ndarray]]) -> None: ...

def evaluate(
    metric: str,
    options: list[tuple[str, str]],
    a: np.ndarray,
    b: np.ndarray,
    labels_a: np.ndarray | None = None,
    labels_b: np.ndarray | None = None,
    weights_a: np.ndarray | None = None,
    weights_b: np.ndarray | None = None,
    gradient: bool = False,
    plan: bool = False,
    start: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, Any]: ...
def metrics() -> list[tuple[str, list[str], str, str, str, str, list[list[str]]]]: ...
def criteria() -> list[tuple[str, list[str], str, str, str, str, float | None, list[list[str]]]]: ...
def assignment(cost: np.ndarray, maximize: bool = False) -> tuple[np.ndarray, np.ndarray]: ...
def assignment_batch(cost: np.ndarray, maximize: bool = False) -> tuple[np.ndarray, np.ndarray]: ...
def transport(
    cost: np.ndarray,
    a: np.ndarray | None = None,
    b: np.ndarray | None = None,
    start: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, Any]: ...
def w2_batch(x: np.ndarray, y: np.ndarray, gradient: bool = False) -> tuple[np.ndarray, np.ndarray | None]: ...
