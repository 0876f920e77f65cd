#!/usr/bin/env python3
"""All distances against their peers in one table: exact plans, sliced, MMD, energy, Bures, Fréchet, Sinkhorn.

Two threads, OPENBLAS_* unset, both sides in turns, each in its own process; ratio = best peer / ours.
Needs: pip install numpy scipy torch torchvision lapx laprust POT geomloss pytorch-fid, and `cargo build --release -p kd2m-ot --examples`.
Run: scripts/compare-peers distances [--libraries target/release/examples] [--parts exact,closed,entropic] [--sizes 128,256] [--out FILE]
"""

import os

for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)
os.environ.update(OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2", RAYON_NUM_THREADS="2")

import argparse
import importlib
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PARTS = {"exact": "libbridge.so", "closed": "libbridge_closed.so", "entropic": "libbridge_entropic.so"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--libraries", type=pathlib.Path, default=ROOT / "target/release/examples")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--sizes", help="in place of each part's own")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    sizes = [list(map(int, options.sizes.split(",")))] if options.sizes else []
    lines = ["| problem | n | best peer, ms (which) | ours, ms | ratio |", "|---|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    for part in options.parts.split(","):
        for line in importlib.import_module(part).rows(os.fspath(options.libraries / PARTS[part]), *sizes):
            print(line, flush=True)
            lines.append(line)
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
