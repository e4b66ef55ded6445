//! Shared test support: API clients and providers that call the sandbox in process, under tokio's paused clock.

mod account;
mod clock;
mod rotation_policy;
mod saved_plan;
mod secrets;
mod workspace;

use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::mpsc;

use crate::framework::{self, Action, Configured, Diagnostics, DynResource, Progress, Provider};
use crate::platform::Runtime;
pub(in crate::striim) use crate::platform::testing::operation;
use crate::platform::testing::{self, client, clock, variables};
use crate::redaction::KnownSecrets;
use crate::rest::{Credential, Transport};
use crate::sandbox::Fault;
use crate::sandbox::striim::{self, Sandbox, Seed};
use crate::striim::api::Api;
use crate::striim::connection::{Connection, Context};
use crate::striim::provider::Striim;
use crate::striim::settings::Config;

/// Returns a sandbox with tokio's clock.
pub(in crate::striim) fn sandbox(options: striim::Options) -> Sandbox {
    Sandbox::seeded(
        Seed {
            clock: clock(),
            ..Seed::default()
        },
        options,
    )
}

/// Returns an API client with the administrator's token.
pub(in crate::striim) fn api(sandbox: &Sandbox) -> Api {
    api_with(sandbox, &sandbox.admin_token())
}

/// Returns an API client with this token.
pub(in crate::striim) fn api_with(sandbox: &Sandbox, token: &SecretString) -> Api {
    let credential = Credential::bearer(token.clone()).unwrap();
    let transport = Transport::new(sandbox.service());
    Api::new(client(transport, "http://127.0.0.1/api/v1", credential))
}

/// Returns a connection with the administrator's token.
pub(in crate::striim) fn connection(sandbox: &Sandbox) -> Connection {
    connection_with(sandbox, &sandbox.admin_token())
}

/// Returns a connection with this token.
pub(in crate::striim) fn connection_with(sandbox: &Sandbox, token: &SecretString) -> Connection {
    Connection::new(api_with(sandbox, token), "acme".to_owned(), Duration::from_secs(300))
}

/// Returns the context of a call to a provider with the administrator's token.
pub(in crate::striim) fn context(sandbox: &Sandbox) -> Context {
    Context::with_client(connection(sandbox))
}

/// The provider with a given API client, whose answers do not correct the provider's clock.
pub(in crate::striim) struct Connected {
    striim: Striim,
    api: Api,
}

/// Returns a provider with the administrator's token.
pub(in crate::striim) fn provider(sandbox: &Sandbox) -> Connected {
    provider_with(sandbox, &sandbox.admin_token())
}

/// Returns a provider with this token.
pub(in crate::striim) fn provider_with(sandbox: &Sandbox, token: &SecretString) -> Connected {
    provider_by(sandbox, &api_with(sandbox, token))
}

/// Returns a provider with this API client. Providers that share a client use the same token, even after a rotation.
pub(in crate::striim) fn provider_by(sandbox: &Sandbox, api: &Api) -> Connected {
    Connected {
        striim: Striim::new(Runtime {
            clock: sandbox.clock(),
            environment: variables(&[]),
            transport: Box::new(|_| unreachable!("the connection is given")),
        }),
        api: api.clone(),
    }
}

impl Connected {
    /// Synchronises the provider's clock with the platform's, as any answer with a `Date` does.
    pub(in crate::striim) fn synchronised(self) -> Self {
        let clock = self.striim.session().clock();
        let now = clock.now();
        clock.observe(now, now, now);
        self
    }
}

impl Provider for Connected {
    type Config = Config;
    type Client = Connection;

    fn secrets(&self) -> KnownSecrets {
        self.striim.secrets()
    }

    async fn configure(
        &self,
        _: &framework::Context<()>,
        _: Config,
        _: &str,
    ) -> Result<Configured<Connection>, Diagnostics> {
        let timeout = Duration::from_secs(300);
        Ok(Configured::Ready(Connection::new(
            self.api.clone(),
            "acme".to_owned(),
            timeout,
        )))
    }

    fn resources(&self) -> Vec<Box<dyn DynResource<Connection>>> {
        self.striim.resources()
    }
}

/// Returns all faults that lose an answer, before or after the platform executed the request.
pub(in crate::striim) fn lost_answers() -> Vec<Fault> {
    testing::lost_answers(r#"{"name":"another-account","token":"x","token-id":1}"#)
}

/// Invokes an action. Returns its progress messages and its diagnostics.
pub(in crate::striim) async fn invoke<A: Action<Client = Connection>>(
    action: &A,
    context: &Context,
    config: A::Config,
) -> (Vec<String>, Diagnostics) {
    let (sender, mut lines) = mpsc::channel(100);
    let outcome = action.invoke(context, config, &Progress(sender)).await;
    context.diagnostics().ok(outcome);
    let mut progress = Vec::new();
    while let Ok(line) = lines.try_recv() {
        progress.push(line);
    }
    (progress, context.take_diagnostics())
}

/// Plans an action. Returns its diagnostics as text.
pub(in crate::striim) async fn plan<A: Action<Client = Connection>>(
    action: &A,
    context: &Context,
    config: &A::Config,
) -> Vec<String> {
    let outcome = action.plan(context, config).await;
    context.diagnostics().ok(outcome);
    context.take_diagnostics().iter().map(ToString::to_string).collect()
}
