//! Handing secrets over to HashiCorp Vault: KV version 2.
//!
//! # Flow
//! [`Vault::prove_writable`] shows, before there is anything to lose, that a token may write at a [`Place`], that a KV
//! version 2 is mounted there, and what it holds. [`Vault::write`] writes a new version after exactly that one
//! (check-and-set), and where an answer is lost looks what became of it. [`Vault::newest`] reads; [`Vault::remove`]
//! deletes the version that was written.
//!
//! # Guarantees
//! - What was written by somebody else meanwhile is never covered over: every write names the version that it follows.
//! - A write whose answer is lost is neither doubled nor taken for somebody else's: a look tells it by its content.
//! - A failure that may pass (no connection, a sealed or overloaded server, an eventually consistent one) is tried again
//!   as long as the operation lasts. The first try is made even if the operation is over or cancelled, for a value that
//!   is only in memory would be lost.
//! - No secret is in an error or a log.
//! - A value that was written to something else than a KV version 2 after all is deleted again, and the error says so.
//!
//! # Assumptions
//! - What is mounted is reported by `sys/internal/ui/mounts/<mount>`, which Vault's own CLI asks before it writes. Where
//!   that is denied, a KV version 2 is known by how it refuses a write without `data`, which writes nothing anywhere.
//! - The token may read what it writes (`create`, `update` and `read` on `<mount>/data/<path>`), and ask what it may
//!   (`sys/capabilities-self`, in Vault's default policy). `update` on `<mount>/delete/<path>` is for removals.
//! - A version's content never changes; a secret that was removed with its metadata begins with version 1 again.

mod data;
mod error;
mod place;

use std::collections::BTreeSet;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::redaction::KnownSecrets;
use crate::rest::{
    Answer, BaseUrl, Client, Credential, Destination, InvalidBaseUrl, InvalidCredential, Operation, Options, Request,
    RetrySafety, Roots, Transport, Unreadable,
};

pub use data::{Data, Entry};
pub use error::Error;
pub use place::{InvalidPlace, Place};

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// A Vault Agent or Proxy may insist on it, as a browser cannot be tricked into sending it.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");

/// What a hand-over needs at `<mount>/data/<path>`: a first version is a creation, any other an update, and a lost
/// answer needs a look.
const NEEDED: [&str; 3] = ["create", "update", "read"];

/// How a KV version 2 refuses a write without `data`.
const NO_DATA: &str = "no data provided";

/// How a KV version 1 and a cubbyhole refuse an empty write.
const NO_FIELDS: &str = "missing data fields";

/// How to reach a Vault.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its API, with `/v1`; see [`address`].
    pub base_url: BaseUrl,
    /// What to prove oneself with; see [`token`].
    pub credential: Credential,
    /// The namespace to work in.
    pub namespace: Option<String>,
    /// Who may vouch for the server.
    pub roots: Roots,
}

/// Reads an address as VAULT_ADDR has it: that of the server, without `/v1`.
///
/// # Errors
/// As [`BaseUrl::parse`]: plain http is for loopback only.
pub fn address(text: &str) -> Result<BaseUrl, InvalidBaseUrl> {
    BaseUrl::parse(&format!("{}/v1", BaseUrl::parse(text)?))
}

/// A token as VAULT_TOKEN or `~/.vault-token` has it.
///
/// # Errors
/// If no header can carry it.
pub fn token(text: SecretString) -> Result<Credential, InvalidCredential> {
    Credential::in_header(TOKEN, text)
}

/// A Vault to hand over to. Clones share connections.
#[derive(Clone, Debug)]
pub struct Vault {
    client: Client,
    namespace: Option<String>,
    request_timeout: Duration,
}

/// The newest version of a secret.
#[derive(Debug, Default)]
pub struct Newest {
    /// Its number; 0 where nothing was ever written.
    pub version: u64,
    /// What it holds; `None` where there is none, or it was deleted or destroyed.
    pub data: Option<Data>,
}

/// What is known of a place before a write.
#[derive(Debug)]
pub struct Proof {
    /// What is there.
    pub newest: Newest,
    /// Whether a KV version 2 is proved to be mounted there; otherwise Vault did not say what is.
    pub is_version_2: bool,
}

/// What is mounted at a place.
#[derive(Debug, PartialEq)]
enum Mounted {
    Version2,
    /// Something else, as a message names it.
    Other(String),
    /// Vault does not say.
    Unknown,
}

impl Vault {
    /// A Vault that is reached by what `transport` makes.
    pub fn new(
        settings: Settings,
        user_agent: HeaderValue,
        request_timeout: Duration,
        transport: impl FnOnce(&Destination) -> Transport,
    ) -> Self {
        let Settings {
            base_url,
            credential,
            namespace,
            roots,
        } = settings;
        let transport = transport(&Destination {
            base_url: base_url.clone(),
            roots,
        });
        let options = Options {
            base_url,
            credential,
            user_agent,
            request_timeout,
        };
        Self {
            client: Client::new(options, transport),
            namespace,
            request_timeout,
        }
    }

    /// The same Vault, whose messages repeat none of these secrets either.
    #[must_use]
    pub fn concealing(self, secrets: &KnownSecrets) -> Self {
        Self {
            client: self.client.concealing(secrets),
            ..self
        }
    }

    /// Shows that a write to `place` is allowed and makes a version, and what is there. Writes nothing.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] names what the token lacks; [`Error::NoMount`] if there is nothing to write to;
    /// [`Error::NotVersion2`] if it keeps no versions; or why that cannot be known.
    pub async fn prove_writable(&self, operation: &Operation, place: &Place) -> Result<Proof, Error> {
        let path = place.below("data");
        let tried = format!("ask what Vault allows at {path:?}");
        let request = self.request(Method::POST, tried, &["sys", "capabilities-self"]);
        // It changes nothing.
        let request = request.retry(RetrySafety::Safe).json(&json!({ "paths": [path] }));
        let granted = self
            .client
            .fetch(operation, &request, |answer| granted(&answer, &path))
            .await?;
        let missing: Vec<_> = NEEDED.into_iter().filter(|needed| !granted.contains(*needed)).collect();
        if !granted.contains("root") && !missing.is_empty() {
            return Err(Error::NotAllowed { path, missing });
        }
        let mut mounted = self.mounted(operation, place).await?;
        if let Mounted::Other(found) = mounted {
            return Err(Error::NotVersion2(place.clone(), found));
        }
        let newest = self.newest(operation, place).await?;
        if mounted == Mounted::Unknown && newest.version == 0 {
            mounted = self.probe(operation, place).await?;
        }
        match mounted {
            Mounted::Other(found) => Err(Error::NotVersion2(place.clone(), found)),
            // Nothing else has numbered versions.
            mounted => Ok(Proof {
                is_version_2: mounted == Mounted::Version2 || newest.version > 0,
                newest,
            }),
        }
    }

    /// Asks what is mounted, as Vault's own CLI does. No policy has to allow it, only access to something in the mount.
    async fn mounted(&self, operation: &Operation, place: &Place) -> Result<Mounted, Error> {
        let mount = place.mount();
        let tried = format!("ask what is mounted at {mount:?} in Vault");
        let segments = ["sys", "internal", "ui", "mounts"].into_iter().chain(mount.split('/'));
        let request = self.request(Method::GET, tried, &segments.collect::<Vec<_>>());
        let request = request.accept_status(StatusCode::FORBIDDEN);
        let found = self
            .client
            .fetch(operation, &request, |answer| Ok(mounted(&answer, mount)))
            .await;
        match found {
            Ok(found) => Ok(found),
            // An old server, or a proxy that passes on only some paths.
            Err(error) if error.status().is_some_and(|status| status.is_client_error()) => Ok(Mounted::Unknown),
            Err(error) => Err(error.into()),
        }
    }

    /// Finds out what is mounted by a write without content, which every engine refuses, each in its own way.
    async fn probe(&self, operation: &Operation, place: &Place) -> Result<Mounted, Error> {
        let tried = format!("ask what is mounted at {:?} in Vault", place.mount());
        let request = self.at(Method::POST, tried, place, "data");
        let request = request.json(&json!({}));
        match self.client.send(operation, &request).await {
            Ok(_) => Ok(Mounted::Unknown),
            // A KV version 1 answers 400, and a cubbyhole 500.
            Err(error) if error.status().is_some() => {
                let says = |phrase| error.platform_message().is_some_and(|message| message.contains(phrase));
                Ok(match (says(NO_DATA), says(NO_FIELDS)) {
                    (true, _) => Mounted::Version2,
                    (_, true) => Mounted::Other("a store that keeps no versions".to_owned()),
                    _ => Mounted::Unknown,
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the newest version.
    ///
    /// # Errors
    /// [`Error`], but not because there is none.
    pub async fn newest(&self, operation: &Operation, place: &Place) -> Result<Newest, Error> {
        let request = self.at(
            Method::GET,
            format!("read the secret \"{place}\" in Vault"),
            place,
            "data",
        );
        let request = request.accept_status(StatusCode::NOT_FOUND);
        match self.client.fetch(operation, &request, found).await? {
            Found::Version(newest) => Ok(newest),
            Found::Unversioned(_) => Err(Error::NotVersion2(
                place.clone(),
                "a store that keeps no versions".to_owned(),
            )),
            Found::Nothing => Err(Error::NoMount(place.clone())),
        }
    }

    /// Writes a new version after `after`, and tells its number.
    ///
    /// # Errors
    /// [`Error::Overtaken`] if another version is there, so that nothing was written; or why it could not be written. A
    /// request that is ambiguous may have been, although even a look could not tell.
    pub async fn write(&self, operation: &Operation, place: &Place, after: u64, data: &Data) -> Result<u64, Error> {
        let mut step = Operation::new(self.request_timeout, CancellationToken::new());
        let (mut lost, mut ambiguous) = (0_u32, false);
        loop {
            let error = match self.write_once(&step, place, after, data).await {
                Ok(version) => return Ok(version),
                Err(error) => error,
            };
            ambiguous |= error.is_ambiguous();
            // A refusal may be the consequence of an earlier try that was not lost after all.
            if ambiguous || error.is_status(StatusCode::BAD_REQUEST) {
                match self.newest(&step, place).await {
                    Ok(newest) if newest.data.as_ref() == Some(data) => return Ok(newest.version),
                    Ok(newest) if newest.version != after => return Err(Error::Overtaken(place.clone())),
                    Err(Error::NotVersion2(..)) => return Err(self.take_back(place, data).await),
                    // What may still be under way does no harm: it follows the same version as what is tried next.
                    Ok(_) | Err(_) => {}
                }
            }
            if let Error::Unversioned { .. } = error {
                return Err(self.take_back(place, data).await);
            }
            let pause = Duration::from_secs(1 << lost.min(5));
            if !error.may_pass() || operation.pause(pause).await.is_err() {
                return Err(if ambiguous {
                    error.after_an_ambiguous_one()
                } else {
                    error
                });
            }
            tracing::warn!("{error}: {}; trying again", error.answer().unwrap_or_default());
            step = operation.clone();
            lost += 1;
        }
    }

    async fn write_once(&self, step: &Operation, place: &Place, after: u64, data: &Data) -> Result<u64, Error> {
        let request = self.at(
            Method::POST,
            format!("write the secret \"{place}\" to Vault"),
            place,
            "data",
        );
        let request = data.secrets().cloned().fold(request, Request::conceal);
        let request = request.json(&json!({ "options": { "cas": after }, "data": data }));
        let written = self.client.fetch(step, &request, |answer| match answer.status {
            // What is no KV version 2 takes anything.
            StatusCode::NO_CONTENT => Ok(None),
            _ => answer.json::<Told<Written>>().map(|told| Some(told.data.version)),
        });
        written.await?.ok_or_else(|| Error::Unversioned {
            place: place.clone(),
            remains: None,
        })
    }

    /// Deletes a value that was written to something without versions, and reports whether that succeeded.
    async fn take_back(&self, place: &Place, data: &Data) -> Error {
        // The value must not stay there because the run was interrupted meanwhile.
        let cleanup = Operation::new(self.request_timeout, CancellationToken::new());
        let removed = self.remove_unversioned(&cleanup, place, |found| found == data).await;
        Error::Unversioned {
            place: place.clone(),
            remains: removed.err().map(Box::new),
        }
    }

    /// Deletes what lies without versions where versions were expected, if it is what `is_ours` describes; returns
    /// whether it was there. A token that may not delete overwrites it.
    ///
    /// # Errors
    /// [`Error`] if it may still be there.
    pub async fn remove_unversioned(
        &self,
        operation: &Operation,
        place: &Place,
        is_ours: impl Fn(&Data) -> bool,
    ) -> Result<bool, Error> {
        let request = self.at(Method::GET, format!("read \"{place}\" in Vault"), place, "data");
        let request = request.accept_status(StatusCode::NOT_FOUND);
        match self.client.fetch(operation, &request, found).await? {
            Found::Unversioned(data) if is_ours(&data) => {}
            Found::Unversioned(_) | Found::Version(_) | Found::Nothing => return Ok(false),
        }
        let tried = format!("delete \"{place}\" in Vault");
        let delete = self.at(Method::DELETE, tried.clone(), place, "data");
        match self.client.send(operation, &delete).await {
            Ok(_) => Ok(true),
            Err(error) if error.status() == Some(StatusCode::FORBIDDEN) => {
                let overwrite = self.at(Method::POST, tried, place, "data");
                let overwrite = overwrite.retry(RetrySafety::Safe).json(&json!({ "data": {} }));
                self.client.send(operation, &overwrite).await?;
                Ok(true)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a version if it is still the newest; tells whether it was.
    ///
    /// # Errors
    /// [`Error`] if it may still be there.
    pub async fn remove(&self, operation: &Operation, place: &Place, version: u64) -> Result<bool, Error> {
        let newest = self.newest(operation, place).await?;
        if newest.version != version || newest.data.is_none() {
            return Ok(false);
        }
        let tried = format!("delete version {version} of the secret \"{place}\" in Vault");
        let request = self.at(Method::POST, tried, place, "delete");
        // It names the version: twice is as good as once.
        let request = request.retry(RetrySafety::Safe).json(&json!({ "versions": [version] }));
        self.client.send(operation, &request).await?;
        Ok(true)
    }

    fn at(&self, method: Method, tried: String, place: &Place, kind: &str) -> Request {
        let path = place.below(kind);
        self.request(method, tried, &path.split('/').collect::<Vec<_>>())
    }

    fn request(&self, method: Method, tried: String, segments: &[&str]) -> Request {
        let request = Request::new(method, tried, segments).header(REQUEST, "true");
        match &self.namespace {
            Some(namespace) => request.header(NAMESPACE, namespace),
            None => request,
        }
    }
}

/// The part of an answer that matters.
#[derive(Deserialize)]
struct Told<T> {
    data: T,
}

#[derive(Deserialize)]
struct Written {
    version: u64,
}

/// A version, or what is known of one that was deleted.
#[derive(Deserialize)]
struct Version {
    data: Option<Data>,
    metadata: Written,
}

/// A 404.
#[derive(Deserialize)]
struct Absent {
    data: Option<Version>,
    errors: Option<Vec<String>>,
}

/// What a write for a KV version 2 leaves in a store that keeps no versions.
#[derive(Deserialize)]
struct Unversioned {
    data: Data,
}

/// What is mounted somewhere.
#[derive(Deserialize)]
struct MountDetails {
    #[serde(rename = "type")]
    type_name: String,
    path: Option<String>,
    options: Option<Value>,
}

/// What is at a place.
enum Found {
    Version(Newest),
    /// What a write for a KV version 2 leaves in a store without versions.
    Unversioned(Data),
    /// There is no KV version 2.
    Nothing,
}

fn found(answer: Answer) -> Result<Found, Unreadable> {
    let version = if answer.status == StatusCode::NOT_FOUND {
        match answer.json()? {
            Absent {
                data: Some(version), ..
            } => version,
            // Of a path without a secret Vault has nothing to say; of one without a mount, or outside `data`, it has.
            Absent {
                errors: Some(errors), ..
            } if errors.is_empty() => return Ok(Found::Version(Newest::default())),
            Absent { .. } => return Ok(Found::Nothing),
        }
    } else {
        match answer.json::<Told<Value>>()?.data {
            data if data.get("metadata").is_none() => {
                // Whatever else lies there was not written for a KV version 2.
                return Ok(match serde_json::from_value(data) {
                    Ok(Unversioned { data }) => Found::Unversioned(data),
                    Err(_) => Found::Unversioned(Data::default()),
                });
            }
            data => serde_json::from_value::<Version>(data)
                .map_err(|error| Unreadable(format!("its data is no version of a secret: {error}")))?,
        }
    };
    Ok(Found::Version(Newest {
        version: version.metadata.version,
        data: version.data,
    }))
}

/// What is mounted at `mount`, by an answer about it.
fn mounted(answer: &Answer, mount: &str) -> Mounted {
    let Ok(Told { data }) = answer.json::<Told<MountDetails>>() else {
        return Mounted::Unknown;
    };
    let version = data.options.as_ref().and_then(|options| options.get("version"));
    let version = version.map(|version| version.as_str().map_or_else(|| version.to_string(), str::to_owned));
    // A request for what is deeper in a mount is answered with the mount. Its path is relative to the namespace, which
    // `mount` may name.
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

/// What a token may do at `path`. Vault tells it by the path, and of a single path as `capabilities`; in `data`, beside
/// it, or both, depending on its version.
fn granted(answer: &Answer, path: &str) -> Result<BTreeSet<String>, Unreadable> {
    let told: Value = answer.json()?;
    let places = [told.get("data"), Some(&told)];
    let found = places
        .into_iter()
        .flatten()
        .flat_map(|place| [place.get(path), place.get("capabilities")]);
    let found = found.flatten().find_map(Value::as_array);
    let found = found.ok_or_else(|| Unreadable("it does not tell the capabilities".to_owned()))?;
    Ok(found.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests;
