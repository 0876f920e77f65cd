//! What `kd2m --version` says beside the number: commit, kernels, devices.

use std::sync::LazyLock;

use kd2m_ot::internals::Isa;

/// Devices that only a cargo feature brings.
const DEVICES: [(&str, bool); 4] = [
    ("wgpu", cfg!(feature = "wgpu")),
    ("vulkan", cfg!(feature = "vulkan")),
    ("metal", cfg!(feature = "metal")),
    ("cuda", cfg!(feature = "cuda")),
];

/// Several lines, the number first.
pub fn long() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(text);
    &TEXT
}

fn text() -> String {
    let kernels: Vec<&str> = Isa::available().iter().map(|isa| isa.name()).collect();
    let built = DEVICES.iter().filter(|(_, there)| *there).map(|(name, _)| *name);
    let devices: Vec<&str> = ["cpu", "flex"].into_iter().chain(built).collect();
    format!(
        "{}\ncommit   {}\nkernels  {} (this processor has {})\ndevices  {}",
        env!("CARGO_PKG_VERSION"),
        env!("KD2M_COMMIT"),
        Isa::detect().name(),
        kernels.join(", "),
        devices.join(", ")
    )
}
