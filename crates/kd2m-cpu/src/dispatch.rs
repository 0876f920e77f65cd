//! Which kernel a convolution gets, and why: one ordered table, the first line that fits wins.

use crate::{conv::ConvShape, isa::Isa};

/// A way to compute a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    Depthwise,
    Gemm,
}

impl Kernel {
    /// Width of a block of packed outputs (0: all of a group) and of the vectors it is cut to.
    pub fn block(self) -> (usize, usize) {
        match self {
            Kernel::Depthwise | Kernel::Gemm => (0, 1),
        }
    }
}

/// A line of the table.
#[derive(Clone, Copy)]
pub struct Rule {
    pub kernel: Kernel,
    /// What the kernel is called in listings.
    pub name: &'static str,
    pub why: &'static str,
    fits: fn(&ConvShape, Isa) -> bool,
}

const TABLE: &[Rule] = &[
    Rule {
        kernel: Kernel::Depthwise,
        name: "depthwise",
        why: "one input for each output: nothing to multiply densely",
        fits: |shape, _| shape.is_depthwise(),
    },
    Rule { kernel: Kernel::Gemm, name: "gemm", why: "fits everything", fits: |_, _| true },
];

/// The first line that fits.
pub fn choose(shape: &ConvShape, isa: Isa) -> &'static Rule {
    // The last line fits everything.
    TABLE.iter().find(|rule| (rule.fits)(shape, isa)).unwrap_or(&TABLE[TABLE.len() - 1])
}
