//! What the control API shows of a platform as a whole.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::token::TokenState;

/// A platform, its account, and what can be done there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Overview {
    /// The platform: `striim`, `startree`, `neuroio` or `quix`.
    pub platform: &'static str,
    /// The platform's own name.
    pub title: &'static str,
    /// The name of the account.
    pub account: String,
    /// The time by the sandbox's clock.
    pub now: Timestamp,
    /// The base URL of the platform's API.
    pub base_url: String,
    /// The sandboxes that the same program serves.
    pub others: Vec<OtherSandbox>,
    /// The quota, if the platform has one.
    pub quota: Option<Quota>,
    /// The number of tokens in each state.
    pub counts: Counts,
    /// The kinds of tokens.
    pub kinds: Vec<Kind>,
    /// The switches of the account.
    pub switches: Vec<Switch>,
}

/// Another sandbox of the same program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct OtherSandbox {
    /// The platform: `striim`, `startree`, `neuroio` or `quix`.
    pub platform: &'static str,
    /// The platform's own name.
    pub title: &'static str,
    /// The URL of its console.
    pub url: String,
}

/// A limit of the number of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Quota {
    /// The number of tokens that count.
    pub used: usize,
    /// The maximum.
    pub limit: usize,
    /// What counts, such as `active service accounts`.
    pub of: &'static str,
}

/// The number of tokens in each state. Of the revoked ones, only the latest are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// Valid ones that do not expire soon.
    pub active: usize,
    /// Valid ones that expire within 14 days.
    pub expiring: usize,
    /// Expired ones.
    pub expired: usize,
    /// Revoked and replaced ones.
    pub revoked: usize,
    /// Deactivated ones.
    pub inactive: usize,
}

impl Counts {
    pub(super) fn of(states: impl Iterator<Item = TokenState>) -> Self {
        let mut counts = Self::default();
        for state in states {
            *match state {
                TokenState::Active => &mut counts.active,
                TokenState::Expiring => &mut counts.expiring,
                TokenState::Expired => &mut counts.expired,
                TokenState::Revoked => &mut counts.revoked,
                TokenState::Inactive => &mut counts.inactive,
            } += 1;
        }
        counts
    }
}

/// A kind of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Kind {
    /// The kind, such as `service-account`.
    pub kind: &'static str,
    /// The platform's own word, such as `Service account`.
    pub title: &'static str,
    /// The fields of a creation; `None` if the portal cannot create such tokens.
    pub create: Option<Vec<Field>>,
}

/// A field of a creation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Field {
    /// The key in the request.
    pub name: &'static str,
    /// The type of the value.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Whether the field is required.
    pub required: bool,
    /// The rule, such as `3 to 30 characters`.
    pub help: String,
    /// The values of [`FieldType::Choice`].
    pub choices: Vec<String>,
}

/// The type of a [`Field`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FieldType {
    /// Any text.
    Text,
    /// An instant as in RFC 3339.
    Instant,
    /// One of the choices.
    Choice,
}

impl Field {
    pub(crate) fn new(name: &'static str, field_type: FieldType, help: impl Into<String>) -> Self {
        Self {
            name,
            field_type,
            required: false,
            help: help.into(),
            choices: Vec::new(),
        }
    }

    pub(crate) fn required(self) -> Self {
        Self { required: true, ..self }
    }

    pub(crate) fn choice(name: &'static str, choices: Vec<String>, help: impl Into<String>) -> Self {
        Self {
            choices,
            ..Self::new(name, FieldType::Choice, help)
        }
    }
}

/// A setting of the account that is on or off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Switch {
    /// The name in requests.
    pub name: &'static str,
    /// The platform's own words.
    pub title: &'static str,
    /// Whether it is on.
    pub on: bool,
    /// What happens if it is flipped now.
    pub warning: String,
}
