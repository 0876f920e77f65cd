//! An engine around another.

/// What it leaves to that one: all but the backward pass and the step, or all but these and what it makes of images.
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
        fn gradient_norm_squared(&self) -> Result<f64, CopyError> {
            self.inner.gradient_norm_squared()
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
