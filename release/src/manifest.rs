//! The registry's manifest: which versions of the plugin protocol a provider speaks.

use serde_json::json;

/// The version of the plugin protocol that the providers speak.
pub(crate) const PROTOCOL: &str = "6.0";

/// The contents of a `_manifest.json`, and of `terraform-registry-manifest.json` in a provider's repository.
pub(crate) fn manifest() -> String {
    let manifest = json!({ "version": 1, "metadata": { "protocol_versions": [PROTOCOL] } });
    format!("{manifest:#}\n")
}
