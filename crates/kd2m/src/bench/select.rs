//! The choice of λ: every arm gets the same number of candidates, trained on seeds that are not reported and judged on
//! validation alone. Rule: highest mean accuracy after the last epoch; of equal ones the smallest weight.

use serde::{Deserialize, Serialize};

use crate::{Error, config::ArmConfig, train::statistics::mean};

/// The section `[select]` of a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Select {
    /// Multiples of the weights that stand in the file: criteria differ in scale, budgets do not.
    pub factors: Vec<f64>,
    /// Seeds of the candidates.
    pub seeds: Vec<u64>,
}

/// What was found for one candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub factor: f64,
    /// Mean validation accuracy over the selection seeds; null when one of its runs diverged.
    pub val_accuracy: Option<f64>,
    pub w2_to_teacher: Option<f64>,
}

/// A choice with what it was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    #[serde(deserialize_with = "crate::number::or_nan")]
    pub factor: f64,
    /// The smallest or largest candidate won: a wider grid might give more.
    pub at_edge: bool,
    pub candidates: Vec<Candidate>,
}

impl Select {
    /// Checks ranges and sorts nothing: the order in the file is the order in tables.
    ///
    /// # Errors
    /// Empty lists, factors that are not above 0, or seeds that are reported too.
    pub fn check(&self, reported: &[u64]) -> Result<(), Error> {
        let bad = |why: &str| Err(Error::Config(format!("select.{why}")));
        if self.factors.is_empty() || self.factors.iter().any(|f| !(*f > 0.0 && f.is_finite())) {
            return bad("factors: at least one number, each above 0");
        }
        if self.seeds.is_empty() {
            return bad("seeds: at least one seed");
        }
        let mut seeds = self.seeds.clone();
        seeds.sort_unstable();
        if seeds.windows(2).any(|pair| pair[0] == pair[1]) {
            return bad("seeds: each seed once");
        }
        if let Some(seed) = seeds.iter().find(|seed| reported.contains(seed)) {
            return bad(&format!(
                "seeds: {seed} is in train.seeds (--seeds) too; a weight chosen on a seed must not be reported on it"
            ));
        }
        Ok(())
    }

    /// The candidates of an arm, named `ARM-xFACTOR`; none for an arm without losses.
    pub fn candidates(&self, arm: &ArmConfig) -> Vec<ArmConfig> {
        if arm.losses.is_empty() {
            return Vec::new();
        }
        let candidate = |factor: &f64| ArmConfig { name: format!("{}-x{factor}", arm.name), ..scaled(arm, *factor) };
        self.factors.iter().map(candidate).collect()
    }
}

/// The arm with all its weights multiplied.
pub fn scaled(arm: &ArmConfig, factor: f64) -> ArmConfig {
    let mut arm = arm.clone();
    for loss in &mut arm.losses {
        loss.weight = Some(loss.resolved_weight().times(factor));
    }
    arm
}

/// Applies the rule; `None` when every candidate diverged.
pub fn choose(candidates: Vec<Candidate>) -> Option<Choice> {
    let better = |best: Option<(f64, f64)>, c: &Candidate| match (best, c.val_accuracy.filter(|score| !score.is_nan()))
    {
        (best, None) => best,
        (None, Some(score)) => Some((c.factor, score)),
        (Some((factor, score)), Some(own)) => {
            let wins = own > score || (own == score && c.factor < factor);
            Some(if wins { (c.factor, own) } else { (factor, score) })
        }
    };
    let (factor, _) = candidates.iter().fold(None, better)?;
    let edge = |pick: fn(f64, f64) -> f64| candidates.iter().map(|c| c.factor).reduce(pick) == Some(factor);
    let at_edge = candidates.len() > 1 && (edge(f64::min) || edge(f64::max));
    Some(Choice { factor, at_edge, candidates })
}

/// The mean score of a candidate's runs; a diverged run (`None`) rules it out.
pub fn score(factor: f64, runs: &[Option<(f64, Option<f64>)>]) -> Candidate {
    let accuracies: Option<Vec<f64>> = runs.iter().map(|run| run.map(|(accuracy, _)| accuracy)).collect();
    let distances: Option<Vec<f64>> = runs.iter().map(|run| run.and_then(|(_, w2)| w2)).collect();
    Candidate {
        factor,
        val_accuracy: accuracies.map(|a| mean(&a)),
        w2_to_teacher: distances.filter(|d| !d.is_empty()).map(|d| mean(&d)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(factor: f64, val_accuracy: Option<f64>) -> Candidate {
        Candidate { factor, val_accuracy, w2_to_teacher: None }
    }

    #[test]
    fn the_highest_wins_and_ties_go_to_the_smaller_weight() {
        let all = [(1.0, Some(90.0)), (0.1, Some(92.0)), (0.01, Some(92.0)), (10.0, None)];
        let choice = choose(all.iter().map(|(f, a)| candidate(*f, *a)).collect()).unwrap();
        assert_eq!((choice.factor, choice.at_edge), (0.01, true));
        assert!(choose(vec![candidate(1.0, None)]).is_none());
        let unknown = choose(vec![candidate(0.1, Some(f64::NAN)), candidate(1.0, Some(50.0))]).unwrap();
        assert_eq!(unknown.factor, 1.0);
    }

    #[test]
    fn any_number_of_a_choice_may_be_null() {
        let one = Candidate { factor: 0.5, val_accuracy: Some(90.5), w2_to_teacher: Some(0.25) };
        crate::number::tests::every_float_may_be_null(&Choice { factor: 0.5, at_edge: true, candidates: vec![one] });
    }

    #[test]
    fn a_diverged_run_rules_its_candidate_out() {
        assert_eq!(score(1.0, &[Some((80.0, None)), None]).val_accuracy, None);
        assert_eq!(score(1.0, &[Some((80.0, Some(1.0))), Some((90.0, Some(2.0)))]).w2_to_teacher, Some(1.5));
    }

    #[test]
    fn weights_read_as_they_were_meant() {
        assert_eq!(scaled(&ArmConfig::single("w2", Some(0.1.into())), 3.0).losses[0].weight, Some(0.3.into()));
        let select = Select { factors: vec![0.1, 1.0], seeds: vec![1] };
        let names: Vec<String> =
            select.candidates(&ArmConfig::single("w2", None)).into_iter().map(|a| a.name).collect();
        assert_eq!(names, ["w2-x0.1", "w2-x1"]);
        assert!(select.candidates(&ArmConfig::none()).is_empty());
    }
}
