//! The engine's face: a graph with its weights that runs, learns and is saved.

use std::{any::Any, collections::BTreeMap, sync::Arc};

use kd2m_nn::{
    Graph, NamedTensor, Weights,
    step::{Decayed, Draws, Mode, Reduce, Then, Update},
};

use crate::{
    error::CpuError,
    isa::Isa,
    layout::to_nchw,
    op::{Convolve, Sink, weight_pack},
    parameters::Parameters,
    plan::{Purpose, compile},
    program::{External, Program},
    threads::Threads,
};

/// What a network is made for.
#[derive(Debug, Clone)]
pub struct Options {
    /// 0: one a core.
    pub threads: usize,
    /// A frozen network only runs in [`Mode::Evaluate`] and keeps no gradients.
    pub trainable: bool,
    /// The maps to keep, by the names of the graph's stages.
    pub stages: Vec<String>,
    /// The instruction set; by default what `KD2M_ISA` names, else the widest that the processor has.
    pub isa: Option<Isa>,
    /// Whether products may go by Winograd's algorithm, which rounds about ten times more coarsely; on by default.
    pub winograd: bool,
    /// Others that have the rest of each training batch: batch norms take its mean and variance over all of them.
    pub others: Option<Arc<dyn Reduce>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 0, trainable: true, stages: Vec::new(), isa: None, winograd: true, others: None }
    }
}

/// A line of [`Network::kernels`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelChoice {
    /// Its name in the graph.
    pub layer: String,
    /// E.g. `3×3 /2 64×8×8 → 128×4×4`.
    pub shape: String,
    /// The kernel's name.
    pub kernel: &'static str,
    /// What decided for it.
    pub why: &'static str,
    /// Of one image; taps that only meet padding are left out.
    pub multiply_adds: u64,
    /// Multiply–adds that this kernel does for them: Winograd has fewer.
    pub products: u64,
}

/// A network on this CPU.
pub struct Network {
    graph: Graph,
    threads: Threads,
    isa: Isa,
    parameters: Parameters,
    training: Option<Program>,
    evaluation: Program,
    /// What the last forward pass was.
    last: Option<Mode>,
}

impl Network {
    /// A network with these weights, under PyTorch's keys and in its layout, running statistics included.
    ///
    /// # Errors
    /// A wanted stage that the graph lacks, a missing tensor or one of another shape, an unknown `KD2M_ISA`.
    pub fn new(graph: &Graph, weights: &Weights, options: Options) -> Result<Self, CpuError> {
        let isa = match options.isa {
            Some(isa) => isa,
            None => Isa::current()?,
        };
        let threads = Threads::shared(options.threads)?;
        let pack_of = |node: usize| weight_pack(graph, node, isa);
        let parameters = threads.run(|| Parameters::new(graph, weights, options.trainable, isa, pack_of))?;
        let program = |purpose| {
            let plan = compile(graph, purpose, isa, &options)?;
            Ok::<_, CpuError>(Program::new(plan, purpose, isa, !options.trainable))
        };
        let training = if options.trainable { Some(program(Purpose::Training)?) } else { None };
        let evaluation = program(Purpose::Evaluation)?;
        Ok(Self { graph: graph.clone(), threads, isa, parameters, training, evaluation, last: None })
    }

    /// What it was made of.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The instruction set that the kernels use.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// How many threads it uses.
    pub fn threads(&self) -> usize {
        self.threads.count()
    }

    /// Runs n images `[n, c, h, w]` with pixels in 0…1.
    ///
    /// # Errors
    /// An empty batch, images of another size, training of a frozen network, a batch norm over a single value.
    pub fn forward(&mut self, images: &[f32], n: usize, mode: Mode) -> Result<(), CpuError> {
        if n == 0 {
            return Err(CpuError::EmptyBatch);
        }
        expect_length("images", images.len(), n * self.graph.input_shape().len())?;
        self.last = None;
        let program = match mode {
            Mode::Train => self.training.as_mut().ok_or(CpuError::Frozen)?,
            Mode::Evaluate => &mut self.evaluation,
        };
        let parameters = &mut self.parameters;
        self.threads.run(|| program.forward(parameters, images, n))?;
        self.last = Some(mode);
        Ok(())
    }

    fn last_program(&self) -> &Program {
        match (self.last, &self.training) {
            (Some(Mode::Train), Some(training)) => training,
            _ => &self.evaluation,
        }
    }

    /// Features of the last forward pass `[n, d]`; empty before the first.
    pub fn features(&self) -> &[f32] {
        let program = self.last_program();
        if self.last.is_some() { program.value(program.plan.features) } else { &[] }
    }

    /// Logits of the last forward pass `[n, classes]`; empty before the first.
    pub fn logits(&self) -> &[f32] {
        let program = self.last_program();
        if self.last.is_some() { program.value(program.plan.logits) } else { &[] }
    }

    /// A wanted map of the last forward pass, `[n, c, h, w]`.
    ///
    /// # Errors
    /// A stage that was not named in [`Options::stages`], or no forward pass yet.
    pub fn map(&self, stage: &str) -> Result<Vec<f32>, CpuError> {
        let program = self.last_program();
        let (_, value) = find_stage(program, stage)?;
        if self.last.is_none() {
            return Err(CpuError::NoForward);
        }
        let values = program.value(value);
        let mut map = vec![0.0; values.len()];
        let extent = program.plan.values[value].extent;
        self.threads.run(|| to_nchw(values, &mut map, program.n, extent));
        Ok(map)
    }

    /// Runs the last training pass backward from gradients of its outputs: features `[n, d]`, logits `[n, classes]`, maps by stage
    /// `[n, c, h, w]`. Each is partial: what flows from later layers is added.
    ///
    /// # Errors
    /// No training pass before, a gradient of another size, a stage that was not wanted.
    pub fn backward(
        &mut self,
        features: Option<&[f32]>,
        logits: Option<&[f32]>,
        maps: &[(&str, &[f32])],
        then: Then,
    ) -> Result<(), CpuError> {
        let program = match (&mut self.training, self.last) {
            (None, _) => return Err(CpuError::Frozen),
            (Some(program), Some(Mode::Train)) => program,
            _ => return Err(CpuError::NoForward),
        };
        let mut external = Vec::new();
        let mut give = |what: &str, value: usize, gradient| {
            let gradient: &[f32] = gradient;
            expect_length(what, gradient.len(), program.n * program.plan.values[value].extent.len())?;
            external.push(External { value, gradient });
            Ok::<_, CpuError>(())
        };
        if let Some(gradient) = features {
            give("gradient of the features", program.plan.features, gradient)?;
        }
        if let Some(gradient) = logits {
            give("gradient of the logits", program.plan.logits, gradient)?;
        }
        for (stage, gradient) in maps {
            let (name, value) = find_stage(program, stage)?;
            give(&format!("gradient of {name}"), value, gradient)?;
        }
        let parameters = &mut self.parameters;
        self.threads.run(|| match then {
            Then::Accumulate => program.backward(parameters, &external, Sink::Accumulate),
            Then::Step(update) => {
                parameters.begin_step(&update.rule);
                program.backward(parameters, &external, Sink::Step(&update));
                parameters.step_rest(&update);
            }
        });
        Ok(())
    }

    /// Σ g² over the accumulated gradients.
    pub fn gradient_norm_squared(&self) -> f64 {
        self.parameters.gradient_norm_squared()
    }

    /// The accumulated gradients, under the keys and in the layout of the weights.
    pub fn gradients(&self) -> Weights {
        self.parameters.gradients()
    }

    /// Puts what this makes of them in place of the accumulated gradients, tensor by tensor in a fixed order, those without one as
    /// zeros: how processes add up theirs.
    pub fn change_gradients(&mut self, change: &mut dyn FnMut(&mut [f32])) {
        self.parameters.change_gradients(change);
    }

    /// Multiplies the accumulated gradients.
    pub fn scale_gradients(&mut self, factor: f32) {
        self.parameters.scale_gradients(factor);
    }

    /// Forgets the accumulated gradients.
    pub fn zero_gradients(&mut self) {
        self.parameters.zero_gradients();
    }

    /// Weight decay moves these tensors alone from now on; all at first.
    pub fn decay(&mut self, decayed: Decayed) {
        self.parameters.decayed = decayed;
    }

    /// Each tensor that is named learns at so many times the rate of a step from now on, all others at the rate itself.
    pub fn scale_rates(&mut self, rates: &BTreeMap<String, f64>) {
        self.parameters.scale_rates(rates);
    }

    /// What the next training passes leave out at random is drawn from these.
    pub fn draw_from(&mut self, draws: Draws) {
        if let Some(training) = &mut self.training {
            training.draws = draws;
        }
    }

    /// One optimizer step with the accumulated gradients, which are forgotten.
    ///
    /// # Errors
    /// Nothing was accumulated since the last step.
    pub fn step(&mut self, update: &Update) -> Result<(), CpuError> {
        if !self.parameters.has_gradients() {
            return Err(CpuError::NoGradient);
        }
        let parameters = &mut self.parameters;
        self.threads.run(|| {
            parameters.begin_step(&update.rule);
            parameters.step_rest(update);
        });
        Ok(())
    }

    /// Weights and running statistics under PyTorch's keys and in its layout.
    pub fn weights(&self) -> Weights {
        self.parameters.weights()
    }

    /// Replaces all weights and running statistics; moments and accumulated gradients stay.
    ///
    /// # Errors
    /// A missing tensor or one of another shape; nothing is changed then.
    pub fn load(&mut self, weights: &Weights) -> Result<(), CpuError> {
        let parameters = &mut self.parameters;
        self.threads.run(|| parameters.load(weights))
    }

    /// One tensor in PyTorch's layout, if there is one under this key.
    pub fn tensor(&self, key: &str) -> Option<NamedTensor> {
        self.parameters.tensor(key)
    }

    /// Replaces the tensors that are named; moments and accumulated gradients stay.
    ///
    /// # Errors
    /// A key that the network lacks or a tensor of another shape; nothing is changed then.
    pub fn replace(&mut self, part: &Weights) -> Result<(), CpuError> {
        self.parameters.replace(part)
    }

    /// The optimizer's moments and count of steps, as [`kd2m_nn::optimizer`] has them.
    pub fn optimizer_state(&self) -> Weights {
        self.parameters.optimizer_state()
    }

    /// Replaces the optimizer's state.
    ///
    /// # Errors
    /// No count of steps, or a moment of another shape; nothing is changed then.
    pub fn load_optimizer_state(&mut self, state: &Weights) -> Result<(), CpuError> {
        self.parameters.load_optimizer_state(state)
    }

    /// Which kernel each convolution and linear layer gets for batches of n images and why, in order.
    pub fn kernels(&self, n: usize) -> Vec<KernelChoice> {
        let frozen = self.training.is_none();
        let steps = self.evaluation.plan.steps.iter();
        let choices = steps.filter_map(|step| {
            let op: &dyn Any = &*step.op;
            let conv = &op.downcast_ref::<Convolve>()?.conv;
            let rule = conv.rule(n, frozen);
            Some(KernelChoice {
                layer: step.name.clone(),
                shape: conv.shape.to_string(),
                kernel: rule.name,
                why: rule.why,
                multiply_adds: conv.multiply_adds(),
                products: conv.products(rule.kernel),
            })
        });
        choices.collect()
    }

    /// Seconds spent in each kind of work since the network was made or [`reset_profile`](Self::reset_profile).
    pub fn profile(&self) -> BTreeMap<&'static str, f64> {
        let mut total = self.evaluation.profile.clone();
        for (part, seconds) in self.training.iter().flat_map(|p| &p.profile) {
            *total.entry(part).or_default() += seconds;
        }
        total
    }

    /// Sets all times to zero.
    pub fn reset_profile(&mut self) {
        self.evaluation.profile.clear();
        if let Some(training) = &mut self.training {
            training.profile.clear();
        }
    }

    /// About as many bytes as it will hold once batches of n were gone through: what [`bytes`](Self::bytes) says then, but for what
    /// kernels keep aside.
    pub fn bytes_for(&self, n: usize) -> usize {
        let programs = self.training.iter().chain([&self.evaluation]);
        self.parameters.bytes_for_steps() + programs.map(|program| program.bytes_for(n)).sum::<usize>()
    }

    /// Bytes of weights, gradients, moments and buffers that the network holds now.
    pub fn bytes(&self) -> usize {
        self.parameters.bytes() + self.evaluation.bytes() + self.training.as_ref().map_or(0, Program::bytes)
    }
}

fn expect_length(what: &str, found: usize, expected: usize) -> Result<(), CpuError> {
    if found == expected { Ok(()) } else { Err(CpuError::WrongLength { what: what.to_owned(), expected, found }) }
}

fn find_stage(program: &Program, stage: &str) -> Result<(String, usize), CpuError> {
    let found = program.plan.stages.iter().find(|(name, _)| name == stage);
    found.cloned().ok_or_else(|| CpuError::UnwantedStage(stage.to_owned()))
}
