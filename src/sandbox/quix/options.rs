//! How the platform behaves: what its documentation and its public clients show, and one choice for each thing they leave
//! open.

use http::StatusCode;
use jiff::SignedDuration;

/// How the sandboxed platform behaves. All of it may change while the sandbox runs.
///
/// The default is what Quix's documentation and its Python client show. Where they do not say, the field's documentation
/// admits it, and a client that claims to be tolerant must work with each value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where streaming tokens are read and rotated. The command line and the portal can do both; how is not public, so
    /// all of these are made up.
    pub paths: Paths,
    /// The shape in which both tokens are told. Not public.
    pub tokens: Tokens,
    /// What a rotation answers. Not public; the command line says that it rotates and retrieves.
    pub rotated: Rotated,
    /// How long after a rotation the tokens from before it are still shown. Not public.
    pub shown_after: SignedDuration,
    /// Who may read the streaming tokens. The documentation says only who may rotate them: administrators.
    pub readers: Readers,
    /// How somebody is refused who may not. The documentation does not say.
    pub refused: StatusCode,
    /// Whether a user's token is shown any workspaces. The Python client remarks that it may not be.
    pub lists_for_users: bool,
    /// Whether the broker has settings beside those that the Python client knows, which it refuses.
    pub has_other_settings: bool,
    /// Whether those are texts. The documentation does not say.
    pub settings_are_texts: bool,
    /// Whether the broker has a certificate of its own. Not each has.
    pub has_certificate: bool,
    /// The body of an error. The Python client takes JSON and text alike.
    pub errors: ErrorBody,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            paths: Paths::Nested,
            tokens: Tokens::Named,
            rotated: Rotated::Tokens,
            shown_after: SignedDuration::ZERO,
            readers: Readers::Users,
            refused: StatusCode::FORBIDDEN,
            lists_for_users: true,
            has_other_settings: false,
            settings_are_texts: true,
            has_certificate: true,
            errors: ErrorBody::Problem,
        }
    }
}

/// Where streaming tokens are read and rotated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paths {
    /// Below the workspace, rotated by POST.
    Nested,
    /// Beside the workspaces, which are named in the query; rotated by PUT.
    Beside,
}

impl Paths {
    /// Where they are read, as a provider is told.
    pub fn reading(self) -> &'static str {
        match self {
            Self::Nested => "/workspaces/{workspaceId}/sandbox-tokens",
            Self::Beside => "/sandbox-tokens?workspaceId={workspaceId}",
        }
    }

    /// How and where they are rotated, as a provider is told.
    pub fn rotation(self) -> &'static str {
        match self {
            Self::Nested => "/workspaces/{workspaceId}/sandbox-tokens/rotate",
            Self::Beside => "PUT /sandbox-tokens?workspaceId={workspaceId}",
        }
    }
}

/// The shape in which both tokens are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// `{"current": "…", "next": "…"}`, as Quix's own Postman collection of 2023 shows.
    Published,
    /// `{"token1": "…", "token2": "…"}`
    Named,
    /// `["…", "…"]`
    Texts,
    /// `[{"token": "…"}, {"token": "…"}]`
    Objects,
    /// `{"tokens": [{"value": "…"}, {"value": "…"}]}`
    Wrapped,
}

/// What a rotation answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// 200 with both tokens.
    Tokens,
    /// 201 with the new one, as a bare text.
    NewToken,
    /// 200 without a body.
    Empty,
    /// 204
    NoContent,
}

/// Who may read the streaming tokens of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Every user.
    Users,
    /// Administrators.
    Admins,
    /// Every user, and who holds one of them.
    Holders,
}

/// The body of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorBody {
    /// `{"title": "…", "status": 403, "detail": "…"}`
    Problem,
    /// `{"message": "…"}`
    Message,
    /// The text alone.
    Text,
    /// None.
    Empty,
}
