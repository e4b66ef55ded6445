//! A Striim sandbox with a paused clock, and a client that sends any request.

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use token_providers::sandbox::ConnectionCut;
use token_providers::sandbox::striim::{Options, Role, Sandbox, Seed};
use token_providers::token::Clock;
use tower::ServiceExt;

/// The initial time of the clock.
pub(crate) const NOW: &str = "2026-03-11T06:19:25.758175685Z";

pub(crate) struct Platform {
    pub(crate) sandbox: Sandbox,
    /// The administrator's token, which belongs to the service account `terraform`.
    pub(crate) admin: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Platform {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> Self {
        let mut options = Options::default();
        change(&mut options);
        Self::seeded(seed(), options)
    }

    pub(crate) fn seeded(seed: Seed, options: Options) -> Self {
        let sandbox = Sandbox::seeded(seed, options);
        let admin = sandbox.admin_token().expose_secret().to_owned();
        Self { sandbox, admin }
    }

    /// Calls the REST API as the administrator. `Value::Null` means no body.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.call_as(&self.admin, method, path, body).await
    }

    pub(crate) async fn call_as(&self, bearer: &str, method: &str, path: &str, body: Value) -> Answer {
        let request =
            request(method, &format!("/api/v1{path}"), &body).header("authorization", format!("Bearer {bearer}"));
        self.try_send(request.body(content(&body)).unwrap()).await.unwrap()
    }

    /// Calls the control API.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = request(method, &format!("/sandbox{path}"), &body);
        self.try_send(request.body(content(&body)).unwrap()).await.unwrap()
    }

    pub(crate) async fn try_send(&self, request: Request<Body>) -> Result<Answer, ConnectionCut> {
        let (head, body) = self.sandbox.service().oneshot(request).await?.into_parts();
        let body = body.collect().await.map_err(|_| ConnectionCut)?.to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        })
    }

    pub(crate) async fn create(&self, name: &str) -> Answer {
        self.call("POST", "/service-account", json!({ "name": name })).await
    }

    pub(crate) async fn rotate(&self, name: &str) -> Answer {
        self.call("POST", "/service-account/rotate", json!({ "name": name }))
            .await
    }

    pub(crate) async fn delete(&self, name: &str) -> Answer {
        self.call("DELETE", &format!("/service-account?name={name}"), Value::Null)
            .await
    }

    pub(crate) async fn list(&self) -> Value {
        self.call("GET", "/service-accounts", Value::Null).await.json()
    }

    /// The names in the list.
    pub(crate) async fn names(&self) -> Vec<String> {
        self.list()
            .await
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Creates a user with this role and a PAT; returns the PAT's value.
    pub(crate) fn user(&self, email: &str, role: Role) -> String {
        self.sandbox.add_user(email, role);
        self.sandbox
            .add_user_token(email, Some(at("2026-06-01T00:00:00Z")))
            .unwrap()
            .expose_secret()
            .to_owned()
    }

    /// The status of a read with this token.
    pub(crate) async fn status_with(&self, bearer: &str) -> u16 {
        self.call_as(bearer, "GET", "/service-accounts", Value::Null)
            .await
            .code()
    }
}

impl Answer {
    pub(crate) fn code(&self) -> u16 {
        self.status.as_u16()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn token(&self) -> String {
        self.json()["token"]
            .as_str()
            .unwrap_or_else(|| panic!("no token: {self:?}"))
            .to_owned()
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"]
            .as_str()
            .unwrap_or_else(|| panic!("no message: {self:?}"))
            .to_owned()
    }
}

pub(crate) fn seed() -> Seed {
    Seed {
        clock: Clock::new(|| at(NOW)),
        random: Some(1),
        ..Seed::default()
    }
}

pub(crate) fn at(instant: &str) -> Timestamp {
    instant.parse().unwrap()
}

fn request(method: &str, path: &str, body: &Value) -> axum::http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    if body.is_null() {
        request
    } else {
        request.header("content-type", "application/json")
    }
}

fn content(body: &Value) -> Body {
    if body.is_null() {
        Body::empty()
    } else {
        Body::from(body.to_string())
    }
}
