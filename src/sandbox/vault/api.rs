//! Vault's HTTP API: authentication, authorisation and routing to the engines.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::kv::{Engine, Write};
use super::plain::Plain;
use super::policy::Capability;
use super::{Holder, Mount, Server, Vault, folder};

/// The reason Vault rejects a request. Every answer is `{"errors": […]}`.
#[derive(Debug)]
pub(super) enum Refusal {
    /// 400
    Invalid(&'static str),
    /// 403: no token, or an unknown one.
    Unauthenticated,
    /// 403: the token's policies do not allow it.
    Denied,
    /// 403: nothing is mounted at the path, or the token has no capability there.
    NoAccess(String),
    /// 404; with its metadata for a version that was deleted or destroyed.
    NotFound(Option<Value>),
    /// 404: nothing is mounted at the path.
    NoHandler(String),
    /// 404: the mounted engine has no such path.
    UnsupportedPath,
    /// 404: the path of a KV version 2 does not start with `data`, `metadata` and so on.
    Unversioned,
    /// 405
    Unsupported,
    /// 500: the engine reports an invalid request as its own failure.
    Failed(&'static str),
    /// 503
    Sealed,
}

/// A single handler for everything below `/v1`, because the paths of mounts are arbitrary.
pub(super) fn routes() -> Router<Vault> {
    Router::new().fallback(answer)
}

async fn answer(State(vault): State<Vault>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let now = vault.clock.now();
    let mut server = vault.lock();
    server.requests += 1;
    let id = format!("00000000-0000-4000-8000-{:012x}", server.requests);
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let path = percent_decode_str(uri.path().trim_start_matches('/')).decode_utf8_lossy();
    let call = Call {
        method,
        path: format!("{}{path}", folder(header("x-vault-namespace").unwrap_or_default())),
        token: header("x-vault-token").or_else(bearer),
        query: uri.query().unwrap_or_default(),
        body: &body,
        now,
    };
    match server.handle(&call) {
        Ok(Success::Data(data)) => Json(envelope(&id, data)).into_response(),
        Ok(Success::DataTwice(data)) => {
            let mut answer = envelope(&id, data.clone().into());
            answer
                .as_object_mut()
                .into_iter()
                .for_each(|answer| answer.extend(data.clone()));
            Json(answer).into_response()
        }
        Ok(Success::Plain(status, body)) => (status, Json(body)).into_response(),
        Ok(Success::Nothing) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.into_response(&id),
    }
}

/// A request.
struct Call<'a> {
    method: Method,
    /// The path, including the namespace.
    path: String,
    token: Option<&'a str>,
    query: &'a str,
    body: &'a [u8],
    now: Timestamp,
}

/// The answer to a request.
enum Success {
    Data(Value),
    /// Data inside the envelope's `data` and next to it.
    DataTwice(Map<String, Value>),
    /// An answer without the usual envelope.
    Plain(StatusCode, Value),
    Nothing,
}

#[derive(Deserialize)]
struct Versions {
    #[serde(default)]
    versions: Vec<u64>,
}

impl Call<'_> {
    fn is_write(&self) -> bool {
        // "Vault currently considers PUT and POST to be synonyms."
        matches!(self.method, Method::POST | Method::PUT)
    }

    fn is_list(&self) -> bool {
        self.method.as_str() == "LIST" || (self.method == Method::GET && self.parameter("list") == Some("true"))
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .into_iter()
            .find_map(|(found, value)| (found == name).then_some(value))
    }

    fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(self.body).map_err(|_| Refusal::Invalid("error parsing JSON"))
    }

    /// The version numbers in the body. The message for their absence differs between the engine's
    /// paths.
    fn versions(&self, missing: &'static str) -> Result<Vec<u64>, Refusal> {
        match self.json::<Versions>()?.versions {
            versions if versions.is_empty() => Err(Refusal::Invalid(missing)),
            versions => Ok(versions),
        }
    }

    fn write(&self) -> Result<Write, Refusal> {
        let mut body: Map<String, Value> = match self.body {
            [] => Map::new(),
            _ => self.json()?,
        };
        let Some(Value::Object(data)) = body.remove("data") else {
            return Err(Refusal::Invalid("no data provided"));
        };
        let cas = match body.get("options").and_then(|options| options.get("cas")) {
            None => None,
            Some(Value::String(text)) => Some(text.parse().ok()),
            Some(number) => Some(number.as_u64()),
        };
        let cas = cas.map(|cas| cas.ok_or(Refusal::Invalid("error parsing check-and-set parameter")));
        Ok(Write {
            data,
            cas: cas.transpose()?,
        })
    }
}

impl Server {
    fn handle(&mut self, call: &Call<'_>) -> Result<Success, Refusal> {
        match call.path.as_str() {
            "sys/health" => return Ok(self.health()),
            "sys/seal-status" => return Ok(Success::Plain(StatusCode::OK, json!({"sealed": self.sealed}))),
            _ if self.sealed => return Err(Refusal::Sealed),
            _ => {}
        }
        let namespaces = self.namespaces.iter();
        let within = namespaces.filter(|namespace| call.path.starts_with(*namespace));
        let namespace = within
            .max_by_key(|namespace| namespace.len())
            .cloned()
            .unwrap_or_default();
        let holder = call.token.and_then(|token| self.tokens.get(token)).cloned();
        // A token of a namespace is valid in it and in the namespaces below it.
        let holder = holder
            .filter(|holder| namespace.starts_with(&holder.namespace))
            .ok_or(Refusal::Unauthenticated)?;
        match call.path.strip_prefix(&namespace) {
            Some("sys/capabilities-self") => return capabilities(call, &holder, &namespace),
            Some(path) => {
                if let Some(path) = path.strip_prefix("sys/internal/ui/mounts/") {
                    return self.mount_details(call, &holder, &namespace, path);
                }
            }
            None => {}
        }
        let mounts = self.mounts.iter_mut();
        let mounts = mounts.filter(|(mount, _)| call.path.starts_with(mount.as_str()));
        let mount = mounts.max_by_key(|(mount, _)| mount.len());
        let rest = mount
            .as_ref()
            .and_then(|(mount, _)| call.path.strip_prefix(mount.as_str()))
            .unwrap_or_default();
        let needed = if call.is_list() {
            Capability::List
        } else if call.method == Method::GET {
            Capability::Read
        } else if call.method == Method::DELETE {
            Capability::Delete
        } else if mount.as_ref().is_some_and(|(_, mount)| mount.is_creation(rest, call)) {
            Capability::Create
        } else {
            Capability::Update
        };
        if !holder.allows(needed, &call.path) {
            return Err(Refusal::Denied);
        }
        let (_, mount) = mount.ok_or_else(|| Refusal::NoHandler(call.path.clone()))?;
        match mount {
            Mount::Versioned(engine) => engine.handle(call, rest),
            Mount::Plain(engine) => engine.handle(call, rest),
            Mount::Cubbyhole(holes) => holes
                .entry(call.token.unwrap_or_default().to_owned())
                .or_default()
                .handle(call, rest)
                .map_err(|refusal| match refusal {
                    Refusal::Invalid(reason) => Refusal::Failed(reason),
                    refusal => refusal,
                }),
            Mount::Other(_) => Err(Refusal::UnsupportedPath),
        }
    }

    /// Describes the mount at a path or above it, if the token has any capability there.
    fn mount_details(&self, call: &Call<'_>, holder: &Holder, namespace: &str, path: &str) -> Result<Success, Refusal> {
        if call.method != Method::GET {
            return Err(Refusal::Unsupported);
        }
        let asked = folder(path);
        let full = format!("{namespace}{asked}");
        let mounts = self.mounts.iter();
        let mounts = mounts.filter(|(mount, _)| mount.starts_with(namespace) && full.starts_with(mount.as_str()));
        let found = mounts.max_by_key(|(mount, _)| mount.len());
        let found = found.filter(|(mount, _)| {
            let relative = mount.strip_prefix(&holder.namespace);
            relative.is_some_and(|mount| holder.policy.reaches(mount))
        });
        let (mount, engine) = found.ok_or(Refusal::NoAccess(asked))?;
        Ok(Success::Data(json!({
            "type": engine.type_name(),
            "path": mount.strip_prefix(namespace),
            "options": engine.options(),
            "description": "",
            "local": matches!(engine, Mount::Cubbyhole(_)),
            "seal_wrap": false,
            "config": {"default_lease_ttl": 0, "force_no_cache": false, "max_lease_ttl": 0},
        })))
    }

    fn health(&self) -> Success {
        let status = if self.sealed {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        };
        Success::Plain(
            status,
            json!({"initialized": true, "sealed": self.sealed, "standby": false}),
        )
    }
}

impl Holder {
    /// Whether the policy, whose paths are relative to the token's namespace, grants the
    /// capability.
    fn allows(&self, capability: Capability, path: &str) -> bool {
        let path = path.strip_prefix(&self.namespace);
        path.is_some_and(|path| self.policy.allows(capability, path))
    }
}

impl Mount {
    /// Whether a write would create something.
    fn is_creation(&self, rest: &str, call: &Call<'_>) -> bool {
        match self {
            Self::Versioned(engine) => match rest.split_once('/') {
                Some(("data" | "metadata", path)) => !engine.exists(path),
                _ => false,
            },
            Self::Plain(engine) => !engine.exists(rest),
            Self::Cubbyhole(holes) => {
                let hole = call.token.and_then(|token| holes.get(token));
                hole.is_none_or(|hole| !hole.exists(rest))
            }
            Self::Other(_) => false,
        }
    }

    fn type_name(&self) -> &str {
        match self {
            Self::Versioned(_) | Self::Plain(_) => "kv",
            Self::Cubbyhole(_) => "cubbyhole",
            Self::Other(name) => name,
        }
    }

    fn options(&self) -> Value {
        match self {
            Self::Versioned(_) => json!({"version": "2"}),
            Self::Plain(_) => json!({"version": "1"}),
            Self::Cubbyhole(_) => Value::Null,
            Self::Other(_) => json!({}),
        }
    }
}

impl Plain {
    fn handle(&mut self, call: &Call<'_>, path: &str) -> Result<Success, Refusal> {
        if call.is_list() {
            return self.list(&folder(path)).map(Success::Data);
        }
        match call.method {
            Method::GET => self.read(path).map(Success::Data),
            Method::DELETE => {
                self.delete(path);
                Ok(Success::Nothing)
            }
            _ if call.is_write() => {
                let data = match call.body {
                    [] => Map::new(),
                    _ => call.json()?,
                };
                if data.is_empty() {
                    return Err(Refusal::Invalid("missing data fields"));
                }
                self.write(path, data);
                Ok(Success::Nothing)
            }
            _ => Err(Refusal::Unsupported),
        }
    }
}

impl Engine {
    fn handle(&mut self, call: &Call<'_>, rest: &str) -> Result<Success, Refusal> {
        let (get, write) = (call.method == Method::GET, call.is_write());
        let (kind, path) = rest.split_once('/').unwrap_or((rest, ""));
        match kind {
            "metadata" if call.is_list() => self.list(&folder(path)).map(Success::Data),
            "config" if get => Ok(Success::Data(self.configuration())),
            "config" if write => {
                self.configure(call.json()?);
                Ok(Success::Nothing)
            }
            // "The path parameter cannot end in periods."
            "data" | "metadata" if get && path.ends_with('/') => Err(Refusal::NotFound(None)),
            _ if path.is_empty() || path.ends_with(['/', '.']) => Err(Refusal::Unversioned),
            "data" if get => {
                let version = call.parameter("version").and_then(|number| number.parse().ok());
                self.read(path, version, call.now).map(Success::Data)
            }
            "data" if write => self.write(path, call.write()?, call.now).map(Success::Data),
            "data" if call.method == Method::DELETE => {
                self.delete_latest(path, call.now);
                Ok(Success::Nothing)
            }
            "delete" if write => {
                self.delete(path, &call.versions("No version number provided")?, call.now);
                Ok(Success::Nothing)
            }
            "undelete" if write => {
                self.undelete(path, &call.versions("No version number provided")?);
                Ok(Success::Nothing)
            }
            "destroy" if write => {
                self.destroy(path, &call.versions("no version number provided")?);
                Ok(Success::Nothing)
            }
            "metadata" if get => self.metadata(path).map(Success::Data),
            "metadata" if write => {
                self.set_metadata(path, call.json()?, call.now);
                Ok(Success::Nothing)
            }
            "metadata" if call.method == Method::DELETE => {
                self.wipe(path);
                Ok(Success::Nothing)
            }
            "data" | "metadata" | "config" | "delete" | "undelete" | "destroy" => Err(Refusal::Unsupported),
            _ => Err(Refusal::Unversioned),
        }
    }
}

#[derive(Deserialize)]
struct Paths {
    #[serde(default)]
    paths: Vec<String>,
}

/// The capabilities of the caller's token at each path. "If a single path is supplied, a
/// `capabilities` field will also be returned."
fn capabilities(call: &Call<'_>, holder: &Holder, namespace: &str) -> Result<Success, Refusal> {
    if !call.is_write() {
        return Err(Refusal::Unsupported);
    }
    let Paths { paths } = call.json()?;
    let granted = |path: &str| {
        let full = format!("{namespace}{}", path.trim_start_matches('/'));
        json!(
            holder
                .policy
                .at(full.strip_prefix(&holder.namespace).unwrap_or_default())
        )
    };
    let mut data: Map<_, _> = paths.iter().map(|path| (path.clone(), granted(path))).collect();
    match paths.as_slice() {
        [] => return Err(Refusal::Invalid("paths must be supplied")),
        [path] => drop(data.insert("capabilities".to_owned(), granted(path))),
        _ => {}
    }
    Ok(Success::DataTwice(data))
}

/// The envelope of every answer.
fn envelope(id: &str, data: Value) -> Value {
    json!({
        "request_id": id,
        "lease_id": "",
        "renewable": false,
        "lease_duration": 0,
        "data": data,
        "wrap_info": null,
        "warnings": null,
        "auth": null,
    })
}

impl Refusal {
    fn into_response(self, id: &str) -> Response {
        let (status, errors) = match self {
            Self::Invalid(reason) => (StatusCode::BAD_REQUEST, vec![reason.to_owned()]),
            Self::Unauthenticated => (StatusCode::FORBIDDEN, vec!["permission denied".to_owned()]),
            Self::Denied => (StatusCode::FORBIDDEN, vec![wrapped("permission denied")]),
            Self::NoAccess(path) => (
                StatusCode::FORBIDDEN,
                vec![format!(
                    "preflight capability check returned 403, please ensure client's policies grant access to path {path:?}"
                )],
            ),
            Self::NotFound(Some(data)) => return (StatusCode::NOT_FOUND, Json(envelope(id, data))).into_response(),
            Self::NotFound(None) => (StatusCode::NOT_FOUND, Vec::new()),
            Self::NoHandler(path) => (
                StatusCode::NOT_FOUND,
                vec![format!("no handler for route {path:?}. route entry not found.")],
            ),
            Self::UnsupportedPath => (StatusCode::NOT_FOUND, vec![wrapped("unsupported path")]),
            Self::Unversioned => {
                let mut answer = envelope(id, Value::Null);
                let warning = "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API \
                               endpoints to use.";
                if let Some(answer) = answer.as_object_mut() {
                    answer.insert("warnings".to_owned(), json!([warning]));
                }
                return (StatusCode::NOT_FOUND, Json(answer)).into_response();
            }
            Self::Unsupported => (StatusCode::METHOD_NOT_ALLOWED, vec![wrapped("unsupported operation")]),
            Self::Failed(reason) => (StatusCode::INTERNAL_SERVER_ERROR, vec![wrapped(reason)]),
            Self::Sealed => (StatusCode::SERVICE_UNAVAILABLE, vec!["Vault is sealed".to_owned()]),
        };
        (status, Json(json!({ "errors": errors }))).into_response()
    }
}

/// Formats an error as Vault's router forwards it.
fn wrapped(reason: &str) -> String {
    format!("1 error occurred:\n\t* {reason}\n\n")
}
