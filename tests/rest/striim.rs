//! Every endpoint of Striim Cloud's API against the sandbox, with every layout of answers that the
//! document leaves open.

use std::time::Duration;

use http::StatusCode;
use jiff::{Timestamp, ToSpan};
use secrecy::{ExposeSecret, SecretString};
use token_providers::rest::{BaseUrl, Client, Credential, Kind, Options, Transport};
use token_providers::sandbox::striim::{self, Role, Sandbox, Seed};
use token_providers::sandbox::{Effect, Fault};
use token_providers::striim::api::{Api, NewServiceAccount, OwnToken, Owner, PatStatus};
use token_providers::token::Clock;
use tokio::time::Instant;

use super::script::{ScriptedPlatform, Step, answer, operation, operation_with_timeout};

/// Creates a sandbox whose clock is tokio's, starting at the beginning of 2026.
fn sandbox(options: striim::Options) -> Sandbox {
    let (start, epoch) = (Instant::now(), "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    let clock = Clock::new(move || epoch + start.elapsed());
    Sandbox::seeded(
        Seed {
            clock,
            ..Seed::default()
        },
        options,
    )
}

fn api(sandbox: &Sandbox) -> Api {
    api_as(sandbox, sandbox.admin_token())
}

fn api_as(sandbox: &Sandbox, token: SecretString) -> Api {
    let options = Options {
        base_url: BaseUrl::parse("http://127.0.0.1/api/v1").unwrap(),
        credential: Credential::bearer(token).unwrap(),
        user_agent: http::HeaderValue::from_static("test"),
        request_timeout: Duration::from_secs(30),
    };
    Api::new(Client::new(options, Transport::new(sandbox.service())))
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn new(name: &str) -> NewServiceAccount<'_> {
    NewServiceAccount {
        name,
        description: None,
        expires_at: None,
    }
}

/// One set of options per value of each undocumented behaviour.
fn variants() -> Vec<striim::Options> {
    use striim::*;
    let mut variants = vec![Options::default()];
    let mut add = |change: &dyn Fn(&mut Options)| {
        let mut options = Options::default();
        change(&mut options);
        variants.push(options);
    };
    add(&|options| options.list = Envelope::Wrapped);
    add(&|options| options.list_token_id = false);
    add(&|options| options.list_updated = ListUpdated::Never);
    add(&|options| options.list_updated = ListUpdated::Always);
    add(&|options| options.user_token = Envelope::Wrapped);
    add(&|options| options.user_token_names_user = false);
    add(&|options| options.nulls = true);
    add(&|options| options.instants = Instants::Fraction);
    add(&|options| options.instants = Instants::Offset);
    add(&|options| options.pat_status = PatStatus::UpperWord);
    add(&|options| options.pat_status = PatStatus::LowerWord);
    add(&|options| options.pat_status = PatStatus::BareFlag);
    add(&|options| options.toggle = ToggleAnswer::Empty);
    add(&|options| options.toggle = ToggleAnswer::NoContent);
    add(&|options| options.create = SuccessCode::Created);
    add(&|options| options.rotate = SuccessCode::Created);
    add(&|options| options.delete = DeleteAnswer::Empty);
    add(&|options| options.delete = DeleteAnswer::Body);
    add(&|options| {
        options.list = Envelope::Wrapped;
        options.user_token = Envelope::Wrapped;
        options.nulls = true;
    });
    variants
}

#[tokio::test(start_paused = true)]
async fn service_account_can_be_managed_with_any_layout_of_answers() {
    for options in variants() {
        let sandbox = sandbox(options.clone());
        let (api, operation) = (api(&sandbox), operation());
        let expires_at = instant("2026-02-09T00:00:00Z");
        let created = NewServiceAccount {
            name: "ci +&/ü",
            description: Some("for CI"),
            expires_at: Some(expires_at),
        };
        let first = api.create_service_account(&operation, &created).await.unwrap();
        assert!(sandbox.is_live(first.token.expose_secret()));
        assert_eq!(first.expires_at, Some(expires_at));

        let list = api.list_service_accounts(&operation).await.unwrap();
        let listed = list.iter().find(|account| account.name == created.name).unwrap();
        assert_eq!(list.len(), 2);
        assert_eq!(listed.description.as_deref(), Some("for CI"));
        assert_eq!(listed.expires_at, Some(expires_at));
        assert_eq!(listed.token_id, first.token_id.filter(|_| options.list_token_id));

        let later = instant("2026-03-09T00:00:00Z");
        let second = api
            .rotate_service_account(&operation, created.name, Some(later), OwnToken::No)
            .await
            .unwrap();
        assert!(sandbox.is_live(second.token.expose_secret()) && !sandbox.is_live(first.token.expose_secret()));
        assert_eq!(second.expires_at, Some(later));
        assert_ne!(second.token_id, first.token_id);
        assert!(second.updated_at.is_some() && second.updated_by.is_some());

        api.delete_service_account(&operation, created.name).await.unwrap();
        assert!(!sandbox.is_live(second.token.expose_secret()));
        assert!(
            api.delete_service_account(&operation, created.name)
                .await
                .unwrap_err()
                .is_not_found()
        );
        assert!(
            api.rotate_service_account(&operation, created.name, None, OwnToken::No)
                .await
                .unwrap_err()
                .is_not_found()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn personal_access_token_is_managed_with_any_layout_of_answers() {
    for options in variants() {
        let sandbox = sandbox(options.clone());
        let (api, operation, email) = (api(&sandbox), operation(), "ann+ci@example.com");
        let ann = sandbox.add_user(email, Role::Regular);
        assert_eq!(api.user_token(&operation, Some(email)).await.unwrap(), None);

        let expires_at = instant("2026-02-09T00:00:00Z");
        let first = api
            .rotate_user_token(&operation, Some(email), Some(expires_at), OwnToken::No)
            .await
            .unwrap();
        assert!(sandbox.is_live(first.token.expose_secret()));
        let read = api.user_token(&operation, Some(email)).await.unwrap().unwrap();
        assert_eq!((read.token_id, read.expires_at), (first.token_id, Some(expires_at)));
        assert_eq!(read.email.is_some(), options.user_token_names_user);

        // As the user.
        let own = api_as(&sandbox, first.token.clone());
        assert_eq!(
            own.user_token(&operation, None).await.unwrap().unwrap().token_id,
            first.token_id
        );
        let second = own
            .rotate_user_token(&operation, None, Some(expires_at), OwnToken::Yes)
            .await
            .unwrap();
        assert!(!sandbox.is_live(first.token.expose_secret()));
        let unauthenticated = api_as(&sandbox, first.token.clone())
            .user_token(&operation, None)
            .await
            .unwrap_err();
        assert_eq!(
            unauthenticated.status(),
            Some(StatusCode::UNAUTHORIZED),
            "a revoked token does not mean that there is no token"
        );
        own.revoke_user_token(&operation, Owner::Email(email)).await.unwrap();
        assert!(!sandbox.is_live(second.token.expose_secret()));

        // As an administrator.
        let third = api
            .rotate_user_token(&operation, Some(email), Some(expires_at), OwnToken::No)
            .await
            .unwrap();
        api.revoke_user_token(&operation, Owner::UserId(ann.id)).await.unwrap();
        assert!(!sandbox.is_live(third.token.expose_secret()));
        let error = api
            .revoke_user_token(&operation, Owner::UserId(ann.id))
            .await
            .unwrap_err();
        assert!(error.is_not_found(), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn personal_access_tokens_are_toggled_with_any_layout_of_answers() {
    for options in variants() {
        let sandbox = sandbox(options);
        let (api, operation) = (api(&sandbox), operation());
        for enabled in [true, false, true] {
            assert_eq!(api.pat_status(&operation).await.unwrap(), PatStatus { enabled });
            api.toggle_pat_status(&operation).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_documented_error_is_returned_with_its_reason() {
    use striim::ErrorBody::{Empty, Message, Nested, Plain};
    for errors in [Message, Nested, Plain, Empty] {
        let sandbox = sandbox(striim::Options {
            errors,
            ..striim::Options::default()
        });
        let (admin, operation) = (api(&sandbox), operation());
        sandbox.add_user("ann@example.com", Role::Regular);
        let user = sandbox.add_user_token("ann@example.com", None).unwrap();
        for name in ["second", "third"] {
            admin.create_service_account(&operation, &new(name)).await.unwrap();
        }
        let unknown = api_as(&sandbox, "unknown".into());
        let past = NewServiceAccount {
            expires_at: Some(instant("2020-01-01T00:00:00Z")),
            ..new("past")
        };
        for (status, result) in [
            (400, admin.create_service_account(&operation, &past).await),
            (401, unknown.create_service_account(&operation, &new("fourth")).await),
            (
                403,
                api_as(&sandbox, user)
                    .create_service_account(&operation, &new("fourth"))
                    .await,
            ),
            (
                403,
                api_as(&sandbox, sandbox.foreign_token())
                    .create_service_account(&operation, &new("fourth"))
                    .await,
            ),
            (
                404,
                admin
                    .rotate_service_account(&operation, "fourth", None, OwnToken::No)
                    .await,
            ),
            (409, admin.create_service_account(&operation, &new("second")).await),
            (409, admin.create_service_account(&operation, &new("fourth")).await),
        ] {
            let error = result.unwrap_err();
            assert_eq!(error.status().map(|status| status.as_u16()), Some(status), "{error}");
            assert_eq!(error.platform_message().is_some(), errors != Empty, "{error}");
            assert!(!error.is_ambiguous());
        }
        assert!(
            unknown.list_service_accounts(&operation).await.is_err(),
            "an error is not an empty list"
        );
        assert!(
            unknown.user_token(&operation, None).await.is_err(),
            "an error is not a missing token"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn twenty_five_creations_respect_limit_and_keep_their_order() {
    let sandbox = sandbox(striim::Options {
        quota: 100,
        ..striim::Options::default()
    });
    let (api, start) = (api(&sandbox), Instant::now());
    let mut creations = tokio::task::JoinSet::new();
    for index in 0..25 {
        let api = api.clone();
        creations.spawn(async move {
            api.create_service_account(&operation(), &new(&format!("ci-{index}")))
                .await
        });
    }
    for result in creations.join_all().await {
        result.unwrap();
    }
    assert_eq!(sandbox.calls("POST", "/service-account"), 25);
    assert_eq!(start.elapsed().as_secs(), 120);
    let created: Vec<_> = sandbox.audit().into_iter().map(|entry| entry.target).collect();
    let requested: Vec<_> = (0..25).map(|index| format!("ci-{index}")).collect();
    assert_eq!(created, requested);
}

#[tokio::test(start_paused = true)]
async fn creation_waits_if_another_client_has_used_up_limit() {
    for retry_after in [true, false] {
        let sandbox = sandbox(striim::Options {
            quota: 100,
            retry_after,
            ..striim::Options::default()
        });
        let (other, own) = (api(&sandbox), api(&sandbox));
        for index in 0..10 {
            other
                .create_service_account(&operation(), &new(&format!("other-{index}")))
                .await
                .unwrap();
        }
        own.create_service_account(&operation(), &new("own")).await.unwrap();
        let outcome = own
            .create_service_account(&operation_with_timeout(20), &new("late"))
            .await;
        assert!(outcome.is_ok(), "the window is free again");
    }
}

#[tokio::test(start_paused = true)]
async fn revocation_and_toggle_have_separate_limits() {
    let sandbox = sandbox(striim::Options {
        quota: 100,
        ..striim::Options::default()
    });
    let (api, start) = (api(&sandbox), Instant::now());
    for index in 0..40 {
        sandbox.add_service_account(&format!("old-{index}"), None);
    }
    for index in 0..31 {
        api.delete_service_account(&operation(), &format!("old-{index}"))
            .await
            .unwrap();
    }
    assert_eq!(start.elapsed().as_secs(), 60);
    for _ in 0..6 {
        api.toggle_pat_status(&operation()).await.unwrap();
    }
    assert_eq!(start.elapsed().as_secs(), 120);
    assert_eq!(sandbox.calls("PATCH", "/user-token/status"), 6);
}

#[tokio::test(start_paused = true)]
async fn lost_answer_to_creation_rotation_or_toggle_is_not_retried() {
    for effect in [Effect::Cut, Effect::Hang] {
        let sandbox = sandbox(striim::Options::default());
        let (api, operation) = (api(&sandbox), operation());
        let lose_answer = |method, path| sandbox.fault(Fault::new(effect.clone()).on(method, path).after());

        lose_answer("POST", "/service-account");
        let error = api.create_service_account(&operation, &new("app")).await.unwrap_err();
        assert!(error.is_ambiguous(), "{error}");
        assert_eq!(sandbox.calls("POST", "/service-account"), 1);
        assert_eq!(sandbox.service_accounts().len(), 2, "the request was executed");

        lose_answer("POST", "/service-account/rotate");
        let error = api
            .rotate_service_account(&operation, "app", None, OwnToken::No)
            .await
            .unwrap_err();
        assert!(error.is_ambiguous(), "{error}");
        assert_eq!(sandbox.calls("POST", "/service-account/rotate"), 1);

        lose_answer("PATCH", "/user-token/status");
        let error = api.toggle_pat_status(&operation).await.unwrap_err();
        assert!(error.is_ambiguous(), "{error}");
        assert_eq!(sandbox.calls("PATCH", "/user-token/status"), 1);

        lose_answer("DELETE", "/service-account");
        let error = api.delete_service_account(&operation, "app").await.unwrap_err();
        assert!(error.is_not_found(), "the retry finds nothing: {error}");
        assert_eq!(sandbox.calls("DELETE", "/service-account"), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn truncated_answer_to_creation_is_an_error() {
    let sandbox = sandbox(striim::Options::default());
    sandbox.fault(Fault::new(Effect::Truncate).on("POST", "/service-account"));
    let error = api(&sandbox)
        .create_service_account(&operation(), &new("app"))
        .await
        .unwrap_err();
    assert!(matches!(error.kind(), Kind::Interrupted(_)), "{error}");
    for value in sandbox.issued_values() {
        assert!(!format!("{error} {error:?}").contains(value.expose_secret()));
    }
}

#[tokio::test(start_paused = true)]
async fn value_issued_for_other_account_is_returned_with_mismatch() {
    let platform = ScriptedPlatform::new([answer(201, r#"{"name":"other","token":"9AbC"}"#)]);
    let issued = Api::new(platform.client())
        .create_service_account(&operation(), &new("app"))
        .await
        .unwrap();
    assert_eq!(issued.token.expose_secret(), "9AbC");
    let mismatch = issued.mismatch.unwrap();
    assert_eq!((&*mismatch.answered, mismatch.is_same), ("other", false));
}

#[tokio::test(start_paused = true)]
async fn request_with_empty_key_is_not_sent() {
    let platform = ScriptedPlatform::new([]);
    let (api, operation) = (Api::new(platform.client()), operation());
    for error in [
        api.create_service_account(&operation, &new("")).await.unwrap_err(),
        api.rotate_service_account(&operation, "", None, OwnToken::No)
            .await
            .unwrap_err(),
        api.delete_service_account(&operation, "").await.unwrap_err(),
        api.user_token(&operation, Some("")).await.unwrap_err(),
        api.rotate_user_token(&operation, Some(""), None, OwnToken::No)
            .await
            .unwrap_err(),
        api.revoke_user_token(&operation, Owner::Email("")).await.unwrap_err(),
    ] {
        assert!(matches!(error.kind(), Kind::Invalid(_)), "{error}");
    }
    assert!(platform.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn request_bodies_match_document() {
    let issued = || answer(200, r#"{"token":"9AbC"}"#);
    let platform = ScriptedPlatform::new([issued(), issued(), issued(), issued(), answer(204, "")]);
    let (api, operation) = (Api::new(platform.client()), operation());
    let expires_at = instant("2027-02-09T00:00:00.9Z");
    let full = NewServiceAccount {
        name: "app",
        description: Some("for CI"),
        expires_at: Some(expires_at),
    };
    api.create_service_account(&operation, &full).await.unwrap();
    api.create_service_account(&operation, &new("app")).await.unwrap();
    api.rotate_service_account(&operation, "app", Some(expires_at + 1.hour()), OwnToken::No)
        .await
        .unwrap();
    api.rotate_user_token(&operation, Some("user@example.com"), None, OwnToken::No)
        .await
        .unwrap();
    api.toggle_pat_status(&operation).await.unwrap();
    let sent: Vec<_> = platform
        .requests()
        .into_iter()
        .map(|received| {
            let (head, body) = received.request.into_parts();
            format!(
                "{} {} {}",
                head.method,
                head.uri.path(),
                String::from_utf8(body.to_vec()).unwrap()
            )
        })
        .collect();
    assert_eq!(
        sent,
        [
            r#"POST /v1/service-account {"name":"app","description":"for CI","expires-at":"2027-02-09T00:00:00Z"}"#,
            r#"POST /v1/service-account {"name":"app"}"#,
            r#"POST /v1/service-account/rotate {"name":"app","expires-at":"2027-02-09T01:00:00Z"}"#,
            r#"POST /v1/user-token/rotate {"email":"user@example.com"}"#,
            "PATCH /v1/user-token/status ",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn list_is_retried_after_server_error() {
    let platform = ScriptedPlatform::new([Step::Cut, answer(502, "<html>"), answer(200, r#"[{"name":"app"}]"#)]);
    let accounts = Api::new(platform.client())
        .list_service_accounts(&operation())
        .await
        .unwrap();
    assert_eq!(accounts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn empty_list_is_accepted_only_if_caller_is_user() {
    for (own, is_accepted) in [
        (answer(200, r#"{"token-id":7}"#), true),
        (answer(404, ""), false),
        (answer(403, ""), false),
    ] {
        let platform = ScriptedPlatform::new([answer(200, "[]"), own]);
        let accounts = Api::new(platform.client()).list_service_accounts(&operation()).await;
        assert_eq!(accounts.is_ok(), is_accepted, "{accounts:?}");
    }
}
