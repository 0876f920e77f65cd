//! What is measured once of a finished network, beside its accuracy: how far its confidence can be believed
//! ([`calibration`]) and how alike its features are to the teacher's ([`cka`]), both kept in `summary.json`; and what it answers to images of each
//! class ([`answers`], [`confusion`]), kept in `answers.json`.

pub mod answers;
pub mod calibration;
pub mod cka;
pub mod confusion;
pub(crate) mod logits;

use kd2m_data::Loader;

use crate::{
    Error,
    batch::host,
    engine::{Engine, Images, Mode},
    teacher::{Query, Teacher, View},
    train::evaluate::Split,
};
pub use answers::Answers;
pub use calibration::Calibration;
pub use confusion::Confusion;

/// Linear CKA between a student's features and its teacher's over a split; `None` where the features of one never vary, or
/// the teacher's are of other images.
///
/// # Errors
/// What engine, teacher or data cannot do.
pub fn alignment(engine: &mut dyn Engine, teacher: &mut dyn Teacher, split: Split) -> Result<Option<f64>, Error> {
    if !teacher.is_paired() {
        return Ok(None);
    }
    let view = View { part: split.part, fixed: true };
    let mut sums: Option<cka::Sums> = None;
    let mut loader = Loader::evaluation_of(split.dataset, split.part, split.indices, split.batch_size, split.share)?;
    while let Some(data) = loader.next().transpose()? {
        let images = Images { pixels: &data.images, n: data.len() };
        let student = engine.forward(images, Mode::Evaluate)?.features;
        let query = Query { indices: &data.indices, labels: &data.labels, view, draw: [0; 3] };
        let against = teacher.answer(images, &query)?.all.features;
        let sums = sums.get_or_insert_with(|| cka::Sums::new(student.dims()[1], against.dims()[1]));
        sums.add(&host(&student)?, &host(&against)?);
        loader.recycle(data);
    }
    Ok(sums.and_then(|s| s.value()))
}
