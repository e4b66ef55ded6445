//! The Terraform provider for StarTree.

use std::process::ExitCode;

use token_providers::platform::Parts;
use token_providers::plugin::{self, About};
use token_providers::startree::StarTree;

fn main() -> ExitCode {
    let about = About {
        name: "startree",
        version: env!("CARGO_PKG_VERSION"),
        address: "registry.terraform.io/token-providers/startree",
    };
    plugin::run(&about, || StarTree::new(Parts::default()))
}
