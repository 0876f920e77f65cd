//! Maps as the windows of a pool meet them.

use burn::tensor::Tensor;
use kd2m_nn::Pool;

/// The map with the places that only windows beyond the padding reach, and the padding that is left to the pool.
pub fn reached(pool: &Pool, x: &Tensor<4>, outside: f32) -> (Tensor<4>, [(usize, usize); 2]) {
    let [[h, w], [below, right]] = [pool.padding, pool.beyond];
    match pool.beyond {
        [0, 0] => (x.clone(), pool.padding.map(|p| (p, p))),
        _ => (x.clone().pad((w, w + right, h, h + below), outside), [(0, 0); 2]),
    }
}
