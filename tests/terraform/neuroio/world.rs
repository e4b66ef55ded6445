//! NeuroIO's sandbox for the tests under the real Terraform.

use secrecy::ExposeSecret as _;
use token_providers::framework::Provider;
use token_providers::neuroio as provider;
use token_providers::platform::Runtime;
use token_providers::sandbox::neuroio::{NeuroIo, Options, Realm, Sandbox};

pub(crate) use crate::terraform::world::PlatformUnderTest;

/// A NeuroIO account and a Terraform workspace.
pub(crate) type World = crate::terraform::world::World<NeuroIo>;

impl PlatformUnderTest for NeuroIo {
    const NAME: &'static str = "neuroio";
    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_terraform-provider-neuroio");

    fn start() -> Sandbox {
        Sandbox::new(Options::default())
    }

    fn variables(sandbox: &Sandbox, base_url: &str) -> Vec<(&'static str, String)> {
        let api_token = sandbox.add_api_token(&Realm::Account).expose_secret().to_owned();
        vec![
            ("NEUROIO_BASE_URL", base_url.to_owned()),
            ("NEUROIO_API_TOKEN", api_token),
        ]
    }

    fn provider(runtime: Runtime) -> impl Provider {
        provider::NeuroIo::new(runtime)
    }

    /// Asserts that the request that deletes all tokens was not sent.
    fn assert_no_forbidden_requests(sandbox: &Sandbox) {
        for path in ["/streams/tokens/", "/streams/tokens//", "/streams/tokens"] {
            assert_eq!(sandbox.calls("DELETE", path), 0);
        }
    }
}

/// The address of the token that most tests declare.
pub(crate) const CAMERA: &str = "neuroio_stream_token.camera";

/// Returns the configuration of that token.
pub(crate) fn camera(arguments: &str) -> String {
    format!("resource \"neuroio_stream_token\" \"camera\" {{\n  {arguments}\n}}\n")
}

impl World {
    /// Returns the ids of the account's tokens.
    pub(crate) fn ids(&self) -> Vec<u64> {
        let tokens = self.sandbox.tokens(&Realm::Account);
        tokens.iter().map(|token| token.id).collect()
    }
}
