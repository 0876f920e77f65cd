//! Values of any type between ranks: as bytes, in pieces that a message can hold. Ranks of one version read what they wrote; that they are
//! of one version is asked before.

use super::Ranks;

/// Bytes of all ranks together in one message: MPI counts them in 32 bits.
const MOST: usize = 1 << 30;

/// What goes from rank to rank.
pub trait Wire: Sized {
    /// Appends its bytes.
    fn put(&self, out: &mut Vec<u8>);

    /// Takes it off the front; `None` where there are too few bytes.
    fn take(from: &mut &[u8]) -> Option<Self>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Wire for $number {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                let (bytes, rest) = from.split_first_chunk()?;
                *from = rest;
                Some(<$number>::from_le_bytes(*bytes))
            }
        }
    )*};
}
numbers!(f32, f64, u32, u64);

macro_rules! tuples {
    ($(($($name:ident),+)),*) => {$(
        impl<$($name: Wire),+> Wire for ($($name,)+) {
            #[allow(non_snake_case)]
            fn put(&self, out: &mut Vec<u8>) {
                let ($($name,)+) = self;
                $($name.put(out);)+
            }

            fn take(from: &mut &[u8]) -> Option<Self> {
                Some(($($name::take(from)?,)+))
            }
        }
    )*};
}
tuples!((A, B), (A, B, C), (A, B, C, D));

impl<W: Wire> Wire for Vec<W> {
    fn put(&self, out: &mut Vec<u8>) {
        (self.len() as u64).put(out);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let count = u64::take(from)?;
        (0..count).map(|_| W::take(from)).collect()
    }
}

impl<W: Wire, const N: usize> Wire for [W; N] {
    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|value| value.put(out));
    }

    fn take(from: &mut &[u8]) -> Option<Self> {
        let values: Vec<W> = (0..N).map(|_| W::take(from)).collect::<Option<_>>()?;
        values.try_into().ok()
    }
}

/// What all ranks have, one after another in their order.
pub fn gather<W: Wire>(ranks: &dyn Ranks, own: Vec<W>) -> Vec<W> {
    let size = ranks.size();
    if size == 1 {
        return own;
    }
    let mut bytes = Vec::new();
    own.put(&mut bytes);
    drop(own);
    let length = |bytes: Vec<u8>| u64::take(&mut bytes.as_slice()).unwrap_or(0);
    let most = ranks.gather_bytes(&(bytes.len() as u64).to_le_bytes()).into_iter().map(length).max().unwrap_or(0);
    let piece = MOST / size;
    let mut all = vec![Vec::new(); size];
    for begin in (0..most as usize).step_by(piece) {
        let part = &bytes[begin.min(bytes.len())..(begin + piece).min(bytes.len())];
        for (all, mut part) in all.iter_mut().zip(ranks.gather_bytes(part)) {
            all.append(&mut part);
        }
    }
    let read = |bytes: Vec<u8>| match Vec::<W>::take(&mut bytes.as_slice()) {
        Some(values) => values,
        None => unreachable!("ranks of one version read what they wrote"),
    };
    all.into_iter().flat_map(read).collect()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::{super::threads::threads, *};

    #[test]
    fn what_each_has_reaches_all_in_order() {
        type Value = (u32, Vec<(f64, f32)>, [u64; 2]);
        let of = |rank: usize| -> Vec<Value> {
            (0..2 * rank).map(|k| (k as u32, vec![(k as f64 / 3.0, rank as f32); k], [rank as u64, 7])).collect()
        };
        let expected: Vec<Value> = (0..3).flat_map(of).collect();
        thread::scope(|scope| {
            for thread in threads(3) {
                let (of, expected) = (&of, &expected);
                scope.spawn(move || assert_eq!(gather(&thread, of(thread.rank())), *expected));
            }
        });
        assert_eq!(gather(&super::super::Alone, of(1)), of(1));
    }

    #[test]
    fn too_few_bytes_are_no_value() {
        let mut bytes = Vec::new();
        vec![(1u32, 2.0f64); 3].put(&mut bytes);
        assert_eq!(Vec::<(u32, f64)>::take(&mut bytes.as_slice()), Some(vec![(1, 2.0); 3]));
        assert!((0..bytes.len()).all(|length| Vec::<(u32, f64)>::take(&mut &bytes[..length]).is_none()));
    }
}
