//! What a call in a pickle would give, for the few callables that only hold data together. Nothing is called.

use super::{Id, Value, lines, machine::Machine};

/// How many arguments of a call anything here looks at.
const ARGUMENTS: usize = 8;

/// Functions of PyTorch that give the tensor which their arguments describe: storage, offset, shape, strides.
const TENSORS: [&str; 3] = ["_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"];

/// Callables that give their first argument, as far as weights go: the tensor of a parameter, the items of a set.
const FIRST: [&str; 12] = [
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor",
    "torch.nn.parameter.Parameter",
    "torch.nn.parameter.Buffer",
    "torch.autograd.variable.Variable",
    "torch.Size",
    "builtins.set",
    "builtins.frozenset",
    "__builtin__.set",
    "__builtin__.frozenset",
    "builtins.list",
];

/// Callables that make an object of the class that is their first argument.
const MAKERS: [&str; 5] = [
    "copy_reg._reconstructor",
    "copyreg._reconstructor",
    "copyreg.__newobj__",
    "numpy.core.multiarray._reconstruct",
    "numpy._core.multiarray._reconstruct",
];

/// Before the name of what was itself given by a call.
const CALL: &str = "call of ";

/// `module.name`, cut where no name is so long: a few bytes can name one again and again.
fn joined(module: &str, name: &str) -> String {
    const LONGEST: usize = 200;
    let short = |text: &str| text.chars().take(LONGEST).collect::<String>();
    format!("{}.{}", short(module), short(name))
}

impl Machine<'_> {
    /// Names, calls and attributes.
    pub fn object(&mut self, op: u8) -> Result<(), String> {
        match op {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Value::Global(joined(&lines::lossy(module), &lines::lossy(name))));
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (&self.values[module], &self.values[name]) {
                    (Value::Text(module), Value::Text(name)) => self.push(Value::Global(joined(module, name))),
                    _ => return Err("a name that is no text".to_owned()),
                }
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                self.since_mark()?;
                self.push(Value::object(joined(&lines::lossy(module), &lines::lossy(name))));
            }
            b'o' => {
                let parts = self.since_mark()?;
                let class = *parts.first().ok_or("an object without a class")?;
                let class = self.name(class);
                self.push(Value::object(class));
            }
            b'b' => self.build()?,
            _ => {
                if op == 0x92 {
                    self.pop()?; // NEWOBJ_EX has a dictionary of further arguments
                }
                let (arguments, callable) = (self.pop()?, self.pop()?);
                let value = self.call(callable, arguments)?;
                self.push(value);
            }
        }
        Ok(())
    }

    /// How a class or a function is called.
    fn name(&self, id: Id) -> String {
        match &self.values[id] {
            Value::Global(name) => name.clone(),
            // In a stream from before 1.6 a class of modules is kept outside: `("module", class, file, source)`.
            Value::Persistent(argument) => match &self.values[*argument] {
                Value::Sequence(parts) => match parts.get(1).map(|class| &self.values[*class]) {
                    Some(Value::Global(name)) => name.clone(),
                    _ => self.values[id].kind(),
                },
                _ => self.values[id].kind(),
            },
            Value::Object { class, .. } if class.starts_with(CALL) => class.clone(),
            Value::Object { class, .. } => format!("{CALL}{class}"),
            other => other.kind(),
        }
    }

    fn call(&mut self, callable: Id, arguments: Id) -> Result<Value, String> {
        let Value::Sequence(all) = &self.values[arguments] else {
            return Err("a call without a tuple of arguments".to_owned());
        };
        let arguments: Vec<Id> = all.iter().take(ARGUMENTS).copied().collect();
        let name = self.name(callable);
        let (first, second) = (arguments.first().copied(), arguments.get(1).copied());
        let tensor = name.strip_prefix("torch._utils.").is_some_and(|function| TENSORS.contains(&function));
        Ok(match (name.as_str(), first) {
            _ if tensor => Value::Tensor(arguments),
            ("collections.OrderedDict", None) | ("collections.defaultdict", _) | ("builtins.dict", None) => {
                Value::Dict(Vec::new())
            }
            ("collections.OrderedDict" | "builtins.dict", Some(list)) => Value::Dict(self.pairs(list)?),
            (name, Some(first)) if FIRST.contains(&name) => match &self.values[first] {
                value @ (Value::Tensor(_) | Value::Persistent(_)) => value.clone(),
                Value::Sequence(items) => {
                    let items = items.len();
                    self.copying(items)?;
                    self.values[first].clone()
                }
                _ => Value::object(name),
            },
            // A tensor with attributes: the function that rebuilds it, its class, the function's arguments, the attributes.
            ("torch._tensor._rebuild_from_type_v2" | "torch._tensor._rebuild_from_type", Some(function)) => {
                match arguments.get(2) {
                    Some(inner) if *inner != arguments[0] => self.inner(function, *inner)?,
                    _ => Value::object(name),
                }
            }
            (name, Some(class)) if MAKERS.contains(&name) => match self.name(class) {
                class if class == "numpy.ndarray" => Value::Array(None),
                class => Value::object(class),
            },
            ("numpy.core.numeric._frombuffer" | "numpy._core.numeric._frombuffer", _) => self.of_buffer(&arguments)?,
            ("numpy.dtype", Some(first)) => Value::Dtype(first),
            // A byte string of Python 3 under protocol 2: text and encoding.
            ("_codecs.encode", Some(text)) if second.is_some() => Value::Bytes(self.encoded(text)?),
            _ => Value::object(name),
        })
    }

    /// The bytes of a text in Latin-1, which is how Python writes them under protocol 2.
    fn encoded(&mut self, text: Id) -> Result<Vec<u8>, String> {
        let no_bytes = || "a byte string that is written as something other than Latin-1".to_owned();
        let Value::Text(text) = &self.values[text] else { return Err(no_bytes()) };
        let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(c).map_err(|_| no_bytes())).collect::<Result<_, _>>()?;
        // One text can be named again and again.
        self.copying(bytes.len())?;
        Ok(bytes)
    }

    /// An array of protocol 5, from bytes, dtype, shape and order, as the state that earlier protocols build one from.
    fn of_buffer(&mut self, arguments: &[Id]) -> Result<Value, String> {
        let &[bytes, dtype, shape, order] = arguments else { return Err("an array without its shape".to_owned()) };
        let fortran = Value::Bool(self.values[order] == Value::Text("F".to_owned()));
        self.values.extend([Value::Int(1), fortran]);
        let [version, fortran] = [2, 1].map(|back| self.values.len() - back);
        self.values.push(Value::Sequence(vec![version, shape, dtype, fortran, bytes]));
        Ok(Value::Array(Some(self.values.len() - 1)))
    }

    /// The tensor that a function would rebuild from a tuple of arguments.
    fn inner(&self, function: Id, arguments: Id) -> Result<Value, String> {
        let name = self.name(function);
        let tensor = name.strip_prefix("torch._utils.").is_some_and(|function| TENSORS.contains(&function));
        match &self.values[arguments] {
            Value::Sequence(all) if tensor => Ok(Value::Tensor(all.iter().take(ARGUMENTS).copied().collect())),
            _ => Ok(Value::object(name)),
        }
    }

    /// The items of a dictionary that is made from a list of pairs.
    fn pairs(&mut self, list: Id) -> Result<Vec<(Id, Id)>, String> {
        let not_pairs = || "a dictionary of something other than pairs".to_owned();
        let Value::Sequence(items) = &self.values[list] else { return Err(not_pairs()) };
        self.copying(items.len())?;
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

    /// Attributes: kept with objects; those of a state dict (`_metadata`) or a tensor are dropped.
    fn build(&mut self) -> Result<(), String> {
        let given = self.pop()?;
        let target = self.top()?;
        // With slots it is a pair, of which the first is the dictionary.
        let attributes = match &self.values[given] {
            Value::Sequence(parts) => parts.first().copied(),
            _ => Some(given),
        };
        let big_endian = match &self.values[given] {
            Value::Sequence(parts) => {
                parts.get(1).is_some_and(|order| self.values[*order] == Value::Text(">".to_owned()))
            }
            _ => false,
        };
        match &mut self.values[target] {
            dtype @ Value::Dtype(_) if big_endian => *dtype = Value::object("numpy.dtype of big-endian numbers"),
            Value::Object { state, .. } => *state = attributes,
            Value::Array(state) => *state = Some(given),
            _ => {}
        }
        Ok(())
    }
}
