//! Answers that are too long, come from another server, or redirect.

use crate::rest::{Kind, Request};
use crate::token::Clock;
use http::{Method, StatusCode};
use jiff::Timestamp;

use super::script::{BEARER, ScriptedPlatform, Step, answer, create, delete, fetch, get, operation};

#[tokio::test(start_paused = true)]
async fn request_has_expected_method_url_headers_and_body() {
    let platform = ScriptedPlatform::new([answer(200, "\"a\""), answer(204, "")]);
    fetch(&platform.client(), &operation(), &create()).await.unwrap();
    let request = Request::new(Method::DELETE, "", &["thing"]).query("name", "a b/c&d+ü");
    platform.client().send(&operation(), &request).await.unwrap();
    let [post, delete] = &platform.requests()[..] else {
        panic!()
    };
    let header = |name| post.request.headers()[name].to_str().unwrap();
    assert_eq!(post.request.uri(), "https://api.example.com/v1/thing");
    assert_eq!(header("authorization"), format!("Bearer {BEARER}"));
    assert_eq!(header("content-type"), "application/json");
    assert_eq!(header("accept"), "application/json");
    assert_eq!(header("user-agent"), "terraform-provider-test/1.0");
    assert_eq!(post.request.body(), r#"{"name":"thing"}"#);
    assert!(post.request.headers()["authorization"].is_sensitive());
    assert_eq!(
        delete.request.uri(),
        "https://api.example.com/v1/thing?name=a%20b%2Fc%26d%2B%C3%BC"
    );
    assert!(!delete.request.headers().contains_key("content-type"));
}

#[tokio::test(start_paused = true)]
async fn request_with_ambiguous_path_or_query_is_not_sent() {
    let platform = ScriptedPlatform::new([]);
    for request in [
        Request::new(Method::DELETE, "delete it", &["tokens", ""]),
        Request::new(Method::DELETE, "delete it", &["tokens", ".."]),
        Request::new(Method::DELETE, "delete it", &["token"]).query("name", ""),
    ] {
        let error = platform.client().send(&operation(), &request).await.unwrap_err();
        assert!(matches!(error.kind(), Kind::Invalid(_)), "{error}");
        assert!(!error.is_ambiguous());
    }
}

#[tokio::test(start_paused = true)]
async fn answer_beyond_size_limit_fails() {
    let platform = ScriptedPlatform::new([Step::Endless(201)]);
    let error = fetch(&platform.client(), &operation(), &create()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not create the thing: the platform's answer is longer than 8388608 bytes"
    );
    assert!(error.is_ambiguous());
}

#[tokio::test(start_paused = true)]
async fn error_with_infinite_or_broken_body_reports_status() {
    for step in [Step::Endless(403), Step::CutBody(403), Step::HangBody(403)] {
        let platform = ScriptedPlatform::new([step]);
        let error = fetch(&platform.client(), &operation(), &create()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "could not create the thing: the platform answered 403 Forbidden"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn message_is_found_in_error_body_of_64_kib_only() {
    for (length, expected) in [(64 * 1024, Some("name taken")), (64 * 1024 + 1, None)] {
        let message = "{\"message\":\"name taken\"}";
        let body = format!("{}{message}", " ".repeat(length - message.len()));
        let platform = ScriptedPlatform::new([answer(409, body.leak())]);
        let error = fetch(&platform.client(), &operation(), &create()).await.unwrap_err();
        assert_eq!(error.platform_message(), expected, "{length}");
    }
}

#[tokio::test(start_paused = true)]
async fn body_of_successful_deletion_is_ignored() {
    for step in [
        answer(204, ""),
        Step::Endless(200),
        Step::CutBody(200),
        Step::HangBody(202),
    ] {
        ScriptedPlatform::new([step])
            .client()
            .send(&operation(), &delete())
            .await
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn html_page_is_reported_as_page() {
    let page = "<!DOCTYPE html><html><title>Sign in</title>";
    let platform = ScriptedPlatform::new([answer(403, page)]);
    let error = fetch(&platform.client(), &operation(), &get())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("an HTML page") && !error.contains("Sign in"), "{error}");
    let platform = ScriptedPlatform::new([answer(200, page), answer(200, page), answer(200, page)]);
    let error = fetch(&platform.client(), &operation(), &get())
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("an HTML page") && !error.contains("Sign in"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn deletion_answered_with_page_fails() {
    let platform = ScriptedPlatform::new((0..3).map(|_| answer(200, "\n<!DOCTYPE HTML><title>Sign in</title>")));
    let error = platform.client().send(&operation(), &delete()).await.unwrap_err();
    assert!(error.to_string().contains("an HTML page"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn not_found_in_page_does_not_count_as_deleted() {
    let platform = ScriptedPlatform::new([answer(404, "{\"message\":\"no such thing\"}"), answer(404, "<html>404")]);
    assert!(
        platform
            .client()
            .send(&operation(), &delete())
            .await
            .unwrap_err()
            .is_not_found()
    );
    let error = platform.client().send(&operation(), &delete()).await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::NOT_FOUND));
    assert!(!error.is_not_found());
}

#[tokio::test(start_paused = true)]
async fn redirect_is_not_followed_and_error_omits_its_secrets() {
    for status in [301, 302, 303, 307, 308] {
        let to = &[("location", "https://login.example.com/sso?code=s3cret")];
        let platform = ScriptedPlatform::new([Step::Answer(status, to, "")]);
        let error = fetch(&platform.client(), &operation(), &create()).await.unwrap_err();
        assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
        let text = error.to_string();
        assert!(
            text.contains("https://login.example.com") && !text.contains("s3cret"),
            "{text}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn message_of_platform_is_shown_as_plain_text() {
    let platform = ScriptedPlatform::new([answer(409, "{\"message\":\"\\u001b[31mname\\r\\ntaken\\u0007\"}")]);
    let error = fetch(&platform.client(), &operation(), &create()).await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::CONFLICT));
    assert_eq!(error.platform_message(), Some("name taken"));
}

#[tokio::test(start_paused = true)]
async fn clock_is_corrected_only_by_answers_of_platform() {
    const DATE: (&str, &str) = ("date", "Fri, 01 Jan 2027 00:00:00 GMT");
    let machine: Timestamp = "2027-02-10T00:00:00Z".parse().unwrap();
    for (step, corrects) in [
        (Step::Answer(200, &[DATE], "\"value\""), true),
        (Step::Answer(404, &[DATE], "{}"), true),
        (Step::Answer(401, &[DATE], ""), true),
        (Step::Answer(200, &[], "\"value\""), false),
        (Step::Answer(200, &[("date", "soon")], "\"value\""), false),
        // A cached answer.
        (Step::Answer(200, &[DATE, ("age", "3456000")], "\"value\""), false),
        (Step::Answer(200, &[DATE], "<html>Sign in</html>"), false),
        (Step::Answer(404, &[DATE], "<html>No such page</html>"), false),
        (Step::Answer(302, &[DATE, ("location", "/login")], ""), false),
        (Step::Answer(501, &[DATE], ""), false),
    ] {
        let clock = Clock::new(move || machine);
        let platform = ScriptedPlatform::new([step]);
        let client = platform.client().with_clock(clock.clone());
        let _ = fetch(&client, &operation(), &create()).await;
        assert_eq!(clock.now() != machine, corrects, "{:?}", platform.requests());
        assert_eq!(clock.is_synchronised(), corrects);
    }
}
