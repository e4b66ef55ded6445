//! The Terraform provider for StarTree.

use std::process::ExitCode;

use token_providers::platform::Runtime;
use token_providers::plugin::{self, ProviderInfo};
use token_providers::startree::StarTree;

fn main() -> ExitCode {
    let info = ProviderInfo::new(
        "registry.terraform.io/token-providers/startree",
        env!("CARGO_PKG_VERSION"),
    );
    plugin::run(&info, || StarTree::new(Runtime::default()))
}
