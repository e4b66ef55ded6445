//! What a platform provides for the control API.

use std::fmt::Debug;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::endpoint::Endpoint;
use super::overview::{Kind, Quota, Switch};
use super::rejection::Rejection;
use super::token::{EndedTokens, IssuedToken, TokenView};
use crate::sandbox::{Platform, Sandbox};

/// What a person sees and does in the platform's portal, by the platform's rules.
pub trait TokenManagement: Platform {
    /// The name in requests and files, such as `striim`.
    const NAME: &'static str;

    /// The platform's own name, such as `Striim Cloud`.
    const TITLE: &'static str;

    /// The behaviour of the platform.
    type Options: Clone + Debug + Default + Serialize + DeserializeOwned + JsonSchema + Send;

    /// Users, tokens and other objects, with their values: what a seed adds, and what is stored between runs.
    type Contents: Debug + Serialize + DeserializeOwned + JsonSchema;

    /// The endpoints, relative to `/sandbox`, that only this platform has.
    fn control_endpoints() -> Vec<Endpoint<Self>> {
        Vec::new()
    }

    /// The name of the account.
    fn account(&self) -> &str;

    /// The behaviour of the platform.
    fn options_mut(&mut self) -> &mut Self::Options;

    /// The kinds of tokens, and the fields of their creation.
    fn kinds(&self) -> Vec<Kind>;

    /// The quota, if the platform has one.
    fn quota(&self, now: Timestamp) -> Option<Quota> {
        let _ = now;
        None
    }

    /// The switches of the account.
    fn switches(&self) -> Vec<Switch> {
        Vec::new()
    }

    /// The tokens that exist, in any order.
    fn tokens(&self, now: Timestamp) -> Vec<TokenView>;

    /// The tokens that were revoked or replaced most recently.
    fn ended_tokens(&mut self) -> &mut EndedTokens;

    /// Creates a token of this kind from the fields of a request.
    ///
    /// # Errors
    /// Returns an error if the platform's rules or its portal do not allow it.
    fn create(&mut self, kind: &str, fields: Fields, now: Timestamp) -> Result<IssuedToken, Rejection>;

    /// Rotates a token. Without an expiry, the platform decides.
    ///
    /// # Errors
    /// Returns an error if the platform's rules or its portal do not allow it.
    fn rotate(&mut self, id: &str, expires_at: Option<Timestamp>, now: Timestamp) -> Result<IssuedToken, Rejection>;

    /// Revokes a token.
    ///
    /// # Errors
    /// Returns an error if the platform's rules or its portal do not allow it.
    fn revoke(&mut self, id: &str, now: Timestamp) -> Result<(), Rejection>;

    /// Activates or deactivates a token.
    ///
    /// # Errors
    /// Returns an error if the platform's rules or its portal do not allow it.
    fn set_active(&mut self, id: &str, is_active: bool, now: Timestamp) -> Result<(), Rejection> {
        let _ = is_active;
        match self.tokens(now).iter().any(|token| token.id == id) {
            true => Err(Rejection::unsupported("the platform has no inactive tokens")),
            false => Err(Rejection::not_found(format!("there is no token {id}"))),
        }
    }

    /// Turns a switch on or off.
    ///
    /// # Errors
    /// Returns an error if there is no such switch.
    fn set_switch(&mut self, name: &str, on: bool, now: Timestamp) -> Result<(), Rejection> {
        let _ = (on, now);
        Err(Rejection::not_found(format!("there is no switch \"{name}\"")))
    }

    /// Creates a sandbox, and returns it with the value of an administrator's token.
    ///
    /// # Errors
    /// Returns an error if the token or the contents are not valid for the platform.
    fn start(start: Start<Self>) -> Result<(Sandbox<Self>, SecretString), Rejection>;

    /// The variables that configure a Terraform provider for the sandbox at this base URL.
    fn environment(base_url: &str, token: &SecretString) -> Vec<(&'static str, String)>;

    /// All objects, to be stored between runs.
    fn contents(&self) -> Self::Contents;

    /// Adds objects regardless of the platform's rules; replaces those that exist.
    ///
    /// # Errors
    /// Returns an error if the contents contradict themselves.
    fn seed(&mut self, contents: Self::Contents, now: Timestamp) -> Result<(), Rejection>;
}

/// The beginning of a sandbox.
#[derive(Debug)]
pub struct Start<P: TokenManagement> {
    /// The name of the account.
    pub account: String,
    /// The value of the administrator's token; random by default.
    pub token: Option<SecretString>,
    /// The behaviour of the platform.
    pub options: P::Options,
    /// The objects of an earlier run, with the administrator's token. By default, there is nothing but an
    /// administrator with this token.
    pub contents: Option<P::Contents>,
    /// How far the sandbox's clock is ahead of the machine's.
    pub ahead: SignedDuration,
    /// The seed of values and ids, for reproducible runs; random by default.
    pub random: Option<u64>,
}

/// The fields of a creation.
#[derive(Debug)]
pub struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn new(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// Parses the fields.
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, Rejection> {
        // A field that is left empty in a form is absent.
        let given = self
            .0
            .into_iter()
            .filter(|(_, value)| !matches!(value.as_str(), Some("")));
        let fields = Value::Object(given.collect());
        serde_json::from_value(fields).map_err(|error| Rejection::invalid(error.to_string()))
    }
}
