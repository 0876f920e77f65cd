//! All columns of results. A new one is an entry here, with a place in each table that is to show it; every table then has it.

use super::{
    column::{Column, Place},
    row::Row,
    table::Table::{self, Compare, Cost, Csv, Grid, Latex, Markdown, Run, Terminal},
    value::Value,
};

const fn place(table: Table, at: u16) -> Place {
    Place::new(table, at)
}

/// What most columns have in common.
const PLAIN: Column = Column {
    key: "",
    title: "",
    unit: "",
    of: |_| Value::Nothing,
    places: &[],
    words: false,
    newer: false,
    asked: false,
};

/// The result itself.
pub const TEST_ACCURACY: Column = Column {
    key: "test_accuracy",
    title: "test",
    unit: "%",
    of: |row| spread(row.test_mean, row.test_std, row.missing),
    places: &[place(Markdown, 30), place(Latex, 30), place(Run, 30), place(Terminal, 30), place(Compare, 30)],
    ..PLAIN
};

/// In no order: each table has its own.
pub const COLUMNS: &[Column] = &[
    Column {
        key: "cell",
        of: |row| text(&row.cell),
        places: &[place(Csv, 10), place(Compare, 5).titled("run")],
        ..PLAIN
    },
    Column { key: "dataset", of: |row| text(&row.dataset), places: &[place(Csv, 20)], ..PLAIN },
    Column { key: "teacher", of: |row| text(&row.teacher), places: &[place(Csv, 30)], ..PLAIN },
    Column {
        key: "student",
        title: "student",
        of: |row| text(&row.student),
        places: &[place(Csv, 40), place(Compare, 12)],
        ..PLAIN
    },
    Column { key: "teacher_test", of: |row| Value::number(row.teacher_test), places: &[place(Csv, 50)], ..PLAIN },
    Column {
        key: "arm",
        title: "arm",
        of: name,
        places: &[
            place(Csv, 60),
            place(Markdown, 10),
            place(Cost, 10),
            place(Latex, 10),
            place(Grid, 10),
            place(Run, 10),
            place(Compare, 10),
        ],
        words: true,
        ..PLAIN
    },
    Column {
        key: "network",
        of: |row| match row.is_teacher {
            true => Value::Text(format!("teacher {}", row.teacher)),
            false => Value::Text(format!("student {}", row.arm)),
        },
        places: &[place(Terminal, 10)],
        words: true,
        ..PLAIN
    },
    Column { key: "criterion", of: |row| text(&row.criterion), places: &[place(Csv, 70)], words: true, ..PLAIN },
    Column {
        key: "weights",
        title: "λ",
        of: |row| row.weights.clone().map_or(Value::Nothing, Value::Weights),
        places: &[
            place(Csv, 80),
            place(Markdown, 20),
            place(Latex, 20).titled("$\\lambda$"),
            place(Grid, 20),
            place(Run, 20).titled("weight λ"),
            place(Compare, 15),
        ],
        ..PLAIN
    },
    Column {
        key: "factor",
        of: |row| row.factor.map_or(Value::Nothing, |f| Value::Text(f.to_string())),
        places: &[place(Csv, 90)],
        ..PLAIN
    },
    Column {
        key: "chosen",
        title: "chosen",
        of: |row| row.chosen.clone().map_or(Value::Nothing, Value::Text),
        places: &[place(Csv, 95), place(Markdown, 22), place(Latex, 22), place(Grid, 22)],
        words: true,
        asked: true,
        ..PLAIN
    },
    Column { key: "seeds", of: |row| Value::Count(row.seeds), places: &[place(Csv, 100)], ..PLAIN },
    Column { key: "missing", of: |row| Value::Count(row.missing), places: &[place(Csv, 110)], ..PLAIN },
    Column {
        key: "parameters",
        title: "parameters",
        of: |row| row.parameters.map_or(Value::Nothing, Value::Count),
        places: &[place(Terminal, 20), place(Compare, 20)],
        ..PLAIN
    },
    TEST_ACCURACY,
    Column {
        key: "test_mean",
        title: "test",
        unit: "%",
        of: |row| Value::number(row.test_mean),
        places: &[place(Csv, 120), place(Grid, 30)],
        ..PLAIN
    },
    Column {
        key: "test_std",
        title: "± std",
        of: |row| Value::number(row.test_std),
        places: &[place(Csv, 130), place(Grid, 40)],
        ..PLAIN
    },
    Column {
        key: "best_val",
        title: "best on val",
        unit: "%",
        of: |row| spread(row.best_mean, row.best_std, 0),
        places: &[place(Markdown, 70), place(Latex, 60), place(Run, 40)],
        ..PLAIN
    },
    Column {
        key: "best_val_mean",
        title: "best on val",
        unit: "%",
        of: |row| Value::number(row.best_mean),
        places: &[place(Csv, 140), place(Grid, 90)],
        ..PLAIN
    },
    Column { key: "best_val_std", of: |row| Value::number(row.best_std), places: &[place(Csv, 150)], ..PLAIN },
    Column {
        key: "top5_mean",
        title: "top-5",
        unit: "%",
        of: |row| Value::number(row.top5),
        places: &[place(Csv, 160), place(Markdown, 80), place(Grid, 100), place(Run, 70)],
        ..PLAIN
    },
    Column {
        key: "versus_none",
        title: "vs none",
        of: |row| row.versus_none.map_or(Value::Nothing, |v| Value::Interval(v.mean, v.half_width)),
        places: &[
            place(Markdown, 40),
            place(Latex, 40).titled("$\\Delta$ to $\\lambda = 0$"),
            place(Run, 50),
            place(Terminal, 40),
            place(Compare, 40).titled("difference"),
        ],
        ..PLAIN
    },
    Column {
        key: "vs_none",
        title: "vs none",
        of: |row| row.versus_none.map_or(Value::Nothing, |v| Value::Change(v.mean)),
        places: &[place(Csv, 170), place(Grid, 50)],
        ..PLAIN
    },
    Column {
        key: "vs_none_half_width",
        title: "± 95 %",
        of: |row| Value::number(row.versus_none.map(|v| v.half_width)),
        places: &[place(Csv, 180), place(Grid, 60)],
        ..PLAIN
    },
    Column {
        key: "p",
        of: |row| row.versus_none.map_or(Value::Nothing, |v| Value::P(v.p)),
        places: &[place(Csv, 190)],
        ..PLAIN
    },
    Column {
        key: "p_holm",
        title: "p (Holm)",
        of: |row| row.versus_none.map_or(Value::Nothing, |v| Value::P(v.p_holm)),
        places: &[
            place(Csv, 200),
            place(Markdown, 50),
            place(Latex, 50).titled("$p$ (Holm)"),
            place(Grid, 70),
            place(Run, 55),
            place(Compare, 50),
        ],
        ..PLAIN
    },
    Column {
        key: "verdict",
        title: "verdict",
        of: |row| match row.is_teacher {
            true => Value::Nothing,
            false => Value::Verdict(row.versus_none.map(|v| v.verdict)),
        },
        places: &[
            place(Csv, 210),
            place(Markdown, 60),
            place(Latex, 70),
            place(Grid, 80),
            place(Run, 60),
            place(Compare, 60),
        ],
        words: true,
        ..PLAIN
    },
    Column {
        key: "w2_to_teacher",
        title: "W₂² to teacher",
        of: |row| Value::number(row.w2_to_teacher),
        places: &[
            place(Csv, 220),
            place(Markdown, 90).digits(4),
            place(Grid, 130).titled("W₂²").digits(3),
            place(Run, 100).digits(4).teacher("0"),
            place(Terminal, 50).digits(4),
        ],
        ..PLAIN
    },
    Column {
        key: "cka_to_teacher",
        title: "CKA to teacher",
        of: |row| Value::number(row.cka_to_teacher),
        places: &[
            place(Csv, 230),
            place(Markdown, 100).digits(4),
            place(Grid, 120).titled("CKA").digits(3),
            place(Run, 90).titled("CKA").digits(3).teacher("1"),
        ],
        newer: true,
        ..PLAIN
    },
    Column {
        key: "ece",
        title: "calibration error",
        unit: "%",
        of: |row| Value::number(row.ece),
        places: &[place(Csv, 240), place(Markdown, 110), place(Grid, 110), place(Run, 80)],
        newer: true,
        ..PLAIN
    },
    Column {
        key: "share_of_gradient",
        title: "of the gradient",
        unit: "%",
        of: |row| Value::number(row.share_of_gradient.map(|share| 100.0 * share)),
        places: &[place(Markdown, 25).digits(1), place(Terminal, 25).digits(1)],
        newer: true,
        ..PLAIN
    },
    Column { key: "test", of: |row| Value::List(row.test.clone()), places: &[place(Csv, 250).digits(4)], ..PLAIN },
    // Times stand last in CSV and apart in Markdown: all before them is the same however often a grid was killed or split.
    Column {
        key: "time_step_ms",
        title: "ms a step",
        of: |row| Value::number(row.step_ms),
        places: &[place(Csv, 1010), place(Cost, 20), place(Grid, 140)],
        ..PLAIN
    },
    Column {
        key: "time_criterion_ms",
        title: "criterion, ms",
        of: |row| Value::number(row.criterion_ms),
        places: &[place(Csv, 1020), place(Cost, 30).digits(3)],
        ..PLAIN
    },
    Column {
        key: "time_criterion_percent",
        title: "criterion",
        unit: "%",
        of: |row| Value::number(row.criterion_percent),
        places: &[place(Csv, 1030), place(Cost, 40).digits(1).titled("% of the step"), place(Grid, 150).digits(1)],
        ..PLAIN
    },
    Column {
        key: "time_images_per_second",
        title: "images/s",
        of: |row| Value::number(row.images_per_second),
        places: &[
            place(Csv, 1040),
            place(Cost, 50).digits(0),
            place(Run, 110).digits(0),
            place(Terminal, 60).digits(0),
        ],
        ..PLAIN
    },
    Column {
        key: "time_seconds",
        title: "s a run",
        of: |row| Value::number(row.seconds),
        places: &[place(Cost, 60).digits(1)],
        ..PLAIN
    },
];

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn spread(mean: Option<f64>, std: Option<f64>, missing: usize) -> Value {
    mean.map_or(Value::Nothing, |mean| Value::Spread(mean, std, missing))
}

/// Beside it, on a page, the criterion where it is called otherwise, or how many seeds are missing.
fn name(row: &Row) -> Value {
    let aside = match row.missing {
        0 if row.cell.is_empty() && row.criterion != row.arm => row.criterion.clone(),
        0 => String::new(),
        n => format!("({n} missing)"),
    };
    Value::Name(row.arm.clone(), aside)
}
