#!/usr/bin/env python3
"""Writes crates/kd2m-data/tests/kinds/: one picture in every format and every kind of colour that Pillow reads of it, and what Pillow, so
torchvision's ImageFolder, makes of it. crates/kd2m-data/tests/kinds.rs reads them.

    python scripts/make_format_fixtures.py

upright.csv has `name,height,width,pixels` of the files with an EXIF orientation once they are turned by `ImageOps.exif_transpose`. expected.csv has `name,height,width,pixels` with the bytes [h, w, 3] of `convert("RGB")` in hexadecimal, and a fifth column where the file has
16 bits a value: the bytes that the nearest of 256 levels gives, from which Pillow differs (it clips grey values at 255 and takes the upper byte of
colours). Files that Pillow does not write are put together here. Needs numpy, pillow; made with Pillow 13.0.0.
"""

import sys

# Before the packages that it needs.
if __name__ == "__main__" and {"-h", "--help"} & set(sys.argv):
    print(__doc__)
    sys.exit()

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

FOLDER = Path(__file__).resolve().parent.parent / "crates/kd2m-data/tests/kinds"
HEIGHT, WIDTH = 7, 9


def noise(channels, levels=256):
    return np.random.default_rng(channels * 1000 + levels).integers(0, levels, (HEIGHT, WIDTH, channels))


def picture(mode):
    if mode == "1":
        return Image.fromarray(noise(1)[..., 0].astype(np.uint8)).convert("1", dither=Image.Dither.NONE)
    if mode == "P":
        image = Image.fromarray(noise(1, 24)[..., 0].astype(np.uint8), "P")
        image.putpalette(np.random.default_rng(5).integers(0, 256, 72).astype(np.uint8).tobytes())
        return image
    channels = len(mode)
    values = noise(channels).astype(np.uint8)
    return Image.fromarray(values[..., 0] if channels == 1 else values, mode)


def stored(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed(values, bits):
    """Rows of values of so many bits, each row on bytes of its own."""
    flat = values.reshape(values.shape[0], -1)
    if bits == 16:
        return [row.astype(">u2").tobytes() for row in flat]
    spread = (flat[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return [np.packbits(row.reshape(-1)).tobytes() for row in spread.astype(np.uint8)]


def png(values, bits, kind, *others, interlaced=False):
    """As the standard says: without filters, interlaced in the seven passes of Adam7."""
    height, width = values.shape[:2]
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)] if interlaced else [(0, 0, 1, 1)]
    data = b""
    for top, left, down, right in passes:
        part = values[top::down, left::right]
        if part.size:
            data += b"".join(b"\0" + row for row in packed(part, bits))
    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, int(interlaced))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + b"".join(others) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def tiff(values, bits, photometric, extra=()):
    """One strip, no compression, little-endian."""
    height, width, samples = values.shape
    data = values.astype("<u2").tobytes() if bits == 16 else b"".join(packed(values, bits))
    fields = [(256, 3, [width]), (257, 3, [height]), (258, 3, [bits] * samples), (259, 3, [1]), (262, 3, [photometric]), (273, 4, [0])]
    fields += [(277, 3, [samples]), (278, 3, [height]), (279, 4, [len(data)]), *extra]
    fields.sort()
    place = 8 + 2 + 12 * len(fields) + 4
    entries, behind = b"", b""
    sizes = {3: "H", 4: "I"}
    payload = {tag: struct.pack(f"<{len(v)}{sizes[kind]}", *v) for tag, kind, v in fields}
    long = sum(len(p) for p in payload.values() if len(p) > 4)
    for tag, kind, numbers in fields:
        own = struct.pack("<I", place + long) if tag == 273 else payload[tag]
        if len(own) > 4:
            entries += struct.pack("<HHII", tag, kind, len(numbers), place + len(behind))
            behind += own
        else:
            entries += struct.pack("<HHI", tag, kind, len(numbers)) + own.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<IH", 8, len(fields)) + entries + struct.pack("<I", 0) + behind + data


def bmp(rows, bits, palette=b"", compression=0, masks=b"", size=None):
    """Rows from the bottom up, each on a multiple of four bytes."""
    data = rows if isinstance(rows, bytes) else b"".join(row.ljust(-(-len(row) // 4) * 4, b"\0") for row in reversed(rows))
    start = 14 + 40 + len(masks) + len(palette)
    head = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, bits, compression, len(data), 2835, 2835, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + masks + palette + data


def palette(count, fourth):
    colours = np.random.default_rng(6).integers(0, 256, (count, 3)).astype(np.uint8)
    return b"".join(bytes([*colour, *fourth]) for colour in colours.tolist())


def bmps():
    four, eight = noise(1, 16)[..., 0], noise(1, 200)[..., 0].astype(np.uint8)
    runs = b"".join(b"".join(bytes([1, value]) for value in row) + b"\0\0" for row in eight[::-1].tolist()) + b"\0\1"
    colours = noise(1, 65536)[..., 0].astype("<u2")
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    return {
        "bmp-1.bmp": stored(picture("1"), "BMP"),
        "bmp-l.bmp": stored(picture("L"), "BMP"),
        "bmp-p.bmp": stored(picture("P"), "BMP"),
        "bmp-p4.bmp": bmp(packed(four[..., None], 4), 4, palette(16, [0])),
        "bmp-rle8.bmp": bmp(runs, 8, palette(256, [0]), compression=1),
        "bmp-555.bmp": bmp([row.tobytes() for row in colours & 0x7FFF], 16),
        "bmp-565.bmp": bmp([row.tobytes() for row in colours], 16, compression=3, masks=masks),
        "bmp-rgb.bmp": stored(picture("RGB"), "BMP"),
        "bmp-rgba.bmp": stored(picture("RGBA"), "BMP"),
    }


def pngs():
    one, two, four = (noise(1, 2**bits) for bits in (1, 2, 4))
    colours = [bytes(c) for c in np.random.default_rng(7).integers(0, 256, (16, 3)).astype(np.uint8).tolist()]
    plte = chunk(b"PLTE", b"".join(colours))
    rgb = noise(3)
    key = chunk(b"tRNS", struct.pack(">HHH", *rgb[2, 3].tolist()))
    return {
        "png-1.png": stored(picture("1"), "PNG"),
        "png-l.png": stored(picture("L"), "PNG"),
        "png-l1.png": png(one, 1, 0),
        "png-l2.png": png(two, 2, 0),
        "png-l4.png": png(four, 4, 0),
        "png-la.png": stored(picture("LA"), "PNG"),
        "png-p.png": stored(picture("P"), "PNG"),
        "png-p1.png": png(one, 1, 3, plte),
        "png-p4.png": png(four, 4, 3, plte),
        "png-p-transparent.png": stored(picture("P"), "PNG", transparency=bytes(range(0, 240, 10))),
        "png-rgb.png": stored(picture("RGB"), "PNG"),
        "png-rgb-key.png": png(rgb, 8, 2, key),
        "png-rgba.png": stored(picture("RGBA"), "PNG"),
        "png-l-interlaced.png": png(noise(1), 8, 0, interlaced=True),
        "png-p4-interlaced.png": png(four, 4, 3, plte, interlaced=True),
        "png-rgb-interlaced.png": png(rgb, 8, 2, interlaced=True),
        "png-rgba-interlaced.png": png(noise(4), 8, 6, interlaced=True),
    }


def tiffs():
    p, rgb = picture("P"), picture("RGB")
    four = noise(1, 16)
    colours = np.random.default_rng(8).integers(0, 65536, 48).tolist()
    deflate = "tiff_adobe_deflate"
    return {
        "tiff-1.tif": stored(picture("1"), "TIFF"),
        "tiff-l.tif": stored(picture("L"), "TIFF"),
        "tiff-l-white.tif": tiff(noise(1), 8, 0),
        "tiff-l4.tif": tiff(four, 4, 1),
        "tiff-la.tif": stored(picture("LA"), "TIFF"),
        "tiff-p.tif": stored(p, "TIFF"),
        "tiff-p-lzw.tif": stored(p, "TIFF", compression="tiff_lzw"),
        "tiff-p4.tif": tiff(four, 4, 3, [(320, 3, colours)]),
        "tiff-rgb.tif": stored(rgb, "TIFF"),
        "tiff-rgb-lzw.tif": stored(rgb, "TIFF", compression="tiff_lzw"),
        "tiff-rgb-deflate.tif": stored(rgb, "TIFF", compression=deflate),
        "tiff-rgb-packbits.tif": stored(rgb, "TIFF", compression="packbits"),
        "tiff-rgba.tif": stored(picture("RGBA"), "TIFF"),
        "tiff-cmyk.tif": stored(picture("CMYK"), "TIFF"),
    }


def pnms():
    grey, rgb, one = noise(1)[..., 0], noise(3), noise(1, 2)[..., 0]
    head = f"{WIDTH} {HEIGHT}"
    text = lambda values: "\n".join(" ".join(str(v) for v in row.reshape(-1)) for row in values)
    return {
        "pnm-p1.ppm": f"P1\n# a comment\n{head}\n{text(one)}\n".encode(),
        "pnm-p2.pgm": f"P2\n{head}\n255\n{text(grey)}\n".encode(),
        "pnm-p3.ppm": f"P3\n{head}\n255\n{text(rgb)}\n".encode(),
        "pnm-p4.ppm": stored(picture("1"), "PPM"),
        "pnm-p5.pgm": stored(picture("L"), "PPM"),
        "pnm-p5-100.pgm": f"P5\n{head}\n100\n".encode() + noise(1, 101)[..., 0].astype(np.uint8).tobytes(),
        "pnm-p6.ppm": stored(picture("RGB"), "PPM"),
        "pnm-p6-31.ppm": f"P6\n{head}\n31\n".encode() + noise(3, 32).astype(np.uint8).tobytes(),
    }


def gifs():
    p, grey = picture("P"), picture("L")
    second = Image.fromarray(255 - np.asarray(grey))
    part = stored(p, "GIF")
    return {
        "gif-p.gif": part,
        "gif-l.gif": stored(grey, "GIF"),
        "gif-interlaced.gif": stored(p, "GIF", interlace=1),
        "gif-transparent.gif": stored(p, "GIF", transparency=3),
        "gif-animated.gif": stored(grey, "GIF", save_all=True, append_images=[second], duration=50),
        "gif-corner.gif": corner(p),
    }


def corner(image):
    """A frame that covers a part of the screen, as animations have it."""
    data = bytearray(stored(image, "GIF"))
    data[6:10] = struct.pack("<HH", WIDTH + 4, HEIGHT + 3)
    at = data.index(b"\x2c" + struct.pack("<HHHH", 0, 0, WIDTH, HEIGHT))
    data[at + 1 : at + 5] = struct.pack("<HH", 2, 1)
    return bytes(data)


def webps():
    x, y = np.meshgrid(np.arange(48), np.arange(40))
    smooth = np.stack([128 + 100 * np.sin(x / 9), 128 + 90 * np.cos(y / 7), 3 * x + 2 * y, 255 - 2 * x], -1).clip(0, 255).astype(np.uint8)
    rgb, rgba = Image.fromarray(smooth[..., :3]), Image.fromarray(smooth)
    other = Image.fromarray(255 - smooth[..., :3])
    return {
        "webp-rgb.webp": stored(rgb, "WEBP", quality=90),
        "webp-rgba.webp": stored(rgba, "WEBP", quality=90),
        "webp-rgb-lossless.webp": stored(picture("RGB"), "WEBP", lossless=True),
        "webp-rgba-lossless.webp": stored(picture("RGBA"), "WEBP", lossless=True, exact=True),
        "webp-animated.webp": stored(rgb, "WEBP", lossless=True, save_all=True, append_images=[other], duration=50),
    }


def exif():
    """A small picture with each of the eight orientations, and one of them in the formats that have a place for it."""
    small = picture("RGB").crop((0, 0, 5, 3))
    files = {}
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        files[f"exif-{orientation}.jpg"] = stored(small, "JPEG", quality=95, subsampling=0, exif=exif)
        if orientation == 6:
            files["exif-6.png"] = stored(small, "PNG", exif=exif)
            files["exif-6.webp"] = stored(small, "WEBP", lossless=True, exif=exif)
            files["exif-6.tif"] = stored(small, "TIFF", exif=exif)
    return files


def sixteen():
    """Files of 16 bits a value, each with the values themselves."""
    grey, alpha, rgb, rgba = (noise(channels, 65536) for channels in (1, 2, 3, 4))
    return {
        "png-l16.png": (png(grey, 16, 0), grey),
        "png-la16.png": (png(alpha, 16, 4), alpha[..., :1]),
        "png-rgb16.png": (png(rgb, 16, 2), rgb),
        "png-rgba16.png": (png(rgba, 16, 6), rgba[..., :3]),
        "png-l16-interlaced.png": (png(grey, 16, 0, interlaced=True), grey),
        "tiff-l16.tif": (tiff(grey, 16, 1), grey),
        "tiff-rgb16.tif": (tiff(rgb, 16, 2), rgb),
        "pnm-p5-16.pgm": (f"P5\n{WIDTH} {HEIGHT}\n65535\n".encode() + grey.astype(">u2").tobytes(), grey),
        "pnm-p6-16.ppm": (f"P6\n{WIDTH} {HEIGHT}\n65535\n".encode() + rgb.astype(">u2").tobytes(), rgb),
    }


def read(data):
    """As torchvision's default loader."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


FOLDER.mkdir(parents=True, exist_ok=True)
for old in FOLDER.iterdir():
    old.unlink()
lines = []
for name, data in {**bmps(), **pngs(), **tiffs(), **pnms(), **gifs(), **webps(), **exif(), **sixteen()}.items():
    values = None
    if isinstance(data, tuple):
        data, values = data
    (FOLDER / name).write_bytes(data)
    pixels = read(data)
    line = f"{name},{pixels.shape[0]},{pixels.shape[1]},{pixels.tobytes().hex()}"
    if values is not None:
        nearest = ((values + 128) // 257).astype(np.uint8)
        line += "," + np.broadcast_to(nearest, (HEIGHT, WIDTH, 3)).tobytes().hex()
    lines.append(line + "\n")
upright = []
for name, data in exif().items():
    pixels = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))
    upright.append(f"{name},{pixels.shape[0]},{pixels.shape[1]},{pixels.tobytes().hex()}\n")
(FOLDER / "upright.csv").write_text("".join(upright))
(FOLDER / "expected.csv").write_text("".join(lines))
print(len(lines), "files")
