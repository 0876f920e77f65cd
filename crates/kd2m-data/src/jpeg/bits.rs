//! The bits of a scan, as libjpeg takes them: stuffed zeros left out, zeros after the end, restarts found again where some are lost.

use super::huffman::{Extra, Table};

const EOI: u8 = 0xd9;

/// A place in entropy-coded data.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits from the top on, zeros behind them.
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

    fn fill(&mut self) {
        if self.count <= 32
            && self.marker.is_none()
            && let Some(next) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<4>())
            && !next.contains(&0xff)
        {
            self.buffer |= u64::from(u32::from_be_bytes(*next)) << (32 - self.count);
            (self.count, self.at) = (self.count + 32, self.at + 4);
        }
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

    /// Takes so many of the bits that are seen in the buffer.
    fn take(&mut self, bits: u32) {
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
        if bits > 0 && number < 1 << (bits - 1) { number - (1 << bits) + 1 } else { number }
    }

    /// The next symbol; 0 where no code begins so.
    pub fn symbol(&mut self, table: &Table) -> u8 {
        if self.count < Table::LONGEST {
            self.fill();
        }
        let (symbol, bits) = table.find((self.buffer >> 32) as u32);
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
