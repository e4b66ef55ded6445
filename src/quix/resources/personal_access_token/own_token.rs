//! Whether a token is the one that the provider uses.
//!
//! The private state records the hashes of the values, so that a token is recognised even if the state
//! has its value encrypted or not at all.

use secrecy::SecretString;

use crate::framework::PrivateState;
use crate::platform::delivery::Delivery;
use crate::platform::sha256::sha256;
use crate::quix::connection::Connection;
use crate::rest::Operation;

/// The key in the private state of the hash of the current token's value.
const CURRENT: &str = "value_sha256";

/// The key in the private state of the hash of the previous token's value.
const PREVIOUS: &str = "previous_sha256";

/// Whether the provider uses a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnToken {
    Yes,
    No,
    /// The value is in neither the state nor Vault, and its hash is not recorded.
    Unknown,
}

/// Records the value of a token that was just issued.
pub(super) fn record(private: &PrivateState, value: &SecretString) {
    private.set(CURRENT, sha256(value));
}

/// Records that the value of the current token is unknown.
pub(super) fn forget(private: &PrivateState) {
    private.remove(CURRENT);
}

/// Returns whether the provider uses the current token, whose value is stored as `delivery` shows.
pub(super) async fn current(
    connection: &Connection,
    operation: &Operation,
    delivery: &Delivery,
    private: &PrivateState,
) -> OwnToken {
    compare(connection, hash(connection, operation, delivery, private).await).await
}

/// Returns whether the provider uses the previous token.
pub(super) async fn previous(connection: &Connection, private: &PrivateState) -> OwnToken {
    compare(connection, private.get(PREVIOUS)).await
}

/// Records that the current token becomes the previous one.
pub(super) async fn record_previous(
    connection: &Connection,
    operation: &Operation,
    delivery: &Delivery,
    private: &PrivateState,
) {
    match hash(connection, operation, delivery, private).await {
        Some(hash) => private.set(PREVIOUS, hash),
        None => private.remove(PREVIOUS),
    }
}

/// Returns the hash of the current token's value: of the value itself if the state or Vault has it, or
/// else the recorded one.
async fn hash(
    connection: &Connection,
    operation: &Operation,
    delivery: &Delivery,
    private: &PrivateState,
) -> Option<String> {
    let value = connection
        .vault
        .value(operation, &delivery.vault, &delivery.vault_version, &delivery.token)
        .await;
    value.known().map(sha256).or_else(|| private.get(CURRENT))
}

async fn compare(connection: &Connection, hash: Option<String>) -> OwnToken {
    match hash {
        None => OwnToken::Unknown,
        Some(hash) if connection.api.is_own_hash(&hash).await => OwnToken::Yes,
        Some(_) => OwnToken::No,
    }
}
