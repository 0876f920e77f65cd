//! Where the windows of convolutions and pools lie. ONNX says it in five attributes; a layer has one padding for both sides and no
//! partial windows. What comes to the same on a map of this size is taken, anything else is refused.

use super::attributes::Attributes;

/// Height, width.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub dilation: [usize; 2],
    pub padding: [usize; 2],
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
        let mut padding = [0; 2];
        for axis in 0..2 {
            let extent = dilation[axis] * kernel[axis].saturating_sub(1) + 1;
            padding[axis] = side(&pads, axis, map[axis], extent, stride[axis], ceil)?;
        }
        Ok(Self { kernel, stride, dilation, padding })
    }
}

/// Zeros on both sides of an axis, which give the same windows as ONNX's.
fn side(pads: &Pads, axis: usize, length: usize, extent: usize, stride: usize, ceil: bool) -> Result<usize, String> {
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
    let whole = windows(length + before + behind);
    if whole != windows(length + 2 * before) {
        return Err(match pads {
            Pads::Given(all) => format!("pads = {all:?} differ between the sides"),
            Pads::Same { behind: upper } => {
                let name = if *upper { "SAME_UPPER" } else { "SAME_LOWER" };
                format!(
                    "auto_pad = {name} is {before} before and {behind} behind a length of {length}: the sides differ"
                )
            }
        });
    }
    // A window more, if it begins within the map or the padding before it.
    let partial = whole.is_some_and(|whole| {
        let beyond = (length + before + behind - extent) % stride;
        ceil && beyond > 0 && whole * stride < length + before
    });
    match partial {
        true => {
            Err(format!("ceil_mode = 1 adds a partial window to a length of {length}; only whole ones are a layer"))
        }
        false => Ok(before),
    }
}
