//! Reads the platform's answers. An unknown or missing field is tolerated unless it could confuse
//! one token with another.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use super::{Issued, StreamToken, TokenId};
use crate::rest::envelope::{self, Page};
use crate::rest::{Answer, Unreadable};
use crate::token::read_instant;

#[derive(Deserialize)]
struct Row {
    id: TokenId,
    #[serde(default = "active_by_default", deserialize_with = "lenient_bool")]
    is_active: bool,
    #[serde(default, deserialize_with = "lenient_timestamp")]
    created: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient_timestamp")]
    expires: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Value {
    key: SecretString,
}

impl From<Row> for StreamToken {
    fn from(row: Row) -> Self {
        let Row {
            id,
            is_active,
            created,
            expires,
        } = row;
        Self {
            id,
            is_active,
            created,
            expires,
        }
    }
}

/// Reads a page of the list that follows `offset` tokens, and whether the answer announces more.
/// One unreadable row makes the page unreadable, because the list must be complete.
pub(super) fn page(answer: &Answer, offset: usize) -> Result<(Vec<StreamToken>, bool), Unreadable> {
    let Page { rows, more } = envelope::page(answer, &["results", "tokens"], offset)?;
    let tokens = rows.into_iter().map(|row| {
        // The error itself is dropped because it could quote a value.
        let row: Row =
            serde_json::from_value(row).map_err(|_| Unreadable("its body is not a list of tokens".to_owned()))?;
        Ok(row.into())
    });
    Ok((tokens.collect::<Result<_, _>>()?, more.is_some()))
}

/// Reads a token with its value. `id` is the requested one, if the request had one.
pub(super) fn token(answer: Answer, id: Option<TokenId>) -> Result<Issued, Unreadable> {
    let row: Row = read(&answer.body, "a token")?;
    let Value { key } = read(&answer.body, "a token with its value")?;
    if id.is_some_and(|id| id != row.id) {
        return Err(Unreadable("it is about another token".to_owned()));
    }
    if key.expose_secret().is_empty() {
        return Err(Unreadable("the token's value is empty".to_owned()));
    }
    let token = row.into();
    Ok(Issued { token, key })
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8], what: &str) -> Result<T, Unreadable> {
    // The error itself is dropped because it could quote a value.
    serde_json::from_slice(body).map_err(|_| Unreadable(format!("its body is not {what}")))
}

/// A token is active unless the platform says otherwise.
fn active_by_default() -> bool {
    true
}

/// Reads a boolean in any spelling. An unreadable one is true, so that it does not cost the token's
/// value.
fn lenient_bool<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(match &value {
        serde_json::Value::Bool(active) => *active,
        serde_json::Value::String(text) => !text.eq_ignore_ascii_case("false"),
        serde_json::Value::Number(number) => number.as_i64() != Some(0),
        _ => true,
    })
}

/// Reads a time. An unreadable one is `None`, so that it does not cost the token's value.
fn lenient_timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(read_instant(&value))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn answer(body: &str) -> Answer {
        Answer {
            status: StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: body.to_owned().into(),
        }
    }

    #[test]
    fn token_parses_the_samples_of_both_clients() {
        for (created, expires, read) in [
            (
                "2021-05-28T10:37:51.433760+00:00",
                "2021-05-29T10:37:51.433563+00:00",
                "2021-05-29T10:37:51.433563Z",
            ),
            (
                "2019-07-29T13:53:27.306Z",
                "2020-07-29T13:53:27.306Z",
                "2020-07-29T13:53:27.306Z",
            ),
        ] {
            let body = format!(
                r#"{{"id": 1, "key": "abcd", "is_active": true, "created": "{created}", "expires": "{expires}"}}"#
            );
            let issued = token(answer(&body), None).unwrap();
            assert_eq!(issued.key.expose_secret(), "abcd");
            assert_eq!(issued.token.expires.unwrap().to_string(), read);
            assert!(issued.token.created.unwrap() < issued.token.expires.unwrap());
        }
    }

    #[test]
    fn unreadable_fields_do_not_cost_the_value() {
        for rest in [
            "",
            r#","expires":null"#,
            r#","expires":"soon","created":7"#,
            r#","more":{"a":[1]}"#,
            r#","is_active":"abcd""#,
            r#","is_active":null"#,
        ] {
            let issued = token(answer(&format!(r#"{{"id":"1","key":"abcd"{rest}}}"#)), None).unwrap();
            assert!(issued.token.expires.is_none() && issued.token.is_active, "{rest}");
        }
    }

    #[test]
    fn body_without_a_complete_token_is_rejected() {
        for body in [
            "",
            "[]",
            "{}",
            r#"{"id":1}"#,
            r#"{"key":"abcd"}"#,
            r#"{"id":1,"key":""}"#,
            r#"{"id":2,"key":"abcd"}"#,
            r#"{"id":"","key":"abcd"}"#,
        ] {
            let id = "1".parse().unwrap();
            let Unreadable(reason) = token(answer(body), Some(id)).unwrap_err();
            assert!(!reason.contains("abcd"), "{reason}");
        }
        for body in ["{}", r#"[{"key":"abcd"}]"#, r#"[{"id":1},{"id":""}]"#, "null"] {
            assert!(page(&answer(body), 0).is_err(), "{body}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_body_never_panics(body in "[\\[\\]{}\":,a-z0-9 ]{0,80}") {
            let _ = page(&answer(&body), 0);
            let _ = token(answer(&body), None);
        }
    }
}
