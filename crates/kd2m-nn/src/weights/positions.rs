//! Learned positions of another number of patches, brought to the network's by bicubic interpolation over their grid, as the package does that
//! wrote them. The class token's stays.

use super::{NamedTensor, ParameterSpec, slot::Slot};
use crate::{
    graph::{Graph, NodeId, Shape},
    layer::Layer,
};

/// Whose interpolation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// torchvision's `interpolate_embeddings`: corners meet corners, Keys' kernel of −3/4, the border repeated.
    Corners,
    /// timm's `resample_abs_pos_embed`: the kernel, of −1/2, is as wide as what becomes smaller needs, and ends at the border.
    Antialiased,
}

/// The grid of a network's positions.
#[derive(Clone, Copy)]
pub(super) struct Grid {
    sides: [usize; 2],
    /// Tokens before the patches.
    before: usize,
    width: usize,
}

impl Grid {
    /// Of a tensor that is positions of patches.
    pub fn of(graph: &Graph, spec: &ParameterSpec) -> Option<Self> {
        let Layer::Position(position) = &graph.node(spec.node).layer else { return None };
        let mut at = spec.node;
        loop {
            let [NodeId(input)] = graph.node(at).inputs[..] else { return None };
            let is_patches = matches!(graph.node(at).layer, Layer::Tokens);
            at = NodeId(input);
            if is_patches {
                break;
            }
        }
        let Shape::Map { height, width, .. } = graph.node(at).shape else { return None };
        let before = position.tokens.checked_sub(height * width)?;
        Some(Self { sides: [height, width], before, width: position.width })
    }

    /// The side of the square that positions of this shape are of.
    fn side(&self, shape: &[usize]) -> Option<usize> {
        let [1, tokens, width] = *shape else { return None };
        let patches = tokens.checked_sub(self.before)?;
        let side = patches.isqrt();
        (width == self.width && side > 0 && side * side == patches).then_some(side)
    }

    /// Whether what is there can be brought to this grid.
    pub fn takes(&self, found: &Slot) -> bool {
        matches!(found, Slot::Tensor(shape) if self.side(shape).is_some())
    }

    /// The same positions on this grid, where they are of another number of patches; `name`: what the file calls them.
    pub fn resized(&self, tensor: &NamedTensor, name: &str) -> Option<NamedTensor> {
        let (side, width) = (self.side(&tensor.shape)?, self.width);
        if side * side == self.sides[0] * self.sides[1] {
            return None;
        }
        let way = if name.ends_with("pos_embed") { Way::Antialiased } else { Way::Corners };
        let [rows, columns] = self.sides.map(|to| taps(way, side, to));
        let (before, patches) = tensor.values.split_at_checked(self.before * width)?;
        let patch = |y: usize, x: usize| patches.get((y * side + x) * width..)?.get(..width);
        let mut values = before.to_vec();
        for row in &rows {
            for column in &columns {
                let mut sum = vec![0.0; width];
                for (y, by_row) in row.iter().enumerate().filter(|(_, by)| **by != 0.0) {
                    for (x, by_column) in column.iter().enumerate().filter(|(_, by)| **by != 0.0) {
                        let patch = patch(y, x)?;
                        sum.iter_mut().zip(patch).for_each(|(sum, v)| *sum += by_row * by_column * f64::from(*v));
                    }
                }
                values.extend(sum.into_iter().map(|v| v as f32));
            }
        }
        Some(NamedTensor { shape: vec![1, self.before + rows.len() * columns.len(), width], values })
    }
}

/// What each of `to` places takes of each of `from`.
fn taps(way: Way, from: usize, to: usize) -> Vec<Vec<f64>> {
    let one = |place: usize| {
        let mut taps = vec![0.0; from];
        match way {
            Way::Corners => {
                let centre = if to > 1 { place as f64 * (from - 1) as f64 / (to - 1) as f64 } else { 0.0 };
                let first = centre.floor() as isize - 1;
                for at in first..first + 4 {
                    taps[at.clamp(0, from as isize - 1) as usize] += keys(-0.75, centre - at as f64);
                }
            }
            Way::Antialiased => {
                let scale = from as f64 / to as f64;
                let (centre, wide) = ((place as f64 + 0.5) * scale, scale.max(1.0));
                for (at, tap) in taps.iter_mut().enumerate() {
                    *tap = keys(-0.5, (at as f64 + 0.5 - centre) / wide);
                }
                let sum: f64 = taps.iter().sum();
                taps.iter_mut().for_each(|tap| *tap /= sum);
            }
        }
        taps
    };
    (0..to).map(one).collect()
}

/// Keys' cubic convolution kernel (1981), which ends at 2.
fn keys(a: f64, x: f64) -> f64 {
    match x.abs() {
        x if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
        x if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        graph::GraphBuilder,
        init::initialise,
        layer::{Conv, Init, Linear, Position, Prepend},
        weights::{Owner, Source, check, load, write},
    };

    /// Values of timm 1.0.31 and torchvision 0.29.2 (PyTorch 2.15.0): `resample_abs_pos_embed` and `interpolate_embeddings` of positions of
    /// i · 0.618034 mod 1, two numbers each.
    #[test]
    fn positions_are_resized_as_timm_and_torchvision_do() {
        let golden: [(&str, usize, [usize; 2], &[f32]); 5] = [
            (
                "blocks.pos_embed",
                3,
                [5, 4],
                &[
                    0.0, 0.618034, 0.1663442, 0.9199738, 0.3613151, 0.3281674, 0.604127, 0.0941099, 0.7425582,
                    0.3645348, 0.5058631, 0.7864055, 0.377891, 0.5170425, 0.4317158, 0.263131, 0.6335941, 0.1838513,
                    0.9841789, 0.5499741, 0.4489123, 0.7638593, 0.2148547, 0.5298017, 0.4287399, -0.0054649, 0.7948626,
                    0.3451199, 0.7155831, 0.5469981, 0.4616716, 0.600823, 0.1923085, 0.472851, 0.6141792, 0.2361557,
                    0.8846042, 0.3745869, 0.6505466, 0.6173989, 0.0587402, 0.8123698,
                ],
            ),
            (
                "pos_embed",
                5,
                [3, 2],
                &[
                    0.0, 0.618034, 0.541466, 0.3230241, 0.5304209, 0.6651083, 0.5237559, 0.4316665, 0.3651764,
                    0.605431, 0.4228135, 0.5761365, 0.5960826, 0.3275156,
                ],
            ),
            ("pos_embed", 4, [1, 3], &[0.0, 0.618034, 0.1973127, 0.720381, 0.506578, 0.3570114, 0.8158433, 0.4052732]),
            (
                "encoder.pos_embedding",
                5,
                [2, 2],
                &[0.0, 0.618034, 0.236068, 0.854102, 0.18034, 0.798374, 0.957428, 0.575462, 0.9017, 0.519734],
            ),
            ("encoder.pos_embedding", 4, [1, 1], &[0.0, 0.618034, 0.236068, 0.854102]),
        ];
        for (name, side, sides, expected) in golden {
            let count = (1 + side * side) * 2;
            let values = (0..count).map(|i| ((i as f64 * 0.618_034) % 1.0) as f32).collect();
            let tensor = NamedTensor { shape: vec![1, 1 + side * side, 2], values };
            let found = Grid { sides, before: 1, width: 2 }.resized(&tensor, name).unwrap();
            assert_eq!(found.shape, [1, 1 + sides[0] * sides[1], 2]);
            let near = found.values.iter().zip(expected).all(|(a, b)| (a - b).abs() < 2e-6);
            assert!(near && found.values.len() == expected.len(), "{name} {side} {sides:?}: {:?}", found.values);
        }
    }

    /// A file of one size for a network of another, and what is not of that kind.
    #[test]
    fn files_of_other_sizes_fit() {
        let network = |side: usize, width: usize| {
            let init = Init::Normal(1.0);
            let (mut b, x) = GraphBuilder::new("vit", 1, side, side, &[0.0], &[1.0]);
            let x = b.conv("patch_embed.proj", x, Conv::square(1, width, 1));
            let x = b.push("tokens", Layer::Tokens, &[x]);
            let x = b.push("cls_token", Layer::Prepend(Prepend { width, init }), &[x]);
            let tokens = 1 + side * side;
            let x = b.push("pos_embed", Layer::Position(Position { tokens, width, init }), &[x]);
            let features = b.push("class", Layer::Token { at: 0 }, &[x]);
            let logits = b.linear("head", features, Linear::new(width, 2));
            b.finish(features, logits).unwrap()
        };
        let folder = tempfile::tempdir().unwrap();
        let source = Source { path: folder.path().join("vit.safetensors"), key: None };
        let held = initialise(&network(4, 6), 1);
        write(&source.path, &held, None).unwrap();
        let same = load(&source, &network(4, 6), Owner::Any).unwrap();
        assert_eq!((&same.weights, same.resized), (&held, vec![]));
        let larger = network(5, 6);
        let found = load(&source, &larger, Owner::Any).unwrap();
        assert_eq!(found.resized, ["pos_embed"]);
        check(&larger, &found.weights).unwrap();
        assert_eq!(found.weights["cls_token"], held["cls_token"]);
        assert_eq!(found.weights["pos_embed"].values[..6], held["pos_embed"].values[..6], "the class token's stays");
        let error = load(&source, &network(5, 8), Owner::Any).unwrap_err().to_string();
        assert!(error.contains("pos_embed should be [1, 26, 8] but is [1, 17, 6]"), "{error}");
    }

    /// What torchvision's makes of 3 × 3 at 5 × 5: every other place is one of the old.
    #[test]
    fn corners_stay_where_they_are() {
        for (place, taps) in taps(Way::Corners, 3, 5).iter().enumerate().step_by(2) {
            assert!(
                taps.iter().enumerate().all(|(at, tap)| (tap - f64::from(u8::from(2 * at == place))).abs() < 1e-12)
            );
        }
    }
}
