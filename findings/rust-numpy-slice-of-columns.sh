#!/usr/bin/env bash
# rust-numpy 0.30.0: `as_slice` of a matrix that lies in memory column by column (NumPy's order "F", contiguous) succeeds and gives the
# numbers in that order, so code that takes the slice for rows reads the transposed matrix under the shape of the matrix itself.
# `as_array` on the same argument has the right places. Guess before: `as_slice` fails unless rows lie one after another, as ndarray's
# own `as_slice` does. Right: ask `is_c_contiguous` first, or go through `as_array().as_slice()`.
# Needs: cargo, python3, an index of each.   Run: findings/rust-numpy-slice-of-columns.sh
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet numpy==2.4.6
mkdir -p "$place/crate/src"
cat > "$place/crate/Cargo.toml" <<'TOML'
[package]
name = "seen"
version = "0.0.0"
edition = "2024"
[workspace]
[lib]
crate-type = ["cdylib"]
[dependencies]
numpy = "=0.30.0"
pyo3 = "=0.30.1"
TOML
cat > "$place/crate/src/lib.rs" <<'RUST'
use numpy::{PyReadonlyArray2, PyUntypedArrayMethods};
use pyo3::prelude::*;

#[pyfunction]
fn look(x: PyReadonlyArray2<'_, f64>) -> (Vec<f64>, Vec<f64>, bool, bool) {
    let by_slice = x.as_slice().map(<[f64]>::to_vec).unwrap_or_default();
    let by_ndarray = x.as_array().as_slice().map(<[f64]>::to_vec).unwrap_or_default();
    (by_slice, by_ndarray, x.is_contiguous(), x.is_c_contiguous())
}

#[pymodule]
fn seen(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(look, m)?)
}
RUST
(cd "$place/crate" && PYO3_PYTHON="$place/venv/bin/python" cargo build --quiet)
cp "$place/crate/target/debug/libseen.so" "$place/seen.so"
cd "$place"
venv/bin/python - <<'PY'
import numpy as np, seen
rows = np.arange(6.0).reshape(2, 3)
print("numpy", np.__version__, "| crate numpy 0.30.0, pyo3 0.30.1")
found = {}
for name, x in [("rows after rows", rows), ("columns after columns", np.asfortranarray(rows)), ("every second column", np.repeat(rows, 2, 1)[:, ::2])]:
    found[name] = seen.look(x)
    print(f"{name:22} as_slice {found[name][0]}  as_array().as_slice() {found[name][1]}  is_contiguous {found[name][2]}  is_c_contiguous {found[name][3]}")
assert found["rows after rows"] == ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], True, True)
assert found["columns after columns"] == ([0, 3, 1, 4, 2, 5], [], True, False)
assert found["every second column"] == ([], [], False, False)
PY
# Seen:
# numpy 2.4.6 | crate numpy 0.30.0, pyo3 0.30.1        (2026-11-29, Linux x86-64, Python 3.11.7)
# rows after rows        as_slice [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]  as_array().as_slice() [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]  is_contiguous True  is_c_contiguous True
# columns after columns  as_slice [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]  as_array().as_slice() []  is_contiguous True  is_c_contiguous False
# every second column    as_slice []  as_array().as_slice() []  is_contiguous False  is_c_contiguous False
