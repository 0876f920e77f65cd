//! Which kernel a convolution gets, and why: one ordered table, the first line that fits wins. Read by the engine and by its listing.

use crate::{
    conv::{ConvShape, direct::register_tile},
    isa::Isa,
};

/// A way to compute a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    Depthwise,
    Winograd,
    Direct,
    Gemm,
}

/// What is asked of a kernel.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub shape: &'a ConvShape,
    pub isa: Isa,
    /// Tiles × samples from which on Winograd's algorithm pays; none where the shape does not fit it or it may not be used.
    pub winograd_from: Option<usize>,
    /// Samples.
    pub n: usize,
}

/// A line of the table.
pub struct Rule {
    pub kernel: Kernel,
    /// What the kernel is called in listings.
    pub name: &'static str,
    pub why: &'static str,
    fits: fn(&Request) -> bool,
}

const TABLE: &[Rule] = &[
    Rule {
        kernel: Kernel::Depthwise,
        name: "depthwise",
        why: "one input for each output: nothing to multiply densely",
        fits: |r| r.shape.is_depthwise(),
    },
    Rule {
        kernel: Kernel::Winograd,
        name: "winograd 4×4",
        why: "3×3 of stride 1 on a map of 4×4 or more: a quarter of the products",
        fits: |r| r.winograd_from.is_some_and(|fewest| r.shape.tiles() * r.n >= fewest),
    },
    Rule {
        kernel: Kernel::Direct,
        name: "direct",
        why: "the processor has a register tile: sums stay in registers over all live taps",
        fits: |r| register_tile(r.isa).is_some(),
    },
    Rule { kernel: Kernel::Gemm, name: "gemm", why: "works everywhere", fits: |_| true },
];

/// The first line that fits.
pub fn choose(request: &Request) -> &'static Rule {
    // The last line fits everything.
    TABLE.iter().find(|rule| (rule.fits)(request)).unwrap_or(&TABLE[TABLE.len() - 1])
}
