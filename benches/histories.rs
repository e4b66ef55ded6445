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
use simulation::batch;
use simulation::provider::Speed;

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
        let batch = batch::run(speed, from..end);
        println!("{}", batch.figures);
        held &= batch.broken.is_empty();
        for (seed, broken) in &batch.broken {
            println!("seed {seed}: {}", broken.why);
        }
        // Shrinking each of them takes a while.
        for (seed, broken) in batch.broken.into_iter().take(3) {
            println!("\n{}", batch::explain(speed, seed, broken));
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
