//! One operation of a pickle, for all protocols: <https://github.com/python/cpython/blob/main/Lib/pickletools.py> lists them.

use super::{Id, Value, lines, machine::Machine};

impl Machine<'_> {
    /// One operation; the root once the pickle stops.
    pub fn step(&mut self) -> Result<Option<Id>, String> {
        match self.byte()? {
            0x80 => drop(self.byte()?), // PROTO
            b'.' => return self.pop().map(Some),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.since_mark()?), // POP_MARK
            b'2' => {
                let id = self.top()?;
                self.stack.push(id);
            }
            0x95 => drop(self.array::<8>()?), // FRAME: how many bytes to read at once
            0x98 => drop(self.top()?),        // READONLY_BUFFER
            op @ (b'N' | 0x88 | 0x89 | b'I' | b'J' | b'K' | b'M' | b'L' | 0x8a | 0x8b | b'F' | b'G') => {
                let number = self.number(op)?;
                self.push(number);
            }
            op @ (b'U' | b'T') => {
                let length = if op == b'U' { self.byte()?.into() } else { self.length()? };
                let bytes = self.slice(length)?;
                // Byte strings of Python 2: mostly texts, as the keys of old checkpoints are.
                self.push(match std::str::from_utf8(bytes) {
                    Ok(text) => Value::Text(text.to_owned()),
                    Err(_) => Value::Bytes(bytes.to_vec()),
                });
            }
            op @ (b'S' | b'V' | b'X' | 0x8c | 0x8d) => {
                let text = self.text(op)?;
                self.push(Value::Text(text));
            }
            op @ (b'B' | b'C' | 0x8e | 0x96) => {
                let length = match op {
                    b'B' => self.length()?,
                    b'C' => self.byte()?.into(),
                    _ => self.long_length()?,
                };
                let bytes = self.slice(length)?.to_vec();
                self.push(Value::Bytes(bytes));
            }
            op @ (b']' | b')' | b'}' | 0x8f | b't' | b'l' | 0x91 | b'd' | 0x85..=0x87) => self.container(op)?,
            op @ (b'a' | b'e' | 0x90) => {
                let items = if op == b'a' { self.take(1)? } else { self.since_mark()? };
                self.append(items)?;
            }
            op @ (b's' | b'u') => {
                let items = if op == b's' { self.take(2)? } else { self.since_mark()? };
                self.insert(&items)?;
            }
            op @ (b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j') => self.remember(op)?,
            b'Q' => {
                let argument = self.pop()?;
                self.push(Value::Persistent(argument));
            }
            b'P' => {
                let name = lines::lossy(self.line()?);
                self.push(Value::Text(name));
                let argument = self.pop()?;
                self.push(Value::Persistent(argument));
            }
            op @ (b'c' | 0x93 | b'R' | 0x81 | 0x92 | b'i' | b'o' | b'b') => self.object(op)?,
            op => return Err(format!("{op:#04x} is no operation of a pickle that is read here")),
        }
        Ok(None)
    }

    fn number(&mut self, op: u8) -> Result<Value, String> {
        Ok(match op {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'I' => match self.line()? {
                b"01" => Value::Bool(true),
                b"00" => Value::Bool(false),
                line => lines::integer(line)?,
            },
            b'J' => Value::Int(i32::from_le_bytes(self.array()?).into()),
            b'K' => Value::Int(self.byte()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
            b'L' => lines::integer(self.line()?)?,
            0x8a => {
                let length = self.byte()?.into();
                long(self.slice(length)?)
            }
            0x8b => {
                let length = self.length()?;
                long(self.slice(length)?)
            }
            b'F' => lines::float(self.line()?)?,
            _ => Value::Float(f64::from_be_bytes(self.array()?)),
        })
    }

    fn text(&mut self, op: u8) -> Result<String, String> {
        let length = match op {
            b'S' => return lines::quoted(self.line()?),
            b'V' => return Ok(lines::unescaped(self.line()?)),
            0x8c => self.byte()?.into(),
            0x8d => self.long_length()?,
            _ => self.length()?,
        };
        Ok(lines::lossy(self.slice(length)?))
    }

    fn container(&mut self, op: u8) -> Result<(), String> {
        let value = match op {
            b']' | b')' | 0x8f => Value::Sequence(Vec::new()),
            b'}' => Value::Dict(Vec::new()),
            b'd' => {
                let items = self.since_mark()?;
                self.push(Value::Dict(Vec::new()));
                return self.insert(&items);
            }
            0x85..=0x87 => Value::Sequence(self.take(usize::from(op - 0x84))?),
            _ => Value::Sequence(self.since_mark()?),
        };
        self.push(value);
        Ok(())
    }

    fn remember(&mut self, op: u8) -> Result<(), String> {
        match op {
            b'p' | b'g' => {
                let key = lines::key(self.line()?)?;
                if op == b'p' { self.memoise(key) } else { self.recall(key) }
            }
            b'q' => {
                let key = self.byte()?;
                self.memoise(key.into())
            }
            b'r' => {
                let key = u32::from_le_bytes(self.array()?);
                self.memoise(key.into())
            }
            b'h' => {
                let key = self.byte()?;
                self.recall(key.into())
            }
            b'j' => {
                let key = u32::from_le_bytes(self.array()?);
                self.recall(key.into())
            }
            _ => self.memoise_next(),
        }
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), String> {
        let list = self.top()?;
        match &mut self.values[list] {
            Value::Sequence(list) => list.extend(items),
            Value::Object { .. } => {}
            other => return Err(format!("cannot append to {}", other.kind())),
        }
        Ok(())
    }

    fn insert(&mut self, items: &[Id]) -> Result<(), String> {
        let dict = self.top()?;
        let (pairs, []) = items.as_chunks::<2>() else { return Err("a key without a value".to_owned()) };
        match &mut self.values[dict] {
            Value::Dict(entries) | Value::Object { items: entries, .. } => {
                entries.extend(pairs.iter().map(|[key, value]| (*key, *value)));
            }
            other => return Err(format!("cannot insert into {}", other.kind())),
        }
        Ok(())
    }
}

/// Little endian, two's complement: the last byte's sign fills up.
fn long(bytes: &[u8]) -> Value {
    let mut wide = [if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 }; 16];
    match wide.get_mut(..bytes.len()) {
        Some(part) => {
            part.copy_from_slice(bytes);
            Value::Int(i128::from_le_bytes(wide))
        }
        None => Value::object("whole number of more than 128 bits"),
    }
}
