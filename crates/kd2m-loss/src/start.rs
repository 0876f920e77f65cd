//! The potentials that a solver starts from, as tensors: a start decides the last bits of what an iterative solver finds, so exact
//! resume needs it.

use kd2m_nn::{NamedTensor, Weights};
use kd2m_ot::solution::Potentials;

/// Single precision numbers that hold one in double precision: 24 bits each of its 53.
const PARTS: usize = 3;
const KEYS: [&str; 2] = ["start.u", "start.v"];

/// As tensors `[3, n]`, each number the sum of a column.
pub fn state(start: Option<&Potentials>) -> Weights {
    let Some(Potentials { u, v }) = start else { return Weights::new() };
    let named = |(key, values): (&str, &Vec<f64>)| (key.to_owned(), split(values));
    KEYS.into_iter().zip([u, v]).map(named).collect()
}

/// What [`state`] made tensors of; none where there are none.
///
/// # Errors
/// A tensor of another shape.
pub fn load(state: &Weights) -> Result<Option<Potentials>, String> {
    let [u, v] = KEYS.map(|key| state.get(key).map(|tensor| joined(key, tensor)).transpose());
    Ok(u?.zip(v?).map(|(u, v)| Potentials { u, v }))
}

fn split(values: &[f64]) -> NamedTensor {
    let mut left = values.to_vec();
    let mut parts = Vec::with_capacity(PARTS * left.len());
    for _ in 0..PARTS {
        for rest in &mut left {
            let part = *rest as f32;
            parts.push(part);
            *rest -= f64::from(part);
        }
    }
    NamedTensor { shape: vec![PARTS, values.len()], values: parts }
}

fn joined(key: &str, tensor: &NamedTensor) -> Result<Vec<f64>, String> {
    match tensor.shape[..] {
        // Small ones first, so that no bit is lost.
        [PARTS, n] if tensor.values.len() == PARTS * n => {
            let part = |i: usize, at: usize| f64::from(tensor.values[i * n + at]);
            Ok((0..n).map(|at| (0..PARTS).rev().fold(0.0, |sum, i| sum + part(i, at))).collect())
        }
        _ => Err(format!("`{key}` has shape {:?}, expected [{PARTS}, n]", tensor.shape)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_comes_back() {
        let u = vec![0.0, 1.0 / 3.0, -std::f64::consts::PI * 1e5, 1e-9 / 7.0, f64::from(u32::MAX) + 0.1];
        let start = Potentials { u, v: vec![-0.1] };
        assert_eq!(load(&state(Some(&start))), Ok(Some(start.clone())));
        assert_eq!(load(&state(None)), Ok(None));
        let mut wrong = state(Some(&start));
        wrong.insert("start.v".to_owned(), NamedTensor { shape: vec![2, 1], values: vec![0.0; 2] });
        assert!(load(&wrong).unwrap_err().contains("start.v"));
    }
}
