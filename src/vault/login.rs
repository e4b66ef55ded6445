//! The login to Vault with AppRole or a JSON Web Token (JWT).
//!
//! # Flow
//! The first request of a process logs in. [`Session::ensure`] is called before each request: while
//! the token is valid for long enough, it does nothing; later it renews the token, or logs in again
//! if the renewal fails or Vault's maximum lifetime limits it. [`Session::reject`] is called after a
//! rejected request: if the token is no longer valid, the next request logs in again.
//!
//! # Guarantees
//! - Concurrent requests share one login.
//! - A login or renewal that fails does not prevent requests while the token is still valid.
//! - A login that Vault rejects is not repeated: after five of them, Vault locks the role for a while.
//! - Neither the token nor the credentials of the login appear in an error or a log.
//!
//! # Assumptions
//! - A login may be repeated: a token whose answer was lost expires by itself.
//! - The token is not revoked at the end of the process: Terraform may kill a provider at any time,
//!   so that only its lifetime limits it reliably. It is renewed, so the lifetime can be short.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::request::request;
use crate::redaction::KnownSecrets;
use crate::rest::{self, Answer, Client, Operation, RetrySafety, Unreadable, within};

/// A token is renewed when less of its lifetime remains: half of it, and at most this time. The time
/// is enough for issuing a value and writing it.
const RENEWAL_MARGIN: Duration = Duration::from_secs(600);

/// Before a value is issued, a token must remain valid for a quarter of its lifetime, and for at most
/// this time.
const WRITE_MARGIN: Duration = Duration::from_secs(60);

/// The time limit for a renewal or a login while the token is still valid.
const EARLY_LIMIT: Duration = Duration::from_secs(15);

/// The credentials of a login, and where to present them.
#[derive(Clone, Debug)]
pub struct Login {
    /// The auth method and its credentials.
    pub method: LoginMethod,
    /// The path of the auth method without `auth/`, such as `approle`.
    pub mount: String,
    /// The namespace of the auth method, if any.
    pub namespace: Option<String>,
}

/// An auth method of Vault, with credentials for it.
#[derive(Clone, Debug)]
pub enum LoginMethod {
    /// AppRole.
    AppRole {
        /// The RoleID.
        role_id: String,
        /// The SecretID, unless the role does not require one.
        secret_id: Option<SecretString>,
    },
    /// A JSON Web Token, such as the ID token of a CI job.
    Jwt {
        /// The role; `None` for the method's default role.
        role: Option<String>,
        /// The JWT.
        jwt: SecretString,
    },
}

/// The kind of an auth method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    /// AppRole.
    AppRole,
    /// JWT.
    Jwt,
}

impl fmt::Display for AuthMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AppRole => "AppRole",
            Self::Jwt => "a JWT",
        })
    }
}

impl LoginMethod {
    /// The kind of the method.
    pub fn kind(&self) -> AuthMethod {
        match self {
            Self::AppRole { .. } => AuthMethod::AppRole,
            Self::Jwt { .. } => AuthMethod::Jwt,
        }
    }

    fn secret(&self) -> Option<&SecretString> {
        match self {
            Self::AppRole { secret_id, .. } => secret_id.as_ref(),
            Self::Jwt { jwt, .. } => Some(jwt),
        }
    }
}

/// The body of a login.
#[derive(Serialize)]
struct Credentials<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<&'a str>,
}

impl<'a> From<&'a LoginMethod> for Credentials<'a> {
    fn from(method: &'a LoginMethod) -> Self {
        let (mut role_id, mut secret_id, mut role, mut jwt) = (None, None, None, None);
        match method {
            LoginMethod::AppRole {
                role_id: id,
                secret_id: secret,
            } => {
                role_id = Some(id.as_str());
                secret_id = secret.as_ref().map(ExposeSecret::expose_secret);
            }
            LoginMethod::Jwt { role: name, jwt: text } => {
                role = name.as_deref();
                jwt = Some(text.expose_secret());
            }
        }
        Self {
            role_id,
            secret_id,
            role,
            jwt,
        }
    }
}

/// The answer to a login or a renewal.
#[derive(Deserialize)]
struct Authenticated {
    auth: Option<Auth>,
}

#[derive(Deserialize)]
struct Auth {
    client_token: SecretString,
    /// The lifetime in seconds; 0 for a token that does not expire.
    #[serde(default)]
    lease_duration: u64,
    #[serde(default)]
    renewable: bool,
    #[serde(default)]
    mfa_requirement: Option<Value>,
}

/// Reads the answer to a login or a renewal.
fn authenticated(answer: &Answer) -> Result<Auth, Unreadable> {
    let unreadable = |reason: &str| Err(Unreadable(reason.to_owned()));
    match answer.json::<Authenticated>()?.auth {
        Some(auth) if auth.mfa_requirement.is_some() => {
            unreadable("the login requires multi-factor authentication, which the provider does not support")
        }
        Some(auth) if !auth.client_token.expose_secret().is_empty() => Ok(auth),
        _ => unreadable("it contains no token"),
    }
}

/// Whether Vault rejected the credentials, so that it would do so again.
fn is_rejection(error: &rest::Error) -> bool {
    let status = error.status().as_ref().map(StatusCode::as_u16);
    matches!(status, Some(400 | 401 | 403 | 404))
}

/// The lifetime of a token.
#[derive(Clone, Copy, Debug)]
struct Lease {
    /// `None` for a token that does not expire.
    expires: Option<Instant>,
    /// The lifetime at the login.
    lifetime: Duration,
    is_renewable: bool,
}

/// What a token needs before a request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Need {
    Nothing,
    Renewal,
    Login,
}

impl Lease {
    /// The lease of a token, from the answer to a request that was sent at `sent`.
    fn new(auth: &Auth, sent: Instant) -> Self {
        let lifetime = Duration::from_secs(auth.lease_duration);
        Self {
            // A lifetime that the clock cannot represent is as good as none.
            expires: sent.checked_add(lifetime).filter(|_| !lifetime.is_zero()),
            lifetime,
            is_renewable: auth.renewable,
        }
    }

    fn remaining(&self, now: Instant) -> Duration {
        self.expires
            .map_or(Duration::MAX, |expires| expires.saturating_duration_since(now))
    }

    fn need(&self, now: Instant) -> Need {
        match self.remaining(now) {
            remaining if remaining >= RENEWAL_MARGIN.min(self.lifetime / 2) => Need::Nothing,
            remaining if self.is_renewable && !remaining.is_zero() => Need::Renewal,
            _ => Need::Login,
        }
    }

    /// Whether the token is valid for long enough, although it could not be renewed.
    fn suffices(&self, now: Instant, purpose: Purpose) -> bool {
        let remaining = self.remaining(now);
        match purpose {
            Purpose::Request => !remaining.is_zero(),
            Purpose::Write => remaining >= WRITE_MARGIN.min(self.lifetime / 4),
        }
    }
}

/// What a token is needed for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Purpose {
    /// A request that is sent now.
    Request,
    /// A value that is issued first and written then.
    Write,
}

/// The token of one process and its lease. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Session {
    login: Login,
    /// Sends the login, without a token.
    client: Client,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    lease: Option<Lease>,
    /// Counts the logins.
    logins: u64,
    /// The rejection of the last login.
    rejection: Option<rest::Error>,
}

impl Session {
    /// Creates a session whose login is sent by `client`.
    pub(super) fn new(login: Login, client: Client) -> Self {
        Self {
            login,
            client,
            state: Arc::default(),
        }
    }

    pub(super) fn with_secrets(self, secrets: &KnownSecrets) -> Self {
        if let Some(secret) = self.login.method.secret() {
            secrets.add(secret);
        }
        Self {
            client: self.client.with_secrets(secrets),
            ..self
        }
    }

    /// The auth method.
    pub(super) fn method(&self) -> AuthMethod {
        self.login.method.kind()
    }

    /// Makes sure that `client` has a token that is valid for long enough, and returns the number of
    /// the login that it stems from.
    ///
    /// # Errors
    /// Returns the error of the login.
    pub(super) async fn ensure(
        &self,
        client: &Client,
        operation: &Operation,
        purpose: Purpose,
    ) -> Result<u64, rest::Error> {
        let state = within(operation, self.state.lock()).await;
        let mut state = state.map_err(|kind| rest::Error::new(&self.action(), kind, false))?;
        let need = state.lease.map_or(Need::Login, |lease| lease.need(Instant::now()));
        if need == Need::Nothing {
            return Ok(state.logins);
        }
        let usable = state.lease.filter(|lease| lease.suffices(Instant::now(), purpose));
        let limited = || match usable {
            // Vault need not answer now, so it does not delay the request for long.
            Some(_) => Operation::new(EARLY_LIMIT.min(operation.remaining()), operation.cancellation.clone()),
            None => operation.clone(),
        };
        if need == Need::Renewal
            && let Some(lease) = state.lease
        {
            match self.renew(client, &limited(), lease).await {
                Ok(renewed) => {
                    state.lease = Some(renewed);
                    if renewed.need(Instant::now()) == Need::Nothing {
                        return Ok(state.logins);
                    }
                }
                Err(error) => tracing::info!("{error}"),
            }
        }
        let login = match &state.rejection {
            Some(rejection) => Err(rejection.clone()),
            None => self.log_in(client, &limited()).await,
        };
        state.rejection = login.as_ref().err().filter(|error| is_rejection(error)).cloned();
        match login {
            Ok(lease) => {
                state.lease = Some(lease);
                state.logins += 1;
            }
            // After a renewal, the lease is another one.
            Err(error) => match state.lease.filter(|lease| lease.suffices(Instant::now(), purpose)) {
                Some(lease) => {
                    let seconds = lease.remaining(Instant::now()).as_secs();
                    tracing::warn!("{error}; the present token of Vault is valid for another {seconds} s");
                }
                None => return Err(error),
            },
        }
        Ok(state.logins)
    }

    /// Finds out why a request with the token of this login was rejected. Returns true if the token
    /// is no longer valid, so that a request after another [`ensure`](Session::ensure) may succeed.
    pub(super) async fn reject(&self, client: &Client, operation: &Operation, login: u64) -> bool {
        let Ok(mut state) = within(operation, self.state.lock()).await else {
            return false;
        };
        if state.logins != login || state.lease.is_none() {
            // Another request has found out.
            return true;
        }
        let request = request(
            Method::GET,
            "look up the token of Vault".to_owned(),
            &["auth", "token", "lookup-self"],
            None,
        );
        let answer = client.send(operation, &request).await;
        let is_invalid = answer.is_err_and(|error| error.status() == Some(StatusCode::FORBIDDEN));
        if is_invalid {
            state.lease = None;
        }
        is_invalid
    }

    async fn renew(&self, client: &Client, operation: &Operation, lease: Lease) -> Result<Lease, rest::Error> {
        let path = ["auth", "token", "renew-self"];
        let request = request(Method::POST, "renew the token of Vault".to_owned(), &path, None);
        let request = request.retry(RetrySafety::Safe).json(&json!({}));
        let sent = Instant::now();
        let renewed = client
            .fetch(operation, &request, |answer| authenticated(&answer))
            .await?;
        Ok(Lease {
            lifetime: lease.lifetime,
            ..Lease::new(&renewed, sent)
        })
    }

    /// Logs in and passes the token to `client`.
    async fn log_in(&self, client: &Client, operation: &Operation) -> Result<Lease, rest::Error> {
        let Login {
            method,
            mount,
            namespace,
        } = &self.login;
        let segments: Vec<_> = ["auth"].into_iter().chain(mount.split('/')).chain(["login"]).collect();
        let request = request(Method::POST, self.action(), &segments, namespace.as_deref());
        let request = request.retry(RetrySafety::Safe).json(&Credentials::from(method));
        let request = method
            .secret()
            .cloned()
            .into_iter()
            .fold(request, rest::Request::redact);
        let sent = Instant::now();
        let auth = self
            .client
            .fetch(operation, &request, |answer| authenticated(&answer))
            .await?;
        client.set_secret(&auth.client_token).await.map_err(|problem| {
            let problem = format!("Vault's token {problem}");
            rest::Error::new(&self.action(), rest::Kind::Invalid(problem.into()), false)
        })?;
        tracing::debug!(
            lifetime = auth.lease_duration,
            "logged in to Vault with {}",
            method.kind()
        );
        Ok(Lease::new(&auth, sent))
    }

    fn action(&self) -> String {
        let Login { method, mount, .. } = &self.login;
        format!("log in to Vault with {} at \"auth/{mount}\"", method.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_renewed_in_second_half_of_lifetime_or_last_ten_minutes() {
        let start = Instant::now();
        let auth = |lease_duration, renewable| Auth {
            client_token: "hvs.x".into(),
            lease_duration,
            renewable,
            mfa_requirement: None,
        };
        for (lifetime, renewable, age, need) in [
            (60, true, 0, Need::Nothing),
            (60, true, 30, Need::Nothing),
            (60, true, 31, Need::Renewal),
            (60, true, 60, Need::Login),
            (60, false, 31, Need::Login),
            (3600, true, 3000, Need::Nothing),
            (3600, true, 3001, Need::Renewal),
            (3600, false, 3001, Need::Login),
            (0, false, 1_000_000, Need::Nothing),
        ] {
            let lease = Lease::new(&auth(lifetime, renewable), start);
            let now = start + Duration::from_secs(age);
            assert_eq!(lease.need(now), need, "{lifetime} {age}");
        }
    }

    #[test]
    fn token_suffices_for_request_until_expiry_and_for_write_until_margin() {
        let start = Instant::now();
        for (lifetime, age, request, write) in [
            (60, 45, true, true),
            (60, 46, true, false),
            (60, 60, false, false),
            (3600, 3540, true, true),
            (3600, 3541, true, false),
        ] {
            let lease = Lease {
                expires: Some(start + Duration::from_secs(lifetime)),
                lifetime: Duration::from_secs(lifetime),
                is_renewable: true,
            };
            let now = start + Duration::from_secs(age);
            let suffices = [Purpose::Request, Purpose::Write].map(|purpose| lease.suffices(now, purpose));
            assert_eq!(suffices, [request, write], "{lifetime} {age}");
        }
    }
}
