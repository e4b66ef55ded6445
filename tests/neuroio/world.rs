//! One NeuroIO (a sandbox) with a real Terraform beside it.

#[path = "../support/world.rs"]
mod shared;

use secrecy::ExposeSecret as _;
use token_providers::framework::Provider;
use token_providers::neuroio::NeuroIo;
use token_providers::platform::Runtime;
use token_providers::sandbox::neuroio::{Options, Realm, Sandbox};

pub(crate) use shared::*;

impl Tested for Sandbox {
    const NAME: &'static str = "neuroio";
    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_terraform-provider-neuroio");

    fn started() -> Self {
        Self::new(Options::default())
    }

    fn variables(&self, base_url: &str) -> Vec<(&'static str, String)> {
        let api_token = self.api_token(&Realm::Account).expose_secret().to_owned();
        vec![
            ("NEUROIO_BASE_URL", base_url.to_owned()),
            ("NEUROIO_API_TOKEN", api_token),
        ]
    }

    fn provider(parts: Runtime) -> impl Provider {
        NeuroIo::new(parts)
    }

    /// The request that deletes all tokens was not sent.
    fn was_not_harmed(&self) {
        for path in ["/streams/tokens/", "/streams/tokens//", "/streams/tokens"] {
            assert_eq!(self.calls("DELETE", path), 0);
        }
    }
}

/// The address of the token that most tests declare.
pub(crate) const CAMERA: &str = "neuroio_stream_token.camera";

/// That token.
pub(crate) fn camera(arguments: &str) -> String {
    format!("resource \"neuroio_stream_token\" \"camera\" {{\n  {arguments}\n}}\n")
}

impl World {
    /// The ids of the account's tokens.
    pub(crate) fn ids(&self) -> Vec<u64> {
        let tokens = self.sandbox.tokens(&Realm::Account);
        tokens.iter().map(|token| token.id).collect()
    }
}
