//! A testing kit for providers: an in-memory implementation of the parts of Terraform that call a
//! provider.
//!
//! A [`Workspace`] has a state, and runs `plan`, `apply`, `import` and so on like Terraform: it
//! calls the provider over the plugin protocol, in Terraform's order and with its arguments, saves
//! the state like Terraform, and checks each response against Terraform's rules for providers. A
//! violation is what Terraform reports as "Provider produced inconsistent result after apply".
//! [`SingleResource`] is a workspace with one resource, with assertions.
//!
//! Like Terraform, a workspace starts a new provider for each phase of a run. Each method takes a
//! [`Start`]: a closure that returns a [`Provider`](super::Provider), or a [`PluginProgram`], which
//! starts the provider in its own process. To kill a run, drop its future. [`simulation`] runs
//! scenarios that are drawn from seeds.
//!
//! Configurations have `resource`, `moved` and `import` blocks. Data sources, ephemeral resources
//! and so on are called one by one.
//!
//! The rules are those of hashicorp/terraform,
//! `internal/terraform/node_resource_abstract_instance.go` and `internal/plans/objchange`, for
//! resources without blocks. `tests/framework/faithfulness.rs` compares the calls with those of
//! Terraform 1.6 and later, where it also documents the one difference.
//!
//! ```
//! use token_providers::framework::testing::{Action, SingleResource};
//! use token_providers::prelude::*;
//!
//! /// A numbered label.
//! #[derive(Model, Clone)]
//! struct Label {
//!     /// The text.
//!     #[attribute(required)]
//!     text: Field<String>,
//!     /// The number.
//!     #[attribute(computed, use_state_for_unknown)]
//!     number: Field<i64>,
//! }
//! # #[derive(Model)]
//! # struct Config {}
//! # struct Labels;
//! # struct LabelResource;
//! #
//! # impl Provider for Labels {
//! #     type Config = Config;
//! #     type Client = ();
//! #
//! #     async fn configure(&self, _: &Context<()>, _: Config, _: &str) -> Result<Configured<()>, Diagnostics> {
//! #         Ok(Configured::Ready(()))
//! #     }
//! #
//! #     fn resources(&self) -> Vec<Box<dyn DynResource<()>>> {
//! #         vec![Box::new(LabelResource)]
//! #     }
//! # }
//! #
//! # impl Resource for LabelResource {
//! #     type Model = Label;
//! #     type Client = ();
//! #
//! #     const TYPE: &'static str = "labels_label";
//! #
//! #     async fn create(&self, _: &Context<()>, label: Label) -> Outcome<Label> {
//! #         Ok(Label { number: 7.into(), ..label })
//! #     }
//! #
//! #     async fn read(&self, _: &Context<()>, label: Label) -> Outcome<Label, Option<Label>> {
//! #         Ok(Some(label))
//! #     }
//! #
//! #     async fn delete(&self, _: &Context<()>, _: Label) -> Outcome<Label, ()> {
//! #         Ok(())
//! #     }
//! # }
//! #
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//!
//! let provider = || Labels; // an `impl Provider`
//! let mut label = SingleResource::new("labels_label");
//! let config = json!({ "text": "fragile" });
//!
//! label.plan(provider, Some(&config)).await.plans(Action::Create);
//! label.apply(provider, Some(&config)).await.succeeds();
//! label.apply(provider, Some(&config)).await.changes_nothing();
//! assert_eq!(label.state::<Label>().unwrap().number, 7.into());
//!
//! label.destroy(provider).await.succeeds();
//! assert!(label.object().is_none());
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
