#!/usr/bin/env python3
"""How well do distances and bounds predict what a student loses? Rank correlations over all students of run folders.

    scripts/theory_experiment.py --kd2m target/release/kd2m RUN... --csv docs/results/theory/digits.csv

Every student of the run folders is measured by `kd2m bound --json`. For each distance or bound the script prints Spearman's rank
correlation with the student's loss against its teacher (wrong answers, cross entropy): over all students, and within criteria,
where only the weight and the seed differ. Intervals are 95 % bootstrap intervals over criteria, whose students are not independent.
Needs numpy alone. With --csv FILE the measured terms are written too; with --from FILE they are read instead of measured. With --means the
means over seeds of each arm are printed in place of correlations: what the way through the teacher's head proves, and what it is made of.
"""

import argparse
import csv
import json
import re
import subprocess
import sys

TERMS = {
    "mmd-linear": "mmd-linear",
    "gaussian-w2": "gaussian-w2",
    "w2": "w2",
    "w1": "w1",
    "cw1": "class w1, priors",
    "cw2": "cw2, priors",
    "mse": "mse (paired)",
    "lambda_student": "Λ of the student's head",
    "bound": "bound on R(student)",
}
LOSSES = {"wrong": "wrong answers", "ce": "cross entropy"}
# Of the way through the teacher's head, and of the student itself.
WAY = {"transfer": "transfer", "mismatch": "mismatch", "bound": "R(student) ≤"}
MEANS = {"wrong_student": "wrong %", "ce_student": "R(student)", "w2": "w2", "crossed": "ε", "cw2": "cw2, priors"} | {f"head_{key}": name for key, name in WAY.items()}


def measure(kd2m, folder, split, extra):
    command = [kd2m, "bound", folder, "--split", split, "--json", *extra]
    answers = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    rows = []
    for answer in answers:
        terms = dict(answer["terms"])
        for chain in answer["chains"]:
            if chain["title"] == "squared distances":
                terms |= {term["name"]: term["upper"] for term in chain["terms"]}
        criterion = re.sub(r"-x[0-9.e-]+$", "", answer["arm"])
        row = {"criterion": criterion, "arm": answer["arm"], "seed": answer["seed"]}
        row["wrong"] = 100 * (answer["student"]["zero_one"] - answer["teacher"]["zero_one"])
        row["ce"] = answer["student"]["cross_entropy"] - answer["teacher"]["cross_entropy"]
        row |= {key: terms.get(key) for key in TERMS}
        row |= {"wrong_student": 100 * answer["student"]["zero_one"], "ce_student": answer["student"]["cross_entropy"]}
        way = next((way for way in answer["ways"] if way["by"] == "teacher's head"), {})
        row |= {f"head_{key}": way.get(key) for key in WAY} | {"crossed": terms.get("crossed")}
        rows.append(row)
    return rows


def ranks(x):
    _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]  # Ties share their mean rank.


def correlation(x, y):
    x, y = x - x.mean(), y - y.mean()
    scale = np.sqrt((x * x).sum() * (y * y).sum())
    return float((x * y).sum() / scale) if scale > 0 else float("nan")


def over_all(groups, term, loss):
    rows = [row for group in groups for row in group]
    return correlation(ranks(np.array([r[term] for r in rows])), ranks(np.array([r[loss] for r in rows])))


def within(groups, term, loss):
    """Mean over criteria of the rank correlation among their own students."""
    each = [over_all([group], term, loss) for group in groups if len(group) > 3]
    each = [value for value in each if np.isfinite(value)]
    return float(np.mean(each)) if each else float("nan")


def interval(groups, statistic, repeats=2000):
    random = np.random.default_rng(0)
    values = [statistic([groups[k] for k in random.integers(0, len(groups), len(groups))]) for _ in range(repeats)]
    return np.nanpercentile(values, [2.5, 97.5])


def cell(groups, statistic):
    low, high = interval(groups, statistic)
    return f"{statistic(groups):+.2f} ({low:+.2f} … {high:+.2f})"


def table(rows):
    groups = {}
    for row in rows:
        groups.setdefault(row["criterion"], []).append(row)
    groups = list(groups.values())
    print(f"{len(rows)} students of {len(groups)} criteria.\n")
    print("| | " + " | ".join(f"{name}, all | {name}, within a criterion" for name in LOSSES.values()) + " |")
    print("|---|" + "---|" * 2 * len(LOSSES))
    for term, name in TERMS.items():
        if any(row[term] is None for row in rows):
            continue
        cells = []
        for loss in LOSSES:
            cells.append(cell(groups, lambda g, t=term, l=loss: over_all(g, t, l)))
            cells.append(cell(groups, lambda g, t=term, l=loss: within(g, t, l)))
        print(f"| {name} | " + " | ".join(cells) + " |")
    vacuous = np.array([row["bound"] for row in rows])
    print(f"\nBound on R(student), least / median: {vacuous.min():.1f} / {np.median(vacuous):.1f}")


def means(rows):
    arms = {}
    for row in rows:
        arms.setdefault(row["arm"], []).append(row)
    print("| arm | " + " | ".join(MEANS.values()) + " |")
    print("|---|" + "--:|" * len(MEANS))
    for arm, own in arms.items():
        known = lambda key: [row[key] for row in own if row.get(key) is not None]
        cells = [f"{sum(known(key)) / len(known(key)):.2f}" if known(key) else "–" for key in MEANS]
        print(f"| {arm} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", help="run folders, e.g. OUT/select/CELL of a grid")
    parser.add_argument("--kd2m", default="target/release/kd2m")
    parser.add_argument("--split", default="test", choices=["val", "test"])
    parser.add_argument("--data-root")
    parser.add_argument("--worst", type=float, default=50.0, help="students that lose more points than this are left out: they diverged")
    parser.add_argument("--means", action="store_true", help="means of each arm in place of correlations")
    parser.add_argument("--csv")
    parser.add_argument("--from", dest="source")
    given = parser.parse_args()
    if not given.means:
        # After --help, which needs none of them.
        global np
        import numpy as np

    extra = ["--data-root", given.data_root] if given.data_root else []
    rows = []
    if given.source:
        with open(given.source, newline="") as file:
            text = {"criterion", "arm", "seed"}
            read = lambda key, value: value if key in text else (float(value) if value else None)
            rows = [{key: read(key, value) for key, value in row.items()} for row in csv.DictReader(file)]
    for run in given.runs:
        rows += measure(given.kd2m, run, given.split, extra)
    if given.csv:
        with open(given.csv, "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows({k: f"{v:.6g}" if isinstance(v, float) else v for k, v in row.items()} for row in rows)
    if given.means:
        return means(rows)
    kept = [row for row in rows if row["wrong"] <= given.worst]
    if len(kept) < len(rows):
        print(f"{len(rows) - len(kept)} students that lose more than {given.worst:.0f} points left out: they diverged.\n")
    if not kept:
        sys.exit("no students to compare")
    table(kept)


if __name__ == "__main__":
    main()
