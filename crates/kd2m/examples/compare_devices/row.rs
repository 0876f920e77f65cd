//! One line of the table: the largest relative deviation ‖a − b‖ / ‖b‖ of any output and of any gradient.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kd2m_nn::Weights;

/// What a part allows.
#[derive(Clone, Copy)]
pub struct Tolerance {
    pub outputs: f64,
    pub gradients: f64,
}

/// The largest deviations found, or why there are none.
#[derive(Default)]
pub struct Row {
    outputs: Worst,
    gradients: Worst,
    failure: Option<String>,
}

/// The tensor that is farthest off.
#[derive(Default)]
struct Worst {
    deviation: f64,
    name: String,
}

impl Worst {
    fn note(&mut self, name: &str, deviation: f64) {
        // NaN is the worst of all.
        if self.name.is_empty() || deviation.is_nan() || deviation > self.deviation {
            (self.deviation, self.name) = (deviation, name.to_owned());
        }
    }
}

impl Row {
    /// Compares an output with the reference's.
    pub fn output(&mut self, name: &str, found: &[f32], reference: &[f32]) {
        self.outputs.note(name, deviation(found, reference, 0.0));
    }

    /// Compares a gradient; `floor` is the least norm it is measured by.
    pub fn gradient(&mut self, name: &str, found: &[f32], reference: &[f32], floor: f64) {
        self.gradients.note(name, deviation(found, reference, floor));
    }

    /// Compares gradients by key. One that is nothing but rounding (a bias before a batch norm) is measured by all of them.
    pub fn gradients(&mut self, found: &Weights, reference: &Weights) {
        let floor = 1e-2 * reference.values().map(|t| norm(&t.values).powi(2)).sum::<f64>().sqrt();
        if found.keys().ne(reference.keys()) {
            self.fail(format!("gradients of {:?}, not of {:?}", found.keys(), reference.keys()));
            return;
        }
        found.iter().for_each(|(key, tensor)| self.gradient(key, &tensor.values, &reference[key].values, floor));
    }

    /// Compares what a step left, by key: it is as far off as the gradients that moved it.
    pub fn state(&mut self, found: &Weights, reference: &Weights) {
        for (key, tensor) in reference {
            let floor = 1e-2 * (tensor.values.len() as f64).sqrt();
            let found = found.get(key).map_or(f64::NAN, |t| deviation(&t.values, &tensor.values, floor));
            self.gradients.note(key, found);
        }
    }

    /// There is nothing to compare, for a reason.
    pub fn fail(&mut self, why: String) {
        self.failure.get_or_insert(why);
    }

    pub fn is_within(&self, tolerance: Tolerance) -> bool {
        let within = |worst: &Worst, most: f64| worst.deviation <= most;
        self.failure.is_none()
            && within(&self.outputs, tolerance.outputs)
            && within(&self.gradients, tolerance.gradients)
    }

    /// The cells behind the name.
    pub fn text(&self, tolerance: Tolerance) -> String {
        if let Some(why) = &self.failure {
            return format!("– | – | {} | FAILED", why.lines().next().unwrap_or_default());
        }
        let (outputs, gradients) = (&self.outputs, &self.gradients);
        let relative = [outputs.deviation / tolerance.outputs, gradients.deviation / tolerance.gradients];
        let worst = if relative[1] > relative[0] { gradients } else { outputs };
        let verdict = if self.is_within(tolerance) { "" } else { "BEYOND" };
        format!("{:.1e} | {:.1e} | {} | {verdict}", outputs.deviation, gradients.deviation, worst.name)
    }
}

/// A panic of a device (an operation that it lacks, a shader that does not compile) is that row's failure, not the end of all.
pub fn guarded(case: &dyn Fn() -> Row) -> Row {
    catch_unwind(AssertUnwindSafe(case)).unwrap_or_else(|cause| {
        let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
        let mut row = Row::default();
        row.fail(text.unwrap_or("panicked").to_owned());
        row
    })
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

fn deviation(found: &[f32], reference: &[f32], floor: f64) -> f64 {
    if found.len() != reference.len() {
        return f64::NAN;
    }
    let apart: Vec<f32> = found.iter().zip(reference).map(|(a, b)| a - b).collect();
    match (norm(&apart), norm(reference).max(floor)) {
        (0.0, _) => 0.0,
        (apart, size) => apart / size,
    }
}
