//! The API: exactly the endpoints that the public clients call.
//!
//! Requests are validated strictly: a body or a query that no client sends is rejected, so that a
//! provider cannot rely on it. The trailing slash of a path is significant.

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;

use super::Sandbox;
use super::options::Update;
use super::refusal::Refusal;
use super::state::{NeuroIo, Realm};

pub(super) fn routes() -> Router<Sandbox> {
    let one = get(read).patch(patch).put(put).delete(remove);
    Router::new()
        .route("/streams/tokens/", get(list).post(create).delete(remove_all))
        .route("/streams/tokens//", delete(remove_without_id))
        .route("/streams/tokens/{id_or_key}/", one)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

impl Sandbox {
    /// Authenticates the request and handles it for the token's realm.
    fn serve(
        &self,
        headers: &HeaderMap,
        handle: impl FnOnce(&mut NeuroIo, &Realm, Timestamp) -> Result<Response, Refusal>,
    ) -> Response {
        self.with(|platform, now| {
            let answer = match bearer(headers).and_then(|value| platform.realm_of(value, now)) {
                Some(realm) => handle(platform, &realm, now),
                None => Err(Refusal::Unauthenticated),
            };
            answer.unwrap_or_else(|refusal| platform.options.rejected(&refusal))
        })
    }
}

/// Returns the token in the `Authorization` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Token ")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Creation {
    #[serde(default)]
    permanent: bool,
}

async fn create(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Response {
    sandbox.serve(&headers, |platform, realm, now| {
        let Creation { permanent } = read_body(&headers, &body)?;
        if permanent && !platform.has_capacity(realm) {
            return Err(Refusal::LimitReached);
        }
        let token = platform.add_token(realm, permanent, now);
        let created = platform.options.created(&token);
        Ok((StatusCode::CREATED, Json(created)).into_response())
    })
}

async fn list(State(sandbox): State<Sandbox>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    sandbox.serve(&headers, |platform, realm, now| {
        let query = ListQuery::read(query.as_deref())?;
        let limit = query.limit.unwrap_or(20).min(platform.options.max_page_size);
        let tokens = platform.list(realm, query.permanent, now);
        let page = tokens.into_iter().skip(query.offset.unwrap_or(0)).take(limit);
        let rows: Vec<_> = page.map(|token| platform.options.token(token)).collect();
        Ok(Json(rows).into_response())
    })
}

async fn remove_all(State(sandbox): State<Sandbox>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    sandbox.serve(&headers, |platform, realm, now| {
        platform.remove_all(realm, ListQuery::read(query.as_deref())?.permanent, now);
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

/// Handles the request of a client that deletes a token with an empty id.
async fn remove_without_id(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.serve(&headers, |platform, realm, now| {
        if !platform.options.merges_slashes {
            return Err(Refusal::NotFound);
        }
        platform.remove_all(realm, None, now);
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

async fn read(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(id_or_key): Path<String>) -> Response {
    sandbox.serve(&headers, |platform, realm, _| {
        let token = platform.find(realm, &id_or_key).ok_or(Refusal::NotFound)?;
        Ok(Json(platform.options.token(token)).into_response())
    })
}

async fn remove(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(id_or_key): Path<String>) -> Response {
    sandbox.serve(&headers, |platform, realm, now| {
        let id = platform.find(realm, &id_or_key).ok_or(Refusal::NotFound)?.id;
        platform.remove(now, |token| token.id == id);
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

async fn patch(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    Path(id_or_key): Path<String>,
    body: Bytes,
) -> Response {
    sandbox.serve(&headers, |platform, realm, _| {
        if platform.options.update == Update::PutJson {
            return Err(Refusal::MethodNotAllowed);
        }
        if !has_media_type(&headers, "application/x-www-form-urlencoded") {
            return Err(Refusal::UnsupportedMediaType);
        }
        let is_active = match body.as_ref() {
            b"is_active=true" => true,
            b"is_active=false" => false,
            _ => return Err(Refusal::Invalid("is_active", "Must be a valid boolean.")),
        };
        set_active(platform, realm, &id_or_key, is_active)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Activity {
    is_active: bool,
}

async fn put(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    Path(id_or_key): Path<String>,
    body: Bytes,
) -> Response {
    sandbox.serve(&headers, |platform, realm, _| {
        if platform.options.update == Update::PatchForm {
            return Err(Refusal::MethodNotAllowed);
        }
        let Activity { is_active } = read_body(&headers, &body)?;
        set_active(platform, realm, &id_or_key, is_active)
    })
}

fn set_active(platform: &mut NeuroIo, realm: &Realm, id_or_key: &str, is_active: bool) -> Result<Response, Refusal> {
    let id = platform.find(realm, id_or_key).ok_or(Refusal::NotFound)?.id;
    platform.set_active(id, is_active);
    let token = platform.find(realm, id_or_key).ok_or(Refusal::NotFound)?;
    Ok(Json(platform.options.token(token)).into_response())
}

async fn not_found(State(sandbox): State<Sandbox>) -> Response {
    sandbox.with(|platform, _| platform.options.rejected(&Refusal::NotFound))
}

async fn method_not_allowed(State(sandbox): State<Sandbox>) -> Response {
    sandbox.with(|platform, _| platform.options.rejected(&Refusal::MethodNotAllowed))
}

/// The query of a list, or of the deletion of several tokens.
#[derive(Default)]
struct ListQuery {
    limit: Option<usize>,
    offset: Option<usize>,
    permanent: Option<bool>,
}

impl ListQuery {
    fn read(query: Option<&str>) -> Result<Self, Refusal> {
        let mut parsed = Self::default();
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        for pair in pairs {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "limit" => parsed.limit = Some(read_number("limit", value)?),
                "offset" => parsed.offset = Some(read_number("offset", value)?),
                // The Python client's own tests send an empty value for no filter.
                "permanent" if value.is_empty() => {}
                "permanent" => {
                    let invalid = |_| Refusal::Invalid("permanent", "Must be a valid boolean.");
                    parsed.permanent = Some(value.parse().map_err(invalid)?);
                }
                _ => return Err(Refusal::Invalid("query", "There is no such parameter.")),
            }
        }
        Ok(parsed)
    }
}

fn read_number(field: &'static str, text: &str) -> Result<usize, Refusal> {
    text.parse()
        .map_err(|_| Refusal::Invalid(field, "A valid integer is required."))
}

fn has_media_type(headers: &HeaderMap, media_type: &str) -> bool {
    let found = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    found.is_some_and(|found| found.split(';').next() == Some(media_type))
}

fn read_body<T: for<'a> Deserialize<'a>>(headers: &HeaderMap, body: &[u8]) -> Result<T, Refusal> {
    if !has_media_type(headers, "application/json") {
        return Err(Refusal::UnsupportedMediaType);
    }
    serde_json::from_slice(body).map_err(|_| Refusal::Invalid("body", "Must be valid JSON."))
}
