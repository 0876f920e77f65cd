//! Small files written faithfully in the formats of the real data sets.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

pub fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// An IDX file of unsigned bytes.
pub fn idx(sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    bytes.extend_from_slice(values);
    bytes
}

/// Pixels that tell images and places apart.
pub fn pixels(image: usize, length: usize) -> Vec<u8> {
    (0..length).map(|i| (image * 37 + i * 11) as u8).collect()
}

pub fn mnist(folder: &Path, suffix: &str, pack: impl Fn(&[u8]) -> Vec<u8>) {
    for (prefix, count) in [("train", 5usize), ("t10k", 3)] {
        let images: Vec<u8> = (0..count).flat_map(|image| pixels(image, 784)).collect();
        let labels: Vec<u8> = (0..count).map(|image| (image * 3 % 10) as u8).collect();
        write(
            &folder.join(format!("{prefix}-images-idx3-ubyte{suffix}")),
            &pack(&idx(&[count as u32, 28, 28], &images)),
        );
        write(&folder.join(format!("{prefix}-labels-idx1-ubyte{suffix}")), &pack(&idx(&[count as u32], &labels)));
    }
}

/// Records of label bytes and 3,072 pixels.
pub fn cifar(records: &[(&[u8], usize)]) -> Vec<u8> {
    records.iter().flat_map(|(labels, image)| [labels.to_vec(), pixels(*image, 3072)].concat()).collect()
}

/// The six files of CIFAR-10, two records each, with labels 0 1 2 … in the official order.
pub fn cifar10_files() -> Vec<(&'static str, Vec<u8>)> {
    let names = [
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
        "test_batch.bin",
    ];
    let file = |first: usize| {
        let labels = [[(first % 10) as u8], [((first + 1) % 10) as u8]];
        cifar(&[(&labels[0], first), (&labels[1], first + 1)])
    };
    names.into_iter().enumerate().map(|(i, name)| (name, file(2 * i))).collect()
}

/// The same records as a file of CIFAR's Python version, as Python 2's cPickle wrote it; the labels under their keys.
pub fn cifar_python(keys: &[&str], records: &[(&[u8], usize)]) -> Vec<u8> {
    let text = |text: &str| [&[b'U', text.len() as u8], text.as_bytes()].concat();
    let count = [b'K', records.len() as u8];
    let pixels: Vec<u8> = records.iter().flat_map(|(_, image)| pixels(*image, 3072)).collect();
    let mut bytes = [b"\x80\x02}q\x01(".as_slice(), &text("data")].concat();
    bytes.extend_from_slice(
        b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85U\x01b\x87Rq\x04(K\x01",
    );
    bytes.extend_from_slice(&[&count[..], b"M\x00\x0c\x86cnumpy\ndtype\nq\x05U\x02u1K\x00K\x01\x87Rq\x06"].concat());
    bytes.extend_from_slice(b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T");
    bytes.extend((pixels.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&[&pixels[..], b"tb"].concat());
    for (place, key) in keys.iter().enumerate() {
        let labels = records.iter().flat_map(|(labels, _)| [b'K', labels[place]]);
        bytes.extend([text(key), b"](".to_vec(), labels.collect(), b"e".to_vec()].concat());
    }
    bytes.extend([text("batch_label"), text("testing batch 1 of 1"), b"u.".to_vec()].concat());
    bytes
}

/// [`cifar10_files`] in the Python version.
pub fn cifar10_python_files() -> Vec<(&'static str, Vec<u8>)> {
    let names = ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];
    let file = |first: usize| {
        let labels = [[(first % 10) as u8], [((first + 1) % 10) as u8]];
        cifar_python(&["labels"], &[(&labels[0], first), (&labels[1], first + 1)])
    };
    names.into_iter().enumerate().map(|(i, name)| (name, file(2 * i))).collect()
}

pub fn tar(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("some-folder/{name}"), &bytes[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A level-5 MAT file with SVHN's two compressed matrices; pixel (y, x, c) of image n is `pixel(n, c, y, x)`.
pub fn svhn(labels: &[u8], pixel: impl Fn(usize, usize, usize, usize) -> u8) -> Vec<u8> {
    let mut values = Vec::new();
    for n in 0..labels.len() {
        for c in 0..3 {
            for x in 0..32 {
                values.extend((0..32).map(|y| pixel(n, c, y, x)));
            }
        }
    }
    let count = labels.len() as u32;
    let mut bytes = b"MATLAB 5.0 MAT-file, Platform: GLNXA64".to_vec();
    bytes.resize(124, b' ');
    bytes.extend_from_slice(&[0, 1, b'I', b'M']);
    for (name, sizes, data) in [(b"X", &[32, 32, 3, count][..], &values[..]), (b"y", &[count, 1][..], labels)] {
        let sizes: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
        let flags = element(6, &[9, 0, 0, 0, 0, 0, 0, 0]);
        // A name of up to four bytes stands in its tag.
        let name = [1, 0, 1, 0, name[0], 0, 0, 0].to_vec();
        let matrix = element(14, &[flags, element(5, &sizes), name, element(2, data)].concat());
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&matrix).unwrap();
        let packed = encoder.finish().unwrap();
        bytes.extend([15u32.to_le_bytes(), (packed.len() as u32).to_le_bytes()].concat());
        bytes.extend(packed);
    }
    bytes
}

fn element(kind: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = [kind.to_le_bytes(), (data.len() as u32).to_le_bytes()].concat();
    bytes.extend_from_slice(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}
