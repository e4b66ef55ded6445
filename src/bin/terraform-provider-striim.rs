//! The Terraform provider for Striim Cloud.

use std::process::ExitCode;

use token_providers::plugin::{self, About};
use token_providers::striim::{Parts, Striim};

fn main() -> ExitCode {
    let about = About {
        name: "striim",
        version: env!("CARGO_PKG_VERSION"),
        address: "registry.terraform.io/token-providers/striim",
    };
    plugin::run(&about, || Striim::new(Parts::default()))
}
