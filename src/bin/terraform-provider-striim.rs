//! The Terraform provider for Striim Cloud.

use std::process::ExitCode;

use token_providers::plugin::{self, ProviderInfo};
use token_providers::striim::{Runtime, Striim};

fn main() -> ExitCode {
    let info = ProviderInfo::new(
        "registry.terraform.io/token-providers/striim",
        env!("CARGO_PKG_VERSION"),
    );
    plugin::run(&info, || Striim::new(Runtime::default()))
}
