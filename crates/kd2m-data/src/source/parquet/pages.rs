//! What the pages of a Parquet file claim of themselves, looked at before the reader takes memory for it. Page headers are structures in Thrift's
//! compact protocol (apache/parquet-format, `PageHeader`), of which three fields are read and the rest is passed over.

use std::{
    fs::File,
    io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom},
};

/// More than any compression that is read makes of a byte (Deflate's limit is 1032), and what little a page may have beside that.
const MOST_RATIO: u64 = 1100;
const BESIDE: u64 = 1 << 20;
/// Structures within structures: there are three in the format.
const DEEPEST: usize = 8;

/// What a page says of its size.
struct Page {
    header: u64,
    compressed: u64,
    uncompressed: u64,
    /// Of a dictionary.
    values: Option<u64>,
}

impl Page {
    /// Whether so much can come of its bytes.
    fn can_be(&self) -> bool {
        let most = self.compressed.saturating_mul(MOST_RATIO).saturating_add(BESIDE);
        // Every value of a dictionary takes a byte or more.
        self.uncompressed <= most && self.values.is_none_or(|values| values <= self.uncompressed)
    }
}

/// Whether all pages between these places of a file claim what can be; `places` are begin and end of columns.
///
/// # Errors
/// The disk.
pub(super) fn can_be(file: &File, places: impl Iterator<Item = (u64, u64)>) -> io::Result<bool> {
    let mut reader = BufReader::with_capacity(1 << 12, file);
    for (mut at, end) in places {
        while at < end {
            reader.seek(SeekFrom::Start(at))?;
            let mut compact = Compact { reader: (&mut reader).take(end - at), read: 0 };
            let page = match compact.page() {
                Ok(page) => page,
                Err(why) if matches!(why.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData) => {
                    return Ok(false);
                }
                Err(why) => return Err(why),
            };
            if !page.can_be() {
                return Ok(false);
            }
            at = at.saturating_add(page.header).saturating_add(page.compressed);
        }
    }
    Ok(true)
}

/// Thrift's compact protocol.
struct Compact<R> {
    reader: R,
    read: u64,
}

fn invalid() -> io::Error {
    ErrorKind::InvalidData.into()
}

impl<R: Read> Compact<R> {
    fn page(&mut self) -> io::Result<Page> {
        let (mut compressed, mut uncompressed, mut values) = (None, None, None);
        self.fields(|own, id, kind| match (id, kind) {
            (2, 5) => own.size().map(|size| uncompressed = Some(size)),
            (3, 5) => own.size().map(|size| compressed = Some(size)),
            // A dictionary's header, whose first field is how many values there are.
            (7, 12) => own.fields(|own, id, kind| match (id, kind) {
                (1, 5) => own.size().map(|count| values = Some(count)),
                _ => own.pass(kind, DEEPEST),
            }),
            _ => own.pass(kind, DEEPEST),
        })?;
        let (Some(compressed), Some(uncompressed)) = (compressed, uncompressed) else { return Err(invalid()) };
        Ok(Page { header: self.read, compressed, uncompressed, values })
    }

    /// Hands each field of a structure on, with its number and type.
    fn fields(&mut self, mut each: impl FnMut(&mut Self, i64, u8) -> io::Result<()>) -> io::Result<()> {
        let mut id = 0_i64;
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Ok(());
            }
            id = match head >> 4 {
                0 => self.signed()?,
                step => id.saturating_add(i64::from(step)),
            };
            each(self, id, head & 15)?;
        }
    }

    /// Passes over a value of a type.
    fn pass(&mut self, kind: u8, deeper: usize) -> io::Result<()> {
        let deeper = deeper.checked_sub(1).ok_or_else(invalid)?;
        match kind {
            // A truth value of a structure stands in its type.
            1 | 2 => Ok(()),
            3 => self.byte().map(|_| ()),
            4..=6 => self.unsigned().map(|_| ()),
            7 => self.skip(8),
            8 => {
                let length = self.unsigned()?;
                self.skip(length)
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.unsigned()? } else { u64::from(head >> 4) };
                (0..count).try_for_each(|_| self.pass_element(head & 15, deeper))
            }
            11 => {
                let count = self.unsigned()?;
                let kinds = if count > 0 { self.byte()? } else { 0 };
                (0..count).try_for_each(|_| {
                    self.pass_element(kinds >> 4, deeper)?;
                    self.pass_element(kinds & 15, deeper)
                })
            }
            12 => self.fields(|own, _, kind| own.pass(kind, deeper)),
            _ => Err(invalid()),
        }
    }

    /// The same in a list, where truth values take a byte.
    fn pass_element(&mut self, kind: u8, deeper: usize) -> io::Result<()> {
        if matches!(kind, 1 | 2) { self.byte().map(|_| ()) } else { self.pass(kind, deeper) }
    }

    /// A number that is no less than 0.
    fn size(&mut self) -> io::Result<u64> {
        u64::try_from(self.signed()?).map_err(|_| invalid())
    }

    fn signed(&mut self) -> io::Result<i64> {
        let number = self.unsigned()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    fn unsigned(&mut self) -> io::Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(number);
            }
        }
        Err(invalid())
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.reader.read_exact(&mut byte)?;
        self.read += 1;
        Ok(byte[0])
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        let skipped = io::copy(&mut (&mut self.reader).take(length), &mut io::sink())?;
        self.read += skipped;
        if skipped < length { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A page header with these sizes, a data page's header (three fields and statistics), and so many bytes behind it.
    fn page(uncompressed: &[u8], compressed: u8, dictionary: Option<&[u8]>) -> Vec<u8> {
        let mut bytes = [&[0x15, 0, 0x15][..], uncompressed, &[0x15, 2 * compressed]].concat();
        match dictionary {
            // Field 7, a structure of a count and an encoding.
            Some(count) => bytes.extend([&[0x4c, 0x15][..], count, &[0x15, 0, 0]].concat()),
            // Field 5: count, encodings, statistics with a binary value, and a list of two truth values and a map, which are passed over.
            None => bytes
                .extend([0x2c, 0x15, 8, 0x15, 0, 0x1c, 0x18, 2, 9, 9, 0, 0x19, 0x21, 1, 2, 0x1b, 1, 0x58, 2, 1, 7, 0]),
        }
        bytes.push(0);
        bytes.extend(vec![7; usize::from(compressed)]);
        bytes
    }

    fn told(pages: &[u8], length: u64) -> bool {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[&[1, 2, 3][..], pages].concat()).unwrap();
        can_be(&file, [(3, 3 + length)].into_iter()).unwrap()
    }

    #[test]
    fn pages_are_walked_to_the_end_and_lies_are_found() {
        let fair = page(&[40], 20, None);
        let length = fair.len() as u64;
        assert!(told(&fair, length));
        // 2 GiB of 20 bytes: zigzag of 2³¹ − 1.
        let large = [0xfe, 0xff, 0xff, 0xff, 0x0f];
        assert!(!told(&page(&large, 20, None), length + 4));
        assert!(!told(&[fair.clone(), page(&large, 20, None)].concat(), 2 * length + 4), "the second of two");
        assert!(told(&[&fair[..], &page(&[40], 20, Some(&[30]))].concat(), length + 30));
        assert!(!told(&page(&[40], 20, Some(&large)), 40), "a dictionary of more values than bytes");
        // Less than nothing, and an end within a header.
        assert!(!told(&page(&[41], 20, None), length));
        assert!((1..16).all(|cut| !told(&fair[..cut], cut as u64)));
    }
}
