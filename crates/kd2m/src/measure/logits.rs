//! What one row of logits says.

/// What logits say: the class and its probability, 0 … 1.
pub(crate) fn answer(logits: &[f32]) -> (usize, f64) {
    let best = best(logits);
    let sum: f64 = logits.iter().map(|x| f64::from(x - logits[best]).exp()).sum();
    (best, 1.0 / sum)
}

/// Where the largest of some logits stands, the first of equals.
pub(crate) fn best(logits: &[f32]) -> usize {
    logits.iter().enumerate().fold(0, |best, (i, x)| if *x > logits[best] { i } else { best })
}
