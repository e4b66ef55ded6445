//! The behaviour of the platform: one option for each detail that its documentation and its public
//! clients leave open.

use http::StatusCode;
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::personal_access_tokens::PersonalAccessTokenOptions;
use crate::sandbox::status_code;

/// The behaviour of the sandboxed platform. Every option can be changed while the sandbox runs.
///
/// The defaults are the behaviour that Quix's documentation and its Python client show. Where an
/// option is marked as undocumented, a robust client must work with each value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Options {
    /// The paths to read and rotate streaming tokens. Quix published them in 2023.
    pub paths: Paths,
    /// The JSON of both tokens. Quix published it in 2023.
    pub tokens: Tokens,
    /// The answer to a rotation. Quix published it in 2023.
    pub rotated: Rotated,
    /// The period after a rotation during which the platform still accepts the revoked token. It
    /// "might take a few minutes to fully deactivate".
    pub deactivation: SignedDuration,
    /// The period after a rotation during which a read returns the previous tokens. Not documented.
    pub stale_reads: SignedDuration,
    /// The callers that may read the streaming tokens. Documented is only that administrators may
    /// rotate them.
    pub readers: Readers,
    /// The status if the caller lacks the permission. Not documented.
    #[serde(with = "status_code")]
    #[schemars(with = "u16", range(min = 100, max = 999))]
    pub forbidden: StatusCode,
    /// Whether users can list workspaces. A comment in the Python client says that they may not.
    pub users_list_workspaces: bool,
    /// Whether the broker has settings that the Python client does not know and rejects.
    pub has_other_settings: bool,
    /// Whether these settings are strings. Not documented.
    pub settings_are_strings: bool,
    /// Whether the broker has its own certificate. Not every broker does.
    pub has_certificate: bool,
    /// The body of an error. The Python client accepts JSON and plain text.
    pub errors: ErrorBody,
    /// What is open about personal access tokens.
    pub personal_access_tokens: PersonalAccessTokenOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            paths: Paths::Published,
            tokens: Tokens::Published,
            rotated: Rotated::Tokens,
            deactivation: SignedDuration::ZERO,
            stale_reads: SignedDuration::ZERO,
            readers: Readers::Users,
            forbidden: StatusCode::FORBIDDEN,
            users_list_workspaces: true,
            has_other_settings: false,
            settings_are_strings: true,
            has_certificate: true,
            errors: ErrorBody::Problem,
            personal_access_tokens: PersonalAccessTokenOptions::default(),
        }
    }
}

/// Options that together show every behaviour that the documentation leaves open, for tests that
/// must pass with each.
#[must_use]
pub fn option_variants() -> Vec<Options> {
    let others = [
        Options::default(),
        Options {
            paths: Paths::ByQuery,
            readers: Readers::Admins,
            forbidden: StatusCode::NOT_FOUND,
            errors: ErrorBody::Message,
            ..Options::default()
        },
        Options {
            stale_reads: SignedDuration::from_secs(3),
            readers: Readers::Holders,
            errors: ErrorBody::Plain,
            ..Options::default()
        },
        Options {
            deactivation: SignedDuration::from_mins(4),
            errors: ErrorBody::Empty,
            forbidden: StatusCode::UNAUTHORIZED,
            ..Options::default()
        },
    ];
    let shapes = [
        (Tokens::Published, Rotated::Tokens),
        (Tokens::Named, Rotated::Tokens),
        (Tokens::Strings, Rotated::NewToken),
        (Tokens::Objects, Rotated::Empty),
        (Tokens::Wrapped, Rotated::NoContent),
    ];
    let shapes = others.into_iter().flat_map(|options| {
        shapes.map(|(tokens, rotated)| Options {
            tokens,
            rotated,
            ..options.clone()
        })
    });
    shapes.collect()
}

/// The paths to read and rotate streaming tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Paths {
    /// Paths below the workspace with a rotation by POST, as Quix's own Postman collection of 2023
    /// shows.
    Published,
    /// One path for all workspaces, with the workspace in the query and a rotation by PUT: an
    /// assumption, for a platform that has changed.
    ByQuery,
}

impl Paths {
    /// The path to read the tokens, in the format of a provider's configuration.
    pub fn reading(self) -> &'static str {
        match self {
            Self::Published => "/workspaces/{workspaceId}/sdktokens",
            Self::ByQuery => "/sandbox-tokens?workspaceId={workspaceId}",
        }
    }

    /// The request that rotates the tokens, in the format of a provider's configuration.
    pub fn rotation(self) -> &'static str {
        match self {
            Self::Published => "/workspaces/{workspaceId}/sdktokens/rotate",
            Self::ByQuery => "PUT /sandbox-tokens?workspaceId={workspaceId}",
        }
    }
}

/// The JSON of both tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tokens {
    /// `{"current": "…", "next": "…"}`, as Quix's own Postman collection of 2023 shows.
    Published,
    /// `{"token1": "…", "token2": "…"}`
    Named,
    /// `["…", "…"]`
    Strings,
    /// `[{"token": "…"}, {"token": "…"}]`
    Objects,
    /// `{"tokens": [{"value": "…"}, {"value": "…"}]}`
    Wrapped,
}

/// The answer to a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rotated {
    /// 200 with both tokens.
    Tokens,
    /// 201 with the new token as a bare string.
    NewToken,
    /// 200 without a body.
    Empty,
    /// 204
    NoContent,
}

/// The callers that may read the streaming tokens of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Readers {
    /// Every user.
    Users,
    /// Administrators.
    Admins,
    /// Every user, and every holder of one of the tokens.
    Holders,
}

/// The body of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorBody {
    /// `{"title": "…", "status": 403, "detail": "…"}`
    Problem,
    /// `{"message": "…"}`
    Message,
    /// The message as plain text.
    Plain,
    /// An empty body.
    Empty,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn option_variants_include_every_undocumented_behaviour() {
        #[track_caller]
        fn included<T: PartialEq + std::fmt::Debug>(option: impl Fn(&Options) -> T, values: &[T]) {
            let variants = option_variants();
            for value in values {
                assert!(variants.iter().any(|options| option(options) == *value), "{value:?}");
            }
        }
        included(|options| options.paths, &[Paths::Published, Paths::ByQuery]);
        included(
            |options| options.tokens,
            &[
                Tokens::Published,
                Tokens::Named,
                Tokens::Strings,
                Tokens::Objects,
                Tokens::Wrapped,
            ],
        );
        included(
            |options| options.rotated,
            &[Rotated::Tokens, Rotated::NewToken, Rotated::Empty, Rotated::NoContent],
        );
        included(
            |options| options.readers,
            &[Readers::Users, Readers::Admins, Readers::Holders],
        );
        included(
            |options| options.errors,
            &[
                ErrorBody::Problem,
                ErrorBody::Message,
                ErrorBody::Plain,
                ErrorBody::Empty,
            ],
        );
    }
}
