//! The Terraform provider for NeuroIO.

use std::process::ExitCode;

use token_providers::neuroio::NeuroIo;
use token_providers::platform::Runtime;
use token_providers::plugin::{self, ProviderInfo};

fn main() -> ExitCode {
    let info = ProviderInfo::new(
        "registry.terraform.io/token-providers/neuroio",
        env!("CARGO_PKG_VERSION"),
    );
    plugin::run(&info, || NeuroIo::new(Runtime::default()))
}
