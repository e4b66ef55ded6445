//! Parsers of Striim Cloud's answers.
//!
//! Documented fields are required. Where the documentation leaves the shape open, every plausible one is
//! accepted. An ambiguous answer is [`Unreadable`]: a list that is read as empty would remove tokens
//! from the state. No message contains the value of a token.

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::managed_by::unmark;
use super::{IssuedToken, Mismatch, OwnerKey, PatStatus, ServiceAccount, UserToken, is_same_name};
use crate::redaction::KnownSecrets;
use crate::rest::envelope::{Object, object, whole_list};
use crate::rest::{Answer, Unreadable};
use crate::token::read_instant;

/// The maximum depth of the objects around a status.
const DEPTH: usize = 3;

/// The names that a list may have.
const LISTS: [&str; 4] = ["service-accounts", "serviceAccounts", "service_accounts", "tokens"];

/// Parses the answer of `GET /service-accounts`: an array, bare or inside an object.
pub(super) fn service_accounts(answer: Answer) -> Result<Vec<ServiceAccount>, Unreadable> {
    whole_list(&answer, &LISTS)?.iter().map(service_account).collect()
}

/// The names that a value may have. The document shows `token`.
const VALUES: [&str; 10] = [
    "token",
    "token-value",
    "tokenValue",
    "api-token",
    "apiToken",
    "access-token",
    "accessToken",
    "access_token",
    "value",
    "secret",
];

/// Parses the answer of `POST /service-account` and `POST …/rotate`: an issued value.
///
/// The value is shown only once, so nothing else in the answer makes it be discarded. `owner` is the
/// owner in the request.
pub(super) fn issued_token(answer: Answer, key: OwnerKey, owner: Option<&str>) -> Result<IssuedToken, Unreadable> {
    let mut value = match answer.json()? {
        // A list with one element.
        Value::Array(mut items) if items.len() == 1 => items.remove(0),
        value => value,
    };
    if let Value::String(token) = &mut value {
        value = json!({ "token": std::mem::take(token) });
    }
    let found = VALUES.iter().find_map(|name| {
        let object = object(value.clone(), &[*name])?;
        let token = object.get(*name)?.as_str().and_then(secret)?;
        Some((token, object))
    });
    let (token, object) = found.ok_or_else(|| unreadable("holds no token"))?;
    let Expiry { expires_at, unreadable } = Expiry::of(&object);
    if unreadable.is_some() {
        tracing::warn!("the platform issued a token with an expiry that cannot be read");
    }
    // The other attributes are shown, so they must not repeat the value.
    let repeats_value = |text: &str| KnownSecrets::default().found_in(text, "", [&token]);
    let updated_at = text(&object, "updated-at").filter(|text| !repeats_value(text));
    let mismatch = owner.and_then(|owner| mismatch(&object, key, owner));
    let mismatch = mismatch.filter(|mismatch| !repeats_value(&mismatch.answered));
    Ok(IssuedToken {
        token,
        token_id: integer(&object, "token-id"),
        expires_at,
        updated_at,
        updated_by: integer(&object, "updated-by"),
        mismatch,
    })
}

/// Returns a value without surrounding blanks and the authentication scheme.
fn secret(text: &str) -> Option<SecretString> {
    let text = text.trim();
    let text = match text.split_at_checked(7) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer ") => rest.trim(),
        _ => text,
    };
    (!text.is_empty()).then(|| text.into())
}

/// Returns the owner that the answer names, if it differs from the one in the request. Email addresses
/// are compared without regard to their spelling.
fn mismatch(object: &Object, key: OwnerKey, requested: &str) -> Option<Mismatch> {
    let answered = text(object, key.as_str())?;
    let is_same = is_same_name(requested, &answered);
    let differs = match key {
        OwnerKey::Name => answered != requested,
        OwnerKey::Email => !is_same,
    };
    differs.then(|| Mismatch {
        key,
        requested: requested.to_owned(),
        answered,
        is_same,
    })
}

/// Parses the answer of `GET /user-token`: an object, or nothing if the user has no PAT.
///
/// An answer about another user than `email`, the one in the request, is an error: acting on it could
/// revoke another user's token.
pub(super) fn user_token(answer: Answer, email: Option<&str>) -> Result<Option<UserToken>, Unreadable> {
    if answer.status == http::StatusCode::NO_CONTENT {
        return Ok(None);
    }
    let value = answer.json()?;
    if value == Value::Null {
        return Ok(None);
    }
    let object = object(value, &["token-id", "expires-at", "email", "user-id", "updated-at"])
        .ok_or_else(|| self::unreadable("holds no token's information"))?;
    let answered = text(&object, "email");
    if let (Some(email), Some(answered)) = (email, &answered)
        && !is_same_name(email, answered)
    {
        return Err(self::unreadable(format!("is about another user than {email:?}")));
    }
    let Expiry { expires_at, unreadable } = Expiry::of(&object);
    Ok(Some(UserToken {
        email: answered,
        user_id: integer(&object, "user-id"),
        token_id: integer(&object, "token-id"),
        expires_at,
        unreadable_expiry: unreadable,
        updated_at: text(&object, "updated-at"),
        updated_by: integer(&object, "updated-by"),
    }))
}

/// Whether a message names the user with this address. One that quotes the request's URL does not
/// count: any server can do that.
pub(super) fn message_names(message: &str, email: &str) -> bool {
    let message = message.to_lowercase();
    let quotes_url = ["email=", "user-token", "http:", "https:"]
        .iter()
        .any(|part| message.contains(part));
    message.contains(&email.to_lowercase()) && !quotes_url
}

/// Parses the answer of `GET /user-token/status`: a boolean or a word, bare or in an object.
pub(super) fn pat_status(answer: Answer) -> Result<PatStatus, Unreadable> {
    let value = match answer.json() {
        Ok(value) => value,
        // A bare word.
        Err(error) => match std::str::from_utf8(&answer.body).ok().and_then(word) {
            Some(_) => Value::String(String::from_utf8_lossy(&answer.body).into_owned()),
            None => return Err(error),
        },
    };
    let mut readings = Vec::new();
    read_status(&value, DEPTH, &mut readings);
    match readings.split_first() {
        Some((enabled, others)) if others.iter().all(|other| other == enabled) => Ok(PatStatus { enabled: *enabled }),
        Some(_) => Err(unreadable(
            "says that personal access tokens are enabled, and that they are not",
        )),
        None => Err(unreadable("does not say whether personal access tokens are enabled")),
    }
}

/// Collects every boolean and word that may be the status.
fn read_status(value: &Value, depth: usize, readings: &mut Vec<bool>) {
    match value {
        Value::Bool(enabled) => readings.push(*enabled),
        Value::String(text) => readings.extend(word(text)),
        Value::Object(members) if depth > 0 => {
            for (key, value) in members {
                // `pat-enabled`, `pat_enabled` and `patEnabled` are the same key.
                let key: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
                match key.to_ascii_lowercase().trim_start_matches("is") {
                    "enabled"
                    | "status"
                    | "state"
                    | "patenabled"
                    | "patsenabled"
                    | "patstatus"
                    | "pat"
                    | "pats"
                    | "usertoken"
                    | "usertokenstatus"
                    | "usertokenenabled"
                    | "personalaccesstokens"
                    | "personalaccesstokensenabled"
                    | "data"
                    | "result"
                    | "value" => {
                        read_status(value, depth - 1, readings);
                    }
                    "disabled" | "patdisabled" | "patsdisabled" => {
                        let first = readings.len();
                        read_status(value, depth - 1, readings);
                        readings.iter_mut().skip(first).for_each(|reading| *reading = !*reading);
                    }
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn word(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "enabled" | "true" | "on" | "active" => Some(true),
        "disabled" | "false" | "off" | "inactive" => Some(false),
        _ => None,
    }
}

fn service_account(value: &Value) -> Result<ServiceAccount, Unreadable> {
    let nameless = || self::unreadable("lists a service account without a name");
    let object = value.as_object().ok_or_else(nameless)?;
    let name = text(object, "name").ok_or_else(nameless)?;
    let described = text(object, "description");
    let (description, managed_by) = described.as_deref().map_or((None, None), unmark);
    let Expiry { expires_at, unreadable } = Expiry::of(object);
    Ok(ServiceAccount {
        token_id: integer(object, "token-id"),
        description: description.map(str::to_owned),
        managed_by: managed_by.map(str::to_owned),
        expires_at,
        unreadable_expiry: unreadable,
        updated_at: text(object, "updated-at"),
        updated_by: integer(object, "updated-by"),
        name,
    })
}

/// The expiry of a token. One that cannot be parsed does not make the list unreadable.
struct Expiry {
    expires_at: Option<Timestamp>,
    /// The expiry as it is spelled, if it cannot be parsed.
    unreadable: Option<String>,
}

impl Expiry {
    /// Parses `expires-at`, which is absent, null or empty for tokens that do not expire.
    fn of(object: &Object) -> Self {
        let value = match object.get("expires-at") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.trim().is_empty() => None,
            Some(value) => Some(value),
        };
        let expires_at = value.and_then(read_instant);
        let spelled = |value: &Value| match value {
            Value::String(text) => printable(text),
            value => printable(&value.to_string()),
        };
        Self {
            expires_at,
            unreadable: value.filter(|_| expires_at.is_none()).map(spelled),
        }
    }
}

/// Returns the part of a text that a message can show.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// Returns a text that is not empty.
fn text(object: &Object, key: &str) -> Option<String> {
    object
        .get(key)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// Returns a whole number, which may be in quotes.
fn integer(object: &Object, key: &str) -> Option<i64> {
    match object.get(key)? {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_i64(),
    }
}

fn unreadable(reason: impl Into<String>) -> Unreadable {
    Unreadable(reason.into())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::StatusCode;
    use secrecy::ExposeSecret;

    use super::*;

    fn answer(body: &str) -> Answer {
        Answer {
            status: StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn reason<T: std::fmt::Debug>(result: Result<T, Unreadable>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn message_names_user_unless_it_quotes_the_url() {
        for (message, is_about) in [
            ("Bob@acme.example has no personal access token", true),
            ("no token for user bob@acme.example", true),
            ("no Route matched with those values", false),
            ("404 page not found", false),
            ("Cannot GET /api/v1/user-token?email=bob@acme.example", false),
            ("https://acme.striim.cloud/x?q=bob@acme.example was not found", false),
        ] {
            assert_eq!(message_names(message, "bob@acme.example"), is_about, "{message}");
        }
    }

    #[test]
    fn list_is_parsed_bare_or_wrapped() {
        for body in [
            r#"[{"name":"ci"}]"#,
            r#"{"service-accounts":[{"name":"ci"}]}"#,
            r#"{"serviceAccounts":[{"name":"ci"}],"links":[{"name":"self"}]}"#,
            r#"{"data":{"service-accounts":[{"name":"ci"}]},"total":1}"#,
            r#"{"whatever":[{"name":"ci"}],"errors":[],"page":1}"#,
        ] {
            let names: Vec<_> = service_accounts(answer(body))
                .unwrap()
                .into_iter()
                .map(|one| one.name)
                .collect();
            assert_eq!(names, ["ci"], "{body}");
        }
        for body in ["[]", r#"{"service-accounts":[]}"#, r#"{"data":[]}"#] {
            assert_eq!(service_accounts(answer(body)).unwrap(), [], "{body}");
        }
    }

    #[test]
    fn ambiguous_list_is_unreadable_and_not_empty() {
        for (body, expected) in [
            ("", "its body is empty"),
            ("null", "it contains no list"),
            ("{}", "it contains no list"),
            (r#"{"errors":[]}"#, "it contains no list"),
            (r#"{"a":[],"b":[]}"#, "it contains no list"),
            (r#"{"service-accounts":null}"#, "it contains no list"),
            (r#"{"name":"ci"}"#, "it contains no list"),
            (
                r#"{"content":[{"name":"ci"}],"totalElements":3,"last":false}"#,
                r#"it is only a part of the list (indicated by "last"), and how to request the rest is not documented"#,
            ),
            (
                r#"{"service-accounts":[],"hasMore":true}"#,
                r#"it is only a part of the list (indicated by "hasMore"), and how to request the rest is not documented"#,
            ),
            (r#"[{"name":"ci"},{}]"#, "lists a service account without a name"),
            (r#"["ci"]"#, "lists a service account without a name"),
            (
                "<html>",
                "its body is an HTML page; check the base URL, and whether a proxy answered",
            ),
            ("[{", "its body is not JSON (line 1, column 2)"),
        ] {
            assert_eq!(reason(service_accounts(answer(body))), expected, "{body}");
        }
    }

    #[test]
    fn service_account_is_parsed_with_all_attributes_or_only_its_name() {
        let body = r#"[
            {"name":"a","token-id":12345,"description":"CI [managed by acme]","expires-at":"2027-02-09T00:00:00Z",
             "updated-at":"2026-03-11T06:19:25.758175685Z","updated-by":8509,"status":"ACTIVE"},
            {"name":"b","token-id":"9121","description":null,"expires-at":null,"updated-at":"","updated-by":"x"},
            {"name":"c"}]"#;
        let bare = |name: &str, token_id| ServiceAccount {
            name: name.to_owned(),
            token_id,
            description: None,
            managed_by: None,
            expires_at: None,
            unreadable_expiry: None,
            updated_at: None,
            updated_by: None,
        };
        let full = ServiceAccount {
            name: "a".to_owned(),
            token_id: Some(12345),
            description: Some("CI".to_owned()),
            managed_by: Some("acme".to_owned()),
            expires_at: Some("2027-02-09T00:00:00Z".parse().unwrap()),
            unreadable_expiry: None,
            updated_at: Some("2026-03-11T06:19:25.758175685Z".to_owned()),
            updated_by: Some(8509),
        };
        let expected = [full, bare("b", Some(9121)), bare("c", None)];
        assert_eq!(service_accounts(answer(body)).unwrap(), expected);
    }

    #[test]
    fn issued_token_is_parsed_despite_invalid_other_attributes() {
        for body in [
            r#"{"name":"ci","token":"9AbC","token-id":1,"expires-at":"2027-02-09T00:00:00Z"}"#,
            r#"{"token":"9AbC"}"#,
            r#"{"token":{"token":"9AbC"}}"#,
            r#"{"data":{"name":"ci","token":"9AbC"},"meta":{"took":1}}"#,
            r#"[{"name":"ci","token":"9AbC"}]"#,
            r#"{"name":"ci","access-token":"Bearer 9AbC"}"#,
            r#"{"data":{"name":"ci","value":" 9AbC\n"}}"#,
            r#""9AbC""#,
            r#"{"name":"ci","token":"9AbC","token-id":{},"expires-at":"never","updated-at":3,"updated-by":"me"}"#,
        ] {
            let issued = issued_token(answer(body), OwnerKey::Name, Some("ci")).unwrap();
            assert_eq!(issued.token.expose_secret(), "9AbC", "{body}");
            assert!(!format!("{issued:?}").contains("9AbC"));
        }
    }

    #[test]
    fn answer_without_token_or_for_another_owner_is_unreadable_and_not_quoted() {
        for (body, expected) in [
            (r#"{"name":"ci"}"#, "holds no token"),
            (r#"{"name":"ci","token":""}"#, "holds no token"),
            (r#"{"name":"ci","token":17}"#, "holds no token"),
            (r#"[{"token":"9AbC"},{"token":"9AbC"}]"#, "holds no token"),
            (r#"{"value":["9AbC"]}"#, "holds no token"),
            ("null", "holds no token"),
            ("\"\"", "holds no token"),
            (r#"{"a":{"token":"9AbC"},"b":{"token":"9AbC"}}"#, "holds no token"),
            (
                r#"{"name":"ci","token":"9AbC""#,
                "its body is not JSON (line 1, column 27)",
            ),
        ] {
            assert_eq!(
                reason(issued_token(answer(body), OwnerKey::Name, Some("ci"))),
                expected,
                "{body}"
            );
        }
    }

    #[test]
    fn issued_value_that_the_answer_repeats_elsewhere_is_not_shown() {
        let body = r#"{"name":"9AbCdEfG-hIjKlMnO","token":"9AbCdEfGhIjKlMnO","updated-at":"by 9AbCdEfGhIjKlMnO"}"#;
        let issued = issued_token(answer(body), OwnerKey::Name, Some("ci")).unwrap();
        assert_eq!(issued.token.expose_secret(), "9AbCdEfGhIjKlMnO");
        assert_eq!((issued.mismatch, issued.updated_at), (None, None));
    }

    #[test]
    fn issued_token_for_another_owner_is_kept_with_the_mismatch() {
        let read = |body: &str, key, owner| issued_token(answer(body), key, owner).unwrap();
        for (answered, expected) in [
            (r#""name":"ci","#, None),
            ("", None),
            (r#""name":"","#, None),
            (r#""name":"CI ","#, Some(("CI ", true))),
            (r#""name":"terraform","#, Some(("terraform", false))),
        ] {
            let issued = read(&format!(r#"{{{answered}"token":"9AbC"}}"#), OwnerKey::Name, Some("ci"));
            assert_eq!(issued.token.expose_secret(), "9AbC");
            let mismatch = issued.mismatch.as_ref();
            assert_eq!(mismatch.map(|it| (&*it.answered, it.is_same)), expected, "{answered}");
        }
        let body = r#"{"email":"Ann@example.com","token":"9AbC"}"#;
        for (owner, is_another) in [
            (Some("ann@example.com"), false),
            (None, false),
            (Some("bob@example.com"), true),
        ] {
            let issued = read(body, OwnerKey::Email, owner);
            assert_eq!(issued.mismatch.is_some(), is_another, "{owner:?}");
        }
    }

    #[test]
    fn unreadable_expiry_does_not_make_the_list_unreadable() {
        for (spelled, read, unreadable) in [
            ("\"9999-12-31T23:59:59Z\"", Some("9999-12-30T22:00:00Z"), None),
            ("1801958400000", Some("2027-02-07T00:00:00Z"), None),
            ("\"2027-02-07T00:00:00\"", None, Some("2027-02-07T00:00:00")),
            ("\"soon\\n\"", None, Some("soon")),
            ("[2027,2,7]", None, Some("[2027,2,7]")),
            ("\" \"", None, None),
        ] {
            let body = format!(r#"[{{"name":"a","expires-at":{spelled}}},{{"name":"b","expires-at":null}}]"#);
            let [a, b] = &service_accounts(answer(&body)).unwrap()[..] else {
                panic!("{spelled}");
            };
            assert_eq!(a.expires_at, read.map(|text| text.parse().unwrap()), "{spelled}");
            assert_eq!(a.unreadable_expiry.as_deref(), unreadable, "{spelled}");
            assert!(b.expires_at.is_none() && b.unreadable_expiry.is_none());
        }
    }

    #[test]
    fn user_token_is_present_or_missing_and_other_answers_are_unreadable() {
        let read = |body: &str| user_token(answer(body), Some("A@b.c"));
        let token = UserToken {
            token_id: Some(7),
            email: Some("a@b.c".to_owned()),
            ..UserToken::default()
        };
        assert_eq!(
            read(r#"{"token-id":7,"email":"a@b.c","expires-at":null}"#),
            Ok(Some(token.clone()))
        );
        assert_eq!(
            read(r#"{"user-token":{"token-id":"7","email":"a@b.c"}}"#),
            Ok(Some(token))
        );
        assert_eq!(read("null"), Ok(None));
        assert_eq!(
            user_token(
                Answer {
                    status: StatusCode::NO_CONTENT,
                    headers: http::HeaderMap::new(),
                    body: Bytes::new()
                },
                None
            ),
            Ok(None)
        );
        for body in [
            "",
            "{}",
            "[]",
            r#"{"token":"9AbC"}"#,
            r#"{"token-id":7,"user-id":9,"email":"ann@b.c"}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }

    #[test]
    fn status_is_parsed_in_any_common_shape() {
        for (body, enabled) in [
            ("true", true),
            ("false", false),
            (r#""ENABLED""#, true),
            ("DISABLED\n", false),
            (r#"{"enabled":true}"#, true),
            (r#"{"enabled":"false"}"#, false),
            (r#"{"status":"enabled"}"#, true),
            (r#"{"status":"Inactive"}"#, false),
            (r#"{"pat-enabled":false}"#, false),
            (r#"{"patEnabled":true,"updated-by":17}"#, true),
            (r#"{"is_enabled":true}"#, true),
            (r#"{"disabled":true}"#, false),
            (r#"{"status":"success","data":{"pat-status":"ENABLED"}}"#, true),
            (r#"{"status":200,"enabled":false}"#, false),
        ] {
            assert_eq!(pat_status(answer(body)), Ok(PatStatus { enabled }), "{body}");
        }
    }

    #[test]
    fn ambiguous_status_is_unreadable() {
        for (body, expected) in [
            ("", "its body is empty"),
            ("maybe", "its body is not JSON (line 1, column 1)"),
            ("1", "does not say whether personal access tokens are enabled"),
            ("{}", "does not say whether personal access tokens are enabled"),
            (
                r#"{"status":"success"}"#,
                "does not say whether personal access tokens are enabled",
            ),
            (
                r#"{"verbose":true}"#,
                "does not say whether personal access tokens are enabled",
            ),
            (
                r#"{"status":"enabled","enabled":false}"#,
                "says that personal access tokens are enabled, and that they are not",
            ),
        ] {
            assert_eq!(reason(pat_status(answer(body))), expected, "{body}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_a_reader_panic_or_quotes_a_value(
            body in r#"(\[|\]|\{|\}|:|,|"token"|"name"|"enabled"|"expires-at"|"hunter2"|"token-id"|true|null|1e999|-1){0,30}"#,
        ) {
            let reasons = [
                service_accounts(answer(&body)).err(),
                issued_token(answer(&body), OwnerKey::Name, Some("ci")).err(),
                user_token(answer(&body), Some("hunter2")).err(),
                pat_status(answer(&body)).err(),
            ];
            for Unreadable(reason) in reasons.into_iter().flatten() {
                assert!(!reason.contains("hunter2"), "{reason}");
            }
        }
    }
}
