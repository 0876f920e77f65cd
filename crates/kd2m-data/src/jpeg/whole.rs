//! Whether a JPEG file is whole. A decoder can fill what is missing with grey and say nothing; libjpeg, so Pillow and
//! torchvision, refuse: a network must not learn from half a picture. The markers are walked from the start to the end of the
//! image, by libjpeg's rules; what lies behind it (a second picture of a stereo camera, padding) does not count, and an EOI in a
//! thumbnail is no end. Coded data that libjpeg reads with a warning is read here too.

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const DHT: u8 = 0xc4;
const SOS: u8 = 0xda;
const TEM: u8 = 0x01;

/// Why the file is not a whole image.
///
/// # Errors
/// The end of the file comes before the end of the image (EOI after at least one scan), or a marker stands where libjpeg has none.
pub(super) fn check_whole(bytes: &[u8]) -> Result<(), &'static str> {
    const CUT: &str = "the file ends before the image does, it was cut off";
    if !bytes.starts_with(&[0xff, SOI, 0xff]) {
        return Err("it does not begin as a JPEG");
    }
    let (mut at, mut frame, mut scanned, mut tables) = (2, None, false, Vec::new());
    loop {
        // Bytes that belong to no segment are passed over: entropy-coded data, in which 0xff is followed by 0 or is a restart, and
        // stray bytes between segments.
        let ahead = bytes.get(at..).unwrap_or_default();
        let Some(next) = find_marker(ahead, is_marker) else { return Err(CUT) };
        let marker = ahead[next + 1];
        at += next + 2;
        match marker {
            EOI if scanned => return Ok(()),
            EOI => return Err("the image ends before it begins"),
            SOI => return Err("the image begins twice"),
            TEM => continue,
            0xc0..=PROGRESSIVE if frame.replace(marker).is_some() => return Err("the image has two frames"),
            // Frames, tables, restart intervals, scans, applications' own, comments.
            0xc0..=PROGRESSIVE | DHT | SOS | 0xdb..=0xdd | 0xe0..=0xef | 0xfe => {}
            0xc3..=0xcf => {
                return Err("it is of a process of JPEG that is not read: lossless, hierarchical or arithmetic coding");
            }
            _ => return Err("it holds a marker that no JPEG has"),
        }
        let Some(&[high, low]) = bytes.get(at..at + 2) else { return Err(CUT) };
        let segment = bytes.get(at + 2..at + usize::from(u16::from_be_bytes([high, low]))).unwrap_or_default();
        if marker == DHT {
            tables.extend(tables_of(segment));
        }
        if marker == SOS {
            scanned = true;
            if frame == Some(PROGRESSIVE) && !is_progression(segment, &tables) {
                return Err("a scan is none of a progressive JPEG");
            }
        }
        at += segment.len() + 2;
    }
}

/// SOF2.
const PROGRESSIVE: u8 = 0xc2;

/// Neither a stuffed zero, nor fill (0xff before a marker), nor a restart.
fn is_marker(code: u8) -> bool {
    !matches!(code, 0 | 0xff | 0xd0..=0xd7)
}

/// Class (0: DC, 1: AC) and place of each Huffman table of a segment, in one byte as they stand there.
fn tables_of(segment: &[u8]) -> Vec<u8> {
    let (mut found, mut rest) = (Vec::new(), segment);
    while let Some((head, behind)) = rest.split_at_checked(17) {
        found.push(head[0]);
        let symbols: usize = head[1..].iter().map(|count| usize::from(*count)).sum();
        rest = behind.get(symbols..).unwrap_or_default();
    }
    found
}

/// Whether a scan's header names coefficients and bits that a progressive scan may have (DC alone, or AC of one component, and of
/// bits that were begun the next one), and tables that are there.
fn is_progression(segment: &[u8], tables: &[u8]) -> bool {
    let [components, ref named @ .., from, to, bits] = *segment else { return false };
    let (before, now) = (bits >> 4, bits & 0xf);
    let band = if from == 0 { to == 0 } else { from <= to && to < 64 && components == 1 };
    let coded = named.as_chunks::<2>().0.iter().all(|[_, places]| match (from, before) {
        (0, 0) => tables.contains(&(places >> 4)),
        // Further bits of DC are written as they are.
        (0, _) => true,
        _ => tables.contains(&(0x10 | places & 0xf)),
    });
    band && coded && now <= 13 && (before == 0 || before == now + 1)
}

/// Where a byte of ones stands that a code of these follows.
pub(super) fn find_marker(bytes: &[u8], is_code: impl Fn(u8) -> bool) -> Option<usize> {
    const AT_ONCE: usize = 64;
    // Most pieces have no byte of ones, which is quickly seen.
    let pieces = bytes.chunks(AT_ONCE).enumerate().filter(|(_, piece)| piece.contains(&0xff));
    let mut places = pieces.flat_map(|(at, piece)| (AT_ONCE * at..).zip(piece)).filter(|(_, byte)| **byte == 0xff);
    places.find(|(at, _)| bytes.get(at + 1).is_some_and(|code| is_code(*code))).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SOI, a comment that holds an EOI, SOS with a header of two bytes, coded data with a stuffed 0xff and a restart, EOI.
    const WHOLE: &[u8] =
        b"\xff\xd8\xff\xfe\x00\x06ab\xff\xd9\xff\xda\x00\x04\x01\x02\x55\xff\x00\x55\xff\xd0\x55\xff\xff\xd9";

    #[test]
    fn the_end_is_found_and_nothing_else_is_taken_for_it() {
        assert_eq!(check_whole(WHOLE), Ok(()));
        assert_eq!(check_whole(&[WHOLE, b"\0\0 what lies behind"].concat()), Ok(()));
        for length in 0..WHOLE.len() {
            assert!(check_whole(&WHOLE[..length]).is_err(), "{length} bytes of {}", WHOLE.len());
        }
        assert!(check_whole(b"\xff\xd8\xff\xd9").is_err());
        assert!(check_whole(&[b"\xff\xd8\xff\x18\x00\x02", &WHOLE[2..]].concat()).is_err());
    }

    #[test]
    fn scans_are_those_of_libjpegs_progressions() {
        // Components, their tables, from, to, bits before and now.
        for good in [
            &[3, 1, 0, 2, 0, 3, 0, 0, 0, 0x01][..],
            &[1, 1, 0, 1, 5, 0x02],
            &[1, 1, 0, 1, 63, 0x21],
            &[1, 1, 0, 0, 0, 0x10],
        ] {
            assert!(is_progression(good, &[0x00, 0x10]), "{good:?}");
        }
        for bad in [
            &[1, 1, 0, 14, 5, 0x02][..],
            &[1, 1, 1, 1, 5, 0x02],
            &[1, 1, 0x20, 0, 0, 0x01],
            &[3, 1, 0, 2, 0, 3, 0, 1, 63, 0],
            &[1, 1, 0, 0, 5, 0],
            &[1, 1, 0, 1, 63, 0x22],
            &[1],
        ] {
            assert!(!is_progression(bad, &[0x00, 0x10]), "{bad:?}");
        }
    }

    #[test]
    fn tables_are_told_by_their_first_bytes() {
        let table = |head: u8, symbols: u8| [vec![head, symbols], vec![0; 15], vec![7; usize::from(symbols)]].concat();
        assert_eq!(tables_of(&[table(0x00, 2), table(0x11, 5)].concat()), [0x00, 0x11]);
        assert!(tables_of(&[0; 9]).is_empty());
    }

    #[test]
    fn a_tail_of_zeros_is_no_end() {
        let cut = [&WHOLE[..18], &[0; 64]].concat();
        assert_eq!(check_whole(&cut), Err("the file ends before the image does, it was cut off"));
    }
}
