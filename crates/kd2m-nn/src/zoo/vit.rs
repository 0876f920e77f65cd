//! Vision transformers (Dosovitskiy et al. 2021; DeiT, Touvron et al. 2021) under torchvision's keys (`vit_b_16`) and timm's (the others).
//! Features are the class token behind the last norm. Initial values are timm's.

use super::ZooOptions;
use crate::{
    graph::{Graph, GraphBuilder, GraphError, NodeId, Shape},
    layer::{Attention, Conv, Init, Layer, LayerNorm, Linear, Position, Prepend},
    parameter::key,
};

/// Of weights and positions.
const INIT: Init = Init::Normal(0.02);
const EPS: f32 = 1e-6;
const DEPTH: usize = 12;

struct Vit {
    name: &'static str,
    keys: &'static Keys,
    /// Side of a patch.
    patch: usize,
    width: usize,
    heads: usize,
}

/// How tensors are called.
struct Keys {
    patches: &'static str,
    class: &'static str,
    positions: &'static str,
    block: &'static str,
    /// Norm, projection to q, k and v, its attention, projection back, norm, widening, activation, narrowing.
    parts: [&'static str; 8],
    norm: &'static str,
    head: &'static str,
}

const TORCHVISION: Keys = Keys {
    patches: "conv_proj",
    class: "class_token",
    positions: "encoder.pos_embedding",
    block: "encoder.layers.encoder_layer_",
    parts: [
        "ln_1",
        "self_attention.in_proj_",
        "self_attention",
        "self_attention.out_proj",
        "ln_2",
        "mlp.0",
        "mlp.1",
        "mlp.3",
    ],
    norm: "encoder.ln",
    head: "heads.head",
};

const TIMM: Keys = Keys {
    patches: "patch_embed.proj",
    class: "cls_token",
    positions: "pos_embed",
    block: "blocks.",
    parts: ["norm1", "attn.qkv", "attn", "attn.proj", "norm2", "mlp.fc1", "mlp.act", "mlp.fc2"],
    norm: "norm",
    head: "head",
};

/// torchvision's `vit_b_16`.
pub(super) fn b_16(options: &ZooOptions) -> Result<Graph, GraphError> {
    vit(&Vit { name: "vit_b_16", keys: &TORCHVISION, patch: 16, width: 768, heads: 12 }, options)
}

/// timm's `deit_tiny_patch16_224`.
pub(super) fn deit_tiny(options: &ZooOptions) -> Result<Graph, GraphError> {
    vit(&Vit { name: "deit_tiny_patch16_224", keys: &TIMM, patch: 16, width: 192, heads: 3 }, options)
}

/// timm's `deit_small_patch16_224`.
pub(super) fn deit_small(options: &ZooOptions) -> Result<Graph, GraphError> {
    vit(&Vit { name: "deit_small_patch16_224", keys: &TIMM, patch: 16, width: 384, heads: 6 }, options)
}

/// DeiT-Ti with patches of 4×4, for 32×32 images.
pub(super) fn tiny_cifar(options: &ZooOptions) -> Result<Graph, GraphError> {
    vit(&Vit { name: "vit_tiny_cifar", keys: &TIMM, patch: 4, width: 192, heads: 3 }, options)
}

/// What timm calls a tensor of torchvision's transformers.
pub(crate) fn timm_name(torchvision: &str) -> Option<String> {
    let modules = |keys: &'static Keys| [keys.patches, keys.norm, keys.head];
    let (block, rest) = match torchvision.strip_prefix(TORCHVISION.block).and_then(|rest| rest.split_once('.')) {
        Some((number, rest)) => (format!("{}{number}.", TIMM.block), rest),
        None => (String::new(), torchvision),
    };
    let (ours, theirs) = match block.is_empty() {
        true => (modules(&TORCHVISION).to_vec(), modules(&TIMM).to_vec()),
        false => (TORCHVISION.parts.to_vec(), TIMM.parts.to_vec()),
    };
    let tensor = |from: &str, to: &str| {
        ["weight", "bias"].into_iter().find(|tensor| key(from, tensor) == rest).map(|tensor| key(to, tensor))
    };
    let alone = [(TORCHVISION.class, TIMM.class), (TORCHVISION.positions, TIMM.positions)];
    let alone = alone.into_iter().find(|(ours, _)| *ours == torchvision).map(|(_, theirs)| theirs.to_owned());
    let inside = || ours.iter().zip(&theirs).find_map(|(from, to)| tensor(from, to));
    alone.or_else(|| Some(format!("{block}{}", inside()?)))
}

fn linear(inputs: usize, outputs: usize) -> Linear {
    Linear { init: INIT, ..Linear::new(inputs, outputs) }
}

fn norm(b: &mut GraphBuilder, name: &str, x: NodeId) -> NodeId {
    let norm = LayerNorm { width: b.shape(x).channels(), eps: EPS };
    b.push(name, Layer::LayerNorm(norm), &[x])
}

fn vit(network: &Vit, options: &ZooOptions) -> Result<Graph, GraphError> {
    let Vit { name, keys, patch, width, .. } = *network;
    if !options.height.is_multiple_of(patch) || !options.width.is_multiple_of(patch) {
        let message = format!("{}×{} are not whole patches of {patch}×{patch}", options.height, options.width);
        return Err(GraphError::Shape { node: keys.patches.to_owned(), message });
    }
    let (mut b, x) = options.begin(name);
    let patches = Conv { padding: [0; 2], init: Init::TorchDefault, ..Conv::square(options.channels, width, patch) };
    let x = b.conv(keys.patches, x, patches.stride(patch).with_bias());
    b.stage("stem", x);
    let x = b.push("tokens", Layer::Tokens, &[x]);
    let x = b.push(keys.class, Layer::Prepend(Prepend { width, init: Init::Normal(1e-6) }), &[x]);
    let Shape::Tokens { tokens, .. } = b.shape(x) else { return b.finish(x, x) };
    let mut x = b.push(keys.positions, Layer::Position(Position { tokens, width, init: INIT }), &[x]);
    for i in 0..DEPTH {
        x = block(&mut b, network, &format!("{}{i}.", keys.block), x);
        b.block(x);
    }
    let x = norm(&mut b, keys.norm, x);
    let features = b.push("class", Layer::Token { at: 0 }, &[x]);
    let logits = b.linear(keys.head, features, linear(width, options.classes));
    b.finish(features, logits)
}

/// Tokens mix, then each is changed by itself.
fn block(b: &mut GraphBuilder, network: &Vit, module: &str, x: NodeId) -> NodeId {
    let (width, heads) = (network.width, network.heads);
    let [before, triple, attention, project, between, widen, activation, narrow] =
        network.keys.parts.map(|part| format!("{module}{part}"));
    let y = norm(b, &before, x);
    let y = b.linear(&triple, y, linear(width, 3 * width));
    let y = b.push(&attention, Layer::Attention(Attention { heads }), &[y]);
    let y = b.linear(&project, y, linear(width, width));
    let x = b.add(&format!("{module}add1"), y, x);
    let y = norm(b, &between, x);
    let y = b.linear(&widen, y, linear(width, 4 * width));
    let y = b.push(&activation, Layer::Gelu, &[y]);
    let y = b.linear(&narrow, y, linear(4 * width, width));
    b.add(&format!("{module}add2"), y, x)
}
