//! Runs many simulated histories with faults and crashes, and prints their outcomes: `cargo bench
//! --bench histories -- --simulated 1000000 --real 3000 --from 0`.
//!
//! It fails if a history violates a guarantee, and prints the shortest such history.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "../tests/support/simulation/mod.rs"]
mod simulation;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use simulation::batch::Histories;
use simulation::terraform::Speed;
use token_providers::framework::testing::simulation::Batch;

struct Arguments {
    simulated: u64,
    real: u64,
    /// The first seed.
    from: u64,
}

fn main() -> Result<ExitCode> {
    let Arguments { simulated, real, from } = parse(std::env::args().skip(1))?;
    let mut held = true;
    for (speed, histories) in [(Speed::Simulated, simulated), (Speed::Real, real)] {
        if histories == 0 {
            continue;
        }
        let end = from.saturating_add(histories);
        println!("{speed:?}, seeds {from}..{end}");
        let histories = Histories(speed);
        let (figures, summary) = histories.run_batch(Batch::new(from..end));
        println!("{figures}");
        held &= summary.failures.is_empty();
        for (seed, failure) in &summary.failures {
            println!("seed {seed}: {}", failure.problem);
        }
        if let Some(explanation) = summary.explain(&histories) {
            println!("\n{explanation}");
        }
    }
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Arguments> {
    let mut parsed = Arguments {
        simulated: 5_000,
        real: 100,
        from: 0,
    };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let figure = match argument.as_str() {
            "--simulated" => &mut parsed.simulated,
            "--real" => &mut parsed.real,
            "--from" => &mut parsed.from,
            // Cargo adds this argument.
            "--bench" => continue,
            _ => bail!("{argument} is none of --simulated, --real and --from"),
        };
        let value = arguments.next().with_context(|| format!("{argument} needs a number"))?;
        *figure = value.parse().with_context(|| format!("{argument} {value}"))?;
    }
    Ok(parsed)
}
