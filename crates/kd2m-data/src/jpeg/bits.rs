//! The bits of a scan, as libjpeg takes them: stuffed zeros left out, zeros after the end, restarts found again where some are lost.

use super::huffman::{Extra, Table, extended};

const EOI: u8 = 0xd9;

/// A place in entropy-coded data.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits from the top on. Behind those that are counted there may be some of the next byte, where that is one of data; else zeros.
    buffer: u64,
    count: u32,
    /// The marker that ends the data, once it is reached.
    marker: Option<u8>,
    /// The number of the next restart.
    restart: u8,
    /// More bits were asked for than there are: what follows stays empty up to the next restart.
    pub exhausted: bool,
}

impl<'a> Bits<'a> {
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at, buffer: 0, count: 0, marker: None, restart: 0, exhausted: false }
    }

    /// Where the search for the next segment begins.
    pub fn end(&self) -> usize {
        // A marker that was met is still to be read.
        self.at - if self.marker.is_some() { 2.min(self.at) } else { 0 }
    }

    #[inline(always)]
    fn fill(&mut self) {
        // Eight bytes at once where none of them may begin a marker.
        if self.marker.is_none()
            && let Some(next) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<8>())
            && let next = u64::from_be_bytes(*next)
            && !has_ones(next)
        {
            self.buffer |= next >> self.count;
            let bytes = (63 - self.count) / 8;
            (self.count, self.at) = (self.count + 8 * bytes, self.at + bytes as usize);
            return;
        }
        self.fill_slowly();
    }

    #[cold]
    #[inline(never)]
    fn fill_slowly(&mut self) {
        while self.count <= 56 && self.marker.is_none() {
            let byte = match self.byte() {
                0xff => {
                    let mut code = 0xff;
                    while code == 0xff {
                        code = self.byte_or_end();
                    }
                    if code != 0 {
                        self.marker = Some(code);
                        return;
                    }
                    0xff
                }
                byte => byte,
            };
            self.buffer |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// The next byte; behind the last one the end of an image begins.
    fn byte(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte.unwrap_or(0xff)
    }

    fn byte_or_end(&mut self) -> u8 {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte.unwrap_or(EOI)
    }

    /// Sees to it that 32 bits can be looked at, up to the end of the data.
    #[inline(always)]
    pub fn want(&mut self) {
        if self.count < 32 {
            self.fill();
        }
    }

    /// The next bits, after [`want`](Self::want).
    #[inline(always)]
    pub fn seen(&self) -> u32 {
        (self.buffer >> 32) as u32
    }

    /// Takes so many of the bits that are seen in the buffer, fewer than 64.
    #[inline(always)]
    pub fn take(&mut self, bits: u32) {
        if bits > self.count {
            self.exhausted = true;
            self.count = bits;
        }
        self.buffer <<= bits;
        self.count -= bits;
    }

    /// The next bits as a number, at most 16.
    pub fn number(&mut self, bits: u32) -> i32 {
        if bits == 0 {
            return 0;
        }
        if self.count < bits {
            self.fill();
        }
        let number = (self.buffer >> (64 - bits)) as i32;
        self.take(bits);
        number
    }

    pub fn bit(&mut self) -> bool {
        self.number(1) == 1
    }

    /// A number of so many bits whose first says its sign (F.12 of the standard).
    pub fn signed(&mut self, bits: u32) -> i32 {
        let number = self.number(bits);
        extended(number, bits)
    }

    /// The same, from 1 to 16, after [`want`](Self::want) and a code of at most 16 bits.
    #[inline(always)]
    pub fn seen_signed(&mut self, bits: u32) -> i32 {
        let number = (self.buffer >> (64 - bits)) as i32;
        self.take(bits);
        extended(number, bits)
    }

    /// The next symbol; 0 where no code begins so.
    pub fn symbol(&mut self, table: &Table) -> u8 {
        if self.count < Table::LONGEST {
            self.fill();
        }
        let (symbol, bits) = table.find(self.seen());
        self.take(bits);
        symbol
    }

    /// Run of zeros and value of an AC coefficient, or what stands in their place.
    pub fn extra(&mut self, table: &Table) -> Extra {
        let symbol = self.symbol(table);
        Extra { run: usize::from(symbol >> 4), bits: u32::from(symbol & 0xf) }
    }

    /// Past the next restart, or to where one may be expected (10.7 of libjpeg's `jdmarker.c`, `jpeg_resync_to_restart`).
    pub fn restart(&mut self) {
        (self.buffer, self.count) = (0, 0);
        let wanted = self.restart;
        self.restart = (wanted + 1) % 8;
        let number = |marker: u8| marker.wrapping_sub(0xd0);
        let mut marker = self.marker.take().unwrap_or_else(|| self.next_marker());
        loop {
            let ahead = number(marker).wrapping_sub(wanted) % 8;
            match marker {
                // No restart, or one that comes later: this interval is empty.
                0xc0.. if number(marker) >= 8 || matches!(ahead, 1 | 2) => {
                    self.marker = Some(marker);
                    return;
                }
                // The one that is wanted, or one that is too far from it to tell.
                0xc0.. if !matches!(ahead, 6 | 7) => {
                    self.exhausted = false;
                    return;
                }
                _ => marker = self.next_marker(),
            }
        }
    }

    fn next_marker(&mut self) -> u8 {
        loop {
            while self.byte() != 0xff {}
            let mut code = 0xff;
            while code == 0xff {
                code = self.byte_or_end();
            }
            if code != 0 {
                return code;
            }
        }
    }
}

/// Whether one of eight bytes is 0xff.
#[inline(always)]
fn has_ones(bytes: u64) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    // A byte of the complement is zero.
    (!bytes).wrapping_sub(LOW) & bytes & (LOW << 7) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_ones_are_found_wherever_they_are() {
        for place in 0..8 {
            for (byte, right) in [(0xff, true), (0xfe, false), (0x7f, false), (0x00, false)] {
                for others in [0, 0x80, 0xfe] {
                    let mut bytes = [others; 8];
                    bytes[place] = byte;
                    assert_eq!(has_ones(u64::from_be_bytes(bytes)), right, "{bytes:x?}");
                }
            }
        }
    }

    /// Bits one after another, by the plainest reading.
    #[test]
    fn bits_come_in_their_order_whatever_is_taken_at_once() {
        let mut data: Vec<u8> = (0..400_u32).map(|i| ((i * i * 37) >> 3) as u8).collect();
        let plain: Vec<bool> = data.iter().flat_map(|byte| (0..8).map(move |i| byte >> (7 - i) & 1 == 1)).collect();
        for at in (0..data.len()).rev() {
            if data[at] == 0xff {
                data.insert(at + 1, 0);
            }
        }
        data.extend([0xff, EOI]);
        let (mut bits, mut place) = (Bits::new(&data, 0), 0);
        for take in (1..=16).cycle() {
            if place + take as usize > plain.len() {
                break;
            }
            let right = plain[place..place + take as usize].iter().fold(0, |number, bit| number << 1 | i32::from(*bit));
            if take % 2 == 0 {
                bits.want();
                assert_eq!(bits.seen() >> (32 - take), right as u32, "{place}");
            }
            assert_eq!(bits.number(take), right, "{place}");
            place += take as usize;
        }
        assert!(!bits.exhausted);
        bits.number(16);
        bits.number(16);
        assert!(bits.exhausted && bits.end() == data.len() - 2);
    }
}
