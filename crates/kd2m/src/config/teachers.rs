//! One teacher, `[teacher]`, or several, `[[teacher]]` each, whose answers are averaged where a loss does not name one.

use std::{
    borrow::Cow,
    fmt,
    ops::{Deref, DerefMut},
};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{
        Error as _, MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};

use super::TeacherConfig;

/// How a loss names one of several teachers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "`teacher` of a loss is a teacher's name, or its place counted from 0")]
pub enum Which {
    /// Counted from 0.
    Place(usize),
    /// `teacher.N.name`, or its model.
    Name(String),
}

/// The first teacher, which stands for one alone, and those beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Teachers {
    first: TeacherConfig,
    /// Those beside it; each has weights and answers as it is.
    pub others: Vec<TeacherConfig>,
}

impl Teachers {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &TeacherConfig> {
        [&self.first].into_iter().chain(&self.others)
    }

    /// All of them.
    pub fn all_mut(&mut self) -> impl Iterator<Item = &mut TeacherConfig> {
        [&mut self.first].into_iter().chain(&mut self.others)
    }

    /// The same with these beside it.
    pub fn with(self, others: Vec<TeacherConfig>) -> Self {
        Self { others, ..self }
    }

    /// The place of the one that a loss names.
    ///
    /// # Errors
    /// None or two of them are called so: what there is, and what to do.
    pub fn place(&self, which: &Which) -> Result<usize, String> {
        let called: Vec<String> = self.all().map(TeacherConfig::called).collect();
        let name = match which {
            Which::Place(place) if *place < called.len() => return Ok(*place),
            Which::Place(place) => {
                return Err(format!("{place} is none of the {} teachers, counted from 0", called.len()));
            }
            Which::Name(name) => name,
        };
        let mut found = called.iter().enumerate().filter(|(_, own)| *own == name).map(|(place, _)| place);
        match (found.next(), found.next()) {
            (Some(place), None) => Ok(place),
            (None, _) => Err(format!("{name:?} is none of the teachers: they are called {}", called.join(", "))),
            (Some(first), Some(second)) => Err(format!(
                "{name:?} is what teacher.{first} and teacher.{second} are called: set teacher.{second}.name"
            )),
        }
    }

    /// The place of the one that a loss with this key learns from; none: the mean of all, or the only one.
    ///
    /// # Errors
    /// As [`place`](Self::place).
    pub fn of_loss(&self, which: Option<&Which>) -> Result<Option<usize>, String> {
        let place = which.map(|which| self.place(which)).transpose();
        let why = |why| format!("teacher = {why}");
        Ok(place.map_err(why)?.filter(|_| !self.others.is_empty()))
    }

    /// What they are called in results.
    pub fn name(&self) -> String {
        self.all().map(TeacherConfig::name).collect::<Vec<_>>().join(" + ")
    }
}

impl From<TeacherConfig> for Teachers {
    fn from(first: TeacherConfig) -> Self {
        Self { first, others: Vec::new() }
    }
}

impl Deref for Teachers {
    type Target = TeacherConfig;

    fn deref(&self) -> &TeacherConfig {
        &self.first
    }
}

impl DerefMut for Teachers {
    fn deref_mut(&mut self) -> &mut TeacherConfig {
        &mut self.first
    }
}

impl Serialize for Teachers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.others.is_empty() {
            true => self.first.serialize(serializer),
            false => serializer.collect_seq(self.all()),
        }
    }
}

impl<'de> Deserialize<'de> for Teachers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrSeveral;

        impl<'de> Visitor<'de> for OneOrSeveral {
            type Value = Teachers;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "a table [teacher], or several [[teacher]]")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Teachers, A::Error> {
                TeacherConfig::deserialize(MapAccessDeserializer::new(map)).map(Teachers::from)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Teachers, A::Error> {
                let mut all = Vec::<TeacherConfig>::deserialize(SeqAccessDeserializer::new(sequence))?.into_iter();
                let first = all.next().ok_or_else(|| A::Error::custom("[[teacher]] holds none: name one"))?;
                Ok(Teachers { first, others: all.collect() })
            }
        }

        deserializer.deserialize_any(OneOrSeveral)
    }
}

impl JsonSchema for Teachers {
    fn schema_name() -> Cow<'static, str> {
        "Teachers".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let one = generator.subschema_for::<TeacherConfig>();
        schemars::json_schema!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
    }

    fn inline_schema() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Source};

    fn resolved(teachers: &str) -> Result<Config, String> {
        let rest = "name = \"x\"\n[data]\ndataset = \"digits\"\n[student]\nmodel = \"mlp-3\"\n";
        Source::parse("x", &format!("{rest}{teachers}")).unwrap().resolve().map_err(|e| e.to_string())
    }

    #[test]
    fn one_or_several_are_read_and_written_back() {
        let one = resolved("[teacher]\nmodel = \"mlp-5\"\n").unwrap();
        assert_eq!((one.teacher.name().as_str(), one.teacher.others.len()), ("mlp-5", 0));
        let two = "[[teacher]]\nmodel = \"mlp-5\"\nweights = \"a.pth\"\n[[teacher]]\nmodel = \"mlp-3\"\nweights = \"b.pth\"\n";
        let two = resolved(two).unwrap();
        assert_eq!((two.teacher.name().as_str(), two.teacher.others.len()), ("mlp-5 + mlp-3", 1));
        for config in [one, two] {
            let again = Source::parse("again", &config.to_toml().unwrap()).unwrap().resolve().unwrap();
            assert_eq!(again, config);
        }
    }

    #[test]
    fn what_does_not_go_with_several_is_refused_by_its_key() {
        let two = |more: &str| {
            resolved(&format!(
                "[[teacher]]\nmodel = \"mlp-5\"\nweights = \"a.pth\"\n[[teacher]]\nmodel = \"mlp-3\"\n{more}"
            ))
            .unwrap_err()
        };
        assert!(two("").contains("teacher.1.weights is missing"), "{}", two(""));
        assert!(two("weights = \"b.pth\"\nepochs = 3\n").contains("teacher.1.epochs"));
        assert!(two("outputs = \"b.npz\"\n").contains("teacher.1.outputs"));
        assert!(two("weigths = \"b.pth\"\n").contains("weigths"));
        assert!(resolved("teacher = []\n").is_err());
    }

    #[test]
    fn a_loss_names_its_teacher_by_name_model_or_place() {
        let of = |teachers: &str, named: &str| {
            let arm = "[[arm]]\nname = \"a\"\n[[arm.loss]]\ncriterion = \"w2\"\n";
            let config = resolved(&format!("{teachers}{arm}{named}"))?;
            let again = Source::parse("again", &config.to_toml().unwrap()).unwrap().resolve().unwrap();
            assert_eq!(again, config);
            config.teacher.of_loss(config.arms[0].losses[0].teacher.as_ref())
        };
        let one = |model: &str, more: &str| format!("[[teacher]]\nmodel = \"{model}\"\nweights = \"w.pth\"\n{more}");
        let named = one("mlp-5", "") + &one("mlp-3", "name = \"b\"\n");
        for (words, place) in
            [("", None), ("teacher = \"mlp-5\"", Some(0)), ("teacher = \"b\"", Some(1)), ("teacher = 1", Some(1))]
        {
            assert_eq!(of(&named, words), Ok(place), "{words}");
        }
        let refused = |teachers: &str, words: &str, why: &str| {
            let found = of(teachers, words).unwrap_err();
            assert!(found.contains(why), "{found}");
        };
        refused(&named, "teacher = \"mlp-3\"", "they are called mlp-5, b");
        refused(&named, "teacher = 2", "2 is none of the 2 teachers");
        refused(&(one("mlp-3", "") + &one("mlp-3", "")), "teacher = \"mlp-3\"", "set teacher.1.name");
        // The only one may be named, and is what there is.
        assert_eq!(of("[teacher]\nmodel = \"mlp-5\"\n", "teacher = 0"), Ok(None));
        refused("[teacher]\nmodel = \"mlp-5\"\n", "teacher = \"b\"", "they are called mlp-5");
        let scaled = one("mlp-5", "features_as = \"whiten\"\n") + &one("mlp-3", "");
        refused(&scaled, "teacher = 0", "teacher.0.features_as");
    }
}
