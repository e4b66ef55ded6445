//! A Striim Cloud account (a sandbox), as tests with the real Terraform and with the one in memory use it.

use http::{Method, Request};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use token_providers::sandbox::Fault;
use token_providers::sandbox::striim::{Role, Sandbox};
use tower::ServiceExt as _;

/// A user who is no administrator.
pub(crate) const USER: &str = "user@acme.example";

/// The address of the token `ci-pipeline`, as [`ci`] declares it.
pub(crate) const CI: &str = "striim_service_account_token.ci-pipeline";

/// A token of this name, which is its label as well.
pub(crate) fn token(name: &str, arguments: &str) -> String {
    format!("resource \"striim_service_account_token\" \"{name}\" {{\n  name = \"{name}\"\n  {arguments}\n}}\n")
}

/// The token `ci-pipeline`.
pub(crate) fn ci(arguments: &str) -> String {
    token("ci-pipeline", arguments)
}

/// Sends a request as an administrator outside Terraform, asserts success, and returns the answer.
pub(crate) async fn request(sandbox: &Sandbox, method: Method, path: &str, body: Value) -> Value {
    let bearer = format!("Bearer {}", sandbox.admin_token().expose_secret());
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", bearer)
        .header("content-type", "application/json")
        .body(body)
        .unwrap();
    let answer = sandbox.router().oneshot(request).await.unwrap();
    let (status, body) = (answer.status(), answer.into_body().collect().await.unwrap().to_bytes());
    assert!(status.is_success(), "{status}: {body:?}");
    serde_json::from_slice(&body).unwrap_or_default()
}

/// The number of requests to create, rotate or revoke a service account's token.
pub(crate) fn changes(sandbox: &Sandbox) -> usize {
    let calls = [
        ("POST", "/service-account"),
        ("POST", "/service-account/rotate"),
        ("DELETE", "/service-account"),
    ];
    calls
        .into_iter()
        .map(|(method, path)| sandbox.calls(method, path))
        .sum()
}

/// The names of the service accounts, except for the provider's own.
pub(crate) fn names(sandbox: &Sandbox) -> Vec<String> {
    let names = sandbox.service_accounts().into_iter().map(|account| account.name);
    names.filter(|name| name != "terraform").collect()
}

/// Creates [`USER`] with a PAT that expires at this time, and returns its value.
pub(crate) fn add_user(sandbox: &Sandbox, expires_at: Timestamp) -> String {
    sandbox.add_user(USER, Role::Regular);
    let token = sandbox.add_user_token(USER, Some(expires_at)).unwrap();
    token.expose_secret().to_owned()
}

/// Rejects all further requests with this method and path, with this message.
pub(crate) fn reject(sandbox: &Sandbox, method: &Method, path: &str, status: u16, message: &str) {
    let body = json!({ "message": message }).to_string();
    let fault = Fault::answer(status).on(method.as_str(), path);
    sandbox.fault(fault.times(u32::MAX).body(&body));
}
