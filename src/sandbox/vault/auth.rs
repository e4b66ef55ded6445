//! The auth methods AppRole and JWT, which return a token for other credentials, and the requests of a
//! token about itself.
//!
//! Not included, because the provider's requests and its use of the answers do not depend on it: for JWT,
//! keys from a URL, algorithms other than ES256, the method's default role and the role's own leeways; for
//! AppRole, uses and addresses of a SecretID. OpenBao answers 500 to a login without a RoleID, and this
//! module 400; the provider always sends one.

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
    /// The accepted subject (`bound_subject`); `None` for any.
    pub subject: Option<String>,
    /// The required claims and their values (`bound_claims`).
    pub claims: BTreeMap<String, String>,
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

/// The header of a JWT.
#[derive(Deserialize)]
struct Header {
    alg: String,
}

/// The claims of a JWT. Times are in seconds, possibly with a fraction.
#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
    iat: Option<f64>,
    nbf: Option<f64>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// The tolerated difference between the clocks of issuer and server, in seconds (`clock_skew_leeway`).
const CLOCK_SKEW: f64 = 60.0;

/// The lifetime of a JWT that has no expiry or no start, in seconds (`expiration_leeway`,
/// `not_before_leeway`).
const ASSUMED_LIFETIME: f64 = 150.0;

impl AuthMethod {
    /// Checks the credentials of a login, and returns what its token may do.
    pub(super) fn log_in(&self, body: &[u8], now: Timestamp) -> Result<Grant, Refusal> {
        let given = |text: &String| !text.is_empty();
        match self {
            Self::AppRole(roles) => {
                let AppRoleBody { role_id, secret_id } = parse(body)?;
                let role_id = role_id.filter(given).ok_or(Refusal::Invalid("missing role_id"))?;
                let (secret_ids, grant) = roles
                    .get(&role_id)
                    .ok_or(Refusal::Invalid("invalid role or secret ID"))?;
                let secret_id = secret_id.filter(given).ok_or(Refusal::Invalid("missing secret_id"))?;
                match secret_ids.contains(&secret_id) {
                    true => Ok(grant.clone()),
                    false => Err(Refusal::Invalid("invalid role or secret ID")),
                }
            }
            Self::Jwt(roles) => {
                let JwtBody { role, jwt } = parse(body)?;
                let role = role.filter(given).ok_or(Refusal::Invalid("missing role"))?;
                let jwt = jwt.filter(given).ok_or(Refusal::Invalid("missing token"))?;
                let unknown = || Refusal::Login(format!("role {role:?} could not be found"));
                let (role, grant) = roles.get(&role).ok_or_else(unknown)?;
                role.check(&jwt, now).map_err(Refusal::Login)?;
                Ok(grant.clone())
            }
        }
    }
}

impl JwtRole {
    fn check(&self, jwt: &str, now: Timestamp) -> Result<(), String> {
        let claims = self
            .verify(jwt)
            .map_err(|problem| format!("error validating token: error verifying token signature: {problem}"))?;
        let invalid = |problem| format!("error validating token: {problem}");
        claims.check_times(now).map_err(invalid)?;
        let subject = claims.others.get("sub").and_then(Value::as_str);
        if self.subject.as_deref().is_some_and(|bound| subject != Some(bound)) {
            return Err(invalid("invalid subject (sub) claim"));
        }
        if !claims.has("aud", &self.audience) {
            return Err(invalid(
                "invalid audience (aud) claim: audience claim does not match any expected audience",
            ));
        }
        // The claim that identifies the user (`user_claim`).
        subject.ok_or_else(|| invalid("claim \"sub\" not found in token"))?;
        let unmet = self.claims.iter().find(|(name, value)| !claims.has(name, value));
        match unmet {
            None => Ok(()),
            Some((name, _)) if claims.others.contains_key(name) => Err(format!(
                "error validating claims: claim {name:?} does not match any associated bound claim values"
            )),
            Some((name, _)) => Err(format!("error validating claims: claim {name:?} is missing")),
        }
    }

    /// Verifies the signature and returns the claims.
    fn verify(&self, jwt: &str) -> Result<Claims, &'static str> {
        let malformed = "malformed token";
        let (message, signature) = jwt.rsplit_once('.').ok_or(malformed)?;
        let (header, claims) = message.split_once('.').ok_or(malformed)?;
        let decode = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed);
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| malformed)?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.public_key);
        let verified = key.verify(message.as_bytes(), &decode(signature)?);
        if header.alg != "ES256" || verified.is_err() {
            return Err("no known key successfully validated the token signature");
        }
        serde_json::from_slice(&decode(claims)?).map_err(|_| malformed)
    }
}

impl Claims {
    /// Whether a claim is this text, or a list that contains it.
    fn has(&self, name: &str, text: &str) -> bool {
        match self.others.get(name) {
            Some(Value::Array(values)) => values.iter().any(|value| value == text),
            Some(value) => value == text,
            None => false,
        }
    }

    /// Checks the validity period. A missing start or end is derived from the other times.
    fn check_times(&self, now: Timestamp) -> Result<(), &'static str> {
        let latest_start = self.iat.into_iter().chain(self.nbf).reduce(f64::max);
        let exp = self
            .exp
            .or(latest_start.map(|start| start + ASSUMED_LIFETIME))
            .ok_or("no issued at (iat), not before (nbf), or expiration time (exp) claims in token")?;
        let nbf = self.nbf.or(self.iat).unwrap_or(exp - ASSUMED_LIFETIME);
        let now = now.as_duration().as_secs_f64();
        if now - CLOCK_SKEW > exp {
            return Err("invalid expiration time (exp) claim: token is expired");
        }
        if now + CLOCK_SKEW < nbf {
            return Err("invalid not before (nbf) claim: token not yet valid");
        }
        match self.iat {
            Some(iat) if now + CLOCK_SKEW < iat => Err("invalid issued at (iat) claim: token issued in the future"),
            _ => Ok(()),
        }
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
    let body = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map_err(|_| Refusal::Invalid("error parsing JSON"))
}
