//! A provider that runs already, in a debugger or in a test, and that Terraform attaches to instead of starting one.

use std::future::Future;
use std::io;

use serde_json::json;

use super::About;
use super::handshake::PROTOCOL;
use super::server::Server;
use super::socket::{self, Incoming, Place, Socket};
use crate::framework::{self, Provider};

/// A socket for Terraform to attach to, which only the same user can reach. It is not encrypted.
pub struct Attachable {
    address: &'static str,
    socket: Socket<Incoming>,
}

impl Attachable {
    /// Opens the socket.
    ///
    /// # Errors
    ///
    /// If there can be none in the directory for temporary files.
    pub fn open(about: &About) -> io::Result<Self> {
        let socket = socket::open(&Place::default()).map_err(io::Error::other)?;
        Ok(Self {
            address: about.address,
            socket,
        })
    }

    /// The value of `TF_REATTACH_PROVIDERS` by which Terraform finds it.
    pub fn variable(&self) -> String {
        let socket = &self.socket.address;
        // Terraform calls it a test when it is not to end the provider's process.
        let reattach = json!({
            self.address: {
                "Protocol": "grpc",
                "ProtocolVersion": PROTOCOL,
                "Pid": std::process::id(),
                "Test": true,
                "Addr": { "Network": socket.network(), "String": socket.to_string() },
            }
        });
        reattach.to_string()
    }

    /// Serves `provider` to whoever attaches, until `end` completes. One provider then serves many runs.
    pub async fn serve<P: Provider>(self, provider: P, end: impl Future<Output = ()>) {
        let server = Server::new(framework::Server::new(provider), None, None);
        server.serve(self.socket.incoming, end).await;
    }
}

/// What a person needs to attach Terraform to it.
pub(super) fn instructions(about: &About, attachable: &Attachable) -> String {
    let variable = attachable.variable();
    format!(
        "{about} serves. In another shell, let Terraform attach to it:\n\n    \
         export TF_REATTACH_PROVIDERS='{variable}'\n\n\
         Then run `terraform plan` as usual. Ctrl-C ends the provider; `unset TF_REATTACH_PROVIDERS` forgets it.\n"
    )
}
