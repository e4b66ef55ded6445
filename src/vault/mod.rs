//! The delivery of secrets to HashiCorp Vault (KV version 2).
//!
//! # Flow
//! [`Vault::check_writable`] checks, before a value exists that could be lost, that the token may
//! write at a [`SecretPath`] and that a KV version 2 is mounted there, and reads the current version.
//! [`Vault::write`] writes the version that follows exactly that one (check-and-set); if the answer
//! is lost, it reads the secret to find out whether the write succeeded. [`Vault::latest`] reads a
//! secret; [`Vault::delete`] deletes a version.
//!
//! # Guarantees
//! - A write never overwrites a version of another client: every write names the version that it
//!   follows.
//! - A write whose answer is lost neither creates a second version nor counts as another
//!   client's: its content identifies it.
//! - Transient failures (no connection; a sealed, overloaded or eventually consistent server) are
//!   retried as long as the operation lasts. The first attempt is made even if the operation is
//!   over or cancelled, because a value that exists only in memory would be lost.
//! - No secret appears in an error or a log.
//! - A value that was written to something other than a KV version 2 is deleted again, and an error
//!   reports it.
//!
//! # Assumptions
//! - `sys/internal/ui/mounts/<mount>` describes the mount; Vault's own CLI reads it before it
//!   writes. Where access is denied, a KV version 2 is recognised by its answer to a write without
//!   `data`, which every engine rejects.
//! - The token may read what it writes (`create`, `update` and `read` on `<mount>/data/<path>`) and
//!   list its capabilities (`sys/capabilities-self`, in Vault's default policy). Deletion needs
//!   `update` on `<mount>/delete/<path>`.
//! - A version is immutable. A secret that is deleted with its metadata starts again with version
//!   1.
//!
//! [`login`] obtains the token where none is given.

mod data;
mod error;
mod login;
mod request;
mod secret_path;

use std::collections::BTreeSet;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::redaction::KnownSecrets;
use crate::rest::{
    self, Answer, BaseUrl, Client, Credential, Destination, InvalidBaseUrl, InvalidCredential, Operation, Options,
    Request, RetrySafety, Roots, Transport, Unreadable,
};

pub use data::{Data, Entry};
pub use error::Error;
pub use login::{AuthMethod, Login, LoginMethod};
pub use secret_path::{InvalidSecretPath, SecretPath};

use login::{Purpose, Session};
use request::request;

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");

/// The capabilities that a delivery needs at `<mount>/data/<path>`: `create` for a first version,
/// `update` for any other, and `read` after a lost answer.
const NEEDED: [&str; 3] = ["create", "update", "read"];

/// The message with which a KV version 2 rejects a write without `data`.
const NO_DATA: &str = "no data provided";

/// The message with which a KV version 1 or a cubbyhole rejects an empty write.
const NO_FIELDS: &str = "missing data fields";

/// The connection settings of a Vault.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The URL of the API, including `/v1`; see [`address`].
    pub base_url: BaseUrl,
    /// The authentication.
    pub authentication: Authentication,
    /// The namespace, if any.
    pub namespace: Option<String>,
    /// The trusted certificate authorities.
    pub roots: Roots,
}

/// The way to authenticate requests.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// A token; see [`token`].
    Token(Credential),
    /// A login at the first request, which returns a token.
    Login(Login),
}

/// Parses an address in the format of `VAULT_ADDR`: the server's URL without `/v1`.
///
/// # Errors
/// See [`BaseUrl::parse`]: plain HTTP is allowed on loopback only.
pub fn address(text: &str) -> Result<BaseUrl, InvalidBaseUrl> {
    BaseUrl::parse(&format!("{}/v1", BaseUrl::parse(text)?))
}

/// Creates the credential from a token in the format of `VAULT_TOKEN` or `~/.vault-token`.
///
/// # Errors
/// Returns [`InvalidCredential`] if the token is not valid in a header.
pub fn token(text: SecretString) -> Result<Credential, InvalidCredential> {
    Credential::in_header(TOKEN, text)
}

/// A client of one Vault. Clones share connections.
#[derive(Clone, Debug)]
pub struct Vault {
    client: Client,
    /// `None` if the token was given.
    session: Option<Session>,
    namespace: Option<String>,
    request_timeout: Duration,
}

/// The latest version of a secret.
#[derive(Debug, Default)]
pub struct Latest {
    /// The number of the version; 0 if the secret was never written.
    pub version: u64,
    /// The content; `None` if there is no version, or it was deleted or destroyed.
    pub data: Option<Data>,
}

/// The result of a check before a write.
#[derive(Debug)]
pub struct WriteCheck {
    /// The current version.
    pub latest: Latest,
    /// Whether the mount is certainly a KV version 2. If not, Vault did not describe it.
    pub is_version_2: bool,
}

/// The kind of a mount.
#[derive(Debug, PartialEq)]
enum Mounted {
    Version2,
    /// Another kind, described for a message.
    Other(String),
    /// Vault does not describe the mount.
    Unknown,
}

impl Vault {
    /// Creates a client whose requests go through the transport that `transport` returns.
    pub fn new(
        settings: Settings,
        user_agent: HeaderValue,
        request_timeout: Duration,
        transport: impl FnOnce(&Destination) -> Transport,
    ) -> Self {
        let Settings {
            base_url,
            authentication,
            namespace,
            roots,
        } = settings;
        let transport = transport(&Destination {
            base_url: base_url.clone(),
            roots,
        });
        let client = |credential| {
            let options = Options {
                base_url: base_url.clone(),
                credential,
                user_agent: user_agent.clone(),
                request_timeout,
            };
            Client::new(options, transport.clone())
        };
        let (client, session) = match authentication {
            Authentication::Token(credential) => (client(credential), None),
            Authentication::Login(login) => {
                let without_token = client(Credential::pending(TOKEN));
                let session = Session::new(login, without_token);
                (client(Credential::pending(TOKEN)), Some(session))
            }
        };
        Self {
            client,
            session,
            namespace,
            request_timeout,
        }
    }

    /// Shares `secrets` with the client: errors redact all of them.
    #[must_use]
    pub fn with_secrets(self, secrets: &KnownSecrets) -> Self {
        Self {
            client: self.client.with_secrets(secrets),
            session: self.session.map(|session| session.with_secrets(secrets)),
            ..self
        }
    }

    /// Makes sure that the token is valid for long enough, and returns the number of its login; 0 for
    /// a token that was given.
    async fn authenticate(&self, operation: &Operation, purpose: Purpose) -> Result<u64, Error> {
        let Some(session) = &self.session else { return Ok(0) };
        session
            .ensure(&self.client, operation, purpose)
            .await
            .map_err(|error| Error::Login(session.method(), error))
    }

    /// Sends a request and reads its answer; see [`Client::fetch`].
    async fn fetch<T>(
        &self,
        operation: &Operation,
        request: &Request,
        read: impl Fn(Answer) -> Result<T, Unreadable>,
    ) -> Result<T, Error> {
        self.with_token(operation, || self.client.fetch(operation, request, &read))
            .await
    }

    /// Sends a request whose answer has no relevant body; see [`Client::send`].
    async fn send(&self, operation: &Operation, request: &Request) -> Result<(), Error> {
        let answer = self.with_token(operation, || self.client.send(operation, request));
        answer.await.map(drop)
    }

    /// Sends a request with a valid token. If the token of a login turns out to be invalid, logs in
    /// again and repeats the request, which Vault has not executed.
    async fn with_token<T, F>(&self, operation: &Operation, send: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, rest::Error>>,
    {
        let login = self.authenticate(operation, Purpose::Request).await?;
        let result = send().await;
        let rejected = result
            .as_ref()
            .is_err_and(|error| error.status() == Some(StatusCode::FORBIDDEN));
        match &self.session {
            Some(session) if rejected && session.reject(&self.client, operation, login).await => {
                self.authenticate(operation, Purpose::Request).await?;
                Ok(send().await?)
            }
            _ => Ok(result?),
        }
    }

    /// Checks that a write to `secret_path` is allowed and would create a version, and reads the current
    /// one. Writes nothing.
    ///
    /// # Errors
    /// Returns [`Error::NotAllowed`] with the missing capabilities, [`Error::NoMount`] if nothing
    /// is mounted, [`Error::NotVersion2`] if the mount keeps no versions, or the error that
    /// prevented the check.
    pub async fn check_writable(&self, operation: &Operation, secret_path: &SecretPath) -> Result<WriteCheck, Error> {
        self.authenticate(operation, Purpose::Write).await?;
        let path = secret_path.below("data");
        let action = format!("read the capabilities of Vault's token at {path:?}");
        let request = self.request(Method::POST, action, &["sys", "capabilities-self"]);
        // The request changes nothing.
        let request = request.retry(RetrySafety::Safe).json(&json!({ "paths": [path] }));
        let granted = self
            .fetch(operation, &request, |answer| granted(&answer, &path))
            .await?;
        let missing: Vec<_> = NEEDED.into_iter().filter(|needed| !granted.contains(*needed)).collect();
        if !granted.contains("root") && !missing.is_empty() {
            return Err(Error::NotAllowed { path, missing });
        }
        let mut mounted = self.mounted(operation, secret_path).await?;
        if let Mounted::Other(found) = mounted {
            return Err(Error::NotVersion2(secret_path.clone(), found));
        }
        let latest = self.latest(operation, secret_path).await?;
        if mounted == Mounted::Unknown && latest.version == 0 {
            mounted = self.probe(operation, secret_path).await?;
        }
        match mounted {
            Mounted::Other(found) => Err(Error::NotVersion2(secret_path.clone(), found)),
            // Only a KV version 2 has numbered versions.
            mounted => Ok(WriteCheck {
                is_version_2: mounted == Mounted::Version2 || latest.version > 0,
                latest,
            }),
        }
    }

    /// Reads the kind of the mount, as Vault's own CLI does. It needs no policy of its own, only
    /// access to any path of the mount.
    async fn mounted(&self, operation: &Operation, secret_path: &SecretPath) -> Result<Mounted, Error> {
        let mount = secret_path.mount();
        let action = format!("look up the mount {mount:?} in Vault");
        let segments = ["sys", "internal", "ui", "mounts"].into_iter().chain(mount.split('/'));
        let request = self.request(Method::GET, action, &segments.collect::<Vec<_>>());
        let request = request.accept_status(StatusCode::FORBIDDEN);
        let found = self
            .fetch(operation, &request, |answer| Ok(mounted(&answer, mount)))
            .await;
        match found {
            Ok(found) => Ok(found),
            // An old server, or a proxy that forwards only some paths.
            Err(Error::Request(error)) if error.status().is_some_and(|status| status.is_client_error()) => {
                Ok(Mounted::Unknown)
            }
            Err(error) => Err(error),
        }
    }

    /// Determines the kind of the mount by an empty write, which every engine rejects with a
    /// message of its own.
    async fn probe(&self, operation: &Operation, secret_path: &SecretPath) -> Result<Mounted, Error> {
        let action = format!("look up the mount {:?} in Vault", secret_path.mount());
        let request = self.at(Method::POST, action, secret_path, "data");
        let request = request.json(&json!({}));
        match self.send(operation, &request).await {
            Ok(_) => Ok(Mounted::Unknown),
            // A KV version 1 answers 400, a cubbyhole 500.
            Err(Error::Request(error)) if error.status().is_some() => {
                let message_contains =
                    |phrase| error.platform_message().is_some_and(|message| message.contains(phrase));
                Ok(match (message_contains(NO_DATA), message_contains(NO_FIELDS)) {
                    (true, _) => Mounted::Version2,
                    (_, true) => Mounted::Other("a store that keeps no versions".to_owned()),
                    _ => Mounted::Unknown,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Reads the current version.
    ///
    /// # Errors
    /// Returns [`Error`]. A missing secret is not an error.
    pub async fn latest(&self, operation: &Operation, secret_path: &SecretPath) -> Result<Latest, Error> {
        let action = format!("read the secret \"{secret_path}\" in Vault");
        let request = self.at(Method::GET, action, secret_path, "data");
        self.read(operation, secret_path, request).await
    }

    /// Reads the content of a version; `None` if there is no such version, or it was deleted or destroyed.
    ///
    /// # Errors
    /// Returns [`Error`].
    pub async fn version(
        &self,
        operation: &Operation,
        secret_path: &SecretPath,
        version: u64,
    ) -> Result<Option<Data>, Error> {
        let action = format!("read version {version} of the secret \"{secret_path}\" in Vault");
        let request = self.at(Method::GET, action, secret_path, "data");
        let request = request.query("version", &version.to_string());
        let found = self.read(operation, secret_path, request).await?;
        Ok(found.data.filter(|_| found.version == version))
    }

    async fn read(&self, operation: &Operation, secret_path: &SecretPath, request: Request) -> Result<Latest, Error> {
        let request = request.accept_status(StatusCode::NOT_FOUND);
        match self.fetch(operation, &request, found).await? {
            Found::Version(latest) => Ok(latest),
            Found::Unversioned(_) => Err(Error::NotVersion2(
                secret_path.clone(),
                "a store that keeps no versions".to_owned(),
            )),
            Found::Nothing => Err(Error::NoMount(secret_path.clone())),
        }
    }

    /// Writes the version that follows `after`, and returns its number.
    ///
    /// # Errors
    /// Returns [`Error::Conflict`] if there is another version, so that nothing was written, or
    /// the error that prevented the write. If the error is ambiguous, the value may have been
    /// written.
    pub async fn write(
        &self,
        operation: &Operation,
        secret_path: &SecretPath,
        after: u64,
        data: &Data,
    ) -> Result<u64, Error> {
        let mut step = Operation::new(self.request_timeout, CancellationToken::new());
        let (mut lost, mut ambiguous) = (0_u32, false);
        loop {
            let error = match self.write_once(&step, secret_path, after, data).await {
                Ok(version) => return Ok(version),
                Err(error) => error,
            };
            ambiguous |= error.is_ambiguous();
            // A 400 may be the consequence of an earlier attempt whose answer was lost.
            if ambiguous || error.is_status(StatusCode::BAD_REQUEST) {
                match self.latest(&step, secret_path).await {
                    Ok(latest) if latest.data.as_ref() == Some(data) => return Ok(latest.version),
                    Ok(latest) if latest.version != after => return Err(Error::Conflict(secret_path.clone())),
                    Err(Error::NotVersion2(..)) => return Err(self.undo_write(secret_path, data).await),
                    // A request still in flight does no harm: it follows the same version as the
                    // next attempt, so that only one succeeds.
                    Ok(_) | Err(_) => {}
                }
            }
            if let Error::Unversioned { .. } = error {
                return Err(self.undo_write(secret_path, data).await);
            }
            let pause = Duration::from_secs(1 << lost.min(5));
            if !error.is_transient() || operation.pause(pause).await.is_err() {
                return Err(if ambiguous { error.mark_ambiguous() } else { error });
            }
            tracing::warn!("{error}: {}; trying again", error.answer().unwrap_or_default());
            step = operation.clone();
            lost += 1;
        }
    }

    async fn write_once(
        &self,
        step: &Operation,
        secret_path: &SecretPath,
        after: u64,
        data: &Data,
    ) -> Result<u64, Error> {
        let request = self.at(
            Method::POST,
            format!("write the secret \"{secret_path}\" to Vault"),
            secret_path,
            "data",
        );
        let request = data.secrets().cloned().fold(request, Request::redact);
        let request = request.json(&json!({ "options": { "cas": after }, "data": data }));
        let written = self.fetch(step, &request, |answer| match answer.status {
            // Anything but a KV version 2 answers 204.
            StatusCode::NO_CONTENT => Ok(None),
            _ => answer
                .json::<Envelope<Written>>()
                .map(|envelope| Some(envelope.data.version)),
        });
        written.await?.ok_or_else(|| Error::Unversioned {
            secret_path: secret_path.clone(),
            remains: None,
        })
    }

    /// Deletes a value that was written to a store without versions, and returns the error to
    /// report.
    async fn undo_write(&self, secret_path: &SecretPath, data: &Data) -> Error {
        // A new operation: even if the run was interrupted, the value must not remain.
        let cleanup = Operation::new(self.request_timeout, CancellationToken::new());
        let deleted = self
            .delete_unversioned(&cleanup, secret_path, |found| found == data)
            .await;
        Error::Unversioned {
            secret_path: secret_path.clone(),
            remains: deleted.err().map(Box::new),
        }
    }

    /// Deletes a value in a store without versions, if `is_ours` recognises it, and returns whether
    /// it was there. If the token must not delete, the value is overwritten.
    ///
    /// # Errors
    /// Returns [`Error`] if the value may still be there.
    pub async fn delete_unversioned(
        &self,
        operation: &Operation,
        secret_path: &SecretPath,
        is_ours: impl Fn(&Data) -> bool,
    ) -> Result<bool, Error> {
        let request = self.at(
            Method::GET,
            format!("read \"{secret_path}\" in Vault"),
            secret_path,
            "data",
        );
        let request = request.accept_status(StatusCode::NOT_FOUND);
        match self.fetch(operation, &request, found).await? {
            Found::Unversioned(data) if is_ours(&data) => {}
            Found::Unversioned(_) | Found::Version(_) | Found::Nothing => return Ok(false),
        }
        let action = format!("delete \"{secret_path}\" in Vault");
        let delete = self.at(Method::DELETE, action.clone(), secret_path, "data");
        match self.send(operation, &delete).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_status(StatusCode::FORBIDDEN) => {
                let overwrite = self.at(Method::POST, action, secret_path, "data");
                let overwrite = overwrite.retry(RetrySafety::Safe).json(&json!({ "data": {} }));
                self.send(operation, &overwrite).await?;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Deletes a version if it is still the current one and `is_ours`, and returns whether it was. A
    /// secret that was deleted with its metadata and written again has the same version numbers.
    ///
    /// # Errors
    /// Returns [`Error`] if the version may still be there.
    pub async fn delete(
        &self,
        operation: &Operation,
        secret_path: &SecretPath,
        version: u64,
        is_ours: impl FnOnce(&Data) -> bool,
    ) -> Result<bool, Error> {
        let latest = self.latest(operation, secret_path).await?;
        if latest.version != version || !latest.data.is_some_and(|data| is_ours(&data)) {
            return Ok(false);
        }
        let action = format!("delete version {version} of the secret \"{secret_path}\" in Vault");
        let request = self.at(Method::POST, action, secret_path, "delete");
        // Idempotent, because the request names the version.
        let request = request.retry(RetrySafety::Safe).json(&json!({ "versions": [version] }));
        self.send(operation, &request).await?;
        Ok(true)
    }

    fn at(&self, method: Method, action: String, secret_path: &SecretPath, kind: &str) -> Request {
        let path = secret_path.below(kind);
        self.request(method, action, &path.split('/').collect::<Vec<_>>())
    }

    fn request(&self, method: Method, action: String, segments: &[&str]) -> Request {
        request(method, action, segments, self.namespace.as_deref())
    }
}

/// The envelope of an answer.
#[derive(Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Deserialize)]
struct Written {
    version: u64,
}

/// A version, or the metadata of a deleted one.
#[derive(Deserialize)]
struct Version {
    data: Option<Data>,
    metadata: Written,
}

/// The body of a 404.
#[derive(Deserialize)]
struct Absent {
    data: Option<Version>,
    errors: Option<Vec<String>>,
}

/// The result of a write for a KV version 2 in a store without versions.
#[derive(Deserialize)]
struct Unversioned {
    data: Data,
}

/// The description of a mount.
#[derive(Deserialize)]
struct MountDetails {
    #[serde(rename = "type")]
    type_name: String,
    path: Option<String>,
    options: Option<Value>,
}

/// The content at the path of a secret.
enum Found {
    Version(Latest),
    /// A value in a store without versions.
    Unversioned(Data),
    /// Nothing: no KV version 2 is mounted.
    Nothing,
}

fn found(answer: Answer) -> Result<Found, Unreadable> {
    let version = if answer.status == StatusCode::NOT_FOUND {
        match answer.json()? {
            Absent {
                data: Some(version), ..
            } => version,
            // Vault answers without an error for a path without a secret, and with one for a path
            // without a mount or outside `data`.
            Absent {
                errors: Some(errors), ..
            } if errors.is_empty() => return Ok(Found::Version(Latest::default())),
            Absent { .. } => return Ok(Found::Nothing),
        }
    } else {
        match answer.json::<Envelope<Value>>()?.data {
            data if data.get("metadata").is_none() => {
                // Anything else in the store was not written for a KV version 2.
                return Ok(match serde_json::from_value(data) {
                    Ok(Unversioned { data }) => Found::Unversioned(data),
                    Err(_) => Found::Unversioned(Data::default()),
                });
            }
            data => serde_json::from_value::<Version>(data)
                .map_err(|error| Unreadable(format!("its data is no version of a secret: {error}")))?,
        }
    };
    Ok(Found::Version(Latest {
        version: version.metadata.version,
        data: version.data,
    }))
}

/// The kind of the mount at `mount`, from Vault's description.
fn mounted(answer: &Answer, mount: &str) -> Mounted {
    let Ok(Envelope { data }) = answer.json::<Envelope<MountDetails>>() else {
        return Mounted::Unknown;
    };
    let version = data.options.as_ref().and_then(|options| options.get("version"));
    let version = version.map(|version| version.as_str().map_or_else(|| version.to_string(), str::to_owned));
    // Vault answers a request for a deeper path with the mount that contains it. The path in the
    // answer is relative to the namespace, which `mount` may include.
    let path = data.path.as_deref().map(|path| path.trim_matches('/'));
    let is_other = path.is_some_and(|path| path != mount && !mount.ends_with(&format!("/{path}")));
    match (data.type_name.as_str(), version.as_deref()) {
        _ if is_other => Mounted::Other("a path inside another mount".to_owned()),
        ("kv", Some("2")) | ("kv-v2", _) => Mounted::Version2,
        ("kv" | "generic", _) => Mounted::Other("a KV version 1, which keeps no versions".to_owned()),
        (name, _)
            if name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')) =>
        {
            Mounted::Other(format!("a secrets engine of the type {name:?}"))
        }
        _ => Mounted::Other("a secrets engine of another type".to_owned()),
    }
}

/// The capabilities of a token at `path`. Depending on its version, Vault returns them under the
/// path or as `capabilities`, inside `data`, next to it, or both.
fn granted(answer: &Answer, path: &str) -> Result<BTreeSet<String>, Unreadable> {
    let envelope: Value = answer.json()?;
    let objects = [envelope.get("data"), Some(&envelope)];
    let found = objects
        .into_iter()
        .flatten()
        .flat_map(|secret_path| [secret_path.get(path), secret_path.get("capabilities")]);
    let found = found.flatten().find_map(Value::as_array);
    let found = found.ok_or_else(|| Unreadable("it does not contain the capabilities".to_owned()))?;
    Ok(found.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
