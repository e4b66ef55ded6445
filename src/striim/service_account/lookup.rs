//! Lookups of service accounts in the platform's list.

use jiff::Timestamp;

use crate::rest::Operation;
use crate::striim::api::{OwnToken, ServiceAccount, find, is_same_name};
use crate::striim::connection::Connection;
use crate::striim::quota;
use crate::striim::token_value::PresentToken;

/// Returns the account that a state knows by this name and token.
///
/// The number of the token decides first, because the platform may spell the name differently from
/// the configuration.
pub(in crate::striim) fn find_own<'a>(
    accounts: &'a [ServiceAccount],
    name: &str,
    token_id: Option<i64>,
) -> Option<&'a ServiceAccount> {
    let has_token = |account: &&ServiceAccount| token_id.is_some() && account.token_id == token_id;
    accounts.iter().find(has_token).or_else(|| find(accounts, name))
}

/// Whether the list may show the account under another spelling of its name, without the number of
/// its token to identify it.
pub(in crate::striim) fn may_be_spelled_otherwise(
    accounts: &[ServiceAccount],
    name: &str,
    token_id: Option<i64>,
) -> bool {
    accounts
        .iter()
        .any(|account| is_same_name(&account.name, name) && (token_id.is_none() || account.token_id.is_none()))
}

/// Whether the token of a service account is the provider's own credential.
///
/// A known value is compared, or its hash. An unknown one is identified by elimination: the own token is active,
/// and does not belong to a user.
pub(in crate::striim) async fn is_own_token(
    connection: &Connection,
    operation: &Operation,
    name: &str,
    present: &PresentToken,
    now: Timestamp,
) -> OwnToken {
    let is_own = match (present.value.known(), &present.hash) {
        (Some(value), _) => Some(connection.api.is_own_credential(value).await),
        (None, Some(hash)) => Some(connection.api.is_own_hash(hash).await),
        (None, None) => None,
    };
    match is_own {
        Some(true) => return OwnToken::Yes,
        Some(false) => return OwnToken::No,
        None => {}
    }
    let Ok(cached) = connection.cached_accounts(operation).await else {
        return OwnToken::Unknown;
    };
    // The platform rejects an expired token.
    let is_active = |account: &&ServiceAccount| quota::is_active(account, now);
    let mut active = cached.items.iter().filter(is_active).map(|account| &account.name);
    if !active.clone().any(|other| other == name) {
        return OwnToken::No;
    }
    match connection.works_as_user(operation).await {
        Some(true) => OwnToken::No,
        Some(false) if active.all(|other| other == name) => OwnToken::Yes,
        _ => OwnToken::Unknown,
    }
}
