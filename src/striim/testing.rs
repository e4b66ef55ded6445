//! What the tests of this room share: an API that speaks to the sandbox in the same process, under tokio's clock.

use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc;

use super::api::Api;
use super::connection::{Connection, Session};
use crate::framework::{Action, Context, Diagnostics, Progress};
use crate::platform::State;
pub(super) use crate::platform::testing::operation;
use crate::platform::testing::{self, client, clock};
use crate::rest::{Credential, Transport};
use crate::sandbox::Fault;
use crate::sandbox::striim::{self, Sandbox, Seed};

/// A sandbox whose time is tokio's.
pub(super) fn sandbox(options: striim::Options) -> Sandbox {
    Sandbox::seeded(
        Seed {
            clock: clock(),
            ..Seed::default()
        },
        options,
    )
}

/// The API, as its administrator.
pub(super) fn api(sandbox: &Sandbox) -> Api {
    api_with(sandbox, &sandbox.admin_token())
}

/// The API, called with this token.
pub(super) fn api_with(sandbox: &Sandbox, token: &SecretString) -> Api {
    let credential = Credential::bearer(token.clone()).unwrap();
    let transport = Transport::new(sandbox.service());
    Api::new(client(transport, "http://127.0.0.1/api/v1", credential))
}

/// A session with the account, as its administrator.
pub(super) fn session(sandbox: &Sandbox) -> Session {
    session_with(sandbox, &sandbox.admin_token())
}

/// A session with the account, by this token.
pub(super) fn session_with(sandbox: &Sandbox, token: &SecretString) -> Session {
    let session = Session::new(sandbox.clock());
    let connection = Connection::new(api_with(sandbox, token), "acme".to_owned(), Duration::from_secs(300));
    session.set(State::Connected(Arc::new(connection)));
    session
}

/// Every way in which an answer is lost, before or after the platform acted.
pub(super) fn losses() -> Vec<Fault> {
    testing::losses(r#"{"name":"somebody-else","token":"x","token-id":1}"#)
}

/// What an action tells, line by line, and its diagnostics.
pub(super) async fn invoke<A: Action>(action: &A, config: A::Config) -> (Vec<String>, Diagnostics) {
    let (sender, mut lines) = mpsc::channel(100);
    let mut diagnostics = Diagnostics::default();
    action
        .invoke(&Context::default(), config, &Progress(sender), &mut diagnostics)
        .await;
    let mut told = Vec::new();
    while let Ok(line) = lines.try_recv() {
        told.push(line);
    }
    (told, diagnostics)
}

/// What an action tells before it is done.
pub(super) async fn plan<A: Action>(action: &A, config: &A::Config) -> Vec<String> {
    let mut diagnostics = Diagnostics::default();
    action.plan(&Context::default(), config, &mut diagnostics).await;
    diagnostics.iter().map(ToString::to_string).collect()
}
