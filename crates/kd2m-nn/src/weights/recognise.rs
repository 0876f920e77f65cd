//! What a file is that holds no weights: people point at web pages, pointers, archives and other programs' models.

/// What bytes begin with, and what such a file is.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (b"version https://git-lfs", "a git-lfs pointer, the weights themselves were not fetched: run `git lfs pull`"),
    (b"\x1f\x8b", "compressed by gzip: unpack it first (gunzip)"),
    (b"BZh", "compressed by bzip2: unpack it first (bunzip2)"),
    (b"\xfd7zXZ\0", "compressed by xz: unpack it first (unxz)"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd: unpack it first (unzstd)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"Rar!", "a RAR archive: unpack it first"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras, MATLAB), which is not read: convert it to PyTorch first"),
    (b"\x93NUMPY", "a NumPy array, which has no names of tensors"),
    (b"GGUF", "a GGUF file of llama.cpp, which is not read"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"%PDF", "a PDF document"),
];

/// What a file is, as the rest of a sentence that begins with its name; nothing where the beginning says nothing.
pub(super) fn other_file(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() {
        return Some("is empty: the download or the copy went wrong".to_owned());
    }
    if let Some((_, what)) = BEGINNINGS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Some(format!("is {what}"));
    }
    if bytes.get(4..8) == Some(b"TFL3") {
        return Some("is a TensorFlow Lite model, which is not read".to_owned());
    }
    if is_onnx(bytes) {
        return Some("is an ONNX model, not a file of weights".to_owned());
    }
    if matches!(bytes, [0x80, 2..=5, ..]) {
        return Some("is a Python pickle that torch.save did not write: save a state dict with torch.save".to_owned());
    }
    text(bytes)
}

/// A protobuf of `ModelProto`: its version (field 1), then the producer's name (field 2) or the graph (field 7).
fn is_onnx(bytes: &[u8]) -> bool {
    matches!(bytes, [0x08, 1..=30, 0x12 | 0x3a, ..])
}

/// HTML, JSON, or other text.
fn text(bytes: &[u8]) -> Option<String> {
    const LOOKED_AT: usize = 512;
    let start = &bytes[..bytes.len().min(LOOKED_AT)];
    let text = String::from_utf8_lossy(start);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lower = text.to_lowercase();
    if ["<!doctype html", "<html", "<head", "<?xml", "<!--"].iter().any(|tag| lower.starts_with(tag)) {
        return Some(
            "is an HTML page, not weights: the address led to a page (of errors, or to log in); get the file again"
                .to_owned(),
        );
    }
    // A character may be cut in two at the end of what is looked at.
    let is_text =
        text.trim_end_matches('\u{fffd}').chars().all(|c| c != '\u{fffd}' && (!c.is_control() || c.is_whitespace()));
    if !is_text {
        return None;
    }
    if text.starts_with('{') || text.starts_with('[') {
        return Some("is a JSON text, not weights".to_owned());
    }
    let line: String = text.lines().next().unwrap_or_default().chars().take(40).collect();
    Some(format!("is a text, not weights; it begins with `{line}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_kinds_are_named() {
        let long = format!("{}<!DOCTYPE html>", " \n".repeat(30));
        for (bytes, words) in [
            (b"".as_slice(), "is empty"),
            (b"<!DOCTYPE html><html>", "an HTML page"),
            (b"\xef\xbb\xbf<HTML><body>", "an HTML page"),
            (long.as_bytes(), "an HTML page"),
            (b"version https://git-lfs.github.com/spec/v1\noid", "git lfs pull"),
            (b"\x1f\x8b\x08\0", "gunzip"),
            (b"\x89HDF\r\n\x1a\n\0", "HDF5"),
            (b"\x08\x0a\x12\x07pytorch", "an ONNX model"),
            (b"\x80\x04\x95", "torch.save did not write"),
            (b"\x1c\0\0\0TFL3", "TensorFlow Lite"),
            (b"{\"a\": 1}", "a JSON text"),
            (b"404: Not Found", "begins with `404: Not Found`"),
        ] {
            let said = other_file(bytes).unwrap();
            assert!(said.contains(words), "{words}: {said}");
        }
        assert_eq!(other_file(b"\0\x01\x02\x03 binary"), None);
    }
}
