//! What one sample looks like somewhere in a network.

use serde::{Deserialize, Serialize};

/// What one sample looks like at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// Channels × height × width.
    Map {
        /// Maps.
        channels: usize,
        /// Rows of each.
        height: usize,
        /// Columns of each.
        width: usize,
    },
    /// A vector of this length.
    Vector(usize),
    /// A sequence of vectors, `[tokens, width]`.
    Tokens {
        /// How many.
        tokens: usize,
        /// Length of each.
        width: usize,
    },
}

impl Shape {
    /// Values a sample.
    pub fn len(&self) -> usize {
        match *self {
            // Saturating: a file may claim any shape, and what cannot be held is refused where it would be.
            Shape::Map { channels, height, width } => channels.saturating_mul(height).saturating_mul(width),
            Shape::Vector(d) => d,
            Shape::Tokens { tokens, width } => tokens.saturating_mul(width),
        }
    }

    /// Never in a finished graph: every axis is at least one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Channels of a map, length of a vector, width of tokens.
    pub fn channels(&self) -> usize {
        match *self {
            Shape::Map { channels, .. } => channels,
            Shape::Vector(d) => d,
            Shape::Tokens { width, .. } => width,
        }
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Shape::Map { channels, height, width } => write!(f, "{channels}×{height}×{width}"),
            Shape::Vector(d) => write!(f, "{d}"),
            Shape::Tokens { tokens, width } => write!(f, "{tokens} tokens of {width}"),
        }
    }
}
