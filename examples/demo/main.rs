//! Demonstrates a provider with the real Terraform against the embedded sandbox: `cargo demo`, or
//! with the name of another platform, such as `cargo demo neuroio`. With `--watch`, it waits before each
//! step, so that one can look at the sandbox's console.
//!
//! Every printed statement about an outcome has been checked; the demo fails if a check does.

#![allow(clippy::print_stdout, clippy::indexing_slicing)]

mod neuroio;
mod quix;
mod stage;
mod startree;
mod striim;
#[path = "../../tests/support/terraform.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod terraform;
mod vault;

use std::time::Instant;

use anyhow::{Result, bail};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // For the only HTTP client here; the sandboxes use plain HTTP on loopback.
    rustls::crypto::ring::default_provider().install_default().ok();
    let start = Instant::now();
    let (options, platforms): (Vec<_>, Vec<_>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with('-'));
    match options.as_slice() {
        [] => {}
        [option] if option == "--watch" => stage::watch(),
        _ => bail!("the only option is --watch"),
    }
    match platforms.first().map(String::as_str) {
        None | Some("striim") => striim::run().await?,
        Some("neuroio") => neuroio::run().await?,
        Some("startree") => startree::run().await?,
        Some("quix") => quix::run().await?,
        Some(other) => bail!("there is a demo of striim, neuroio, startree and quix, not of {other}"),
    }
    println!("\nThe demo took {:.0?}.", start.elapsed());
    Ok(())
}
