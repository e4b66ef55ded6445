//! Extracts a message from the body of an error answer.

use serde_json::Value;

/// The content of an error body, not yet sanitised.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ErrorBody {
    Nothing,
    Message(String),
    /// An HTML page, which does not come from an API.
    Page,
}

/// Finds the message: JSON `message`, `error`, `errors`, `detail` and similar keys, each a string,
/// an object with a message or an array of those; otherwise plain text. Other JSON and single long
/// words are not quoted, because they may contain a secret.
pub(super) fn content(body: &[u8]) -> ErrorBody {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        let message = match value {
            Value::Object(_) => message_in(&value, 0),
            Value::String(text) => Some(text).filter(|text| is_prose(text)),
            _ => None,
        };
        return message.map_or(ErrorBody::Nothing, ErrorBody::Message);
    }
    if is_page(body) {
        return ErrorBody::Page;
    }
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.starts_with(['{', '[', '"']) || !is_prose(text) {
        // Truncated or invalid JSON or a bare value may contain a secret.
        ErrorBody::Nothing
    } else {
        ErrorBody::Message(text.to_owned())
    }
}

/// Whether a text is more than one long word, which could be a token.
fn is_prose(text: &str) -> bool {
    const LONGEST_WORD: usize = 24;
    let text = text.trim();
    !text.is_empty() && (text.contains(char::is_whitespace) || text.chars().count() <= LONGEST_WORD)
}

/// Whether a body is an HTML page. Pages come from proxies, sign-in gates and wrong addresses.
pub(super) fn is_page(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    let starts = |tag: &&str| {
        body.get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag.as_bytes()))
    };
    ["<!doctype", "<html", "<head", "<body", "<?xml"].iter().any(starts)
}

/// The maximum nesting of messages: `{"errors":[{"error":{"message":…}}]}`.
const DEPTH: usize = 4;

fn message_in(value: &Value, depth: usize) -> Option<String> {
    if depth > DEPTH {
        return None;
    }
    match value {
        Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
        Value::Array(items) => {
            let messages: Vec<String> = items.iter().filter_map(|item| message_in(item, depth + 1)).collect();
            (!messages.is_empty()).then(|| messages.join("; "))
        }
        Value::Object(members) => {
            let first_of = |names: &[&str]| {
                names
                    .iter()
                    .find_map(|name| members.get(*name).and_then(|value| message_in(value, depth + 1)))
            };
            let message = first_of(&[
                "message",
                "error-message",
                "errorMessage",
                "error_description",
                "detail",
                "details",
            ])
            .or_else(|| first_of(&["error", "errors", "title", "reason"]))?;
            // The fields of a validation error are the most helpful part of it.
            let fields = members.get("fields").and_then(|fields| message_in(fields, depth + 1));
            let message = match fields {
                Some(fields) => format!("{}: {fields}", message.trim_end_matches('.')),
                None => message,
            };
            let field = members
                .get("field")
                .or_else(|| members.get("name"))
                .and_then(Value::as_str);
            Some(
                field
                    .filter(|_| depth > 0)
                    .map_or(message.clone(), |field| format!("{field}: {message}")),
            )
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_found_in_every_known_layout() {
        for (body, expected) in [
            (r#"{"message":"name taken"}"#, Some("name taken")),
            (r#"{"error":"name taken"}"#, Some("name taken")),
            (r#"{"error":{"code":409,"message":"name taken"}}"#, Some("name taken")),
            (
                r#"{"timestamp":"x","status":409,"error":"Conflict","message":"name taken"}"#,
                Some("name taken"),
            ),
            (r#"{"status":409,"error":"Conflict","message":""}"#, Some("Conflict")),
            (r#"{"errors":["a","b"]}"#, Some("a; b")),
            (
                r#"{"errors":[{"field":"name","message":"too short"},{"detail":"b"}]}"#,
                Some("name: too short; b"),
            ),
            (r#"{"error_codes":[3],"message":"limit","fields":[]}"#, Some("limit")),
            (
                r#"{"error_codes":[400],"message":"Validation error.","fields":[{"name":"permanent","message":"No boolean."}]}"#,
                Some("Validation error: permanent: No boolean."),
            ),
            (
                r#"{"message":"Invalid.","fields":{"name":"permanent","message":"No boolean."}}"#,
                Some("Invalid: permanent: No boolean."),
            ),
            (r#"{"name":"ci","message":"name taken"}"#, Some("name taken")),
            (r#"{"detail":"Not found."}"#, Some("Not found.")),
            (
                r#"{"type":"about:blank","title":"Conflict","status":409}"#,
                Some("Conflict"),
            ),
            (r#""just text""#, Some("just text")),
            ("Too many requests\n", Some("Too many requests")),
            ("Forbidden", Some("Forbidden")),
            (
                "too many requests from this address",
                Some("too many requests from this address"),
            ),
            ("", None),
            ("  ", None),
            ("null", None),
            ("42", None),
            ("{}", None),
            (r#"{"token":"s3cret"}"#, None),
            (r#"{"token":"s3cr"#, None),
            (r#"["s3cret","name taken"]"#, None),
            (r#"[{"message":"name taken"}]"#, None),
            (r#""eyJhbGciOiJIUzI1NiJ9.eyJzdWIi""#, None),
            (r#""s3cr"#, None),
            ("0123456789abcdef0123456789abcdef", None),
            (r#"{"errors":[[["deep"]]]}"#, Some("deep")),
            (r#"{"errors":[[[["deep"]]]]}"#, None),
            (r#"{"error":{"error":{"error":{"message":"deep"}}}}"#, Some("deep")),
            (r#"{"error":{"error":{"error":{"error":{"message":"deep"}}}}}"#, None),
        ] {
            let expected = expected.map_or(ErrorBody::Nothing, |text| ErrorBody::Message(text.to_owned()));
            assert_eq!(content(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn page_is_distinguished_from_message() {
        for body in [
            "<!DOCTYPE html><html><body>secret",
            "\n <html>",
            "<?xml version=\"1.0\"?><Error/>",
        ] {
            assert_eq!(content(body.as_bytes()), ErrorBody::Page, "{body}");
        }
    }

    proptest::proptest! {
        #[test]
        fn content_never_panics(body: Vec<u8>, json in "[\\[\\]{}\":,a-z0-9 ]{0,60}") {
            content(&body);
            content(json.as_bytes());
        }
    }
}
