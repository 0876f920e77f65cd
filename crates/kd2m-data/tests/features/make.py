"""Writes the fixtures beside it with the formats' own libraries: python make.py (NumPy 2.4, safetensors 0.8)."""

import io
import zipfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

here = Path(__file__).parent
x = (np.arange(12).reshape(3, 4) / 8 - 0.5).astype(np.float32)
np.save(here / "f32.npy", x)
np.save(here / "f64-fortran.npy", np.asfortranarray(x.astype(np.float64)))
np.save(here / "f64-big-endian.npy", x.astype(">f8"))
np.save(here / "f16.npy", x.astype(np.float16))
np.savez(here / "two.npz", train=x, labels=np.array([7, 0, 2], np.int64))
np.savez_compressed(here / "one-deflated.npz", x)
np.save(here / "labels-u8.npy", np.array([[7], [0], [2]], np.uint8))
np.save(here / "labels-float.npy", np.array([7, 0, 2], np.float32))
np.save(here / "objects.npy", np.array([{}, None], object))
np.save(here / "integers.npy", np.arange(6).reshape(2, 3))
save_file({"student.features": x, "weights": np.array([0.25, 0.5, 0.25])}, here / "two.safetensors")

# As zip programs pack archives again; np.load reads both.
for name, method in (("bzip2.npz", zipfile.ZIP_BZIP2), ("lzma.npz", zipfile.ZIP_LZMA)):
    array = io.BytesIO()
    np.save(array, x)
    with zipfile.ZipFile(here / name, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo("a.npy"), array.getvalue(), method)
