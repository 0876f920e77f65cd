#!/usr/bin/env bash
# The Rust crate zip 9.8.2 refuses a valid archive that ends in a ZIP64 record when the first entry of its central directory is 76 bytes
# long, that is when the first name has 30 bytes: "Invalid Central Directory header". Names of 29 and 31 bytes are read, and so is the
# same archive without the ZIP64 record; 8.6.0 and Python's zipfile read them all. 76 bytes are what the ZIP64 end record and its
# locator take, so a directory looked for that much too late is believed only where a header happens to stand there.
# Who is touched: torch.save always writes the ZIP64 record and calls its first entry STEM/data.pkl, so every checkpoint whose file
# name had 21 characters before the ending (resnet18_cifar10_best.pth) cannot be opened by programs on this crate. A good engineer
# would look for a damaged download.
#
# Run: bash findings/zip-crate-zip64-first-entry.sh        (needs cargo, python3 and a package index; about a minute)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'TOML'
[package]
name = "reader"
version = "0.0.0"
edition = "2021"
[dependencies]
new = { package = "zip", version = "=9.8.2", default-features = false }
old = { package = "zip", version = "=8.6.0", default-features = false }
[workspace]
TOML
cat > src/main.rs <<'RUST'
use std::fs::File;

fn main() {
    for path in std::env::args().skip(1) {
        let old = old::ZipArchive::new(File::open(&path).unwrap()).map(|a| a.len()).map_err(|e| e.to_string());
        let new = new::ZipArchive::new(File::open(&path).unwrap()).map(|a| a.len()).map_err(|e| e.to_string());
        println!("{path}: zip 8.6.0 {old:?}, zip 9.8.2 {new:?}");
    }
}
RUST
python3 - <<'PYTHON'
import struct
import zipfile


def archive(path, length, zip64):
    """Two stored entries, the first under a name of this length, with or without a ZIP64 end record before the plain one."""
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("x" * (length - 9) + "/data.pkl", "content")
        out.writestr("second/entry", "more")
    data = open(path, "rb").read()
    end = data.rindex(b"PK\x05\x06")
    count, size, offset = struct.unpack_from("<HII", data, end + 10)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    if zip64:
        open(path, "wb").write(data[:end] + record + locator + data[end:])
    names = zipfile.ZipFile(path).namelist()
    print(f"{path}: zipfile {len(names)} entries, first name {len(names[0])} bytes")


for length in (29, 30, 31):
    archive(f"zip64-{length}.zip", length, True)
archive("plain-30.zip", 30, False)
PYTHON
cargo build -q --release
./target/release/reader zip64-29.zip zip64-30.zip zip64-31.zip plain-30.zip | tee said
[ "$(grep -c 'zip 8.6.0 Ok(2), zip 9.8.2 Ok(2)' said)" = 3 ] || { echo "the behaviour has changed"; exit 1; }
grep -q '^zip64-30.zip: zip 8.6.0 Ok(2), zip 9.8.2 Err("invalid Zip archive: Invalid Central Directory header")' said || { echo "the behaviour has changed"; exit 1; }
echo "as seen"
# Output seen on 2026-11-29 (Linux x86-64, Rust 1.95.0, Python 3.11.7):
# zip64-29.zip: zipfile 2 entries, first name 29 bytes
# zip64-30.zip: zipfile 2 entries, first name 30 bytes
# zip64-31.zip: zipfile 2 entries, first name 31 bytes
# plain-30.zip: zipfile 2 entries, first name 30 bytes
# zip64-29.zip: zip 8.6.0 Ok(2), zip 9.8.2 Ok(2)
# zip64-30.zip: zip 8.6.0 Ok(2), zip 9.8.2 Err("invalid Zip archive: Invalid Central Directory header")
# zip64-31.zip: zip 8.6.0 Ok(2), zip 9.8.2 Ok(2)
# plain-30.zip: zip 8.6.0 Ok(2), zip 9.8.2 Ok(2)
# as seen
