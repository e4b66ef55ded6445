//! Handing secrets over to HashiCorp Vault: KV version 2.
//!
//! # Flow
//! [`Vault::prove_writable`] shows, before there is anything to lose, that a token may write at a [`Place`], and what is
//! there. [`Vault::write`] writes a new version after exactly that one (check-and-set), and where an answer is lost looks
//! what became of it. [`Vault::newest`] reads; [`Vault::remove`] deletes the version that was written.
//!
//! # Guarantees
//! - What was written by somebody else meanwhile is never covered over: every write names the version that it follows.
//! - A write whose answer is lost is neither doubled nor taken for somebody else's: a look tells it by its content.
//! - A failure that may pass (no connection, a sealed or overloaded server, an eventually consistent one) is tried again
//!   as long as the operation lasts. The first try is made even if the operation is over or cancelled, for a value that
//!   is only in memory would be lost.
//! - No secret is in an error or a log.
//!
//! # Assumptions
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

    /// Shows that a write to `place` is allowed, and tells what is there. Writes nothing.
    ///
    /// # Errors
    /// [`Error::NotAllowed`] names what the token lacks; [`Error::NoMount`] if there is no KV to write to; or why that
    /// cannot be known.
    pub async fn prove_writable(&self, operation: &Operation, place: &Place) -> Result<Newest, Error> {
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
        self.newest(operation, place).await
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
        let request = request.also_answers(StatusCode::NOT_FOUND);
        let newest = self.client.fetch(operation, &request, newest).await?;
        newest.ok_or_else(|| Error::NoMount(place.clone()))
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
                    // What may still be under way does no harm: it follows the same version as what is tried next.
                    Ok(_) | Err(_) => {}
                }
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
        written.await?.ok_or_else(|| Error::NoMount(place.clone()))
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
    #[serde(default)]
    errors: Vec<String>,
}

/// `None`: there is no KV version 2.
fn newest(answer: Answer) -> Result<Option<Newest>, Unreadable> {
    let version = if answer.status == StatusCode::NOT_FOUND {
        match answer.json()? {
            Absent {
                data: Some(version), ..
            } => version,
            // Of a path without a secret Vault has nothing to say; of one without a mount it has.
            Absent { errors, .. } if errors.is_empty() => return Ok(Some(Newest::default())),
            Absent { .. } => return Ok(None),
        }
    } else {
        answer.json::<Told<Version>>()?.data
    };
    Ok(Some(Newest {
        version: version.metadata.version,
        data: version.data,
    }))
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
