//! Who is taken for whom: rows are the images' classes, columns the answers, a square the fuller the larger its share of the row. Red: wrong.

use std::fmt::Write;

use super::escape;
use crate::measure::Confusion;

/// Classes up to which the matrix is drawn.
pub const MOST: usize = 20;

/// Draws it; nothing of more than [`MOST`] classes, which nobody could read.
pub fn confusion(found: &Confusion, names: &[String]) -> Option<String> {
    let classes = found.classes();
    if classes == 0 || classes > MOST {
        return None;
    }
    let (side, left, top) = (340.0, 58.0, 18.0);
    let cell = (side - left) / classes as f64;
    let height = top + cell * classes as f64 + 2.0;
    let name = |i: usize| names.get(i).map_or("", String::as_str);
    let cut = |text: &str, most: usize| escape(&text.chars().take(most).collect::<String>());
    let mut svg = format!(r#"<svg viewBox="0 0 {side} {height:.0}" role="img" aria-label="confusion matrix">"#);
    for (i, row) in found.rows().iter().enumerate() {
        let middle = (i as f64 + 0.5) * cell;
        let _ = write!(
            svg,
            r#"<text class="tick" x="{:.1}" y="{:.1}" text-anchor="end">{}</text><text class="tick" x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            left - 5.0,
            top + middle + 3.5,
            cut(name(i), 9),
            left + middle,
            top - 6.0,
            cut(name(i), (cell / 6.5) as usize)
        );
        let own: u64 = row.iter().sum();
        for (j, count) in row.iter().enumerate().filter(|(_, count)| **count > 0) {
            let (x, y) = (left + j as f64 * cell, top + i as f64 * cell);
            let share = *count as f64 / own.max(1) as f64;
            let (class, said) = if i == j { ("heat", "answered right") } else { ("heat stray", "taken for") };
            let other = if i == j { String::new() } else { format!(" {}", escape(name(j))) };
            let _ = write!(
                svg,
                r#"<rect class="{class}" x="{:.1}" y="{:.1}" width="{w:.1}" height="{w:.1}" style="opacity:{:.2}"><title>{} {said}{other}: {count} of {own}, {:.1} %</title></rect>"#,
                x + 0.5,
                y + 0.5,
                // No fuller: the text on it stays readable, light and dark. No emptier: a single mistake is seen.
                0.1 + 0.6 * share.sqrt(),
                escape(name(i)),
                100.0 * share,
                w = cell - 1.0
            );
            if cell > 6.5 * count.to_string().len() as f64 {
                let _ = write!(
                    svg,
                    r#"<text class="tick on" x="{:.1}" y="{:.1}" text-anchor="middle">{count}</text>"#,
                    x + cell / 2.0,
                    y + cell / 2.0 + 3.5
                );
            }
        }
    }
    Some(svg + "</svg>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_red_and_empty_squares_left_out() {
        let names = ["a<b", "c"].map(str::to_owned);
        let svg = confusion(&Confusion::from(vec![vec![3, 1], vec![0, 4]]), &names).unwrap();
        assert!(
            svg.contains("a&lt;b taken for c: 1 of 4, 25.0 %") && svg.contains("c answered right: 4 of 4"),
            "{svg}"
        );
        assert_eq!((svg.matches("heat stray").count(), svg.matches("<rect").count()), (1, 3));
        assert!(confusion(&Confusion::new(MOST + 1), &[]).is_none());
    }
}
