//! What is chosen among the candidates of an arm. Rule: highest mean validation accuracy after the last epoch; of equal ones the smallest
//! values.

use serde::Serialize;

use super::setting::Setting;
use crate::train::statistics::mean;

/// What was found for one candidate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Candidate {
    /// What is varied: `factor`, keys of the arm.
    #[serde(flatten)]
    pub setting: Setting,
    /// Mean validation accuracy over the selection seeds; null when one of its runs diverged.
    pub val_accuracy: Option<f64>,
    /// Mean over the selection seeds.
    pub w2_to_teacher: Option<f64>,
}

/// A choice with what it was made from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choice {
    /// What was chosen.
    #[serde(flatten)]
    pub setting: Setting,
    /// The smallest or largest value of a key won: a wider grid might give more.
    pub at_edge: bool,
    /// In the order in which they were tried.
    pub candidates: Vec<Candidate>,
}

impl Choice {
    /// The keys in which the choice fell on the edge.
    pub fn edges(&self) -> Vec<&str> {
        let all: Vec<&Setting> = self.candidates.iter().map(|candidate| &candidate.setting).collect();
        self.setting.edges(&all)
    }
}

/// Applies the rule; `None` when every candidate diverged.
pub fn choose(candidates: Vec<Candidate>) -> Option<Choice> {
    let better = |best: Option<(Setting, f64)>, candidate: &Candidate| {
        let Some(own) = candidate.val_accuracy.filter(|score| !score.is_nan()) else { return best };
        match best {
            Some((setting, score)) if own < score || (own == score && candidate.setting.order(&setting).is_ge()) => {
                Some((setting, score))
            }
            _ => Some((candidate.setting.clone(), own)),
        }
    };
    let (setting, _) = candidates.iter().fold(None, better)?;
    let mut choice = Choice { setting, at_edge: false, candidates };
    choice.at_edge = !choice.edges().is_empty();
    Some(choice)
}

/// The mean score of a candidate's runs; a diverged run (`None`) rules it out.
pub fn score(setting: &Setting, runs: &[Option<(f64, Option<f64>)>]) -> Candidate {
    let accuracies: Option<Vec<f64>> = runs.iter().map(|run| run.map(|(accuracy, _)| accuracy)).collect();
    let distances: Option<Vec<f64>> = runs.iter().map(|run| run.and_then(|(_, w2)| w2)).collect();
    Candidate {
        setting: setting.clone(),
        val_accuracy: accuracies.map(|a| mean(&a)),
        w2_to_teacher: distances.filter(|d| !d.is_empty()).map(|d| mean(&d)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::setting::FACTOR;

    fn at(factor: f64) -> Setting {
        Setting::default().with(FACTOR, &factor.into())
    }

    fn candidate(factor: f64, val_accuracy: Option<f64>) -> Candidate {
        Candidate { setting: at(factor), val_accuracy, w2_to_teacher: None }
    }

    #[test]
    fn the_highest_wins_and_ties_go_to_the_smaller_weight() {
        let all = [(1.0, Some(90.0)), (0.1, Some(92.0)), (0.01, Some(92.0)), (10.0, None)];
        let choice = choose(all.iter().map(|(f, a)| candidate(*f, *a)).collect()).unwrap();
        assert_eq!((choice.setting.factor(), choice.at_edge), (Some(0.01), true));
        assert!(choose(vec![candidate(1.0, None)]).is_none());
        let unknown = choose(vec![candidate(0.1, Some(f64::NAN)), candidate(1.0, Some(50.0))]).unwrap();
        assert_eq!(unknown.setting.factor(), Some(1.0));
    }

    #[test]
    fn ties_of_a_grid_go_to_the_smaller_values_and_its_edges_are_named() {
        let both = |lr: f64, weight: f64| at(weight).with("optim.lr", &lr.into());
        let candidate = |(lr, weight, score)| Candidate { val_accuracy: Some(score), ..score_of(&both(lr, weight)) };
        let all = [(0.1, 1.0, 90.0), (0.2, 2.0, 91.0), (0.3, 2.0, 91.0), (0.1, 3.0, 91.0)].map(candidate);
        let choice = choose(all.to_vec()).unwrap();
        assert_eq!((&choice.setting, choice.at_edge), (&both(0.2, 2.0), false));
        let json = serde_json::to_value(choose(all[..2].to_vec()).unwrap()).unwrap();
        assert!(json["factor"] == 2.0 && json["optim.lr"] == 0.2 && json["at_edge"] == true, "{json}");
        assert_eq!(json["candidates"][0]["optim.lr"], 0.1);
    }

    fn score_of(setting: &Setting) -> Candidate {
        score(setting, &[])
    }

    #[test]
    fn a_diverged_run_rules_its_candidate_out() {
        assert_eq!(score(&at(1.0), &[Some((80.0, None)), None]).val_accuracy, None);
        let both = [Some((80.0, Some(1.0))), Some((90.0, Some(2.0)))];
        assert_eq!(score(&at(1.0), &both).w2_to_teacher, Some(1.5));
    }
}
