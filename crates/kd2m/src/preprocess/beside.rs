//! What weights say themselves of the pixels that they were trained on: our own metadata in a safetensors header, or beside the file a
//! `config.json`, as timm writes it, or a `preprocessor_config.json`, as Hugging Face does.

use std::path::Path;

use kd2m_data::Frame;
use kd2m_nn::weights;
use serde_json::Value;

use super::framing;
use crate::Error;

/// Mean and deviation of each channel, and where they were found.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Of each channel.
    pub mean: Vec<f64>,
    /// Of each channel.
    pub std: Vec<f64>,
    /// How images come to the network's size, where it is said.
    pub frame: Option<Frame>,
    /// The file that says so.
    pub place: String,
}

/// Names of mean and deviation: ours and timm's, then those of Hugging Face's image processors.
const NAMES: [[&str; 2]; 2] = [["mean", "std"], ["image_mean", "image_std"]];

/// Files beside the weights that may say it.
const BESIDE: [&str; 2] = ["config.json", "preprocessor_config.json"];

/// Where in one they may stand.
const SECTIONS: [&str; 2] = ["pretrained_cfg", "default_cfg"];

/// What the file's header or a file beside it says, for images of this height and width; nothing where neither says anything.
///
/// # Errors
/// A mean or a deviation there that is no list of numbers: it says something that cannot be followed.
pub fn told(file: &Path, data: [usize; 2]) -> Result<Option<Told>, Error> {
    if let Some(text) = weights::metadata(file)
        && let Some(found) = numbers(&text, false, data).map_err(|why| unclear(file, "metadata", &why))?
    {
        return Ok(Some(found.at(format!("the metadata of {}", file.display()))));
    }
    for name in BESIDE {
        let beside = file.with_file_name(name);
        let Ok(text) = std::fs::read_to_string(&beside) else { continue };
        if let Some(found) = numbers(&text, true, data).map_err(|why| unclear(&beside, "text", &why))? {
            return Ok(Some(found.at(beside.display().to_string())));
        }
    }
    Ok(None)
}

fn unclear(file: &Path, what: &str, why: &str) -> Error {
    Error::Config(format!("{}: its {what} {why}: give a preset, or mean and std", file.display()))
}

struct Numbers {
    mean: Vec<f64>,
    std: Vec<f64>,
    frame: Option<Frame>,
}

impl Numbers {
    fn at(self, place: String) -> Told {
        Told { mean: self.mean, std: self.std, frame: self.frame, place }
    }
}

/// Both lists, from the whole text or (with `sections`) from one of the usual parts of it.
fn numbers(text: &str, sections: bool, data: [usize; 2]) -> Result<Option<Numbers>, String> {
    // A config.json of something else says nothing.
    let Ok(value) = serde_json::from_str::<Value>(text) else { return Ok(None) };
    let parts = SECTIONS.iter().filter(|_| sections).filter_map(|name| value.get(name));
    for part in [&value].into_iter().chain(parts) {
        for [mean, std] in NAMES {
            if let (Some(mean_value), Some(std_value)) = (part.get(mean), part.get(std)) {
                let list = |name: &str, value: &Value| {
                    let all: Option<Vec<f64>> = value.as_array().and_then(|v| v.iter().map(Value::as_f64).collect());
                    all.ok_or_else(|| format!("has a `{name}` that is no list of numbers"))
                };
                let (mean, std) = (list(mean, mean_value)?, list(std, std_value)?);
                return Ok(Some(Numbers { mean, std, frame: framing::told(part, data) }));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beside(config: &str) -> Result<Option<[Vec<f64>; 2]>, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let found = told(&folder.path().join("t.pth"), [8, 8]).map_err(|e| e.to_string())?;
        Ok(found.map(|t| {
            assert!(t.place.ends_with("config.json"));
            [t.mean, t.std]
        }))
    }

    #[test]
    fn timm_s_and_hugging_face_s_keys_are_read() {
        let right = Ok(Some([vec![0.5, 0.25, 0.125], vec![0.2, 0.3, 0.4]]));
        for config in [
            r#"{"architecture": "resnet18", "pretrained_cfg": {"mean": [0.5, 0.25, 0.125], "std": [0.2, 0.3, 0.4]}}"#,
            r#"{"mean": [0.5, 0.25, 0.125], "std": [0.2, 0.3, 0.4]}"#,
            r#"{"image_mean": [0.5, 0.25, 0.125], "image_std": [0.2, 0.3, 0.4]}"#,
        ] {
            assert_eq!(beside(config), right, "{config}");
        }
    }

    #[test]
    fn what_says_nothing_is_passed_over_and_what_cannot_be_followed_is_refused() {
        for config in ["{}", "not JSON", "[1]", r#"{"mean": [0.5]}"#, r#"{"lr": 0.1, "std": 0.02}"#] {
            assert_eq!(beside(config), Ok(None), "{config}");
        }
        let why = beside(r#"{"mean": "imagenet", "std": [1]}"#).unwrap_err();
        assert!(why.contains("config.json: its text has a `mean` that is no list of numbers: give a preset"), "{why}");
    }

    #[test]
    fn our_own_metadata_goes_before_a_config_beside() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), r#"{"mean": [0], "std": [1]}"#).unwrap();
        let file = folder.path().join("t.safetensors");
        let write = |text: Option<&str>| weights::write(&file, &kd2m_nn::Weights::new(), text).unwrap();
        write(Some(r#"{"model": "mlp-3", "mean": [0.25], "std": [0.5]}"#));
        let found = told(&file, [8, 8]).unwrap().unwrap();
        assert_eq!((found.mean, found.std), (vec![0.25], vec![0.5]));
        assert!(found.place.starts_with("the metadata of "));
        write(None);
        assert_eq!(told(&file, [8, 8]).unwrap().unwrap().std, [1.0]);
    }
}
