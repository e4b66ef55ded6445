//! What an administrator sees and does in Striim Cloud's console.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::caller::{Caller, UserRef};
use super::contents::Contents;
use super::options::Options;
use super::refusal::Refusal;
use super::seed::AdminToken;
use super::state::{Account, ServiceAccount};
use super::token::{Token, TokenGenerator};
use super::user::User;
use crate::sandbox::Sandbox;
use crate::sandbox::control::{
    Action, EndedTokens, Field, FieldType, Fields, IssuedToken, Kind, Quota, Rejection, Start, Switch, TokenManagement,
    TokenState, TokenView,
};

const SERVICE_ACCOUNT: &str = "service-account";
const PAT: &str = "personal-access-token";
const PATS_ENABLED: &str = "pats-enabled";

impl TokenManagement for Account {
    const NAME: &'static str = "striim";
    const TITLE: &'static str = "Striim Cloud";

    type Options = Options;
    type Contents = Contents;

    fn account(&self) -> &str {
        &self.name
    }

    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    fn kinds(&self) -> Vec<Kind> {
        let emails = self.users.iter().map(|user| user.email.clone()).collect();
        vec![
            Kind {
                kind: SERVICE_ACCOUNT,
                title: "Service account",
                create: Some(vec![
                    Field::new("name", FieldType::Text, "3 to 30 characters, unique in the account").required(),
                    Field::new("description", FieldType::Text, "At most 255 characters"),
                    Field::new(
                        "expires-at",
                        FieldType::Instant,
                        "At most 12 months from now; by default one day",
                    ),
                ]),
            },
            Kind {
                kind: PAT,
                title: "Personal access token",
                create: Some(vec![
                    Field::choice("email", emails, "The user; one token each").required(),
                    Field::new(
                        "expires-at",
                        FieldType::Instant,
                        "At most 90 days from now; by default one day",
                    ),
                ]),
            },
        ]
    }

    fn quota(&self, now: Timestamp) -> Option<Quota> {
        Some(Quota {
            used: self.quota_used(now),
            limit: self.options.quota,
            of: "active service accounts",
        })
    }

    fn switches(&self) -> Vec<Switch> {
        let warning = match (self.pats_enabled, self.pats.len()) {
            (false, _) => "Users can create personal access tokens again. Revoked ones stay revoked.".to_owned(),
            (true, count) => format!(
                "Revokes all personal access tokens at once, now {count}. They cannot be restored, and no user can create \
                 one until this is switched on again."
            ),
        };
        vec![Switch {
            name: PATS_ENABLED,
            title: "Personal access tokens",
            on: self.pats_enabled,
            warning,
        }]
    }

    fn tokens(&self, now: Timestamp) -> Vec<TokenView> {
        let accounts = self
            .service_accounts
            .values()
            .map(|account| service_account_view(account, now));
        let pats = self
            .users
            .iter()
            .filter_map(|user| Some(pat_view(user, self.pats.get(&user.id)?, now)));
        accounts.chain(pats).collect()
    }

    fn ended_tokens(&mut self) -> &mut EndedTokens {
        &mut self.ended
    }

    fn create(&mut self, kind: &str, fields: Fields, now: Timestamp) -> Result<IssuedToken, Rejection> {
        match kind {
            SERVICE_ACCOUNT => {
                let ServiceAccountFields {
                    name,
                    description,
                    expires_at,
                } = fields.read()?;
                let account = self.create(&Caller::Console, name, description, expires_at, now)?;
                Ok(issued_service_account(&account, now))
            }
            PAT => {
                let PatFields { email, expires_at } = fields.read()?;
                let created = self.create_pat(&Caller::Console, UserRef::Email(&email), expires_at, now)?;
                Ok(issued_pat(&created, now))
            }
            _ => Err(Rejection::invalid(format!("kind: must be {SERVICE_ACCOUNT} or {PAT}"))),
        }
    }

    fn rotate(&mut self, id: &str, expires_at: Option<Timestamp>, now: Timestamp) -> Result<IssuedToken, Rejection> {
        match self.owner(id)? {
            Owner::ServiceAccount(name) => {
                let account = self.rotate(&Caller::Console, &name, expires_at, now)?;
                Ok(issued_service_account(&account, now))
            }
            Owner::User(user) => {
                let rotated = self.rotate_pat(&Caller::Console, UserRef::Id(user), expires_at, now)?;
                Ok(issued_pat(&rotated, now))
            }
        }
    }

    fn revoke(&mut self, id: &str, now: Timestamp) -> Result<(), Rejection> {
        match self.owner(id)? {
            Owner::ServiceAccount(name) => self.delete(&Caller::Console, &name, now)?,
            Owner::User(user) => self.revoke_pat(&Caller::Console, UserRef::Id(user), now)?,
        }
        Ok(())
    }

    fn set_switch(&mut self, name: &str, on: bool, now: Timestamp) -> Result<(), Rejection> {
        if name != PATS_ENABLED {
            return Err(Rejection::not_found(format!("there is no switch \"{name}\"")));
        }
        if self.pats_enabled != on {
            self.toggle_pats(&Caller::Console, now)?;
        }
        Ok(())
    }

    fn start(start: Start<Self>) -> Result<(Sandbox<Self>, SecretString), Rejection> {
        let mut generator = TokenGenerator::seeded(start.random);
        let token = start.token.unwrap_or_else(|| generator.value());
        let account = Self::new(start.account, generator, token.clone(), start.options);
        let sandbox = Sandbox::start_ahead(account, start.ahead);
        sandbox.with(|account, now| match start.contents {
            Some(contents) => account.add_contents(contents, now),
            None => {
                account.seed_admin(AdminToken::default(), None, now);
                Ok(())
            }
        })?;
        Ok((sandbox, token))
    }

    fn environment(base_url: &str, token: &SecretString) -> Vec<(&'static str, String)> {
        vec![
            ("STRIIM_BASE_URL", base_url.to_owned()),
            ("STRIIM_TOKEN", token.expose_secret().to_owned()),
        ]
    }

    fn contents(&self) -> Contents {
        self.all_contents()
    }

    fn seed(&mut self, contents: Contents, now: Timestamp) -> Result<(), Rejection> {
        self.add_contents(contents, now)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct ServiceAccountFields {
    name: String,
    description: Option<String>,
    expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PatFields {
    email: String,
    expires_at: Option<Timestamp>,
}

enum Owner {
    ServiceAccount(String),
    User(i64),
}

impl Account {
    /// The owner of the current token with this id.
    fn owner(&self, id: &str) -> Result<Owner, Rejection> {
        let is_it = |token: &Token| token.id.to_string() == id;
        let mut accounts = self.service_accounts.values();
        if let Some(account) = accounts.find(|account| is_it(&account.token)) {
            return Ok(Owner::ServiceAccount(account.name.clone()));
        }
        let user = self
            .pats
            .iter()
            .find(|(_, pat)| is_it(pat))
            .map(|(user, _)| Owner::User(*user));
        user.ok_or_else(|| Rejection::not_found(format!("there is no token {id}; it may have been rotated or revoked")))
    }

    /// Remembers that the token of a service account was revoked or replaced.
    pub(super) fn service_account_ended(&mut self, account: &ServiceAccount, now: Timestamp) {
        self.ended.push(service_account_view(account, now), now);
    }

    /// Remembers that a user's PAT was revoked or replaced.
    pub(super) fn pat_ended(&mut self, user: &User, pat: &Token, now: Timestamp) {
        self.ended.push(pat_view(user, pat, now), now);
    }
}

fn issued_service_account(account: &ServiceAccount, now: Timestamp) -> IssuedToken {
    IssuedToken {
        token: service_account_view(account, now),
        value: account.token.value.clone(),
    }
}

fn issued_pat((user, pat): &(User, Token), now: Timestamp) -> IssuedToken {
    IssuedToken {
        token: pat_view(user, pat, now),
        value: pat.value.clone(),
    }
}

fn service_account_view(account: &ServiceAccount, now: Timestamp) -> TokenView {
    TokenView {
        description: account.description.clone(),
        ..view(SERVICE_ACCOUNT, account.name.clone(), &account.token, now)
    }
}

fn pat_view(user: &User, pat: &Token, now: Timestamp) -> TokenView {
    TokenView {
        owner: Some(user.email.clone()),
        ..view(PAT, user.email.clone(), pat, now)
    }
}

fn view(kind: &'static str, name: String, token: &Token, now: Timestamp) -> TokenView {
    let legacy = token
        .expires_at
        .is_none()
        .then(|| ("legacy".into(), "never expires".to_owned()));
    TokenView {
        id: token.id.to_string(),
        kind: kind.into(),
        name,
        owner: None,
        description: None,
        slot: None,
        created_at: token.updated.at,
        expires_at: token.expires_at,
        ended_at: None,
        state: TokenState::at(now, token.expires_at),
        actions: vec![Action::Rotate, Action::Revoke],
        details: legacy.into_iter().collect(),
    }
}

impl From<Refusal> for Rejection {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.status(), refusal.to_string())
    }
}
