//! Requests to Vault.

use http::{HeaderName, Method};

use crate::rest::Request;

const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// The header that a Vault Agent or Proxy may require, because a browser cannot be tricked into
/// sending it.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");

/// Creates a request in a namespace, if there is one.
pub(super) fn request(method: Method, action: String, segments: &[&str], namespace: Option<&str>) -> Request {
    let request = Request::new(method, action, segments).header(REQUEST, "true");
    match namespace {
        Some(namespace) => request.header(NAMESPACE, namespace),
        None => request,
    }
}
