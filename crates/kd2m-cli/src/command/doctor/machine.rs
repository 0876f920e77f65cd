//! What of the machine a run would use.

use kd2m::device::DeviceChoice;
use kd2m_ot::{internals::Isa, room};
use kd2m_simd::memory;
use serde_json::json;

use super::finding::{Finding, State};

/// The device that is asked for, opened.
pub fn device(text: &str) -> Finding {
    let opened = DeviceChoice::parse(text).and_then(|choice| choice.burn().map(|_| choice));
    match opened {
        Ok(_) => Finding::new("device", State::Fine, format!("{text} can be had"), json!({ "device": text })),
        Err(error) => Finding::new("device", State::Wrong, error.to_string(), json!({ "device": text })),
    }
}

/// The instruction set whose kernels run, of those that the processor has.
pub fn kernels() -> Finding {
    let (chosen, all) = (Isa::detect().name(), Isa::available());
    let names: Vec<&str> = all.iter().map(|isa| isa.name()).collect();
    let says = format!("{chosen}, of {} that this processor has (KD2M_ISA chooses another)", names.join(", "));
    Finding::new("kernels", State::Fine, says, json!({ "chosen": chosen, "available": names }))
}

/// Threads that are asked for, 0 for one a core.
pub fn threads(asked: usize) -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let used = if asked == 0 { cores } else { asked };
    let more = if used > cores { ": more than cores only wait for each other" } else { "" };
    let says = format!("{used} on {cores} cores{more}");
    Finding::new("threads", State::Fine, says, json!({ "threads": used, "cores": cores }))
}

/// Memory, as far as the system tells.
pub fn memory() -> Finding {
    let facts = json!({ "total_bytes": memory::total(), "available_bytes": memory::available() });
    let size = |bytes: u64| room::size(usize::try_from(bytes).unwrap_or(usize::MAX));
    match (memory::total(), memory::available()) {
        (Some(total), Some(free)) => {
            Finding::new("memory", State::Fine, format!("{}, {} of it free", size(total), size(free)), facts)
        }
        _ => Finding::new("memory", State::Absent, "this system does not say how much there is".to_owned(), facts),
    }
}
