#!/usr/bin/env python3
"""Writes crates/kd2m-data/tests/parquet/: small image sets in the layouts that Hugging Face's `datasets` writes, which
crates/kd2m-data/tests/parquet.rs reads.

    python scripts/make_parquet_fixtures.py

Image i of a file is grey in colour: red i, green 10 i, blue 255 - i, on 6 rows of 8 pixels. Needs pyarrow, pillow; made with pyarrow 26.0.1.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

FOLDER = Path(__file__).resolve().parent.parent / "crates/kd2m-data/tests/parquet"
STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def image(i, size=(8, 6)):
    out = io.BytesIO()
    Image.new("RGB", size, (i, 10 * i, 255 - i)).save(out, "PNG")
    return out.getvalue()


def described(features):
    return {"huggingface": json.dumps({"info": {"features": features}})}


def names(*all):
    return {"names": list(all), "_type": "ClassLabel"}


def write(name, columns, metadata=None, **options):
    """columns: name -> (type, values)."""
    schema = pa.schema([(key, kind) for key, (kind, _) in columns.items()], metadata=metadata)
    table = pa.table({key: values for key, (_, values) in columns.items()}, schema=schema)
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **options)


def structs(numbers, size=(8, 6)):
    return (STRUCT, [{"bytes": image(i, size), "path": f"{i}.png"} for i in numbers])


features = {"image": {"_type": "Image"}, "label": names("cat", "dog", "owl")}
write("parted/data/train-00000-of-00002.parquet", {"image": structs(range(5)), "label": (pa.int64(), [0, 1, 2, 0, 1])}, described(features), row_group_size=2)
write("parted/data/train-00001-of-00002.parquet", {"image": structs(range(5, 8)), "label": (pa.int64(), [2, 0, 1])}, described(features))
write("parted/data/validation-00000-of-00001.parquet", {"image": structs(range(8, 10)), "label": (pa.int64(), [2, 1])}, described(features))
write("parted/data/test-00000-of-00001.parquet", {"image": structs(range(10, 12)), "label": (pa.int64(), [0, 2])}, described(features))

# CIFAR-100 on the hub: `img`, and two columns of classes.
fine = {"img": {"_type": "Image"}, "fine_label": names("apple", "bear"), "coarse_label": names("plant")}
write("fine.parquet", {"img": structs(range(10)), "fine_label": (pa.int64(), [0, 1] * 5), "coarse_label": (pa.int64(), [0] * 10)}, described(fine), compression="none")

# Without a word on classes: bytes alone, small whole numbers, gzip.
write("plain.parquet", {"id": (pa.string(), list("abcdefgh")), "image": (pa.binary(), [image(i) for i in range(8)]), "labels": (pa.int16(), [3, 1] * 4)}, compression="gzip")

# Names as text.
write("words.parquet", {"label": (pa.string(), ["owl", "cat"] * 3), "image": structs(range(6))})

# Three of ten images are none: cut off, null, text.
some = structs(range(10))[1]
some[2]["bytes"], some[5], some[8]["bytes"] = some[2]["bytes"][:40], None, b"no image"
write("broken.parquet", {"image": (STRUCT, some), "label": (pa.int64(), [0, 1] * 5)}, described({"image": {"_type": "Image"}, "label": names("cat", "dog")}))
# A class of which nothing is left, by number and by word.
lost = structs(range(5))[1]
lost[4] = None
write("lost.parquet", {"image": (STRUCT, lost), "label": (pa.int64(), [0, 1, 0, 1, 2])}, described(features))
write("lost-word.parquet", {"image": (STRUCT, lost), "label": (pa.string(), ["owl", "cat", "owl", "cat", "dog"])})

# What cannot be used.
write("bad/zstd.parquet", {"image": structs(range(2)), "label": (pa.int64(), [0, 1])}, compression="zstd")
write("bad/no-image.parquet", {"text": (pa.string(), ["a", "b"]), "label": (pa.int64(), [0, 1])})
write("bad/no-label.parquet", {"image": structs(range(2))})
write("bad/null.parquet", {"image": (STRUCT, [{"bytes": image(1), "path": "1.png"}, None]), "label": (pa.int64(), [0, 1])})
write("bad/sizes.parquet", {"image": (STRUCT, structs([1])[1] + structs([2], (9, 6))[1]), "label": (pa.int64(), [0, 1])})
write("bad/label.parquet", {"image": structs(range(2)), "label": (pa.int64(), [0, 7])}, described(features))
write("secret/train-00000.parquet", {"image": structs(range(6)), "label": (pa.int64(), [0, 1, 2] * 2)}, described(features))
write("secret/validation-00000.parquet", {"image": structs(range(6, 8)), "label": (pa.int64(), [0, 1])}, described(features))
write("secret/test-00000.parquet", {"image": structs(range(8, 10)), "label": (pa.int64(), [-1, -1])}, described(features))
for path in sorted(FOLDER.rglob("*.parquet")):
    print(path.relative_to(FOLDER), path.stat().st_size)
