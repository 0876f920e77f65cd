#!/usr/bin/env python3
"""Values of a group norm by its definition (Wu & He 2018) in f64, that the test in crates/kd2m-cpu/tests/group_norm.rs is held against.

Both sides make the same numbers from a formula, so that only results are stored. Needs nothing but Python; where torch is installed,
its GroupNorm is compared too.   Run: python scripts/golden/group_norm.py
"""

import math
import sys

# Before anything is computed.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

N, CHANNELS, HEIGHT, WIDTH, GROUPS, EPS = 2, 6, 1, 2, 3, 1e-3
PLACES = HEIGHT * WIDTH
EACH = CHANNELS // GROUPS * PLACES

# Far from zero in the second sample.
x = [math.sin(0.7 + 1.3 * i) + (5.0 if i >= CHANNELS * PLACES else 0.0) for i in range(N * CHANNELS * PLACES)]
dy = [math.cos(0.4 + 2.1 * i) for i in range(len(x))]
gamma = [1.0 + 0.5 * math.sin(i) for i in range(CHANNELS)]
beta = [0.3 * math.cos(i) for i in range(CHANNELS)]

y, to_gamma, to_beta = [], [0.0] * CHANNELS, [0.0] * CHANNELS
for start in range(0, len(x), EACH):
    row = x[start : start + EACH]
    mean = math.fsum(row) / EACH
    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in row) / EACH + EPS)
    for i, v in enumerate(row, start):
        channel = i // PLACES % CHANNELS
        z = (v - mean) / deviation
        y.append(gamma[channel] * z + beta[channel])
        to_gamma[channel] += dy[i] * z
        to_beta[channel] += dy[i]

for name, values in [("y", y), ("to gamma", to_gamma), ("to beta", to_beta)]:
    print(name, ", ".join(f"{v:.9f}" for v in values))

try:
    import torch
except ImportError:
    sys.exit()

norm = torch.nn.GroupNorm(GROUPS, CHANNELS, EPS, dtype=torch.float64)
norm.load_state_dict({"weight": torch.tensor(gamma).double(), "bias": torch.tensor(beta).double()})
found = norm(torch.tensor(x, dtype=torch.float64).reshape(N, CHANNELS, HEIGHT, WIDTH)).flatten().tolist()
print("torch differs by", max(abs(a - b) for a, b in zip(found, y)))
