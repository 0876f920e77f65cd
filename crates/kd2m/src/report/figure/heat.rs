//! Distances between the teacher's classes (rows) and the student's (columns): the fuller a square, the farther apart. A ring
//! marks the student's class nearest to each of the teacher's: off the diagonal, two classes have changed places.

use std::fmt::Write;

use super::{bounds, escape, short};

/// Distances `[classes, classes]` row-major, none where a class has no sample, with the classes' names.
pub fn heat(distances: &[Option<f64>], names: &[String]) -> String {
    let classes = names.len();
    let (side, left, top) = (340.0, 58.0, 18.0);
    let cell = (side - left) / classes.max(1) as f64;
    let height = top + cell * classes as f64 + 2.0;
    let (least, most) = bounds(distances.iter().copied().flatten());
    let mut svg =
        format!(r#"<svg viewBox="0 0 {side} {height:.0}" role="img" aria-label="distances between classes">"#);
    for (i, name) in names.iter().enumerate() {
        let middle = (i as f64 + 0.5) * cell;
        let cut = |most: usize| escape(&name.chars().take(most).collect::<String>());
        let _ = write!(
            svg,
            r#"<text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{}</text><text class="tick" x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            left - 5.0,
            top + middle + 3.5,
            cut(9),
            left + middle,
            top - 6.0,
            cut((cell / 6.5) as usize)
        );
        let row = distances.iter().skip(i * classes).take(classes).enumerate();
        let row: Vec<(usize, f64)> = row.filter_map(|(j, d)| Some((j, (*d)?))).collect();
        let nearest = row.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map(|(j, _)| *j);
        for (j, distance) in row {
            let (x, y, full) = (left + j as f64 * cell, top + i as f64 * cell, (distance - least) / (most - least));
            let _ = write!(
                svg,
                r#"<rect class="heat" x="{:.1}" y="{:.1}" width="{w:.1}" height="{w:.1}" style="opacity:{:.2}"><title>{} to {}: {}</title></rect>"#,
                x + 0.5,
                y + 0.5,
                // No fuller: the text on it stays readable, light and dark.
                0.06 + 0.64 * full,
                escape(name),
                escape(&names[j]),
                short(distance),
                w = cell - 1.0
            );
            if nearest == Some(j) {
                let class = if i == j { "near" } else { "near stray" };
                let _ = write!(
                    svg,
                    r#"<rect class="{class}" x="{:.1}" y="{:.1}" width="{w:.1}" height="{w:.1}" rx="3"/>"#,
                    x + 1.5,
                    y + 1.5,
                    w = cell - 3.0
                );
            }
            if classes <= 10 {
                let text = if distance >= 10.0 { format!("{distance:.0}") } else { format!("{distance:.1}") };
                let _ = write!(
                    svg,
                    r#"<text class="tick on" x="{:.1}" y="{:.1}" text-anchor="middle">{text}</text>"#,
                    x + cell / 2.0,
                    y + cell / 2.0 + 3.5
                );
            }
        }
    }
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_class_is_ringed_and_a_missing_one_left_out() {
        let names = ["a<b", "c"].map(str::to_owned);
        let svg = heat(&[Some(1.0), Some(5.0), None, None], &names);
        assert!(svg.matches("class=\"heat\"").count() == 2 && svg.matches("class=\"near\"").count() == 1);
        assert!(!svg.contains("NaN") && !svg.contains("a<b"));
        assert!(heat(&[5.0, 1.0, 1.0, 5.0].map(Some), &names).matches("near stray").count() == 2);
    }
}
