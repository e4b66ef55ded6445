//! Being a provider: values and their encoding, schemas, diagnostics, one trait per kind of thing, and the one place
//! where remote procedure calls become calls of those traits. Knows no platform.

/// What build.rs makes of `proto/tfplugin6.proto`.
#[allow(missing_docs, unreachable_pub, dead_code, clippy::all)]
pub(crate) mod proto {
    tonic::include_proto!("tfplugin6");
}
