//! Huffman codes: from counts and symbols of a file to a table that the next bits are looked up in.

/// Codes up to this length are found in one step, with the value behind them if that is as near.
const QUICK: u32 = 10;

/// A number of so many bits with its sign.
#[inline(always)]
pub(super) fn extended(number: i32, bits: u32) -> i32 {
    if bits > 0 && number < 1 << (bits - 1) { number - (1 << bits) + 1 } else { number }
}

/// A table as it stands in a file: how many codes have 1 to 16 bits, and their symbols in order.
#[derive(Clone)]
pub(super) struct Codes {
    pub counts: [u8; 16],
    pub symbols: Vec<u8>,
}

/// What a symbol of AC coefficients says: zeros before a value, and its bits.
pub(super) struct Extra {
    pub run: usize,
    pub bits: u32,
}

/// A code within a few bits, and the value behind it.
#[derive(Clone, Copy, Default)]
pub(super) struct Quick {
    pub symbol: u8,
    /// Bits of the code, and, in the upper half, of code and value; 0: they are longer, or there is no value.
    lengths: u8,
    /// The value of so many bits as the lower half of the symbol says.
    pub value: i16,
}

impl Quick {
    /// Bits of the code; 0: it is longer.
    #[inline(always)]
    pub fn code(self) -> u32 {
        u32::from(self.lengths & 0xf)
    }

    /// Bits of code and value; 0: they are longer, or there is no value.
    #[inline(always)]
    pub fn whole(self) -> u32 {
        u32::from(self.lengths >> 4)
    }
}

/// A table to decode with.
pub(super) struct Table {
    /// What the next bits begin with.
    quick: Vec<Quick>,
    /// Of each length the first number, left-aligned in 32 bits, that is no code of it or of a shorter one.
    limits: [u64; 17],
    /// Of each length what is added to a code for its place in `symbols`.
    offsets: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    /// Bits of the longest code, and one more, which libjpeg takes where no code fits.
    pub const LONGEST: u32 = 17;

    /// Of DC coefficients or of others.
    ///
    /// # Errors
    /// More codes than their lengths have room for; a DC symbol above 15.
    pub fn new(codes: &Codes, dc: bool) -> Result<Self, &'static str> {
        const BAD: &str = "a Huffman table is none";
        if dc && codes.symbols.iter().any(|symbol| *symbol > 15) {
            return Err(BAD);
        }
        let mut table = Self {
            quick: vec![Quick::default(); 1 << QUICK],
            limits: [0; 17],
            offsets: [0; 17],
            symbols: codes.symbols.clone(),
        };
        let (mut code, mut place) = (0_u32, 0_usize);
        for length in 1..=16 {
            let count = u32::from(codes.counts[length - 1]);
            table.offsets[length] = place as i32 - code as i32;
            if code + count > 1 << length {
                return Err(BAD);
            }
            for (symbol, code) in codes.symbols.iter().skip(place).zip(code..code + count) {
                if let Some(free) = QUICK.checked_sub(length as u32) {
                    let first = (code << free) as usize;
                    let bits = u32::from(symbol & 0xf);
                    for (after, quick) in table.quick[first..first + (1 << free)].iter_mut().enumerate() {
                        *quick = Quick { symbol: *symbol, lengths: length as u8, value: 0 };
                        if let Some(more) = free.checked_sub(bits).filter(|_| bits > 0) {
                            quick.lengths |= (length as u8 + bits as u8) << 4;
                            quick.value = extended((after >> more) as i32, bits) as i16;
                        }
                    }
                }
            }
            code += count;
            place += count as usize;
            table.limits[length] = u64::from(code) << (32 - length);
            code <<= 1;
        }
        Ok(table)
    }

    /// What these bits begin with, as far as it is seen at once.
    #[inline(always)]
    pub fn quick(&self, bits: u32) -> Quick {
        self.quick[(bits >> (32 - QUICK)) as usize]
    }

    /// Symbol and length of the code that begins these bits.
    #[inline(always)]
    pub fn find(&self, bits: u32) -> (u8, u32) {
        let quick = self.quick(bits);
        if quick.code() > 0 { (quick.symbol, quick.code()) } else { self.find_long(bits) }
    }

    #[cold]
    fn find_long(&self, bits: u32) -> (u8, u32) {
        for length in QUICK as usize + 1..=16 {
            if u64::from(bits) < self.limits[length] {
                let place = (bits >> (32 - length)) as i32 + self.offsets[length];
                let symbol = usize::try_from(place).ok().and_then(|place| self.symbols.get(place));
                return (symbol.copied().unwrap_or(0), length as u32);
            }
        }
        (0, Self::LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table K.3 of the standard: DC of luminance.
    #[test]
    fn codes_are_the_standard_s() {
        let counts = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
        let table = Table::new(&Codes { counts, symbols: (0..12).collect() }, true).unwrap();
        for (bits, length, symbol) in
            [(0b00, 2, 0), (0b010, 3, 1), (0b110, 3, 5), (0b1110, 4, 6), (0b1_1111_1110, 9, 11)]
        {
            let bits: u32 = bits;
            assert_eq!(table.find(bits << (32 - length) | 1), (symbol, length), "{bits:b}");
        }
        assert_eq!(table.find(u32::MAX), (0, 17));
    }

    #[test]
    fn long_codes_are_found_and_too_many_refused() {
        // One code of each length from 1 to 16: 0, 10, 110, …
        let codes = Codes { counts: [1; 16], symbols: (100..116).collect() };
        let table = Table::new(&codes, false).unwrap();
        for length in 1..=16_u32 {
            let ones = u32::MAX << (33 - length).min(31) << u32::from(length == 1);
            assert_eq!(table.find(ones), (99 + length as u8, length));
            // Symbol 100 + 12 is a value of no bits, the others of 4 to 15.
            let quick = table.quick(ones);
            let bits = u32::from((99 + length as u8) & 0xf);
            let near = length <= QUICK && bits > 0 && length + bits <= QUICK;
            assert_eq!(quick.whole(), if near { length + bits } else { 0 });
            if near {
                let number = (ones << length >> (32 - bits)) as i32;
                assert_eq!(i32::from(quick.value), extended(number, bits));
            }
        }
        assert!(Table::new(&codes, true).is_err(), "DC symbols are below 16");
        let counts = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(Table::new(&Codes { counts, symbols: vec![0; 3] }, false).is_err());
    }
}
