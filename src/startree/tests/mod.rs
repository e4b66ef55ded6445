//! Helpers for tests: an environment in the same process, under tokio's clock.

mod clock;
mod workspace;

use std::fmt::Debug;
use std::marker::PhantomData;
use std::time::Duration;

use http::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::StarTree;
use super::api::{Api, IssuedToken, Pinot};
use super::connection::{Connection, Context};
use crate::framework::Model;
use crate::framework::testing::{Run, SingleResource};
use crate::platform::Runtime;
use crate::platform::testing::{clock, variables};
use crate::rest::{BaseUrl, Client, Credential, Options, Transport};
use crate::sandbox::startree::{self, Sandbox};

pub(super) use crate::sandbox::startree::option_variants;

/// Creates an environment whose clock is tokio's.
pub(super) fn sandbox(options: startree::Options) -> Sandbox {
    Sandbox::with_clock(clock(), options)
}

/// Creates a connection with this token.
pub(super) fn connection(sandbox: &Sandbox, bearer: &SecretString) -> Connection {
    let transport = Transport::new(sandbox.service());
    let (user_agent, request_timeout) = (HeaderValue::from_static("test"), Duration::from_secs(30));
    let base_url = |text| BaseUrl::parse(text).unwrap();
    let options = Options {
        base_url: base_url("http://127.0.0.1/api/v1/rbac-manager"),
        credential: Credential::bearer(bearer.clone()).unwrap(),
        user_agent: user_agent.clone(),
        request_timeout,
    };
    let pinot = Some(Pinot {
        base_url: base_url("http://127.0.0.1"),
        transport: transport.clone(),
        user_agent,
        request_timeout,
    });
    let own = IssuedToken::of_bearer(bearer).map(|token| token.access_key);
    let api = Api::new(Client::new(options, transport));
    Connection::new(api, pinot, "acme".to_owned(), own, Duration::from_secs(300))
}

/// Creates the context of a call to a provider that uses an administrator's token.
pub(super) fn context(sandbox: &Sandbox) -> Context {
    Context::with_client(connection(sandbox, &sandbox.add_administrator().bearer()))
}

/// Returns a function that starts providers with this token.
pub(super) fn provider(sandbox: &Sandbox, bearer: &SecretString) -> impl Fn() -> StarTree + use<> {
    let (sandbox, bearer) = (sandbox.clone(), bearer.expose_secret().to_owned());
    move || {
        let platform = sandbox.clone();
        StarTree::new(Runtime {
            clock: sandbox.clock(),
            environment: variables(&[
                ("STARTREE_BASE_URL", "http://127.0.0.1"),
                ("STARTREE_PINOT_URL", "http://127.0.0.1"),
                ("STARTREE_TOKEN", &bearer),
            ]),
            transport: Box::new(move |_| Transport::new(platform.service())),
        })
    }
}

/// A resource in a separate workspace.
pub(super) struct Managed<M> {
    pub(super) sandbox: Sandbox,
    /// The provider's token.
    pub(super) bearer: SecretString,
    pub(super) resource: SingleResource,
    model: PhantomData<M>,
}

impl<M: Model + Clone + Debug> Managed<M> {
    pub(super) fn new(sandbox: &Sandbox, type_name: &str) -> Self {
        Self {
            sandbox: sandbox.clone(),
            bearer: sandbox.add_administrator().bearer(),
            resource: SingleResource::new(type_name),
            model: PhantomData,
        }
    }

    /// Returns a function that starts providers.
    pub(super) fn provider(&self) -> impl Fn() -> StarTree + use<M> {
        provider(&self.sandbox, &self.bearer)
    }

    pub(super) async fn apply(&mut self, config: &M) -> Run {
        self.resource.apply(self.provider(), Some(config)).await
    }

    pub(super) async fn plan(&mut self, config: &M) -> Run {
        self.resource.plan(self.provider(), Some(config)).await
    }

    pub(super) async fn destroy(&mut self) -> Run {
        self.resource.destroy(self.provider()).await
    }

    pub(super) async fn refresh(&mut self) -> Run {
        self.resource.refresh(self.provider()).await
    }

    pub(super) async fn import(&mut self, id: &str) -> Run {
        self.resource.import(self.provider(), id).await
    }

    /// Saves a plan, runs `meanwhile`, and applies the plan.
    pub(super) async fn apply_after(&mut self, config: Option<M>, meanwhile: impl FnOnce(&mut Self)) -> Run {
        let plan = self.resource.save_plan(self.provider(), config.as_ref()).await;
        meanwhile(self);
        self.resource.apply_saved(self.provider(), &plan).await
    }

    #[track_caller]
    pub(super) fn state(&self) -> M {
        self.resource.state().expect("it is in the state")
    }

    pub(super) fn is_in_state(&self) -> bool {
        self.resource.object().is_some()
    }

    /// Asserts that an apply changes and reports nothing.
    pub(super) async fn assert_stable(&mut self, config: &M) {
        self.apply(config).await.changes_nothing().reports_nothing();
    }
}
