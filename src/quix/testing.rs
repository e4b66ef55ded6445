//! What the tests of this room share: an API that speaks to the sandbox in the same process, under tokio's clock.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;

use super::api::{Api, Endpoint};
use super::connection::{Connection, Endpoints, Session};
use crate::platform::State;
use crate::platform::testing::{client, clock};
use crate::rest::{Credential, Transport};
use crate::sandbox::quix::{self, Paths, Role, Sandbox};

/// The environment of most tests.
pub(super) const DEV: &str = "acme-shop-dev";

/// A sandbox with one environment, whose time is tokio's.
pub(super) fn sandbox(options: quix::Options) -> Sandbox {
    let sandbox = Sandbox::with_clock(clock(), options);
    sandbox.add_workspace(DEV);
    sandbox
}

/// A connection through `transport`, told where the sandbox reads and rotates.
pub(super) fn connection_through(transport: Transport, token: &SecretString, paths: Paths) -> Connection {
    let credential = Credential::bearer(token.clone()).unwrap();
    let api = Api::new(client(transport, "http://127.0.0.1", credential));
    let endpoints = Endpoints {
        reading: Some(Endpoint::of_reading(paths.reading()).unwrap()),
        rotation: Some(Endpoint::of_action(paths.rotation()).unwrap()),
    };
    Connection::new(api, endpoints, Duration::from_secs(300))
}

/// A session that works with this token.
pub(super) fn session_with(sandbox: &Sandbox, token: &SecretString) -> Session {
    let connection = connection_through(Transport::new(sandbox.service()), token, sandbox.options().paths);
    connected(sandbox, connection)
}

/// A session that works with this connection.
pub(super) fn connected(sandbox: &Sandbox, connection: Connection) -> Session {
    let session = Session::new(sandbox.clock());
    session.set(State::Connected(Arc::new(connection)));
    session
}

/// A session of a user with this role.
pub(super) fn session(sandbox: &Sandbox, role: Role) -> Session {
    session_with(sandbox, &sandbox.user(role))
}

/// Everything that the platform's documents leave open, one way and another.
pub(super) fn every_shape() -> Vec<quix::Options> {
    use http::StatusCode;
    use quix::{ErrorBody, Options, Readers, Rotated, Tokens};
    let others = [
        Options::default(),
        Options {
            paths: Paths::Beside,
            readers: Readers::Admins,
            refused: StatusCode::NOT_FOUND,
            errors: ErrorBody::Message,
            ..Options::default()
        },
        Options {
            shown_after: jiff::SignedDuration::from_secs(3),
            readers: Readers::Holders,
            errors: ErrorBody::Text,
            ..Options::default()
        },
        Options {
            errors: ErrorBody::Empty,
            refused: StatusCode::UNAUTHORIZED,
            ..Options::default()
        },
    ];
    let shapes = [
        (Tokens::Published, Rotated::Tokens),
        (Tokens::Named, Rotated::Tokens),
        (Tokens::Texts, Rotated::NewToken),
        (Tokens::Objects, Rotated::Empty),
        (Tokens::Wrapped, Rotated::NoContent),
    ];
    let shapes = others.into_iter().flat_map(|options| {
        shapes.map(|(tokens, rotated)| Options {
            tokens,
            rotated,
            ..options.clone()
        })
    });
    shapes.collect()
}
