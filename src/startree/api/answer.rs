//! Parses the RBAC Manager's answers.
//!
//! Its documentation describes them and shows no example, so every plausible shape is accepted. An
//! answer that is not clear is [`Unreadable`]: a list mistaken for an empty one would remove
//! existing objects from the Terraform state. Errors do not quote the body.

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{Assignment, IssuedToken, Name, Policy, RemoteToken, Reported, Srn};
use crate::rest::envelope::{self, Object, whole_list};
use crate::rest::{Answer, Unreadable};
use crate::token::read_instant;

/// The names that the time of a creation may have, in lower case and without `_` and `-`. The
/// Security Manager shows the time, and the API's documentation does not name it.
const CREATION_TIMES: [&str; 8] = [
    "createdat",
    "created",
    "createdon",
    "createddate",
    "createdtime",
    "creationdate",
    "creationtime",
    "creationtimestamp",
];

/// Parses a list of roles or policies into their names.
pub(super) fn names(answer: &Answer, kind: &str, list: &str) -> Result<Vec<String>, Unreadable> {
    let rows = whole_list(answer, &[list])?;
    let names = rows.iter().map(|row| {
        let name = match row {
            Value::String(text) => Some(in_srn(text, kind).unwrap_or_else(|| text.clone())),
            Value::Object(row) => named(row, kind),
            _ => None,
        };
        let name = name.filter(|name| !name.is_empty());
        name.ok_or_else(|| unreadable(format!("it lists a {kind} without a name")))
    });
    names.collect()
}

/// Parses the list of a role's assignments. A row that names another role makes the list
/// unreadable.
pub(super) fn assignments(answer: &Answer, role: &Name) -> Result<Vec<Assignment>, Unreadable> {
    let rows = whole_list(answer, &["assignments"])?;
    let assignments = rows.iter().map(|row| {
        let row = row.as_object();
        let read = |key| row.and_then(|row| text(row, key));
        let assignment = read("subject").zip(read("subjectType"));
        let (subject, subject_type) =
            assignment.ok_or_else(|| unreadable("it lists an assignment without a subject or its type"))?;
        let named = row.and_then(|row| srn_of(row, "role"));
        if named.is_some_and(|named| named != role.as_str() && decoded(&named).as_deref() != Some(role.as_str())) {
            return Err(unreadable("it lists an assignment of another role"));
        }
        Ok(Assignment { subject_type, subject })
    });
    assignments.collect()
}

/// Parses a service token.
pub(super) fn service_token(answer: &Answer, srn: Srn<'_>) -> Result<RemoteToken, Unreadable> {
    let token = about(answer, srn)?;
    Ok(RemoteToken {
        description: described(&token)?,
        created_at: created_at(&token),
    })
}

/// Parses the description of a role.
pub(super) fn description(answer: &Answer, srn: Srn<'_>) -> Result<Reported<String>, Unreadable> {
    described(&about(answer, srn)?)
}

/// Parses a policy.
pub(super) fn policy(answer: &Answer, srn: Srn<'_>) -> Result<Policy, Unreadable> {
    let policy = about(answer, srn)?;
    let document = ["policyDocumentJson", "policyDocument", "document"]
        .into_iter()
        .find_map(|key| policy.get(key));
    let document = match document {
        Some(Value::String(text)) => text.clone(),
        Some(object @ Value::Object(_)) => object.to_string(),
        _ => return Err(unreadable("it does not contain the policy's document")),
    };
    let description = described(&policy)?;
    Ok(Policy { description, document })
}

/// Parses a new service token. Three parts are documented; the bearer token suffices, and so do the
/// two keys, because the value is shown only once and must not be lost.
pub(super) fn issued(answer: &Answer) -> Result<IssuedToken, Unreadable> {
    let unreadable = || unreadable("it holds no service token");
    let value = match answer.json()? {
        // A list of one.
        Value::Array(mut items) if items.len() == 1 => items.remove(0),
        value => value,
    };
    let parts = envelope::object(value, &["bearerToken", "secretKey"]).ok_or_else(unreadable)?;
    let part = |key: &str| {
        parts
            .get(key)
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty())
    };
    IssuedToken::from_parts(part("bearerToken"), part("accessKey"), part("secretKey")).ok_or_else(unreadable)
}

/// Returns the object in an answer, if it is the object with this SRN.
fn about(answer: &Answer, srn: Srn<'_>) -> Result<Object, Unreadable> {
    let kind = srn.kind();
    let object = envelope::object(answer.json()?, &["srn", "name", "accessKey", "description"]);
    let object = object.ok_or_else(|| unreadable(format!("it is not about a {kind}")))?;
    let name = named(&object, kind).or_else(|| text(&object, "accessKey"));
    match name {
        Some(name) if name == srn.name() => Ok(object),
        _ => Err(unreadable(format!("it is not about this {kind}"))),
    }
}

/// Returns the name of the object: the one in its SRN, or `name` if that is the same text without
/// percent-encoding. The platform does not document how an SRN in a body spells special characters.
fn named(object: &Object, kind: &str) -> Option<String> {
    let (in_srn, name) = (srn_of(object, kind), text(object, "name"));
    match (in_srn, name) {
        (Some(in_srn), Some(name)) if decoded(&in_srn).as_ref() == Some(&name) => Some(name),
        (in_srn, name) => in_srn.or(name),
    }
}

/// Returns the name in the first SRN of this kind among an object's members, except the
/// description, which is the user's text.
fn srn_of(object: &Object, kind: &str) -> Option<String> {
    let mut members = object.iter().filter(|(key, _)| *key != "description");
    members.find_map(|(_, value)| in_srn(value.as_str()?, kind))
}

/// Returns the name in an SRN of this kind, spelled as in a body (`#`) or as in a path (`%23`).
fn in_srn(text: &str, kind: &str) -> Option<String> {
    let rest = text.strip_prefix("srn2:")?.strip_prefix(kind)?;
    let name = match rest.strip_prefix('#') {
        Some(name) => name.to_owned(),
        None => decoded(rest.strip_prefix("%23")?)?,
    };
    Some(name).filter(|name| !name.is_empty())
}

fn decoded(text: &str) -> Option<String> {
    Some(percent_decode_str(text).decode_utf8().ok()?.into_owned())
}

fn described(object: &Object) -> Result<Reported<String>, Unreadable> {
    match object.get("description") {
        None => Ok(Reported::Absent),
        Some(Value::Null) => Ok(Reported::Value(String::new())),
        Some(Value::String(text)) => Ok(Reported::Value(text.clone())),
        Some(_) => Err(unreadable("its description is not a text")),
    }
}

/// Returns the time of the creation of an object, if it is there and its meaning is certain.
fn created_at(object: &Object) -> Option<Timestamp> {
    let is_creation_time = |key: &str| {
        let key = key.replace(['_', '-'], "").to_ascii_lowercase();
        CREATION_TIMES.contains(&key.as_str())
    };
    let mut times = object.iter().filter(|(key, _)| is_creation_time(key));
    times.find_map(|(_, value)| read_instant(value))
}

fn text(object: &Object, key: &str) -> Option<String> {
    let text = object.get(key)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

fn unreadable(reason: impl Into<String>) -> Unreadable {
    Unreadable(reason.into())
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use secrecy::ExposeSecret;

    use super::*;
    use crate::startree::api::AccessKey;

    fn answer(body: &str) -> Answer {
        Answer {
            status: StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: body.to_owned().into(),
        }
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn list_in_every_format_is_parsed() {
        for body in [
            r#"[{"name":"a"},{"name":"b c"}]"#,
            r#"{"policies":[{"name":"a","srn":"srn2:policy#a"},{"srn":"srn2:policy%23b%20c"}]}"#,
            r#"{"content":[{"policySrn":"srn2:policy#a"},"srn2:policy#b c"],"totalElements":2,"last":true,"next":null}"#,
        ] {
            assert_eq!(
                names(&answer(body), "policy", "policies").unwrap(),
                ["a", "b c"],
                "{body}"
            );
        }
    }

    #[test]
    fn list_with_special_characters_keeps_every_name() {
        let special = [
            "team/reader",
            "team:reader",
            "50%",
            "all*",
            "a#b",
            "a%2Fb",
            " reader ",
            "e\u{301}",
        ];
        let rows: Vec<_> = special
            .iter()
            .flat_map(|name| {
                let encoded = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
                [
                    serde_json::json!({ "name": name }),
                    serde_json::json!({"name": name, "srn": format!("srn2:role#{name}")}),
                    serde_json::json!({"name": name, "srn": format!("srn2:role#{encoded}")}),
                    serde_json::json!({"name": name, "srn": format!("srn2:role%23{encoded}")}),
                    serde_json::json!(format!("srn2:role#{name}")),
                    serde_json::json!(format!("srn2:role%23{encoded}")),
                ]
            })
            .collect();
        let read = names(&answer(&serde_json::json!(rows).to_string()), "role", "roles").unwrap();
        let expected: Vec<_> = special.iter().flat_map(|name| [*name; 6]).collect();
        assert_eq!(read, expected);
        assert!(
            names(&answer(r#"["reader", ""]"#), "role", "roles").is_err(),
            "an empty name is an error"
        );
    }

    #[test]
    fn incomplete_or_malformed_list_is_unreadable() {
        for body in [
            "",
            "{}",
            "null",
            r#"{"roles":null}"#,
            r#"[{"description":"a"}]"#,
            r#"[1]"#,
            r#"{"roles":[{"name":"a"}],"last":false}"#,
            r#"{"roles":[{"name":"a"}],"total":7}"#,
            r#"{"roles":[],"page":{"totalElements":7}}"#,
            r#"{"data":{"roles":[],"nextPageToken":"x"}}"#,
            r#"{"roles":[],"hasMore":true}"#,
        ] {
            assert!(names(&answer(body), "role", "roles").is_err(), "{body}");
        }
        for body in [
            r#"[{"subject":"a"}]"#,
            r#"[{"subjectType":"group"}]"#,
            r#"["a"]"#,
            "{}",
            r#"[{"subject":"a","subjectType":"group","role":"srn2:role#writer"}]"#,
        ] {
            assert!(assignments(&answer(body), &name("reader")).is_err(), "{body}");
        }
    }

    #[test]
    fn answer_about_another_object_is_unreadable() {
        let name = name("reader");
        for (body, expected) in [
            (
                r#"{"name":"reader","description":"x"}"#,
                Some(Reported::Value("x".to_owned())),
            ),
            (r#"{"data":{"srn":"srn2:role%23reader"}}"#, Some(Reported::Absent)),
            (
                r#"{"name":"reader","description":null}"#,
                Some(Reported::Value(String::new())),
            ),
            (r#"{"name":"writer","description":"reader"}"#, None),
            (r#"{"srn":"srn2:policy#reader","description":"x"}"#, None),
            (r#"{"name":"reader","description":7}"#, None),
            ("{}", None),
            ("[]", None),
        ] {
            assert_eq!(description(&answer(body), Srn::Role(&name)).ok(), expected, "{body}");
        }
    }

    #[test]
    fn creation_time_is_parsed_in_every_format_and_optional() {
        let key: AccessKey = "XkQBXKr652MV1VF9".parse().unwrap();
        let at = "2027-02-07T00:00:00Z".parse().ok();
        for (body, expected) in [
            (r#""createdAt":"2027-02-07T00:00:00Z""#, at),
            (r#""created_at":"2027-02-07T01:00:00+01:00""#, at),
            (r#""createdBy":1801958400,"creationTime":1801958400000"#, at),
            (r#""createdAt":null,"createdDate":"1801958400""#, at),
            (r#""createdAt":"yesterday""#, None),
            (r#""createdBy":1801958400,"updatedAt":"2027-02-07T00:00:00Z""#, None),
        ] {
            let body = format!(r#"{{"accessKey":"{key}",{body}}}"#);
            let token = service_token(&answer(&body), Srn::ServiceToken(&key)).unwrap();
            assert_eq!(token.created_at, expected, "{body}");
            assert_eq!(token.description, Reported::Absent);
        }
    }

    #[test]
    fn policy_document_is_parsed_from_text_and_from_json() {
        let name = name("p");
        for document in [r#""{\"a\":1}""#, r#"{"a":1}"#] {
            let body = format!(r#"{{"name":"p","policyDocumentJson":{document}}}"#);
            assert_eq!(
                policy(&answer(&body), Srn::Policy(&name)).unwrap().document,
                r#"{"a":1}"#
            );
        }
        assert!(policy(&answer(r#"{"name":"p"}"#), Srn::Policy(&name)).is_err());
    }

    #[test]
    fn issued_token_is_parsed_from_either_bearer_or_both_keys() {
        let (access, secret) = ("XkQBXKr652MV1VF9", "5gkhGWNaGAdA1NU5yrHXRSPKMCcNRlRg");
        let bearer = format!("st-{access}-{secret}");
        for body in [
            format!(r#"{{"accessKey":"{access}","secretKey":"{secret}","bearerToken":"{bearer}"}}"#),
            format!(r#"{{"bearerToken":"{bearer}"}}"#),
            format!(r#"{{"data":{{"accessKey":"{access}","secretKey":"{secret}"}}}}"#),
        ] {
            let issued = issued(&answer(&body)).unwrap();
            assert_eq!(issued.access_key.as_str(), access);
            assert_eq!(issued.secret_key.expose_secret(), secret);
            assert_eq!(issued.bearer().expose_secret(), bearer);
        }
        for body in [
            "{}".to_owned(),
            format!(r#"{{"accessKey":"{access}"}}"#),
            format!(r#"{{"secretKey":"{secret}"}}"#),
            format!(r#"{{"bearerToken":"{secret}"}}"#),
            r#"{"bearerToken":"st--x"}"#.to_owned(),
            "[]".to_owned(),
            // Which of two is the new one is not clear.
            format!(r#"[{{"bearerToken":"{bearer}"}},{{"bearerToken":"{bearer}"}}]"#),
        ] {
            let Unreadable(reason) = issued(&answer(&body)).unwrap_err();
            assert!(!reason.contains(secret));
        }
    }

    #[test]
    fn issued_token_keeps_the_platforms_spelling() {
        let (access, secret) = ("XkQBXKr652MV1VF9", "5gkhGWNaGAdA1NU5-rHXRSPKM_cNRlR=");
        let whole = format!("st-{access}-{secret}");
        for (body, bearer) in [
            (format!(r#"{{"bearerToken":"Bearer {whole}"}}"#), whole.clone()),
            (format!(r#"{{"bearerToken":"{whole}"}}"#), whole.clone()),
            (
                format!(r#"{{"bearerToken":"{access}-{secret}"}}"#),
                format!("{access}-{secret}"),
            ),
            (
                format!(r#"{{"accessKey":"{access}","secretKey":"{secret}","bearerToken":"bearer opaque"}}"#),
                "opaque".to_owned(),
            ),
            (
                format!(r#"{{"accessKey":" {access}","secretKey":"{secret}\n","bearerToken":"a b"}}"#),
                whole.clone(),
            ),
            (
                format!(r#"[{{"accessKey":"{access}","secretKey":"{secret}","bearerToken":7}}]"#),
                whole.clone(),
            ),
        ] {
            let issued = issued(&answer(&body)).unwrap();
            assert_eq!(issued.access_key.as_str(), access);
            assert_eq!(issued.secret_key.expose_secret(), secret);
            assert_eq!(issued.bearer().expose_secret(), bearer, "{body}");
        }
        let body = r#"{"accessKey":"XkQB_Kr652-V1VF9","secretKey":"s"}"#;
        assert_eq!(issued(&answer(body)).unwrap().access_key.as_str(), "XkQB_Kr652-V1VF9");
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_body_does_not_panic(body in "[\\[\\]{}\":,#a-z0-9 ]{0,80}") {
            let name = name("a");
            let _ = names(&answer(&body), "role", "roles");
            let _ = assignments(&answer(&body), &name);
            let _ = policy(&answer(&body), Srn::Policy(&name));
            let _ = issued(&answer(&body));
            let _ = service_token(&answer(&body), Srn::Role(&name));
        }
    }
}
