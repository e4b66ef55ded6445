//! The Terraform provider for NeuroIO.

use std::process::ExitCode;

use token_providers::neuroio::NeuroIo;
use token_providers::platform::Parts;
use token_providers::plugin::{self, About};

fn main() -> ExitCode {
    let about = About {
        name: "neuroio",
        version: env!("CARGO_PKG_VERSION"),
        address: "registry.terraform.io/token-providers/neuroio",
    };
    plugin::run(&about, || NeuroIo::new(Parts::default()))
}
