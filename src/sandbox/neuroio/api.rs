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
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Sandbox;
use super::options::{ErrorBody, Instants, Options, PermanentExpiry, Update};
use super::tokens::{NeuroIo, Realm, Token};

pub(super) fn routes() -> Router<Sandbox> {
    let one = get(read).patch(patch).put(put).delete(remove);
    Router::new()
        .route("/streams/tokens/", get(list).post(create).delete(remove_all))
        .route("/streams/tokens//", delete(remove_without_id))
        .route("/streams/tokens/{id_or_key}/", one)
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
}

/// The reason the platform rejects a request.
#[derive(Debug)]
enum Refusal {
    Unauthenticated,
    NotFound,
    NotAllowed,
    MediaType,
    /// The field and its problem.
    Invalid(&'static str, &'static str),
    /// The limit of permanent tokens is reached.
    Limit(StatusCode),
}

impl Sandbox {
    /// Authenticates the request and handles it for the token's realm.
    fn serve(
        &self,
        headers: &HeaderMap,
        handle: impl FnOnce(&mut NeuroIo, &Realm, Timestamp) -> Result<Response, Refusal>,
    ) -> Response {
        self.with(|platform, now| {
            let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
            let value = bearer.and_then(|bearer| bearer.strip_prefix("Token "));
            let answer = match value.and_then(|value| platform.realm_of(value, now)) {
                Some(realm) => handle(platform, &realm, now),
                None => Err(Refusal::Unauthenticated),
            };
            answer.unwrap_or_else(|refusal| refusal.answer(platform.options.errors))
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Creation {
    #[serde(default)]
    permanent: bool,
}

async fn create(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Response {
    sandbox.serve(&headers, |platform, realm, now| {
        let Creation { permanent } = json_body(&headers, &body)?;
        if permanent && !platform.has_capacity(realm) {
            return Err(Refusal::Limit(platform.options.limit_refused));
        }
        let token = platform.add(realm, permanent, now);
        let mut created = row(&token, &platform.options);
        if let (false, Some(members)) = (platform.options.creation_tells_times, created.as_object_mut()) {
            members.retain(|name, _| !["created", "expires"].contains(&name.as_str()));
        }
        Ok((StatusCode::CREATED, Json(created)).into_response())
    })
}

async fn list(State(sandbox): State<Sandbox>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    sandbox.serve(&headers, |platform, realm, _| {
        let listing = Listing::read(query.as_deref())?;
        let limit = listing.limit.unwrap_or(20).min(platform.options.longest_page);
        let tokens = platform.listed(realm, listing.permanent);
        let page = tokens.into_iter().skip(listing.offset.unwrap_or(0)).take(limit);
        let rows: Vec<_> = page.map(|token| row(token, &platform.options)).collect();
        Ok(Json(rows).into_response())
    })
}

async fn remove_all(State(sandbox): State<Sandbox>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    sandbox.serve(&headers, |platform, realm, _| {
        platform.remove_all(realm, Listing::read(query.as_deref())?.permanent);
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

/// Handles the request of a client that deletes a token with an empty id.
async fn remove_without_id(State(sandbox): State<Sandbox>, headers: HeaderMap) -> Response {
    sandbox.serve(&headers, |platform, realm, _| {
        if !platform.options.merges_slashes {
            return Err(Refusal::NotFound);
        }
        platform.remove_all(realm, None);
        Ok(StatusCode::NO_CONTENT.into_response())
    })
}

async fn read(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(id_or_key): Path<String>) -> Response {
    sandbox.serve(&headers, |platform, realm, _| {
        let token = platform.find(realm, &id_or_key).ok_or(Refusal::NotFound)?;
        Ok(Json(row(token, &platform.options)).into_response())
    })
}

async fn remove(State(sandbox): State<Sandbox>, headers: HeaderMap, Path(id_or_key): Path<String>) -> Response {
    sandbox.serve(&headers, |platform, realm, _| {
        let id = platform.find(realm, &id_or_key).ok_or(Refusal::NotFound)?.id;
        platform.remove(|token| token.id == id);
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
            return Err(Refusal::NotAllowed);
        }
        if !is(&headers, "application/x-www-form-urlencoded") {
            return Err(Refusal::MediaType);
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
            return Err(Refusal::NotAllowed);
        }
        let Activity { is_active } = json_body(&headers, &body)?;
        set_active(platform, realm, &id_or_key, is_active)
    })
}

fn set_active(platform: &mut NeuroIo, realm: &Realm, id_or_key: &str, is_active: bool) -> Result<Response, Refusal> {
    let id = platform.find(realm, id_or_key).ok_or(Refusal::NotFound)?.id;
    platform.set_active(id, is_active);
    let token = platform.find(realm, id_or_key).ok_or(Refusal::NotFound)?;
    Ok(Json(row(token, &platform.options)).into_response())
}

async fn not_found(State(sandbox): State<Sandbox>) -> Response {
    sandbox.with(|platform, _| Refusal::NotFound.answer(platform.options.errors))
}

async fn not_allowed(State(sandbox): State<Sandbox>) -> Response {
    sandbox.with(|platform, _| Refusal::NotAllowed.answer(platform.options.errors))
}

/// The query of a list, or of a deletion of several tokens.
#[derive(Default)]
struct Listing {
    limit: Option<usize>,
    offset: Option<usize>,
    permanent: Option<bool>,
}

impl Listing {
    fn read(query: Option<&str>) -> Result<Self, Refusal> {
        let mut listing = Self::default();
        let pairs = query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        for pair in pairs {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "limit" => listing.limit = Some(number("limit", value)?),
                "offset" => listing.offset = Some(number("offset", value)?),
                // The Python client's own tests send an empty value for no filter.
                "permanent" if value.is_empty() => {}
                "permanent" => {
                    let invalid = |_| Refusal::Invalid("permanent", "Must be a valid boolean.");
                    listing.permanent = Some(value.parse().map_err(invalid)?);
                }
                _ => return Err(Refusal::Invalid("query", "There is no such parameter.")),
            }
        }
        Ok(listing)
    }
}

fn number(field: &'static str, text: &str) -> Result<usize, Refusal> {
    text.parse()
        .map_err(|_| Refusal::Invalid(field, "A valid integer is required."))
}

fn is(headers: &HeaderMap, media_type: &str) -> bool {
    let found = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    found.is_some_and(|found| found.split(';').next() == Some(media_type))
}

fn json_body<T: for<'a> Deserialize<'a>>(headers: &HeaderMap, body: &[u8]) -> Result<T, Refusal> {
    if !is(headers, "application/json") {
        return Err(Refusal::MediaType);
    }
    serde_json::from_slice(body).map_err(|_| Refusal::Invalid("body", "Cannot be read."))
}

/// A token as it appears in answers.
fn row(token: &Token, options: &Options) -> Value {
    let instant = |at: Timestamp| match options.instants {
        Instants::Offset => at.display_with_offset(Offset::UTC).to_string(),
        Instants::Zulu => format!("{at:.3}"),
    };
    let mut row = Map::new();
    row.insert("id".to_owned(), token.id.into());
    row.insert("key".to_owned(), token.key.expose_secret().into());
    row.insert("is_active".to_owned(), token.is_active.into());
    row.insert("created".to_owned(), instant(token.created).into());
    let after = |hours| instant(token.created + SignedDuration::from_hours(hours)).into();
    let expires = match (token.ends(), options.permanent_expires) {
        (Some(end), _) => Some(instant(end).into()),
        (None, PermanentExpiry::Null) => Some(Value::Null),
        (None, PermanentExpiry::Absent) => None,
        (None, PermanentExpiry::AYear) => Some(after(365 * 24)),
        (None, PermanentExpiry::ADay) => Some(after(24)),
    };
    row.extend(expires.map(|expires| ("expires".to_owned(), expires)));
    if options.tell_permanent {
        row.insert("permanent".to_owned(), token.permanent.into());
    }
    row.into()
}

impl Refusal {
    fn answer(&self, body: ErrorBody) -> Response {
        let (status, message, field) = match self {
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "Invalid token.", None),
            Self::NotFound => (StatusCode::NOT_FOUND, "Not found.", None),
            Self::NotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "Method not allowed.", None),
            Self::MediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type.", None),
            Self::Invalid(field, problem) => (StatusCode::BAD_REQUEST, "Validation error.", Some((*field, *problem))),
            Self::Limit(status) => (*status, "The limit of permanent tokens is reached.", None),
        };
        let code = status.as_u16();
        let field = field.map(|(name, message)| json!({"name": name, "message": message, "error_code": code}));
        match body {
            ErrorBody::Documented => {
                let fields: Vec<_> = field.into_iter().collect();
                let body = json!({"error_codes": [code], "message": message, "fields": fields});
                (status, Json(body)).into_response()
            }
            ErrorBody::Detail => (status, Json(json!({ "detail": message }))).into_response(),
            ErrorBody::Empty => status.into_response(),
        }
    }
}
