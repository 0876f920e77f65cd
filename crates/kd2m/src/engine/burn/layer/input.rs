//! The images, which the engine is given.

use super::{scope::Scope, value::Value};

pub fn apply(_: &Scope, _: &[Value]) -> Option<Value> {
    None
}
