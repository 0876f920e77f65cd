//! Engines whose classifier is treated apart from the network below it: kept as it is, or held to a gentle slope.

mod frozen;
mod lipschitz;

pub use frozen::FrozenHead;
pub use lipschitz::LipschitzHead;

/// What such an engine leaves to the one inside it.
macro_rules! left_to_inner {
    () => {
        fn forward(&mut self, images: Images, mode: Mode) -> Result<Outputs, EngineError> {
            self.inner.forward(images, mode)
        }

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

        fn arithmetic(&self) -> String {
            self.inner.arithmetic()
        }

        fn device(&self) -> Device {
            self.inner.device()
        }
    };
}
use left_to_inner;
