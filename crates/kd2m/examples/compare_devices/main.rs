//! Does another device compute what Burn's flex computes? Every layer kind, every criterion and every network of the zoo on both:
//! outputs, gradients, an optimizer step. Prints the largest relative deviations as a Markdown table; exit code 1 beyond a tolerance.
//!
//! cargo run --release -p kd2m --features wgpu --example compare_devices -- wgpu [layers|criteria|networks] [NAME…]

mod criteria;
mod engines;
mod layers;
mod networks;
mod row;

use std::{io::Write, process::ExitCode};

use kd2m::device::DeviceChoice;
use row::Row;

/// A thing to compare: its name, and what compares it.
type Case = (String, Box<dyn Fn() -> Row>);

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let device = words.next().unwrap_or_else(|| "wgpu".to_owned());
    let asked: Vec<String> = words.collect();
    match compare(&device, &asked) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("error: {why}");
            ExitCode::from(2)
        }
    }
}

/// Compares and prints; how many rows are beyond their tolerance.
fn compare(device: &str, asked: &[String]) -> Result<usize, Box<dyn std::error::Error>> {
    let choice = DeviceChoice::parse(device)?;
    println!("{device} ({:?}) against flex\n", choice.burn()?);
    let parts = [
        ("layers", layers::TOLERANCE, layers::cases(choice)),
        ("criteria", criteria::TOLERANCE, criteria::cases(choice)),
        ("networks", networks::TOLERANCE, networks::cases(choice)),
    ];
    let (mut compared, mut beyond) = (0, Vec::new());
    for (part, tolerance, cases) in parts {
        let wanted = |name: &String| asked.is_empty() || asked.iter().any(|a| a == part || a == name);
        let cases: Vec<Case> = cases.into_iter().filter(|(name, _)| wanted(name)).collect();
        if cases.is_empty() {
            continue;
        }
        println!("| {part} | outputs | gradients | farthest | |\n|---|--:|--:|---|---|");
        for (name, case) in cases {
            let row = row::guarded(case.as_ref());
            println!("| {name} | {} |", row.text(tolerance));
            std::io::stdout().flush()?;
            compared += 1;
            if !row.is_within(tolerance) {
                beyond.push(name);
            }
        }
        println!("\nwithin: outputs {:.1e}, gradients {:.1e}\n", tolerance.outputs, tolerance.gradients);
    }
    println!(
        "{compared} compared, {} beyond tolerance{}{}",
        beyond.len(),
        if beyond.is_empty() { "" } else { ": " },
        beyond.join(", ")
    );
    Ok(beyond.len())
}
