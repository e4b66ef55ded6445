//! The history of an account, to be stored between runs.

use serde::{Deserialize, Serialize};

use super::activity::AuditEntry;
use super::management::TokenManagement;
use super::token::EndedTokens;
use crate::sandbox::Sandbox;

/// The past of an account, without values of tokens: the audit log, and the tokens that were revoked or replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct History {
    audit_log: Vec<AuditEntry>,
    ended_tokens: EndedTokens,
}

impl<P: TokenManagement> Sandbox<P> {
    /// The history, to be stored between runs.
    pub fn history(&self) -> History {
        History {
            audit_log: self.audit_log(),
            ended_tokens: self.with(|platform, _| platform.ended_tokens().clone()),
        }
    }

    /// Replaces the history by the one of an earlier run.
    pub fn restore_history(&self, history: History) {
        let History {
            audit_log,
            mut ended_tokens,
        } = history;
        ended_tokens.truncate();
        self.activity.restore(audit_log);
        self.with(|platform, _| *platform.ended_tokens() = ended_tokens);
    }
}
