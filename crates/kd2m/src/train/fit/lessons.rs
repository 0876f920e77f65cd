//! Batch after batch: loaded once, the teacher asked about it once, shown to all who are there.

use std::time::Instant;

use super::{
    group::Group,
    learner::{Asked, Fitted, Learner},
    step::Lesson,
    views::Views,
};
use crate::{
    Error,
    engine::Images,
    teacher::{Query, Teacher},
};

/// Trains networks to the end, each going on from its checkpoint where there is one. One that fails, or could not be made, leaves
/// the others alone; those that are behind catch up first.
///
/// # Errors
/// What ends all of them: they were told to stop, or data or teacher cannot be had. Of each network a loss that is no longer finite, or what
/// engine, criterion or disk cannot do.
pub fn fit<'a>(
    views: &Views,
    mut teacher: Option<&mut dyn Teacher>,
    learners: Vec<Result<Learner<'a>, Error>>,
) -> Result<Vec<Result<Fitted<'a>, Error>>, Error> {
    let _at_work = views.halt.training();
    let mut group = Group::begin(views, learners);
    while let Some((epoch, batch)) = group.behind() {
        show_epoch(views, &mut teacher, &mut group, epoch, batch)?;
        group.end_epoch(&mut teacher, epoch)?;
    }
    Ok(group.finish())
}

/// Trains one network alone.
///
/// # Errors
/// As [`fit`], and as it says of each network.
pub fn one<'a>(views: &Views, teacher: Option<&mut dyn Teacher>, learner: Learner<'a>) -> Result<Fitted<'a>, Error> {
    fit(views, teacher, vec![Ok(learner)])?.swap_remove(0)
}

/// The batches of an epoch from this one on, to all who are there.
fn show_epoch(views: &Views, teacher: &mut Asked, group: &mut Group, epoch: usize, first: usize) -> Result<(), Error> {
    let mut began = Instant::now();
    let mut loader = views.loader(epoch, first)?;
    let (view, batches) = (views.view(), views.batches());
    for number in first..batches {
        let Some(mut data) = loader.next().transpose()? else { break };
        let present = group.at((epoch, number));
        if present > 0 {
            let mixed = views.mix(&mut data, epoch, number);
            let images = Images { pixels: &data.images, n: data.len() };
            let labels = &data.labels[..views.labelled(data.len())];
            let query = Query { indices: &data.indices, labels, view, draw: [views.seed, epoch as u64, number as u64] };
            let (answer, recalled) = match teacher.as_deref_mut() {
                Some(teacher) => {
                    let before = teacher.recalled();
                    (Some(teacher.answer(images, &query)?), teacher.recalled() - before)
                }
                None => (None, 0),
            };
            let seconds = began.elapsed().as_secs_f64() / present as f64;
            group.step(&Lesson {
                data: &data,
                labels,
                mixed: mixed.as_ref(),
                answer: answer.as_ref(),
                epoch,
                number,
                batches,
                recalled,
                seconds,
            });
        }
        loader.recycle(data);
        if views.ends_step(number, batches) {
            group.pause((epoch, number + 1))?;
        }
        if !group.is_in(epoch) {
            break;
        }
        began = Instant::now();
    }
    Ok(())
}
