#![doc = include_str!("../README.md")]
//!
//! [`parse`] reads one pickle, [`Pickle::get`] and [`Pickle::array`] find things in it. Inside, read `operations.rs` (one operation), then
//! `calls.rs` (what a call would give) and `machine.rs` (stack, memo and bytes).

#![deny(missing_docs)]

mod array;
mod calls;
mod lines;
mod machine;
mod operations;
mod value;

pub use array::Array;
use machine::Machine;
pub use value::{Id, Value};

/// The values of one pickle.
#[derive(Debug)]
pub struct Pickle {
    /// All values; those inside others are named by their index.
    pub values: Vec<Value>,
    /// The value that was pickled.
    pub root: Id,
    /// Bytes read, for files that hold several pickles one after another.
    pub length: usize,
}

/// Reads one pickle from the start of these bytes.
///
/// # Errors
/// An operation that no protocol has, or bytes that end or are inconsistent: what, and at which byte.
pub fn parse(bytes: &[u8]) -> Result<Pickle, String> {
    let mut machine = Machine::new(bytes);
    loop {
        let at = machine.at;
        match machine.step() {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Pickle { values: machine.values, root, length: machine.at }),
            Err(reason) => return Err(format!("pickle, byte {at}: {reason}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(bytes: &[u8]) -> Value {
        let pickle = parse(bytes).unwrap();
        assert_eq!(pickle.length, bytes.len());
        pickle.values[pickle.root].clone()
    }

    #[test]
    fn containers_shared_before_they_are_filled_stay_shared() {
        // d = {}; [d, d] with d["a"] = -2 set after d was remembered.
        let pickle = parse(b"\x80\x02](}q\x00U\x01a\x8a\x01\xfesh\x00e.").unwrap();
        let Value::Sequence(items) = &pickle.values[pickle.root] else { panic!("not a list") };
        assert_eq!(items[0], items[1]);
        let Value::Dict(pairs) = &pickle.values[items[1]] else { panic!("not a dict") };
        assert_eq!(pickle.values[pairs[0].1], Value::Int(-2));
        assert_eq!(pickle.length, 18);
    }

    #[test]
    fn foreign_classes_are_named_and_not_called() {
        assert_eq!(root(b"\x80\x02cos\nsystem\nU\x04true\x85R."), Value::object("os.system"));
        // Protocol 4 names them from the stack, protocol 0 by their lines; what a foreign call gives can be called in name only.
        assert_eq!(root(b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R."), Value::object("os.system"));
        assert_eq!(root(b"(S'true'\nios\nsystem\n."), Value::object("os.system"));
        assert_eq!(root(b"(cos\nsystem\nS'true'\no."), Value::object("os.system"));
        assert_eq!(root(b"cos\ngetattr\n)R)R."), Value::object("call of os.getattr"));
    }

    /// What Python's `pickle.dumps({"a": [1, -2, True, 3.5, 2**70]}, protocol)` writes, but for 5, which writes what 4 does.
    #[test]
    fn every_protocol_gives_the_same_values() {
        let protocols: [&[u8]; 5] = [
            b"(dp0\nVa\np1\n(lp2\nI1\naI-2\naI01\naF3.5\naL1180591620717411303424L\nas.",
            b"}q\x00X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xffI01\nG@\x0c\x00\x00\x00\x00\x00\x00L1180591620717411303424L\nes.",
            b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xff\x88G@\x0c\x00\x00\x00\x00\x00\x00\x8a\t\x00\x00\x00\x00\x00\x00\x00\x00@es.",
            b"\x80\x03}q\x00X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xff\x88G@\x0c\x00\x00\x00\x00\x00\x00\x8a\t\x00\x00\x00\x00\x00\x00\x00\x00@es.",
            b"\x80\x04\x95)\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94]\x94(K\x01J\xfe\xff\xff\xff\x88G@\x0c\x00\x00\x00\x00\x00\x00\x8a\t\x00\x00\x00\x00\x00\x00\x00\x00@es.",
        ];
        for (protocol, bytes) in protocols.into_iter().enumerate() {
            let pickle = parse(bytes).unwrap_or_else(|why| panic!("protocol {protocol}: {why}"));
            let Value::Dict(pairs) = &pickle.values[pickle.root] else { panic!("not a dict") };
            assert_eq!(pickle.values[pairs[0].0], Value::Text("a".to_owned()), "protocol {protocol}");
            let Value::Sequence(items) = &pickle.values[pairs[0].1] else { panic!("not a list") };
            let values: Vec<&Value> = items.iter().map(|i| &pickle.values[*i]).collect();
            let right = [Value::Int(1), Value::Int(-2), Value::Bool(true), Value::Float(3.5), Value::Int(1 << 70)];
            assert_eq!(values, right.iter().collect::<Vec<_>>(), "protocol {protocol}");
        }
    }

    #[test]
    fn texts_of_protocol_0_are_unescaped() {
        assert_eq!(root(b"V\\u00e9\\U0001f600x\n."), Value::Text("é😀x".into()));
        assert_eq!(root(b"S\"it's \\x41\\n\"\n."), Value::Text("it's A\n".into()));
    }

    #[test]
    fn objects_keep_attributes_and_items() {
        // class x.C: an object by NEWOBJ, one item set, attributes {"a": 1}.
        let pickle = parse(b"\x80\x02cx\nC\n)\x81U\x01kK\x05s}U\x01aK\x01sb.").unwrap();
        let Value::Object { class, state: Some(state), items } = &pickle.values[pickle.root] else { panic!() };
        assert_eq!((class.as_str(), items.len()), ("x.C", 1));
        assert!(matches!(&pickle.values[*state], Value::Dict(pairs) if pairs.len() == 1));
        // The same under protocol 0, by copyreg.
        let old = parse(b"ccopy_reg\n_reconstructor\n(cx\nC\nc__builtin__\nobject\nNtR(dS'a'\nI1\nsb.").unwrap();
        assert!(matches!(&old.values[old.root], Value::Object { class, state: Some(_), .. } if class == "x.C"));
    }

    #[test]
    fn damage_is_an_error_with_its_place() {
        for (bytes, words) in [
            (b"\x80\x02X\xff\xff\xff\xffab".as_slice(), "byte 2: the file ends here"),
            (b"\x80\x02h\x07.", "nothing was remembered as 7"),
            (b"\x80\x02(.", "byte 3: the stack is empty"),
            (b"\x80\x02u.", "a mark is missing"),
            (b"\x80\x02)(NNu.", "cannot insert"),
            (b"\x80\x02cos", "the file ends here"),
            (b"\x80\x04\x95", "the file ends here"),
            (b"\x80\x04\xff.", "0xff is no operation"),
            (b"\x80\x02\x82\x01.", "0x82 is no operation"),
            (b"Inone\n.", "`none` is no whole number"),
            (b"", "the file ends here"),
        ] {
            let reason = parse(bytes).unwrap_err();
            assert!(reason.contains(words), "{words}: {reason}");
        }
    }

    #[test]
    fn a_list_that_is_copied_over_and_over_ends_in_an_error() {
        // One list of 300 pairs, made into a dictionary 300 times: the work would grow with the square of the file.
        let pairs = b"NN\x86".repeat(300);
        let again = b"0ccollections\nOrderedDict\nh\x00\x85R".repeat(300);
        let bytes = [b"\x80\x02](", pairs.as_slice(), b"eq\x00", &again, b"."].concat();
        assert!(parse(&bytes).unwrap_err().contains("holds more than its bytes"));
    }
}
