//! NumPy arrays in a pickle: `_reconstruct` and a state of (version, shape, dtype, Fortran order, bytes).

use super::{Id, Pickle, Value};

/// A NumPy array whose numbers lie in the pickle itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array<'a> {
    /// Sizes of its axes.
    pub shape: Vec<usize>,
    /// As NumPy writes it without byte order: `u1`, `i8`, `f4`.
    pub dtype: &'a str,
    /// The numbers, row-major, as they lay in memory.
    pub bytes: &'a [u8],
}

impl Pickle {
    /// The value under a key of a dictionary or an object's items, the last where it was set twice.
    pub fn get(&self, id: Id, key: &str) -> Option<Id> {
        let (Value::Dict(pairs) | Value::Object { items: pairs, .. }) = self.values.get(id)? else { return None };
        let named = |pair: &&(Id, Id)| matches!(&self.values[pair.0], Value::Text(text) if text == key);
        // Python 3 writes keys of a Python 2 file that it read as bytes as bytes again.
        let raw = |pair: &&(Id, Id)| matches!(&self.values[pair.0], Value::Bytes(bytes) if bytes == key.as_bytes());
        pairs.iter().rev().find(|pair| named(pair) || raw(pair)).map(|pair| pair.1)
    }

    /// The array at a place.
    ///
    /// # Errors
    /// What is there instead, as a phrase after its name; an array in Fortran's order, of objects, or with more or fewer bytes than its
    /// shape takes.
    pub fn array(&self, id: Id) -> Result<Array<'_>, String> {
        let state = match &self.values[id] {
            Value::Array(Some(state)) => &self.values[*state],
            other => return Err(format!("is {}, no NumPy array", other.kind())),
        };
        let odd = || "is a NumPy array of a form that is not read".to_owned();
        let Value::Sequence(parts) = state else { return Err(odd()) };
        let [_, shape, dtype, fortran, bytes] = parts[..] else { return Err(odd()) };
        let (Value::Sequence(sizes), Value::Dtype(dtype)) = (&self.values[shape], &self.values[dtype]) else {
            return Err(odd());
        };
        let size = |id: &Id| match self.values[*id] {
            Value::Int(size) => usize::try_from(size).ok(),
            _ => None,
        };
        let shape: Vec<usize> = sizes.iter().map(size).collect::<Option<_>>().ok_or_else(odd)?;
        let Value::Text(dtype) = &self.values[*dtype] else { return Err(odd()) };
        let along = shape.iter().filter(|size| **size > 1).count();
        if along > 1 && !matches!(self.values[fortran], Value::Bool(false) | Value::Int(0)) {
            return Err("is in Fortran's order: save numpy.ascontiguousarray of it".to_owned());
        }
        let bytes = match &self.values[bytes] {
            Value::Bytes(bytes) => bytes.as_slice(),
            // A byte string of Python 2 that happens to be text.
            Value::Text(text) => text.as_bytes(),
            _ => return Err("is a NumPy array of Python objects".to_owned()),
        };
        let width = dtype.get(1..).and_then(|width| width.parse::<usize>().ok()).ok_or_else(odd)?;
        let claim = shape.iter().try_fold(width, |all, size| all.checked_mul(*size));
        if claim != Some(bytes.len()) {
            return Err(format!("has the shape {shape:?} and {} bytes, which do not fit", bytes.len()));
        }
        Ok(Array { shape, dtype, bytes })
    }
}

#[cfg(test)]
mod tests {
    use crate::parse;

    /// `pickle.dumps({"data": (np.arange(6, dtype="u1") * 40).reshape(2, 3), "labels": [3, 5]}, protocol)` of NumPy 2.4.6, and what Python 2's
    /// cPickle wrote of it.
    const PICKLES: [&[u8]; 7] = [
        b"(dp0\nVdata\np1\ncnumpy._core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nc_codecs\nencode\np5\n(Vb\np6\nVlatin1\np7\ntp8\nRp9\ntp10\nRp11\n(I1\n(I2\nI3\ntp12\ncnumpy\ndtype\np13\n(Vu1\np14\nI00\nI01\ntp15\nRp16\n(I3\nV|\np17\nNNNI-1\nI-1\nI0\ntp18\nbI00\ng5\n(V\\u0000(Px\xa0\xc8\np19\ng7\ntp20\nRp21\ntp22\nbsVlabels\np23\n(lp24\nI3\naI5\nas.",
        b"}q\x00(X\x04\x00\x00\x00dataq\x01cnumpy._core.multiarray\n_reconstruct\nq\x02(cnumpy\nndarray\nq\x03(K\x00tq\x04c_codecs\nencode\nq\x05(X\x01\x00\x00\x00bq\x06X\x06\x00\x00\x00latin1q\x07tq\x08Rq\ttq\nRq\x0b(K\x01(K\x02K\x03tq\x0ccnumpy\ndtype\nq\r(X\x02\x00\x00\x00u1q\x0eI00\nI01\ntq\x0fRq\x10(K\x03X\x01\x00\x00\x00|q\x11NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x12bI00\nh\x05(X\x08\x00\x00\x00\x00(Px\xc2\xa0\xc3\x88q\x13h\x07tq\x14Rq\x15tq\x16bX\x06\x00\x00\x00labelsq\x17]q\x18(K\x03K\x05eu.",
        b"\x80\x02}q\x00(X\x04\x00\x00\x00dataq\x01cnumpy._core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85q\x04c_codecs\nencode\nq\x05X\x01\x00\x00\x00bq\x06X\x06\x00\x00\x00latin1q\x07\x86q\x08Rq\t\x87q\nRq\x0b(K\x01K\x02K\x03\x86q\x0ccnumpy\ndtype\nq\rX\x02\x00\x00\x00u1q\x0e\x89\x88\x87q\x0fRq\x10(K\x03X\x01\x00\x00\x00|q\x11NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x12b\x89h\x05X\x08\x00\x00\x00\x00(Px\xc2\xa0\xc3\x88q\x13h\x07\x86q\x14Rq\x15tq\x16bX\x06\x00\x00\x00labelsq\x17]q\x18(K\x03K\x05eu.",
        b"\x80\x03}q\x00(X\x04\x00\x00\x00dataq\x01cnumpy._core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00\x85q\x04C\x01bq\x05\x87q\x06Rq\x07(K\x01K\x02K\x03\x86q\x08cnumpy\ndtype\nq\tX\x02\x00\x00\x00u1q\n\x89\x88\x87q\x0bRq\x0c(K\x03X\x01\x00\x00\x00|q\rNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0eb\x89C\x06\x00(Px\xa0\xc8q\x0ftq\x10bX\x06\x00\x00\x00labelsq\x11]q\x12(K\x03K\x05eu.",
        b"\x80\x04\x95\xad\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x04data\x94\x8c\x16numpy._core.multiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94C\x01b\x94\x87\x94R\x94(K\x01K\x02K\x03\x86\x94h\x05\x8c\x05dtype\x94\x93\x94\x8c\x02u1\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94b\x89C\x06\x00(Px\xa0\xc8\x94t\x94b\x8c\x06labels\x94]\x94(K\x03K\x05eu.",
        b"\x80\x05\x95\x98\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x04data\x94\x8c\x13numpy._core.numeric\x94\x8c\x0b_frombuffer\x94\x93\x94(\x96\x06\x00\x00\x00\x00\x00\x00\x00\x00(Px\xa0\xc8\x94\x8c\x05numpy\x94\x8c\x05dtype\x94\x93\x94\x8c\x02u1\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94bK\x02K\x03\x86\x94\x8c\x01C\x94t\x94R\x94\x8c\x06labels\x94]\x94(K\x03K\x05eu.",
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b\x87Rq\x05(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x06U\x02u1K\x00K\x01\x87Rq\x07(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06\x00(Px\xa0\xc8tbU\x06labelsq\x08]q\x09(K\x03K\x05eu.",
    ];

    #[test]
    fn every_protocol_gives_the_same_array() {
        for (which, bytes) in PICKLES.into_iter().enumerate() {
            let pickle = parse(bytes).unwrap_or_else(|why| panic!("pickle {which}: {why}"));
            let found = pickle.array(pickle.get(pickle.root, "data").unwrap());
            let array = found.unwrap_or_else(|why| panic!("pickle {which}: {why}"));
            assert_eq!((&array.shape[..], array.dtype), (&[2, 3][..], "u1"), "pickle {which}");
            assert_eq!(array.bytes, [0, 40, 80, 120, 160, 200], "pickle {which}");
            let labels = pickle.array(pickle.get(pickle.root, "labels").unwrap());
            assert_eq!(labels, Err("is a list, no NumPy array".to_owned()));
            assert_eq!(pickle.get(pickle.root, "names"), None);
        }
    }

    #[test]
    fn arrays_of_other_forms_are_refused() {
        let with = |from: &[u8], to: &[u8]| {
            let bytes = PICKLES[6];
            let at = bytes.windows(from.len()).position(|part| part == from).unwrap();
            let changed = [&bytes[..at], to, &bytes[at + from.len()..]].concat();
            let pickle = parse(&changed).unwrap();
            pickle.array(pickle.get(pickle.root, "data").unwrap()).unwrap_err()
        };
        for (from, to, why) in [
            (b"K\x02K\x03\x86".as_slice(), b"K\x02K\x04\x86".as_slice(), "has the shape [2, 4] and 6 bytes"),
            (b"tb\x89U", b"tb\x88U", "Fortran's order"),
            (b"U\x01|", b"U\x01>", "of a form that is not read"),
            (b"U\x02u1", b"U\x02OO", "of a form that is not read"),
            (b"U\x06\x00(Px\xa0\xc8", b"]", "of Python objects"),
        ] {
            let found = with(from, to);
            assert!(found.contains(why), "{found}");
        }
    }
}
