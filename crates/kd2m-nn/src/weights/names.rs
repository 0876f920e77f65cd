//! Names that other programs give the tensors of our networks (ours are torchvision's, which are timm's too): one function a family.

use crate::zoo;

/// Wrappers' prefixes (`DataParallel`, `torch.compile`), which tell nothing of whose a state dict is.
pub(super) const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// A family's name of a tensor that we call `key` in this network; nothing where it has no other.
type Family = fn(network: &str, key: &str) -> Option<String>;

const FAMILIES: [Family; 8] = [
    |_, key| key.contains("downsample.").then(|| key.replace("downsample.", "shortcut.")),
    |_, key| Some(format!("linear.{}", key.strip_prefix("fc.")?)),
    |_, key| hugging_face(key),
    // The same without its classifier (`ResNetModel`).
    |_, key| Some(hugging_face(key)?.strip_prefix("resnet.")?.to_owned()),
    |_, key| pytorch_cifar100(key),
    // timm's networks under a neck of their own, as transformers' TimmBackbone keeps them, end in `head.fc`.
    |_, key| Some(format!("head.fc.{}", key.strip_prefix("fc.")?)),
    tensorflow_port,
    // `vit_base_patch16_224`, DeiT-B and DINO's ViT-B/16 are torchvision's network.
    |network, key| if network == "vit_b_16" { zoo::timm_name(key) } else { None },
];

/// Every name that a tensor of ours may have in a file, our own first.
pub(super) fn alternatives(network: &str, key: &str) -> Vec<String> {
    let mut all = vec![key.to_owned()];
    all.extend(FAMILIES.iter().filter_map(|family| family(network, key)));
    all
}

/// ResNets of Hugging Face's transformers (`ResNetForImageClassification`); logits of a ResNet-50 of 5.24.0 were within 1e-5 of its own.
fn hugging_face(key: &str) -> Option<String> {
    let (module, tensor) = key.rsplit_once('.')?;
    let place = match module {
        "conv1" => "resnet.embedder.embedder.convolution".to_owned(),
        "bn1" => "resnet.embedder.embedder.normalization".to_owned(),
        "fc" => "classifier.1".to_owned(),
        _ => {
            let (stage, block, part) = block(module)?;
            let part = match part {
                "downsample.0" => "shortcut.convolution".to_owned(),
                "downsample.1" => "shortcut.normalization".to_owned(),
                _ => {
                    let (kind, i) = numbered(part)?;
                    format!(
                        "layer.{}.{}",
                        i.checked_sub(1)?,
                        if kind == "conv" { "convolution" } else { "normalization" }
                    )
                }
            };
            format!("resnet.encoder.stages.{}.layers.{block}.{part}", stage.checked_sub(1)?)
        }
    };
    Some(format!("{place}.{tensor}"))
}

/// ResNets of the widespread repository `weiaicunzai/pytorch-cifar100`.
fn pytorch_cifar100(key: &str) -> Option<String> {
    let (module, tensor) = key.rsplit_once('.')?;
    let place = match module {
        "conv1" => "conv1.0".to_owned(),
        "bn1" => "conv1.1".to_owned(),
        _ => {
            let (stage, block, part) = block(module)?;
            let part = match part.strip_prefix("downsample.") {
                Some(i) => format!("shortcut.{i}"),
                None => {
                    // Convolution, batch norm, ReLU, and again.
                    let (kind, i) = numbered(part)?;
                    format!("residual_function.{}", 3 * i.checked_sub(1)? + usize::from(kind == "bn"))
                }
            };
            format!("conv{}_x.{block}.{part}", stage + 1)
        }
    };
    Some(format!("{place}.{tensor}"))
}

/// EfficientNet-Lite0 of TensorFlow as `efficientnet_lite_pytorch` ports it. They are weights for TensorFlow's padding alone: under PyTorch's,
/// which has the same tensors, they would see another image and say nothing.
fn tensorflow_port(network: &str, key: &str) -> Option<String> {
    if network != "tf_efficientnet_lite0" {
        return None;
    }
    let (module, tensor) = key.rsplit_once('.')?;
    let place = match module {
        "conv_stem" | "conv_head" => format!("_{module}"),
        "bn1" => "_bn0".to_owned(),
        "bn2" => "_bn1".to_owned(),
        "classifier" => "_fc".to_owned(),
        _ => {
            let (group, rest) = module.strip_prefix("blocks.")?.split_once('.')?;
            let (block, part) = rest.split_once('.')?;
            let number = zoo::number(group.parse().ok()?, block.parse().ok()?)?;
            // The first block widens nothing.
            let part = match (group, part) {
                (_, "conv_dw") => "_depthwise_conv",
                ("0", "conv_pw") | (_, "conv_pwl") => "_project_conv",
                (_, "conv_pw") => "_expand_conv",
                ("0", "bn2") | (_, "bn3") => "_bn2",
                ("0", "bn1") | (_, "bn2") => "_bn1",
                (_, "bn1") => "_bn0",
                _ => return None,
            };
            format!("_blocks.{number}.{part}")
        }
    };
    Some(format!("{place}.{tensor}"))
}

/// Stage, block and part of `layer1.0.conv1`.
fn block(module: &str) -> Option<(usize, usize, &str)> {
    let (stage, rest) = module.strip_prefix("layer")?.split_once('.')?;
    let (block, part) = rest.split_once('.')?;
    Some((stage.parse().ok()?, block.parse().ok()?, part))
}

/// `conv` or `bn` and its number.
fn numbered(part: &str) -> Option<(&str, usize)> {
    ["conv", "bn"].iter().find_map(|kind| Some((*kind, part.strip_prefix(kind)?.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_programs_names_are_known() {
        for (ours, theirs) in [
            ("layer2.0.downsample.1.bias", "layer2.0.shortcut.1.bias"),
            ("fc.weight", "linear.weight"),
            ("conv1.weight", "resnet.embedder.embedder.convolution.weight"),
            ("bn1.running_var", "resnet.embedder.embedder.normalization.running_var"),
            ("layer1.0.downsample.0.weight", "resnet.encoder.stages.0.layers.0.shortcut.convolution.weight"),
            ("layer4.2.bn3.bias", "resnet.encoder.stages.3.layers.2.layer.2.normalization.bias"),
            ("layer4.2.bn3.bias", "encoder.stages.3.layers.2.layer.2.normalization.bias"),
            ("fc.bias", "classifier.1.bias"),
            ("bn1.weight", "conv1.1.weight"),
            ("layer3.1.conv2.weight", "conv4_x.1.residual_function.3.weight"),
            ("layer3.1.bn2.weight", "conv4_x.1.residual_function.4.weight"),
            ("layer3.0.downsample.0.weight", "conv4_x.0.shortcut.0.weight"),
        ] {
            let all = alternatives("resnet18", ours);
            assert_eq!(all[0], ours);
            assert!(all.contains(&theirs.to_owned()), "{ours}: {all:?}");
        }
        assert_eq!(alternatives("resnet18", "conv2.weight"), ["conv2.weight"]);
    }

    #[test]
    fn timm_s_transformer_is_torchvision_s() {
        for (ours, theirs) in [
            ("class_token", "cls_token"),
            ("encoder.pos_embedding", "pos_embed"),
            ("conv_proj.bias", "patch_embed.proj.bias"),
            ("encoder.layers.encoder_layer_0.ln_1.weight", "blocks.0.norm1.weight"),
            ("encoder.layers.encoder_layer_11.self_attention.in_proj_weight", "blocks.11.attn.qkv.weight"),
            ("encoder.layers.encoder_layer_11.self_attention.in_proj_bias", "blocks.11.attn.qkv.bias"),
            ("encoder.layers.encoder_layer_3.self_attention.out_proj.weight", "blocks.3.attn.proj.weight"),
            ("encoder.layers.encoder_layer_3.mlp.3.bias", "blocks.3.mlp.fc2.bias"),
            ("encoder.ln.bias", "norm.bias"),
            ("heads.head.weight", "head.weight"),
        ] {
            assert_eq!(alternatives("vit_b_16", ours), [ours, theirs]);
            assert_eq!(alternatives("another", ours), [ours]);
        }
        let graph = zoo::build("vit_b_16", &zoo::ZooOptions::new(10, 3, 32, 32)).unwrap();
        assert!(graph.parameters().iter().all(|spec| alternatives("vit_b_16", &spec.key).len() == 2));
    }

    #[test]
    fn ports_of_tensorflow_are_the_network_with_its_padding() {
        for (ours, theirs) in [
            ("conv_stem.weight", "_conv_stem.weight"),
            ("bn1.running_mean", "_bn0.running_mean"),
            ("bn2.bias", "_bn1.bias"),
            ("classifier.weight", "_fc.weight"),
            ("blocks.0.0.conv_dw.weight", "_blocks.0._depthwise_conv.weight"),
            ("blocks.0.0.bn1.weight", "_blocks.0._bn1.weight"),
            ("blocks.0.0.conv_pw.weight", "_blocks.0._project_conv.weight"),
            ("blocks.0.0.bn2.weight", "_blocks.0._bn2.weight"),
            ("blocks.1.0.conv_pw.weight", "_blocks.1._expand_conv.weight"),
            ("blocks.2.1.bn1.weight", "_blocks.4._bn0.weight"),
            ("blocks.6.0.bn2.weight", "_blocks.15._bn1.weight"),
            ("blocks.6.0.conv_pwl.weight", "_blocks.15._project_conv.weight"),
        ] {
            assert_eq!(alternatives("tf_efficientnet_lite0", ours).last().unwrap(), theirs);
            assert!(!alternatives("efficientnet_lite0", ours).contains(&theirs.to_owned()));
        }
    }
}
