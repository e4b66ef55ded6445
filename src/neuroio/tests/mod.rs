//! What the tests of this module share: providers and an API that reach the sandbox in the same process, under tokio's clock.

mod clock;

use secrecy::{ExposeSecret, SecretString};

use super::api::{Api, TokenId};
use super::provider::NeuroIo;
use crate::platform::Runtime;
use crate::platform::testing::{client, clock, variables};
use crate::rest::{Credential, Transport};
use crate::sandbox::neuroio::{self, Realm, Sandbox, Token};
use crate::token::Clock;

pub(super) use crate::sandbox::neuroio::option_variants;

/// A sandbox whose time is tokio's.
pub(super) fn sandbox(options: neuroio::Options) -> Sandbox {
    Sandbox::with_clock(clock(), options)
}

/// The API for the account's tokens.
pub(super) fn api(sandbox: &Sandbox) -> Api {
    api_with(sandbox, &sandbox.add_api_token(&Realm::Account))
}

/// The API, called with this token.
pub(super) fn api_with(sandbox: &Sandbox, token: &SecretString) -> Api {
    let credential = Credential::new("Token", token.clone()).unwrap();
    let transport = Transport::new(sandbox.service());
    Api::new(client(transport, "http://127.0.0.1/v1", credential))
}

/// Starts providers for the account's tokens.
pub(super) fn provider(sandbox: &Sandbox) -> impl Fn() -> NeuroIo + use<> {
    provider_with(sandbox, &sandbox.add_api_token(&Realm::Account))
}

/// Starts providers that work with this token.
pub(super) fn provider_with(sandbox: &Sandbox, token: &SecretString) -> impl Fn() -> NeuroIo + use<> {
    provider_at(sandbox, token, sandbox.clock())
}

/// Starts providers on a machine with this clock.
pub(super) fn provider_at(sandbox: &Sandbox, token: &SecretString, clock: Clock) -> impl Fn() -> NeuroIo + use<> {
    let (sandbox, token) = (sandbox.clone(), token.clone());
    move || {
        let platform = sandbox.clone();
        NeuroIo::new(Runtime {
            clock: clock.clone(),
            environment: variables(&[("NEUROIO_API_TOKEN", token.expose_secret())]),
            transport: Box::new(move |_| Transport::new(platform.service())),
        })
    }
}

/// The id of a token.
pub(super) fn id(token: &Token) -> TokenId {
    token.id.to_string().parse().unwrap()
}

/// The path of a token, for faults.
pub(super) fn path(token: &Token) -> String {
    format!("/streams/tokens/{}/", token.id)
}
