//! The main job, shown with the real Terraform against the embedded sandbox: `cargo demo`, or with the name of another
//! platform, such as `cargo demo neuroio`.
//!
//! Every sentence it prints about what happened has been checked just before; it ends with an error where one is not true.

#![allow(clippy::print_stdout, clippy::indexing_slicing)]

mod neuroio;
mod quix;
mod stage;
mod startree;
mod striim;
#[path = "../../tests/support/terraform.rs"]
mod terraform;
mod vault;

use anyhow::{Result, bail};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    // For the one HTTP client here; the sandboxes are plain HTTP on this machine.
    rustls::crypto::ring::default_provider().install_default().ok();
    match std::env::args().nth(1).as_deref() {
        None | Some("striim") => striim::run().await,
        Some("neuroio") => neuroio::run().await,
        Some("startree") => startree::run().await,
        Some("quix") => quix::run().await,
        Some(other) => bail!("there is a demo of striim, neuroio, startree and quix, not of {other}"),
    }
}
