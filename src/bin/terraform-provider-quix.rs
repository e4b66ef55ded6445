//! The Terraform provider for Quix.

use std::process::ExitCode;

use token_providers::platform::Runtime;
use token_providers::plugin::{self, ProviderInfo};
use token_providers::quix::Quix;

fn main() -> ExitCode {
    let info = ProviderInfo::new("registry.terraform.io/token-providers/quix", env!("CARGO_PKG_VERSION"));
    plugin::run(&info, || Quix::new(Runtime::default()))
}
