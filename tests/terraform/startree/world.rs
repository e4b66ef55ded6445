//! A StarTree sandbox and a real Terraform.

use secrecy::ExposeSecret as _;
use token_providers::framework::Provider;
use token_providers::platform::Runtime;
use token_providers::sandbox::Platform as _;
use token_providers::sandbox::startree::{Environment, Options, Sandbox, Subject};
use token_providers::startree::StarTree;

pub(crate) use crate::terraform::world::{PlatformUnderTest, generation, until, warnings};

/// A StarTree sandbox and a real Terraform.
pub(crate) type World = crate::terraform::world::World<Environment>;

impl PlatformUnderTest for Environment {
    const NAME: &'static str = "startree";
    const PROGRAM: &'static str = env!("CARGO_BIN_EXE_terraform-provider-startree");

    fn start() -> Sandbox {
        Sandbox::new(Options::default())
    }

    fn variables(sandbox: &Sandbox, base_url: &str) -> Vec<(&'static str, String)> {
        let token = sandbox.add_administrator().bearer().expose_secret().to_owned();
        let host = base_url.trim_end_matches(Environment::BASE_PATH);
        vec![
            ("STARTREE_BASE_URL", base_url.to_owned()),
            ("STARTREE_PINOT_URL", host.to_owned()),
            ("STARTREE_TOKEN", token),
        ]
    }

    fn provider(runtime: Runtime) -> impl Provider {
        StarTree::new(runtime)
    }
}

/// A policy, a role with the policy, and a group with the role.
pub(crate) const ACCESS: &str = r#"
resource "startree_policy" "read_only" {
  name        = "read-only"
  description = "Queries"
  document    = jsonencode({ version = "v1", statements = [{ effect = "allow", actions = ["query"], resources = ["*"] }] })
}

resource "startree_role" "reader" {
  name        = "reader"
  description = "Reads"
}

resource "startree_role_policy_attachment" "reader_read_only" {
  role   = startree_role.reader.id
  policy = startree_policy.read_only.id
}

resource "startree_role_assignment" "analysts" {
  role         = startree_role.reader.id
  subject_type = "group"
  subject      = "data-analysts"
}
"#;

impl World {
    /// Returns the policies and the subjects of the role `reader`; `None` if the role does not
    /// exist.
    pub(crate) fn reader(&self) -> Option<(Vec<String>, Vec<Subject>)> {
        let role = self.sandbox.roles().remove("reader")?;
        let subjects = role.subjects().cloned().collect();
        Some((role.policies.into_iter().collect(), subjects))
    }

    /// Returns the access keys of all service tokens but the provider's.
    pub(crate) fn keys(&self) -> Vec<String> {
        let own = self.given("STARTREE_TOKEN");
        let tokens = self.sandbox.tokens().into_iter();
        let others = tokens.filter(|token| token.bearer().expose_secret() != own);
        others.map(|token| token.access_key).collect()
    }

    /// Returns how many policies and roles exist in addition to the sandbox's initial ones.
    pub(crate) fn added_policies_and_roles(&self) -> (usize, usize) {
        (self.sandbox.policies().len() - 1, self.sandbox.roles().len() - 3)
    }
}
