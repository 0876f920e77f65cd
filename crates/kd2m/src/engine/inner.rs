//! What engines have in common that are around another, or that only run forward.

/// What it leaves to that one: all but the backward pass and the step; all but these and what it makes of images; or what the inner one holds.
macro_rules! left_to_inner {
    () => {
        left_to_inner!(but images);

        fn forward(&mut self, images: Images, mode: Mode) -> Result<Outputs, EngineError> {
            self.inner.forward(images, mode)
        }

        fn arithmetic(&self) -> String {
            self.inner.arithmetic()
        }
    };
    (but images) => {
        left_to_inner!(state);

        fn gather_gradients(&mut self) -> Result<(), EngineError> {
            self.inner.gather_gradients()
        }

        fn draw_from(&mut self, draws: crate::engine::Draws) {
            self.inner.draw_from(draws);
        }

        fn bytes(&self, n: usize) -> Option<usize> {
            self.inner.bytes(n)
        }
    };
    (state) => {
        fn decay(&mut self, decayed: crate::engine::Decayed) {
            self.inner.decay(decayed);
        }

        fn scale_rates(&mut self, rates: &std::collections::BTreeMap<String, f64>) {
            self.inner.scale_rates(rates);
        }

        fn gradient_norm_squared(&self) -> Result<f64, CopyError> {
            self.inner.gradient_norm_squared()
        }

        fn change_gradients(&mut self, change: &mut dyn FnMut(&mut [f32])) -> Result<(), EngineError> {
            self.inner.change_gradients(change)
        }

        fn network_state(&self) -> Result<Weights, CopyError> {
            self.inner.network_state()
        }

        fn optimizer_state(&self) -> Result<Weights, CopyError> {
            self.inner.optimizer_state()
        }

        fn load_network(&mut self, weights: &Weights) -> Result<(), EngineError> {
            self.inner.load_network(weights)
        }

        fn tensor(&self, key: &str) -> Result<Option<NamedTensor>, CopyError> {
            self.inner.tensor(key)
        }

        fn replace(&mut self, part: &Weights) -> Result<(), EngineError> {
            self.inner.replace(part)
        }

        fn load_optimizer(&mut self, state: &Weights) -> Result<(), EngineError> {
            self.inner.load_optimizer(state)
        }

        fn gradients(&self) -> Result<Weights, CopyError> {
            self.inner.gradients()
        }

        fn device(&self) -> Device {
            self.inner.device()
        }
    };
}
pub(super) use left_to_inner;

/// An engine that is not trained: it has no parameters to hand out, and refuses to learn.
macro_rules! only_forward {
    () => {
        fn backward(&mut self, _: &OutputGradients, _: Then) -> Result<(), EngineError> {
            Err(EngineError::Frozen)
        }

        fn gradient_norm_squared(&self) -> Result<f64, CopyError> {
            Ok(0.0)
        }

        fn decay(&mut self, _: crate::engine::Decayed) {}

        fn scale_rates(&mut self, _: &std::collections::BTreeMap<String, f64>) {}

        fn draw_from(&mut self, _: crate::engine::Draws) {}

        fn step(&mut self, _: &Update) -> Result<(), EngineError> {
            Err(EngineError::Frozen)
        }

        fn network_state(&self) -> Result<Weights, CopyError> {
            Ok(Weights::new())
        }

        fn optimizer_state(&self) -> Result<Weights, CopyError> {
            Ok(Weights::new())
        }

        fn load_network(&mut self, _: &Weights) -> Result<(), EngineError> {
            Err(EngineError::Frozen)
        }

        fn tensor(&self, _: &str) -> Result<Option<NamedTensor>, CopyError> {
            Ok(None)
        }

        fn replace(&mut self, _: &Weights) -> Result<(), EngineError> {
            Err(EngineError::Frozen)
        }

        fn load_optimizer(&mut self, _: &Weights) -> Result<(), EngineError> {
            Err(EngineError::Frozen)
        }

        fn gradients(&self) -> Result<Weights, CopyError> {
            Ok(Weights::new())
        }

        fn bytes(&self, _: usize) -> Option<usize> {
            None
        }
    };
}
pub(super) use only_forward;
