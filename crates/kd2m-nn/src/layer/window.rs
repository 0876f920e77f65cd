//! Windows that slide over maps: of convolutions and of pools.

use std::fmt;

/// Output length of a window over one axis, or why there is none.
pub(super) fn length(
    length: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
) -> Result<usize, String> {
    let (extent, available) = (dilation * (kernel.max(1) - 1) + 1, length + 2 * padding);
    if stride == 0 || kernel == 0 || available < extent {
        return Err(format!("a window of {extent} with stride {stride} does not fit a length of {available}"));
    }
    Ok((available - extent) / stride + 1)
}

/// `3×3`, or with its stride `3×3 /2`.
pub(super) fn show(f: &mut fmt::Formatter<'_>, kernel: [usize; 2], stride: [usize; 2]) -> fmt::Result {
    write!(f, "{}×{}", kernel[0], kernel[1])?;
    match stride {
        [1, 1] => Ok(()),
        [h, w] if h == w => write!(f, " /{h}"),
        [h, w] => write!(f, " /{h}×{w}"),
    }
}
