//! Everything that the theory says of one student on one split: risks, constants, distances, and the chains that they must form.
//! The student's risk is bounded in several ways (`bounds`); the least counts. Definitions and proofs: `docs/theory.md`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    bounds::{Bound, Ends, Outputs},
    chain::{Chain, Link, Term, Verdict},
    concentration::Confidence,
    crossing::Crossing,
    distance::{EXACT_LIMIT, Pair},
    head::Affine,
    lipschitz::Lipschitz,
    moments::Distances,
    risk::Risk,
    sample::Features,
    transfer::Clouds,
    within::{ClassDistance, by_priors, rows_of_classes, within_classes},
};
use crate::Error;

/// A student and its teacher on the samples of a split.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    /// Its features.
    pub student: &'a Features,
    /// The teacher's features of the same samples.
    pub teacher: &'a Features,
    /// The class of each sample.
    pub labels: &'a [u32],
    /// From the student's features to logits.
    pub student_head: &'a Affine,
    /// From the teacher's features to logits.
    pub teacher_head: &'a Affine,
    /// The learned map to the teacher's width, where the run has one.
    pub projector: Option<&'a Affine>,
}

/// How it is computed.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Samples up to which a coupling is computed exactly; beyond, certified bounds.
    pub exact_limit: usize,
    /// Size of the mini-batches that training sees.
    pub batch_size: usize,
}

impl Settings {
    /// With mini-batches of this size.
    pub fn new(batch_size: usize) -> Self {
        Self { exact_limit: EXACT_LIMIT, batch_size }
    }
}

/// The theory of one student.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Analysis {
    /// How many samples were seen.
    pub samples: usize,
    /// How many classes the heads tell apart.
    pub classes: usize,
    /// Feature widths of student and teacher.
    pub widths: [usize; 2],
    /// Cross entropy and errors of the student.
    pub student: Risk,
    /// The same of the teacher.
    pub teacher: Risk,
    /// How fast cross entropy changes with the student's features.
    pub student_lipschitz: Lipschitz,
    /// The same of the teacher's.
    pub teacher_lipschitz: Lipschitz,
    /// Distances between the features of each class; empty where widths differ without a projector.
    pub within: Vec<ClassDistance>,
    /// Each way to bound the student's risk, with its numbers.
    #[serde(rename = "ways")]
    pub bounds: Vec<Bound>,
    /// How far these samples may be from the distribution.
    pub confidence: Confidence,
    /// What is at most what, statement by statement.
    pub chains: Vec<Chain>,
    /// What cannot be said of this student, and why.
    pub refused: Vec<String>,
    /// The numbers above under short names, for tables and scripts.
    pub terms: BTreeMap<&'static str, f64>,
}

impl Analysis {
    /// Computes every term.
    ///
    /// # Errors
    /// Features that are not finite.
    pub fn of(subject: &Subject, settings: Settings) -> Result<Self, Error> {
        let Subject { student, teacher, labels, student_head, teacher_head, projector } = *subject;
        let classes = teacher_head.outputs();
        let logits =
            |head: &Affine, features: &Features| Features { values: head.apply(&features.values), width: classes };
        let (by_student, by_teacher) = (logits(student_head, student), logits(teacher_head, teacher));
        let risk = |logits: &Features| Risk::of(&logits.values, labels, classes);
        let ends = Ends { student: risk(&by_student), teacher: risk(&by_teacher) };
        let rows = rows_of_classes(labels, classes);
        let outputs = Outputs {
            student: &by_student,
            teacher: &by_teacher,
            labels,
            rows: &rows,
            exact_limit: settings.exact_limit,
        };
        let mut work = Work { subject, settings, ends, outputs, found: Found::default() };
        match (projector, student.width == teacher.width) {
            (Some(p), _) => {
                work.features(&Features { values: p.apply(&student.values), width: teacher.width })?;
                work.found.refused.push(format!(
                    "the way by the student's head: it takes {} features, the teacher has {}; the teacher's head after \
                     the projector is used",
                    student.width, teacher.width
                ));
            }
            (None, true) => work.features(student)?,
            (None, false) => work.found.refused.push(format!(
                "distances between features and the ways by a head: the student has {} features, the teacher {}, and \
                 this arm learned no projector between them; logits and probabilities remain",
                student.width, teacher.width
            )),
        }
        for (bound, chains) in [ends.by_logits(&work.outputs)?, ends.by_probabilities(&work.outputs)?] {
            work.found.bounds.push(bound);
            work.found.chains.extend(chains);
        }
        Ok(work.conclude())
    }

    /// The way with the least bound of cross entropy.
    pub fn best(&self) -> &Bound {
        least(&self.bounds, |way| way.bound.unwrap_or(f64::INFINITY))
    }

    /// The way with the least bound of wrong answers.
    pub fn best_for_answers(&self) -> &Bound {
        least(&self.bounds, |way| way.wrong)
    }

    /// True when a guess is within the bound of wrong answers: it is 1 − 1/C or above.
    pub fn is_vacuous(&self) -> bool {
        self.best_for_answers().wrong >= 1.0 - 1.0 / self.classes as f64
    }

    /// Inequalities that do not hold: mistakes of the program.
    pub fn violations(&self) -> Vec<Link> {
        let links = self.chains.iter().flat_map(Chain::links);
        links.filter(|link| link.verdict == Verdict::Violated).collect()
    }
}

/// There are always the two ways by outputs.
fn least(bounds: &[Bound], value: impl Fn(&Bound) -> f64) -> &Bound {
    bounds.iter().fold(&bounds[0], |best, way| if value(way) < value(best) { way } else { best })
}

/// What has been found so far.
#[derive(Default)]
struct Found {
    within: Vec<ClassDistance>,
    bounds: Vec<Bound>,
    chains: Vec<Chain>,
    refused: Vec<String>,
    terms: BTreeMap<&'static str, f64>,
}

/// An analysis under way.
struct Work<'a> {
    subject: &'a Subject<'a>,
    settings: Settings,
    ends: Ends,
    outputs: Outputs<'a>,
    found: Found,
}

impl Work<'_> {
    /// Distances between `compared`, the student's features where the teacher's live, and the teacher's; the ways by a head.
    fn features(&mut self, compared: &Features) -> Result<(), Error> {
        let Subject { teacher, labels, student_head, teacher_head, projector, .. } = *self.subject;
        let Settings { exact_limit, batch_size } = self.settings;
        let within = within_classes(compared, teacher, self.outputs.rows, exact_limit)?;
        let cw2 = by_priors(&within, |c| c.w2);
        let pair = Pair { a: &compared.values, b: &teacher.values, width: teacher.width, exact_limit };
        let distances = Distances::of(&pair, cw2, batch_size)?;
        let clouds = Clouds {
            student: &compared.values,
            teacher: &teacher.values,
            labels,
            classes: &within,
            mse: distances.mse,
        };
        let by_teacher = teacher_head.apply(&compared.values);
        let on_student = ("g_S", [self.outputs.student.values.as_slice(), by_teacher.as_slice()]);
        let lipschitz = Lipschitz::of(teacher_head);
        let mut bounds =
            vec![self.ends.through_head("teacher's head", (teacher_head, &lipschitz), &clouds, on_student)];
        if projector.is_none() {
            let by_student = student_head.apply(&teacher.values);
            let on_teacher = ("g_T", [by_student.as_slice(), self.outputs.teacher.values.as_slice()]);
            let lipschitz = Lipschitz::of(student_head);
            bounds.push(self.ends.through_head("student's head", (student_head, &lipschitz), &clouds, on_teacher));
        }
        let found = &mut self.found;
        found.chains.extend(distances.chains);
        if let Some(plan) = &distances.plan {
            let Crossing { mass, chain } = Crossing::of(plan, &pair, labels, distances.w2, cw2);
            found.chains.push(chain);
            found.terms.insert("crossed", mass);
        }
        for (bound, chains) in bounds {
            found.bounds.push(bound);
            found.chains.extend(chains);
        }
        found.terms.extend([
            ("w1", distances.w1[1]),
            ("w2", distances.w2[1]),
            ("w2_in_batches", distances.w2_in_batches[1]),
            ("cw1", by_priors(&within, |c| c.w1)[1]),
            ("cw2", cw2[1]),
            ("mse", distances.mse),
        ]);
        found.within = within;
        Ok(())
    }

    /// Wrong answers, the finite sample, and the terms by name.
    fn conclude(self) -> Analysis {
        let Work { subject, ends: Ends { student, teacher }, found, .. } = self;
        let samples = subject.labels.len();
        let excess_gibbs = found.bounds.iter().map(|way| way.gibbs).fold(f64::INFINITY, f64::min);
        let mut analysis = Analysis {
            samples,
            classes: subject.teacher_head.outputs(),
            widths: [subject.student.width, subject.teacher.width],
            student,
            teacher,
            student_lipschitz: Lipschitz::of(subject.student_head),
            teacher_lipschitz: Lipschitz::of(subject.teacher_head),
            within: found.within,
            bounds: found.bounds,
            confidence: Confidence::of(&student, samples, excess_gibbs),
            chains: found.chains,
            refused: found.refused,
            terms: found.terms,
        };
        let (best, answers) = (analysis.best().clone(), analysis.best_for_answers().clone());
        let by_loss = [
            ("R(student) / ln 2", student.cross_entropy / std::f64::consts::LN_2, "from cross entropy"),
            ("2 G(student)", 2.0 * student.gibbs, "from the Gibbs risk"),
        ];
        for (name, value, meaning) in by_loss {
            let wrong = Term::new("wrong answers of the student", student.zero_one, "0-1 risk");
            analysis.chains.push(Chain::new("wrong answers", 2, vec![wrong, Term::new(name, value, meaning)]));
        }
        analysis.chains.push(Chain::new(
            format!("wrong answers, by {}", answers.by),
            4,
            vec![
                Term::new("wrong answers of the student", student.zero_one, "0-1 risk"),
                Term::new("least bound", answers.wrong, "from the teacher's risk and the distance"),
            ],
        ));
        let best_by_cw2 = analysis.bounds.iter().filter_map(|way| way.bound_by_cw2).fold(f64::INFINITY, f64::min);
        let optional = [("transfer", best.transfer), ("mismatch", best.mismatch), ("bound", best.bound)];
        analysis.terms.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        analysis.terms.extend([
            ("wrong_student", student.zero_one),
            ("wrong_teacher", teacher.zero_one),
            ("ce_student", student.cross_entropy),
            ("ce_teacher", teacher.cross_entropy),
            ("gibbs_student", student.gibbs),
            ("gibbs_teacher", teacher.gibbs),
            ("ce_gap", student.cross_entropy - teacher.cross_entropy),
            ("lambda_student", analysis.student_lipschitz.largest),
            ("lambda_teacher", analysis.teacher_lipschitz.largest),
            ("bound_by_cw2", best_by_cw2),
            ("wrong_bound", answers.wrong),
        ]);
        analysis
    }
}
