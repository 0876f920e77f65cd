#!/usr/bin/env python3
"""Two sides of a comparison, each in a process of its own that stands still (SIGSTOP) while the other one runs.

OpenBLAS's and OpenMP's threads spin for some milliseconds after their work and take a core from whoever comes next: in one process
each side pays for the other's threads. Here a side is measured in blocks, after a warm-up of its own, and the blocks take turns.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import atexit
import ctypes
import multiprocessing
import os
import signal
import statistics
import time
import traceback

BLOCKS, WARM_UP, BLOCK = 5, 0.01, 0.1


class Side:
    """`make(*arguments)` is called in the new process. What it returns is called with each problem and gives the problem's rows:
    `{row: {name: [(run, value), …]}}`, one entry a seed, where `value(run())` is the number that both sides must agree on."""

    def __init__(self, make, *arguments):
        context = multiprocessing.get_context("spawn")
        self.pipe, there = context.Pipe()
        self.process = context.Process(target=_serve, args=(there, make, arguments), daemon=True)
        self.process.start()
        atexit.register(self.process.kill)
        self._answer()

    def prepare(self, *problem):
        """Makes a problem's runs; their values as `{row: {name: [value, …]}}`."""
        return self._ask(("prepare", *problem))

    def block(self, row, name):
        """Seconds of one block of runs, a list a seed."""
        return self._ask(("time", row, name))

    def _ask(self, question):
        os.kill(self.process.pid, signal.SIGCONT)
        self.pipe.send(question)
        return self._answer()

    def _answer(self):
        good, answer = self.pipe.recv()
        os.kill(self.process.pid, signal.SIGSTOP)
        if not good:
            raise SystemExit(answer)
        return answer


def compare(row, *runs):
    """Median seconds a seed of each `(side, name)`, in turns by blocks."""
    times = [None] * len(runs)
    for _ in range(BLOCKS):
        for k, (side, name) in enumerate(runs):
            block = side.block(row, name)
            times[k] = block if times[k] is None else [a + b for a, b in zip(times[k], block)]
    return [[statistics.median(spent) for spent in of_run] for of_run in times]


def show(row, n, spent, peers):
    """A line of the table: our seconds, a list of seeds, and each peer's; the best peer of each seed counts."""
    names = [min(peers, key=lambda name: peers[name][seed]) for seed in range(len(spent))]
    best = [peers[name][seed] for seed, name in enumerate(names)]
    listed = lambda seconds: " / ".join(f"{1e3 * s:.3f}" for s in seconds)
    ratios = " / ".join(f"{b / o:.1f}" for b, o in zip(best, spent))
    return f"| {row} | {n} | {listed(best)} ({statistics.mode(names)}) | {listed(spent)} | {ratios} |"


def _serve(pipe, make, arguments):
    # The kernel ends this process with its parent: a process that stands still could not notice.
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    try:
        prepare, rows = make(*arguments), {}
        pipe.send((True, None))
        while True:
            question = pipe.recv()
            if question[0] == "prepare":
                rows = prepare(*question[1:])
                value = lambda runs: [value(run()) for run, value in runs]
                pipe.send((True, {row: {name: value(runs) for name, runs in of.items()} for row, of in rows.items()}))
            else:
                pipe.send((True, _time([run for run, _ in rows[question[1]][question[2]]])))
    except EOFError:
        pass
    except BaseException:
        pipe.send((False, traceback.format_exc()))


def _time(runs):
    begin = time.perf_counter()
    while True:
        for run in runs:
            run()
        if time.perf_counter() - begin >= WARM_UP:
            break
    times, begin = [[] for _ in runs], time.perf_counter()
    while True:
        # Seed after seed: the same problem again and again runs up to twice as fast as it does in a training loop.
        for spent, run in zip(times, runs):
            start = time.perf_counter()
            run()
            spent.append(time.perf_counter() - start)
        if time.perf_counter() - begin >= BLOCK:
            return times
