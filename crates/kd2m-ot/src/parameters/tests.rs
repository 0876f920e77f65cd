//! Every declaration says the same in text and in Rust.

use std::fmt::Debug;

use super::Parameters;
use crate::{
    Cloud, Options, OtError, Side,
    combine::{class_conditional, joint},
    divergence::*,
    options::OptionSpec,
};

/// Texts that lie out of some range or other; the last is out of all.
const ODD: [&str; 9] = ["-1", "0", "1.5", "17", "1e300", "inf", "nan", "", "no such word"];

/// What holds of the divergence that an entry declares.
pub(crate) fn holds<D: Parameters + Default + PartialEq + Debug>(entry: &entry::Entry) {
    assert!((entry.build)(&Options::new(entry.name)).is_ok());
    declared::<D>(entry.name, entry.options);
}

/// Defaults stand once, and an error names the option and the range that it has.
fn declared<P: Parameters + Default + PartialEq + Debug>(metric: &str, options: &[OptionSpec]) {
    let default = P::default();
    let read = |name: &str, text: &str| P::read(&Options::new(metric).set(name, text));
    assert_eq!(P::read(&Options::new(metric)).unwrap(), default);
    default.check(metric).unwrap();
    for option in options {
        assert_eq!(read(option.name, option.default).unwrap(), default, "{metric} {}", option.name);
        assert!(!option.help.starts_with(' ') && !option.help.is_empty());
        let refused: Vec<(&str, OtError)> =
            ODD.iter().filter_map(|text| Some((*text, read(option.name, text).err()?))).collect();
        assert_eq!(refused.last().unwrap().0, "no such word", "{metric} {}", option.name);
        for (text, error) in refused {
            let OtError::BadOption { metric: of, name, value, expected } = error else { panic!("{error:?}") };
            assert_eq!((of.as_str(), name.as_str(), value.as_str()), (metric, option.name, text));
            assert!(!expected.is_empty());
        }
    }
}

#[test]
fn every_divergence_is_declared_once() {
    assert_eq!(DECLARED.len(), ENTRIES.len());
    DECLARED.iter().zip(ENTRIES).for_each(|(holds, entry)| holds(entry));
    declared::<class_conditional::Parameters>("class-w2", class_conditional::Parameters::OPTIONS);
    declared::<joint::Parameters>("joint-w2", joint::Parameters::OPTIONS);
}

/// Asserts that values set in Rust are refused by `checked` and by `evaluate` in the words of their text.
macro_rules! refused_alike {
    ($($divergence:ident { $($parameter:ident = $($value:expr),+;)+ })*) => { $($($(
        let text = $divergence::OPTIONS.iter().find(|o| o.name == stringify!($parameter)).unwrap();
        let options = Options::new(<$divergence as super::Named>::NAME).set(text.name, $value);
        let expected = $divergence::from_options(&options).unwrap_err();
        assert!(matches!(&expected, OtError::BadOption { name, .. } if name == text.name));
        let wrong = $divergence::default().$parameter($value);
        let (a, b) = (cloud(Side::A), cloud(Side::B));
        assert_eq!(wrong.evaluate(&a, &b, Request::VALUE).unwrap_err(), expected);
        assert_eq!(wrong.checked().unwrap_err(), expected);
    )+)+)* };
}

fn cloud(side: Side) -> Cloud<'static, f64> {
    Cloud::new(side, &[0.0, 1.0, 2.0, 5.0], 4, 1).unwrap().with_labels(&[0, 0, 1, 1]).unwrap()
}

#[test]
fn values_set_in_rust_are_refused_in_the_words_of_their_text() {
    refused_alike! {
        W1 { memory = -1.0, f64::INFINITY; }
        W2 { memory = -1.0; }
        Bounds { block = 0; }
        Jw2 { beta = -1.0, f64::INFINITY; }
        MmdRbf { bandwidth = 0.0, -1.0, f64::INFINITY; }
        MmdPoly { degree = 0, 17; }
        Sinkhorn { epsilon = 0.0, -2.5, f64::INFINITY; tolerance = 0.0, 2.0; iterations = 0; memory = 0; }
        Unbalanced { epsilon = -1.0; rho = 0.0, f64::INFINITY; tolerance = 2.0; iterations = 0; memory = 0; }
        GaussianKl { shrinkage = 1.5, -0.5; }
        GaussianKlDiag { shrinkage = 1.5; floor = 0.0, 1.0; }
        Jeffreys { shrinkage = 1.5; }
        Bhattacharyya { shrinkage = 1.5; }
        Hellinger { shrinkage = 1.5; }
        Sliced { directions = 0, 1_000_001; }
        MaxSliced { directions = 0; }
        CharacteristicFunction { frequencies = 0; bandwidth = 0.0; }
        Kid { subsets = 0; size = 1; }
        Gw { tolerance = 0.0; iterations = 0; }
        Fgw { alpha = 1.5, -0.5; tolerance = 2.0; iterations = 0; }
    }
}

#[test]
fn a_number_that_is_none_is_refused_too() {
    for error in [
        Sinkhorn::default().epsilon(f64::NAN).checked().unwrap_err(),
        MmdRbf::default().bandwidth(f64::NAN).checked().unwrap_err(),
        GaussianKl::default().shrinkage(f64::NAN).checked().unwrap_err(),
        Fgw::default().alpha(f64::NAN).checked().unwrap_err(),
        W2::default().memory(f64::NAN).checked().unwrap_err(),
    ] {
        assert!(matches!(&error, OtError::BadOption { value, .. } if value == "NaN"), "{error}");
    }
    let joint = joint::Parameters::default().beta(1e-300);
    let text = registry::build(&Options::new("joint-energy").set("beta", "1e-300")).err().unwrap();
    assert_eq!(crate::combine::Joint::new("joint-energy", Energy, joint).err().unwrap(), text);
}

#[test]
fn text_and_setters_build_the_same() {
    let text = Options::new("sinkhorn").set("epsilon", 0.1).set("iterations", 7).set("tolerance", "auto");
    assert_eq!(Sinkhorn::from_options(&text).unwrap(), Sinkhorn::default().epsilon(0.1).iterations(7));
    assert_eq!(Sinkhorn::default().epsilon(0.1).epsilon(None), Sinkhorn::default());
    let text = Options::new("mmd-rbf").set("bandwidth", "mean").set("estimator", "u");
    let typed = MmdRbf::default().bandwidth(mmd_rbf::Bandwidth::Mean).estimator(mmd_rbf::Estimator::U);
    assert_eq!(MmdRbf::from_options(&text).unwrap(), typed);
    let text = Options::new("gw").set("inner", "cosine").set("starts", "product");
    let typed = Gw::default().inner(gw::Inner::Cosine).starts(gw::Starts::Product);
    assert_eq!(Gw::from_options(&text).unwrap(), typed);
    let unknown = Sinkhorn::from_options(&Options::new("sinkhorn").set("epsilom", 1)).unwrap_err();
    assert!(unknown.to_string().contains("did you mean epsilon?"), "{unknown}");
    // Both precisions, without a word about either.
    let single: Vec<f32> = vec![0.0, 1.0, 2.0, 6.0];
    let wide = W2::default().evaluate(&cloud(Side::A), &cloud(Side::B), Request::VALUE).unwrap();
    let (a, b) = (Cloud::new(Side::A, &single, 4, 1).unwrap(), Cloud::new(Side::B, &single, 4, 1).unwrap());
    assert_eq!((wide.value, W2::default().evaluate(&a, &b, Request::VALUE).unwrap().value), (0.0, 0.0));
}
