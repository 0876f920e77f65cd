//! How pixels in 0…1 become what a network computes with. It belongs to the weights: a network sees rightly only through the
//! normalisation that it was trained under, so it begins with its own, whatever the data set's.
//!
//! Where it comes from, the first that says something: the keys of the configuration, what the weights say of themselves
//! (`beside.rs`), the data set. Every network built here without given weights has the data set's own.

mod beside;
mod framing;
mod preset;
mod size;

use std::{fmt, path::Path};

pub use beside::{Told, told};
use kd2m_data::{Dataset, Frame};
use kd2m_nn::weights::Source;
pub use preset::{PRESETS, Preset};
use serde::{Deserialize, Serialize};
pub use size::{ResizeKey, SizeKeys};

use crate::Error;

/// Mean and deviation differ by less than this where they are the same numbers, rounded: a network does not notice.
const SAME: f32 = 1e-3;

/// What says so where nothing else does.
const OF_DATA: &str = "the data set's own";

/// Mean and deviation of each channel, of pixels in 0…1, and what says so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    /// Of each channel, of pixels in 0…1.
    pub mean: Vec<f32>,
    /// Deviation of each channel, above 0.
    pub std: Vec<f32>,
    /// What says so, in words.
    pub from: String,
    /// How images come to the size that the network sees; none: as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
}

/// What a configuration says of a network's preprocessing.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    /// `teacher` or `student`.
    pub section: &'static str,
    /// The name of a [`Preset`].
    pub preset: Option<&'a str>,
    /// Of each channel, of pixels in 0…1.
    pub mean: Option<&'a [f64]>,
    /// Deviation of each channel, above 0.
    pub std: Option<&'a [f64]>,
    /// At which size images are seen.
    pub size: SizeKeys<'a>,
}

impl Keys<'_> {
    /// Whether the configuration leaves no number to the weights.
    pub fn decide(&self) -> bool {
        self.preset.is_some() || (self.mean.is_some() && self.std.is_some())
    }

    /// Whether the configuration has any of them.
    pub fn say_something(&self) -> bool {
        self.preset.is_some() || self.mean.is_some() || self.std.is_some() || self.size.say_something()
    }

    /// Checks names and ranges.
    ///
    /// # Errors
    /// The first key that is out of range, with what would be accepted.
    pub fn check(&self) -> Result<(), Error> {
        let fail = |key: &str, why| Err(Error::Key { key: format!("{}.{key}", self.section), why });
        if let Some(Err(why)) = self.preset.map(Preset::find) {
            return fail("preset", why);
        }
        for (key, values) in [("mean", self.mean), ("std", self.std)] {
            if let Some(Err(why)) = values.map(|values| check_values(key, values)) {
                return fail(key, why);
            }
        }
        self.size.check().or_else(|(key, why)| fail(key, why))
    }
}

/// Pixels are in 0…1, and so is their mean; a deviation that is tiny or large makes numbers that no network was trained on.
fn check_values(key: &str, values: &[f64]) -> Result<(), String> {
    let (low, high) = if key == "mean" { (-1.0, 1.0) } else { (1e-4, 10.0) };
    if values.is_empty() {
        return Err("is an empty list: one number for each channel, or one for all".to_owned());
    }
    match values.iter().find(|v| !(low..=high).contains(*v)) {
        None => Ok(()),
        Some(v) if *v > high && *v <= 255.0 => {
            Err(format!("holds {v}: pixels are in 0…1 here, divide numbers for pixels in 0…255 by 255"))
        }
        Some(v) => Err(format!("holds {v}: from {low} to {high}, as pixels are in 0…1")),
    }
}

impl Normalisation {
    /// The data set's own.
    pub fn of_data(data: &Dataset) -> Self {
        Self { mean: data.mean.clone(), std: data.std.clone(), from: OF_DATA.to_owned(), frame: None }
    }

    /// The normalisation of a network whose weights are in a file (`FILE` or `FILE#KEY`), or that has none yet.
    ///
    /// # Errors
    /// Numbers for another count of channels than the data set's, or beside the weights what cannot be followed.
    pub fn resolve(keys: &Keys, weights: Option<&Path>, data: &Dataset) -> Result<Self, Error> {
        let (channels, shape) = (data.channels, [data.height, data.width]);
        let told = |file: &Path| told(&Source::parse(file).file()?, shape);
        let both = keys.mean.is_some() && keys.std.is_some();
        let base = match keys.preset {
            // Of these only the frame is left to take.
            Some(name) if both => {
                let frame = Preset::find(name).ok().and_then(|preset| preset.frame_of(shape));
                Some(Self { frame, ..Self::of_data(data) })
            }
            Some(name) => Some(Self::of_preset(keys.section, name, data)?),
            None => match weights.map(told).transpose() {
                Ok(found) if both => {
                    Some(Self { frame: found.flatten().and_then(|told| told.frame), ..Self::of_data(data) })
                }
                Err(_) if both => None,
                found => found?.flatten().map(|told| Self::of_told(keys.section, told, channels)).transpose()?,
            },
        };
        let mut found = base.unwrap_or_else(|| Self::of_data(data));
        let mut named = Vec::new();
        for (key, values, target) in [("mean", keys.mean, &mut found.mean), ("std", keys.std, &mut found.std)] {
            if let Some(values) = values {
                let key = format!("{}.{key}", keys.section);
                *target = spread(values, channels).map_err(|why| Error::Key { key: key.clone(), why })?;
                named.push(key);
            }
        }
        found.from = match named.as_slice() {
            [] => found.from,
            [one] => format!("{one}, the other from {}", found.from),
            both => both.join(" and "),
        };
        let frame = keys.size.frame(found.frame, [data.height, data.width]);
        found.frame =
            frame.map_err(|why| Error::Key { key: format!("{}.resize", keys.section), why: format!("gives {why}") })?;
        Ok(found)
    }

    fn of_preset(section: &str, name: &str, data: &Dataset) -> Result<Self, Error> {
        let fail = |why| Error::Key { key: format!("{section}.preset"), why };
        let preset = Preset::find(name).map_err(fail)?;
        let Some([mean, std]) = preset.numbers else {
            return Ok(Self { from: format!("{section}.preset = \"{name}\""), ..Self::of_data(data) });
        };
        // Of three equal numbers one serves any count of channels.
        let equal = [mean, std].iter().all(|v| v.iter().all(|x| *x == v[0]));
        let numbers = |v: [f64; 3]| if equal { v[..1].to_vec() } else { v.to_vec() };
        let list = |v| spread(&numbers(v), data.channels);
        match (list(mean), list(std)) {
            (Ok(mean), Ok(std)) => {
                let frame = preset.frame_of([data.height, data.width]);
                Ok(Self { mean, std, from: format!("{section}.preset = \"{name}\""), frame })
            }
            (Err(why), _) | (_, Err(why)) => {
                Err(fail(format!("= \"{name}\" {why}: give {section}.mean and {section}.std")))
            }
        }
    }

    fn of_told(section: &str, told: Told, channels: usize) -> Result<Self, Error> {
        let list = |key: &str, values: &[f64]| {
            check_values(key, values).and_then(|()| spread(values, channels)).map_err(|why| {
                let way = format!("give {section}.preset, or {section}.mean and {section}.std");
                Error::Config(format!("{}: its {key} {why}: {way}", told.place))
            })
        };
        let (mean, std) = (list("mean", &told.mean)?, list("std", &told.std)?);
        Ok(Self { mean, std, from: told.place, frame: told.frame })
    }

    /// Whether a network would see the same through both.
    pub fn is_close_to(&self, other: &Self) -> bool {
        let close = |a: &[f32], b: &[f32]| a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() <= SAME);
        close(&self.mean, &other.mean) && close(&self.std, &other.std)
    }

    /// Whether it is the data set's for want of another.
    pub fn is_of_data(&self) -> bool {
        self.from == OF_DATA
    }

    /// Whether a network sees the same through both.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.mean, &self.std, self.frame) == (&other.mean, &other.std, other.frame)
    }

    /// Channels, height and width of what a network sees of images of this shape.
    pub fn shape(&self, [channels, height, width]: [usize; 3]) -> [usize; 3] {
        let [height, width] = self.frame.map_or([height, width], |frame| frame.size([height, width]));
        [channels, height, width]
    }

    /// What a person should hear of weights that meet this data: which normalisation they get and from where, and a warning where
    /// it is not the data's own.
    pub fn said(&self, whose: &str, data: &Dataset) -> (String, Option<String>) {
        let own = Self::of_data(data);
        let mut line = format!("{whose}: pixels are normalised by {self}");
        if let Some(frame) = &self.frame {
            let (h, w) = (data.height, data.width);
            let [_, height, width] = self.shape([data.channels, h, w]);
            line += &format!(", images of {h}×{w} are seen at {height}×{width}: {frame}");
        }
        let other = (!self.is_close_to(&own)).then(|| {
            format!(
                "{whose}: that is not {}'s own normalisation (mean {}, deviation {})",
                data.name,
                list(&own.mean),
                list(&own.std)
            )
        });
        (line, other)
    }
}

impl fmt::Display for Normalisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mean {}, deviation {} ({})", list(&self.mean), list(&self.std), self.from)
    }
}

/// The keys of given weights, for help pages.
pub fn help() -> String {
    let presets = PRESETS.map(|p| format!("  {:<12} {}\n", p.name, p.about)).concat();
    format!(
        "Given weights (teacher.weights, teacher.init, student.weights): FILE, or FILE#KEY for one of several networks in it,\n\
         or hf:OWNER/NAME.\n\
         Pixels reach them through teacher.preset (student.preset), or through teacher.mean and teacher.std; left out: what the file\n\
         says, or a config.json beside it, or else the data set's own. Photographs are resized as the preset says; teacher.resize,\n\
         crop, size and interpolation override it. Presets:\n{presets}"
    )
}

/// Numbers side by side, as short as they are right.
fn list(values: &[f32]) -> String {
    let number = |v: &f32| {
        let text = format!("{v:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    values.iter().map(number).collect::<Vec<_>>().join(" ")
}

/// One number for each channel; a single one serves all.
fn spread(values: &[f64], channels: usize) -> Result<Vec<f32>, String> {
    match values {
        [one] => Ok(vec![*one as f32; channels]),
        all if all.len() == channels => Ok(all.iter().map(|v| *v as f32).collect()),
        all => Err(format!(
            "has {} numbers, the images have {channels} channel{}",
            all.len(),
            if channels == 1 { "" } else { "s" }
        )),
    }
}
