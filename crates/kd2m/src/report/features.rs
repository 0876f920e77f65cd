//! The part of a page about features, the same on a run's page and on a grid's: maps in two dimensions, distances between classes,
//! the transport plan of a batch. `features.html` is its template, [`super::picture`] its data.

use minijinja::{Environment, Value, context};

use super::{
    figure,
    picture::{Heat, Maps, Pictures},
};

/// The part as HTML; `id` tells several of them on one page apart, `heading` is the element of its titles.
///
/// # Errors
/// None in practice: the template is part of the program and tested.
pub(crate) fn features(pictures: &Pictures, id: usize, heading: &str) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.add_template("features.html", include_str!("features.html"))?;
    let class = |(i, name): (usize, &String)| context! { name => name.clone(), mark => figure::scatter::mark(i) };
    environment.get_template("features.html")?.render(context! {
        id => id,
        heading => heading,
        maps => pictures.maps.iter().map(map).collect::<Vec<_>>(),
        explained => pictures.explained.map(|share| format!("{:.0}", 100.0 * share)),
        classes => pictures.classes.iter().enumerate().map(class).collect::<Vec<_>>(),
        all_classes => pictures.all_classes,
        heats => pictures.heats.iter().map(|heat| heat_of(heat, &pictures.classes)).collect::<Vec<_>>(),
        plans => pictures.plans.iter().map(|p| context! {
            arm => p.arm.clone(), figure => figure::plan::plan(p), within => format!("{:.0}", (100.0 * p.within_class).max(0.0) + 0.0),
        }).collect::<Vec<_>>(),
    })
}

fn map(maps: &Maps) -> Value {
    let drawn = maps.methods.iter().map(|m| {
        context! { method => m.method.clone(), figure => figure::scatter::scatter(&m.teacher, &m.student, &maps.labels) }
    });
    context! { arm => maps.arm.clone(), w2 => format!("{:.4}", maps.w2), drawn => drawn.collect::<Vec<_>>() }
}

fn heat_of(heat: &Heat, names: &[String]) -> Value {
    context! { arm => heat.arm.clone(), figure => figure::heat::heat(&heat.distances, names) }
}
