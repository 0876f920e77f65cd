//! Inputs made of others by small damage, a function of a seed alone.

/// Pseudo-random numbers (Steele, Lea and Flood 2014, SplitMix64).
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// One of these.
    pub fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// Numbers at which sizes, counts and ranges end.
pub const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "255",
    "256",
    "65536",
    "1000000",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "1e-320",
    "inf",
    "nan",
    "-inf",
    "0.5",
    "",
    "1e5",
    "auto",
    "true",
];

/// Binary numbers of the same kind.
const WORDS: &[u64] =
    &[0, 1, 0x7f, 0x80, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x1_0000_0000, u64::MAX >> 1, u64::MAX];

/// One input with one to four damages; `other` lends parts.
pub fn mutated(random: &mut Random, input: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        damage(random, &mut bytes, other);
    }
    bytes
}

fn damage(random: &mut Random, bytes: &mut Vec<u8>, other: &[u8]) {
    let length = bytes.len();
    // Headers decide most: half of the places lie in the first and last bytes.
    let at = match random.below(4) {
        0 => random.below(length.min(64)),
        1 => length.saturating_sub(1 + random.below(64)),
        _ => random.below(length),
    };
    let widest = if random.below(4) == 0 { 64 } else { 8 };
    let span = 1 + random.below(widest);
    let end = (at + span).min(length);
    match random.below(9) {
        0 if length > 0 => bytes[at] ^= 1 << random.below(8),
        1 if length > 0 => bytes[at] = random.below(256) as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let part = bytes[at..end].to_vec();
            bytes.splice(at..at, part);
        }
        5 => {
            let from = random.below(other.len());
            let part = &other[from..(from + span).min(other.len())];
            bytes.splice(at..end, part.iter().copied());
        }
        6 => {
            let size = [2, 4, 8][random.below(3)];
            let word = WORDS[random.below(WORDS.len())].wrapping_add(random.below(3) as u64).wrapping_sub(1);
            let word = if random.below(4) == 0 {
                word.to_be_bytes()[8 - size..].to_vec()
            } else {
                word.to_le_bytes()[..size].to_vec()
            };
            let end = (at + size).min(length);
            bytes.splice(at..end, word);
        }
        7 => number(random, bytes, at),
        _ => {
            let fill = random.below(256) as u8;
            bytes.splice(at..at, std::iter::repeat_n(fill, span));
        }
    }
}

/// Puts another number in place of the next one that is written in digits.
fn number(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|skip| at + skip) else { return };
    let end =
        bytes[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |length| start + length);
    bytes.splice(start..end, random.of(NUMBERS).bytes());
}
