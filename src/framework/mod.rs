//! Being a provider: values and their encoding, schemas, diagnostics, one trait per kind of thing, and the one place
//! where remote procedure calls become calls of those traits. Knows no platform.

mod action;
mod context;
mod data_source;
mod diagnostic;
pub mod docs;
mod ephemeral_resource;
mod function;
pub(crate) mod json;
mod list_resource;
mod model;
pub(crate) mod msgpack;
mod private_state;
mod provider;
mod resource;
mod schema;
mod server;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod types;
mod value;
mod wire;
mod wire_error;

pub use action::{Action, AnyAction, Progress};
pub use context::Context;
pub use data_source::{AnyDataSource, DataSource};
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use ephemeral_resource::{AnyEphemeralResource, EphemeralResource, Opened, Renewed};
pub use function::{AnyFunction, Arguments, Function, InvalidArgument, Parameter, Signature};
pub use list_resource::{AnyListResource, ListResource, Listed};
#[doc(hidden)]
pub use model::FieldType;
pub use model::{Field, Model, model};
pub use private_state::PrivateState;
pub use provider::Provider;
pub use resource::{AnyResource, Change, MovedState, NoIdentity, Plan, Resource};
pub use schema::{Attribute, Presence, Schema};
pub use server::{Server, StillOpen};
pub use types::Type;
pub use value::{Number, Value};

/// What build.rs makes of `proto/tfplugin6.proto`.
#[allow(missing_docs, unreachable_pub, dead_code, clippy::all)]
pub(crate) mod proto {
    tonic::include_proto!("tfplugin6");
}
