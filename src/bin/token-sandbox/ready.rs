//! The message that the sandboxes are ready.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// Addresses and tokens of the running program.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Ready {
    /// The process that serves the sandboxes.
    pub(crate) pid: u32,
    pub(crate) sandboxes: Vec<ReadySandbox>,
    pub(crate) vault: Option<ReadyVault>,
}

/// A platform.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ReadySandbox {
    pub(crate) platform: String,
    pub(crate) title: String,
    pub(crate) account: String,
    pub(crate) base_url: String,
    pub(crate) console: String,
    pub(crate) control: String,
    /// The variables that configure the Terraform provider.
    pub(crate) environment: BTreeMap<String, String>,
}

/// The Vault.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ReadyVault {
    pub(crate) environment: BTreeMap<String, String>,
}

impl Ready {
    /// Shell commands that configure the providers.
    pub(crate) fn shell(&self) -> String {
        let mut text = String::new();
        for sandbox in &self.sandboxes {
            let ReadySandbox {
                title,
                account,
                console,
                ..
            } = sandbox;
            // Writing to a string cannot fail.
            let _ = writeln!(text, "# {title}, account {}: console at {console}", quoted(account));
            text.push_str(&export(&sandbox.environment));
        }
        if let Some(vault) = &self.vault {
            text.push_str("# Vault, KV version 2 at the mount secret\n");
            text.push_str(&export(&vault.environment));
        }
        let _ = writeln!(text, "export TOKEN_SANDBOX_PID={}", self.pid);
        text
    }

    /// One line of JSON.
    pub(crate) fn json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string(self)? + "\n")
    }
}

fn export(environment: &BTreeMap<String, String>) -> String {
    let assignments = environment
        .iter()
        .map(|(name, value)| format!("{name}={}", quoted(value)));
    format!("export {}\n", assignments.collect::<Vec<_>>().join(" "))
}

/// Quotes a text for a POSIX shell, if necessary.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''").replace(['\n', '\r'], " ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_for_shell() {
        for (text, expected) in [
            ("abc-1.D", "abc-1.D"),
            ("", "''"),
            ("$(reboot)", "'$(reboot)'"),
            ("it's", r"'it'\''s'"),
            ("a\nreboot", "'a reboot'"),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
