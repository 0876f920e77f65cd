//! Names that other programs give the tensors of our networks (ours are torchvision's, which are timm's too): one function a family.

/// Wrappers' prefixes (`DataParallel`, `torch.compile`), which tell nothing of whose a state dict is.
pub(super) const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// A family's name of a tensor that we call `key`; nothing where it has no other.
type Family = fn(key: &str) -> Option<String>;

const FAMILIES: [Family; 6] = [
    |key| key.contains("downsample.").then(|| key.replace("downsample.", "shortcut.")),
    |key| Some(format!("linear.{}", key.strip_prefix("fc.")?)),
    hugging_face,
    // The same without its classifier (`ResNetModel`).
    |key| Some(hugging_face(key)?.strip_prefix("resnet.")?.to_owned()),
    pytorch_cifar100,
    // timm's networks under a neck of their own, as transformers' TimmBackbone keeps them, end in `head.fc`.
    |key| Some(format!("head.fc.{}", key.strip_prefix("fc.")?)),
];

/// Every name that a tensor of ours may have in a file, our own first.
pub(super) fn alternatives(key: &str) -> Vec<String> {
    let mut all = vec![key.to_owned()];
    all.extend(FAMILIES.iter().filter_map(|family| family(key)));
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
            let all = alternatives(ours);
            assert_eq!(all[0], ours);
            assert!(all.contains(&theirs.to_owned()), "{ours}: {all:?}");
        }
        assert_eq!(alternatives("conv2.weight"), ["conv2.weight"]);
    }
}
