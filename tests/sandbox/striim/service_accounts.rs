//! Service accounts: names, expiries, quota, rotation, deletion.

use jiff::{SignedDuration, ToSpan, tz::TimeZone};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use token_providers::sandbox::striim::{Expired, RefusalStatus, RotationExpiry};

use super::platform::{NOW, Platform, at};

#[tokio::test]
async fn creation_returns_fields_of_sample() {
    let platform = Platform::new();
    let body = json!({ "name": "app_automation", "description": "d", "expires-at": "2027-02-09T00:00:00Z" });
    let created = platform.call("POST", "/service-account", body).await.json();
    assert_eq!(created["name"], "app_automation");
    assert_eq!(created["expires-at"], "2027-02-09T00:00:00Z");
    assert!(created["token-id"].is_i64());
    assert_eq!(
        created["token"].as_str().unwrap().len(),
        "9AbCdEfG3h4I-jKlMn-OpQrStUvWx".len()
    );
    assert_eq!(created.as_object().unwrap().len(), 4, "{created}");
}

#[tokio::test]
async fn rotation_returns_fields_of_sample() {
    let platform = Platform::new();
    platform.create("app_automation").await;
    let body = json!({ "name": "app_automation", "expires-at": "2027-02-09T00:00:00Z" });
    let rotated = platform.call("POST", "/service-account/rotate", body).await.json();
    assert_eq!(rotated["name"], "app_automation");
    assert_eq!(rotated["expires-at"], "2027-02-09T00:00:00Z");
    assert_eq!(rotated["updated-at"], NOW, "nine fractional digits");
    assert!(rotated["token-id"].is_i64() && rotated["updated-by"].is_i64() && rotated["token"].is_string());
    assert_eq!(rotated.as_object().unwrap().len(), 6, "{rotated}");
}

#[tokio::test]
async fn value_is_returned_only_once() {
    let platform = Platform::new();
    let value = platform.create("ci-pipeline").await.token();
    assert!(!platform.list().await.to_string().contains(&value));
    assert!(!platform.control("GET", "", Value::Null).await.text.contains(&value));
}

#[tokio::test]
async fn service_account_token_has_permissions_of_administrator() {
    let platform = Platform::new();
    let value = platform.create("ci-pipeline").await.token();
    let created = platform
        .call_as(&value, "POST", "/service-account", json!({ "name": "another" }))
        .await;
    assert_eq!(created.code(), 200);
}

#[tokio::test]
async fn name_has_3_to_30_characters_and_description_at_most_255() {
    for (name, description, code) in [
        ("ab".to_owned(), 0, 400),
        ("abc".to_owned(), 0, 200),
        ("äöü".to_owned(), 0, 200),
        ("äö".to_owned(), 0, 400),
        ("n".repeat(30), 0, 200),
        ("n".repeat(31), 0, 400),
        (String::new(), 0, 400),
        ("abc".to_owned(), 255, 200),
        ("abc".to_owned(), 256, 400),
    ] {
        let body = json!({ "name": name, "description": "d".repeat(description) });
        let answer = Platform::new().call("POST", "/service-account", body).await;
        assert_eq!(answer.code(), code, "{name:?}, {description}: {answer:?}");
    }
}

#[tokio::test]
async fn undocumented_requests_are_invalid() {
    for body in [
        json!({}),
        json!([]),
        json!({ "name": 7 }),
        json!({ "name": "abc", "expires_at": "2026-06-01T00:00:00Z" }),
        json!({ "name": "abc", "expires-at": "tomorrow" }),
        json!({ "name": "abc", "expires-at": "2026-06-01" }),
        json!({ "name": "abc", "expires-at": "2026-06-01T00:00:00" }),
        json!({ "name": "abc", "expires-at": 1780272000 }),
        Value::Null,
    ] {
        let platform = Platform::new();
        let created = platform.call("POST", "/service-account", body.clone()).await;
        assert_eq!(created.code(), 400, "{body}");
        let rotated = platform.call("POST", "/service-account/rotate", body.clone()).await;
        assert_eq!(rotated.code(), 400, "{body}");
    }
    let platform = Platform::new();
    for query in ["", "?", "?id=terraform", "?name=terraform&force=true"] {
        let deleted = platform
            .call("DELETE", &format!("/service-account{query}"), Value::Null)
            .await;
        assert_eq!(deleted.code(), 400, "{query}");
    }
    assert!(platform.sandbox.is_live(&platform.admin));
}

#[tokio::test]
async fn expiry_is_in_future_and_within_12_months() {
    for (expires_at, code) in [
        ("2026-03-11T06:19:25Z", 400),
        (NOW, 400),
        ("2026-03-11T06:19:26Z", 200),
        ("2026-03-11T07:19:26+01:00", 200),
        ("2026-03-11T07:19:25+01:00", 400),
        ("2027-03-11T06:19:25Z", 200),
        ("2027-03-11T06:19:26Z", 400),
        ("1999-01-01T00:00:00Z", 400),
    ] {
        let platform = Platform::new();
        let body = json!({ "name": "ci-pipeline", "expires-at": expires_at });
        assert_eq!(
            platform.call("POST", "/service-account", body.clone()).await.code(),
            code,
            "created until {expires_at}"
        );
        platform.sandbox.add_service_account("ci-pipeline", None);
        let rotated = platform.call("POST", "/service-account/rotate", body).await;
        assert_eq!(rotated.code(), code, "rotated until {expires_at}");
    }
}

#[tokio::test]
async fn rotation_may_exceed_maximum_lifetime_if_configured() {
    let platform = Platform::with(|options| options.rotation_obeys_maximum = false);
    platform.create("app_automation").await;
    let as_in_sample = json!({ "name": "app_automation", "expires-at": "2028-02-09T00:00:00Z" });
    let rotated = platform
        .call("POST", "/service-account/rotate", as_in_sample.clone())
        .await;
    assert_eq!(rotated.json()["expires-at"], "2028-02-09T00:00:00Z");
    platform
        .sandbox
        .set_options(|options| options.rotation_obeys_maximum = true);
    assert_eq!(
        platform
            .call("POST", "/service-account/rotate", as_in_sample)
            .await
            .code(),
        400
    );
}

#[tokio::test]
async fn default_expiry_is_one_day_or_setting_of_account() {
    let platform = Platform::new();
    assert_eq!(
        platform.create("ci-pipeline").await.json()["expires-at"],
        "2026-03-12T06:19:25Z"
    );
    platform
        .sandbox
        .set_options(|options| options.default_expiry = SignedDuration::from_hours(2));
    assert_eq!(
        platform.rotate("ci-pipeline").await.json()["expires-at"],
        "2026-03-11T08:19:25Z"
    );
}

#[tokio::test]
async fn token_is_invalid_from_its_expiry_on() {
    let platform = Platform::new();
    let body = json!({ "name": "ci-pipeline", "expires-at": "2026-03-11T06:20:00Z" });
    let value = platform.call("POST", "/service-account", body).await.token();
    for (now, code) in [("2026-03-11T06:19:59.999999999Z", 200), ("2026-03-11T06:20:00Z", 401)] {
        platform.control("POST", "/clock", json!({ "now": now })).await;
        assert_eq!(platform.status_with(&value).await, code, "{now}");
    }
}

#[tokio::test]
async fn name_in_use_is_rejected() {
    for (status, code) in [
        (RefusalStatus::Conflict, 409),
        (RefusalStatus::BadRequest, 400),
        (RefusalStatus::Forbidden, 403),
    ] {
        let platform = Platform::with(|options| options.name_taken = status);
        platform.create("ci-pipeline").await;
        assert_eq!(platform.create("ci-pipeline").await.code(), code);
        assert_eq!(platform.create("CI-pipeline").await.code(), 200, "case matters");
    }
}

#[tokio::test]
async fn fourth_active_service_account_exceeds_quota() {
    let platform = Platform::new();
    assert_eq!(platform.create("one").await.code(), 200);
    assert_eq!(
        platform.create("two").await.code(),
        200,
        "the administrator's token uses the quota, too"
    );
    let rejected = platform.create("three").await;
    assert_eq!((rejected.code(), rejected.message().contains("at most 3")), (409, true));
    platform.delete("one").await;
    assert_eq!(
        platform.create("three").await.code(),
        200,
        "a deletion reduces the usage"
    );
    platform.sandbox.set_options(|options| options.quota = 4);
    assert_eq!(platform.create("four").await.code(), 200);
}

#[tokio::test]
async fn rotation_invalidates_old_value_and_changes_token_id() {
    let platform = Platform::new();
    let before = platform.create("ci-pipeline").await;
    let after = platform.rotate("ci-pipeline").await;
    assert_ne!(before.token(), after.token());
    assert_ne!(before.json()["token-id"], after.json()["token-id"]);
    assert_eq!(platform.status_with(&before.token()).await, 401);
    assert_eq!(platform.status_with(&after.token()).await, 200);
}

#[tokio::test]
async fn token_that_rotates_itself_is_invalid_afterwards() {
    let platform = Platform::new();
    let new = platform.rotate("terraform").await.token();
    assert_eq!(platform.status_with(&platform.admin).await, 401);
    assert_eq!(platform.status_with(&new).await, 200);
}

#[tokio::test]
async fn deletion_is_permanent_and_immediate() {
    let platform = Platform::new();
    let value = platform.create("ci-pipeline").await.token();
    assert_eq!(platform.delete("ci-pipeline").await.code(), 204);
    assert_eq!(platform.status_with(&value).await, 401);
    assert_eq!(platform.names().await, ["terraform"]);
    assert_eq!(platform.delete("ci-pipeline").await.code(), 404);
}

#[tokio::test]
async fn unknown_name_is_not_found_and_case_matters() {
    let platform = Platform::new();
    platform.create("ci-pipeline").await;
    for name in ["unknown", "CI-pipeline", "ci-pipelin"] {
        assert_eq!(platform.rotate(name).await.code(), 404);
        assert_eq!(platform.delete(name).await.code(), 404);
    }
    assert_eq!(
        platform
            .call("GET", "/service-account/ci-pipeline", Value::Null)
            .await
            .code(),
        404
    );
}

#[tokio::test]
async fn legacy_token_is_valid_until_rotated() {
    let platform = Platform::new();
    let legacy = platform
        .sandbox
        .add_service_account("legacy", None)
        .expose_secret()
        .to_owned();
    platform.sandbox.advance(SignedDuration::from_hours(24 * 365 * 20));
    assert_eq!(platform.status_with(&legacy).await, 200);
    assert!(platform.list().await[0].get("expires-at").is_none());
    assert!(platform.rotate("legacy").await.json()["expires-at"].is_string());
    assert_eq!(platform.status_with(&legacy).await, 401);
}

#[tokio::test]
async fn expired_service_account_is_listed_hidden_or_purged() {
    for (expired, listed, rotated) in [
        (Expired::Listed, true, 200),
        (Expired::Hidden, false, 200),
        (Expired::Purged, false, 404),
    ] {
        let platform = Platform::with(|options| options.expired = expired);
        let value = platform.create("ci-pipeline").await.token();
        platform.sandbox.advance(SignedDuration::from_hours(25));
        assert_eq!(platform.status_with(&value).await, 401);
        assert_eq!(
            platform.names().await.contains(&"ci-pipeline".to_owned()),
            listed,
            "{expired:?}"
        );
        assert_eq!(platform.rotate("ci-pipeline").await.code(), rotated, "{expired:?}");
        let deleted = if rotated == 200 { 204 } else { 404 };
        assert_eq!(platform.delete("ci-pipeline").await.code(), deleted, "{expired:?}");
    }
}

#[tokio::test]
async fn expired_service_account_uses_quota_if_configured() {
    for (counts, created) in [(false, 200), (true, 409)] {
        let platform = Platform::with(|options| options.expired_use_quota = counts);
        platform
            .sandbox
            .add_service_account("old", Some(at("2026-03-01T00:00:00Z")));
        platform.create("one").await;
        assert_eq!(platform.create("two").await.code(), created);
    }
}

#[tokio::test]
async fn rotation_of_expired_service_account_fails_if_quota_is_used_up() {
    let platform = Platform::new();
    platform
        .sandbox
        .add_service_account("old", Some(at("2026-03-01T00:00:00Z")));
    platform.create("one").await;
    platform.create("two").await;
    assert_eq!(platform.rotate("old").await.code(), 409);
    platform.delete("one").await;
    assert_eq!(platform.rotate("old").await.code(), 200);
}

#[tokio::test]
async fn rotation_without_expiry_uses_default_or_keeps_it() {
    let platform = Platform::with(|options| options.rotation_expiry = RotationExpiry::Unchanged);
    let expires_at = "2026-04-01T00:00:00Z";
    platform
        .call(
            "POST",
            "/service-account",
            json!({ "name": "ci-pipeline", "expires-at": expires_at }),
        )
        .await;
    assert_eq!(platform.rotate("ci-pipeline").await.json()["expires-at"], expires_at);
    platform
        .sandbox
        .set_options(|options| options.rotation_expiry = RotationExpiry::Default);
    assert_eq!(
        platform.rotate("ci-pipeline").await.json()["expires-at"],
        "2026-03-12T06:19:25Z"
    );
    platform
        .sandbox
        .set_options(|options| options.rotation_expiry = RotationExpiry::Unchanged);
    platform.sandbox.advance(SignedDuration::from_hours(48));
    let rotated = platform.rotate("ci-pipeline").await.json();
    assert_eq!(
        rotated["expires-at"], "2026-03-14T06:19:25Z",
        "an expiry that has passed is not kept"
    );
}

#[tokio::test]
async fn twelve_months_are_calendar_months() {
    let platform = Platform::new();
    platform
        .control("POST", "/clock", json!({ "now": "2028-02-29T12:00:00Z" }))
        .await;
    let latest = at("2028-02-29T12:00:00Z")
        .to_zoned(TimeZone::UTC)
        .checked_add(12.months())
        .unwrap()
        .timestamp();
    for (expires_at, code) in [(latest, 200), (latest + SignedDuration::from_secs(1), 400)] {
        let body = json!({ "name": format!("until-{}", expires_at.as_second()), "expires-at": expires_at });
        assert_eq!(platform.call("POST", "/service-account", body).await.code(), code);
    }
}

#[tokio::test]
async fn values_are_reproducible_with_seed() {
    let (one, same) = (Platform::new(), Platform::new());
    assert_eq!(
        one.create("ci-pipeline").await.json(),
        same.create("ci-pipeline").await.json()
    );
    let other = Platform::seeded(
        token_providers::sandbox::striim::Seed {
            random: None,
            ..super::platform::seed()
        },
        token_providers::sandbox::striim::Options::default(),
    );
    assert_ne!(one.admin, other.admin);
}
