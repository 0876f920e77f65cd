//! What a product of integers is made of: strips of rows, panels of columns, and what is known of either.

/// Rows of a tile.
pub(super) const ROWS: usize = 12;

/// Columns of a panel: two vectors of AVX-512.
pub(crate) const COLUMNS: usize = 32;

/// Length of a row in integers: products of two rows stay below 2³¹, with room for that rounding.
pub(super) const LENGTH: f32 = 46_000.0;

/// What is known of a row beside its integers. The row is `scale` · integers + a rest.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measure {
    pub(super) scale: f32,
    /// Length of the rest, and a little more.
    pub rest: f32,
    /// Squared length of the centred row.
    pub norm: f32,
}

/// What is known of a row of `length` coordinates from the squares of its rest, its products with the rest, and the squares of its integers.
pub(super) fn measure(length: usize, scale: f32, rest: f64, along: f64, squares: i32) -> Measure {
    // ‖x‖² from the integers, whose squares are added exactly, and the small rest: ‖x‖² = ‖sq‖² + 2⟨x, rest⟩ − ‖rest‖².
    let of_integers = f64::from(scale).powi(2) * f64::from(squares);
    // Sixteen lanes sum up to WIDEST / 16 squares in single precision.
    let rounded = 1.0 + 2f64.powi(-24) * (length as f64 / 16.0 + 16.0);
    Measure { scale, rest: (rest.sqrt() * rounded) as f32, norm: (of_integers + 2.0 * along - rest).max(0.0) as f32 }
}

/// At most twelve rows of A.
pub(super) struct Strip<'a> {
    pub(super) rows: [&'a [i16]; ROWS],
    pub(super) measures: [Measure; ROWS],
    /// How many of them are stored.
    pub(super) count: usize,
}

/// A panel beside what is known of its columns.
pub(super) struct Panel<'a> {
    pub(super) integers: &'a [i16],
    pub(super) scale: [f32; COLUMNS],
    pub(super) norm: [f32; COLUMNS],
}
