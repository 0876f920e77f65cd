//! A reader of Python pickles that can build data and nothing else: it looks names up but never calls what they name.
//! Covers protocol 2 as `torch.save` writes it. Objects of foreign classes become [`Value::Opaque`], named but empty.

use std::collections::HashMap;

/// Index of a value; containers are filled after they are shared, so they hold indices.
pub(super) type Id = usize;

/// What a pickle can hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    /// A list or a tuple.
    Sequence(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// `module.name`, as a thing that could be called.
    Global(String),
    /// The argument of a persistent id: what is kept outside the pickle.
    Persistent(Id),
    /// Of `torch._utils._rebuild_tensor_v2`: its arguments.
    Tensor(Vec<Id>),
    /// An object of a class that this reader does not build.
    Opaque(String),
}

/// The values of one pickle.
#[derive(Debug)]
pub(super) struct Pickle {
    pub values: Vec<Value>,
    pub root: Id,
    /// Bytes read, for files that hold several pickles one after another.
    pub length: usize,
}

/// Reads one pickle from the start of these bytes.
///
/// # Errors
/// An operation outside the subset, or bytes that end or are inconsistent: what, and at which byte.
pub(super) fn parse(bytes: &[u8]) -> Result<Pickle, String> {
    let mut machine =
        Machine { bytes, at: 0, values: Vec::new(), stack: Vec::new(), marks: Vec::new(), memo: HashMap::new() };
    loop {
        let at = machine.at;
        match machine.step() {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Pickle { values: machine.values, root, length: machine.at }),
            Err(reason) => return Err(format!("pickle, byte {at}: {reason}")),
        }
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack at each open mark.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl Machine<'_> {
    /// One operation; the root once the pickle stops.
    fn step(&mut self) -> Result<Option<Id>, String> {
        match self.byte()? {
            0x80 => drop(self.byte()?), // PROTO
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'J' => {
                let n = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(n.into()));
            }
            b'K' => {
                let n = self.byte()?;
                self.push(Value::Int(n.into()));
            }
            b'M' => {
                let n = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(n.into()));
            }
            0x8a => self.long()?,
            b'G' => {
                let x = f64::from_be_bytes(self.array()?);
                self.push(Value::Float(x));
            }
            b'X' => {
                let length = u32::from_le_bytes(self.array()?);
                self.text(length as usize)?;
            }
            // Byte strings of Python 2: keys of old checkpoints.
            b'U' => {
                let length = self.byte()?;
                self.text(length.into())?;
            }
            b'T' => {
                let length = u32::from_le_bytes(self.array()?);
                self.text(length as usize)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(format!("{module}.{name}")));
            }
            b']' | b')' => self.push(Value::Sequence(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            b't' => {
                let items = self.since_mark()?;
                self.push(Value::Sequence(items));
            }
            op @ 0x85..=0x87 => {
                let items = self.take(usize::from(op - 0x84))?;
                self.push(Value::Sequence(items));
            }
            b'a' => {
                let items = self.take(1)?;
                self.append(items)?;
            }
            b'e' => {
                let items = self.since_mark()?;
                self.append(items)?;
            }
            b's' => {
                let items = self.take(2)?;
                self.insert(&items)?;
            }
            b'u' => {
                let items = self.since_mark()?;
                self.insert(&items)?;
            }
            b'q' => {
                let key = self.byte()?;
                self.memoise(key.into())?;
            }
            b'r' => {
                let key = u32::from_le_bytes(self.array()?);
                self.memoise(key)?;
            }
            b'h' => {
                let key = self.byte()?;
                self.recall(key.into())?;
            }
            b'j' => {
                let key = u32::from_le_bytes(self.array()?);
                self.recall(key)?;
            }
            b'Q' => {
                let argument = self.pop()?;
                self.push(Value::Persistent(argument));
            }
            b'R' | 0x81 => self.reduce()?, // REDUCE, NEWOBJ
            b'b' => self.build()?,
            op => return Err(format!("operation {op:#04x} is not one that torch.save writes")),
        }
        Ok(None)
    }

    /// What a call would give, for the few callables that only hold data together.
    fn reduce(&mut self) -> Result<(), String> {
        let (arguments, callable) = (self.pop()?, self.pop()?);
        let Value::Sequence(arguments) = self.values[arguments].clone() else {
            return Err("a call without a tuple of arguments".to_owned());
        };
        let name = match &self.values[callable] {
            Value::Global(name) => name.clone(),
            other => return Err(format!("a call of {other:?}")),
        };
        let value = match name.as_str() {
            "collections.OrderedDict" => Value::Dict(self.pairs(&arguments)?),
            "torch._utils._rebuild_tensor_v2" => Value::Tensor(arguments),
            // The first argument is the tensor.
            "torch._utils._rebuild_parameter" => match arguments.first() {
                Some(&tensor) => self.values[tensor].clone(),
                None => return Err("a parameter without a tensor".to_owned()),
            },
            _ => Value::Opaque(name),
        };
        self.push(value);
        Ok(())
    }

    /// The items of a dictionary that is made from a list of pairs; usually there are none.
    fn pairs(&self, arguments: &[Id]) -> Result<Vec<(Id, Id)>, String> {
        let Some(&list) = arguments.first() else { return Ok(Vec::new()) };
        let not_pairs = || "a dictionary of something other than pairs".to_owned();
        let Value::Sequence(items) = &self.values[list] else { return Err(not_pairs()) };
        let pair = |item: &Id| match &self.values[*item] {
            Value::Sequence(pair) => match pair[..] {
                [key, value] => Ok((key, value)),
                _ => Err(not_pairs()),
            },
            _ => Err(not_pairs()),
        };
        items.iter().map(pair).collect()
    }

    /// Attributes of an object (a state dict's `_metadata`) are dropped.
    fn build(&mut self) -> Result<(), String> {
        self.pop()?;
        self.top().map(drop)
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), String> {
        let list = self.top()?;
        match &mut self.values[list] {
            Value::Sequence(list) => list.extend(items),
            Value::Opaque(_) => {}
            other => return Err(format!("cannot append to {other:?}")),
        }
        Ok(())
    }

    fn insert(&mut self, items: &[Id]) -> Result<(), String> {
        let dict = self.top()?;
        let (pairs, []) = items.as_chunks::<2>() else { return Err("a key without a value".to_owned()) };
        match &mut self.values[dict] {
            Value::Dict(dict) => dict.extend(pairs.iter().map(|[key, value]| (*key, *value))),
            Value::Opaque(_) => {}
            other => return Err(format!("cannot insert into {other:?}")),
        }
        Ok(())
    }

    fn long(&mut self) -> Result<(), String> {
        let length = usize::from(self.byte()?);
        let bytes = self.slice(length)?;
        let value = if length <= 8 {
            // Little endian, two's complement: the last byte's sign fills up.
            let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
            let mut wide = [fill; 8];
            wide[..length].copy_from_slice(bytes);
            Value::Int(i64::from_le_bytes(wide))
        } else {
            Value::Opaque("an integer of more than 64 bits".to_owned())
        };
        self.push(value);
        Ok(())
    }

    fn text(&mut self, length: usize) -> Result<(), String> {
        let text = String::from_utf8_lossy(self.slice(length)?).into_owned();
        self.push(Value::Text(text));
        Ok(())
    }

    fn memoise(&mut self, key: u32) -> Result<(), String> {
        let id = self.top()?;
        self.memo.insert(key, id);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<(), String> {
        let id = *self.memo.get(&key).ok_or_else(|| format!("nothing was remembered as {key}"))?;
        self.stack.push(id);
        Ok(())
    }

    fn push(&mut self, value: Value) {
        self.values.push(value);
        self.stack.push(self.values.len() - 1);
    }

    /// Values under an open mark are out of reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn take(&mut self, count: usize) -> Result<Vec<Id>, String> {
        match self.stack.len().checked_sub(count) {
            Some(height) if height >= self.floor() => Ok(self.stack.split_off(height)),
            _ => Err("the stack is empty".to_owned()),
        }
    }

    fn pop(&mut self) -> Result<Id, String> {
        Ok(self.take(1)?[0])
    }

    fn top(&self) -> Result<Id, String> {
        match self.stack.last() {
            Some(&id) if self.stack.len() > self.floor() => Ok(id),
            _ => Err("the stack is empty".to_owned()),
        }
    }

    fn since_mark(&mut self) -> Result<Vec<Id>, String> {
        let height = self.marks.pop().ok_or("a mark is missing")?;
        Ok(self.stack.split_off(height))
    }

    fn slice(&mut self, length: usize) -> Result<&[u8], String> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or("the file ends here")?;
        let slice = &self.bytes[self.at..end];
        self.at = end;
        Ok(slice)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.slice(N)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }

    fn line(&mut self) -> Result<String, String> {
        let length = self.bytes[self.at..].iter().position(|b| *b == b'\n').ok_or("the file ends here")?;
        let line = String::from_utf8_lossy(self.slice(length)?).into_owned();
        self.at += 1;
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let pickle = parse(b"\x80\x02cos\nsystem\nU\x04true\x85R.").unwrap();
        assert_eq!(pickle.values[pickle.root], Value::Opaque("os.system".into()));
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
            (b"\x80\x04\x95", "0x95"),
            (b"", "the file ends here"),
        ] {
            let reason = parse(bytes).unwrap_err();
            assert!(reason.contains(words), "{words}: {reason}");
        }
    }
}
