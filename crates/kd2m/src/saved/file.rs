//! A network that is a file: of ours, which says what it is, of another program with what the command line says, or ONNX.

use std::path::Path;

use kd2m_data::{Dataset, Frame};
use kd2m_nn::{
    Shape, onnx,
    weights::{self, Owner, Source},
    zoo::Stem,
};

use super::{description::Description, network::Saved};
use crate::{
    Error,
    frozen::Network,
    hub,
    imported::{self, PREFIX},
    preprocess::{self, Preset},
};

/// What a folder of `--format hf`, of timm or of Hugging Face keeps its weights in.
const IN_FOLDER: &str = "model.safetensors";

/// What a command line and a data set say of a file of weights.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// A name of the zoo.
    pub model: Option<&'a str>,
    /// For networks with a choice of stem.
    pub stem: Option<Stem>,
    /// Length of the logits.
    pub classes: Option<usize>,
    /// Height and width of the images.
    pub size: Option<[usize; 2]>,
    /// Of the images.
    pub channels: Option<usize>,
    /// How pixels are normalised, a name of [`preprocess::PRESETS`].
    pub preset: Option<&'a str>,
    /// What it is to be run on, which says what nothing else does.
    pub data: Option<&'a Dataset>,
}

/// Whether a path means a file of weights, not a run folder.
pub fn is_weights(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.starts_with(PREFIX)
        || text.starts_with(weights::hub::PREFIX)
        || Source::parse(path).path.is_file()
        || path.join(IN_FOLDER).is_file()
}

/// How many channels the images of a file's network have, where it says all that is to be known of it itself.
pub fn channels(path: &Path) -> Option<usize> {
    let inside = path.join(IN_FOLDER);
    let source = if inside.is_file() { Source { path: inside, key: None } } else { Source::parse(path) };
    Description::read(&source.file().ok()?).map(|own| own.input[0])
}

/// The network of a file.
///
/// # Errors
/// A file that cannot be read or does not fit; what nothing says of it.
pub fn open(path: &Path, facts: &Facts) -> Result<Saved, Error> {
    match path.to_str().and_then(|text| text.strip_prefix(PREFIX)) {
        Some(file) => open_onnx(Path::new(file)),
        None => open_weights(path, facts),
    }
}

fn open_onnx(file: &Path) -> Result<Saved, Error> {
    let opened = match onnx::open(file, None) {
        // Of one without a classifier the logits are all that can be asked for.
        Err(why) => match why.without_classifier() {
            Some(logits) => onnx::open(file, Some(logits)),
            None => Err(why),
        },
        opened => opened,
    };
    let onnx::Model { graph, weights, metadata, .. } = match opened {
        #[cfg(feature = "runtime")]
        Err(why) if why.is_operator() => return open_frozen(file, &why),
        opened => opened?,
    };
    let class_names = imported::class_names(&metadata, graph.classes());
    let (mean, std) = graph.normalisation();
    let (mean, std) = (mean.to_vec(), std.to_vec());
    let Shape::Map { channels, height, width } = graph.input_shape() else {
        return Err(Error::Config(format!("{}: its input is no image", file.display())));
    };
    let description = Description {
        model: format!("{PREFIX}{}", file.display()),
        stem: Stem::default(),
        classes: graph.classes(),
        class_names,
        input: [channels, height, width],
        mean,
        std,
        frame: imported::written(&metadata),
    };
    let whose = file.display().to_string();
    let network = Network::Graph(graph, weights);
    Ok(Saved { description, network, eyes_from: format!("{whose} itself"), whose, origin: None })
}

/// A model that is no graph, as `why` says.
#[cfg(feature = "runtime")]
fn open_frozen(file: &Path, why: &onnx::OnnxError) -> Result<Saved, Error> {
    let network = match imported::runtime(file, None, why) {
        Err(Error::Onnx(untold)) => match untold.without_classifier() {
            Some(logits) => imported::runtime(file, Some(logits), why)?,
            None => return Err(untold.into()),
        },
        opened => opened?,
    };
    let [mean, std] = network.interface.normalisation.clone();
    let description = Description {
        model: format!("{PREFIX}{}", file.display()),
        stem: Stem::default(),
        classes: network.classes,
        class_names: Vec::new(),
        input: network.interface.shape,
        mean,
        std,
        frame: None,
    };
    let (whose, channels) = (file.display().to_string(), network.interface.shape[0]);
    // What it does to pixels it does itself.
    let network = Network::Runtime(network.into(), [vec![0.0; channels], vec![1.0; channels]]);
    let eyes_from = format!("{whose} itself, which the ONNX runtime runs");
    Ok(Saved { description, network, eyes_from, whose, origin: None })
}

fn open_weights(path: &Path, facts: &Facts) -> Result<Saved, Error> {
    let inside = path.join(IN_FOLDER);
    hub::provide(path)?;
    let source = if inside.is_file() { Source { path: inside, key: None } } else { Source::parse(path) };
    let (description, eyes_from) = describe(&source.file()?, facts)?;
    let graph = description.graph()?;
    let weights = weights::load(&source, &graph, Owner::Any)?.weights;
    let network = Network::Graph(graph, weights);
    Ok(Saved { description, network, whose: source.to_string(), eyes_from, origin: None })
}

/// What is known of a file, the command line first, then its metadata, then the data; and who says how pixels are normalised.
fn describe(file: &Path, facts: &Facts) -> Result<(Description, String), Error> {
    let own = Description::read(file).filter(|own| facts.model.is_none_or(|model| model == own.model));
    let unknown = |what: &str, flag: &str| {
        Error::Config(format!(
            "nothing says {what} {} has: give {flag} (`kd2m list models` names networks)",
            file.display()
        ))
    };
    let own = own.as_ref();
    let model = facts.model.map(str::to_owned).or(own.map(|o| o.model.clone()));
    let model = model.ok_or_else(|| unknown("which network", "--model NAME and --classes C"))?;
    let data = facts.data;
    let classes = facts.classes.or(own.map(|o| o.classes)).or(data.map(|d| d.classes));
    let classes = classes.ok_or_else(|| unknown("how many classes", "--classes C"))?;
    let channels = facts.channels.or(own.map(|o| o.input[0])).or(data.map(|d| d.channels)).unwrap_or(3);
    // Without a data set any file may be an image, and a photograph.
    let images = data.map_or(PHOTOGRAPH, |d| [d.height, d.width]);
    let seen = eyes(file, facts, channels, images);
    let of_own = own.map(|o| [o.input[1], o.input[2]]);
    let of_frame = seen.as_ref().ok().and_then(|seen| Some(seen.frame?.size(images)));
    let size = facts.size.or(of_own).or(of_frame).or(data.map(|d| [d.height, d.width]));
    let [height, width] = size.ok_or_else(|| unknown("which size of images", "--size N or --size HxW"))?;
    let Seen { mean, std, frame, from } = seen?;
    let names = own.map(|o| o.class_names.clone()).filter(|names| names.len() == classes);
    let of_data = || data.filter(|d| d.classes == classes).map_or_else(Vec::new, |d| d.class_names.clone());
    let description = Description {
        model,
        stem: facts.stem.or(own.map(|o| o.stem)).unwrap_or_default(),
        classes,
        class_names: names.filter(|names| !names.is_empty()).unwrap_or_else(of_data),
        input: [channels, height, width],
        mean,
        std,
        // A size that the command line or our own file says otherwise is squashed to.
        frame: frame.filter(|frame| facts.size.is_none() && frame.size(images) == [height, width]),
    };
    Ok((description, from))
}

/// Height and width of a photograph: no frame is too large for it.
const PHOTOGRAPH: [usize; 2] = [4096; 2];

/// Mean and deviation of each channel, how images come to the network's size, and what says so.
struct Seen {
    mean: Vec<f32>,
    std: Vec<f32>,
    frame: Option<Frame>,
    from: String,
}

/// What a preset says, the file or what lies beside it, or the data set, for images of this height and width.
fn eyes(file: &Path, facts: &Facts, channels: usize, images: [usize; 2]) -> Result<Seen, Error> {
    let wrong = |why: String| Error::Config(format!("--preset {why}"));
    let preset = facts.preset.map(Preset::find).transpose().map_err(wrong)?;
    if let Some(preset) = preset
        && let Some(numbers) = preset.numbers
    {
        let [mean, std] = numbers.map(|values| per_channel(&values, channels));
        let why = || wrong(format!("= \"{}\" has numbers for three channels, the images have {channels}", preset.name));
        let (frame, from) = (preset.frame_of(images), format!("--preset {}", preset.name));
        return Ok(Seen { mean: mean.ok_or_else(why)?, std: std.ok_or_else(why)?, frame, from });
    }
    if preset.is_none()
        && let Some(told) = preprocess::told(file, images)?
    {
        let why = || Error::Config(format!("{} is not for {channels} channels: give --preset", told.place));
        let [mean, std] = [&told.mean, &told.std].map(|values| per_channel(values, channels));
        let (mean, std) = (mean.ok_or_else(why)?, std.ok_or_else(why)?);
        return Ok(Seen { mean, std, frame: told.frame, from: told.place });
    }
    match facts.data {
        Some(data) => {
            let from = format!("{}'s own, as nothing says otherwise", data.name);
            Ok(Seen { mean: data.mean.clone(), std: data.std.clone(), frame: None, from })
        }
        None => Err(Error::Config(format!(
            "nothing says how the pixels of {} are normalised: give --preset ({})",
            file.display(),
            preprocess::PRESETS.iter().filter(|p| p.numbers.is_some()).map(|p| p.name).collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// One number for each channel; a single one, or equal ones, serve all.
fn per_channel(values: &[f64], channels: usize) -> Option<Vec<f32>> {
    let first = *values.first()?;
    if values.len() == channels {
        return Some(values.iter().map(|v| *v as f32).collect());
    }
    values.iter().all(|v| *v == first).then(|| vec![first as f32; channels])
}
