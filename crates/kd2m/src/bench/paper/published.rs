//! The paper's table: test accuracy of one run of each row after the last epoch, ResNet-34 to ResNet-18, both started from
//! ImageNet weights. Montesuma 2025, "KD²M: a unifying framework for feature knowledge distillation".

use kd2m_ot::error::nearest_names;

use crate::Error;

/// The data sets of the table, by our names.
pub const DATASETS: [&str; 3] = ["svhn", "cifar10", "cifar100"];

/// A row of the table.
#[derive(Debug)]
pub struct Method {
    /// How `--row DATASET/NAME` calls it.
    pub name: &'static str,
    /// What the paper calls it.
    pub title: &'static str,
    /// Our criterion; `none` for the student alone, none for the teacher.
    pub criterion: Option<&'static str>,
    /// Percent, in the order of [`DATASETS`].
    pub accuracy: [f64; 3],
}

/// The rows. The Gaussian ones are the diagonal forms that the reference code computes.
pub const METHODS: [Method; 8] = [
    Method { name: "student", title: "Student", criterion: Some("none"), accuracy: [93.10, 85.11, 56.66] },
    Method { name: "teacher", title: "Teacher", criterion: None, accuracy: [94.41, 86.98, 62.21] },
    Method { name: "w2", title: "W2 (E)", criterion: Some("w2"), accuracy: [94.00, 86.45, 61.07] },
    Method { name: "cw2", title: "CW2 (E)", criterion: Some("cw2"), accuracy: [94.06, 86.54, 61.47] },
    Method { name: "jw2", title: "JW2 (E)", criterion: Some("jw2"), accuracy: [94.00, 86.60, 61.07] },
    Method { name: "w2-g", title: "W2 (G)", criterion: Some("gaussian-w2-diag"), accuracy: [93.94, 86.63, 60.68] },
    Method {
        name: "cw2-g",
        title: "CW2 (G)",
        criterion: Some("class-gaussian-w2-diag"),
        accuracy: [93.95, 86.25, 61.43],
    },
    Method { name: "kl-g", title: "KL (G)", criterion: Some("gaussian-kl-diag"), accuracy: [94.05, 86.44, 60.66] },
];

/// One published figure.
#[derive(Debug, Clone, Copy)]
pub struct Figure {
    /// Which column of the paper's table.
    pub dataset: usize,
    /// Which row.
    pub method: &'static Method,
}

impl Figure {
    /// Percent.
    pub fn accuracy(&self) -> f64 {
        self.method.accuracy[self.dataset]
    }
}

/// The figures that these rows name, in the table's order: `DATASET`, or `DATASET/METHOD`; all of none.
///
/// # Errors
/// An unknown data set or method; the nearest ones are named.
pub fn figures(rows: &[String]) -> Result<Vec<Figure>, Error> {
    let known: Vec<String> =
        DATASETS.iter().flat_map(|d| METHODS.iter().map(move |m| format!("{d}/{}", m.name))).collect();
    let all = || DATASETS.iter().map(|d| (*d).to_owned()).chain(known.iter().cloned());
    for row in rows {
        if all().all(|name| name != *row) {
            let names: Vec<String> = all().collect();
            let near = nearest_names(row, names.iter().map(String::as_str));
            let hint = match near.as_slice() {
                [] => format!("rows are DATASET or DATASET/METHOD: {}", known[..METHODS.len()].join(", ")),
                near => format!("did you mean {}?", near.join(" or ")),
            };
            return Err(Error::Config(format!("--row {row}: the paper's table has no such row; {hint}")));
        }
    }
    let every = (0..DATASETS.len()).flat_map(|dataset| METHODS.iter().map(move |method| Figure { dataset, method }));
    let asked = |f: &Figure| {
        let (dataset, name) = (DATASETS[f.dataset], f.method.name);
        rows.is_empty() || rows.iter().any(|r| *r == dataset || *r == format!("{dataset}/{name}"))
    };
    Ok(every.filter(asked).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_papers_averages() {
        // The paper prints the averages too: a slip of the pen in a figure would show.
        let averages = [78.29, 81.20, 80.51, 80.69, 80.55, 80.41, 80.54, 80.38];
        for (method, average) in METHODS.iter().zip(averages) {
            let own = method.accuracy.iter().sum::<f64>() / 3.0;
            assert!((own - average).abs() < 0.0101, "{}: {own}", method.name);
        }
    }

    #[test]
    fn rows_are_found_and_others_named() {
        let of = |rows: &[&str]| figures(&rows.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&[]).unwrap().len(), 24);
        assert_eq!(of(&["svhn"]).unwrap().len(), 8);
        let one = of(&["cifar10/cw2"]).unwrap();
        assert_eq!((one.len(), one[0].accuracy()), (1, 86.54));
        assert!(of(&["cifar10/cw3"]).unwrap_err().to_string().contains("did you mean cifar10/cw2"));
    }
}
