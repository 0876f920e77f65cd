//! A C interface to any divergence, built once and called often, for `scripts/peers/closed.py`, which calls it through ctypes.
//! Built as a shared library: `cargo build --release -p kd2m-ot --example bridge_closed`.

use std::ffi::{CStr, c_char};

use kd2m_ot::{
    Cloud, Options, OtError, Side,
    divergence::{AnyDivergence, Divergence, Request, registry},
};

/// Builds the divergence of a `NAME key=value …`; null after printing the error.
///
/// # Safety
/// `spec` must be a C string. The result lives until the program ends.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kd2m_build(spec: *const c_char) -> *const Box<dyn AnyDivergence> {
    // SAFETY: the caller's promise above.
    let spec = unsafe { CStr::from_ptr(spec) }.to_string_lossy();
    let mut words = spec.split_whitespace();
    let options = words.next().map(Options::new).unwrap_or_default();
    let options = words.filter_map(|w| w.split_once('=')).fold(options, |all, (key, value)| all.set(key, value));
    match registry::build(&options) {
        Ok(divergence) => Box::leak(Box::new(divergence)),
        Err(error) => {
            eprintln!("{error}");
            std::ptr::null()
        }
    }
}

/// The value between f32 clouds `[n, d]` and `[m, d]`, NaN after printing an error; writes the gradient `[n, d]` unless it is null.
///
/// # Safety
/// `divergence` must come from [`kd2m_build`]; `a` and `gradient`, if not null, hold n·d values, `b` m·d.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kd2m_evaluate_f32(
    divergence: *const Box<dyn AnyDivergence>,
    a: *const f32,
    n: usize,
    b: *const f32,
    m: usize,
    d: usize,
    gradient: *mut f32,
) -> f64 {
    // SAFETY: the caller's promise above.
    let (divergence, a, b) =
        unsafe { (&**divergence, std::slice::from_raw_parts(a, n * d), std::slice::from_raw_parts(b, m * d)) };
    let request = Request { gradient: !gradient.is_null(), ..Request::VALUE };
    let evaluate = || -> Result<_, OtError> {
        let (a, b) = (Cloud::new(Side::A, a, n, d)?, Cloud::new(Side::B, b, m, d)?);
        Divergence::<f32>::evaluate(divergence, &a, &b, request)
    };
    match evaluate() {
        Ok(found) => {
            if let Some(found) = found.gradient {
                // SAFETY: a gradient was asked for only with room for it, which has n·d values.
                unsafe { gradient.copy_from_nonoverlapping(found.features.as_ptr(), n * d) };
            }
            found.value
        }
        Err(error) => {
            eprintln!("{error}");
            f64::NAN
        }
    }
}
