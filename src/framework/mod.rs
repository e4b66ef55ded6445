//! A framework for Terraform providers: models, schemas, diagnostics, one trait per kind of thing
//! (resource, data source, …), and the server of the plugin protocol.
//!
//! # Getting started
//!
//! A provider implements [`Provider`] and its [`Resource`]s, and
//! [`plugin::run`](crate::plugin::run) serves it. Import [`prelude`](crate::prelude).
//! `docs/writing-a-provider.md` is a guide, and `examples/minimal` is a complete provider.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use token_providers::prelude::*;
//!
//! /// Manages counters.
//! #[derive(Model)]
//! struct Config {}
//!
//! /// A counter.
//! #[derive(Model, Clone)]
//! struct Counter {
//!     /// The initial value.
//!     #[attribute(default = 0, range = 0..)]
//!     start: Field<i64>,
//!     /// The id.
//!     #[attribute(computed, use_state_for_unknown)]
//!     id: Field<String>,
//! }
//!
//! struct Counters;
//!
//! impl Provider for Counters {
//!     type Config = Config;
//!     type Client = ();
//!
//!     async fn configure(&self, _: &Context<()>, _: Config, _: &str) -> Result<Configured<()>, Diagnostics> {
//!         Ok(Configured::Ready(()))
//!     }
//!
//!     fn resources(&self) -> Vec<Box<dyn DynResource<()>>> {
//!         vec![Box::new(Counters)]
//!     }
//! }
//!
//! impl Resource for Counters {
//!     type Model = Counter;
//!     type Client = ();
//!
//!     const TYPE: &'static str = "counters_counter";
//!
//!     async fn create(&self, _: &Context<()>, planned: Counter) -> Outcome<Counter> {
//!         let id = format!("from-{}", planned.start.get()?);
//!         Ok(Counter { id: id.into(), ..planned })
//!     }
//!
//!     async fn read(&self, _: &Context<()>, state: Counter) -> Outcome<Counter, Option<Counter>> {
//!         Ok(Some(state))
//!     }
//!
//!     async fn delete(&self, _: &Context<()>, _: Counter) -> Outcome<Counter, ()> {
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> ExitCode {
//!     let info = ProviderInfo::new("registry.terraform.io/example/counters", env!("CARGO_PKG_VERSION"));
//!     plugin::run(&info, || Counters)
//! }
//! ```
//!
//! # Overview
//!
//! | task | use | in `src/framework/` |
//! |---|---|---|
//! | declare attributes, once for code, schema and documentation | [`Model`](derive@Model) and its options | `model.rs` |
//! | choose the type of an attribute | [`Field`], [`AttributeValue`], [`Set`], [`Number`] | `field.rs`, `attribute_value.rs` |
//! | validate an attribute | the options `length`, `range`, `one_of`, `check`; [`Validator`] | `validator.rs` |
//! | validate combinations of attributes | the options `conflicts_with`, `exactly_one_of` …; [`Rule`] | `rule.rs` |
//! | create, read, update, delete, import | [`Resource`] | `resource.rs` |
//! | record what exists after a failed operation | [`Outcome`], [`Leaving`] | `outcome.rs` |
//! | report an error or a warning on an attribute | [`Diagnostic`], [`OrDiagnostic`], [`Context::report`] | `diagnostic.rs`, `path.rs` |
//! | customise the plan | the options `planned`, `requires_replace_if` …; [`Resource::plan`], [`Change`] | `resource.rs`, `plan.rs` |
//! | use the configured client, handle an interrupt | [`Context::client`], [`Context::cancellation`] | `context.rs` |
//! | store data in addition to the attributes | [`PrivateState`] | `private_state.rs` |
//! | upgrade states of older versions, move states of other types | [`Resource::upgrade`], [`Resource::move_state`], [`StoredState`] | `stored_state.rs` |
//! | import by identity | the option `identity`; [`Resource::identity`] | `identity.rs` |
//! | read data | [`DataSource`] | `data_source.rs` |
//! | create something for one run | [`EphemeralResource`] | `ephemeral_resource.rs` |
//! | list existing objects, for `terraform query` | [`ListResource`] | `list_resource.rs` |
//! | run an operation on request | [`Action`] | `action.rs` |
//! | compute a value in a configuration | [`Function`] | `function.rs` |
//! | generate the pages of the registry | [`docs`] | `docs/` |
//! | test a provider without Terraform | the feature `testing` | `testing/` |
//! | check a provider for faults | [`Server::check`] | `schema/check.rs`, `server/` |

mod action;
mod attribute_value;
mod context;
mod data_source;
mod diagnostic;
pub mod docs;
mod ephemeral_resource;
mod field;
mod function;
mod identity;
mod invalid_value;
pub(crate) mod json;
mod list_resource;
mod model;
mod model_field;
pub(crate) mod msgpack;
mod outcome;
mod path;
mod plan;
mod private_state;
mod provider;
mod resource;
mod rule;
mod schema;
mod server;
mod set;
mod stored_state;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod types;
mod validator;
mod value;
mod wire;
mod wire_error;

pub use action::{Action, DynAction, Progress};
pub use attribute_value::AttributeValue;
pub use context::{Configured, Context, Report};
pub use data_source::{DataSource, DynDataSource};
pub use diagnostic::{Diagnostic, Diagnostics, OrDiagnostic, Severity};
pub use ephemeral_resource::{DynEphemeralResource, EphemeralResource, Opened, Renewed};
pub use field::{Field, Missing};
pub use function::{Arguments, DynFunction, Function, InvalidArgument, Parameter, Signature};
pub use identity::Identity;
pub use invalid_value::InvalidValue;
pub use list_resource::{DynListResource, ListItem, ListResource};
pub use model::Model;
pub use model_field::ModelField;
pub use outcome::{Failed, Leaving, Outcome};
pub use path::{AttributePath, PathStep};
pub use private_state::PrivateState;
pub use provider::Provider;
pub use resource::{Change, DynResource, Plan, Resource};
pub use rule::Rule;
pub use schema::{Attribute, AttributeType, Configurability, InUpdates, Nesting, RequiresReplace, Schema};
pub use server::{OpenEphemerals, Server};
pub use set::Set;
pub use stored_state::{SourceState, StoredState};
pub use types::Type;
pub use validator::Validator;
pub use value::{Number, Value};

/// The code that build.rs generates from `proto/tfplugin6.proto`.
#[allow(missing_docs, unreachable_pub, dead_code, clippy::all)]
pub(crate) mod proto {
    tonic::include_proto!("tfplugin6");
}
