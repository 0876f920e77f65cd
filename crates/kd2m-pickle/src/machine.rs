//! The state of a pickle that is being read: bytes, stack, marks, memo. Every read is checked; nothing is taken from below an open mark.

use std::collections::HashMap;

use super::{Id, Value};

pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    pub at: usize,
    pub values: Vec<Value>,
    pub stack: Vec<Id>,
    /// Heights of the stack at each open mark.
    pub marks: Vec<usize>,
    memo: HashMap<u64, Id>,
    /// How many entries of containers may still be copied: an honest pickle copies each at most once.
    copies: usize,
}

impl<'a> Machine<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        let empty = (Vec::new(), Vec::new(), Vec::new());
        let (values, stack, marks) = empty;
        Self { bytes, at: 0, values, stack, marks, memo: HashMap::new(), copies: bytes.len() }
    }

    pub fn push(&mut self, value: Value) {
        self.values.push(value);
        self.stack.push(self.values.len() - 1);
    }

    /// Takes `count` off what may still be copied.
    pub fn copying(&mut self, count: usize) -> Result<(), String> {
        self.copies = self.copies.checked_sub(count).ok_or("it holds more than its bytes can say")?;
        Ok(())
    }

    pub fn memoise(&mut self, key: u64) -> Result<(), String> {
        let id = self.top()?;
        self.memo.insert(key, id);
        Ok(())
    }

    /// Under the next free number, as protocol 4 counts.
    pub fn memoise_next(&mut self) -> Result<(), String> {
        self.memoise(self.memo.len() as u64)
    }

    pub fn recall(&mut self, key: u64) -> Result<(), String> {
        let id = *self.memo.get(&key).ok_or_else(|| format!("nothing was remembered as {key}"))?;
        self.stack.push(id);
        Ok(())
    }

    /// Values under an open mark are out of reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub fn take(&mut self, count: usize) -> Result<Vec<Id>, String> {
        match self.stack.len().checked_sub(count) {
            Some(height) if height >= self.floor() => Ok(self.stack.split_off(height)),
            _ => Err("the stack is empty".to_owned()),
        }
    }

    pub fn pop(&mut self) -> Result<Id, String> {
        Ok(self.take(1)?[0])
    }

    pub fn top(&self) -> Result<Id, String> {
        match self.stack.last() {
            Some(&id) if self.stack.len() > self.floor() => Ok(id),
            _ => Err("the stack is empty".to_owned()),
        }
    }

    pub fn since_mark(&mut self) -> Result<Vec<Id>, String> {
        let height = self.marks.pop().ok_or("a mark is missing")?;
        Ok(self.stack.split_off(height))
    }

    pub fn slice(&mut self, length: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len()).ok_or("the file ends here")?;
        let slice = &self.bytes[self.at..end];
        self.at = end;
        Ok(slice)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.slice(N)?);
        Ok(array)
    }

    pub fn byte(&mut self) -> Result<u8, String> {
        Ok(self.array::<1>()?[0])
    }

    /// A length of four bytes.
    pub fn length(&mut self) -> Result<usize, String> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    /// A length of eight bytes.
    pub fn long_length(&mut self) -> Result<usize, String> {
        usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| "the file ends here".to_owned())
    }

    /// Up to the end of the line, which is passed over.
    pub fn line(&mut self) -> Result<&'a [u8], String> {
        let length = self.bytes[self.at..].iter().position(|b| *b == b'\n').ok_or("the file ends here")?;
        let line = self.slice(length)?;
        self.at += 1;
        Ok(line)
    }
}
