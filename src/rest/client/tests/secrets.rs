//! The bearer token and issued values appear in no error, no `Debug` output and no log line.

use std::fmt::Write as _;
use std::time::Duration;

use crate::redaction::KnownSecrets;
use crate::rest::{Client, Credential, Kind};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::log::Log;
use super::script::{BEARER, ReceivedRequest, ScriptedPlatform, Step, answer, create, fetch, get, operation};

/// Returns answers that contain the bearer token or an issued value.
fn leaking_answers() -> Vec<Step> {
    vec![
        answer(200, "{\"token\":\"iss3ued\""),
        answer(200, "{\"token\":\"iss3ued\"}"),
        answer(200, "[\"iss3ued\"]"),
        answer(200, "iss3ued"),
        answer(500, "{\"token\":\"iss3ued\"}"),
        answer(401, "Bearer b3arer-0f-the-pr0vider is not valid"),
        answer(401, "{\"error\":{\"message\":\"b3arer-\\u200b0f-the-pr0vider\"}}"),
        Step::Answer(
            302,
            &[(
                "location",
                "https://b3arer-0f-the-pr0vider@example.com/?t=b3arer-0f-the-pr0vider",
            )],
            "",
        ),
        Step::CutBody(200),
        Step::Cut,
    ]
}

#[tokio::test(start_paused = true)]
async fn secrets_appear_only_in_authorization_header() {
    let (log, _guard) = Log::capture();
    let mut seen = String::new();
    for (index, _) in leaking_answers().iter().enumerate() {
        for request in [create(), get()] {
            // Enough for every retry of a read.
            let platform = ScriptedPlatform::new((0..7).map(|_| leaking_answers().remove(index)));
            let client = platform.client();
            let error = fetch(&client, &operation(), &request).await.unwrap_err();
            writeln!(
                seen,
                "{error} {error:?} {client:?} {request:?} {:?}",
                platform.requests()[0].request
            )
            .unwrap();
        }
    }
    seen.push_str(&log.text());
    assert!(seen.contains("milliseconds="), "the log was captured");
    for secret in [BEARER, "b3arer", "iss3ued"] {
        let line = seen.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}

#[tokio::test(start_paused = true)]
async fn error_omits_every_encoding_of_known_secrets() {
    const KNOWN: &str = "kn0wn-t0-the-State_42";
    let encodings = |secret: &str| {
        let base64 = BASE64_STANDARD.encode(format!("user:{secret}"));
        let hexadecimal: String = secret.bytes().map(|byte| format!("{byte:02X}")).collect();
        let percent: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let (start, end) = secret.split_at(10);
        vec![
            secret.to_owned(),
            secret.to_uppercase(),
            secret[..14].to_owned(),
            secret[8..].to_owned(),
            format!("{start}\\n{end}"),
            format!("{start} {end}"),
            base64,
            hexadecimal,
            percent,
        ]
    };
    for secret in [BEARER, KNOWN] {
        for encoding in encodings(secret) {
            for body in [
                format!("{{\"message\":\"cannot take {encoding}\"}}"),
                format!("{{\"errors\":[{{\"field\":\"{encoding}\",\"message\":\"is wrong\"}}]}}"),
                format!("[\"{encoding}\"]"),
                format!("cannot take {}", encoding.replace("\\n", "\n")),
            ] {
                let platform = ScriptedPlatform::new([answer(400, body.clone().leak())]);
                let client = platform.client();
                client.redact(&KNOWN.into());
                let error = fetch(&client, &operation(), &create()).await.unwrap_err();
                let text = format!("{error} {error:?}");
                assert!(
                    !text.contains("cannot take") && !text.contains("is wrong"),
                    "{body}: {text}"
                );
                assert!(!text.contains(&encoding), "{body}: {text}");
            }
        }
    }
    let platform = ScriptedPlatform::new([answer(400, "{\"message\":\"cannot take that name\"}")]);
    let error = fetch(&platform.client(), &operation(), &create()).await.unwrap_err();
    assert!(error.to_string().ends_with("cannot take that name"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn with_secrets_shares_secrets_of_client_and_caller() {
    const KNOWN: &str = "kn0wn-t0-the-State_42";
    let known = KnownSecrets::default();
    let platform = ScriptedPlatform::new([answer(400, "{\"message\":\"cannot take kn0wn-t0-the-State_42\"}")]);
    let client = platform.client().with_secrets(&known);
    known.add(&KNOWN.into());
    let error = fetch(&client, &operation(), &create()).await.unwrap_err();
    assert!(!error.to_string().contains("cannot take"), "{error}");
    assert!(known.found_in(BEARER, "", []));
    client.redact(&"learned-by-the-client".into());
    assert!(known.found_in("learned-by-the-client", "", []));
}

#[tokio::test(start_paused = true)]
async fn log_contains_requests_and_outcomes() {
    let (log, _guard) = Log::capture();
    let platform = ScriptedPlatform::new([
        Step::Answer(503, &[("retry-after", "7")], "busy"),
        answer(200, "\"value\""),
    ]);
    fetch(&platform.client(), &operation(), &get()).await.unwrap();
    let log = log.text();
    for line in [
        "message=the platform answered 503 Service Unavailable: busy method=GET path=/thing attempt=1 milliseconds=0",
        "message=could not read the thing: the platform answered 503 Service Unavailable: busy; trying again in 7s",
        "message=200 method=GET path=/thing attempt=2 milliseconds=0",
    ] {
        assert!(log.lines().any(|logged| logged.trim() == line), "{line}\n{log}");
    }
}

#[tokio::test(start_paused = true)]
async fn rotate_credential_waits_for_requests_in_flight_and_later_ones_use_new_secret() {
    let slow = |body| Step::Late(Duration::from_secs(5), 200, body);
    let platform = ScriptedPlatform::new([slow("\"a\""), slow("\"n3w\""), slow("\"c\"")]);
    let client: Client = platform.client();
    let clone = client.clone();
    let secret = SecretString::from("n3w");
    let (before, renewed, after) = tokio::join!(
        async { fetch(&client, &operation(), &get()).await },
        async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let read = |_| Ok(secret.clone());
            client
                .rotate_credential(&operation(), &create(), read, |renewed: &SecretString| renewed, None)
                .await
        },
        async {
            tokio::time::sleep(Duration::from_secs(2)).await;
            fetch(&clone, &operation(), &get()).await
        },
    );
    before.unwrap();
    renewed.unwrap();
    after.unwrap();
    let requests = platform.requests();
    let sent: Vec<_> = requests
        .iter()
        .map(|received| received.request.headers()["authorization"].clone())
        .collect();
    assert_eq!(
        sent,
        [
            format!("Bearer {BEARER}"),
            format!("Bearer {BEARER}"),
            "Bearer n3w".to_owned()
        ]
    );
    assert!(client.uses_secret(&secret).await);
}

#[tokio::test(start_paused = true)]
async fn rotate_credential_switches_after_probe_only_if_old_secret_is_rejected() {
    let secret = SecretString::from("n3w");
    for (status, switches) in [(401, true), (200, false), (403, false), (404, false)] {
        let platform = ScriptedPlatform::new([answer(201, "\"n3w\""), answer(status, "{}")]);
        let client = platform.client();
        let read = |_| Ok(secret.clone());
        let renewed = client
            .rotate_credential(&operation(), &create(), read, |renewed| renewed, Some(&get()))
            .await
            .unwrap();
        assert_eq!(renewed.expose_secret(), "n3w");
        assert_eq!(client.uses_secret(&secret).await, switches, "{status}");
        assert_eq!(client.uses_secret(&BEARER.into()).await, !switches, "{status}");
        let sent = platform.requests();
        let is_old = |received: &ReceivedRequest| received.request.headers()["authorization"] == bearer(BEARER);
        assert!(sent.iter().all(is_old), "{sent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn switch_credential_keeps_secret_unless_probe_succeeds_with_new_one() {
    let secret = SecretString::from("n3w");
    for (step, switches) in [
        (answer(200, "{}"), true),
        (answer(401, ""), false),
        (answer(404, "<html>"), false),
    ] {
        let platform = ScriptedPlatform::new([step]);
        let client = platform.client();
        let switched = client.switch_credential(&operation(), &secret, &get()).await;
        assert_eq!(switched.is_ok(), switches);
        assert_eq!(platform.requests()[0].request.headers()["authorization"], bearer("n3w"));
        assert_eq!(client.uses_secret(&secret).await, switches);
        assert_eq!(client.credential().await.secret().expose_secret() == "n3w", switches);
    }
    let platform = ScriptedPlatform::new([]);
    let error = platform
        .client()
        .switch_credential(&operation(), &"a\nb".into(), &get())
        .await;
    assert!(matches!(error.unwrap_err().kind(), Kind::Invalid(_)));
}

fn bearer(secret: &str) -> String {
    format!("Bearer {secret}")
}

#[test]
fn debug_of_credential_omits_secret() {
    let credential = Credential::bearer(SecretString::from("b3arer")).unwrap();
    assert_eq!(
        format!("{credential:?}"),
        "Credential(authorization: Bearer [REDACTED])"
    );
}
