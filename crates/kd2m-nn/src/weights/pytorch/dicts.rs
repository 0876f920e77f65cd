//! Every state dict in a checkpoint: dictionaries that hold tensors, at any depth, and modules that were pickled whole, whose parameters and
//! buffers are collected as their `state_dict()` would.

use std::collections::HashSet;

use kd2m_pickle::{Id, Pickle, Value};

use super::tensor::{self, Description};

/// Named tensors at one place of a checkpoint.
#[derive(Debug, Clone)]
pub(super) struct StateDict {
    /// Keys that lead to it, joined by dots; empty for the root.
    pub key: String,
    pub entries: Vec<(String, Entry)>,
}

/// What a state dict has under a name.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Tensor(Description),
    /// A tensor that cannot be read, and why, as a phrase after its name.
    Unread(String),
    /// An object of this class.
    Object(String),
}

impl From<Result<Description, String>> for Entry {
    fn from(tensor: Result<Description, String>) -> Self {
        match tensor {
            Ok(tensor) => Self::Tensor(tensor),
            Err(why) => Self::Unread(why),
        }
    }
}

/// Most modules and tensors that are collected, and the longest path to one: a few bytes can name one module again and again.
const MOST: usize = 1 << 17;
const LONGEST: usize = 1000;

/// All of them, the root first, then as they stand in the file. `lookup` describes tensors that the pickle only names.
///
/// # Errors
/// None: what the file holds instead.
pub(super) fn state_dicts(pickle: &Pickle, lookup: &dyn Fn(Id) -> Option<Entry>) -> Result<Vec<StateDict>, String> {
    let walk = Walk { pickle, lookup };
    let mut found = Vec::new();
    // A pickle may hold one dictionary at several places, and even within itself.
    let mut seen = HashSet::new();
    let mut ahead = vec![(String::new(), pickle.root)];
    while let Some((key, id)) = ahead.pop() {
        if !seen.insert(id) || key.len() > LONGEST {
            continue;
        }
        let entries = match walk.module(id) {
            Some(_) => walk.collect(id)?,
            None => {
                let below = walk.entries(id);
                let deeper = below.iter().rev().filter(|(_, v)| walk.may_hold(*v));
                ahead.extend(deeper.map(|(name, v)| (joined(&key, name), *v)));
                let all = below.iter().filter_map(|(name, v)| Some((name.clone(), walk.tensor(*v)?)));
                all.collect()
            }
        };
        if entries.iter().any(|(_, entry)| !matches!(entry, Entry::Object(_))) {
            found.push(StateDict { key, entries });
        }
    }
    if found.is_empty() { Err(walk.nothing()) } else { Ok(found) }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

struct Walk<'a> {
    pickle: &'a Pickle,
    lookup: &'a dyn Fn(Id) -> Option<Entry>,
}

impl Walk<'_> {
    /// What a dictionary holds under names, or a list in its order.
    fn entries(&self, id: Id) -> Vec<(String, Id)> {
        match &self.pickle.values[id] {
            Value::Dict(pairs) | Value::Object { items: pairs, .. } => {
                pairs.iter().filter_map(|(k, v)| Some((self.text(*k)?.to_owned(), *v))).collect()
            }
            // Of tensors without names nothing can be told apart.
            Value::Sequence(items) => {
                let named = items.iter().enumerate().filter(|(_, v)| self.may_hold(**v));
                named.map(|(i, v)| (i.to_string(), *v)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn text(&self, id: Id) -> Option<&str> {
        match &self.pickle.values[id] {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn may_hold(&self, id: Id) -> bool {
        match &self.pickle.values[id] {
            Value::Dict(_) | Value::Sequence(_) => true,
            Value::Object { items, .. } => !items.is_empty() || self.module(id).is_some(),
            _ => false,
        }
    }

    /// A tensor, or the object that stands in its place; nothing for plain numbers, texts and containers.
    fn tensor(&self, id: Id) -> Option<Entry> {
        match &self.pickle.values[id] {
            Value::Tensor(arguments) => Some(tensor::describe(self.pickle, arguments).into()),
            Value::Object { class, items, .. } if items.is_empty() && self.module(id).is_none() => {
                Some(Entry::Object(class.clone()))
            }
            Value::Persistent(_) => (self.lookup)(id),
            Value::Array(_) => Some(Entry::Object("numpy.ndarray".to_owned())),
            Value::Dtype(_) => Some(Entry::Object("numpy.dtype".to_owned())),
            _ => None,
        }
    }

    /// Parameters, buffers and children of a `torch.nn.Module`, the names of buffers that are not saved.
    fn module(&self, id: Id) -> Option<Module> {
        let Value::Object { state: Some(state), .. } = &self.pickle.values[id] else { return None };
        let attributes = self.entries(*state);
        let named = |name: &str| attributes.iter().find(|(n, _)| n == name).map(|(_, id)| *id);
        Some(Module {
            parameters: named("_parameters")?,
            buffers: named("_buffers")?,
            children: named("_modules")?,
            unsaved: named("_non_persistent_buffers_set"),
        })
    }

    /// What `state_dict()` of a module would hold.
    fn collect(&self, root: Id) -> Result<Vec<(String, Entry)>, String> {
        let mut all = Vec::new();
        let mut ahead = vec![(String::new(), root)];
        let mut visited = 0;
        while let Some((path, id)) = ahead.pop() {
            let Some(module) = self.module(id) else { continue };
            visited += 1;
            if visited + all.len() > MOST || path.len() > LONGEST {
                return Err("its modules hold themselves over and over".to_owned());
            }
            let unsaved: Vec<&str> = match module.unsaved.map(|id| &self.pickle.values[id]) {
                Some(Value::Sequence(names)) => names.iter().filter_map(|id| self.text(*id)).collect(),
                _ => Vec::new(),
            };
            let buffers =
                self.entries(module.buffers).into_iter().filter(|(name, _)| !unsaved.contains(&name.as_str()));
            let own = self.entries(module.parameters).into_iter().chain(buffers);
            all.extend(own.filter_map(|(name, id)| Some((joined(&path, &name), self.tensor(id)?))));
            ahead.extend(self.entries(module.children).into_iter().rev().map(|(name, id)| (joined(&path, &name), id)));
        }
        Ok(all)
    }

    fn nothing(&self) -> String {
        let root = &self.pickle.values[self.pickle.root];
        match root {
            Value::Dict(_) | Value::Object { .. } => {
                let shown: Vec<String> = match root {
                    Value::Dict(pairs) => {
                        let word =
                            |(k, v): &(Id, Id)| Some(format!("{} ({})", self.text(*k)?, self.pickle.values[*v].kind()));
                        pairs.iter().filter_map(word).take(6).collect()
                    }
                    _ => Vec::new(),
                };
                match (root, shown.as_slice()) {
                    (Value::Object { class, .. }, _) => {
                        format!("it holds a {class}, which is no state dict and no module")
                    }
                    (_, []) => "it is a dictionary without names, no state dict".to_owned(),
                    (_, shown) => format!("there is no state dict in it; its keys are {}", shown.join(", ")),
                }
            }
            Value::Sequence(items) => {
                let first = items.first().map_or("nothing".to_owned(), |id| self.pickle.values[*id].kind());
                format!(
                    "it is a list of {} ({first} first), not a state dict, which has the tensors by their names",
                    items.len()
                )
            }
            other => format!("it holds {}, no state dict", other.kind()),
        }
    }
}

struct Module {
    parameters: Id,
    buffers: Id,
    children: Id,
    unsaved: Option<Id>,
}
