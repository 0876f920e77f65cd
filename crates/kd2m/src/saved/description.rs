//! What a file of ours says of its network: all that it takes to build it again, as one JSON text among its metadata.

use std::path::Path;

use kd2m_data::Frame;
use kd2m_nn::{
    Graph, weights,
    zoo::{self, Stem, ZooOptions},
};
use serde::{Deserialize, Serialize};

use crate::Error;

/// A network beside its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// A name of `kd2m list models`.
    pub model: String,
    /// Read by networks with a choice of stem only.
    #[serde(default)]
    pub stem: Stem,
    /// Length of the logits.
    pub classes: usize,
    /// One a class; empty in files of older versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_names: Vec<String>,
    /// Channels, height and width of its images.
    pub input: [usize; 3],
    /// Of each channel, of pixels in 0…1.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel.
    pub std: Vec<f32>,
    /// How images come to that size; none: squashed (bilinear).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
}

impl Description {
    /// That of a file, if it has one.
    pub fn read(file: &Path) -> Option<Self> {
        serde_json::from_str(&weights::metadata(file)?).ok()
    }

    /// As it stands in a file.
    ///
    /// # Errors
    /// None: every field has a JSON form.
    pub fn text(&self) -> Result<String, Error> {
        // Through a value, whose keys are sorted and whose numbers are the f32 exactly.
        let value = serde_json::to_value(self).map_err(Error::json("the description of a network"))?;
        Ok(value.to_string())
    }

    /// The network of the zoo.
    ///
    /// # Errors
    /// A name that the zoo does not have, images that are too small.
    pub fn graph(&self) -> Result<Graph, Error> {
        let [channels, height, width] = self.input;
        let options = ZooOptions {
            classes: self.classes,
            stem: self.stem,
            channels,
            height,
            width,
            mean: self.mean.clone(),
            std: self.std.clone(),
        };
        Ok(zoo::build(&self.model, &options)?)
    }

    /// The name of a class, or its number.
    pub fn class(&self, label: usize) -> String {
        self.class_names.get(label).cloned().unwrap_or_else(|| label.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_older_versions_are_read_and_text_is_exact() {
        let old =
            r#"{"classes":10,"input":[1,8,8],"mean":[0.30000001192092896],"model":"mlp-3","std":[0.5],"stem":"cifar"}"#;
        let found: Description = serde_json::from_str(old).unwrap();
        assert_eq!((found.stem, found.mean[0], found.class(3)), (Stem::Cifar, 0.3, "3".to_owned()));
        let again: Description = serde_json::from_str(&found.text().unwrap()).unwrap();
        assert_eq!(again, found);
        assert!(found.text().unwrap().contains("0.30000001192092896"));
        let graph = found.graph().unwrap();
        assert_eq!((graph.name.as_str(), graph.classes()), ("mlp-3", 10));
    }
}
