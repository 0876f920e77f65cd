//! What timm can load.

use kd2m_nn::zoo::Stem;

use crate::saved::Description;

/// Networks that timm has under this name and with these keys, on its ImageNet stem.
const TIMM: &[&str] = &["resnet18", "resnet34", "resnet50", "resnet101"];

/// Whether `timm.create_model` makes the same network of the description.
pub(super) fn timm_knows(description: &Description) -> bool {
    TIMM.contains(&description.model.as_str()) && description.stem == Stem::Imagenet && description.input[0] == 3
}
