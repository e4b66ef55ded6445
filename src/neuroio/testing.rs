//! What the tests of this room share: an API that speaks to the sandbox in the same process, under tokio's clock.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::api::{Api, TokenId};
use super::connection::{Connection, Session};
use crate::platform::State;
use crate::platform::testing::{client, clock};
use crate::rest::{Credential, Transport};
use crate::sandbox::neuroio::{self, Realm, Sandbox, Token};

/// A sandbox whose time is tokio's.
pub(super) fn sandbox(options: neuroio::Options) -> Sandbox {
    Sandbox::with_clock(clock(), options)
}

/// The API for the account's tokens.
pub(super) fn api(sandbox: &Sandbox) -> Api {
    api_with(sandbox, &sandbox.api_token(&Realm::Account))
}

/// The API, called with this token.
pub(super) fn api_with(sandbox: &Sandbox, token: &SecretString) -> Api {
    let credential = Credential::new("Token", token.clone()).unwrap();
    let transport = Transport::new(sandbox.service());
    Api::new(client(transport, "http://127.0.0.1/v1", credential))
}

/// A session with the account, by this token.
pub(super) fn session_with(sandbox: &Sandbox, token: &SecretString) -> Session {
    let session = Session::new(sandbox.clock());
    let connection = Connection::new(api_with(sandbox, token), Duration::from_secs(300));
    session.set(State::Connected(Arc::new(connection)));
    session
}

/// A session with the account.
pub(super) fn session(sandbox: &Sandbox) -> Session {
    session_with(sandbox, &sandbox.api_token(&Realm::Account))
}

/// The id of a token.
pub(super) fn id(token: &Token) -> TokenId {
    token.id.to_string().parse().unwrap()
}

/// The path of a token, for faults.
pub(super) fn path(token: &Token) -> String {
    format!("/streams/tokens/{}/", token.id)
}

/// Everything that the platform's clients leave open, one way and another.
pub(super) fn every_shape() -> Vec<neuroio::Options> {
    use neuroio::{ErrorBody, Expired, Instants, Options, Order, PermanentExpiry, Update};
    let expiries = [
        PermanentExpiry::Null,
        PermanentExpiry::Absent,
        PermanentExpiry::AYear,
        PermanentExpiry::ADay,
    ];
    let others = [
        Options::default(),
        Options {
            tell_permanent: true,
            instants: Instants::Zulu,
            order: Order::NewestFirst,
            update: Update::PutJson,
            errors: ErrorBody::Detail,
            expired: Expired::Gone,
            merges_slashes: false,
            ..Options::default()
        },
        Options {
            errors: ErrorBody::Empty,
            expired: Expired::Deactivated,
            inactive_count: false,
            longest_page: 20,
            ..Options::default()
        },
    ];
    let shapes = others.into_iter().flat_map(|options| {
        expiries.map(|permanent_expires| Options {
            permanent_expires,
            ..options.clone()
        })
    });
    shapes.collect()
}
