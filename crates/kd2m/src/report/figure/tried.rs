//! What was tried to choose values of keys: a line over the values of one key, a map over those of two, a map for every combination of
//! the others where there are more.

use std::fmt::Write;

use super::{Frame, bounds, escape, robust, short, whole};

/// A combination that was tried.
pub struct Tried {
    /// A value for each key.
    pub at: Vec<String>,
    /// `None`: its training diverged.
    pub value: Option<f64>,
    pub chosen: bool,
}

/// Draws what was tried of these keys; none where no key has two values.
pub fn tried(keys: &[String], all: &[Tried]) -> Option<String> {
    let values: Vec<Vec<&str>> =
        (0..keys.len()).map(|key| distinct(all.iter().map(|one| one.at[key].as_str()))).collect();
    let varied: Vec<usize> = (0..keys.len()).filter(|key| values[*key].len() > 1).collect();
    match varied.as_slice() {
        [] => None,
        [key] => Some(line(&keys[*key], &values[*key], *key, all)),
        [down, across, others @ ..] => {
            let part =
                |one: &&Tried| others.iter().map(|key| format!("{} {}", keys[*key], one.at[*key])).collect::<Vec<_>>();
            let mut parts: Vec<Vec<String>> = Vec::new();
            for one in all.iter().map(|one| part(&one)) {
                if !parts.contains(&one) {
                    parts.push(one);
                }
            }
            let scale = bounds(all.iter().filter_map(|one| one.value));
            let drawn = parts.iter().map(|name| {
                let own: Vec<&Tried> = all.iter().filter(|one| part(one) == *name).collect();
                let title =
                    if name.is_empty() { String::new() } else { format!("<h4>{}</h4>", escape(&name.join(", "))) };
                title
                    + &map(
                        [&keys[*down], &keys[*across]],
                        [&values[*down], &values[*across]],
                        [*down, *across],
                        &own,
                        scale,
                    )
            });
            Some(drawn.collect())
        }
    }
}

/// In the order in which they come.
fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    values.fold(Vec::new(), |mut all, value| {
        if !all.contains(&value) {
            all.push(value);
        }
        all
    })
}

/// Values stand side by side as they were listed, whatever lies between them.
fn line(name: &str, values: &[&str], key: usize, all: &[Tried]) -> String {
    let across = (-0.3, values.len() as f64 - 0.7);
    let frame = Frame::new(across, robust(all.iter().filter_map(|one| one.value).collect()));
    let label = |at: f64| Some(escape(values.get(whole(at).is_some().then_some(at.round() as usize)?)?));
    let mut svg = frame.open(name, name, label);
    let place = |one: &Tried| values.iter().position(|value| *value == one.at[key]).map(|at| frame.across(at as f64));
    let down = |value: f64| frame.down(value.clamp(frame.y.0, frame.y.1));
    let points: Vec<String> =
        all.iter().filter_map(|one| Some(format!("{:.1},{:.1}", place(one)?, down(one.value?)))).collect();
    let _ = write!(svg, r#"<polyline class="curve" style="stroke:var(--s0)" points="{}"/>"#, points.join(" "));
    for (one, x) in all.iter().filter_map(|one| Some((one, place(one)?))) {
        let said = said(&[name], &[&one.at[key]], one);
        match one.value {
            Some(value) => {
                let (class, r) = if one.chosen { ("chosen", 5.0) } else { ("tried", 2.6) };
                let _ = write!(
                    svg,
                    r#"<circle class="{class}" r="{r}" cx="{x:.1}" cy="{:.1}">{said}</circle>"#,
                    down(value)
                );
            }
            None => svg += &cross(x, frame.height - frame.margin[3] - 8.0, &said),
        }
    }
    svg + "</svg>"
}

/// The first key downwards, the second across; the fuller a square, the larger its value.
fn map(keys: [&str; 2], values: [&[&str]; 2], at: [usize; 2], all: &[&Tried], (low, high): (f64, f64)) -> String {
    let (width, row, left, top) = (340.0, 30.0, 74.0, 34.0);
    let cell = (width - left) / values[1].len() as f64;
    let height = top + row * values[0].len() as f64 + 4.0;
    let mut svg = format!(
        r#"<svg viewBox="0 0 {width} {height:.0}" role="img" aria-label="{} and {}"><text class="tick" x="{width}" y="11" text-anchor="end">{} →</text><text class="tick" x="0" y="11">{} ↓</text>"#,
        escape(keys[0]),
        escape(keys[1]),
        escape(keys[1]),
        escape(keys[0])
    );
    for (i, value) in values[0].iter().enumerate() {
        let y = top + (i as f64 + 0.5) * row + 3.5;
        let _ = write!(
            svg,
            r#"<text class="tick" x="{:.1}" y="{y:.1}" text-anchor="end">{}</text>"#,
            left - 6.0,
            escape(value)
        );
    }
    for (j, value) in values[1].iter().enumerate() {
        let x = left + (j as f64 + 0.5) * cell;
        let _ = write!(
            svg,
            r#"<text class="tick" x="{x:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            top - 6.0,
            escape(value)
        );
    }
    for one in all {
        let place = |axis: usize| values[axis].iter().position(|value| *value == one.at[at[axis]]);
        let (Some(i), Some(j)) = (place(0), place(1)) else { continue };
        let (x, y) = (left + j as f64 * cell, top + i as f64 * row);
        let said = said(&keys, &[&one.at[at[0]], &one.at[at[1]]], one);
        let Some(value) = one.value else {
            svg += &cross(x + cell / 2.0, y + row / 2.0, &said);
            continue;
        };
        // No fuller: the text on it stays readable, light and dark.
        let full = 0.06 + 0.64 * (value - low) / (high - low);
        let _ = write!(
            svg,
            r#"<rect class="heat" x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" style="opacity:{full:.2}">{said}</rect><text class="tick on" x="{:.1}" y="{:.1}" text-anchor="middle">{value:.1}</text>"#,
            x + 0.5,
            y + 0.5,
            cell - 1.0,
            row - 1.0,
            x + cell / 2.0,
            y + row / 2.0 + 3.5
        );
        if one.chosen {
            let _ = write!(
                svg,
                r#"<rect class="near" x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" rx="3"/>"#,
                x + 1.5,
                y + 1.5,
                cell - 3.0,
                row - 3.0
            );
        }
    }
    svg + "</svg>"
}

/// What a mark says under the mouse.
fn said(keys: &[&str], values: &[&str], one: &Tried) -> String {
    let at: Vec<String> = keys.iter().zip(values).map(|(key, value)| format!("{key} = {value}")).collect();
    let value = one.value.map_or_else(|| "diverged".to_owned(), |value| short((value * 100.0).round() / 100.0));
    let chosen = if one.chosen { ", chosen" } else { "" };
    format!("<title>{}: {value}{chosen}</title>", escape(&at.join(", ")))
}

fn cross(x: f64, y: f64, said: &str) -> String {
    format!(r#"<path class="lost" d="M{:.1} {:.1}l7 7m0 -7l-7 7">{said}</path>"#, x - 3.5, y - 3.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(at: &[&str], value: Option<f64>, chosen: bool) -> Tried {
        Tried { at: at.iter().map(|text| (*text).to_owned()).collect(), value, chosen }
    }

    fn keys(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn one_key_is_a_line_with_its_values_as_ticks() {
        let all = [
            one(&["a<b", "1"], Some(90.0), false),
            one(&["2", "1"], Some(91.126), true),
            one(&["3", "1"], None, false),
        ];
        let svg = tried(&keys(&["optim.lr", "fixed"]), &all).unwrap();
        assert!(svg.contains("<polyline") && svg.contains(">a&lt;b<") && !svg.contains("a<b"), "{svg}");
        assert!(svg.contains("optim.lr = 2: 91.13, chosen") && svg.contains("optim.lr = 3: diverged"), "{svg}");
        assert_eq!(tried(&keys(&["optim.lr", "fixed"]), &all[..1]), None);
    }

    #[test]
    fn two_keys_are_a_map_and_a_third_makes_several() {
        let all = |third: &'static str| {
            [("1", "x"), ("1", "y"), ("2", "x"), ("2", "y")]
                .map(|(a, b)| one(&[a, b, third], (b == "x").then_some(90.0), a == "2" && b == "x" && third == "p"))
        };
        let names = keys(&["loss.0.weight", "optim.lr", "loss.0.on"]);
        let svg = tried(&names, &all("p")).unwrap();
        let count = |text: &str| svg.matches(text).count();
        assert_eq!(
            (count("<svg"), count(r#"class="heat""#), count(r#"class="near""#), count(r#"class="lost""#)),
            (1, 2, 1, 2)
        );
        let both: Vec<Tried> = all("p").into_iter().chain(all("q")).collect();
        let svg = tried(&names, &both).unwrap();
        assert!(svg.matches("<svg").count() == 2 && svg.contains("<h4>loss.0.on q</h4>"), "{svg}");
    }
}
