//! Commands that take one trained network: RUN, a folder of a run with a choice in it, or WEIGHTS, a file.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::values::{AnySplit, threads};

pub const EVAL_HELP: &str = "Examples:
  kd2m eval runs/digits-demo                                              # all its students, a line each
  kd2m eval runs/digits-demo --arm w2 --seed 1                            # one, class by class, with the confusion matrix
  kd2m eval resnet18.pth --model resnet18 --preset imagenet --data folder:photos@224
  kd2m eval onnx:student.onnx --data cifar10 --data-root data --json";
pub const PREDICT_HELP: &str = "Examples:
  kd2m predict runs/photos --arm w2 --seed 1 --best cat.jpg dog.png
  kd2m predict onnx:student.onnx *.jpg --top 1 --json
  kd2m predict resnet18.pth --model resnet18 --classes 1000 --size 224 --preset imagenet cat.jpg";
pub const FEATURES_HELP: &str = "The arrays are features [n, d], logits [n, C], labels [n], ids [n] (the image's place in its part) and, of a linear
classifier, head.weight, head.bias and class_names [C]: what teacher.outputs reads (of --split train).

Examples:
  kd2m features runs/digits-demo --teacher --split train --out teacher.npz
  kd2m features resnet18.pth --model resnet18 --preset imagenet --data folder:photos@224 --out features.npz";
pub const EXPORT_HELP: &str = "Examples:
  kd2m export runs/photos --arm w2 --seed 1 --best --format onnx --out student.onnx
  kd2m export runs/photos --arm w2 --seed 1 --format onnx-int8 --out student-int8.onnx
  kd2m export runs/photos --teacher --format hf --out photos-teacher
  kd2m export resnet18.pth --model resnet18 --classes 1000 --size 224 --preset imagenet --format onnx --out resnet18.onnx";

/// Which network, and where it runs.
#[derive(Args)]
pub struct NetworkArguments {
    /// A run folder (or students/ARM/seed-K in one), a file of weights, or onnx:FILE.
    #[arg(value_name = "RUN|WEIGHTS")]
    pub network: PathBuf,
    /// Of a run: the arm of the student.
    #[arg(long, value_name = "NAME")]
    pub arm: Option<String>,
    /// Of a run: the seed of the student.
    #[arg(long, value_name = "K")]
    pub seed: Option<u64>,
    /// Of a run: the student after the epoch that was best on validation, not after its last.
    #[arg(long)]
    pub best: bool,
    /// Of a run: its teacher.
    #[arg(long, conflicts_with_all = ["arm", "seed", "best"])]
    pub teacher: bool,
    /// Of a file: its network, a name of `kd2m list models`; files of kd2m say it themselves.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Of a file: its number of classes.
    #[arg(long, value_name = "C")]
    pub classes: Option<usize>,
    /// Of a file: imagenet or cifar, for ResNet-18/34/50/101.
    #[arg(long, value_parser = ["imagenet", "cifar"])]
    pub stem: Option<String>,
    /// Of a file: height and width of its images, N or HxW; those of the data set where there is one.
    #[arg(long, value_name = "N|HxW", value_parser = size)]
    pub size: Option<[usize; 2]>,
    /// Of a file: channels of its images; 3 where nothing says otherwise.
    #[arg(long, value_name = "N")]
    pub channels: Option<usize>,
    /// Of a file: how its pixels are normalised, if neither it nor a config.json beside it says so: imagenet, clip, inception, lite, none.
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// Folder of the data sets, in place of the run's.
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<PathBuf>,
    /// Where networks run: cpu, flex, wgpu[:i], vulkan[:i], cuda[:i] or metal.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Threads; all cores by default.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = threads)]
    pub threads: usize,
}

/// `N` or `HxW`.
fn size(text: &str) -> Result<[usize; 2], String> {
    let (height, width) = text.split_once('x').unwrap_or((text, text));
    let side = |text: &str| text.parse().ok().filter(|side| (1..=4096).contains(side));
    Option::zip(side(height), side(width))
        .map(|(height, width)| [height, width])
        .ok_or_else(|| "expected N or HEIGHTxWIDTH, each 1 to 4096".to_owned())
}

#[derive(Args)]
pub struct PredictArguments {
    #[command(flatten)]
    pub network: NetworkArguments,
    /// Image files (JPEG, PNG, WebP, TIFF, BMP, PPM).
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// Leave images that cannot be decoded out; they are counted and named.
    #[arg(long)]
    pub skip_bad: bool,
    /// How many classes are shown of each image.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub top: usize,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct FeaturesArguments {
    #[command(flatten)]
    pub network: NetworkArguments,
    /// The data set, in place of the run's: a name of `kd2m list datasets`.
    #[arg(long, value_name = "DATASET")]
    pub data: Option<String>,
    /// Which samples; train: the whole training part, from which validation is carved.
    #[arg(long, value_enum, default_value_t = AnySplit::Test)]
    pub split: AnySplit,
    /// Leave images of --data that cannot be decoded out; they are counted and named. Of a run its data.skip_bad says it.
    #[arg(long, requires = "data")]
    pub skip_bad: bool,
    /// The file, .npz.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

#[derive(Args)]
pub struct ExportArguments {
    #[command(flatten)]
    pub network: NetworkArguments,
    /// What is written: an ONNX file (of f32, or of 8-bit integers), a safetensors file, or a folder as the Hugging Face hub has it.
    #[arg(long, value_enum)]
    pub format: ExportFormat,
    /// The file, or the folder of hf.
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
    /// Of safetensors and hf: numbers of 16 bits in place of 32, half the size.
    #[arg(long)]
    pub half: bool,
    /// Of onnx-int8: the data set whose validation images give the ranges of values and whose test images the accuracy, in place of the run's.
    #[arg(long, value_name = "DATASET")]
    pub data: Option<String>,
    /// Leave images of --data that cannot be decoded out; they are counted and named. Of a run its data.skip_bad says it.
    #[arg(long, requires = "data")]
    pub skip_bad: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum ExportFormat {
    /// Normalisation inside, any number of images, outputs logits and features.
    Onnx,
    /// The same on integers of 8 bits, a quarter as large; its model card (.md) beside it says what that costs.
    OnnxInt8,
    /// PyTorch's keys and layouts.
    Safetensors,
    /// config.json, model.safetensors, README.md.
    Hf,
}
