//! What an administrator sees and does in Quix's portal.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::contents::{Contents, UserContents, WorkspaceContents};
use super::options::Options;
use super::personal_access_tokens::{Creation, PersonalAccessToken, TokenLimit};
use super::refusal::Refusal;
use super::state::{Portal, Workspace};
use crate::sandbox::Sandbox;
use crate::sandbox::control::{
    Action, EndedTokens, Field, FieldType, Fields, IssuedToken, Kind, Quota, Rejection, Start, TokenManagement,
    TokenState, TokenView,
};

const PERSONAL: &str = "personal-access-token";
const STREAMING: &str = "streaming-token";

impl TokenManagement for Portal {
    const NAME: &'static str = "quix";
    const TITLE: &'static str = "Quix";

    type Options = Options;
    type Contents = Contents;

    fn account(&self) -> &str {
        &self.organisation
    }

    fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    fn kinds(&self) -> Vec<Kind> {
        vec![
            Kind {
                kind: PERSONAL,
                title: "Personal access token",
                create: Some(vec![
                    Field::new("name", FieldType::Text, "Any name").required(),
                    Field::new("expires-at", FieldType::Instant, "By default the token never expires"),
                ]),
            },
            Kind {
                kind: STREAMING,
                title: "Streaming token",
                create: None,
            },
        ]
    }

    fn quota(&self, _: Timestamp) -> Option<Quota> {
        let TokenLimit { tokens, .. } = self.options.personal_access_tokens.limit?;
        let administrator = self.personal_access_tokens.administrator()?;
        Some(Quota {
            used: self.personal_access_tokens.of_user(&administrator.user).count(),
            limit: tokens,
            of: "personal access tokens of the administrator",
        })
    }

    fn tokens(&self, now: Timestamp) -> Vec<TokenView> {
        let personal = self
            .personal_access_tokens
            .existing()
            .map(|token| personal_view(token, now));
        let workspaces = self.workspaces.iter();
        let streaming = workspaces.flat_map(|(id, workspace)| [1, 2].map(|slot| streaming_view(id, workspace, slot)));
        personal.chain(streaming).collect()
    }

    fn ended_tokens(&mut self) -> &mut EndedTokens {
        &mut self.ended
    }

    fn create(&mut self, kind: &str, fields: Fields, now: Timestamp) -> Result<IssuedToken, Rejection> {
        match kind {
            PERSONAL => {
                let PersonalFields { name, expires_at } = fields.read()?;
                let administrator = self.personal_access_tokens.administrator().cloned();
                let administrator =
                    administrator.ok_or_else(|| Rejection::invalid("there is no user; seed one first"))?;
                let creation = Creation {
                    name,
                    expires_at,
                    scopes: None,
                };
                let created = self.create_token(&administrator, creation, now);
                let token = created.map_err(|refusal| self.rejection(&refusal))?;
                Ok(IssuedToken {
                    token: personal_view(&token, now),
                    value: token.value,
                })
            }
            STREAMING => Err(Rejection::unsupported(
                "every workspace has two streaming tokens; rotate them instead",
            )),
            _ => Err(Rejection::invalid(format!("kind: must be {PERSONAL}"))),
        }
    }

    fn rotate(&mut self, id: &str, expires_at: Option<Timestamp>, now: Timestamp) -> Result<IssuedToken, Rejection> {
        let Some((workspace, slot)) = self.streaming_token(id) else {
            self.personal_access_token(id)?;
            return Err(Rejection::unsupported(
                "Quix has no rotation of personal access tokens: create another one and revoke this one",
            ));
        };
        if slot != 1 || expires_at.is_some() {
            return Err(Rejection::unsupported(
                "a rotation revokes token 1 and takes no expiry: token 2 becomes token 1",
            ));
        }
        let value: SecretString = self.rotate(&workspace, now).ok_or_else(|| no_token(id))?;
        let rotated = self.workspaces.get(&workspace).ok_or_else(|| no_token(id))?;
        Ok(IssuedToken {
            token: streaming_view(&workspace, rotated, 2),
            value,
        })
    }

    fn revoke(&mut self, id: &str, now: Timestamp) -> Result<(), Rejection> {
        if self.streaming_token(id).is_some() {
            return Err(Rejection::unsupported("a streaming token is revoked by a rotation"));
        }
        let user = self.personal_access_token(id)?.user.clone();
        self.delete_token(&user, id, now);
        Ok(())
    }

    fn start(start: Start<Self>) -> Result<(Sandbox<Self>, SecretString), Rejection> {
        let token = start.token.unwrap_or_else(|| Self::random_value("pat-"));
        let mut portal = Self::new(start.options);
        portal.organisation = start.account;
        let contents = start.contents.unwrap_or_else(|| Contents {
            workspaces: vec![WorkspaceContents::new(format!("{}-shop-dev", portal.organisation))],
            users: vec![UserContents::administrator(token.clone())],
        });
        let sandbox = Sandbox::start_ahead(portal, start.ahead);
        sandbox.with(|portal, now| portal.add_contents(contents, now))?;
        Ok((sandbox, token))
    }

    fn environment(base_url: &str, token: &SecretString) -> Vec<(&'static str, String)> {
        vec![
            ("Quix__Portal__Api", base_url.to_owned()),
            ("Quix__Sdk__Token", token.expose_secret().to_owned()),
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
struct PersonalFields {
    name: String,
    expires_at: Option<Timestamp>,
}

impl Portal {
    /// The workspace and the slot of the streaming token with this id.
    fn streaming_token(&self, id: &str) -> Option<(String, u8)> {
        let mut workspaces = self.workspaces.iter();
        workspaces.find_map(|(name, workspace)| {
            let mut slots = [1, 2].into_iter();
            let slot = slots.find(|slot| streaming_id(name, workspace, *slot) == id)?;
            Some((name.clone(), slot))
        })
    }

    fn personal_access_token(&self, id: &str) -> Result<&PersonalAccessToken, Rejection> {
        let mut tokens = self.personal_access_tokens.existing();
        tokens.find(|token| token.id == id).ok_or_else(|| no_token(id))
    }

    fn rejection(&self, refusal: &Refusal) -> Rejection {
        let (status, message) = self.options.status_and_message(refusal);
        Rejection::new(status, message)
    }
}

fn no_token(id: &str) -> Rejection {
    Rejection::not_found(format!("there is no token {id}; it may have been rotated or revoked"))
}

pub(super) fn personal_view(token: &PersonalAccessToken, now: Timestamp) -> TokenView {
    let scopes = token.scopes.as_ref().map(|scopes| ("scopes".into(), scopes.join(", ")));
    TokenView {
        id: token.id.clone(),
        kind: PERSONAL.into(),
        name: token.name.clone(),
        owner: Some(token.user.clone()),
        description: None,
        slot: None,
        created_at: token.created_at,
        expires_at: token.expires_at,
        ended_at: None,
        state: TokenState::at(now, token.expires_at),
        actions: vec![Action::Revoke],
        details: scopes
            .into_iter()
            .chain([("role".into(), token.role.to_string())])
            .collect(),
    }
}

/// One of a workspace's two streaming tokens.
pub(super) fn streaming_view(name: &str, workspace: &Workspace, slot: u8) -> TokenView {
    TokenView {
        id: streaming_id(name, workspace, slot),
        kind: STREAMING.into(),
        name: name.to_owned(),
        owner: None,
        description: None,
        slot: Some(slot),
        created_at: workspace.issued_at(slot),
        expires_at: None,
        ended_at: None,
        state: TokenState::Active,
        actions: if slot == 1 { vec![Action::Rotate] } else { Vec::new() },
        details: [("workspace".into(), name.to_owned())].into(),
    }
}

/// The workspace's tokens are numbered: a rotation adds the next one.
fn streaming_id(name: &str, workspace: &Workspace, slot: u8) -> String {
    format!("{name}.{}", workspace.rotations().saturating_add(usize::from(slot)))
}
