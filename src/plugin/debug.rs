//! Attaching Terraform to a provider that runs already, in a debugger for example.

use serde_json::json;

use super::About;
use super::handshake::PROTOCOL;
use super::socket::Address;

/// What a person needs to attach Terraform to the provider at `address`.
pub(super) fn instructions(about: &About, address: &Address) -> String {
    // Terraform calls it a test when it is not to end the provider's process.
    let reattach = json!({
        about.address: {
            "Protocol": "grpc",
            "ProtocolVersion": PROTOCOL,
            "Pid": std::process::id(),
            "Test": true,
            "Addr": { "Network": address.network(), "String": address.to_string() },
        }
    });
    format!(
        "{about} serves. In another shell, let Terraform attach to it:\n\n    \
         export TF_REATTACH_PROVIDERS='{reattach}'\n\n\
         Then run `terraform plan` as usual. Ctrl-C ends the provider; `unset TF_REATTACH_PROVIDERS` forgets it.\n"
    )
}
