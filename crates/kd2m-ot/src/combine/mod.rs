//! What wraps any divergence instead of being one: within classes, or over features and labels jointly.

pub mod class_conditional;
pub mod joint;

pub use class_conditional::ClassConditional;
pub use joint::Joint;
