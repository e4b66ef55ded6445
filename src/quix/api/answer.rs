//! Reads the Portal API's answers. An unknown or missing field is tolerated unless it could confuse
//! one object with another. No error quotes a value.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use super::{BrokerConfig, StreamingTokens, Workspace};
use crate::rest::envelope::whole_list;
use crate::rest::{Answer, Unreadable};

/// A workspace as in the tests of the Python client, without its broker, which contains a password.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    workspace_id: String,
    #[serde(default)]
    name: Value,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    environment_name: Value,
    #[serde(default)]
    branch: Value,
    #[serde(default)]
    branch_protected: Value,
    #[serde(default)]
    broker_type: Value,
    #[serde(default)]
    created_at: Value,
}

impl From<Row> for Workspace {
    fn from(row: Row) -> Self {
        let text = |value: Value| value.as_str().map(str::to_owned);
        Self {
            id: row.workspace_id,
            name: text(row.name),
            status: text(row.status),
            environment_name: text(row.environment_name),
            branch: text(row.branch),
            branch_protected: row.branch_protected.as_bool(),
            broker_type: text(row.broker_type),
            created_at: text(row.created_at),
        }
    }
}

/// Reads the answer of `GET /workspaces`.
pub(super) fn workspaces(answer: Answer) -> Result<Vec<Workspace>, Unreadable> {
    let rows = whole_list(&answer, &["workspaces"])?.into_iter();
    rows.map(|row| {
        // The error itself is dropped because it could quote a broker's password.
        let row: Row = serde_json::from_value(row).map_err(|_| unreadable("it lists an environment without an id"))?;
        Ok(row.into())
    })
    .collect()
}

/// Reads the answer of `GET /workspaces/{id}`.
pub(super) fn workspace(answer: Answer, id: &str) -> Result<Workspace, Unreadable> {
    let row: Row = answer.json()?;
    if row.workspace_id != id {
        return Err(unreadable("it is about another environment"));
    }
    Ok(row.into())
}

/// Checks that the answer does not name another workspace than the request.
pub(super) fn check_workspace(answer: &Answer, id: &str) -> Result<(), Unreadable> {
    let Ok(value) = answer.json::<Value>() else {
        return Ok(());
    };
    let names_another = |object: &Value| {
        let named = ["workspaceId", "workspace_id"]
            .iter()
            .find_map(|key| object.get(*key)?.as_str());
        named.is_some_and(|named| named != id)
    };
    let wrapped = value.as_object().into_iter().flat_map(|members| members.values());
    if names_another(&value) || wrapped.into_iter().any(names_another) {
        return Err(unreadable("it is about another environment"));
    }
    Ok(())
}

/// Reads the answer of `GET /auth/permissions/query`, which is `true` or `false`.
pub(super) fn permission(answer: Answer) -> Result<bool, Unreadable> {
    match answer.json()? {
        Value::Bool(allowed) => Ok(allowed),
        Value::String(word) if word.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(word) if word.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(unreadable("it is neither true nor false")),
    }
}

/// Reads the answer of `GET /workspaces/{id}/broker/librdkafka`: settings by name. The platform
/// sends the certificate as `ssl.ca.cert`, which librdkafka does not know. As in the Python client,
/// it is renamed to librdkafka's `ssl.ca.pem`.
pub(super) fn broker_config(answer: Answer) -> Result<BrokerConfig, Unreadable> {
    let settings: BTreeMap<String, Value> = answer.json()?;
    let mut config = BrokerConfig::default();
    for (name, value) in settings {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text,
            Value::Bool(flag) => flag.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Array(_) | Value::Object(_) => {
                return Err(unreadable("a setting of the broker is not a plain value"));
            }
        };
        if name == "ssl.ca.cert" {
            let pem = certificate(&text)?;
            config.settings.insert("ssl.ca.pem".to_owned(), pem.clone().into());
            config.ca_certificate = Some(pem);
        } else {
            config.settings.insert(name, text.into());
        }
    }
    if config.settings.contains_key("bootstrap.servers") {
        Ok(config)
    } else {
        Err(unreadable("it has no bootstrap.servers"))
    }
}

/// Decodes the certificate: PEM in Base64.
fn certificate(text: &str) -> Result<String, Unreadable> {
    let pem = STANDARD
        .decode(text.trim())
        .ok()
        .and_then(|pem| String::from_utf8(pem).ok());
    let is_pem = |pem: &String| pem.trim_start().starts_with("-----BEGIN CERTIFICATE-----");
    pem.filter(is_pem)
        .ok_or_else(|| unreadable("its ssl.ca.cert is not a certificate in PEM, in Base64"))
}

/// The maximum number of objects around the tokens, as in `{"data":{"tokens":[…]}}`.
const MAX_DEPTH: usize = 2;

/// Reads the two tokens. Quix's own Postman collection of 2023 shows them as the members `current`
/// and `next` of an object. Other shapes are accepted, too, although no public document shows them:
/// an array of two strings or two objects, or an object with two members whose names end in 1 and
/// 2. Each of them may be nested in other objects.
pub(super) fn streaming_tokens(answer: Answer) -> Result<StreamingTokens, Unreadable> {
    let [token_1, token_2] =
        pair(answer.json()?, MAX_DEPTH).ok_or_else(|| unreadable("it does not contain two tokens"))?;
    if token_1 == token_2 {
        return Err(unreadable("its two tokens are the same"));
    }
    Ok(StreamingTokens {
        token_1: token_1.into(),
        token_2: token_2.into(),
    })
}

fn pair(value: Value, depth: usize) -> Option<[String; 2]> {
    match value {
        Value::Array(items) => {
            let tokens: Vec<_> = items.into_iter().map(token).collect::<Option<_>>()?;
            tokens.try_into().ok()
        }
        Value::Object(mut members) => {
            if let (Some(_), Some(_)) = (members.get("current"), members.get("next")) {
                let mut named = |name| members.remove(name).and_then(token);
                return Some([named("current")?, named("next")?]);
            }
            // `token1` and `token2`, or another name before the numbers.
            let stems = members
                .keys()
                .filter_map(|name| name.strip_suffix('1').map(str::to_owned));
            let is_pair = |stem: &String| members.contains_key(&format!("{stem}2"));
            if let Some(stem) = only(stems.filter(is_pair)) {
                let mut numbered = |number| members.remove(&format!("{stem}{number}")).and_then(token);
                return Some([numbered(1)?, numbered(2)?]);
            }
            let depth = depth.checked_sub(1)?;
            only(members.into_iter().filter_map(|(_, value)| pair(value, depth)))
        }
        _ => None,
    }
}

/// Reads a token: a string, or an object with the string as its `token` or `value`.
fn token(value: Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => Some(text),
        Value::Object(mut members) => ["token", "value"]
            .iter()
            .find_map(|name| members.remove(*name))
            .and_then(|value| match value {
                Value::String(_) => token(value),
                _ => None,
            }),
        _ => None,
    }
}

/// Returns the item if there is exactly one.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    items.next().filter(|_| items.next().is_none())
}

fn unreadable(reason: &str) -> Unreadable {
    Unreadable(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use secrecy::ExposeSecret;

    use super::*;

    fn answer(body: &str) -> Answer {
        Answer {
            status: StatusCode::OK,
            headers: http::HeaderMap::new(),
            body: body.to_owned().into(),
        }
    }

    #[test]
    fn streaming_tokens_are_read_in_every_shape() {
        for body in [
            r#"{"current":"sdk-a","next":"sdk-b"}"#,
            r#"{"next":{"value":"sdk-b"},"current":{"value":"sdk-a"}}"#,
            r#"["sdk-a","sdk-b"]"#,
            r#"[{"token":"sdk-a"},{"token":"sdk-b"}]"#,
            r#"[{"id":1,"value":"sdk-a","createdAt":"2027"},{"id":2,"value":"sdk-b"}]"#,
            r#"{"token1":"sdk-a","token2":"sdk-b"}"#,
            r#"{"workspaceId":"w","sdkToken_1":"sdk-a","sdkToken_2":"sdk-b"}"#,
            r#"{"token2":{"value":"sdk-b"},"token1":{"value":"sdk-a"}}"#,
            r#"{"tokens":["sdk-a","sdk-b"]}"#,
            r#"{"data":{"streamingTokens":[{"token":"sdk-a"},{"token":"sdk-b"}],"count":2}}"#,
        ] {
            let tokens = streaming_tokens(answer(body)).unwrap();
            let texts = [&tokens.token_1, &tokens.token_2].map(ExposeSecret::expose_secret);
            assert_eq!(texts, ["sdk-a", "sdk-b"], "{body}");
        }
    }

    #[test]
    fn body_without_exactly_two_tokens_is_rejected() {
        for body in [
            "",
            "null",
            "[]",
            "{}",
            r#""sdk-a""#,
            r#"["sdk-a"]"#,
            r#"["sdk-a","sdk-b","sdk-c"]"#,
            r#"["sdk-a",""]"#,
            r#"["sdk-a",null]"#,
            r#"["sdk-a","sdk-a"]"#,
            r#"["sdk-a","sdk b"]"#,
            r#"{"token1":"sdk-a"}"#,
            r#"{"current":"sdk-a","next":null}"#,
            r#"{"current":"sdk-a","next":"sdk-a"}"#,
            r#"{"token1":"sdk-a","other2":"sdk-b"}"#,
            r#"{"token1":"sdk-a","token2":"sdk-b","other1":"sdk-c","other2":"sdk-d"}"#,
            r#"{"a":["sdk-a","sdk-b"],"b":["sdk-c","sdk-d"]}"#,
            r#"{"a":{"b":{"c":["sdk-a","sdk-b"]}}}"#,
            r#"[{"token":{"token":"sdk-a"}},{"token":"sdk-b"}]"#,
            "<html>sdk-a</html>",
        ] {
            let Unreadable(reason) = streaming_tokens(answer(body)).unwrap_err();
            assert!(!reason.contains("sdk-"), "{reason}");
        }
    }

    #[test]
    fn workspace_reads_the_samples_of_the_client() {
        let body = r#"{
            "workspaceId": "12345", "name": "12345", "status": "Ready", "brokerType": "SharedKafka",
            "broker": {"address": "a,b", "username": "u", "password": "p", "hasCertificate": true},
            "createdAt": "2023-08-29T17:10:57.969Z", "branch": "dev", "environmentName": "dev", "version": 2,
            "branchProtected": false
        }"#;
        let read = workspace(answer(body), "12345").unwrap();
        assert_eq!(
            (
                read.branch.as_deref(),
                read.branch_protected,
                read.broker_type.as_deref()
            ),
            (Some("dev"), Some(false), Some("SharedKafka"))
        );
        assert!(workspace(answer(body), "67890").is_err());
        assert_eq!(workspaces(answer(&format!("[{body},{body}]"))).unwrap().len(), 2);
        assert!(
            workspaces(answer(r#"[{"workspaceId":"1"},{}]"#)).is_err(),
            "an incomplete list is an error"
        );
    }

    #[test]
    fn broker_certificate_is_renamed_for_librdkafka() {
        let pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        let body = serde_json::json!({
            "bootstrap.servers": "a:9092", "sasl.password": "p", "a.number": 5, "a.flag": true, "nothing": null,
            "ssl.ca.cert": STANDARD.encode(pem),
        });
        let config = broker_config(answer(&body.to_string())).unwrap();
        assert_eq!(config.ca_certificate.as_deref(), Some(pem));
        let settings: Vec<_> = config
            .settings
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose_secret()))
            .collect();
        assert_eq!(
            settings,
            [
                ("a.flag", "true"),
                ("a.number", "5"),
                ("bootstrap.servers", "a:9092"),
                ("sasl.password", "p"),
                ("ssl.ca.pem", pem)
            ]
        );
        for body in [
            "{}",
            "[]",
            r#"{"bootstrap.servers":"a","ssl.ca.cert":"s3cret"}"#,
            r#"{"bootstrap.servers":["s3cret"]}"#,
        ] {
            let Unreadable(reason) = broker_config(answer(body)).unwrap_err();
            assert!(!reason.contains("s3cret"), "{reason}");
        }
    }

    #[test]
    fn answer_about_another_workspace_is_rejected() {
        for (body, is_accepted) in [
            (r#"{"workspaceId":"w","token1":"a","token2":"b"}"#, true),
            (r#"{"token1":"a","token2":"b"}"#, true),
            (r#"["a","b"]"#, true),
            (r#"{"workspaceId":"other","token1":"a","token2":"b"}"#, false),
            (r#"{"data":{"workspaceId":"other","tokens":["a","b"]}}"#, false),
        ] {
            assert_eq!(check_workspace(&answer(body), "w").is_ok(), is_accepted, "{body}");
        }
    }

    #[test]
    fn permission_reads_true_and_false() {
        for (body, allowed) in [
            ("true", Some(true)),
            (" false\n", Some(false)),
            ("\"True\"", Some(true)),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(permission(answer(body)).ok(), allowed, "{body}");
        }
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_body_never_panics(body in "[\\[\\]{}\":,a-z0-2 ]{0,80}") {
            let _ = streaming_tokens(answer(&body));
            let _ = broker_config(answer(&body));
            let _ = workspaces(answer(&body));
        }
    }
}
