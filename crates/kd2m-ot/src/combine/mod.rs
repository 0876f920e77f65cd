//! What wraps any divergence instead of being one: within classes, over features and labels jointly, over random subsets.

pub mod class_conditional;

pub use class_conditional::ClassConditional;
