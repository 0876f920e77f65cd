//! Where the makers of data sets publish them, and the sums of what is there. MD5s are those that torchvision's `datasets` check (of CIFAR's binary
//! version its own page's, of Tiny-ImageNet what loaders of it check); SHA-256s of contents were made here of the real data.

use std::path::{Path, PathBuf};

/// A file as its makers publish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its address.
    pub url: &'static str,
    /// Where it belongs below the data root.
    pub folder: &'static str,
    /// Bytes, where they are known.
    pub bytes: Option<u64>,
    /// MD5 in hexadecimal digits.
    pub md5: &'static str,
    /// Whether it is an archive that has to be unpacked before it is read.
    pub unpacked: bool,
}

impl Published {
    /// The name that it has there, and below the data root.
    pub fn file(&self) -> &'static str {
        self.url.rsplit('/').next().unwrap_or(self.url)
    }
}

/// What is published of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publication {
    /// The names of the data sets that are read from it.
    pub names: &'static [&'static str],
    /// The folders below the data root where other programs put them.
    pub also: &'static [&'static str],
    /// The files.
    pub files: &'static [Published],
    /// Of each of the names [`Dataset::checksum`](crate::Dataset::checksum), where it is known: whatever packs the files.
    pub contents: &'static [(&'static str, &'static str)],
}

impl Publication {
    /// Where a file is looked for below the data root.
    pub fn places(&self, file: &Published) -> Vec<PathBuf> {
        let folders = [file.folder].into_iter().chain(self.also.iter().copied()).chain([""]);
        folders.map(|folder| Path::new(folder).join(file.file())).collect()
    }
}

const fn file(folder: &'static str, url: &'static str, md5: &'static str) -> Published {
    Published { url, folder, bytes: None, md5, unpacked: false }
}

const fn sized(folder: &'static str, url: &'static str, md5: &'static str, bytes: u64) -> Published {
    Published { bytes: Some(bytes), ..file(folder, url, md5) }
}

const SVHN_TRAIN: Published =
    file("svhn", "http://ufldl.stanford.edu/housenumbers/train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373");
const SVHN_TEST: Published =
    file("svhn", "http://ufldl.stanford.edu/housenumbers/test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3");
const SVHN_EXTRA: Published =
    file("svhn", "http://ufldl.stanford.edu/housenumbers/extra_32x32.mat", "a93ce644f1a588dc4d68dda5feec44a7");

const PUBLICATIONS: &[Publication] = &[
    Publication {
        names: &["mnist"],
        also: &["MNIST/raw"],
        files: &[
            file(
                "mnist",
                "https://ossci-datasets.s3.amazonaws.com/mnist/train-images-idx3-ubyte.gz",
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            ),
            file(
                "mnist",
                "https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz",
                "d53e105ee54ea40749a09fcbcd1e9432",
            ),
            file(
                "mnist",
                "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-images-idx3-ubyte.gz",
                "9fb629c4189551a2d022fa330f9573f3",
            ),
            file(
                "mnist",
                "https://ossci-datasets.s3.amazonaws.com/mnist/t10k-labels-idx1-ubyte.gz",
                "ec29112dd5afa0611ce80d1b7f02629c",
            ),
        ],
        contents: &[("mnist", "a5168f2b1bfda88c1f6a90605e61651936b715925e6476e23fc667c095a8b2b8")],
    },
    Publication {
        names: &["fashion_mnist"],
        also: &["FashionMNIST/raw", "fashion-mnist"],
        files: &[
            file(
                "fashion_mnist",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-images-idx3-ubyte.gz",
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            ),
            file(
                "fashion_mnist",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-labels-idx1-ubyte.gz",
                "25c81989df183df01b3e8a0aad5dffbe",
            ),
            file(
                "fashion_mnist",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-images-idx3-ubyte.gz",
                "bef4ecab320f06d8554ea6380940ec79",
            ),
            file(
                "fashion_mnist",
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/t10k-labels-idx1-ubyte.gz",
                "bb300cfdad3c16e7a12a480ee83cd310",
            ),
        ],
        contents: &[("fashion_mnist", "415fc3d2505e1992ee9e0b3bcc5008e226fdc7f0e75f9a7c40daaf7a3054a836")],
    },
    Publication {
        names: &["kmnist"],
        also: &["KMNIST/raw"],
        files: &[
            file(
                "kmnist",
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/train-images-idx3-ubyte.gz",
                "bdb82020997e1d708af4cf47b453dcf7",
            ),
            file(
                "kmnist",
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/train-labels-idx1-ubyte.gz",
                "e144d726b3acfaa3e44228e80efcd344",
            ),
            file(
                "kmnist",
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/t10k-images-idx3-ubyte.gz",
                "5c965bf0a639b31b8f53240b1b52f4d7",
            ),
            file(
                "kmnist",
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/t10k-labels-idx1-ubyte.gz",
                "7320c461ea6c1c855c0b718fb2a4b134",
            ),
        ],
        contents: &[],
    },
    Publication {
        names: &[
            "emnist_balanced",
            "emnist_byclass",
            "emnist_bymerge",
            "emnist_letters",
            "emnist_digits",
            "emnist_mnist",
        ],
        also: &["EMNIST/raw"],
        files: &[Published {
            unpacked: true,
            ..file("emnist", "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip", "58c8d27c78d21e728a6bc7b3cc06412e")
        }],
        contents: &[],
    },
    Publication {
        names: &["cifar10"],
        also: &["cifar10"],
        files: &[file(
            "",
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            "c32a1d4ab5d03f1284b67883e8d87530",
        )],
        contents: &[("cifar10", "dec96c5942f638fd8f1aed874f9b32b3fc0c5667ba4cee5544326070e926cba5")],
    },
    Publication {
        names: &["cifar100"],
        also: &["cifar100"],
        files: &[sized(
            "",
            "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
            "03b5dce01913d631647c71ecec9e9cb8",
            168_513_733,
        )],
        contents: &[],
    },
    Publication { names: &["svhn"], also: &["SVHN"], files: &[SVHN_TRAIN, SVHN_TEST], contents: &[] },
    Publication { names: &["svhn-extra"], also: &["SVHN"], files: &[SVHN_TRAIN, SVHN_EXTRA, SVHN_TEST], contents: &[] },
    Publication {
        names: &["stl10"],
        also: &["stl10"],
        files: &[file(
            "",
            "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
            "91f7769df0f17e558f3565bffb0c7dfb",
        )],
        contents: &[],
    },
    Publication {
        names: &["tiny-imagenet"],
        also: &[],
        files: &[Published {
            unpacked: true,
            ..sized(
                "",
                "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
                "90528d7ca1a48142e341f4ef8d21d0de",
                248_100_043,
            )
        }],
        contents: &[],
    },
];

/// What is published of the data set of a name; none of what is embedded or the user's own.
pub fn published(name: &str) -> Option<&'static Publication> {
    PUBLICATIONS.iter().find(|publication| publication.names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry;

    #[test]
    fn every_data_set_that_is_read_from_known_files_is_published_and_no_other() {
        let known: Vec<&str> =
            registry().iter().filter(|entry| !entry.takes_path && !entry.files.is_empty()).map(|e| e.name).collect();
        let listed: Vec<&str> = PUBLICATIONS.iter().flat_map(|publication| publication.names).copied().collect();
        assert_eq!(known, listed);
        for name in known {
            let Publication { files, contents, .. } = published(name).unwrap();
            for file in *files {
                assert!(file.url.starts_with("http") && file.file().contains('.'), "{file:?}");
                assert!(file.md5.len() == 32 && file.md5.bytes().all(|b| b.is_ascii_hexdigit()), "{file:?}");
            }
            assert!(contents.iter().all(|(_, sum)| sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit())));
        }
    }
}
