//! Test helpers: providers and an API that call the sandbox in the same process, under tokio's
//! paused clock.

mod clock;
mod workspace;

use secrecy::{ExposeSecret, SecretString};

use super::api::{Api, TokenId};
use super::provider::NeuroIo;
use crate::platform::Runtime;
use crate::platform::testing::{client, clock, variables};
use crate::rest::{Credential, Transport};
use crate::sandbox::neuroio::{self, Realm, Sandbox, Token};
use crate::token::Clock;

pub(super) use crate::sandbox::neuroio::option_variants;

/// Creates a sandbox whose clock is tokio's.
pub(super) fn sandbox(options: neuroio::Options) -> Sandbox {
    Sandbox::with_clock(clock(), options)
}

/// Creates the API for the account's tokens.
pub(super) fn api(sandbox: &Sandbox) -> Api {
    api_with(sandbox, &sandbox.add_api_token(&Realm::Account))
}

/// Creates the API with this API token.
pub(super) fn api_with(sandbox: &Sandbox, token: &SecretString) -> Api {
    let credential = Credential::new("Token", token.clone()).unwrap();
    let transport = Transport::new(sandbox.service());
    Api::new(client(transport, "http://127.0.0.1/v1", credential))
}

/// Returns a function that creates providers for the account's tokens.
pub(super) fn provider(sandbox: &Sandbox) -> impl Fn() -> NeuroIo + use<> {
    provider_with(sandbox, &sandbox.add_api_token(&Realm::Account))
}

/// Returns a function that creates providers with this API token.
pub(super) fn provider_with(sandbox: &Sandbox, token: &SecretString) -> impl Fn() -> NeuroIo + use<> {
    provider_at(sandbox, token, sandbox.clock())
}

/// Returns a function that creates providers on a machine with this clock.
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

/// Returns the id of a token.
pub(super) fn id(token: &Token) -> TokenId {
    token.id.to_string().parse().unwrap()
}

/// Returns the API's path of a token, for faults.
pub(super) fn path(token: &Token) -> String {
    format!("/streams/tokens/{}/", token.id)
}
