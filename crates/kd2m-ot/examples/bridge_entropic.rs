//! A C interface to the divergences and the batched Sinkhorn for `scripts/peers/entropic.py`, which calls it through ctypes.
//! Built as a shared library: `cargo build --release -p kd2m-ot --example bridge_entropic`.

use std::ffi::{CStr, c_char};

use kd2m_ot::{
    Cloud, Options, OtError, Side,
    divergence::{Divergence, Request, registry},
    internals::{Settings, batched_sinkhorn},
};

/// `NAME key=value …` of a divergence between f32 clouds `[n, d]` and `[m, d]`: writes the gradient `[n, d]`, returns the value, or
/// NaN after printing the error.
///
/// # Safety
/// `spec` must be a C string, `a` and `gradient` hold n·d values, `b` m·d.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kd2m_divergence_f32(
    spec: *const c_char,
    a: *const f32,
    n: usize,
    b: *const f32,
    m: usize,
    d: usize,
    gradient: *mut f32,
) -> f64 {
    // SAFETY: the caller's promise above.
    let (spec, a, b, gradient) = unsafe {
        (
            CStr::from_ptr(spec),
            std::slice::from_raw_parts(a, n * d),
            std::slice::from_raw_parts(b, m * d),
            std::slice::from_raw_parts_mut(gradient, n * d),
        )
    };
    match evaluate(&spec.to_string_lossy(), (a, n), (b, m), d, gradient) {
        Ok(value) => value,
        Err(error) => {
            eprintln!("{error}");
            f64::NAN
        }
    }
}

fn evaluate(
    spec: &str,
    (a, n): (&[f32], usize),
    (b, m): (&[f32], usize),
    d: usize,
    gradient: &mut [f32],
) -> Result<f64, OtError> {
    let mut words = spec.split_whitespace();
    let options = words.next().map(Options::new).unwrap_or_default();
    let options = words.filter_map(|w| w.split_once('=')).fold(options, |all, (key, value)| all.set(key, value));
    let metric = registry::build(&options)?;
    let (a, b) = (Cloud::new(Side::A, a, n, d)?, Cloud::new(Side::B, b, m, d)?);
    let found = Divergence::<f32>::evaluate(&*metric, &a, &b, Request::GRADIENT)?;
    if let Some(found) = found.gradient {
        gradient.copy_from_slice(&found.features);
    }
    Ok(found.value)
}

/// Entropic cost of each pair of histograms `[batch, classes]` under a cost `[classes, classes]`: writes values `[batch]` and
/// gradients `[batch, classes]`, returns the largest marginal error.
///
/// # Safety
/// The pointers must hold that many values.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kd2m_batched_sinkhorn_f32(
    cost: *const f64,
    p: *const f32,
    q: *const f32,
    batch: usize,
    classes: usize,
    epsilon: f64,
    tolerance: f64,
    values: *mut f64,
    gradient: *mut f32,
) -> f64 {
    // SAFETY: the caller's promise above.
    let (cost, p, q) = unsafe {
        (
            std::slice::from_raw_parts(cost, classes * classes),
            std::slice::from_raw_parts(p, batch * classes),
            std::slice::from_raw_parts(q, batch * classes),
        )
    };
    let settings = Settings { epsilon, rho: None, tolerance, max_iterations: 10_000 };
    let found = batched_sinkhorn(cost, p, q, classes, settings);
    // SAFETY: the caller's promise above; the solver answers for every pair.
    unsafe {
        values.copy_from_nonoverlapping(found.values.as_ptr(), batch);
        gradient.copy_from_nonoverlapping(found.gradient.as_ptr(), batch * classes);
    }
    found.error
}
