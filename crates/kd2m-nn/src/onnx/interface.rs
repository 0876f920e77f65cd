//! What a model says of its images, its logits and its features, for a runtime that runs what no graph is.

use std::path::Path;

use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};

use super::{
    error::OnnxError,
    external,
    import::{constants, image_shape, sole_input},
    names::{FEATURES, LOGITS},
    normalisation::Normalisation,
    parse,
    proto::{GraphProto, NodeProto},
};

/// What goes into a model and what comes out.
#[derive(Debug, Clone, PartialEq)]
pub struct Interface {
    /// The name of its images.
    pub input: String,
    /// How many it takes at once, where that is fixed.
    pub batch: Option<usize>,
    /// Channels, height and width of one.
    pub shape: [usize; 3],
    /// Mean and deviation of each channel by which it normalises pixels in 0…1 itself; 0 and 1 where it does not.
    pub normalisation: [Vec<f32>; 2],
    /// The name of its logits.
    pub logits: String,
    /// The name of its features.
    pub features: String,
    /// Whether the features are an output of the model.
    pub gives_features: bool,
}

/// Values that an error lists.
const SHOWN: usize = 12;

impl Interface {
    /// Of a file; `features` names the value that is its features, which is otherwise the output of that name, or what the linear layer
    /// reads that gives the logits.
    ///
    /// # Errors
    /// A file that cannot be read or is no model of images; features that are not told.
    pub fn open(path: &Path, features: Option<&str>) -> Result<Self, OnnxError> {
        let bytes = std::fs::read(path).map_err(|source| OnnxError::Read { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let of = || {
            let mut model = parse(&bytes[..])?;
            external::read(&mut model, folder)?;
            let graph = model.graph.ok_or_else(|| OnnxError::Malformed("it has no graph".to_owned()))?;
            Self::of(&graph, features)
        };
        of().map_err(|source| OnnxError::File { path: path.to_owned(), source: Box::new(source) })
    }

    fn of(graph: &GraphProto, features: Option<&str>) -> Result<Self, OnnxError> {
        let constants = constants(graph)?;
        let input = sole_input(graph, &constants)?;
        let (batch, shape) = image_shape(input)?;
        let begin = Normalisation::find(graph, &input.name, &constants, shape)?;
        let outputs: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
        let named = |name: &str| outputs.iter().find(|output| **output == name).copied();
        let logits = named(LOGITS).or(outputs.first().copied());
        let logits = logits.ok_or_else(|| OnnxError::Unsuitable("it has no output".to_owned()))?;
        let is_constant = |name: &str| constants.contains_key(name);
        let given = |name: &str| graph.node.iter().any(|node| node.output.iter().any(|output| output == name));
        let features = match features {
            Some(name) if given(name) => name.to_owned(),
            Some(name) => {
                return Err(OnnxError::Unsuitable(format!(
                    "`{name}` is no value that an operator gives: features can be {}",
                    last(graph)
                )));
            }
            None => named(FEATURES)
                .map(str::to_owned)
                .or_else(|| before_linear(graph, logits, &is_constant))
                .ok_or_else(|| OnnxError::NoClassifier { logits: logits.to_owned(), candidates: last(graph) })?,
        };
        Ok(Self {
            input: input.name.clone(),
            batch: batch.and_then(|n| usize::try_from(n).ok()),
            shape,
            normalisation: [begin.mean, begin.std],
            logits: logits.to_owned(),
            gives_features: outputs.contains(&features.as_str()),
            features,
        })
    }
}

/// What the linear layer reads whose output this is, through an added bias, a Softmax and the like.
fn before_linear(graph: &GraphProto, output: &str, is_constant: &dyn Fn(&str) -> bool) -> Option<String> {
    let mut name = output;
    loop {
        let node = graph.node.iter().find(|node| node.output.first().is_some_and(|given| given == name))?;
        name = match node.op_type.as_str() {
            "Gemm" | "MatMul" if node.input.get(1).is_some_and(|weight| is_constant(weight)) => {
                return node.input.first().cloned();
            }
            "Softmax" | "LogSoftmax" | "Identity" | "Cast" => node.input.first()?,
            "Add" => computed(node, is_constant)?,
            _ => return None,
        };
    }
}

/// The only input that is no constant.
fn computed<'a>(node: &'a NodeProto, is_constant: &dyn Fn(&str) -> bool) -> Option<&'a String> {
    let mut computed = node.input.iter().filter(|name| !is_constant(name));
    computed.next().filter(|_| computed.next().is_none())
}

/// The values that the last operators give.
fn last(graph: &GraphProto) -> String {
    let names = graph.node.iter().rev().filter_map(|node| node.output.first()).skip(1).take(SHOWN);
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// The field of a model that is its graph.
const GRAPH: u32 = 7;
/// The field of a graph that is an output.
const OUTPUT: u32 = 12;
/// The field of an output that is its name.
const NAME: u32 = 1;

/// The same model with one more of its values as an output; all else stays as it is, what this crate does not know included.
///
/// # Errors
/// Bytes that are no ONNX model.
pub fn with_output(bytes: &[u8], value: &str) -> Result<Vec<u8>, OnnxError> {
    let malformed = |why: String| OnnxError::Malformed(why);
    let mut output = Vec::new();
    encode_key(NAME, WireType::LengthDelimited, &mut output);
    encode_varint(value.len() as u64, &mut output);
    output.extend_from_slice(value.as_bytes());
    let mut appended = Vec::new();
    encode_key(OUTPUT, WireType::LengthDelimited, &mut appended);
    encode_varint(output.len() as u64, &mut appended);
    appended.extend_from_slice(&output);

    let (mut rest, mut out) = (bytes, Vec::with_capacity(bytes.len() + appended.len() + 8));
    while !rest.is_empty() {
        let start = rest;
        let (tag, kind) = decode_key(&mut rest).map_err(|e| malformed(e.to_string()))?;
        let head = start.len() - rest.len();
        let length = match kind {
            WireType::Varint => {
                let mut after = rest;
                decode_varint(&mut after).map_err(|e| malformed(e.to_string()))?;
                rest.len() - after.len()
            }
            WireType::SixtyFourBit => 8,
            WireType::ThirtyTwoBit => 4,
            WireType::LengthDelimited => {
                let length = decode_varint(&mut rest).map_err(|e| malformed(e.to_string()))?;
                usize::try_from(length).unwrap_or(usize::MAX)
            }
            WireType::StartGroup | WireType::EndGroup => return Err(malformed("it holds a group".to_owned())),
        };
        let Some((content, behind)) = rest.split_at_checked(length) else {
            return Err(malformed("a field is longer than the file".to_owned()));
        };
        if tag == GRAPH && kind == WireType::LengthDelimited {
            out.extend_from_slice(&start[..head]);
            encode_varint((content.len() + appended.len()) as u64, &mut out);
            out.extend_from_slice(content);
            out.extend_from_slice(&appended);
        } else {
            out.extend_from_slice(&start[..start.len() - behind.len()]);
        }
        rest = behind;
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        init, onnx,
        zoo::{self, ZooOptions},
    };

    #[test]
    fn an_interface_is_what_the_graph_says_too() {
        let options = ZooOptions { mean: vec![0.5; 3], std: vec![0.25; 3], ..ZooOptions::new(7, 3, 32, 32) };
        let graph = zoo::build("resnet8", &options).unwrap();
        let bytes = onnx::encode(&graph, &init::initialise(&graph, 1)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.onnx");
        std::fs::write(&path, &bytes).unwrap();
        let found = Interface::open(&path, None).unwrap();
        assert_eq!((found.shape, found.batch), ([3, 32, 32], None));
        assert_eq!(found.normalisation, [vec![0.5; 3], vec![0.25; 3]]);
        assert_eq!(
            (found.input.as_str(), found.logits.as_str(), found.features.as_str()),
            ("images", LOGITS, FEATURES)
        );
        // Without an output of that name, what the classifier reads.
        let mut model = parse(&bytes[..]).unwrap();
        let graph = model.graph.as_mut().unwrap();
        graph.output.retain(|output| output.name == LOGITS);
        assert_eq!(Interface::of(graph, None).unwrap().features, FEATURES);
        let unknown = Interface::of(graph, Some("nosuch")).unwrap_err().to_string();
        assert!(unknown.contains("`nosuch` is no value that an operator gives: features can be "), "{unknown}");
    }

    #[test]
    fn an_output_is_added_and_nothing_else_changes() {
        let graph = zoo::build("mlp-3", &ZooOptions::new(10, 1, 8, 8)).unwrap();
        let bytes = onnx::encode(&graph, &init::initialise(&graph, 1)).unwrap();
        let (before, more) = (parse(&bytes[..]).unwrap(), with_output(&bytes, "middle").unwrap());
        let mut after = parse(&more[..]).unwrap();
        let outputs = &mut after.graph.as_mut().unwrap().output;
        assert_eq!(outputs.pop().unwrap().name, "middle");
        assert_eq!(after, before);
        // What is not known here stays.
        let unknown = [&bytes[..], &[0xfa, 0x07, 2, 9, 9]].concat();
        assert!(with_output(&unknown, "x").unwrap().ends_with(&[0xfa, 0x07, 2, 9, 9]));
        assert!(with_output(&bytes[..bytes.len() / 2], "x").is_err());
    }
}
