//! Teacher's (hollow) and student's (filled) features in one plane, coloured by class; from the eleventh class on squares.

use std::fmt::Write;

use super::{bounds, color};

/// Classes that can be told apart: ten colours, two shapes.
pub const CLASSES: usize = 20;

/// Draws both clouds; each class is one path, so that hundreds of points stay small.
pub fn scatter(teacher: &[[f32; 2]], student: &[[f32; 2]], labels: &[u32]) -> String {
    let all = || teacher.iter().chain(student);
    let ((x0, x1), (y0, y1)) = (bounds(all().map(|p| f64::from(p[0]))), bounds(all().map(|p| f64::from(p[1]))));
    let (side, margin) = (340.0, 10.0);
    // One scale for both axes: distances in the picture are distances in the plane.
    let scale = (side - 2.0 * margin) / (x1 - x0).max(y1 - y0);
    let left = (side - (x1 - x0) * scale) / 2.0;
    let height = 2.0 * margin + (y1 - y0) * scale;
    let place = |[x, y]: &[f32; 2]| (left + (f64::from(*x) - x0) * scale, margin + (y1 - f64::from(*y)) * scale);
    let mut svg =
        format!(r#"<svg viewBox="0 0 {side} {height:.0}" role="img" aria-label="features in two dimensions">"#);
    let classes = labels.iter().max().map_or(0, |l| *l as usize + 1);
    for class in 0..classes {
        let of = |points: &[[f32; 2]], draw: &dyn Fn(f64, f64) -> String| {
            let own = points.iter().zip(labels).filter(|(_, l)| **l as usize == class);
            own.map(|(p, _)| place(p)).map(|(x, y)| draw(x, y)).collect::<String>()
        };
        let square = class >= 10;
        let hollow = of(teacher, &|x, y| match square {
            true => format!("M{:.1} {:.1}h5v5h-5z", x - 2.5, y - 2.5),
            false => format!("M{:.1} {y:.1}a3 3 0 1 0 6 0a3 3 0 1 0-6 0", x - 3.0),
        });
        // A line of no length with caps is a dot.
        let filled = of(student, &|x, y| format!("M{x:.1} {y:.1}h0"));
        let (color, cap) = (color(class), if square { "square" } else { "round" });
        let _ = write!(svg, r#"<path class="ring" style="stroke:{color}" d="{hollow}"/>"#);
        let _ = write!(svg, r#"<path class="dots" style="stroke:{color}" stroke-linecap="{cap}" d="{filled}"/>"#);
    }
    svg + "</svg>"
}

/// A class's mark for a legend.
pub fn mark(class: usize) -> String {
    format!(r#"<i style="background:{};border-radius:{}"></i>"#, color(class), if class < 10 { "5px" } else { "0" })
}
