//! One Quix (a sandbox) with a real Terraform beside it.

use secrecy::ExposeSecret as _;
use serde_json::Value;
use token_providers::framework::Provider;
use token_providers::platform::Runtime;
use token_providers::quix::Quix;
use token_providers::sandbox::quix::{Options, Paths, Portal, Role, Sandbox};

pub(crate) use crate::terraform::world::{PlatformUnderTest, generation, warnings};

/// A Quix organisation, and a real Terraform.
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
        vec![
            ("Quix__Portal__Api", base_url.to_owned()),
            ("Quix__Sdk__Token", token),
            ("TF_VAR_streaming_tokens_path", Paths::Nested.reading().to_owned()),
            (
                "TF_VAR_rotate_streaming_tokens_path",
                Paths::Nested.rotation().to_owned(),
            ),
        ]
    }

    fn provider(parts: Runtime) -> impl Provider {
        Quix::new(parts)
    }
}

/// The environment that most tests are about.
pub(crate) const DEV: &str = "acme-shop-dev";

/// The address of its streaming tokens.
pub(crate) const TOKENS: &str = "quix_streaming_tokens.dev";

/// The provider, told where the sandbox reads and rotates.
pub(crate) fn provider_block(paths: Paths) -> String {
    format!(
        "provider \"quix\" {{\n  streaming_tokens_path = \"{}\"\n  rotate_streaming_tokens_path = \"{}\"\n}}\n",
        paths.reading(),
        paths.rotation()
    )
}

/// Its streaming tokens, rotated when `leak` changes.
pub(crate) fn tokens(leak: &str) -> String {
    let arguments = format!("workspace_id = \"{DEV}\"\n  rotation_triggers = {{ leak = \"{leak}\" }}");
    let resource = format!("resource \"quix_streaming_tokens\" \"dev\" {{\n  {arguments}\n}}\n");
    format!("{}{resource}", provider_block(Paths::Nested))
}

impl World {
    /// Both tokens are in the state, and let in.
    pub(crate) async fn has_both(&self) -> Value {
        let attributes = self.attributes(TOKENS).await;
        let there = self.sandbox.tokens(DEV).unwrap();
        for (name, token) in ["token_1", "token_2"].iter().zip(there) {
            assert_eq!(attributes[name], token.expose_secret());
            assert!(self.lets_in(&attributes[name]));
        }
        attributes
    }
}
