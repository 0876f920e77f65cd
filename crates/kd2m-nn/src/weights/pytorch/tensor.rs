//! One tensor of a checkpoint: how the pickle describes it, and its values out of the storage that it views.

use kd2m_pickle::{Id, Pickle, Value};

use super::super::number::Number;

/// A tensor as the pickle describes it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Description {
    pub number: Number,
    /// Key of its storage.
    pub storage: String,
    /// In numbers, as the strides.
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

/// Bytes of numbers that are none of ours.
pub(super) fn width_of_others(storage: &str) -> Option<usize> {
    match storage {
        "ByteStorage" | "CharStorage" | "BoolStorage" | "UntypedStorage" | "QInt8Storage" | "QUInt8Storage" => Some(1),
        "ShortStorage" => Some(2),
        "IntStorage" | "QInt32Storage" => Some(4),
        "LongStorage" | "ComplexFloatStorage" => Some(8),
        "ComplexDoubleStorage" => Some(16),
        _ => None,
    }
}

/// A class or type of PyTorch without its modules: `FloatStorage` of `torch.cuda.FloatStorage`.
pub(super) fn short_name(class: &str) -> &str {
    class.rsplit('.').next().unwrap_or(class)
}

/// Storage, offset, shape, strides from the arguments of `_rebuild_tensor` and its successors (the third names the type as its seventh).
///
/// # Errors
/// Why its values cannot be read, as a phrase after the tensor's name.
pub(super) fn describe(pickle: &Pickle, arguments: &[Id]) -> Result<Description, String> {
    let [storage, offset, shape, strides, rest @ ..] = arguments else {
        return Err("is a tensor of too few parts".to_owned());
    };
    let storage = StorageOf::read(pickle, *storage)?;
    let kind = match (short_name(storage.class), rest.get(2).map(|id| &pickle.values[*id])) {
        ("UntypedStorage", Some(Value::Global(dtype))) => short_name(dtype),
        (class, _) => class,
    };
    let number =
        Number::of_torch(kind).ok_or_else(|| format!("holds numbers of the type {kind}, which are no weights"))?;
    let size = |id| size(pickle, id);
    let offset = size(*offset)?.checked_add(storage.offset).ok_or("begins beyond its storage")?;
    let (shape, strides) = (sizes(pickle, *shape)?, sizes(pickle, *strides)?);
    Ok(Description { number, storage: storage.key.to_owned(), offset, shape, strides })
}

/// `("storage", class, key, device, length)`, in old streams with a view of another storage at its end.
pub(super) struct StorageOf<'a> {
    pub class: &'a str,
    pub key: &'a str,
    /// Where the view begins, in numbers.
    offset: usize,
}

impl<'a> StorageOf<'a> {
    /// # Errors
    /// What is wrong, as a phrase after the tensor's name.
    pub fn read(pickle: &'a Pickle, id: Id) -> Result<Self, String> {
        let bad = || "is a tensor without a storage".to_owned();
        let Value::Persistent(argument) = pickle.values[id] else { return Err(bad()) };
        let parts = match &pickle.values[argument] {
            Value::Sequence(parts) => parts,
            // Protocol 0 has texts only, so Python wrote the tuple as it is printed.
            Value::Text(text) if text.starts_with("('storage'") => {
                return Err("was saved under pickle protocol 0, which cannot say where its numbers lie (torch.load cannot read it \
                            either): save it again without pickle_protocol"
                    .to_owned());
            }
            _ => return Err(bad()),
        };
        let [_, class, key, _, _, view @ ..] = parts.as_slice() else { return Err(bad()) };
        let (Value::Global(class), Value::Text(key)) = (&pickle.values[*class], &pickle.values[*key]) else {
            return Err(bad());
        };
        let offset = match view.first().map(|view| &pickle.values[*view]) {
            Some(Value::Sequence(view)) => match view[..] {
                [_, offset, _] => size(pickle, offset)?,
                _ => return Err(bad()),
            },
            _ => 0,
        };
        Ok(Self { class, key, offset })
    }
}

fn size(pickle: &Pickle, id: Id) -> Result<usize, String> {
    match &pickle.values[id] {
        Value::Int(n) => usize::try_from(*n).map_err(|_| format!("has the size {n}")),
        other => Err(format!("has {} for a size", other.kind())),
    }
}

fn sizes(pickle: &Pickle, id: Id) -> Result<Vec<usize>, String> {
    match &pickle.values[id] {
        Value::Sequence(items) => items.iter().map(|i| size(pickle, *i)).collect(),
        other => Err(format!("has {} for its sizes", other.kind())),
    }
}

impl Description {
    /// The values in row-major order, whatever the strides. An expanded tensor (stride 0) has more than its storage, but never more than
    /// `most`: its shape is all that the file says of them.
    ///
    /// # Errors
    /// What is wrong, as a phrase after the tensor's name.
    pub fn values(&self, storage: &[u8], most: usize) -> Result<Vec<f32>, String> {
        let width = self.number.width();
        let beyond =
            || format!("of shape {:?} reaches beyond its storage of {} numbers", self.shape, storage.len() / width);
        if self.strides.len() != self.shape.len() {
            return Err("has another number of strides than of sizes".to_owned());
        }
        if self.shape.contains(&0) {
            return Ok(Vec::new());
        }
        // Only the part that this tensor spans is converted: several may share one storage.
        let mut spans = self.shape.iter().zip(&self.strides).map(|(size, stride)| (size - 1).checked_mul(*stride));
        let span = spans.try_fold(1_usize, |sum, span| sum.checked_add(span?));
        let bytes = || {
            let (start, span) = (self.offset.checked_mul(width)?, span?.checked_mul(width)?);
            storage.get(start..start.checked_add(span)?)
        };
        let numbers = self.number.to_f32(bytes().ok_or_else(beyond)?);
        let count = self.shape.iter().try_fold(1_usize, |n, s| n.checked_mul(*s));
        let count = count.filter(|n| *n <= numbers.len().max(most)).ok_or_else(|| {
            format!(
                "of shape {:?} is expanded from {} numbers, which is more than any weight here",
                self.shape,
                numbers.len()
            )
        })?;
        let mut values = Vec::with_capacity(count);
        self.gather(0, 0, &numbers, &mut values);
        Ok(values)
    }

    /// Appends what lies along `axis` and the axes after it, from place `at` of the numbers.
    fn gather(&self, axis: usize, at: usize, numbers: &[f32], values: &mut Vec<f32>) {
        match (self.shape.get(axis), self.strides.get(axis)) {
            (Some(&size), Some(1)) if axis + 1 == self.shape.len() => values.extend_from_slice(&numbers[at..at + size]),
            (Some(&size), Some(&stride)) => {
                (0..size).for_each(|i| self.gather(axis + 1, at + i * stride, numbers, values));
            }
            _ => values.push(numbers[at]),
        }
    }
}
