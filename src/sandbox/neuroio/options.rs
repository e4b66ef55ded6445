//! The behaviour of the platform: one option for each detail that its public clients leave open.

use http::StatusCode;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::sandbox::status_code;

/// The behaviour of the sandboxed platform. Every option can be changed while the sandbox runs.
///
/// The defaults are the behaviour that NeuroIO's documentation and its clients for Python and
/// JavaScript show. Where an option is marked as undocumented, a robust client must work with each
/// value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// The maximum number of permanent tokens of an account or space. Documented as five.
    pub permanent_limit: usize,
    /// Whether deactivated tokens count against the limit. Not documented.
    pub inactive_count: bool,
    /// The status if the limit of permanent tokens is reached. Not documented; the tests of the
    /// Python client show a creation that is rejected with 400.
    #[serde(with = "status_code")]
    #[schemars(with = "u16", range(min = 100, max = 999))]
    pub limit_reached: StatusCode,
    /// The value of `expires` of a permanent token. The documentation says only that permanent
    /// tokens "do not expire automatically".
    pub permanent_expires: PermanentExpiry,
    /// Whether answers contain `permanent`. No sample does.
    pub returns_permanent: bool,
    /// The state of an expired token. Not documented.
    pub expired: Expired,
    /// Whether the answer to a creation contains the creation time and the expiry. Samples do; no
    /// document promises it.
    pub creation_returns_times: bool,
    /// The format of instants. Samples use both.
    pub instants: Instants,
    /// The order of the list. Not documented.
    pub order: Order,
    /// The maximum length of a page of the list. Not documented; both clients request 20 by
    /// default.
    pub max_page_size: usize,
    /// How long the list lags behind creations and deletions. Not documented.
    pub list_lag: SignedDuration,
    /// The request that activates and deactivates a token. The Python client sends a form by PATCH,
    /// the other one JSON by PUT.
    pub update: Update,
    /// The body of an error. One is documented; a gateway in front of the platform may send others.
    pub errors: ErrorBody,
    /// Whether empty path segments are dropped, as in many gateways: a request for a token without
    /// an id then addresses all tokens.
    pub merges_slashes: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            permanent_limit: 5,
            inactive_count: true,
            limit_reached: StatusCode::BAD_REQUEST,
            permanent_expires: PermanentExpiry::Null,
            returns_permanent: false,
            expired: Expired::Listed,
            creation_returns_times: true,
            instants: Instants::Offset,
            order: Order::OldestFirst,
            max_page_size: 100,
            list_lag: SignedDuration::ZERO,
            update: Update::Both,
            errors: ErrorBody::Documented,
            merges_slashes: true,
        }
    }
}

/// Variants of the options that cover every behaviour that is undocumented, for tests that must
/// pass with each.
#[must_use]
pub fn option_variants() -> Vec<Options> {
    let expiries = [
        PermanentExpiry::Null,
        PermanentExpiry::Absent,
        PermanentExpiry::AYear,
        PermanentExpiry::ADay,
    ];
    let others = [
        Options::default(),
        Options {
            returns_permanent: true,
            instants: Instants::Zulu,
            order: Order::NewestFirst,
            update: Update::PutJson,
            errors: ErrorBody::Detail,
            expired: Expired::Deleted,
            merges_slashes: false,
            ..Options::default()
        },
        Options {
            errors: ErrorBody::Empty,
            expired: Expired::Deactivated,
            inactive_count: false,
            max_page_size: 20,
            ..Options::default()
        },
    ];
    let shapes = others.into_iter().flat_map(|options| {
        expiries.map(|permanent_expires| Options {
            permanent_expires,
            ..options.clone()
        })
    });
    shapes.collect()
}

/// The value of `expires` of a permanent token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PermanentExpiry {
    /// `null`
    Null,
    /// The field is absent.
    Absent,
    /// An instant a year after the creation, as in a sample of the JavaScript client's tests.
    AYear,
    /// The same value as for a temporary token, although the token does not expire then.
    ADay,
}

/// The state of an expired token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expired {
    /// The token stays in the list unchanged.
    Listed,
    /// The token stays in the list as inactive.
    Deactivated,
    /// The token is deleted.
    Deleted,
}

/// The format of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Instants {
    /// `2021-05-28T10:37:51.433760+00:00`
    Offset,
    /// `2019-07-29T13:53:27.306Z`
    Zulu,
}

/// The order of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// In the order of creation.
    OldestFirst,
    /// In the reverse order of creation.
    NewestFirst,
}

/// The request that activates and deactivates a token. Another request is answered with 405.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Update {
    /// The requests of both clients.
    Both,
    /// `PATCH` with a form; another media type is answered with 415.
    PatchForm,
    /// `PUT` with JSON.
    PutJson,
}

/// The body of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorBody {
    /// `{"error_codes": [400], "message": "…", "fields": […]}`
    Documented,
    /// `{"detail": "…"}`
    Detail,
    /// An empty body.
    Empty,
}
