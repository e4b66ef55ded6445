//! Every layout of answers that the document leaves open.

use serde_json::{Value, json};
use token_providers::sandbox::striim::{
    DeleteAnswer, Envelope, ErrorBody, Instants, ListUpdated, PatStatus, Role, SuccessCode, ToggleAnswer,
};

use super::platform::{NOW, Platform};

const USER: &str = "user@acme.example";

#[tokio::test]
async fn list_is_bare_or_wrapped() {
    let platform = Platform::new();
    assert!(platform.list().await.is_array());
    platform.sandbox.set_options(|options| options.list = Envelope::Wrapped);
    assert_eq!(platform.list().await["service-accounts"][0]["name"], "terraform");
}

#[tokio::test]
async fn rows_of_list_have_optional_fields() {
    let platform = Platform::new();
    let body = json!({ "name": "ci-pipeline", "description": "d", "expires-at": "2026-04-01T00:00:00Z" });
    platform.call("POST", "/service-account", body).await;
    let row = platform.list().await[0].clone();
    let id = row["token-id"].clone();
    assert!(id.is_i64());
    let bare = json!({ "name": "ci-pipeline", "description": "d", "expires-at": "2026-04-01T00:00:00Z" });
    platform.sandbox.set_options(|options| options.list_token_id = false);
    assert_eq!(platform.list().await[0], bare);

    platform
        .sandbox
        .set_options(|options| options.list_updated = ListUpdated::Always);
    assert_eq!(platform.list().await[0]["updated-at"], NOW);
    platform.rotate("ci-pipeline").await;
    for (when, updated) in [
        (ListUpdated::Never, false),
        (ListUpdated::AfterRotation, true),
        (ListUpdated::Always, true),
    ] {
        platform.sandbox.set_options(|options| options.list_updated = when);
        let row = platform.list().await[0].clone();
        assert_eq!(
            row.get("updated-at").is_some() && row.get("updated-by").is_some(),
            updated,
            "{when:?}"
        );
    }
}

#[tokio::test]
async fn absent_value_is_omitted_or_null() {
    let platform = Platform::new();
    let row = platform.list().await[0].clone();
    assert_eq!(
        (row.get("description"), row.get("expires-at"), row.get("updated-at")),
        (None, None, None)
    );
    platform.sandbox.set_options(|options| options.nulls = true);
    let row = platform.list().await[0].clone();
    assert!(
        ["description", "expires-at", "updated-at"]
            .iter()
            .all(|key| row.get(key) == Some(&Value::Null)),
        "{row}"
    );
}

#[tokio::test]
async fn instants_have_several_formats() {
    for (instants, formatted) in [
        (Instants::Zulu, "2026-04-01T00:00:00Z"),
        (Instants::Fraction, "2026-04-01T00:00:00.000Z"),
        (Instants::Offset, "2026-04-01T00:00:00+00:00"),
    ] {
        let platform = Platform::with(|options| options.instants = instants);
        let body = json!({ "name": "ci-pipeline", "expires-at": "2026-04-01T02:00:00+02:00" });
        let created = platform.call("POST", "/service-account", body).await.json();
        assert_eq!(created["expires-at"], formatted);
        assert_eq!(platform.list().await[0]["expires-at"], formatted);
    }
}

#[tokio::test]
async fn success_is_200_or_201() {
    for (code, number) in [(SuccessCode::Ok, 200), (SuccessCode::Created, 201)] {
        let platform = Platform::with(|options| (options.create, options.rotate) = (code, code));
        platform.sandbox.add_user(USER, Role::Regular);
        assert_eq!(platform.create("ci-pipeline").await.code(), number);
        assert_eq!(platform.rotate("ci-pipeline").await.code(), number);
        assert_eq!(
            platform
                .call("POST", "/user-token/rotate", json!({ "email": USER }))
                .await
                .code(),
            number
        );
    }
}

#[tokio::test]
async fn deletion_answers_with_or_without_body() {
    for (delete, number, body) in [
        (DeleteAnswer::NoContent, 204, false),
        (DeleteAnswer::Empty, 200, false),
        (DeleteAnswer::Body, 200, true),
    ] {
        let platform = Platform::with(|options| options.delete = delete);
        platform.user(USER, Role::Regular);
        platform.create("ci-pipeline").await;
        let account = platform.delete("ci-pipeline").await;
        let pat = platform.call("DELETE", "/user-token?user-id=8510", Value::Null).await;
        for answer in [account, pat] {
            assert_eq!((answer.code(), !answer.text.is_empty()), (number, body), "{delete:?}");
        }
    }
}

#[tokio::test]
async fn pat_status_has_several_layouts() {
    for (layout, enabled, disabled) in [
        (PatStatus::Flag, json!({ "enabled": true }), json!({ "enabled": false })),
        (
            PatStatus::UpperWord,
            json!({ "status": "ENABLED" }),
            json!({ "status": "DISABLED" }),
        ),
        (
            PatStatus::LowerWord,
            json!({ "status": "enabled" }),
            json!({ "status": "disabled" }),
        ),
        (PatStatus::BareFlag, json!(true), json!(false)),
    ] {
        let platform = Platform::with(|options| options.pat_status = layout);
        assert_eq!(
            platform.call("GET", "/user-token/status", Value::Null).await.json(),
            enabled
        );
        assert_eq!(
            platform.call("PATCH", "/user-token/status", Value::Null).await.json(),
            disabled
        );
    }
}

#[tokio::test]
async fn toggle_answers_with_or_without_status() {
    for (toggle, number) in [(ToggleAnswer::Empty, 200), (ToggleAnswer::NoContent, 204)] {
        let platform = Platform::with(|options| options.toggle = toggle);
        let toggled = platform.call("PATCH", "/user-token/status", Value::Null).await;
        assert_eq!((toggled.code(), toggled.text.as_str()), (number, ""));
        assert_eq!(
            platform.call("GET", "/user-token/status", Value::Null).await.json(),
            json!({ "enabled": false })
        );
    }
}

#[tokio::test]
async fn token_information_is_bare_or_wrapped_and_may_omit_user() {
    let platform = Platform::with(|options| options.user_token = Envelope::Wrapped);
    let pat = platform.user(USER, Role::Regular);
    let information = platform.call_as(&pat, "GET", "/user-token", Value::Null).await.json();
    assert_eq!(information["user-token"]["email"], USER);
    platform
        .sandbox
        .set_options(|options| options.user_token_names_user = false);
    let information = platform.call_as(&pat, "GET", "/user-token", Value::Null).await.json();
    assert_eq!(
        (
            information["user-token"].get("email"),
            information["user-token"].get("user-id")
        ),
        (None, None)
    );
}

#[tokio::test]
async fn error_has_one_of_several_bodies() {
    let message = "there is no service account named \"unknown\"";
    for (errors, body) in [
        (ErrorBody::Message, json!({ "message": message }).to_string()),
        (
            ErrorBody::Nested,
            json!({ "error": { "message": message } }).to_string(),
        ),
        (ErrorBody::Plain, message.to_owned()),
        (ErrorBody::Empty, String::new()),
    ] {
        let platform = Platform::with(|options| options.errors = errors);
        let rejected = platform.rotate("unknown").await;
        assert_eq!((rejected.code(), rejected.text), (404, body));
    }
}
