//! How the platform behaves: what its public clients show, and one choice for each thing they leave open.

use http::StatusCode;

/// How the sandboxed platform behaves. All of it may change while the sandbox runs.
///
/// The default is what NeuroIO's documentation and its clients for Python and JavaScript show. Where they do not say, the
/// field's documentation admits it, and a client that claims to be tolerant must work with each value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many permanent tokens an account or space may have. The documentation: five.
    pub permanent_limit: usize,
    /// Whether deactivated ones count against that. The documentation does not say.
    pub inactive_count: bool,
    /// How one too many is refused. Not documented; the tests of the Python client show a creation refused with 400.
    pub limit_refused: StatusCode,
    /// What `expires` says of a permanent token. The documentation says that those "do not expire automatically".
    pub permanent_expires: PermanentExpiry,
    /// Whether answers say `permanent`. No sample does.
    pub tell_permanent: bool,
    /// What becomes of a token that has expired. The documentation does not say.
    pub expired: Expired,
    /// Whether the answer to a creation says when the token was made and when it ends. Samples do; no document promises it.
    pub creation_tells_times: bool,
    /// How instants are spelled. Both are in samples.
    pub instants: Instants,
    /// The order of the list. The documentation does not say.
    pub order: Order,
    /// The longest page of the list. The documentation does not say; both clients ask for 20 unless told otherwise.
    pub longest_page: usize,
    /// How a token is activated and deactivated. The Python client sends a form by PATCH, the other one JSON by PUT.
    pub update: Update,
    /// The body of an error. The documentation shows one; a gateway before the platform may have another.
    pub errors: ErrorBody,
    /// Whether an empty segment of a path is dropped, as many gateways do: a request for a token without an id becomes one
    /// for all tokens.
    pub merges_slashes: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            permanent_limit: 5,
            inactive_count: true,
            limit_refused: StatusCode::BAD_REQUEST,
            permanent_expires: PermanentExpiry::Null,
            tell_permanent: false,
            expired: Expired::Listed,
            creation_tells_times: true,
            instants: Instants::Offset,
            order: Order::OldestFirst,
            longest_page: 100,
            update: Update::Both,
            errors: ErrorBody::Documented,
            merges_slashes: true,
        }
    }
}

/// What `expires` says of a permanent token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermanentExpiry {
    /// `null`
    Null,
    /// There is no such field.
    Absent,
    /// An instant a year after the creation, as in a sample of the JavaScript client's tests.
    AYear,
    /// The same as of a temporary one, although it does not end then.
    ADay,
}

/// What becomes of a token that has expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// It stays in the list as it was.
    Listed,
    /// It stays in the list, and says that it is not active.
    Deactivated,
    /// It is gone.
    Gone,
}

/// How an instant is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instants {
    /// `2021-05-28T10:37:51.433760+00:00`
    Offset,
    /// `2019-07-29T13:53:27.306Z`
    Zulu,
}

/// The order of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As they were made.
    OldestFirst,
    /// The other way round.
    NewestFirst,
}

/// How a token is activated and deactivated; what is not here is a 405.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// Each client in its way.
    Both,
    /// `PATCH` with a form; anything but a form is a 415.
    PatchForm,
    /// `PUT` with JSON.
    PutJson,
}

/// The body of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorBody {
    /// `{"error_codes": [400], "message": "…", "fields": […]}`
    Documented,
    /// `{"detail": "…"}`
    Detail,
    /// None.
    Empty,
}
