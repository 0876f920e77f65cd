//! What our files call their parts.

use std::collections::BTreeMap;

/// What a file says beside its graph: keys and texts.
pub type Metadata = BTreeMap<String, String>;

/// Names of a file's input and outputs.
pub(super) const IMAGES: &str = "images";
pub(super) const FEATURES: &str = "features";
pub(super) const LOGITS: &str = "logits";
/// Key of the metadata entry that lists the stages.
pub(super) const STAGES: &str = "kd2m.stages";
