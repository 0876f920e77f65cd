//! Features in two dimensions, three ways: principal components ([`pca`]), t-SNE ([`tsne`]) and UMAP ([`umap`]).
//! The last two are exact and small, for the few hundred points of a picture, and repeat their picture; the crates that were looked at
//! bring tens of dependencies. Neighbourhoods are kept; distances between clusters mean nothing.

pub mod pca;
pub mod tsne;
pub mod umap;

pub use pca::Plane;

/// Squared Euclidean distances between all rows of `[n, d]`, an n × n matrix.
fn squared_distances(features: &[f64], d: usize) -> Vec<f64> {
    let n = features.len() / d.max(1);
    let mut all = vec![0.0; n * n];
    for i in 0..n {
        let a = &features[i * d..(i + 1) * d];
        for j in 0..i {
            let b = &features[j * d..(j + 1) * d];
            let distance = a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum();
            all[i * n + j] = distance;
            all[j * n + i] = distance;
        }
    }
    all
}

/// The first two principal components of row-major features, scaled so that the first has this deviation: where the
/// iterations of [`tsne`] and [`umap`] start, so that pictures of one run look alike and repeat.
fn start(features: &[f32], d: usize, deviation: f64) -> Vec<[f64; 2]> {
    let n = features.len() / d.max(1);
    let points = Plane::fit(features, d).map_or_else(|| vec![[0.0; 2]; n], |plane| plane.project(features));
    let spread = (points.iter().map(|p| p[0] * p[0]).sum::<f64>() / n.max(1) as f64).sqrt();
    let scale = if spread > 0.0 { deviation / spread } else { 0.0 };
    // Equal features would stay equal for ever: a nudge that depends on the index alone parts them.
    let nudge = |i: usize| 1e-3 * deviation * ((i * 7919 % 1009) as f64 / 1009.0 - 0.5);
    points.iter().enumerate().map(|(i, p)| [p[0] * scale + nudge(i), p[1] * scale + nudge(i + 500)]).collect()
}

fn wide(features: &[f32]) -> Vec<f64> {
    features.iter().map(|x| f64::from(*x)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three clusters in five dimensions, as scripts/golden/embeddings.py makes them.
    pub fn clusters(each: usize) -> Vec<f32> {
        let value = |i: usize, j: usize| {
            let centre = if i % 3 == j { 8.0 } else { 0.0 };
            (centre + ((i * 31 + j * 57 + i * j) as f64 * 0.73).sin()) as f32
        };
        (0..3 * each).flat_map(|i| (0..5).map(move |j| value(i, j))).collect()
    }

    /// Share of points whose nearest neighbour in the plane is of their own cluster.
    pub fn purity(points: &[[f64; 2]]) -> f64 {
        let nearest = |i: usize| {
            let distance = |j: &usize| (points[i][0] - points[*j][0]).hypot(points[i][1] - points[*j][1]);
            (0..points.len()).filter(|j| *j != i).min_by(|a, b| distance(a).total_cmp(&distance(b)))
        };
        let pure = (0..points.len()).filter(|i| nearest(*i).is_some_and(|j| j % 3 == i % 3)).count();
        pure as f64 / points.len() as f64
    }

    #[test]
    fn every_map_keeps_clusters_apart_and_repeats() {
        let features = clusters(20);
        for embed in [tsne::embed, umap::embed] {
            let points = embed(&features, 5);
            assert_eq!(points.len(), 60);
            assert!(purity(&points) == 1.0, "{points:?}");
            assert_eq!(points, embed(&features, 5));
        }
    }

    #[test]
    fn little_or_equal_points_are_no_trouble() {
        for embed in [tsne::embed, umap::embed] {
            for features in [&[][..], &[1.0, 2.0], &[1.0, 2.0, 3.0, 4.0], &[1.0; 40]] {
                let points = embed(features, 2);
                assert_eq!(points.len(), features.len() / 2);
                assert!(points.iter().flatten().all(|x| x.is_finite()));
            }
        }
    }
}
