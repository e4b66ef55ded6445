//! The Terraform provider for Quix.

use std::process::ExitCode;

use token_providers::platform::Parts;
use token_providers::plugin::{self, About};
use token_providers::quix::Quix;

fn main() -> ExitCode {
    let about = About {
        name: "quix",
        version: env!("CARGO_PKG_VERSION"),
        address: "registry.terraform.io/token-providers/quix",
    };
    plugin::run(&about, || Quix::new(Parts::default()))
}
