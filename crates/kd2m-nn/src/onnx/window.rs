//! Where the windows of convolutions and pools lie. ONNX says it in five attributes; here they are places before and behind the map,
//! as many on both sides where that comes to the same on a map of this size.

use super::attributes::Attributes;

/// Height, width.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    /// Places before the map that windows reach.
    pub before: [usize; 2],
    /// Places behind it; as many as before it where that makes the same windows.
    pub behind: [usize; 2],
    /// Whether a last window reaches beyond the padding, into places that `ceil_mode` adds.
    pub partial: bool,
}

impl Window {
    /// The zeros of a padding that differs between the sides, as a layer of its own: above, left, below, right.
    pub fn around(&self) -> Option<[usize; 4]> {
        let [[top, left], [bottom, right]] = [self.before, self.behind];
        (self.before != self.behind).then_some([top, left, bottom, right])
    }
}

/// The limit keeps sums of sizes from overflowing, whatever a file says.
fn size(value: i64, what: &str) -> Result<usize, String> {
    usize::try_from(value).ok().filter(|v| *v <= 1 << 16).ok_or_else(|| format!("{what} of {value}"))
}

/// One value for height, one for width.
fn pair(attributes: &mut Attributes, name: &str) -> Result<Option<[usize; 2]>, String> {
    match attributes.ints(name)? {
        None => Ok(None),
        Some(&[h, w]) => Ok(Some([size(h, name)?, size(w, name)?])),
        Some(other) => Err(format!("{name} = {other:?} is not of two dimensions")),
    }
}

/// Zeros before and behind each axis.
enum Pads {
    Given([usize; 4]),
    /// As many as make the output the input's length over the stride; the odd one behind, or before.
    Same {
        behind: bool,
    },
}

fn pads(attributes: &mut Attributes) -> Result<Pads, String> {
    let given = match attributes.ints("pads")? {
        None => [0; 4],
        Some(&[top, left, bottom, right]) => {
            [size(top, "padding")?, size(left, "padding")?, size(bottom, "padding")?, size(right, "padding")?]
        }
        Some(other) => return Err(format!("pads = {other:?} is not of two dimensions")),
    };
    let automatic = match attributes.text("auto_pad")?.as_deref() {
        None | Some("NOTSET") => return Ok(Pads::Given(given)),
        Some("VALID") => Pads::Given([0; 4]),
        Some("SAME_UPPER") => Pads::Same { behind: true },
        Some("SAME_LOWER") => Pads::Same { behind: false },
        Some(other) => return Err(format!("auto_pad = {other} is not read")),
    };
    if given == [0; 4] { Ok(automatic) } else { Err(format!("pads = {given:?} beside auto_pad")) }
}

impl Window {
    /// Takes the attributes of a window over maps of this height and width; `kernel` is a convolution's own, of its weight.
    ///
    /// # Errors
    /// Settings that no layer has on such maps.
    pub fn take(
        attributes: &mut Attributes,
        kernel: Option<[usize; 2]>,
        map: [usize; 2],
        rounds: bool,
    ) -> Result<Self, String> {
        let given = pair(attributes, "kernel_shape")?;
        let kernel = match (kernel, given) {
            (Some(own), Some(given)) if own != given => {
                return Err(format!("kernel_shape = {given:?}, but its weight has {own:?}"));
            }
            (own, given) => own.or(given).ok_or("needs kernel_shape")?,
        };
        let stride = pair(attributes, "strides")?.unwrap_or([1; 2]);
        let dilation = pair(attributes, "dilations")?.unwrap_or([1; 2]);
        let ceil = rounds && attributes.flag("ceil_mode", false)?;
        let pads = pads(attributes)?;
        let (mut before, mut behind, mut partial) = ([0; 2], [0; 2], false);
        for axis in 0..2 {
            let extent = dilation[axis] * kernel[axis].saturating_sub(1) + 1;
            let side = side(&pads, axis, map[axis], extent, stride[axis], ceil);
            (before[axis], behind[axis]) = (side.before, side.behind);
            partial |= side.partial;
        }
        Ok(Self { kernel, stride, dilation, before, behind, partial })
    }
}

/// Places around an axis.
struct Side {
    before: usize,
    behind: usize,
    partial: bool,
}

/// Places on both sides of an axis that give the same windows as ONNX's.
fn side(pads: &Pads, axis: usize, length: usize, extent: usize, stride: usize, ceil: bool) -> Side {
    let (before, behind) = match pads {
        Pads::Given(all) => (all[axis], all[axis + 2]),
        Pads::Same { behind } => {
            let outputs = length.div_ceil(stride.max(1)).max(1);
            let total = ((outputs - 1) * stride + extent).saturating_sub(length);
            let (less, more) = (total / 2, total - total / 2);
            if *behind { (less, more) } else { (more, less) }
        }
    };
    let windows = |available: usize| match (stride, available.checked_sub(extent)) {
        (1.., Some(beyond)) => Some(beyond / stride + 1),
        // Of a window that does not fit the graph says more.
        _ => None,
    };
    let Some(whole) = windows(length + before + behind) else { return Side { before, behind, partial: false } };
    // A window more, if it begins within the map or the padding before it.
    let beyond = (length + before + behind - extent) % stride;
    let partial = ceil && beyond > 0 && whole * stride < length + before;
    let count = whole + usize::from(partial);
    match windows(length + 2 * before) == Some(count) {
        true => Side { before, behind: before, partial: false },
        false => Side {
            before,
            behind: ((count - 1) * stride + extent).saturating_sub(length + before).max(behind),
            partial,
        },
    }
}
