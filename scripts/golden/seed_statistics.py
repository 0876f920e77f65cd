#!/usr/bin/env python3
"""Figures of scipy and statsmodels that crates/kd2m/src/train/statistics.rs is held against.

Needs: pip install scipy statsmodels.   Run: python scripts/golden/seed_statistics.py
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import scipy
import scipy.stats
import statsmodels
from statsmodels.stats.multitest import multipletests

print("scipy", scipy.__version__, "statsmodels", statsmodels.__version__)
for a, b in [
    ([3, 4, 6, 9], [1, 3, 4, 5]),
    ([93.1, 94.4, 92.8, 93.9, 94.7, 93.3, 94.0, 93.6, 92.9, 94.2], [91.9, 92.5, 91.7, 92.6, 92.8, 92.2, 92.1, 92.7, 91.6, 92.4]),
]:
    found = scipy.stats.ttest_rel(a, b)
    interval = found.confidence_interval(0.95)
    print("paired: p", repr(float(found.pvalue)), "half width", repr(float(interval.high - interval.low) / 2))
p = [0.01, 0.04, 0.03, 0.005, 0.6, 0.005, 0.9, 0.0004]
print("holm:", [repr(float(x)) for x in multipletests(p, method="holm")[1]])
