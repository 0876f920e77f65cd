//! What a pickle can hold.

/// Index of a value; containers are filled after they are shared, so they hold indices.
pub type Id = usize;

/// What a pickle can hold.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Python's `None`.
    None,
    /// True or false.
    Bool(bool),
    /// Larger ones become objects; the number that opens a stream of `torch.save` has 77 bits.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// A text, or a byte string of Python 2 that is one.
    Text(String),
    /// A byte string.
    Bytes(Vec<u8>),
    /// A list, a tuple or a set.
    Sequence(Vec<Id>),
    /// Keys and values, in the order in which they were set.
    Dict(Vec<(Id, Id)>),
    /// `module.name`, as a thing that could be called.
    Global(String),
    /// The argument of a persistent id: what is kept outside the pickle.
    Persistent(Id),
    /// Of `torch._utils._rebuild_tensor` and its successors: the first of its arguments.
    Tensor(Vec<Id>),
    /// A NumPy array: the state that it is built from, see [`Pickle::array`](crate::Pickle::array).
    Array(Option<Id>),
    /// Of `numpy.dtype`: the first of its arguments.
    Dtype(Id),
    /// An object of a class that this reader does not know.
    Object {
        /// `module.name` of its class.
        class: String,
        /// Its attributes, as a dictionary.
        state: Option<Id>,
        /// What it holds as a dictionary of its own kind.
        items: Vec<(Id, Id)>,
    },
}

impl Value {
    pub(crate) fn object(class: impl Into<String>) -> Self {
        Self::Object { class: class.into(), state: None, items: Vec::new() }
    }

    /// What it is, in few words.
    pub fn kind(&self) -> String {
        match self {
            Self::None => "None".to_owned(),
            Self::Bool(_) => "a bool".to_owned(),
            Self::Int(_) => "a whole number".to_owned(),
            Self::Float(_) => "a number".to_owned(),
            Self::Text(_) => "a text".to_owned(),
            Self::Bytes(_) => "a byte string".to_owned(),
            Self::Sequence(_) => "a list".to_owned(),
            Self::Dict(_) => "a dictionary".to_owned(),
            Self::Global(name) => format!("the name {name}"),
            Self::Persistent(_) => "a storage".to_owned(),
            Self::Tensor(_) => "a tensor".to_owned(),
            Self::Array(_) => "a numpy.ndarray".to_owned(),
            Self::Dtype(_) => "a numpy.dtype".to_owned(),
            Self::Object { class, .. } => format!("a {class}"),
        }
    }
}
