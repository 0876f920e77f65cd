#!/usr/bin/env python3
"""Writes crates/kd2m-data/tests/images/: one picture in every kind of file that torchvision's ImageFolder reads, what Pillow, so
torchvision, reads in it, and which cuts and changed bytes Pillow refuses. crates/kd2m-data/tests/images.rs reads them.

    python scripts/make_image_fixtures.py

NAME is the file, NAME.rgb the pixels [h, w, 3] that Pillow reads. cuts.csv has `name,bytes,read|refused` for the first bytes of a
file; changes.csv has `name,offset,value` for changes of one byte after which Pillow begins and does not end. Needs numpy, pillow.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import io
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).resolve().parent.parent / "crates/kd2m-data/tests/images"


def smooth(size):
    y, x = np.mgrid[:size, :size] / (size - 1)
    waves = [0.5 + 0.5 * np.sin(a * x + b * y) for a, b in ((5, 1), (2, 4), (1, -6))]
    return Image.fromarray((255 * np.stack(waves, -1)).round().astype(np.uint8))


def stored(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def read(data):
    """As torchvision's default loader."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def with_exif(image):
    """Orientation 6 (turn by 90°), and a thumbnail whose own end of image must not be taken for the picture's."""
    thumbnail = stored(image.resize((8, 8)), format="JPEG", quality=60)
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x927C] = thumbnail
    return stored(image, format="JPEG", quality=90, exif=exif)


def rough(width, height):
    """Fine detail over everything, saturated places too: no two pixels are alike, so no rounding hides."""
    noise = np.random.default_rng(1).normal(0, 70, (height, width, 3))
    waves = np.asarray(smooth(64).resize((width, height)), float)
    return Image.fromarray((waves + noise).clip(0, 255).astype(np.uint8))


def reframed(data, sampling, width, height):
    """The same coded blocks under another size, and another sampling of the first component with as many blocks a unit."""
    at = data.index(b"\xff\xc0") + 5
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return data[:at] + size + data[at + 4 : at + 6] + bytes([sampling]) + data[at + 7 :]


def samplings():
    """Every way in which libjpeg enlarges colours, at sizes that fill no block."""
    jpeg = dict(format="JPEG", quality=85)
    ycck = bytearray(stored(rough(21, 13).convert("CMYK"), subsampling=2, **jpeg))
    ycck[ycck.index(b"Adobe") + 11] = 2
    return {
        "rough-444.jpg": stored(rough(37, 29), subsampling=0, **jpeg),
        "rough-422.jpg": stored(rough(37, 29), subsampling=1, **jpeg),
        "rough-420.jpg": stored(rough(37, 29), subsampling=2, **jpeg),
        "rough-440.jpg": reframed(stored(rough(32, 16), subsampling=1, **jpeg), 0x12, 13, 31),
        "rough-411.jpg": reframed(stored(rough(32, 32), subsampling=2, **jpeg), 0x41, 61, 15),
        "rough-progressive.jpg": stored(rough(35, 21), subsampling=2, progressive=True, **jpeg),
        "rough-grey.jpg": stored(rough(19, 23).convert("L"), **jpeg),
        "rough-cmyk.jpg": stored(rough(21, 13).convert("CMYK"), **jpeg),
        "rough-ycck.jpg": bytes(ycck),
        "coarse.jpg": stored(rough(33, 17), format="JPEG", quality=8),
        "finest.jpg": stored(rough(17, 18), format="JPEG", quality=100),
        "rough-restarts.jpg": stored(rough(37, 29), restart_marker_blocks=1, **jpeg),
        **{f"rough-{w}x{h}.jpg": stored(rough(w, h), subsampling=2, **jpeg) for w, h in ((1, 1), (2, 3), (4, 1), (5, 2), (6, 17))},
        "rough-3x2-422.jpg": stored(rough(3, 2), subsampling=1, **jpeg),
    }


def files():
    rgb, large = smooth(16), smooth(64)
    wide = rgb.resize((20, 12))
    grey, cmyk = rgb.convert("L"), rgb.convert("CMYK")
    jpeg = dict(format="JPEG", quality=90)
    return {
        "baseline.jpg": stored(rgb, **jpeg),
        "full-colour.jpeg": stored(rgb, subsampling=0, **jpeg),
        "progressive.jpg": stored(rgb, progressive=True, **jpeg),
        "progressive-64.JPG": stored(large, progressive=True, **jpeg),
        "baseline-64.jpg": stored(large, optimize=True, **jpeg),
        "grey.jpg": stored(grey, **jpeg),
        "grey-progressive.jpg": stored(grey, progressive=True, **jpeg),
        "cmyk.jpg": stored(cmyk, **jpeg),
        "restarts.jpg": stored(large, restart_marker_blocks=2, **jpeg),
        "exif.jpg": with_exif(wide),
        "trailing.jpg": stored(rgb, **jpeg) + b"\0\0 and what cameras append \xff\xd8\xff",
        "jfif-rgb.jpg": stored(rgb, keep_rgb=True, **jpeg),
        "lossless.webp": stored(rgb, format="WEBP", lossless=True),
        "lossy.webp": stored(large, format="WEBP", quality=90),
        "plain.bmp": stored(rgb, format="BMP"),
        "palette.bmp": stored(rgb.quantize(16), format="BMP"),
        "plain.ppm": stored(rgb, format="PPM"),
        "plain.pgm": stored(grey, format="PPM"),
        "plain.tif": stored(rgb, format="TIFF"),
        "lzw.tiff": stored(rgb, format="TIFF", compression="tiff_lzw"),
        "deflate.TIFF": stored(grey, format="TIFF", compression="tiff_adobe_deflate"),
        "plain.png": stored(rgb, format="PNG"),
        "palette.png": stored(rgb.quantize(16), format="PNG"),
        "transparent.png": stored(rgb.convert("RGBA"), format="PNG"),
        **samplings(),
    }


def is_read(data):
    try:
        read(data)
        return True
    except Exception:
        return False


def is_broken(data):
    """What Pillow takes for an image of a kind that it reads, and cannot decode."""
    try:
        Image.open(io.BytesIO(data))
    except Exception:
        return False
    return not is_read(data)


FOLDER.mkdir(parents=True, exist_ok=True)
for old in FOLDER.iterdir():
    old.unlink()
cuts, changes = [], []
rng = np.random.default_rng(0)
for name, data in files().items():
    (FOLDER / name).write_bytes(data)
    (FOLDER / f"{name}.rgb").write_bytes(read(data).tobytes())
    for length in sorted({len(data) * 2 // 10, len(data) // 2, len(data) * 9 // 10, len(data) - 2, len(data) - 1}):
        cuts.append(f"{name},{length},{'read' if is_read(data[:length]) else 'refused'}\n")
    found = 0
    for offset in rng.permutation(len(data))[:400]:
        value = int(rng.integers(256))
        if is_broken(data[:offset] + bytes([value]) + data[offset + 1 :]):
            changes.append(f"{name},{offset},{value}\n")
            found += 1
            if found == 12:
                break
(FOLDER / "cuts.csv").write_text("".join(cuts))
(FOLDER / "changes.csv").write_text("".join(changes))
