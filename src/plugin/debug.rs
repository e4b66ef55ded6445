//! Attaching Terraform or OpenTofu to a provider that already runs, in a debugger or in a test.

use std::future::Future;
use std::io;

use serde_json::{Map, Value, json};

use super::ProviderInfo;
use super::handshake::PROTOCOL;
use super::server::Server;
use super::socket::{self, Incoming, Place, Socket};
use crate::framework::{self, Provider};

/// The hosts of the public registries. Terraform adds the first to a source address without a host,
/// OpenTofu the second.
const PUBLIC_REGISTRIES: [&str; 2] = ["registry.terraform.io", "registry.opentofu.org"];

/// A socket that Terraform attaches to instead of starting the provider's program.
///
/// Only the user who opened it can connect, and the connection is not encrypted: clients that
/// attach cannot authenticate. Use it for acceptance tests: the provider runs in the process of the
/// test, which can inspect it, set breakpoints in it and replace its clock.
///
/// ```no_run
/// use std::process::Command;
///
/// use token_providers::framework::Provider;
/// use token_providers::plugin::{Attachable, ProviderInfo};
///
/// async fn plan(notes: impl Provider) -> std::io::Result<()> {
///     let info = ProviderInfo::new("registry.terraform.io/acme/notes", "1.0.0");
///     let attachable = Attachable::open(&info)?;
///     let mut terraform = Command::new("terraform");
///     terraform.arg("plan").env("TF_REATTACH_PROVIDERS", attachable.variable());
///     let (finished, end) = tokio::sync::oneshot::channel();
///     std::thread::spawn(move || finished.send(terraform.status()));
///     attachable.serve(notes, async { drop(end.await) }).await;
///     Ok(())
/// }
/// ```
pub struct Attachable {
    address: &'static str,
    socket: Socket<Incoming>,
}

impl Attachable {
    /// Opens the socket, in the directory for temporary files. It must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    ///
    /// Fails if the socket cannot be created, and on operating systems without Unix sockets
    /// (Windows), because every user's processes can connect to a port.
    pub fn open(info: &ProviderInfo) -> io::Result<Self> {
        let socket = socket::open(&Place::default()).and_then(Socket::restricted_to_user);
        let socket = socket.map_err(io::Error::other)?;
        Ok(Self {
            address: info.address,
            socket,
        })
    }

    /// Returns the value of `TF_REATTACH_PROVIDERS` with which Terraform and OpenTofu attach to
    /// this socket.
    ///
    /// It is a JSON object with the provider's source addresses as keys. Merge the objects of
    /// several providers to attach to all of them.
    pub fn variable(&self) -> String {
        let socket = &self.socket.address;
        let attach = json!({
            "Protocol": "grpc",
            "ProtocolVersion": PROTOCOL,
            "Pid": std::process::id(),
            // Terraform stops the process at the end of its run unless this is a test.
            "Test": true,
            "Addr": { "Network": socket.network(), "String": socket.to_string() },
        });
        let addresses = addresses(self.address);
        let providers: Map<String, Value> = addresses.into_iter().map(|key| (key, attach.clone())).collect();
        Value::from(providers).to_string()
    }

    /// Serves `provider` to every client that attaches, until `end` completes. One provider can
    /// serve many runs.
    pub async fn serve<P: Provider>(self, provider: P, end: impl Future<Output = ()>) {
        let server = Server::new(framework::Server::new(provider), None, None);
        server.serve(self.socket.incoming, end).await;
    }
}

/// Returns the source addresses under which a configuration may require the provider. A private
/// host is kept. Otherwise the provider is the same in Terraform and OpenTofu.
fn addresses(address: &str) -> Vec<String> {
    let parts: Vec<&str> = address.split('/').collect();
    let path = match *parts {
        [host, namespace, name] if PUBLIC_REGISTRIES.contains(&host) => format!("{namespace}/{name}"),
        [_, _, _] => return vec![address.to_owned()],
        _ => address.to_owned(),
    };
    PUBLIC_REGISTRIES.map(|host| format!("{host}/{path}")).into()
}

/// Returns the text that `--debug` prints: how to attach Terraform to the socket.
pub(super) fn instructions(info: &ProviderInfo, attachable: &Attachable) -> String {
    let variable = attachable.variable();
    format!(
        "{info} is running. In another shell, let Terraform or OpenTofu attach to it:\n\n    \
         export TF_REATTACH_PROVIDERS='{variable}'\n\n\
         Then run `terraform plan` or `tofu plan` as usual. Ctrl-C stops the provider; `unset TF_REATTACH_PROVIDERS` \
         detaches the shell.\n"
    )
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn addresses_of_public_provider_name_both_registries() {
        let both = ["registry.terraform.io/acme/notes", "registry.opentofu.org/acme/notes"];
        for address in [
            "acme/notes",
            "registry.terraform.io/acme/notes",
            "registry.opentofu.org/acme/notes",
        ] {
            assert_eq!(addresses(address), both, "{address}");
        }
    }

    #[test]
    fn addresses_of_private_registry_keep_their_host() {
        assert_eq!(addresses("tf.acme.example/acme/notes"), ["tf.acme.example/acme/notes"]);
    }
}
