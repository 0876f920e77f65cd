#!/usr/bin/env bash
# maturin takes a folder `NAME.data` beside pyproject.toml into the wheel (scripts, headers, data). Where the native module lies inside the
# package, as `module-name = "demo._demo"` says, the folder of the package's own name is left out without a word: looked for is the whole
# dotted name, `demo._demo.data`. `data = "demo.data"` takes it whatever it is called.
# A good engineer would expect the wheel to bring demo.data/scripts, for "demo" names distribution, crate and package alike, or a warning
# that a folder of that form was passed over. Who is touched: anybody who ships a program beside an extension module that is kept private
# by an underscore, the form that maturin's own template for mixed projects proposes; the wheel installs and imports, the program is missing.
#
# Run: bash findings/maturin-data-of-nested-modules.sh        (needs cargo, python3 with venv, a package index; a minute or two)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q maturin==1.16.0
project=$folder/demo
mkdir -p "$project/src" "$project/python/demo" "$project/demo.data/scripts" "$project/demo._demo.data/scripts"
cat > "$project/Cargo.toml" <<'TOML'
[package]
name = "demo"
version = "0.1.0"
edition = "2021"

[lib]
name = "_demo"
crate-type = ["cdylib"]

[dependencies]
pyo3 = { version = "=0.30.1", features = ["extension-module"] }
TOML
printf 'use pyo3::prelude::*;\n#[pymodule]\nfn _demo(_: &Bound<PyModule>) -> PyResult<()> {\n    Ok(())\n}\n' > "$project/src/lib.rs"
touch "$project/python/demo/__init__.py"
printf '#!/bin/sh\necho hello\n' > "$project/demo.data/scripts/hello-of-the-package"
printf '#!/bin/sh\necho hello\n' > "$project/demo._demo.data/scripts/hello-of-the-module"
chmod +x "$project"/*.data/scripts/*
seen=
for data in "" 'data = "demo.data"'; do
    cat > "$project/pyproject.toml" <<TOML
[build-system]
requires = ["maturin>=1,<2"]
build-backend = "maturin"
[project]
name = "demo"
version = "0.1.0"
[tool.maturin]
module-name = "demo._demo"
python-source = "python"
$data
TOML
    rm -rf "$folder/wheels"
    (cd "$project" && "$folder/venv/bin/maturin" build --out "$folder/wheels") > "$folder/said" 2>&1 || { cat "$folder/said"; exit 1; }
    said=$(grep -i "demo.data" "$folder/said" || true)
    taken=$("$folder/venv/bin/python" -c 'import sys, zipfile; print(*[n for n in zipfile.ZipFile(sys.argv[1]).namelist() if "/scripts/" in n])' "$folder"/wheels/*.whl)
    line="[${data:-no data key}] scripts in the wheel: ${taken:-none}; said of it: ${said:-nothing}"
    echo "$line"
    seen+="$line"$'\n'
done
"$folder/venv/bin/maturin" --version
expected='[no data key] scripts in the wheel: demo-0.1.0.data/scripts/hello-of-the-module; said of it: nothing
[data = "demo.data"] scripts in the wheel: demo-0.1.0.data/scripts/hello-of-the-package; said of it: nothing
'
[ "$seen" = "$expected" ] || { echo "not as it was seen"; exit 1; }
echo "as it was seen"

# Seen on 30 November 2026:
# [no data key] scripts in the wheel: demo-0.1.0.data/scripts/hello-of-the-module; said of it: nothing
# [data = "demo.data"] scripts in the wheel: demo-0.1.0.data/scripts/hello-of-the-package; said of it: nothing
# maturin 1.16.0
# as it was seen
