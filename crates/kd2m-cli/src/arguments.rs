//! The command line. Every flag is documented where it is defined; help pages are made from here.

mod compare;
mod data;
mod examples;
mod network;
mod shell;
mod values;

use std::path::PathBuf;

pub use compare::CompareArguments;
pub use data::{DataAction, DataArguments};
pub use network::{ExportArguments, ExportFormat, FeaturesArguments, NetworkArguments, PredictArguments};
pub use shell::{CompletionsArguments, ManArguments};
pub use values::AnySplit;
use values::{every, threads};

use kd2m::config::Weight;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Feature knowledge distillation by distribution matching.
#[derive(Parser)]
#[command(name = "kd2m", version, long_version = crate::version::long(), about, arg_required_else_help = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
    /// Train a teacher.
    #[command(after_help = with_presets(examples::TRAIN))]
    Train(RunArguments),
    /// Distil students from a teacher and compare them; without --config the digits demonstration, or with --set data.dataset=NAME general defaults.
    #[command(after_help = with_presets(examples::DISTILL))]
    Distill(RunArguments),
    /// Evaluate the saved students of a run again; or one network, class by class, on any data set.
    #[command(after_help = network::EVAL_HELP)]
    Eval(EvalArguments),
    /// Say what images show.
    #[command(after_help = network::PREDICT_HELP)]
    Predict(PredictArguments),
    /// Write a network's features and logits of a data set.
    #[command(after_help = network::FEATURES_HELP)]
    Features(FeaturesArguments),
    /// Write a trained network for others: ONNX, safetensors or a Hugging Face folder.
    #[command(after_help = network::EXPORT_HELP)]
    Export(ExportArguments),
    /// Bound what saved students lose against their teacher, and show which inequality is tight.
    #[command(after_help = examples::BOUND)]
    Bound(BoundArguments),
    /// Show runs side by side, with paired differences where seeds and data agree.
    #[command(after_help = examples::COMPARE)]
    Compare(CompareArguments),
    /// Write report.html of a finished run again.
    #[command(after_help = examples::REPORT)]
    Report(ReportArguments),
    /// Compare two sets of features by any metric: value, certificate, gradient, coupling.
    #[command(after_help = examples::DISTANCE)]
    Distance(DistanceArguments),
    /// Run a grid: data sets × networks × arms × seeds; finished runs are skipped.
    #[command(after_help = with_presets(examples::BENCH))]
    Bench(BenchArguments),
    /// Run the rows of the paper's table and say which published figures are within our interval.
    #[command(after_help = examples::REPRODUCE)]
    Reproduce(ReproduceArguments),
    /// Show what there is to choose from.
    #[command(after_help = examples::LIST)]
    List(ListArguments),
    /// Data sets that others publish: what there is, whether what is here is that, and how it comes here.
    #[command(after_help = data::HELP, arg_required_else_help = true)]
    Data(DataArguments),
    /// Write a configuration to begin with, every key explained.
    #[command(after_help = examples::INIT)]
    Init(InitArguments),
    /// Look at what a run needs: device, kernels, threads, memory, disk and data sets.
    #[command(after_help = examples::DOCTOR)]
    Doctor(DoctorArguments),
    /// Print what a shell needs to complete commands, flags and their values.
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArguments),
    /// Print or write manual pages.
    #[command(after_help = examples::MAN)]
    Man(ManArguments),
}

/// Examples, and what a network may be told of its input.
fn with_presets(examples: &str) -> String {
    format!("{examples}\n\n{}", kd2m::preprocess::help())
}

impl Command {
    /// How many threads were asked for, where a command takes that.
    pub fn threads(&mut self) -> Option<&mut usize> {
        match self {
            Command::Train(run) | Command::Distill(run) => Some(&mut run.threads),
            Command::Eval(eval) => Some(&mut eval.network.threads),
            Command::Predict(predict) => Some(&mut predict.network.threads),
            Command::Features(features) => Some(&mut features.network.threads),
            Command::Export(export) => Some(&mut export.network.threads),
            Command::Bound(bound) => Some(&mut bound.threads),
            Command::Distance(distance) => Some(&mut distance.threads),
            Command::Bench(bench) => Some(&mut bench.threads),
            Command::Reproduce(reproduce) => Some(&mut reproduce.threads),
            Command::Doctor(doctor) => Some(&mut doctor.threads),
            Command::Report(_) | Command::List(_) | Command::Data(_) | Command::Init(_) => None,
            Command::Compare(_) | Command::Completions(_) | Command::Man(_) => None,
        }
    }
}

#[derive(Args)]
pub struct RunArguments {
    /// The experiment; when left out the digits demonstration, or general defaults where --set data.dataset names other data.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Override a key of the configuration, e.g. --set optim.lr=0.05 --set arm.0.loss.0.weight=1e-3.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// One arm for each criterion, in place of the configuration's arms; a sum is written hinton+cw2.
    #[arg(long = "criterion", value_name = "NAME")]
    pub criteria: Vec<String>,
    /// λ of the arms made by --criterion: a number, auto, or a multiple of it as auto*3; by default that of the method's authors, or auto.
    #[arg(long, value_name = "λ", requires = "criteria", allow_negative_numbers = true)]
    pub weight: Option<Weight>,
    /// Leave the student with λ = 0 out.
    #[arg(long)]
    pub no_baseline: bool,
    /// Folder of the data sets (data.root).
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<PathBuf>,
    /// Random seeds (train.seeds), e.g. 1,2,3.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub seeds: Vec<u64>,
    /// Epochs (train.epochs).
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// Compute the terms of docs/theory.md on the validation split every k epochs (train.track_bounds), e.g. every=5.
    #[arg(long, value_name = "every=K", value_parser = every)]
    pub track_bounds: Option<usize>,
    /// The run folder; runs/NAME by default.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Where networks run: cpu, flex, wgpu[:i], vulkan[:i], cuda[:i] or metal.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Threads; all cores by default.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = threads)]
    pub threads: usize,
    /// Go on where the run folder stands; start when there is none.
    #[arg(long, conflicts_with = "overwrite")]
    pub resume: bool,
    /// Replace the run folder.
    #[arg(long)]
    pub overwrite: bool,
    /// Distil from a teacher that is no better than chance.
    #[arg(long)]
    pub allow_weak_teacher: bool,
    /// Compute the teacher's outputs in every step, even where they could be remembered.
    #[arg(long)]
    pub no_teacher_cache: bool,
    /// Arms of a seed trained at once on one pass of data and teacher; 1: one after another. By default as many as memory allows where the
    /// teacher runs in every step. The results are the same.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub side_by_side: usize,
    /// Write no event files for TensorBoard.
    #[arg(long)]
    pub no_tensorboard: bool,
    /// Least seconds between two checkpoints of a network, within an epoch too; 0: after every epoch.
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub checkpoint_seconds: u64,
    /// Exit with 1 in place of a warning: files of the data set that are not read, classes without images.
    #[arg(long)]
    pub strict: bool,
    /// Leave images that cannot be decoded out (data.skip_bad); they are counted and named.
    #[arg(long)]
    pub skip_bad: bool,
    /// Print the resolved configuration and stop.
    #[arg(long)]
    pub print_config: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub json: bool,
    /// No progress.
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Args)]
pub struct EvalArguments {
    #[command(flatten)]
    pub network: NetworkArguments,
    /// The data set, in place of the run's: a name of `kd2m list datasets`.
    #[arg(long, value_name = "DATASET")]
    pub data: Option<String>,
    /// Which samples; train: the whole training part, from which validation is carved.
    #[arg(long, value_enum, default_value_t = AnySplit::Test)]
    pub split: AnySplit,
    /// Exit with 1 in place of a warning: files of the data set that are not read, classes without images.
    #[arg(long)]
    pub strict: bool,
    /// Leave images of --data that cannot be decoded out; they are counted and named. Of a run its data.skip_bad says it.
    #[arg(long, requires = "data")]
    pub skip_bad: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct BoundArguments {
    /// A run folder (all its students), or students/ARM/seed-K in one.
    pub run: PathBuf,
    /// Which samples.
    #[arg(long, value_enum, default_value_t = SplitName::Test)]
    pub split: SplitName,
    /// Only this arm of a run folder.
    #[arg(long, value_name = "NAME")]
    pub arm: Option<String>,
    /// Show every chain of every student, not only one line a student.
    #[arg(long)]
    pub chains: bool,
    /// Samples up to which a coupling is computed exactly; larger sets get certified bounds.
    #[arg(long, value_name = "N", default_value_t = kd2m::theory::distance::EXACT_LIMIT)]
    pub exact_limit: usize,
    /// Folder of the data sets, in place of the run's.
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<PathBuf>,
    /// Where networks run: cpu, flex, wgpu[:i], vulkan[:i], cuda[:i] or metal.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Threads; all cores by default.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = threads)]
    pub threads: usize,
    /// Exit with 1 in place of a warning: files of the data set that are not read, classes without images.
    #[arg(long)]
    pub strict: bool,
    /// Print JSON: every term, chain, way and class.
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum SplitName {
    Val,
    Test,
}

#[derive(Args)]
pub struct ReportArguments {
    /// A finished run folder.
    pub run: PathBuf,
    /// Folder of the data sets, in place of the run's.
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<PathBuf>,
    /// Where networks run: cpu, flex, wgpu[:i], vulkan[:i], cuda[:i] or metal.
    #[arg(long, default_value = "cpu")]
    pub device: String,
}

/// Files are .npy, .npz or .safetensors; file.npz:key names one array of several.
#[derive(Args)]
pub struct DistanceArguments {
    /// Features of A, n × d, f32 or f64: file.npy, file.npz[:key], file.safetensors[:key], or the shards of a set: a folder with
    /// part-*.npy, or a pattern as 'a/part-*.npy'.
    pub a: String,
    /// Features of B, m × d.
    pub b: String,
    /// A name of `kd2m list metrics`, class-NAME for it within classes, or all.
    #[arg(long, value_name = "NAME")]
    pub metric: String,
    /// Set an option of the metric, e.g. --set directions=512 (`kd2m list metrics` shows them).
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Class of each sample of A: whole numbers as an array, or as text with one a line.
    #[arg(long, value_name = "FILE")]
    pub labels_a: Option<String>,
    /// Class of each sample of B.
    #[arg(long, value_name = "FILE")]
    pub labels_b: Option<String>,
    /// Weight of each sample of A, normalised to sum to one; uniform by default.
    #[arg(long, value_name = "FILE")]
    pub weights_a: Option<String>,
    /// Weight of each sample of B.
    #[arg(long, value_name = "FILE")]
    pub weights_b: Option<String>,
    /// Write the gradient with respect to A, n × d, as .npy.
    #[arg(long, value_name = "FILE")]
    pub grad_out: Option<PathBuf>,
    /// Write the coupling: .npy dense n × m, or .npz sparse for scipy.sparse.load_npz.
    #[arg(long, value_name = "FILE")]
    pub plan_out: Option<PathBuf>,
    /// Keep the potentials of an exact plan in this .npy after each pass, and begin from it where it is there: a solve that was ended goes
    /// on. They change the time, never the answer.
    #[arg(long, value_name = "FILE")]
    pub duals: Option<PathBuf>,
    /// Exit with 1 when a solver stopped before it converged, or a class occurs on one side only.
    #[arg(long)]
    pub strict: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// With `--metric all`, only this metric's row: what a process with little memory asks others for.
    #[arg(long, hide = true)]
    pub only: Option<String>,
    /// Threads; all cores by default.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = threads)]
    pub threads: usize,
}

#[derive(Args)]
pub struct BenchArguments {
    /// The grid, e.g. configs/bench-digits.toml (keys: docs/benchmark.md).
    pub grid: PathBuf,
    /// Folder of tables and runs; runs/NAME by default. What is finished in it is not run again.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Runs at once; by default as many as the cores allow with the grid's threads.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub jobs: usize,
    /// Threads of one run; the grid's by default, or else all cores over the runs at once.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = threads)]
    pub threads: usize,
    /// Arms of a seed trained at once on one pass of data and teacher; 1: one after another. By default as many as memory allows where the
    /// teacher runs in every step. The results are the same.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub side_by_side: usize,
    /// Do the k-th of n parts (k from 1); parts share OUT, on one machine or several.
    #[arg(long, value_name = "k/n")]
    pub shard: Option<String>,
    /// Exit with 1 in place of a warning: files of the data set that are not read, classes without images.
    #[arg(long)]
    pub strict: bool,
    /// Leave images that cannot be decoded out (data.skip_bad); they are counted and named.
    #[arg(long)]
    pub skip_bad: bool,
    /// Print the plan with the estimated time and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Write tables and report of what is there and train nothing.
    #[arg(long, conflicts_with = "dry_run")]
    pub tables_only: bool,
    /// Count the summaries.json of another grid's folder as done (repeatable).
    #[arg(long, value_name = "DIR")]
    pub reuse: Vec<PathBuf>,
    /// Training protocol in place of the grid's: paper, paper-code or repdistiller.
    #[arg(long, value_name = "NAME")]
    pub protocol: Option<String>,
    /// Override a key of the grid, e.g. --set optim.lr=0.05 --set select.seeds=[101].
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Folder of the data sets (data.root).
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<PathBuf>,
    /// Random seeds (train.seeds), e.g. 1,2,3.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub seeds: Vec<u64>,
    /// Epochs (train.epochs).
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// Where networks run: cpu, flex, wgpu[:i], vulkan[:i], cuda[:i] or metal.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Write no event files for TensorBoard.
    #[arg(long)]
    pub no_tensorboard: bool,
    /// Distil from teachers that are no better than chance.
    #[arg(long)]
    pub allow_weak_teacher: bool,
    /// Print the results as JSON.
    #[arg(long)]
    pub json: bool,
    /// No progress.
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Args)]
pub struct ReproduceArguments {
    /// What to reproduce.
    pub what: Reproduced,
    /// DATASET or DATASET/METHOD, e.g. cifar10/cw2 (repeatable); the whole table by default.
    #[arg(long = "row", value_name = "ROW")]
    pub rows: Vec<String>,
    /// Folder of the data sets (data.root).
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<PathBuf>,
    /// Weights that the teacher starts from: .pth or .safetensors; the paper's are torchvision's resnet34-b627a593.pth.
    #[arg(long, value_name = "FILE")]
    pub teacher_init: Option<PathBuf>,
    /// Weights that the students start from; the paper's are torchvision's resnet18-f37072fd.pth.
    #[arg(long, value_name = "FILE")]
    pub student_init: Option<PathBuf>,
    /// λ of every criterion, in place of the choice on validation among the paper's.
    #[arg(long, value_name = "λ")]
    pub weight: Option<f64>,
    /// Random seeds; 1,2,3 by default.
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub seeds: Vec<u64>,
    /// Epochs; the paper's 15 by default.
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// Override a key of the grid, e.g. --set student.stem=cifar.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Folder of results; what is finished in it is not run again.
    #[arg(long, value_name = "DIR", default_value = "runs/paper")]
    pub out: PathBuf,
    /// Runs at once.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub jobs: usize,
    /// Threads of one run.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = threads)]
    pub threads: usize,
    /// Arms of a seed trained at once on one pass of data and teacher; 1: one after another. By default as many as memory allows where the
    /// teacher runs in every step. The results are the same.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub side_by_side: usize,
    /// Where networks run: cpu, flex, wgpu[:i], vulkan[:i], cuda[:i] or metal.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Print the plan with the estimated time and stop.
    #[arg(long)]
    pub dry_run: bool,
    /// Exit with 1 when a published figure is outside.
    #[arg(long)]
    pub strict: bool,
    /// Distil from teachers that are no better than chance.
    #[arg(long)]
    pub allow_weak_teacher: bool,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// No progress.
    #[arg(long, short)]
    pub quiet: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Reproduced {
    /// The KD²M paper's table.
    Paper,
}

#[derive(Args)]
pub struct DoctorArguments {
    /// Folder of runs, whose disk is looked at.
    #[arg(long, value_name = "DIR", default_value = "runs")]
    pub out: PathBuf,
    /// Folder of the data sets.
    #[arg(long, value_name = "DIR")]
    pub data_root: Option<PathBuf>,
    /// Where networks are to run: cpu, flex, wgpu[:i], vulkan[:i], cuda[:i] or metal.
    #[arg(long, default_value = "cpu")]
    pub device: String,
    /// Threads; all cores by default.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = threads)]
    pub threads: usize,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub struct InitArguments {
    /// The data set: a name of `kd2m list datasets`, or folder:PATH@SIZE.
    #[arg(default_value = "digits", value_name = "DATASET")]
    pub data: String,
    /// A grid for `kd2m bench` in place of one run.
    #[arg(long)]
    pub grid: bool,
    /// The file; stdout when left out.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Args)]
pub struct ListArguments {
    #[arg(value_name = "criteria|metrics|models|datasets|kernels|keys")]
    pub what: Listed,
    /// Only this one, or those whose names hold this; of a network its stages too, which `on` and `stages` accept.
    pub name: Option<String>,
    /// Classes that models are built for.
    #[arg(long, default_value_t = 10)]
    pub classes: usize,
    /// Height and width of the images that models are built for; without it, of those that each was made for; for kernels 32.
    #[arg(long, value_name = "N")]
    pub size: Option<usize>,
    /// Network whose kernels are listed.
    #[arg(long, default_value = "resnet18")]
    pub model: String,
    /// Batch size that kernels are chosen for.
    #[arg(long, value_name = "N", default_value_t = 128)]
    pub batch: usize,
    /// Stem of --model: imagenet or cifar.
    #[arg(long, default_value = "imagenet", value_parser = ["imagenet", "cifar"])]
    pub stem: String,
    /// Print all that is known of each, not one line.
    #[arg(long)]
    pub long: bool,
    /// Print JSON; of keys their JSON Schema, which editors complete from.
    #[arg(long)]
    pub json: bool,
    /// Print a page of Markdown.
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum Listed {
    Criteria,
    Metrics,
    Models,
    Datasets,
    /// Which kernel each layer of a network gets on this processor, and why.
    Kernels,
    /// The keys of the configuration with defaults and meanings.
    Keys,
}
