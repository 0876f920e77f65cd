//! What was looked at, and what is to be thought of it.

use serde_json::{Value, json};

/// One thing that was looked at.
pub(super) struct Finding {
    pub(super) name: String,
    /// What there is, or what is wrong with it, in a sentence.
    pub(super) says: String,
    pub(super) state: State,
    /// The same as numbers and words.
    pub(super) facts: Value,
}

/// What is to be thought of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Fine,
    /// Not there; a run that needs it says so, others do not miss it.
    Absent,
    /// A run would end here.
    Wrong,
}

impl State {
    pub(super) fn word(self) -> &'static str {
        match self {
            State::Fine => "ok",
            State::Absent => "–",
            State::Wrong => "wrong",
        }
    }
}

impl Finding {
    pub(super) fn new(name: &str, state: State, says: String, facts: Value) -> Self {
        Self { name: name.to_owned(), says, state, facts }
    }

    /// As part of a JSON document.
    pub(super) fn json(&self) -> Value {
        let mut object = json!({ "name": self.name, "state": self.state.word(), "says": self.says });
        if let (Value::Object(all), Value::Object(facts)) = (&mut object, &self.facts) {
            all.extend(facts.clone());
        }
        object
    }
}
