//! A C interface to the solvers for `scripts/compare-peers`, which calls it through ctypes: about ten microseconds a call,
//! charged to our side. Built as a shared library: `cargo build --release -p kd2m-ot --example bridge`.

use kd2m_ot::{
    Cloud, Options, Plan, Side,
    divergence::{Request, registry},
    internals::assignment,
};

/// Solves a row-major f32 cost matrix `[n, n]`; writes columns and row and column potentials, returns the certified gap.
///
/// # Safety
/// `cost` must point at n² values, `columns`, `u` and `v` at room for n.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kd2m_assignment_f32(
    cost: *const f32,
    n: usize,
    columns: *mut u32,
    u: *mut f64,
    v: *mut f64,
) -> f64 {
    // SAFETY: the caller's promise above.
    let cost = unsafe { std::slice::from_raw_parts(cost, n * n) };
    let found = assignment(cost, n, None);
    // SAFETY: the caller's promise above: room for n of each, which nobody else holds.
    unsafe {
        columns.copy_from_nonoverlapping(found.columns.as_ptr(), n);
        u.copy_from_nonoverlapping(found.potentials.u.as_ptr(), n);
        v.copy_from_nonoverlapping(found.potentials.v.as_ptr(), n);
    }
    found.gap
}

/// From two clouds `[n, d]` to a certified plan of `w2`: value, gradient `[n, d]` and columns; returns the certified gap.
///
/// # Safety
/// `x` and `y` must point at n·d values, `columns` and `value` at room for n and one, `gradient` at n·d or nowhere (null).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kd2m_w2_f32(
    x: *const f32,
    y: *const f32,
    n: usize,
    d: usize,
    memory_gib: f64,
    columns: *mut u32,
    gradient: *mut f32,
    value: *mut f64,
) -> f64 {
    // SAFETY: the caller's promise above.
    let (x, y) = unsafe { (std::slice::from_raw_parts(x, n * d), std::slice::from_raw_parts(y, n * d)) };
    let evaluate = || {
        let options = Options::new("w2").set("memory", memory_gib);
        let (a, b) = (Cloud::new(Side::A, x, n, d)?, Cloud::new(Side::B, y, n, d)?);
        let request = Request { gradient: !gradient.is_null(), plan: true, ..Request::VALUE };
        registry::build(&options)?.evaluate(&a, &b, request)
    };
    let Ok(found) = evaluate() else { return f64::NAN };
    let Some(Plan::Permutation(plan)) = found.plan else { return f64::NAN };
    // SAFETY: the caller's promise above; there is a gradient only where its pointer is not null.
    unsafe {
        value.write(found.value);
        columns.copy_from_nonoverlapping(plan.as_ptr(), n);
        if let Some(g) = found.gradient {
            gradient.copy_from_nonoverlapping(g.features.as_ptr(), n * d);
        }
    }
    found.gap.unwrap_or(f64::NAN)
}
