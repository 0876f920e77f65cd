//! The directory of a zip archive, and its members as slices of the file: `torch.save` stores them, it never compresses.
//!
//! A reader of its own, of a hundred lines: crates for zip unpack what a member claims, however much that is, and one of them refuses names
//! of some lengths (`findings/zip-crate-zip64-first-entry.sh`).

use std::collections::BTreeMap;

/// An archive in memory.
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    members: BTreeMap<String, Member>,
}

struct Member {
    method: u16,
    /// 0 where `torch.serialization.set_crc32_options(False)` left it out.
    checksum: u32,
    compressed: u64,
    size: u64,
    /// Where its own header lies.
    header: u64,
}

/// What begins each record.
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";
const ENTRY: &[u8] = b"PK\x01\x02";
const LOCAL: &[u8] = b"PK\x03\x04";

/// Bytes of the end record, without its comment, which has at most `u16::MAX`.
const END_LENGTH: usize = 22;

impl<'a> Archive<'a> {
    /// Whether these bytes begin as an archive does.
    pub fn recognises(bytes: &[u8]) -> bool {
        bytes.starts_with(LOCAL) || bytes.starts_with(END)
    }

    /// Reads the directory.
    ///
    /// # Errors
    /// An archive that is cut short or damaged.
    pub fn open(bytes: &'a [u8]) -> Result<Self, String> {
        let (offset, size) = directory(bytes)?;
        let mut rest = part(bytes, offset, size).ok_or("its directory lies outside the file, it is damaged")?;
        let mut members = BTreeMap::new();
        while !rest.is_empty() {
            let (name, member, length) = entry(rest).ok_or("its directory is damaged")?;
            members.insert(name, member);
            rest = &rest[length..];
        }
        Ok(Self { bytes, members })
    }

    /// All names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// The content of a member.
    ///
    /// # Errors
    /// None of that name, or one that is compressed, encrypted, damaged or cut short.
    pub fn member(&self, name: &str) -> Result<&'a [u8], String> {
        let member = self.members.get(name).ok_or_else(|| format!("{name} is missing"))?;
        if member.method != 0 || member.compressed != member.size {
            return Err(format!(
                "{name} is compressed, which torch.save never does: unpack it and zip it without compression"
            ));
        }
        let content = || {
            let header = part(self.bytes, member.header, 30).filter(|header| header.starts_with(LOCAL))?;
            let names = u64::from(short(header, 26)?) + u64::from(short(header, 28)?);
            part(self.bytes, member.header.checked_add(30 + names)?, member.size)
        };
        let content = content().ok_or_else(|| format!("{name} lies outside the file, it is damaged"))?;
        if member.checksum != 0 && crc32fast::hash(content) != member.checksum {
            return Err(format!("{name} is damaged: its checksum is not the one that was written"));
        }
        Ok(content)
    }
}

/// Where the directory lies and how long it is.
fn directory(bytes: &[u8]) -> Result<(u64, u64), String> {
    let cut = || "it is cut short: the directory at the end of the archive is missing".to_owned();
    let first = bytes.len().saturating_sub(END_LENGTH + usize::from(u16::MAX));
    let last = bytes.len().checked_sub(END_LENGTH).ok_or_else(cut)?;
    let ends = |at: &usize| {
        let comment = short(bytes, at + 20).map(usize::from);
        bytes[*at..].starts_with(END) && comment.is_some_and(|length| at + END_LENGTH + length <= bytes.len())
    };
    let end = (first..=last).rev().find(ends).ok_or_else(cut)?;
    let plain = || Some((u64::from(word(bytes, end + 16)?), u64::from(word(bytes, end + 12)?)));
    let large = || {
        let locator = end.checked_sub(20).filter(|at| bytes[*at..].starts_with(LOCATOR_64))?;
        let record = part(bytes, long(bytes, locator + 8)?, 56).filter(|record| record.starts_with(END_64))?;
        Some((long(record, 48)?, long(record, 40)?))
    };
    large().or_else(plain).ok_or_else(cut)
}

/// An entry of the directory with its name, and its length.
fn entry(bytes: &[u8]) -> Option<(String, Member, usize)> {
    bytes.starts_with(ENTRY).then_some(())?;
    let lengths = [28, 30, 32].map(|at| short(bytes, at).map(usize::from));
    let [name, extra, comment] = [lengths[0]?, lengths[1]?, lengths[2]?];
    let mut sizes = [24, 20, 42].map(|at| word(bytes, at).map(u64::from));
    // ZIP64: those that do not fit follow in this order, 8 bytes each.
    let mut more = large_sizes(bytes.get(46 + name..46 + name + extra)?);
    for size in sizes.iter_mut().filter(|size| **size == Some(u64::from(u32::MAX))) {
        let (first, rest) = more.split_first_chunk()?;
        (*size, more) = (Some(u64::from_le_bytes(*first)), rest);
    }
    let [size, compressed, header] = sizes;
    let member = Member {
        method: short(bytes, 10)?,
        checksum: word(bytes, 16)?,
        compressed: compressed?,
        size: size?,
        header: header?,
    };
    let length = 46 + name + extra + comment;
    let name = String::from_utf8_lossy(bytes.get(46..46 + name)?).into_owned();
    (length <= bytes.len()).then_some((name, member, length))
}

/// The ZIP64 part of an entry's extra fields; empty where there is none.
fn large_sizes(mut extra: &[u8]) -> &[u8] {
    while let (Some(kind), Some(length)) = (short(extra, 0), short(extra, 2)) {
        let Some(field) = extra.get(4..4 + usize::from(length)) else { break };
        if kind == 1 {
            return field;
        }
        extra = &extra[4 + field.len()..];
    }
    &[]
}

fn part(bytes: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    bytes.get(start..start.checked_add(usize::try_from(length).ok()?)?)
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|b| u16::from_le_bytes(*b))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|b| u32::from_le_bytes(*b))
}

fn long(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An archive of stored members, with ZIP64 end records as `torch.save` writes them, or without.
    pub fn archive(members: &[(&str, &[u8])], zip64: bool) -> Vec<u8> {
        let (mut out, mut directory) = (Vec::new(), Vec::new());
        for (name, content) in members {
            let middle = [
                &[0; 10][..],
                &crc32fast::hash(content).to_le_bytes(),
                &(content.len() as u32).to_le_bytes(),
                &(content.len() as u32).to_le_bytes(),
                &(name.len() as u16).to_le_bytes(),
                &[0; 2],
            ]
            .concat();
            directory.extend(
                [ENTRY, &[0; 2], &middle, &[0; 10], &(out.len() as u32).to_le_bytes(), name.as_bytes()].concat(),
            );
            out.extend([LOCAL, &middle, name.as_bytes(), content].concat());
        }
        let (offset, size, count) = (out.len() as u64, directory.len() as u64, members.len() as u64);
        out.extend(directory);
        if zip64 {
            let record = out.len() as u64;
            let numbers: Vec<u8> = [count, count, size, offset].iter().flat_map(|n| n.to_le_bytes()).collect();
            out.extend([END_64, &44_u64.to_le_bytes(), &[0; 12], &numbers].concat());
            out.extend([LOCATOR_64, &[0; 4], &record.to_le_bytes(), &1_u32.to_le_bytes()].concat());
        }
        let counts = [(count as u16).to_le_bytes(); 2].concat();
        out.extend(
            [END, &[0; 4], &counts, &(size as u32).to_le_bytes(), &(offset as u32).to_le_bytes(), &[0; 2]].concat(),
        );
        out
    }

    #[test]
    fn names_of_every_length_are_read_with_and_without_zip64() {
        for length in 1..=48 {
            let first = "x".repeat(length);
            for zip64 in [false, true] {
                let bytes = archive(&[(&first, b"one"), ("two", b""), ("three", b"3")], zip64);
                let opened = Archive::open(&bytes).unwrap();
                assert_eq!(opened.names().count(), 3);
                let found = [first.as_str(), "two", "three"].map(|name| opened.member(name).unwrap());
                assert_eq!(found, [b"one".as_slice(), b"", b"3"]);
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let good = archive(&[("a", b"content")], true);
        let refused = |bytes: &[u8], name: &str| match Archive::open(bytes) {
            Ok(archive) => archive.member(name).unwrap_err(),
            Err(reason) => reason,
        };
        assert_eq!(refused(&good, "b"), "b is missing");
        // The content begins at 31; the method of the directory's entry lies 10 bytes into it.
        let changed = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        assert!(refused(&changed(31, b'C'), "a").contains("a is damaged: its checksum"), "a flipped byte");
        assert!(refused(&changed(38 + 10, 8), "a").contains("is compressed"), "deflated");
        assert!(refused(&changed(38 + 24, 200), "a").contains("is compressed"), "sizes that differ");
        assert!(refused(&changed(38 + 42, 250), "a").contains("lies outside"), "a header that is not there");
        for length in 0..good.len() {
            let reason = refused(&good[..length], "a");
            assert!(reason.contains("cut short") || reason.contains("damaged"), "{length}: {reason}");
        }
    }

    #[test]
    fn flipped_bytes_never_panic() {
        let good = archive(&[("a", b"content"), ("data/0", b"more")], true);
        for at in 0..good.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut bytes = good.clone();
                bytes[at] = byte;
                if let Ok(archive) = Archive::open(&bytes) {
                    let names: Vec<&str> = archive.names().collect();
                    names.iter().for_each(|name| drop(archive.member(name)));
                }
            }
        }
    }
}
