//! PyTorch's own checkpoints (`torch.save`): the zip of today, the pickle stream from before version 1.6, the tar from before 0.1.10.
//! Tensors are a pickle of shapes and strides over storages that lie beside it as plain bytes; see [`kd2m_pickle`].
//! Read next: `dicts.rs` (which state dicts there are), `tensor.rs` (one tensor), `stream.rs` and `tar.rs` (the old formats).

mod checkpoint;
mod dicts;
mod stream;
mod tar;
mod tensor;

pub(super) use checkpoint::Checkpoint;
use checkpoint::Storages;
use dicts::state_dicts;

use super::archive::Archive;

/// Whether these bytes are a checkpoint that [`Checkpoint::open`] reads, or look like one.
pub(super) fn recognises(bytes: &[u8]) -> bool {
    Archive::recognises(bytes) || stream::recognises(bytes) || tar::recognises(bytes)
}

impl<'a> Checkpoint<'a> {
    /// Reads what there is, no values yet.
    ///
    /// # Errors
    /// Damage, or another kind of file: which.
    pub fn open(bytes: &'a [u8]) -> Result<Self, String> {
        match () {
            () if Archive::recognises(bytes) => open_zip(bytes),
            () if tar::recognises(bytes) => tar::open(bytes),
            () => stream::open(bytes),
        }
    }
}

/// Other programs' archives by what they hold: a name, or the end of one, and what it is.
const OTHERS: [(&str, &str); 6] = [
    (
        "constants.pkl",
        "a TorchScript archive (torch.jit.save), a program and not a state dict: save model.state_dict()",
    ),
    ("serialized_exported_program.json", "a program of torch.export, not a state dict: save model.state_dict()"),
    ("archive_format", "a package of torch.export (.pt2), not a state dict: save model.state_dict()"),
    (".npy", "an archive of NumPy arrays (.npz), not a state dict"),
    ("model.weights.h5", "a Keras model, which is not read: convert it to PyTorch first"),
    (".onnx", "a zip with an ONNX model: unpack it first"),
];

fn open_zip(bytes: &[u8]) -> Result<Checkpoint<'_>, String> {
    let archive = Archive::open(bytes)?;
    let holds = |end: &str| archive.names().any(|name| name.ends_with(end));
    if let Some((_, what)) = OTHERS.iter().find(|(end, _)| holds(end)) {
        return Err(format!("it is {what}"));
    }
    let Some(entry) = archive.names().find(|name| *name == "data.pkl" || name.ends_with("/data.pkl")) else {
        let names: Vec<&str> = archive.names().take(3).collect();
        return Err(format!(
            "it is a zip of other things ({}), not a PyTorch checkpoint: unpack it first",
            names.join(", ")
        ));
    };
    let folder = entry.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    if archive.member(&format!("{folder}byteorder")).is_ok_and(|order| order != b"little") {
        return Err("its numbers are big-endian, which is not read: save it again on another machine".to_owned());
    }
    let pickle = kd2m_pickle::parse(archive.member(entry)?)?;
    let dicts = state_dicts(&pickle, &|_| None)?;
    Ok(Checkpoint { dicts, storages: Storages::Zip { archive, folder } })
}
