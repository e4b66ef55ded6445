//! Personal access tokens in the answers of the Portal API, as Quix's own Postman collection of
//! 2023 shows them. An unknown or missing field is tolerated unless it could confuse one token with
//! another. No error quotes a value.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::rest::envelope::{object, whole_list};
use crate::rest::{Answer, Unreadable};
use crate::token::read_instant;

/// The maximum length of an id.
const MAX_LENGTH: usize = 64;

/// The id of a personal access token: a UUID.
///
/// Two spellings of the same UUID are equal, because the platform may spell it in upper case in one
/// answer and in lower case in another. An id that is no UUID is accepted, too, and then
/// case-sensitive.
///
/// ```
/// # use token_providers::quix::api::TokenId;
/// let id: TokenId = "3F2504E0-4F89-41D3-9A0C-0305E82C3301".parse().unwrap();
/// assert_eq!(id, "3f2504e0-4f89-41d3-9a0c-0305e82c3301".parse().unwrap());
/// // An empty id would delete all tokens, or list them.
/// assert!("".parse::<TokenId>().is_err());
/// ```
#[derive(Clone, Debug)]
pub struct TokenId(String);

/// The error for a text that is not an id. It does not quote the text, which may be a token's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the id of a personal access token, such as 3f2504e0-4f89-41d3-9a0c-0305e82c3301")]
pub struct InvalidTokenId;

impl TokenId {
    /// The id as the platform spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the id is a UUID, and therefore no value.
    pub(in crate::quix) fn is_uuid(&self) -> bool {
        let groups: Vec<_> = self.0.split('-').collect();
        let is_hex = |group: &&str| group.bytes().all(|byte| byte.is_ascii_hexdigit());
        groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(is_hex)
    }

    fn normalised(&self) -> String {
        match self.is_uuid() {
            true => self.0.to_ascii_lowercase(),
            false => self.0.clone(),
        }
    }
}

impl FromStr for TokenId {
    type Err = InvalidTokenId;

    fn from_str(text: &str) -> Result<Self, InvalidTokenId> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        let is_id = (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed);
        is_id.then(|| Self(text.to_owned())).ok_or(InvalidTokenId)
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for TokenId {
    fn eq(&self, other: &Self) -> bool {
        self.normalised() == other.normalised()
    }
}

impl Eq for TokenId {}

impl Hash for TokenId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.normalised().hash(state);
    }
}

/// A personal access token, without its value. A field that the platform does not report is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalAccessToken {
    /// The id.
    pub id: TokenId,
    /// The name.
    pub name: Option<String>,
    /// When the token was created.
    pub created_at: Option<Timestamp>,
    /// When the token expires; `None` if it never does, or if that is unknown.
    pub expires_at: Option<Timestamp>,
    /// The expiry as the platform spells it, if it cannot be parsed.
    pub unreadable_expiry: Option<String>,
}

/// A personal access token that was just created.
#[derive(Clone, Debug)]
pub struct IssuedPersonalAccessToken {
    /// The token.
    pub token: PersonalAccessToken,
    /// Its value, which the platform shows only once.
    pub value: SecretString,
}

/// A personal access token to create.
#[derive(Clone, Copy, Debug)]
pub struct NewPersonalAccessToken<'a> {
    /// The name.
    pub name: &'a str,
    /// The expiry; `None` for the platform's default.
    pub expires_at: Option<Timestamp>,
    /// The scopes; `None` for the platform's default.
    pub scopes: Option<&'a [String]>,
}

impl NewPersonalAccessToken<'_> {
    /// Returns the body of the request. What is not set is left out.
    pub(super) fn body(&self) -> Value {
        let members = [
            ("name", Some(self.name.into())),
            ("expiresAt", self.expires_at.map(|expiry| format!("{expiry:.3}").into())),
            ("scopes", self.scopes.map(Into::into)),
        ];
        let set = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(set.collect())
    }
}

/// Reads the answer of `GET /profile/tokens`.
pub(super) fn list(answer: &Answer) -> Result<Vec<PersonalAccessToken>, Unreadable> {
    let rows = whole_list(answer, &["tokens"])?.into_iter();
    rows.map(|row| {
        let row = row
            .as_object()
            .ok_or_else(|| unreadable("it lists something that is no token"))?;
        token(row).ok_or_else(|| unreadable("it lists a token without an id"))
    })
    .collect()
}

/// Reads the answer of `POST /profile/tokens`.
pub(super) fn issued(answer: &Answer) -> Result<IssuedPersonalAccessToken, Unreadable> {
    let object = object(answer.json()?, &["value"]).ok_or_else(|| unreadable("it contains no value"))?;
    let value = object.get("value").and_then(Value::as_str);
    let is_value = |value: &&str| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    let value = value
        .filter(is_value)
        .ok_or_else(|| unreadable("its value is no text that can be a token"))?;
    Ok(IssuedPersonalAccessToken {
        token: token(&object).ok_or_else(|| unreadable("it contains no id"))?,
        value: value.into(),
    })
}

/// Reads the user's id in the answer of `GET /profile`; `None` if there is none.
pub(super) fn user_id(answer: &Answer) -> Result<Option<String>, Unreadable> {
    let profile = object(answer.json()?, &["userId"]);
    let id = profile.as_ref().and_then(|profile| profile.get("userId"));
    Ok(match id {
        Some(Value::String(id)) if !id.is_empty() => Some(id.to_lowercase()),
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => None,
    })
}

fn token(row: &Map<String, Value>) -> Option<PersonalAccessToken> {
    let text = |name: &str| row.get(name).and_then(Value::as_str);
    let instant = |name: &str| row.get(name).and_then(read_instant);
    let expires_at = instant("expiresAt");
    let unreadable_expiry = match row.get("expiresAt") {
        None | Some(Value::Null) => None,
        Some(_) if expires_at.is_some() => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    Some(PersonalAccessToken {
        id: text("id")?.parse().ok()?,
        name: text("name").map(str::to_owned),
        created_at: instant("createdAt"),
        expires_at,
        unreadable_expiry,
    })
}

fn unreadable(reason: &str) -> Unreadable {
    Unreadable(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn answer(body: &str) -> Answer {
        Answer {
            status: StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: body.to_owned().into(),
        }
    }

    const ID: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

    #[test]
    fn list_reads_the_published_sample_in_any_envelope() {
        let row = format!(
            r#"{{"id":"{ID}","name":"ci","createdAt":"2023-08-29T17:10:57.969Z","expiresAt":"2024-08-29T00:00:00Z"}}"#
        );
        for body in [
            format!("[{row}]"),
            format!(r#"{{"items":[{row}]}}"#),
            format!(r#"{{"tokens":[{row}]}}"#),
        ] {
            let tokens = list(&answer(&body)).unwrap();
            assert_eq!(tokens[0].id.as_str(), ID);
            assert_eq!(tokens[0].name.as_deref(), Some("ci"));
            assert_eq!(tokens[0].expires_at, Some("2024-08-29T00:00:00Z".parse().unwrap()));
            assert!(tokens[0].created_at.is_some());
        }
    }

    #[test]
    fn list_that_is_partial_or_lacks_an_id_is_rejected() {
        for body in [
            String::new(),
            "{}".to_owned(),
            "null".to_owned(),
            r#"[{"name":"ci"}]"#.to_owned(),
            r#"[{"id":""}]"#.to_owned(),
            r#"["ci"]"#.to_owned(),
            format!(r#"{{"items":[{{"id":"{ID}"}}],"totalCount":2}}"#),
            format!(r#"{{"items":[{{"id":"{ID}"}}],"nextPage":"x"}}"#),
        ] {
            assert!(list(&answer(&body)).is_err(), "{body}");
        }
    }

    #[test]
    fn unreadable_expiry_is_unknown_for_its_row_only() {
        for spelled in [r#""tomorrow""#, "true", r#""2027-01-01T00:00:00""#] {
            let body = format!(r#"[{{"id":"a","expiresAt":{spelled}}},{{"id":"b","expiresAt":null}},{{"id":"c"}}]"#);
            let tokens = list(&answer(&body)).unwrap();
            assert!(
                tokens[0].unreadable_expiry.is_some() && tokens[0].expires_at.is_none(),
                "{spelled}"
            );
            assert!(tokens[1..].iter().all(|token| token.unreadable_expiry.is_none()));
        }
    }

    #[test]
    fn issued_reads_the_value_and_rejects_an_answer_without_value_or_id() {
        let body = format!(r#"{{"id":"{ID}","name":"ci","scopes":[],"value":"pat-a"}}"#);
        let read = issued(&answer(&body)).unwrap();
        assert_eq!((read.token.id.as_str(), read.value.expose_secret()), (ID, "pat-a"));
        for body in [
            r#"{"value":"pat-a"}"#.to_owned(),
            format!(r#"{{"id":"{ID}"}}"#),
            format!(r#"{{"id":"{ID}","value":""}}"#),
            format!(r#"{{"id":"{ID}","value":"pat a"}}"#),
            "pat-a".to_owned(),
        ] {
            let Unreadable(reason) = issued(&answer(&body)).unwrap_err();
            assert!(!reason.contains("pat"), "{reason}");
        }
    }

    #[test]
    fn body_leaves_out_what_is_not_set() {
        let new = NewPersonalAccessToken {
            name: "ci",
            expires_at: None,
            scopes: None,
        };
        assert_eq!(new.body(), serde_json::json!({"name": "ci"}));
        let new = NewPersonalAccessToken {
            expires_at: Some("2027-01-01T00:00:00.5Z".parse().unwrap()),
            scopes: Some(&[]),
            ..new
        };
        let expected = serde_json::json!({"name": "ci", "expiresAt": "2027-01-01T00:00:00.500Z", "scopes": []});
        assert_eq!(new.body(), expected);
    }

    #[test]
    fn only_uuids_ignore_letter_case() {
        let id = |text: &str| -> TokenId { text.parse().unwrap() };
        assert_eq!(id(ID), id(&ID.to_uppercase()));
        assert_ne!(id("abc"), id("ABC"));
        for text in ["", "a/b", "..", "a b", "%2e", &"a".repeat(65)] {
            assert!(text.parse::<TokenId>().is_err(), "{text}");
        }
    }

    #[test]
    fn user_id_is_read_if_there_is_one() {
        assert_eq!(
            user_id(&answer(r#"{"userId":"U1","email":"a"}"#)).unwrap().as_deref(),
            Some("u1")
        );
        assert_eq!(user_id(&answer(r#"{"email":"a"}"#)).unwrap(), None);
        assert!(user_id(&answer("<html>")).is_err());
    }
}
