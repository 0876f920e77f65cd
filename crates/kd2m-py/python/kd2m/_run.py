"""Run folders of the program as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

    import pandas


def load_run(path: str | PathLike[str]) -> tuple[pandas.DataFrame, pandas.DataFrame]:
    """A run folder as two `pandas.DataFrame`s: students (one row an arm and seed) and epochs (one row an arm, seed and epoch).

    Columns of epochs are the fields of `metrics.jsonl`, nested ones joined by dots (`train.loss`, `train.terms.w2.raw`); the teacher's
    have the arm `teacher`. Needs pandas. Raises `ValueError` for a folder that is no run folder.

    >>> load_run("no/such/folder")
    Traceback (most recent call last):
    ValueError: no/such/folder is no run folder: it has no config.toml of kd2m
    """
    # Where it is used: `import kd2m` is to cost little beyond NumPy.
    import json
    from pathlib import Path

    folder = Path(path)
    if not (folder / "config.toml").is_file():
        raise ValueError(f"{folder} is no run folder: it has no config.toml of kd2m")
    import pandas

    students, epochs = [], []
    places = [(folder / "teacher", "teacher", 0)]
    for seed_folder in sorted(folder.glob("students/*/seed-*")):
        arm, seed = seed_folder.parent.name, int(seed_folder.name.removeprefix("seed-"))
        places.append((seed_folder, arm, seed))
        summary = seed_folder / "summary.json"
        if summary.is_file():
            students.append({"arm": arm, "seed": seed, **_flat(json.loads(summary.read_text()))})
    for place, arm, seed in places:
        log = place / "metrics.jsonl"
        if log.is_file():
            lines = [line for line in log.read_text().splitlines() if line]
            epochs += [{"arm": arm, "seed": seed, **_flat(json.loads(line))} for line in lines]
    return pandas.DataFrame(students), pandas.DataFrame(epochs)


def _flat(value: dict[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, dict):
            flat |= _flat(inner, f"{before}{key}.")
        else:
            flat[before + key] = inner
    return flat
