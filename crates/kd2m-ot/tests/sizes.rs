//! Sizes that options and clouds choose: each option has a range, and what memory cannot hold is an error that says how much it would
//! be and what to do, not an allocation that ends the program.

use kd2m_ot::{
    Cloud, Options, OtError, Side,
    divergence::{
        Request,
        registry::{self, Form},
    },
};

fn normal(count: usize) -> Vec<f64> {
    (0..count).map(|k| ((k * 7919 % 1013) as f64 / 1013.0 - 0.5) * 3.0).collect()
}

/// 8 and 6 samples of 3 features in two classes.
fn answer(options: &Options) -> Result<f64, OtError> {
    let (x, y) = (normal(24), normal(18));
    let a = Cloud::new(Side::A, &x, 8, 3)?.with_labels(&[0, 1, 0, 1, 0, 1, 0, 1])?;
    let b = Cloud::new(Side::B, &y, 6, 3)?.with_labels(&[0, 1, 0, 1, 0, 1])?;
    Ok(registry::build(options)?.evaluate(&a, &b, Request::VALUE)?.value)
}

/// Every name with its options: all metrics, each alone, within classes and with labels.
fn names() -> Vec<(String, Vec<&'static str>)> {
    let forms = [("", Form::Plain), ("class-", Form::WithinClasses), ("joint-", Form::Joint)];
    let of = |(prefix, form): (&str, Form)| {
        let named = |entry: &'static registry::Entry| {
            (format!("{prefix}{}", entry.name), form.options_with(entry).iter().map(|option| option.name).collect())
        };
        registry::ENTRIES.iter().map(named).collect::<Vec<_>>()
    };
    forms.into_iter().flat_map(of).collect()
}

#[test]
fn no_option_takes_a_number_beyond_its_range() {
    let whole = ["18446744073709551615", "9223372036854775807", "4294967295"];
    let any = ["-1", "1e308", "inf", "-inf", "nan", ""];
    let mut asked = 0;
    for (name, options) in names() {
        // Seeds are any whole numbers.
        for option in options.iter().filter(|option| **option != "seed") {
            let is_count = registry::build(&Options::new(&name).set(option, 0.5)).is_err();
            for value in any.iter().chain(whole.iter().filter(|_| is_count)) {
                let refused = registry::build(&Options::new(&name).set(option, value)).err();
                let says = refused.unwrap_or_else(|| panic!("{name} takes {option}={value}")).to_string();
                // Joint forms of what is joint already, and within classes of what compares labels, are refused as such.
                assert!(says.contains(option) || says.contains("joint"), "{name} {option}={value}: {says}");
                asked += 1;
            }
        }
    }
    assert!(asked > 1000, "{asked}");
}

/// The options of fault 9, one by one: what panicked ("capacity overflow") or ended the program.
#[test]
fn counts_of_what_is_held_end_at_a_million() {
    for (metric, option) in [
        ("sw2", "directions"),
        ("max-sw2", "directions"),
        ("sliced-cf", "directions"),
        ("cf", "frequencies"),
        ("kid", "subsets"),
    ] {
        for name in [metric.to_owned(), format!("class-{metric}"), format!("joint-{metric}")] {
            for value in ["9223372036854775807", "4294967295", "1000001", "0"] {
                let error = answer(&Options::new(&name).set(option, value)).unwrap_err();
                assert!(matches!(error, OtError::BadOption { .. }), "{name} {option}={value}: {error}");
            }
            assert!(answer(&Options::new(&name).set(option, 3)).is_ok() || metric == "kid", "{name}");
        }
    }
    let error = answer(&Options::new("kid").set("size", 7)).unwrap_err().to_string();
    assert!(error.contains("at most 6"), "{error}");
    let error = answer(&Options::new("bounds").set("block", "1000001")).unwrap_err();
    assert!(matches!(error, OtError::BadOption { .. }), "{error}");
}

fn room(metric: &str, options: Options, (n, m, d): (usize, usize, usize)) -> String {
    let (x, y) = (vec![0.5f32; n * d], vec![0.25f32; m * d]);
    let a = Cloud::new(Side::A, &x, n, d).unwrap();
    let b = Cloud::new(Side::B, &y, m, d).unwrap();
    let (zero_a, zero_b) = (vec![0; n], vec![0; m]);
    let (a, b) = (a.with_labels(&zero_a).unwrap(), b.with_labels(&zero_b).unwrap());
    let error = registry::build(&options).unwrap().evaluate(&a, &b, Request::VALUE).unwrap_err();
    assert!(matches!(error, OtError::Room { .. }), "{metric}: {error}");
    error.to_string()
}

/// A million samples a side are terabytes of costs, which no machine has.
#[test]
fn costs_that_no_memory_holds_are_refused_with_their_size() {
    const N: usize = 4_000_000;
    let said = room("jw2", Options::new("jw2"), (N, N - 1, 1));
    assert!(said.contains("128000 GB") && said.contains("4000000 × 3999999 samples"), "{said}");
    assert!(said.contains("sw2"), "the way out: {said}");
    for metric in ["gw", "fgw"] {
        let said = room(metric, Options::new(metric), (N, N, 1));
        assert!(said.contains("compare fewer samples"), "{said}");
    }
}

#[test]
fn projections_that_no_memory_holds_are_refused_with_their_size() {
    const D: usize = 3_000_000;
    for (metric, option) in [("sw2", "directions"), ("max-sw2", "directions"), ("cf", "frequencies")] {
        let said = room(metric, Options::new(metric).set(option, 1_000_000), (2, 2, D));
        assert!(said.contains("36000 GB") && said.contains(&format!("give fewer {option}")), "{said}");
    }
}

/// What may be held or computed again is computed again where it cannot be held, whatever `memory` allows.
#[test]
fn a_matrix_that_may_be_held_and_cannot_is_read_row_by_row() {
    for options in [Options::new("w2").set("memory", 1_048_576), Options::new("sinkhorn").set("memory", 1_048_576)] {
        assert!(answer(&options).is_ok(), "{options:?}");
    }
}
