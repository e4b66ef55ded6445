//! A testing kit for providers: the part of Terraform that a provider meets, in memory.
//!
//! A [`Workspace`] has a state, and runs `plan`, `apply`, `import` and the like as Terraform does: it calls the provider by the
//! plugin protocol, in the order and with the arguments of Terraform, saves what Terraform would save, and checks each answer as
//! Terraform does. A provider that breaks a rule is reported as a violation: where Terraform would say "Provider produced
//! inconsistent result after apply". [`SingleResource`] is a workspace for the tests of one resource, with assertions.
//!
//! Terraform starts a provider anew for each phase of a run, and so does a workspace: each method takes a closure that returns
//! a [`Provider`](super::Provider), or another [`Start`]: a [`PluginProgram`] starts the provider in a process of its own. A run
//! that is killed is a future that is dropped. [`simulation`] runs many scenarios that are drawn from seeds.
//!
//! `tests/framework/faithfulness.rs` compares it with the real Terraform, call by call: with 1.6 and every later version but
//! for one order (see there). A configuration has `resource`, `moved` and `import` blocks; data sources, ephemeral
//! resources and the like are called one by one.
//!
//! The rules are those of hashicorp/terraform, `internal/terraform/node_resource_abstract_instance.go` and
//! `internal/plans/objchange`, for resources without blocks.
//!
//! ```
//! use secrecy::ExposeSecret;
//! use serde_json::json;
//! use token_providers::framework::testing::{Action, SingleResource, Workspace};
//! use token_providers::neuroio::NeuroIo;
//! use token_providers::platform::Parts;
//! use token_providers::rest::Transport;
//! use token_providers::sandbox::neuroio::{Options, Realm, Sandbox};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let sandbox = Sandbox::new(Options::default());
//! let api_token = sandbox.api_token(&Realm::Account);
//! let provider = || {
//!     let (platform, api_token) = (sandbox.clone(), api_token.clone());
//!     NeuroIo::new(Parts {
//!         transport: Box::new(move |_| Transport::new(platform.service())),
//!         environment: Box::new(move |name| {
//!             (name == "NEUROIO_API_TOKEN").then(|| api_token.expose_secret().to_owned())
//!         }),
//!         ..Parts::default()
//!     })
//! };
//!
//! let mut token = SingleResource::new("neuroio_stream_token");
//! let config = json!({ "permanent": true });
//! token.plan(provider, Some(&config)).await.plans(Action::Create);
//! token.apply(provider, Some(&config)).await.succeeds();
//! token.apply(provider, Some(&config)).await.changes_nothing();
//!
//! let tokens = Workspace::new().read_data_source(provider, "neuroio_stream_tokens", json!({})).await;
//! assert!(!tokens.succeeds().is_null());
//!
//! token.destroy(provider).await.succeeds();
//! assert!(token.object().is_none());
//! # }
//! ```

mod config;
mod configuration;
mod connection;
mod diagnostic;
mod identity;
mod order;
mod outcome;
mod plugin_process;
mod proposed;
mod rules;
mod schema;
pub mod simulation;
mod single_resource;
mod start;
mod state;
#[cfg(test)]
mod tests;
mod visible;
mod workspace;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use config::{Config, ToConfig};
pub use configuration::{Configuration, ResourceBlock};
pub use connection::{Connection, ListItem, Observer, Opened};
pub use diagnostic::Diagnostic;
pub use identity::Identity;
pub use outcome::Outcome;
pub use plugin_process::{COOKIE, Exited, PluginProcess, PluginProgram};
pub use schema::{AttributeSchema, Nested, NestingMode, ObjectSchema, ProviderSchema};
pub use single_resource::{Run, SingleResource};
pub use start::{Start, StartError};
pub use state::Object;
pub use workspace::{Action, PlannedChange, RunOptions, RunOutcome, SavedPlan, Workspace};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
