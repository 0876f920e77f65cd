//! The attributes of an operator as a set that is emptied: what an importer does not take out is refused, so that a setting which
//! nobody thought of can never be dropped in silence.

use super::proto::{
    ATTRIBUTE_FLOAT, ATTRIBUTE_FLOATS, ATTRIBUTE_INT, ATTRIBUTE_INTS, ATTRIBUTE_STRING, ATTRIBUTE_TENSOR, Attribute,
    BFLOAT16, DOUBLE, FLOAT, FLOAT16, NodeProto, Tensor,
};

/// The attributes that are left.
#[derive(Clone)]
pub(crate) struct Attributes<'a> {
    left: Vec<&'a Attribute>,
}

impl<'a> Attributes<'a> {
    /// All of an operator.
    ///
    /// # Errors
    /// One that stands twice, or that refers to an attribute of a function.
    pub fn of(node: &'a NodeProto) -> Result<Self, String> {
        let left: Vec<&Attribute> = node.attribute.iter().collect();
        for (index, attribute) in left.iter().enumerate() {
            if left[..index].iter().any(|other| other.name == attribute.name) {
                return Err(format!("attribute {} is given twice", attribute.name));
            }
            if !attribute.ref_attr_name.is_empty() {
                return Err(format!("attribute {} refers to {}", attribute.name, attribute.ref_attr_name));
            }
        }
        Ok(Self { left })
    }

    /// Old writers leave the type out.
    fn take(&mut self, name: &str, kind: i32, expected: &str) -> Result<Option<&'a Attribute>, String> {
        let Some(at) = self.left.iter().position(|a| a.name == name) else { return Ok(None) };
        let attribute = self.left.swap_remove(at);
        match attribute.r#type {
            0 => Ok(Some(attribute)),
            found if found == kind => Ok(Some(attribute)),
            _ => Err(format!("{} should be {expected}", shown(attribute))),
        }
    }

    /// A whole number; zero is left out of files by some writers.
    pub fn int(&mut self, name: &str) -> Result<Option<i64>, String> {
        Ok(self.take(name, ATTRIBUTE_INT, "a whole number")?.map(|a| a.i.unwrap_or(0)))
    }

    /// Zero or one.
    pub fn flag(&mut self, name: &str, default: bool) -> Result<bool, String> {
        match self.int(name)? {
            None => Ok(default),
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(other) => Err(format!("{name} = {other} is neither 0 nor 1")),
        }
    }

    pub fn float(&mut self, name: &str) -> Result<Option<f32>, String> {
        Ok(self.take(name, ATTRIBUTE_FLOAT, "a number")?.map(|a| a.f.unwrap_or(0.0)))
    }

    pub fn ints(&mut self, name: &str) -> Result<Option<&'a [i64]>, String> {
        Ok(self.take(name, ATTRIBUTE_INTS, "a list of whole numbers")?.map(|a| &a.ints[..]))
    }

    pub fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        let text = |a: &Attribute| String::from_utf8_lossy(a.s.as_deref().unwrap_or_default()).into_owned();
        Ok(self.take(name, ATTRIBUTE_STRING, "text")?.map(text))
    }

    /// A tensor.
    pub fn tensor(&mut self, name: &str) -> Result<Option<&'a Tensor>, String> {
        Ok(self.take(name, ATTRIBUTE_TENSOR, "a tensor")?.and_then(|a| a.t.as_ref()))
    }

    /// An error unless an attribute, or its default, has the one value that a layer stands for.
    pub fn only(&mut self, name: &str, default: i64, value: i64) -> Result<(), String> {
        match self.int(name)?.unwrap_or(default) {
            found if found == value => Ok(()),
            found => Err(format!("{name} = {found} is not a layer, only {value} is")),
        }
    }

    /// The same for a factor that has to be 1.
    pub fn only_one(&mut self, name: &str) -> Result<(), String> {
        match self.float(name)? {
            Some(found) if found != 1.0 => Err(format!("{name} = {found} is not a layer, only 1 is")),
            _ => Ok(()),
        }
    }

    /// An error if anything was not asked for.
    pub fn finish(self) -> Result<(), String> {
        match self.left.first() {
            None => Ok(()),
            Some(attribute) => Err(format!("attribute {} is not read", shown(attribute))),
        }
    }
}

/// `name = value`.
fn shown(attribute: &Attribute) -> String {
    let name = &attribute.name;
    match attribute.r#type {
        ATTRIBUTE_INT => format!("{name} = {}", attribute.i.unwrap_or(0)),
        ATTRIBUTE_FLOAT => format!("{name} = {}", attribute.f.unwrap_or(0.0)),
        ATTRIBUTE_INTS => format!("{name} = {:?}", attribute.ints),
        ATTRIBUTE_FLOATS => format!("{name} = {:?}", attribute.floats),
        ATTRIBUTE_STRING => {
            format!("{name} = {}", String::from_utf8_lossy(attribute.s.as_deref().unwrap_or_default()))
        }
        _ => name.clone(),
    }
}

/// A cast among floating-point types: the graph computes in f32 whatever the file says.
pub(crate) fn float_type(attributes: &mut Attributes) -> Result<(), String> {
    // How values beyond an 8-bit type are cast; there is none here.
    attributes.flag("saturate", true)?;
    match attributes.int("to")? {
        Some(to) if [FLOAT, DOUBLE, FLOAT16, BFLOAT16].iter().any(|known| i64::from(*known) == to) => Ok(()),
        Some(to) => Err(format!("to = {to} is not a floating-point type")),
        None => Err("needs to".to_owned()),
    }
}
