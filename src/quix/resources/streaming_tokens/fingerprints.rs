//! The hashes of an environment's tokens, by which tokens are compared: the state may not have the
//! values.

use crate::platform::sha256::sha256;
use crate::quix::api::StreamingTokens;

/// The SHA-256 hashes of both tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fingerprints {
    pub(super) token_1: String,
    pub(super) token_2: String,
}

impl From<&StreamingTokens> for Fingerprints {
    fn from(tokens: &StreamingTokens) -> Self {
        Self {
            token_1: sha256(&tokens.token_1),
            token_2: sha256(&tokens.token_2),
        }
    }
}
