"""The notebook's cells run from the first to the last, with fewer steps and seeds than it has.

    python crates/kd2m-py/tests/test_notebook.py --whole      as it is, some minutes
"""

import contextlib
import io
import json
import re
import sys
import unittest
from pathlib import Path

NOTEBOOK = Path(__file__).resolve().parents[3] / "docs" / "notebooks" / "distil.ipynb"
# What is written in it, and what takes its place here.
FEWER = [(", 200", ", 12"), ("range(3)", "range(2)"), ("permutations=99", "permutations=9")]


def cells() -> list[str]:
    found = json.loads(NOTEBOOK.read_text())["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]


def run(codes: list[str]) -> str:
    """What they print, in one namespace."""
    printed, known = io.StringIO(), {}
    with contextlib.redirect_stdout(printed):
        for code in codes:
            exec(compile(code, NOTEBOOK.name, "exec"), known)
    return printed.getvalue()


class Notebook(unittest.TestCase):
    def setUp(self):
        try:
            import ot
            import sklearn
            import torch  # noqa: F401
        except ImportError as missing:
            self.skipTest(str(missing))
        if not NOTEBOOK.is_file():
            self.skipTest("the repository is not here")

    def test_its_cells_run(self):
        codes = cells()
        for whole, part in FEWER:
            self.assertTrue(any(whole in code for code in codes), f"{whole} is not there to make less of")
            codes = [code.replace(whole, part) for code in codes]
        told = run(codes)
        for line in (r"teacher: [\d.]+ %", r"no teacher +[\d.]+ ±", r"its classifier +[\d.]+ ±", r"w2 by kd2m +[\d.]+ ±", r"w2 by POT +[\d.]+ ±", r"W2 squared [\d.]+;",
                     r"its class: (0\.\d\d|1\.00)", r"equality: (0\.[\d]+|1\.0)"):
            self.assertRegex(told, line)
        # The two distances are one number, so that the students differ by rounding alone.
        ours, theirs = (float(re.search(rf"{who} +([\d.]+) ±", told)[1]) for who in ("w2 by kd2m", "w2 by POT"))
        self.assertAlmostEqual(ours, theirs, delta=3)


if __name__ == "__main__":
    if "--whole" in sys.argv:
        print(run(cells()), end="")
    else:
        unittest.main()
