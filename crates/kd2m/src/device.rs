//! Devices by the names that `--device` takes.

use burn::tensor::Device;
#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal"))]
use burn::tensor::{DeviceKind, DeviceType};
use kd2m_ot::error::nearest_names;

use thiserror::Error;

/// Why there is no such device.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// What follows the colon is no number.
    #[error("device `{text}`: `{index}` is no device index, try `{name}:0`")]
    Index {
        /// The whole of what was written.
        text: String,
        /// What stands before the colon.
        name: String,
        /// What stands behind it.
        index: String,
    },
    /// No device has this name.
    #[error("unknown device `{name}`; {}", hint(near.as_deref()))]
    Unknown {
        /// What was written.
        name: String,
        /// The nearest name, if one is near.
        near: Option<String>,
    },
    /// A device whose cargo feature is off.
    #[error("this program was built without {kind}: build it again with `cargo build --release --features {kind}`")]
    NotBuilt {
        /// The device's name, which is the feature's.
        kind: &'static str,
    },
    /// This machine has no such device.
    #[error("no {kind} device on this machine: install a graphics driver (on Linux a Vulkan one), or use --device cpu")]
    None {
        /// The device's name.
        kind: &'static str,
    },
    /// This machine has fewer of them.
    #[error("there is no device {kind}:{index} on this machine, its last is {kind}:{last}")]
    Beyond {
        /// The device's name.
        kind: &'static str,
        /// What was asked for.
        index: usize,
        /// The last that there is.
        last: usize,
    },
}

fn hint(near: Option<&str>) -> String {
    match near {
        Some(near) => format!("did you mean {near}?"),
        None => "choose cpu, flex, wgpu, vulkan, cuda or metal".to_owned(),
    }
}

/// Where networks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The default: the fastest engine on this machine's processor.
    #[default]
    Cpu,
    /// Burn's own CPU path.
    Flex,
    /// A GPU through Burn.
    Gpu {
        /// Its name, as `wgpu`.
        kind: &'static str,
        /// Which of several, from 0.
        index: usize,
    },
}

/// The device names, each with the cargo feature that brings it (`None`: always there).
const NAMES: &[(&str, Option<&str>)] = &[
    ("cpu", None),
    ("flex", None),
    ("wgpu", Some("wgpu")),
    ("vulkan", Some("vulkan")),
    ("cuda", Some("cuda")),
    ("metal", Some("metal")),
];

/// As `--device` takes it.
impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Flex => f.write_str("flex"),
            Self::Gpu { kind, index } => write!(f, "{kind}:{index}"),
        }
    }
}

impl DeviceChoice {
    /// Reads `cpu | flex | wgpu[:i] | vulkan[:i] | cuda[:i] | metal`.
    ///
    /// # Errors
    /// An unknown name (the nearest ones are named) or an index that is no number.
    pub fn parse(text: &str) -> Result<Self, DeviceError> {
        let (name, index) = text.split_once(':').unwrap_or((text, "0"));
        let owned = str::to_owned;
        let wrong = |_| DeviceError::Index { text: owned(text), name: owned(name), index: owned(index) };
        let index = index.parse().map_err(wrong)?;
        match NAMES.iter().find(|(known, _)| *known == name) {
            Some(("cpu", _)) => Ok(DeviceChoice::Cpu),
            Some(("flex", _)) => Ok(DeviceChoice::Flex),
            Some((kind, _)) => Ok(DeviceChoice::Gpu { kind, index }),
            None => {
                let near = nearest_names(name, NAMES.iter().map(|(n, _)| *n)).into_iter().next();
                Err(DeviceError::Unknown { name: name.to_owned(), near })
            }
        }
    }

    /// The Burn device on which losses (and, except for `cpu`, networks) are computed.
    ///
    /// # Errors
    /// A device that was not compiled in: the message names the cargo feature that brings it.
    pub fn burn(self) -> Result<Device, DeviceError> {
        match self {
            DeviceChoice::Cpu | DeviceChoice::Flex => Ok(Device::flex()),
            DeviceChoice::Gpu { kind, index } => gpu(kind, index),
        }
    }
}

#[allow(unused_variables, reason = "without a GPU feature the index is not read")]
fn gpu(kind: &'static str, index: usize) -> Result<Device, DeviceError> {
    match kind {
        #[cfg(feature = "wgpu")]
        "wgpu" => found(kind, index, Device::wgpu, DeviceType::Wgpu),
        #[cfg(feature = "vulkan")]
        "vulkan" => found(kind, index, Device::vulkan, DeviceType::Vulkan),
        #[cfg(feature = "metal")]
        "metal" => found(kind, index, Device::metal, DeviceType::Metal),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(index)),
        _ => Err(DeviceError::NotBuilt { kind }),
    }
}

/// The device of this index in Burn's list (discrete GPUs first); 0: the one that the driver prefers. Opening a device that is not
/// there would panic.
#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal"))]
fn found(
    kind: &'static str,
    index: usize,
    preferred: fn(DeviceKind) -> Device,
    list: DeviceType,
) -> Result<Device, DeviceError> {
    let all = Device::enumerate(list).into_vec();
    match (index, all.len()) {
        (_, 0) => Err(DeviceError::None { kind }),
        (0, _) => Ok(preferred(DeviceKind::DefaultDevice)),
        (_, count) => all.into_iter().nth(index).ok_or(DeviceError::Beyond { kind, index, last: count - 1 }),
    }
}
