//! Tests of the client against the sandbox's Vault, in one process with tokio's paused clock.

use std::time::Duration;

use http::HeaderValue;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::sandbox::{self, Capability, Effect, Fault, TokenLifetime};
use crate::token::Clock;
use Capability::{Create, Read, Update};

const DATA: &str = "/secret/data/striim/ci";

fn server() -> sandbox::Vault {
    sandbox::Vault::new(Clock::system())
}

fn client(server: &sandbox::Vault, token: SecretString) -> Vault {
    client_in(server, token, None)
}

fn client_in(server: &sandbox::Vault, secret: SecretString, namespace: Option<&str>) -> Vault {
    client_with(server, Authentication::Token(token(secret).unwrap()), namespace)
}

fn client_with(server: &sandbox::Vault, authentication: Authentication, namespace: Option<&str>) -> Vault {
    let settings = Settings {
        base_url: address("http://127.0.0.1:8200/").unwrap(),
        authentication,
        namespace: namespace.map(str::to_owned),
        roots: Roots::System,
    };
    let agent = HeaderValue::from_static("test");
    Vault::new(settings, agent, Duration::from_secs(30), |_| {
        Transport::new(server.service())
    })
}

fn root(server: &sandbox::Vault) -> Vault {
    client(server, server.root_token())
}

fn secret_path() -> SecretPath {
    SecretPath::new("secret", "striim/ci").unwrap()
}

fn operation() -> Operation {
    Operation::new(Duration::from_secs(300), CancellationToken::new())
}

fn data(value: &str) -> Data {
    Data::from_iter([("token", Entry::from(value)), ("generation", Entry::from(1))])
}

/// The value in the secret.
fn stored_value(server: &sandbox::Vault) -> Option<String> {
    let secret = server.secret("secret", "striim/ci")?;
    secret["token"].as_str().map(str::to_owned)
}

/// Every way to lose an answer, before or after Vault acted.
fn lost_answers() -> Vec<Fault> {
    let seen = [
        Fault::new(Effect::Cut),
        Fault::new(Effect::Hang),
        Fault::answer(502),
        Fault::answer(503).body(r#"{"errors":["Vault is sealed"]}"#),
        Fault::answer(412),
        Fault::answer(200),
        Fault::answer(200).body("{"),
        Fault::answer(200).body("<html>Sign in</html>"),
    ];
    let after = seen.iter().cloned().map(Fault::after);
    let truncated = Fault::new(Effect::Truncate);
    seen.iter().cloned().chain(after).chain([truncated]).collect()
}

#[tokio::test(start_paused = true)]
async fn write_is_read_back() {
    let server = server();
    let vault = root(&server);
    let latest = vault.check_writable(&operation(), &secret_path()).await.unwrap().latest;
    assert_eq!((latest.version, latest.data.is_none()), (0, true));
    for (after, value) in [(0, "first"), (1, "second")] {
        let written = vault
            .write(&operation(), &secret_path(), after, &data(value))
            .await
            .unwrap();
        let latest = vault.latest(&operation(), &secret_path()).await.unwrap();
        assert_eq!((written, latest.version), (after + 1, after + 1));
        assert_eq!(latest.data, Some(data(value)));
        assert_eq!(stored_value(&server).as_deref(), Some(value));
    }
}

#[tokio::test(start_paused = true)]
async fn write_after_lost_answer_creates_one_version() {
    for losses_in_a_row in 1..=3 {
        for fault in lost_answers() {
            let server = server();
            server.fault(fault.clone().on("POST", DATA).times(losses_in_a_row));
            let written = root(&server)
                .write(&operation(), &secret_path(), 0, &data("value"))
                .await;
            assert_eq!(written, Ok(1), "{fault:?}");
            assert_eq!(server.version("secret", "striim/ci"), 1, "{fault:?}");
            assert_eq!(stored_value(&server).as_deref(), Some("value"), "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn write_does_not_overwrite_concurrent_version() {
    for fault in [None, Some(Fault::new(Effect::Cut))] {
        let server = server();
        server.put(
            "secret",
            "striim/ci",
            json!({"token": "theirs"}).as_object().unwrap().clone(),
        );
        server.fault(fault.unwrap_or(Fault::answer(200).times(0)).on("POST", DATA));
        let written = root(&server)
            .write(&operation(), &secret_path(), 0, &data("ours"))
            .await;
        assert_eq!(written, Err(Error::Conflict(secret_path())));
        assert_eq!(stored_value(&server).as_deref(), Some("theirs"));
    }
}

#[tokio::test(start_paused = true)]
async fn write_follows_deleted_version() {
    let server = server();
    let vault = root(&server);
    vault
        .write(&operation(), &secret_path(), 0, &data("first"))
        .await
        .unwrap();
    assert_eq!(vault.delete(&operation(), &secret_path(), 1, |_| true).await, Ok(true));
    let latest = vault.latest(&operation(), &secret_path()).await.unwrap();
    assert_eq!((latest.version, latest.data.is_none()), (1, true));
    assert_eq!(
        vault.write(&operation(), &secret_path(), 1, &data("second")).await,
        Ok(2)
    );
}

#[tokio::test(start_paused = true)]
async fn write_retries_outage_until_deadline() {
    let server = server();
    server.fault(Fault::answer(503).on("POST", DATA).times(7));
    assert_eq!(
        root(&server)
            .write(&operation(), &secret_path(), 0, &data("value"))
            .await,
        Ok(1)
    );

    server.seal();
    let start = Instant::now();
    let error = root(&server)
        .write(&operation(), &secret_path(), 1, &data("value"))
        .await
        .unwrap_err();
    assert!(error.answer().unwrap().contains("Vault is sealed"), "{error}");
    assert!(
        (200..=300).contains(&start.elapsed().as_secs()),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn write_is_attempted_after_deadline_or_interrupt() {
    let interrupted = operation();
    interrupted.cancellation.cancel();
    let over = Operation::new(Duration::ZERO, CancellationToken::new());
    for operation in [interrupted, over] {
        let server = server();
        let vault = root(&server);
        assert_eq!(vault.write(&operation, &secret_path(), 0, &data("value")).await, Ok(1));
        server.seal();
        let start = Instant::now();
        vault
            .write(&operation, &secret_path(), 1, &data("value"))
            .await
            .unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(60), "but not for ever");
    }
}

#[tokio::test(start_paused = true)]
async fn rejection_is_reported_without_retry() {
    let server = server();
    let unknown = client(&server, "hvs.unknown".into());
    let start = Instant::now();
    for error in [
        unknown
            .write(&operation(), &secret_path(), 0, &data("value"))
            .await
            .unwrap_err(),
        unknown.latest(&operation(), &secret_path()).await.unwrap_err(),
        unknown.check_writable(&operation(), &secret_path()).await.unwrap_err(),
    ] {
        assert!(error.answer().unwrap().contains("permission denied"), "{error}");
        assert!(!error.is_ambiguous());
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn check_writable_reports_missing_capabilities() {
    for (granted, missing) in [
        (&[Create, Update, Read][..], &[][..]),
        (&[Create, Read], &["update"]),
        (&[Read], &["create", "update"]),
        (&[Capability::Deny], &["create", "update", "read"]),
    ] {
        let server = server();
        let vault = client(&server, server.token(&[("secret/data/striim/*", granted)]));
        let proved = vault.check_writable(&operation(), &secret_path()).await;
        match proved {
            Ok(_) => assert!(missing.is_empty()),
            Err(error) => assert_eq!(
                error,
                Error::NotAllowed {
                    path: "secret/data/striim/ci".to_owned(),
                    missing: missing.to_vec()
                }
            ),
        }
        assert_eq!(server.version("secret", "striim/ci"), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn check_writable_without_mount_fails() {
    let server = server();
    let nowhere = SecretPath::new("nowhere", "ci").unwrap();
    let error = root(&server).check_writable(&operation(), &nowhere).await.unwrap_err();
    assert_eq!(error, Error::NoMount(nowhere));
}

const MOUNT: &str = "/sys/internal/ui/mounts/secret";

/// Every mount that is not a KV version 2, and whether it stores any value.
fn other_mounts() -> [(&'static str, bool); 4] {
    [
        ("plain", true),
        ("cubbyhole", true),
        ("transit", false),
        ("secret/inner", false),
    ]
}

fn with_other_mounts() -> sandbox::Vault {
    let server = server();
    server.mount_version_1("plain");
    server.mount_other("transit", "transit");
    server
}

#[tokio::test(start_paused = true)]
async fn check_writable_rejects_other_mounts_and_writes_nothing() {
    for (mount, _) in other_mounts() {
        let server = with_other_mounts();
        let secret_path = SecretPath::new(mount, "striim/ci").unwrap();
        let error = root(&server)
            .check_writable(&operation(), &secret_path)
            .await
            .unwrap_err();
        assert!(matches!(error, Error::NotVersion2(..)), "{mount}: {error:?}");
        assert_eq!(server.unversioned(mount, "data/striim/ci"), None, "{mount}");
    }
}

#[tokio::test(start_paused = true)]
async fn check_writable_recognises_mount_with_documented_policy() {
    let server = with_other_mounts();
    let policy: Vec<_> = ["secret", "plain"]
        .iter()
        .map(|mount| format!("{mount}/data/striim/*"))
        .collect();
    let policy: Vec<_> = policy
        .iter()
        .map(|path| (path.as_str(), &[Create, Update, Read][..]))
        .collect();
    let vault = client(&server, server.token(&policy));
    let check = vault.check_writable(&operation(), &secret_path()).await.unwrap();
    assert!(check.is_version_2);
    let plain = SecretPath::new("plain", "striim/ci").unwrap();
    let error = vault.check_writable(&operation(), &plain).await.unwrap_err();
    assert!(error.to_string().contains("a KV version 1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn check_writable_recognises_undescribed_mount() {
    for unhelpful in [
        Fault::answer(403).body(r#"{"errors":["preflight capability check returned 403"]}"#),
        Fault::answer(404).body(r#"{"errors":[]}"#),
        Fault::answer(405),
        Fault::answer(200).body("{}"),
    ] {
        for (mount, keeps) in other_mounts() {
            let server = with_other_mounts();
            server.fault(
                unhelpful
                    .clone()
                    .on("GET", &MOUNT.replace("secret", mount))
                    .times(u32::MAX),
            );
            let secret_path = SecretPath::new(mount, "striim/ci").unwrap();
            let error = root(&server)
                .check_writable(&operation(), &secret_path)
                .await
                .unwrap_err();
            assert!(
                matches!(error, Error::NotVersion2(..)) || (!keeps && matches!(error, Error::NoMount(_))),
                "{mount}: {error:?}"
            );
            assert_eq!(server.unversioned(mount, "data/striim/ci"), None, "{mount}");
        }
        let server = server();
        server.fault(unhelpful.clone().on("GET", MOUNT).times(u32::MAX));
        let check = root(&server)
            .check_writable(&operation(), &secret_path())
            .await
            .unwrap();
        assert!(check.is_version_2, "{unhelpful:?}");
        assert_eq!(server.version("secret", "striim/ci"), 0, "it writes nothing");

        server.fault(Fault::answer(400).on("POST", DATA));
        let check = root(&server)
            .check_writable(&operation(), &secret_path())
            .await
            .unwrap();
        assert!(!check.is_version_2, "{unhelpful:?}: unknown");
    }
}

/// Otherwise an outage would look like an old server, and the kind of the mount stayed unchecked.
#[tokio::test(start_paused = true)]
async fn check_writable_fails_if_mount_lookup_fails() {
    let server = server();
    server.fault(Fault::answer(503).on("GET", MOUNT).times(u32::MAX));
    let checked = root(&server).check_writable(&operation(), &secret_path()).await;
    assert!(matches!(checked, Err(Error::Request(_))), "it is an outage");
}

#[tokio::test(start_paused = true)]
async fn check_writable_rejects_store_with_unversioned_value() {
    let server = with_other_mounts();
    let secret_path = SecretPath::new("plain", "striim/ci").unwrap();
    let written = root(&server).write(&operation(), &secret_path, 0, &data("value")).await;
    assert!(
        matches!(written, Err(Error::Unversioned { remains: None, .. })),
        "{written:?}"
    );
    server.fault(Fault::answer(403).on("GET", "/sys/internal/ui/mounts/plain"));
    let error = root(&server)
        .check_writable(&operation(), &secret_path)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotVersion2(..)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn write_to_store_without_versions_is_deleted_again() {
    for (mount, granted) in [
        ("plain", &[Create, Update, Read, Capability::Delete][..]),
        ("plain", &[Create, Update, Read]),
        ("cubbyhole", &[]),
    ] {
        for lost in [false, true] {
            let server = with_other_mounts();
            let secret_path = SecretPath::new(mount, "striim/ci").unwrap();
            let token = match granted {
                [] => server.root_token(),
                granted => server.token(&[("plain/data/*", granted)]),
            };
            if lost {
                let path = format!("/{mount}/data/striim/ci");
                server.fault(Fault::new(Effect::Cut).after().on("POST", &path));
            }
            let written = client(&server, token)
                .write(&operation(), &secret_path, 0, &data("value"))
                .await;
            assert!(
                matches!(written, Err(Error::Unversioned { remains: None, .. })),
                "{written:?}"
            );
            let left = server.unversioned(mount, "data/striim/ci");
            assert!(!format!("{left:?}").contains("value"), "{mount}: {left:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn write_to_store_without_versions_reports_failed_deletion() {
    let server = with_other_mounts();
    let secret_path = SecretPath::new("plain", "striim/ci").unwrap();
    server.fault(Fault::answer(500).on("DELETE", "/plain/data/striim/ci").times(u32::MAX));
    let error = root(&server)
        .write(&operation(), &secret_path, 0, &data("value"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, Error::Unversioned { remains: Some(_), .. }),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn delete_deletes_only_latest_version() {
    let server = server();
    let vault = root(&server);
    assert_eq!(
        vault.delete(&operation(), &secret_path(), 1, |_| true).await,
        Ok(false),
        "nothing is there"
    );
    vault
        .write(&operation(), &secret_path(), 0, &data("first"))
        .await
        .unwrap();
    vault
        .write(&operation(), &secret_path(), 1, &data("second"))
        .await
        .unwrap();
    assert_eq!(vault.delete(&operation(), &secret_path(), 1, |_| true).await, Ok(false));
    let is_first = |stored: &Data| *stored == data("first");
    assert_eq!(vault.delete(&operation(), &secret_path(), 2, is_first).await, Ok(false));
    assert_eq!(stored_value(&server).as_deref(), Some("second"));
    server.fault(Fault::new(Effect::Cut).after().on("POST", "/secret/delete/striim/ci"));
    assert_eq!(vault.delete(&operation(), &secret_path(), 2, |_| true).await, Ok(true));
    assert_eq!(stored_value(&server), None);
    assert_eq!(
        vault.delete(&operation(), &secret_path(), 2, |_| true).await,
        Ok(false),
        "it is removed already"
    );
}

#[tokio::test(start_paused = true)]
async fn check_writable_accepts_every_layout_of_capabilities() {
    for body in [
        json!({"capabilities": ["root"]}),
        json!({"data": {"capabilities": ["root"]}}),
        json!({"secret/data/striim/ci": ["root"]}),
        json!({"data": {"secret/data/striim/ci": ["create", "read", "update", "sudo"]}}),
    ] {
        let server = server();
        server.fault(
            Fault::answer(200)
                .on("POST", "/sys/capabilities-self")
                .body(&body.to_string()),
        );
        let proved = root(&server).check_writable(&operation(), &secret_path()).await;
        assert!(proved.is_ok(), "{body}: {proved:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn namespace_separates_secrets() {
    let server = server();
    server.add_namespace("team");
    let vault = client_in(&server, server.root_token(), Some("team/"));
    vault.check_writable(&operation(), &secret_path()).await.unwrap();
    vault
        .write(&operation(), &secret_path(), 0, &data("value"))
        .await
        .unwrap();
    assert_eq!(server.version("team/secret", "striim/ci"), 1);
    assert_eq!(server.version("secret", "striim/ci"), 0);
}

#[test]
fn address_appends_api_version() {
    for (text, base_url) in [
        (
            "https://vault.example.com:8200",
            Some("https://vault.example.com:8200/v1"),
        ),
        ("https://vault.example.com/", Some("https://vault.example.com/v1")),
        ("https://example.com/vault", Some("https://example.com/vault/v1")),
        ("http://127.0.0.1:8200", Some("http://127.0.0.1:8200/v1")),
        ("http://vault.example.com:8200", None),
        ("vault.example.com", None),
    ] {
        let read = address(text).ok();
        assert_eq!(read.as_ref().map(BaseUrl::as_str), base_url, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn error_redacts_secret_quoted_by_vault() {
    let server = server();
    server.fault(
        Fault::answer(400)
            .on("POST", DATA)
            .body(r#"{"errors": ["s3cret is too short"]}"#),
    );
    let data = Data::from_iter([("token", Entry::Secret("s3cret".into()))]);
    let error = root(&server)
        .write(&operation(), &secret_path(), 0, &data)
        .await
        .unwrap_err();
    assert!(error.answer().unwrap().contains("[redacted"), "{error:?}");
    assert!(!format!("{error:?}").contains("s3cret"));
}

#[test]
fn debug_of_data_omits_values() {
    let data = data("s3cret");
    assert!(!format!("{data:?}").contains("s3cret"));
}

/// The path of a login with AppRole.
const LOGIN: &str = "/auth/approle/login";
const RENEWAL: &str = "/auth/token/renew-self";

/// A client that logs in with AppRole to get tokens with this lifetime in seconds.
fn with_login(server: &sandbox::Vault, ttl: i64, max_ttl: i64) -> Vault {
    let [ttl, max_ttl] = [ttl, max_ttl].map(SignedDuration::from_secs);
    let policy: [(&str, &[Capability]); 2] = [
        ("secret/data/striim/*", &[Create, Update, Read]),
        ("secret/delete/striim/*", &[Update]),
    ];
    let (role_id, secret_id) = server.add_approle("approle", &policy, TokenLifetime { ttl, max_ttl });
    let secret_id = Some(secret_id);
    let method = LoginMethod::AppRole { role_id, secret_id };
    let login = Login {
        method,
        mount: "approle".to_owned(),
        namespace: None,
    };
    client_with(server, Authentication::Login(login), None)
}

/// The sandbox with a clock that follows tokio's.
fn server_in_tokio_time() -> sandbox::Vault {
    let (start, epoch) = (Instant::now(), Timestamp::now());
    sandbox::Vault::new(Clock::new(move || epoch + start.elapsed()))
}

#[tokio::test(start_paused = true)]
async fn requests_share_one_login_and_renew_its_token() {
    let server = server_in_tokio_time();
    let vault = with_login(&server, 3600, 100_000);
    assert_eq!(server.calls("POST", LOGIN), 0, "nothing needs it yet");
    let (operation, secret_path) = (operation(), secret_path());
    let (one, other) = tokio::join!(
        vault.latest(&operation, &secret_path),
        vault.latest(&operation, &secret_path)
    );
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(server.calls("POST", LOGIN), 1);
    for renewals in 1..=3 {
        tokio::time::advance(Duration::from_secs(3100)).await;
        vault.latest(&self::operation(), &secret_path).await.unwrap();
        assert_eq!(
            (server.calls("POST", LOGIN), server.calls("POST", RENEWAL)),
            (1, renewals)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn token_that_cannot_be_renewed_is_followed_by_login() {
    for (renewal, advance) in [
        // The maximum lifetime is over soon.
        (None, 50),
        (Some(Fault::answer(403)), 35),
        (Some(Fault::answer(503)), 35),
        // The token expired meanwhile.
        (None, 500),
    ] {
        let server = server_in_tokio_time();
        let vault = with_login(&server, 60, 70);
        vault.latest(&operation(), &secret_path()).await.unwrap();
        if let Some(fault) = renewal.clone() {
            server.fault(fault.on("POST", RENEWAL).times(u32::MAX));
        }
        tokio::time::advance(Duration::from_secs(advance)).await;
        vault.latest(&operation(), &secret_path()).await.unwrap();
        assert_eq!(server.calls("POST", LOGIN), 2, "{renewal:?} {advance}");
    }
}

#[tokio::test(start_paused = true)]
async fn revoked_token_is_followed_by_login_and_denied_request_is_not() {
    let server = server_in_tokio_time();
    let vault = with_login(&server, 3600, 3600);
    vault.latest(&operation(), &secret_path()).await.unwrap();
    server.revoke(server.issued_values().last().unwrap());
    let written = vault.write(&operation(), &secret_path(), 0, &data("value")).await;
    assert_eq!(written, Ok(1));
    assert_eq!(server.calls("POST", LOGIN), 2);

    let denied = SecretPath::new("secret", "elsewhere").unwrap();
    let error = vault.latest(&operation(), &denied).await.unwrap_err();
    assert!(error.answer().unwrap().contains("permission denied"), "{error}");
    assert_eq!(server.calls("POST", LOGIN), 2, "the token is valid");
}

#[tokio::test(start_paused = true)]
async fn valid_token_is_used_although_login_fails() {
    let server = server_in_tokio_time();
    let vault = with_login(&server, 3600, 3600);
    vault.check_writable(&operation(), &secret_path()).await.unwrap();
    server.disable_auth_method("approle");
    tokio::time::advance(Duration::from_secs(3500)).await;
    vault.check_writable(&operation(), &secret_path()).await.unwrap();
    // A value that is issued now might not be written in time.
    tokio::time::advance(Duration::from_secs(60)).await;
    let error = vault.check_writable(&operation(), &secret_path()).await.unwrap_err();
    assert!(matches!(error, Error::Login(AuthMethod::AppRole, _)), "{error:?}");
    let written = vault.write(&operation(), &secret_path(), 0, &data("value")).await;
    assert_eq!(written, Ok(1), "what exists already is written");
    tokio::time::advance(Duration::from_secs(60)).await;
    let error = vault.latest(&operation(), &secret_path()).await.unwrap_err();
    assert!(matches!(error, Error::Login(..)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn login_is_retried_after_lost_answer() {
    for fault in lost_answers() {
        let server = server_in_tokio_time();
        let vault = with_login(&server, 3600, 3600);
        server.fault(fault.clone().on("POST", LOGIN).times(2));
        let written = vault.write(&operation(), &secret_path(), 0, &data("value")).await;
        assert_eq!(written, Ok(1), "{fault:?}");
    }
}

/// A client that logs in with a wrong SecretID.
fn with_wrong_login(server: &sandbox::Vault) -> Vault {
    let ttl = SignedDuration::from_secs(60);
    let (role_id, _) = server.add_approle("approle", &[], TokenLifetime { ttl, max_ttl: ttl });
    let method = LoginMethod::AppRole {
        role_id,
        secret_id: Some("wr0ng-s3cret-1d".into()),
    };
    let login = Login {
        method,
        mount: "approle".to_owned(),
        namespace: None,
    };
    client_with(server, Authentication::Login(login), None)
}

#[tokio::test(start_paused = true)]
async fn rejected_login_is_not_repeated() {
    let server = server_in_tokio_time();
    let vault = with_wrong_login(&server);
    for _ in 0..3 {
        let error = vault.latest(&operation(), &secret_path()).await.unwrap_err();
        let expected = "could not log in to Vault with AppRole at \"auth/approle\"";
        assert_eq!(error.to_string(), expected);
        assert!(
            error.answer().unwrap().contains("invalid role or secret ID"),
            "{error:?}"
        );
    }
    assert_eq!(server.calls("POST", LOGIN), 1);
}

#[tokio::test(start_paused = true)]
async fn error_of_login_redacts_credentials() {
    let server = server_in_tokio_time();
    let vault = with_wrong_login(&server);
    let quoted = Fault::answer(400).body(r#"{"errors":["no wr0ng-s3cret-1d here"]}"#);
    server.fault(quoted.on("POST", LOGIN));
    let error = vault.latest(&operation(), &secret_path()).await.unwrap_err();
    assert!(!format!("{error:?} {vault:?}").contains("s3cret"), "{error:?}");
}
