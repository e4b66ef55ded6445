//! Vault's HTTP API: authentication, authorisation and routing to the secrets engines.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::answer::Success;
use super::kv_v1::KvV1;
use super::kv_v2::{KvV2, Write};
use super::path::folder;
use super::policy::Capability;
use super::refusal::Refusal;
use super::state::{Mount, Server, TokenEntry};
use super::{Vault, random_token};

/// Routes all paths to one handler, because the paths of mounts are arbitrary.
pub(super) fn routes() -> Router<Vault> {
    Router::new().fallback(respond)
}

async fn respond(State(vault): State<Vault>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let now = vault.clock.now();
    let mut server = vault.lock();
    server.requests += 1;
    let id = format!("00000000-0000-4000-8000-{:012x}", server.requests);
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    let path = percent_decode_str(uri.path().trim_start_matches('/')).decode_utf8_lossy();
    let request = Request {
        method,
        path: format!("{}{path}", folder(header("x-vault-namespace").unwrap_or_default())),
        token: header("x-vault-token").or_else(bearer),
        query: uri.query().unwrap_or_default(),
        body: &body,
        now,
    };
    match server.handle(&request) {
        Ok(success) => success.into_response(&id),
        Err(refusal) => refusal.into_response(&id),
    }
}

/// A request.
struct Request<'a> {
    method: Method,
    /// The path, including the namespace.
    path: String,
    token: Option<&'a str>,
    query: &'a str,
    body: &'a [u8],
    now: Timestamp,
}

#[derive(Deserialize)]
struct VersionsBody {
    #[serde(default)]
    versions: Vec<u64>,
}

impl Request<'_> {
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

    fn read_body<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(self.body).map_err(|_| Refusal::Invalid("error parsing JSON"))
    }

    /// The version numbers in the body. The message for their absence differs between the engine's
    /// paths.
    fn read_versions(&self, missing: &'static str) -> Result<Vec<u64>, Refusal> {
        match self.read_body::<VersionsBody>()?.versions {
            versions if versions.is_empty() => Err(Refusal::Invalid(missing)),
            versions => Ok(versions),
        }
    }

    fn read_write_body(&self) -> Result<Write, Refusal> {
        let mut body: Map<String, Value> = match self.body {
            [] => Map::new(),
            _ => self.read_body()?,
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
    fn handle(&mut self, request: &Request<'_>) -> Result<Success, Refusal> {
        match request.path.as_str() {
            "sys/health" => return Ok(self.health()),
            "sys/seal-status" => return Ok(Success::Bare(StatusCode::OK, json!({"sealed": self.sealed}))),
            _ if self.sealed => return Err(Refusal::Sealed),
            _ => {}
        }
        let namespaces = self.namespaces.iter();
        let within = namespaces.filter(|namespace| request.path.starts_with(*namespace));
        let namespace = within
            .max_by_key(|namespace| namespace.len())
            .cloned()
            .unwrap_or_default();
        if let Some(path) = request.path.strip_prefix(&namespace)
            && path.starts_with("auth/")
        {
            let path = path.to_owned();
            return self.authenticate(request, &namespace, &path);
        }
        let token = request.token.and_then(|token| self.tokens.get(token)).cloned();
        // A token of a namespace is valid in it and in the namespaces below it.
        let token = token
            .filter(|token| namespace.starts_with(&token.namespace))
            .ok_or(Refusal::Unauthenticated)?;
        match request.path.strip_prefix(&namespace) {
            Some("sys/capabilities-self") => return capabilities(request, &token, &namespace),
            Some(path) => {
                if let Some(path) = path.strip_prefix("sys/internal/ui/mounts/") {
                    return self.mount_details(request, &token, &namespace, path);
                }
            }
            None => {}
        }
        let mounts = self.mounts.iter_mut();
        let mounts = mounts.filter(|(mount, _)| request.path.starts_with(mount.as_str()));
        let mount = mounts.max_by_key(|(mount, _)| mount.len());
        let rest = mount
            .as_ref()
            .and_then(|(mount, _)| request.path.strip_prefix(mount.as_str()))
            .unwrap_or_default();
        let needed = if request.is_list() {
            Capability::List
        } else if request.method == Method::GET {
            Capability::Read
        } else if request.method == Method::DELETE {
            Capability::Delete
        } else if mount
            .as_ref()
            .is_some_and(|(_, mount)| mount.is_creation(rest, request))
        {
            Capability::Create
        } else {
            Capability::Update
        };
        if !token.allows(needed, &request.path) {
            return Err(Refusal::Denied);
        }
        let (_, mount) = mount.ok_or_else(|| Refusal::NoHandler(request.path.clone()))?;
        match mount {
            Mount::KvV2(engine) => engine.handle(request, rest),
            Mount::KvV1(engine) => engine.handle(request, rest),
            Mount::Cubbyhole(cubbyholes) => cubbyholes
                .entry(request.token.unwrap_or_default().to_owned())
                .or_default()
                .handle(request, rest)
                .map_err(|refusal| match refusal {
                    Refusal::Invalid(reason) => Refusal::Internal(reason),
                    refusal => refusal,
                }),
            Mount::Other(_) => Err(Refusal::UnsupportedPath),
        }
    }

    /// Handles a login, or a request of a token about itself.
    fn authenticate(&mut self, request: &Request<'_>, namespace: &str, path: &str) -> Result<Success, Refusal> {
        let now = request.now;
        if let Some(mount) = request.path.strip_suffix("login")
            && request.is_write()
        {
            let method = self.auth_methods.get(mount).ok_or(Refusal::Unauthenticated)?;
            let grant = method.log_in(request.body, now)?;
            let token = random_token("hvs.");
            let entry = TokenEntry::issued(namespace.to_owned(), grant, now);
            let auth = entry.auth(&token, now);
            self.tokens.insert(token.expose_secret().to_owned(), entry);
            self.issued.push(token);
            return Ok(Success::Auth(auth));
        }
        let name = request.token.unwrap_or_default();
        let entry = self.tokens.get_mut(name).ok_or(Refusal::Unauthenticated)?;
        match path {
            "auth/token/lookup-self" if request.method == Method::GET => Ok(Success::Data(entry.description(now))),
            "auth/token/renew-self" if request.is_write() => {
                entry.renew(now)?;
                Ok(Success::Auth(entry.auth(&SecretString::from(name), now)))
            }
            "auth/token/revoke-self" if request.is_write() => {
                self.tokens.remove(name);
                Ok(Success::NoContent)
            }
            _ => Err(Refusal::NoHandler(request.path.clone())),
        }
    }

    /// Describes the mount at a path or above it, if the token has any capability below the mount.
    fn mount_details(
        &self,
        request: &Request<'_>,
        token: &TokenEntry,
        namespace: &str,
        path: &str,
    ) -> Result<Success, Refusal> {
        if request.method != Method::GET {
            return Err(Refusal::UnsupportedOperation);
        }
        let requested = folder(path);
        let full = format!("{namespace}{requested}");
        let mounts = self.mounts.iter();
        let mounts = mounts.filter(|(mount, _)| mount.starts_with(namespace) && full.starts_with(mount.as_str()));
        let found = mounts.max_by_key(|(mount, _)| mount.len());
        let found = found.filter(|(mount, _)| {
            let relative = mount.strip_prefix(&token.namespace);
            relative.is_some_and(|mount| token.policy.grants_any_below(mount))
        });
        let (mount, engine) = found.ok_or(Refusal::NoAccess(requested))?;
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
        Success::Bare(
            status,
            json!({"initialized": true, "sealed": self.sealed, "standby": false}),
        )
    }
}

impl TokenEntry {
    /// Whether the policy, whose paths are relative to the token's namespace, grants the
    /// capability.
    fn allows(&self, capability: Capability, path: &str) -> bool {
        let path = path.strip_prefix(&self.namespace);
        path.is_some_and(|path| self.policy.allows(capability, path))
    }
}

impl Mount {
    /// Whether a write to this path requires the capability `create`.
    fn is_creation(&self, rest: &str, request: &Request<'_>) -> bool {
        match self {
            Self::KvV2(engine) => match rest.split_once('/') {
                Some(("data" | "metadata", path)) => !engine.exists(path),
                _ => false,
            },
            Self::KvV1(engine) => !engine.exists(rest),
            Self::Cubbyhole(cubbyholes) => {
                let cubbyhole = request.token.and_then(|token| cubbyholes.get(token));
                cubbyhole.is_none_or(|cubbyhole| !cubbyhole.exists(rest))
            }
            Self::Other(_) => false,
        }
    }

    fn type_name(&self) -> &str {
        match self {
            Self::KvV2(_) | Self::KvV1(_) => "kv",
            Self::Cubbyhole(_) => "cubbyhole",
            Self::Other(name) => name,
        }
    }

    fn options(&self) -> Value {
        match self {
            Self::KvV2(_) => json!({"version": "2"}),
            Self::KvV1(_) => json!({"version": "1"}),
            Self::Cubbyhole(_) => Value::Null,
            Self::Other(_) => json!({}),
        }
    }
}

impl KvV1 {
    fn handle(&mut self, request: &Request<'_>, path: &str) -> Result<Success, Refusal> {
        if request.is_list() {
            return self.list(&folder(path)).map(Success::Data);
        }
        match request.method {
            Method::GET => self.read(path).map(Success::Data),
            Method::DELETE => {
                self.delete(path);
                Ok(Success::NoContent)
            }
            _ if request.is_write() => {
                let data = match request.body {
                    [] => Map::new(),
                    _ => request.read_body()?,
                };
                if data.is_empty() {
                    return Err(Refusal::Invalid("missing data fields"));
                }
                self.write(path, data);
                Ok(Success::NoContent)
            }
            _ => Err(Refusal::UnsupportedOperation),
        }
    }
}

impl KvV2 {
    fn handle(&mut self, request: &Request<'_>, rest: &str) -> Result<Success, Refusal> {
        let (get, write) = (request.method == Method::GET, request.is_write());
        let (kind, path) = rest.split_once('/').unwrap_or((rest, ""));
        match kind {
            "metadata" if request.is_list() => self.list(&folder(path)).map(Success::Data),
            "config" if get => Ok(Success::Data(self.configuration())),
            "config" if write => {
                self.configure(request.read_body()?);
                Ok(Success::NoContent)
            }
            // "The path parameter cannot end in periods."
            "data" | "metadata" if get && path.ends_with('/') => Err(Refusal::NotFound(None)),
            _ if path.is_empty() || path.ends_with(['/', '.']) => Err(Refusal::InvalidPath),
            "data" if get => {
                let version = request.parameter("version").and_then(|number| number.parse().ok());
                self.read(path, version, request.now).map(Success::Data)
            }
            "data" if write => self
                .write(path, request.read_write_body()?, request.now)
                .map(Success::Data),
            "data" if request.method == Method::DELETE => {
                self.delete_newest(path, request.now);
                Ok(Success::NoContent)
            }
            "delete" if write => {
                self.delete(path, &request.read_versions("No version number provided")?, request.now);
                Ok(Success::NoContent)
            }
            "undelete" if write => {
                self.undelete(path, &request.read_versions("No version number provided")?);
                Ok(Success::NoContent)
            }
            "destroy" if write => {
                self.destroy(path, &request.read_versions("no version number provided")?);
                Ok(Success::NoContent)
            }
            "metadata" if get => self.metadata(path).map(Success::Data),
            "metadata" if write => {
                self.set_metadata(path, request.read_body()?, request.now);
                Ok(Success::NoContent)
            }
            "metadata" if request.method == Method::DELETE => {
                self.delete_metadata(path);
                Ok(Success::NoContent)
            }
            "data" | "metadata" | "config" | "delete" | "undelete" | "destroy" => Err(Refusal::UnsupportedOperation),
            _ => Err(Refusal::InvalidPath),
        }
    }
}

#[derive(Deserialize)]
struct PathsBody {
    #[serde(default)]
    paths: Vec<String>,
}

/// The capabilities of the caller's token at each path. "If a single path is supplied, a
/// `capabilities` field will also be returned."
fn capabilities(request: &Request<'_>, token: &TokenEntry, namespace: &str) -> Result<Success, Refusal> {
    if !request.is_write() {
        return Err(Refusal::UnsupportedOperation);
    }
    let PathsBody { paths } = request.read_body()?;
    let granted = |path: &str| {
        let full = format!("{namespace}{}", path.trim_start_matches('/'));
        json!(
            token
                .policy
                .capabilities_at(full.strip_prefix(&token.namespace).unwrap_or_default())
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
