//! Whether a token is the one that the provider uses.

use super::model::PersonalAccessToken;
use crate::framework::PrivateState;
use crate::quix::connection::Connection;
use crate::quix::sha256::sha256;
use crate::rest::Operation;

/// The key in the private state of the hash of the previous token's value.
const PREVIOUS: &str = "previous_sha256";

/// Whether the provider uses a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnToken {
    Yes,
    No,
    /// The value is in neither the state nor Vault.
    Unknown,
}

/// Returns whether the provider uses the current token of this state.
pub(super) async fn current(connection: &Connection, operation: &Operation, state: &PersonalAccessToken) -> OwnToken {
    let delivery = &state.delivery;
    let value = connection
        .vault
        .value(operation, &delivery.vault, &delivery.vault_version, &delivery.token)
        .await;
    match value.known() {
        None => OwnToken::Unknown,
        Some(value) if connection.api.is_own_credential(value).await => OwnToken::Yes,
        Some(_) => OwnToken::No,
    }
}

/// Returns whether the provider uses the previous token, by the hash in the private state.
pub(super) async fn previous(connection: &Connection, private: &PrivateState) -> OwnToken {
    match private.get::<String>(PREVIOUS) {
        None => OwnToken::Unknown,
        Some(hash) if connection.api.is_own_hash(&hash).await => OwnToken::Yes,
        Some(_) => OwnToken::No,
    }
}

/// Records the hash of the value of the current token of this state, which becomes the previous one.
pub(super) async fn record_previous(
    connection: &Connection,
    operation: &Operation,
    state: &PersonalAccessToken,
    private: &PrivateState,
) {
    let delivery = &state.delivery;
    let value = connection
        .vault
        .value(operation, &delivery.vault, &delivery.vault_version, &delivery.token)
        .await;
    match value.known() {
        Some(value) => private.set(PREVIOUS, sha256(value)),
        None => private.remove(PREVIOUS),
    }
}
