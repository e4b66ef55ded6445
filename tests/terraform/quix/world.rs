//! Quix's sandbox for the tests under the real Terraform.

use secrecy::ExposeSecret as _;
use serde_json::Value;
use token_providers::framework::Provider;
use token_providers::platform::Runtime;
use token_providers::quix::Quix;
use token_providers::sandbox::quix::{Options, PersonalAccessToken, Portal, Role, Sandbox};

pub(crate) use crate::terraform::world::{PlatformUnderTest, generation, warnings};

/// A Quix organisation and a Terraform workspace.
pub(crate) type World = crate::terraform::world::World<Portal>;

impl PlatformUnderTest for Portal {
    const NAME: &'static str = "quix";
    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_terraform-provider-quix");

    fn start() -> Sandbox {
        let sandbox = Sandbox::new(Options::default());
        for workspace in ["acme-shop-dev", "acme-shop-prod"] {
            sandbox.add_workspace(workspace);
        }
        sandbox
    }

    fn variables(sandbox: &Sandbox, base_url: &str) -> Vec<(&'static str, String)> {
        let token = sandbox.add_user(Role::Admin).expose_secret().to_owned();
        vec![("Quix__Portal__Api", base_url.to_owned()), ("Quix__Sdk__Token", token)]
    }

    fn provider(runtime: Runtime) -> impl Provider {
        Quix::new(runtime)
    }
}

/// The environment in most tests.
pub(crate) const DEV: &str = "acme-shop-dev";

/// The address of the environment's streaming tokens.
pub(crate) const TOKENS: &str = "quix_streaming_tokens.dev";

/// Returns the configuration of the streaming tokens, with a trigger `leak`.
pub(crate) fn tokens(leak: &str) -> String {
    let arguments = format!("workspace_id = \"{DEV}\"\n  rotation_triggers = {{ leak = \"{leak}\" }}");
    format!("resource \"quix_streaming_tokens\" \"dev\" {{\n  {arguments}\n}}\n")
}

impl World {
    /// The personal access tokens of the provider's user. The first is the provider's own.
    pub(crate) fn tokens(&self) -> Vec<PersonalAccessToken> {
        let own = self.given("Quix__Sdk__Token").into();
        self.sandbox.personal_access_tokens(&own)
    }

    /// Asserts that both tokens are in the state and valid, and returns the attributes.
    pub(crate) async fn assert_current(&self) -> Value {
        let attributes = self.attributes(TOKENS).await;
        let current = self.sandbox.tokens(DEV).unwrap();
        for (name, token) in ["token_1", "token_2"].iter().zip(current) {
            assert_eq!(attributes[name], token.expose_secret());
            assert!(self.accepts(&attributes[name]));
        }
        attributes
    }
}
