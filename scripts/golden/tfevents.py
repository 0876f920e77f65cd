#!/usr/bin/env python3
"""TensorBoard event files against TensorBoard's own code (package `tensorboard`; TensorFlow is not needed).

Without arguments: the bytes that crates/kd2m/src/train/observer/tensorboard.rs tests against, from TensorBoard's writer and protobuf.
With a run folder: every event file in it is read by TensorBoard's reader and compared with the metrics.jsonl beside it.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import io
import json
import math
import pathlib

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter


def golden():
    memory = io.BytesIO()
    writer = RecordWriter(memory)
    writer.write(event_pb2.Event(wall_time=1000.0, file_version="brain.Event:2").SerializeToString())
    value = summary_pb2.Summary.Value(tag="val/accuracy", simple_value=75.0)
    event = event_pb2.Event(wall_time=1001.5, step=300, summary=summary_pb2.Summary(value=[value]))
    writer.write(event.SerializeToString())
    print(memory.getvalue().hex())


def check(run):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    files = sorted(pathlib.Path(run).rglob("*tfevents*"))
    assert files, f"no event file below {run}"
    for file in files:
        lines = [json.loads(line) for line in (file.parent / "metrics.jsonl").read_text().splitlines()]
        events = EventAccumulator(str(file.parent), size_guidance={"scalars": 0, "tensors": 0})
        events.Reload()
        for tag, pick in [
            ("lr", lambda r: r["lr"]),
            ("train/loss", lambda r: r["train"]["loss"]),
            ("val/accuracy", lambda r: r["val"]["accuracy"]),
            ("val/ce", lambda r: r["val"]["ce"]),
        ]:
            found = events.Scalars(tag)
            assert [s.step for s in found] == [r["epoch"] for r in lines], (file, tag)
            assert all(math.isclose(s.value, pick(r), rel_tol=1e-6) for s, r in zip(found, lines)), (file, tag)
        print(f"{file}: {len(lines)} epochs, {len(events.Tags()['scalars'])} series, as in metrics.jsonl")


check(sys.argv[1]) if len(sys.argv) > 1 else golden()
