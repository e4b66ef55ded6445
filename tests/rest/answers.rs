//! Answers that are too long, not meant for us, or lead elsewhere.

use http::{Method, StatusCode};
use token_providers::rest::{Kind, Request};

use crate::script::{Act, BEARER, Platform, answer, create, delete, fetch, get, operation};

#[tokio::test(start_paused = true)]
async fn a_request_is_sent_as_the_api_wants_it() {
    let platform = Platform::new([answer(200, "\"a\""), answer(204, "")]);
    fetch(&platform.client(), &operation(), &create()).await.unwrap();
    let request = Request::new(Method::DELETE, "", &["thing"]).query("name", "a b/c&d+ü");
    platform.client().send(&operation(), &request).await.unwrap();
    let [post, delete] = &platform.arrivals()[..] else {
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
async fn a_request_that_would_mean_another_thing_is_not_sent() {
    let platform = Platform::new([]);
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
async fn an_endless_answer_is_cut_off() {
    let platform = Platform::new([Act::Endless(201)]);
    let error = fetch(&platform.client(), &operation(), &create()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not create the thing: the platform's answer is longer than 8388608 bytes"
    );
    assert!(error.is_ambiguous());
}

#[tokio::test(start_paused = true)]
async fn an_endless_or_broken_error_still_tells_its_status() {
    for act in [Act::Endless(403), Act::CutBody(403), Act::HangBody(403)] {
        let platform = Platform::new([act]);
        let error = fetch(&platform.client(), &operation(), &create()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "could not create the thing: the platform answered 403 Forbidden"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_body_of_a_done_deletion_does_not_matter() {
    for act in [
        answer(204, ""),
        Act::Endless(200),
        Act::CutBody(200),
        Act::HangBody(202),
    ] {
        Platform::new([act])
            .client()
            .send(&operation(), &delete())
            .await
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_is_called_a_page() {
    let page = "<!DOCTYPE html><html><title>Sign in</title>";
    let platform = Platform::new([answer(403, page)]);
    let error = fetch(&platform.client(), &operation(), &get())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("a page for a browser") && !error.contains("Sign in"),
        "{error}"
    );
    let platform = Platform::new([answer(200, page), answer(200, page), answer(200, page)]);
    let error = fetch(&platform.client(), &operation(), &get())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("a page for a browser") && !error.contains("Sign in"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_does_not_mean_that_the_thing_is_deleted() {
    let platform = Platform::new((0..3).map(|_| answer(200, "\n<!DOCTYPE HTML><title>Sign in</title>")));
    let error = platform.client().send(&operation(), &delete()).await.unwrap_err();
    assert!(error.to_string().contains("a page for a browser"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_404_in_a_page_does_not_mean_that_the_thing_is_gone() {
    let platform = Platform::new([answer(404, "{\"message\":\"no such thing\"}"), answer(404, "<html>404")]);
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
async fn a_redirect_is_not_followed_and_its_secrets_not_told() {
    for status in [301, 302, 303, 307, 308] {
        let to = &[("location", "https://login.example.com/sso?code=s3cret")];
        let platform = Platform::new([Act::Answer(status, to, "")]);
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
async fn what_the_platform_says_is_shown_as_plain_text() {
    let platform = Platform::new([answer(409, "{\"message\":\"\\u001b[31mname\\r\\ntaken\\u0007\"}")]);
    let error = fetch(&platform.client(), &operation(), &create()).await.unwrap_err();
    assert_eq!(error.status(), Some(StatusCode::CONFLICT));
    assert_eq!(error.platform_message(), Some("name taken"));
}
