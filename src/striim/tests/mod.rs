//! What the tests of this module share: an API that calls the sandbox in the same process, under tokio's clock.

mod account;
mod clock;
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

/// A sandbox with tokio's clock.
pub(in crate::striim) fn sandbox(options: striim::Options) -> Sandbox {
    Sandbox::seeded(
        Seed {
            clock: clock(),
            ..Seed::default()
        },
        options,
    )
}

/// The API, as its administrator.
pub(in crate::striim) fn api(sandbox: &Sandbox) -> Api {
    api_with(sandbox, &sandbox.admin_token())
}

/// The API, called with this token.
pub(in crate::striim) fn api_with(sandbox: &Sandbox, token: &SecretString) -> Api {
    let credential = Credential::bearer(token.clone()).unwrap();
    let transport = Transport::new(sandbox.service());
    Api::new(client(transport, "http://127.0.0.1/api/v1", credential))
}

/// A connection to the account, as its administrator.
pub(in crate::striim) fn connection(sandbox: &Sandbox) -> Connection {
    connection_with(sandbox, &sandbox.admin_token())
}

/// A connection to the account, by this token.
pub(in crate::striim) fn connection_with(sandbox: &Sandbox, token: &SecretString) -> Connection {
    Connection::new(api_with(sandbox, token), "acme".to_owned(), Duration::from_secs(300))
}

/// A call to a provider that works with the account, as its administrator.
pub(in crate::striim) fn context(sandbox: &Sandbox) -> Context {
    Context::with_client(connection(sandbox))
}

/// The provider with a given connection, by which it does not learn the platform's time.
pub(in crate::striim) struct Connected {
    striim: Striim,
    api: Api,
}

/// A provider that works with the account, as its administrator.
pub(in crate::striim) fn provider(sandbox: &Sandbox) -> Connected {
    provider_with(sandbox, &sandbox.admin_token())
}

/// A provider that works with the account, by this token.
pub(in crate::striim) fn provider_with(sandbox: &Sandbox, token: &SecretString) -> Connected {
    provider_by(sandbox, &api_with(sandbox, token))
}

/// A provider that calls this API: by the token that a provider before it works with, also if that has rotated it.
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
    /// The same, which knows the platform's time, as after any answer with a `Date`.
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

/// Every way in which an answer is lost, before or after the platform acted.
pub(in crate::striim) fn lost_answers() -> Vec<Fault> {
    testing::lost_answers(r#"{"name":"somebody-else","token":"x","token-id":1}"#)
}

/// The progress of an action, line by line, and its diagnostics.
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

/// What the plan of an action reports.
pub(in crate::striim) async fn plan<A: Action<Client = Connection>>(
    action: &A,
    context: &Context,
    config: &A::Config,
) -> Vec<String> {
    let outcome = action.plan(context, config).await;
    context.diagnostics().ok(outcome);
    context.take_diagnostics().iter().map(ToString::to_string).collect()
}
