//! Test helpers: providers and connections that call the sandbox in the same process, under tokio's
//! paused clock.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::api::{Api, Endpoint};
use super::connection::{Connection, Endpoints};
use super::provider::Quix;
use crate::framework::testing::Workspace;
use crate::platform::Runtime;
use crate::platform::testing::{client, clock, variables};
use crate::rest::{Credential, Transport};
use crate::sandbox::quix::{self, Paths, Role, Sandbox};

pub(super) use crate::sandbox::quix::option_variants;

/// The environment of most tests.
pub(super) const DEV: &str = "acme-shop-dev";

/// Creates a sandbox with one environment, whose clock is tokio's.
pub(super) fn sandbox(options: quix::Options) -> Sandbox {
    let sandbox = Sandbox::with_clock(clock(), options);
    sandbox.add_workspace(DEV);
    sandbox
}

/// Creates a connection with the token of a user with this role.
pub(super) fn connection(sandbox: &Sandbox, role: Role) -> Connection {
    connection_with(sandbox, &sandbox.add_user(role))
}

/// Creates a connection with this token.
pub(super) fn connection_with(sandbox: &Sandbox, token: &SecretString) -> Connection {
    let credential = Credential::bearer(token.clone()).unwrap();
    let transport = Transport::new(sandbox.service());
    let api = Api::new(client(transport, "http://127.0.0.1", credential));
    let paths = sandbox.options().paths;
    let endpoints = Endpoints {
        read: Endpoint::for_read(paths.reading()).unwrap(),
        rotate: Endpoint::for_rotation(paths.rotation()).unwrap(),
    };
    Connection::new(api, endpoints, Duration::from_secs(300))
}

/// Returns a function that creates providers with the token of a user with this role.
pub(super) fn provider(sandbox: &Sandbox, role: Role) -> impl Fn() -> Quix + Clone + use<> {
    provider_with(sandbox, &sandbox.add_user(role))
}

/// Returns a function that creates providers with this token.
pub(super) fn provider_with(sandbox: &Sandbox, token: &SecretString) -> impl Fn() -> Quix + Clone + use<> {
    let (sandbox, token) = (sandbox.clone(), token.clone());
    move || {
        let platform = sandbox.clone();
        Quix::new(Runtime {
            clock: sandbox.clock(),
            environment: variables(&[
                ("Quix__Portal__Api", "http://127.0.0.1"),
                ("Quix__Sdk__Token", token.expose_secret()),
            ]),
            transport: Box::new(move |_| Transport::new(platform.service())),
        })
    }
}

/// Creates a Terraform workspace, whose `provider` block has the sandbox's paths if they are not the
/// published ones.
pub(super) fn workspace(sandbox: &Sandbox) -> Workspace {
    let paths = sandbox.options().paths;
    match paths {
        Paths::Published => Workspace::new(),
        Paths::ByQuery => Workspace::new().with_provider(json!({
            "streaming_tokens_path": paths.reading(),
            "rotate_streaming_tokens_path": paths.rotation(),
        })),
    }
}
