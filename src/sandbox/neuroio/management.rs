//! What a person sees and does in NeuroIO's web interface.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::contents::Contents;
use super::options::Options;
use super::state::{NeuroIo, Realm, Token};
use crate::sandbox::Sandbox;
use crate::sandbox::control::{
    Action, EndedTokens, Field, FieldType, Fields, IssuedToken, Kind, Quota, Rejection, Start, TokenManagement,
    TokenState, TokenView,
};

const PERMANENT: &str = "permanent-token";
const TEMPORARY: &str = "temporary-token";

impl TokenManagement for NeuroIo {
    const NAME: &'static str = "neuroio";
    const TITLE: &'static str = "NeuroIO";

    type Options = Options;
    type Contents = Contents;

    fn account(&self) -> &str {
        &self.account
    }

    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    fn kinds(&self) -> Vec<Kind> {
        let space = || {
            Field::new(
                "space",
                FieldType::Text,
                "The name of a space; by default the account's own",
            )
        };
        let kind = |kind, title| Kind {
            kind,
            title,
            create: Some(vec![space()]),
        };
        vec![
            kind(PERMANENT, "Permanent token"),
            kind(TEMPORARY, "Temporary token, valid for 24 hours"),
        ]
    }

    fn quota(&self, _: Timestamp) -> Option<Quota> {
        Some(Quota {
            used: self.quota_used(&Realm::Account),
            limit: self.options.permanent_limit,
            of: "permanent tokens of the account",
        })
    }

    fn tokens(&self, now: Timestamp) -> Vec<TokenView> {
        self.all_tokens().map(|token| view(token, now)).collect()
    }

    fn ended_tokens(&mut self) -> &mut EndedTokens {
        &mut self.ended
    }

    fn create(&mut self, kind: &str, fields: Fields, now: Timestamp) -> Result<IssuedToken, Rejection> {
        let permanent = match kind {
            PERMANENT => true,
            TEMPORARY => false,
            _ => return Err(Rejection::invalid(format!("kind: must be {PERMANENT} or {TEMPORARY}"))),
        };
        let Creation { space } = fields.read()?;
        let realm = space.map_or(Realm::Account, Realm::Space);
        if permanent && !self.has_capacity(&realm) {
            let message = "the limit of permanent tokens is reached; revoke one first";
            return Err(Rejection::new(self.options.limit_reached, message));
        }
        let token = self.add_token(&realm, permanent, now);
        Ok(IssuedToken {
            token: view(&token, now),
            value: token.key,
        })
    }

    fn rotate(&mut self, id: &str, _: Option<Timestamp>, _: Timestamp) -> Result<IssuedToken, Rejection> {
        self.id(id)?;
        Err(Rejection::unsupported(
            "NeuroIO has no rotation: create another token and revoke this one",
        ))
    }

    fn revoke(&mut self, id: &str, now: Timestamp) -> Result<(), Rejection> {
        let id = self.id(id)?;
        self.remove(now, |token| token.id == id);
        Ok(())
    }

    fn set_active(&mut self, id: &str, is_active: bool, _: Timestamp) -> Result<(), Rejection> {
        let id = self.id(id)?;
        self.set_active(id, is_active);
        Ok(())
    }

    fn start(start: Start<Self>) -> Result<(Sandbox<Self>, SecretString), Rejection> {
        let token = start.token.unwrap_or_else(Self::random_value);
        let mut platform = Self::new(start.options);
        platform.account = start.account;
        let is_new = start.contents.is_none();
        let sandbox = Sandbox::start_ahead(platform, start.ahead);
        sandbox.with(|platform, now| {
            platform.add_contents(start.contents.unwrap_or_default(), now);
            if is_new {
                platform.add_api_token_with_value(&Realm::Account, token.clone());
            }
        });
        Ok((sandbox, token))
    }

    fn environment(base_url: &str, token: &SecretString) -> Vec<(&'static str, String)> {
        vec![
            ("NEUROIO_BASE_URL", base_url.to_owned()),
            ("NEUROIO_API_TOKEN", token.expose_secret().to_owned()),
        ]
    }

    fn contents(&self) -> Contents {
        self.all_contents()
    }

    fn seed(&mut self, contents: Contents, now: Timestamp) -> Result<(), Rejection> {
        self.add_contents(contents, now);
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Creation {
    space: Option<String>,
}

impl NeuroIo {
    fn id(&self, id: &str) -> Result<u64, Rejection> {
        let found = self.all_tokens().find(|token| token.id.to_string() == id);
        found
            .map(|token| token.id)
            .ok_or_else(|| Rejection::not_found(format!("there is no token {id}")))
    }
}

pub(super) fn view(token: &Token, now: Timestamp) -> TokenView {
    let expires_at = token.expires_at();
    let state = match TokenState::at(now, expires_at) {
        TokenState::Expired => TokenState::Expired,
        _ if !token.is_active => TokenState::Inactive,
        state => state,
    };
    let activity = if token.is_active {
        Action::Deactivate
    } else {
        Action::Activate
    };
    TokenView {
        id: token.id.to_string(),
        kind: if token.permanent { PERMANENT } else { TEMPORARY }.into(),
        name: format!("Token {}", token.id),
        owner: None,
        description: None,
        slot: None,
        created_at: token.created,
        expires_at,
        ended_at: None,
        state,
        actions: vec![activity, Action::Revoke],
        details: [("realm".into(), token.realm.to_string())].into(),
    }
}
