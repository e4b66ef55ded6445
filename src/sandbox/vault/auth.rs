//! The auth methods AppRole and JWT, which return a token for other credentials, and the requests of a
//! token about itself.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use super::policy::Policy;
use super::refusal::Refusal;
use super::state::TokenEntry;

/// The lifetime of the tokens that a role issues.
#[derive(Clone, Copy, Debug)]
pub struct TokenLifetime {
    /// The time until a token expires, unless it is renewed (`token_ttl`).
    pub ttl: SignedDuration,
    /// The time after which it cannot be renewed any more (`token_max_ttl`).
    pub max_ttl: SignedDuration,
}

/// The condition under which a JWT is accepted.
#[derive(Clone, Debug)]
pub struct JwtRole {
    /// The public key of the issuer: an uncompressed point of P-256, for the algorithm ES256.
    pub public_key: Vec<u8>,
    /// The accepted audience (`bound_audiences`).
    pub audience: String,
}

/// What the tokens of a role may do.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) policy: Policy,
    pub(super) lifetime: TokenLifetime,
}

/// An enabled auth method.
#[derive(Debug)]
pub(super) enum AuthMethod {
    /// The roles by RoleID, with their SecretIDs.
    AppRole(BTreeMap<String, (BTreeSet<String>, Grant)>),
    /// The roles by name.
    Jwt(BTreeMap<String, (JwtRole, Grant)>),
}

#[derive(Deserialize)]
struct AppRoleBody {
    role_id: Option<String>,
    secret_id: Option<String>,
}

#[derive(Deserialize)]
struct JwtBody {
    role: Option<String>,
    jwt: Option<String>,
}

/// The claims of a JWT.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    aud: Value,
    exp: Option<i64>,
    sub: Option<String>,
}

impl AuthMethod {
    /// Checks the credentials of a login, and returns what its token may do.
    pub(super) fn log_in(&self, body: &[u8], now: Timestamp) -> Result<Grant, Refusal> {
        match self {
            Self::AppRole(roles) => {
                let AppRoleBody { role_id, secret_id } = parse(body)?;
                let role_id = role_id.ok_or(Refusal::Invalid("missing role_id"))?;
                let (secret_ids, grant) = roles
                    .get(&role_id)
                    .ok_or(Refusal::Invalid("invalid role or secret ID"))?;
                let secret_id = secret_id.ok_or(Refusal::Invalid("missing secret_id"))?;
                match secret_ids.contains(&secret_id) {
                    true => Ok(grant.clone()),
                    false => Err(Refusal::Invalid("invalid role or secret ID")),
                }
            }
            Self::Jwt(roles) => {
                let JwtBody { role, jwt } = parse(body)?;
                let role = role.ok_or(Refusal::Invalid("missing role"))?;
                let jwt = jwt.ok_or(Refusal::Invalid("missing token"))?;
                let unknown = || Refusal::Login(format!("role {role:?} could not be found"));
                let (role, grant) = roles.get(&role).ok_or_else(unknown)?;
                let invalid = |problem| Refusal::Login(format!("error validating token: {problem}"));
                role.check(&jwt, now).map_err(invalid)?;
                Ok(grant.clone())
            }
        }
    }
}

impl JwtRole {
    fn check(&self, jwt: &str, now: Timestamp) -> Result<(), &'static str> {
        let malformed = "error verifying token signature: malformed token";
        let (message, signature) = jwt.rsplit_once('.').ok_or(malformed)?;
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed);
        let (_, claims) = message.split_once('.').ok_or(malformed)?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.public_key);
        key.verify(message.as_bytes(), &decode(signature)?)
            .map_err(|_| "error verifying token signature: no known key successfully validated the token signature")?;
        let claims: Claims = serde_json::from_slice(&decode(claims)?).map_err(|_| malformed)?;
        if claims.exp.is_none_or(|exp| exp <= now.as_second()) {
            return Err("invalid expiration time (exp) claim: token is expired");
        }
        let audiences = claims
            .aud
            .as_array()
            .cloned()
            .unwrap_or_else(|| vec![claims.aud.clone()]);
        if !audiences.contains(&json!(self.audience)) {
            return Err("invalid audience (aud) claim: audience claim does not match any expected audience");
        }
        claims.sub.map(drop).ok_or("claim \"sub\" not found in token")
    }
}

impl TokenEntry {
    /// The entry of a token that a login issues now.
    pub(super) fn issued(namespace: String, Grant { policy, lifetime }: Grant, now: Timestamp) -> Self {
        let after = |time| now.checked_add(time).unwrap_or(Timestamp::MAX);
        Self {
            namespace,
            policy,
            lease: Some(Lease {
                expires: after(lifetime.ttl.min(lifetime.max_ttl)),
                last: after(lifetime.max_ttl),
                ttl: lifetime.ttl,
            }),
        }
    }

    /// Extends the lifetime of a token that a login issued.
    pub(super) fn renew(&mut self, now: Timestamp) -> Result<(), Refusal> {
        let lease = self.lease.as_mut().ok_or(Refusal::Invalid("lease is not renewable"))?;
        lease.expires = now.checked_add(lease.ttl).unwrap_or(Timestamp::MAX).min(lease.last);
        Ok(())
    }

    pub(super) fn is_expired(&self, now: Timestamp) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.expires <= now)
    }

    /// The remaining lifetime in seconds; 0 for a token that does not expire.
    fn ttl(&self, now: Timestamp) -> i64 {
        self.lease
            .as_ref()
            .map_or(0, |lease| lease.expires.duration_since(now).as_secs())
    }

    /// The answer to `lookup-self`.
    pub(super) fn description(&self, now: Timestamp) -> Value {
        json!({
            "ttl": self.ttl(now),
            "expire_time": self.lease.as_ref().map(|lease| lease.expires.to_string()),
            "renewable": self.lease.is_some(),
            "type": "service",
        })
    }

    /// `auth` of the answer to a login or a renewal.
    pub(super) fn auth(&self, token: &SecretString, now: Timestamp) -> Value {
        json!({
            "client_token": token.expose_secret(),
            "accessor": "",
            "policies": ["default"],
            "token_policies": ["default"],
            "metadata": {},
            "lease_duration": self.ttl(now),
            "renewable": self.lease.is_some(),
            "entity_id": "",
            "token_type": "service",
            "orphan": true,
            "mfa_requirement": null,
            "num_uses": 0,
        })
    }
}

/// The lifetime of one token.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    expires: Timestamp,
    /// The last time to which it can be renewed.
    last: Timestamp,
    ttl: SignedDuration,
}

fn parse<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::Invalid("error parsing JSON"))
}
