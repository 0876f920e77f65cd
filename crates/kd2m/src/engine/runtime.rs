//! ONNX models that no graph of ours is (attention, channels last, …), run by rten: forward only, so a frozen teacher.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
};

use burn::tensor::{Device, Tensor, TensorData};
use kd2m_nn::{
    NamedTensor, Weights,
    onnx::{self, Interface},
};
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value};

use super::{Engine, EngineError, Images, Mode, OutputGradients, Then, Update, inner::only_forward};
use crate::{
    Error,
    batch::{CopyError, Outputs},
};

/// Numbers of the images that a model may take at once: 64 of 3 × 1024 × 1024.
const MOST_PIXELS: usize = (64 * 3) << 20;

/// A model that is ready to run.
pub struct Runtime {
    /// Images, logits and features.
    pub interface: Interface,
    /// Length of its features.
    pub width: usize,
    /// Number of its logits.
    pub classes: usize,
    model: Model,
    input: NodeId,
    outputs: [NodeId; 2],
}

impl Runtime {
    /// Reads a file and runs it once; `features` names the value that is its features.
    ///
    /// # Errors
    /// A file that is no model of images, features that are not told or no vector, an operator that the runtime does not have.
    pub fn open(path: &Path, features: Option<&str>) -> Result<Self, Error> {
        let interface = Interface::open(path, features)?;
        let fails = |why: String| Error::Runtime { path: path.to_owned(), why };
        let n = interface.batch.unwrap_or(1);
        let sizes = interface.shape.iter().chain([&n]);
        let pixels = sizes.copied().try_fold(1, usize::checked_mul).filter(|pixels| (1..=MOST_PIXELS).contains(pixels));
        let pixels = pixels.ok_or_else(|| fails(format!("it takes {n} images of {:?}", interface.shape)))?;
        let [file, beside @ ..] = &onnx::files(path)?[..] else { return Err(fails("it has no file".to_owned())) };
        let read = |path: &Path| std::fs::read(path).map_err(|source| Error::io("read", path, source));
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        for file in beside {
            let name = file.strip_prefix(path.parent().unwrap_or(Path::new(""))).unwrap_or(file);
            options.external_data(&name.to_string_lossy(), read(file)?);
        }
        let mut bytes = read(file)?;
        if !interface.gives_features {
            bytes = onnx::with_output(&bytes, &interface.features)?;
        }
        let model = guarded(|| options.load(bytes).map_err(|e| e.to_string())).map_err(&fails)?;
        let node = |name: &str| model.node_id(name).map_err(|e| fails(e.to_string()));
        let (input, outputs) = (node(&interface.input)?, [node(&interface.features)?, node(&interface.logits)?]);
        let mut runtime = Self { interface, width: 0, classes: 0, model, input, outputs };
        let [features, logits] = guarded(|| runtime.run(vec![0.0; pixels], n, None)).map_err(fails)?;
        (runtime.width, runtime.classes) = (features.len() / n, logits.len() / n);
        Ok(runtime)
    }

    /// How many parameters it has.
    pub fn parameters(&self) -> usize {
        self.model.total_params()
    }

    /// Features and logits of so many images, as many as it takes at once.
    fn run(&self, pixels: Vec<f32>, n: usize, pool: Option<&Arc<ThreadPool>>) -> Result<[Vec<f32>; 2], String> {
        let [channels, height, width] = self.interface.shape;
        let images = Value::from_shape([n, channels, height, width], pixels).map_err(|e| e.to_string())?;
        let mut options = RunOptions::default();
        options.thread_pool = pool.cloned();
        let found = self.model.run_n(vec![(self.input, images.into())], self.outputs, Some(options));
        let [features, logits] = found.map_err(|e| e.to_string())?;
        Ok([vectors(features, &self.interface.features, n)?, vectors(logits, &self.interface.logits, n)?])
    }
}

/// What is wrong with a file may end in a panic of the runtime, which is no way to end here.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("it broke down on this model".to_owned()))
}

/// A value that is one vector an image: `[n, d]`, or a pooled map `[n, d, 1, 1]`.
fn vectors(value: Value, name: &str, n: usize) -> Result<Vec<f32>, String> {
    let found = match value.clone().into_shape_vec::<f32, 4>() {
        Ok(([rows, _, 1, 1], values)) => Some((rows, values)),
        Ok(_) => None,
        Err(_) => value.into_shape_vec::<f32, 2>().ok().map(|([rows, _], values)| (rows, values)),
    };
    let found = found.filter(|(rows, _)| *rows == n).map(|(_, values)| values);
    found.ok_or_else(|| format!("{name} is not one vector of floating-point numbers an image"))
}

/// A runtime as an engine that only runs forward.
pub struct RuntimeEngine {
    runtime: Arc<Runtime>,
    /// Mean and deviation by which pixels in 0…1 reach it.
    normalisation: [Vec<f32>; 2],
    device: Device,
    /// None: a pool that all models share.
    pool: Option<Arc<ThreadPool>>,
    threads: usize,
}

impl RuntimeEngine {
    /// Pixels are normalised first; outputs come to `device`. 0 threads: one a core.
    pub fn new(runtime: Arc<Runtime>, normalisation: [Vec<f32>; 2], device: Device, threads: usize) -> Self {
        let pool = (threads > 0).then(|| Arc::new(ThreadPool::with_num_threads(threads)));
        Self { runtime, normalisation, device, pool, threads }
    }
}

impl Engine for RuntimeEngine {
    only_forward!();

    fn forward(&mut self, images: Images, _: Mode) -> Result<Outputs, EngineError> {
        let Runtime { interface, width, classes, .. } = self.runtime.as_ref();
        let plane = interface.shape[1] * interface.shape[2];
        let image = interface.shape[0] * plane;
        if images.pixels.len() != images.n * image {
            return Err(EngineError::Images {
                model: interface.logits.clone(),
                expected: image,
                found: images.pixels.len() / images.n.max(1),
            });
        }
        let [mean, std] = &self.normalisation;
        let (mut features, mut logits) = (Vec::new(), Vec::new());
        let at_once = interface.batch.unwrap_or(images.n).max(1);
        for pixels in images.pixels.chunks(at_once * image) {
            let mut own = vec![0.0; at_once * image];
            for (i, (own, pixels)) in own.chunks_mut(plane).zip(pixels.chunks(plane)).enumerate() {
                let (mean, std) = (mean[i % mean.len()], std[i % std.len()]);
                own.iter_mut().zip(pixels).for_each(|(own, pixel)| *own = (pixel - mean) / std);
            }
            let live = pixels.len() / image;
            let [of_features, of_logits] =
                self.runtime.run(own, at_once, self.pool.as_ref()).map_err(EngineError::Other)?;
            features.extend_from_slice(&of_features[..live * width]);
            logits.extend_from_slice(&of_logits[..live * classes]);
        }
        let tensor = |values: Vec<f32>, width: usize| {
            Tensor::<2>::from_data(TensorData::new(values, [images.n, width]), &self.device)
        };
        Ok(Outputs::new(tensor(features, *width), tensor(logits, *classes)))
    }

    fn arithmetic(&self) -> String {
        format!("rten, {} threads", self.threads)
    }

    fn device(&self) -> Device {
        self.device.clone()
    }
}

#[cfg(test)]
mod tests {
    use kd2m_nn::{
        init::initialise,
        zoo::{self, ZooOptions},
    };

    use super::*;
    use crate::{batch::host, device::DeviceChoice, engine::choose::engine};

    /// A model that both can run: the runtime against our own engine.
    #[test]
    fn the_runtime_gives_what_our_engine_gives() {
        let graph = zoo::build("resnet8", &ZooOptions::new(7, 3, 16, 12)).unwrap();
        let weights = initialise(&graph, 3);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.onnx");
        onnx::write(&path, &graph, &weights, &onnx::Metadata::new()).unwrap();
        let runtime = Runtime::open(&path, None).unwrap();
        assert_eq!((runtime.width, runtime.classes, runtime.interface.shape), (64, 7, [3, 16, 12]));
        let (mean, std) = ([0.1, 0.2, 0.3], [0.5, 0.6, 0.7]);
        let mut theirs = RuntimeEngine::new(runtime.into(), [mean.to_vec(), std.to_vec()], Device::flex(), 1);
        let seen = graph.with_normalisation(&mean, &std);
        let mut ours = engine(DeviceChoice::Cpu, 1, &seen, &weights, &[], false).unwrap();
        let n = 5;
        let pixels: Vec<f32> = (0..n * 3 * 16 * 12).map(|i| (i * 7919 % 1009) as f32 / 1009.0).collect();
        let (a, b) = (Images { pixels: &pixels, n }, Images { pixels: &pixels, n });
        let (theirs, ours) = (theirs.forward(a, Mode::Evaluate).unwrap(), ours.forward(b, Mode::Evaluate).unwrap());
        for (a, b) in [(&theirs.features, &ours.features), (&theirs.logits, &ours.logits)] {
            let (a, b) = (host(a).unwrap(), host(b).unwrap());
            let most = b.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
            assert!(a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-5 * most));
        }
    }

    #[test]
    fn what_is_no_model_is_refused_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.onnx");
        std::fs::write(&path, b"not a model").unwrap();
        let why = Runtime::open(&path, None).err().unwrap().to_string();
        assert!(why.contains("m.onnx"), "{why}");
    }
}
