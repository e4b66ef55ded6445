//! Being a provider: values and their encoding, schemas, diagnostics, one trait per kind of thing, and the one place
//! where remote procedure calls become calls of those traits. Knows no platform.

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
pub(crate) mod json;
mod list_resource;
mod model;
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
pub use attribute_value::{AttributeValue, InvalidValue};
pub use context::{Configured, Context, Report};
pub use data_source::{DataSource, DynDataSource};
pub use diagnostic::{Diagnostic, Diagnostics, OrDiagnostic, Severity};
pub use ephemeral_resource::{DynEphemeralResource, EphemeralResource, Opened, Renewed};
pub use field::{Field, Missing};
pub use function::{Arguments, DynFunction, Function, InvalidArgument, Parameter, Signature};
pub use identity::Identity;
pub use list_resource::{DynListResource, ListItem, ListResource};
pub use model::Model;
pub use outcome::{Failed, Leaving, Outcome};
pub use path::{AttributePath, PathStep};
pub use private_state::PrivateState;
pub use provider::Provider;
pub use resource::{Change, DynResource, Plan, Resource};
pub use rule::Rule;
pub use schema::{Attribute, AttributeType, Configurability, InUpdates, ModelField, Nesting, RequiresReplace, Schema};
pub use server::{OpenEphemerals, Server};
pub use set::Set;
pub use stored_state::{SourceState, StoredState};
pub use types::Type;
pub use validator::Validator;
pub use value::{Number, Value};

/// What build.rs makes of `proto/tfplugin6.proto`.
#[allow(missing_docs, unreachable_pub, dead_code, clippy::all)]
pub(crate) mod proto {
    tonic::include_proto!("tfplugin6");
}
