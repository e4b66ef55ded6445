//! The contents of an account: what a seed adds, and what is stored between runs.

use jiff::Timestamp;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::state::{NeuroIo, Realm};
use crate::sandbox::control::expose;

/// The tokens of an account. Every field is optional.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Contents {
    /// The API tokens, which manage the stream tokens of a realm and never expire.
    pub api_tokens: Vec<ApiTokenContents>,
    /// The stream tokens.
    pub tokens: Vec<TokenContents>,
}

/// An API token.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct ApiTokenContents {
    /// What it manages.
    pub realm: Realm,
    /// The value; random by default.
    #[serde(serialize_with = "expose", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub value: Option<SecretString>,
}

/// A stream token.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TokenContents {
    /// The realm that it belongs to.
    pub realm: Realm,
    /// Whether it never expires. A temporary token expires 24 hours after its creation.
    pub permanent: bool,
    /// Whether it is deactivated.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inactive: bool,
    /// The time of the creation; by default now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// The value; random by default.
    #[serde(serialize_with = "expose", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub value: Option<SecretString>,
    /// The id; by default the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
}

impl NeuroIo {
    /// Adds tokens; replaces those with the same id.
    pub(super) fn add_contents(&mut self, contents: Contents, now: Timestamp) {
        for ApiTokenContents { realm, value } in contents.api_tokens {
            match value {
                Some(value) => self.add_api_token_with_value(&realm, value),
                None => drop(self.add_api_token(&realm)),
            }
        }
        for token in contents.tokens {
            let value = token.value.unwrap_or_else(Self::random_value);
            let created = token.created_at.unwrap_or(now);
            let added = self.add_token_with(token.id, value, &token.realm, token.permanent, created);
            self.set_active(added.id, !token.inactive);
        }
    }

    pub(super) fn all_contents(&self) -> Contents {
        let api_tokens = self.api_tokens().map(|(value, realm)| ApiTokenContents {
            realm: realm.clone(),
            value: Some(value.into()),
        });
        let tokens = self.all_tokens().map(|token| TokenContents {
            realm: token.realm.clone(),
            permanent: token.permanent,
            inactive: !token.is_active,
            created_at: Some(token.created),
            value: Some(token.key.clone()),
            id: Some(token.id),
        });
        Contents {
            api_tokens: api_tokens.collect(),
            tokens: tokens.collect(),
        }
    }
}
