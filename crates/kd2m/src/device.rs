//! Devices by the names that `--device` takes.

use burn::tensor::Device;
use kd2m_ot::error::nearest_names;

use crate::error::Error;

/// Where networks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The default: the fastest engine on this machine's processor.
    #[default]
    Cpu,
    /// Burn's own CPU path.
    Flex,
    /// A GPU through Burn.
    Gpu { kind: &'static str, index: usize },
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

impl DeviceChoice {
    /// Reads `cpu | flex | wgpu[:i] | vulkan[:i] | cuda[:i] | metal`.
    ///
    /// # Errors
    /// An unknown name (the nearest ones are named) or an index that is no number.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (name, index) = text.split_once(':').unwrap_or((text, "0"));
        let index = index
            .parse()
            .map_err(|_| Error::Config(format!("device `{text}`: `{index}` is no device index, try `{name}:0`")))?;
        match NAMES.iter().find(|(known, _)| *known == name) {
            Some(("cpu", _)) => Ok(DeviceChoice::Cpu),
            Some(("flex", _)) => Ok(DeviceChoice::Flex),
            Some((kind, _)) => Ok(DeviceChoice::Gpu { kind, index }),
            None => {
                let near = nearest_names(name, NAMES.iter().map(|(n, _)| *n));
                let hint = match near.first() {
                    Some(near) => format!("did you mean {near}?"),
                    None => "choose cpu, flex, wgpu, vulkan, cuda or metal".to_owned(),
                };
                Err(Error::Config(format!("unknown device `{name}`; {hint}")))
            }
        }
    }

    /// The Burn device on which losses (and, except for `cpu`, networks) are computed.
    ///
    /// # Errors
    /// A device that was not compiled in: the message names the cargo feature that brings it.
    pub fn burn(self) -> Result<Device, Error> {
        match self {
            DeviceChoice::Cpu | DeviceChoice::Flex => Ok(Device::flex()),
            DeviceChoice::Gpu { kind, index } => gpu(kind, index),
        }
    }
}

#[allow(unused_variables, reason = "without a GPU feature the index is not read")]
fn gpu(kind: &'static str, index: usize) -> Result<Device, Error> {
    match kind {
        #[cfg(feature = "wgpu")]
        "wgpu" => Ok(Device::wgpu(device_kind(index))),
        #[cfg(feature = "vulkan")]
        "vulkan" => Ok(Device::vulkan(device_kind(index))),
        #[cfg(feature = "metal")]
        "metal" => Ok(Device::metal(device_kind(index))),
        #[cfg(feature = "cuda")]
        "cuda" => Ok(Device::cuda(index)),
        _ => Err(Error::Config(format!(
            "this program was built without {kind}: build it again with `cargo build --release --features {kind}`"
        ))),
    }
}

#[cfg(any(feature = "wgpu", feature = "vulkan", feature = "metal"))]
fn device_kind(index: usize) -> burn::tensor::DeviceKind {
    match index {
        0 => burn::tensor::DeviceKind::DefaultDevice,
        i => burn::tensor::DeviceKind::DiscreteGpu(i),
    }
}
