//! Directions of vectors, with a zero gradient where a vector is zero: dead channels and coincident points have no
//! direction.

use burn::tensor::Tensor;

/// Squared lengths up to this count as zero.
pub const ZERO: f64 = 1e-24;

/// x / ‖x‖ along `dim`; zero stays zero.
pub fn unit<const D: usize>(x: Tensor<D>, dim: usize) -> Tensor<D> {
    let squared = x.clone().square().sum_dim(dim);
    x * inverse_root(squared, ZERO)
}

/// 1 / √x, and zero with a zero gradient where x is not above `floor`.
pub fn inverse_root<const D: usize>(x: Tensor<D>, floor: f64) -> Tensor<D> {
    let live = x.clone().inner().greater_elem(floor).float();
    live / x.clamp_min(floor).sqrt()
}

/// Flattens a map `[n, c, h, w]` to `[n, c, h · w]`.
pub fn positions(map: Tensor<4>) -> Tensor<3> {
    let [n, c, h, w] = map.dims();
    map.reshape([n, c, h * w])
}
