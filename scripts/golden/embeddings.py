#!/usr/bin/env python3
"""Values that crates/kd2m/src/report/embedding tests against: scikit-learn's t-SNE probabilities and umap-learn's graph.

Needs numpy, scipy, scikit-learn and umap-learn.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn.manifold._t_sne import _joint_probabilities
from umap.umap_ import find_ab_params, fuzzy_simplicial_set


def clusters(each):
    i, j = np.arange(3 * each)[:, None], np.arange(5)[None, :]
    return (np.where(i % 3 == j, 8.0, 0.0) + np.sin((i * 31 + j * 57 + i * j) * 0.73)).astype(np.float32)


x = clusters(10).astype(np.float64)
distances = squareform(pdist(x))
p = squareform(_joint_probabilities(distances**2, 5.0, 0))
pairs = [(0, 3), (0, 6), (0, 9), (1, 4), (2, 29), (5, 8), (10, 13), (27, 3)]
print("t-SNE:", [(i, j, float(p[i, j])) for i, j in pairs])
graph, *_ = fuzzy_simplicial_set(distances, 6, np.random.RandomState(0), "precomputed")
graph = graph.toarray()
found = [(i, j) for i, j in zip(*np.nonzero(graph)) if i < j][::9][:10] + [(0, 1)]
print("UMAP:", [(int(i), int(j), float(graph[i, j])) for i, j in found])
print("a, b:", find_ab_params(1.0, 0.1))
