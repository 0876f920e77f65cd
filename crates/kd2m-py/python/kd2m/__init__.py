"""Exact optimal transport, and every divergence of feature distillation with its gradient.

>>> import numpy as np, kd2m
>>> x = np.array([[0.0, 0.0], [1.0, 0.0]])
>>> y = np.array([[1.0, 0.0], [0.0, 1.0]])
>>> kd2m.w2(x, y).value
0.5
>>> kd2m.linear_sum_assignment([[4.0, 1.0, 3.0], [2.0, 0.0, 5.0]])
(array([0, 1]), array([1, 0]))

Features are n × d arrays of float32 or float64, one row a sample; other numbers are taken as float64. Values of the W₂ family are
squared. Every function releases the interpreter's lock, and Ctrl-C ends a long one within a tenth of a second.
"""

from __future__ import annotations

from . import batch
from ._divergence import bounds, distance, frechet, kid, w1, w2
from ._explain import Barycentric, Explanation, PermutationTest, explain, permutation_test
from ._kd2m import Kd2mError
from ._lists import criteria, metrics
from ._result import Plan, Result
from ._run import load_run
from ._transport import emd, emd2, linear_sum_assignment, solve, solve_sample

__version__ = "0.1.0"

__all__ = [
    "Barycentric",
    "Explanation",
    "Kd2mError",
    "PermutationTest",
    "Plan",
    "Result",
    "batch",
    "bounds",
    "criteria",
    "distance",
    "emd",
    "emd2",
    "explain",
    "frechet",
    "kid",
    "linear_sum_assignment",
    "load_run",
    "metrics",
    "permutation_test",
    "solve",
    "solve_sample",
    "w1",
    "w2",
]
