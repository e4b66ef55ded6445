//! The sandbox of NeuroIO follows the platform's documentation and its public clients.

use std::time::Duration;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, header};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use token_providers::sandbox::neuroio::{
    ErrorBody, Expired, Instants, Options, PermanentExpiry, Realm, Sandbox, Update,
};
use token_providers::sandbox::{Effect, Fault, Listening};

struct Platform {
    sandbox: Sandbox,
    listening: Listening,
    http: reqwest::Client,
    token: String,
}

struct Answer {
    status: u16,
    json: Value,
}

impl Answer {
    fn ids(&self) -> Vec<u64> {
        let rows = self.json.as_array().unwrap();
        rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
    }
}

impl Platform {
    async fn new(options: Options) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let sandbox = Sandbox::new(options);
        let listening = sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let token = sandbox.add_api_token(&Realm::Account).expose_secret().to_owned();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30));
        Self {
            sandbox,
            listening,
            http: http.build().unwrap(),
            token,
        }
    }

    /// Sends a request with the headers and the body that a client sends.
    async fn send(&self, method: Method, path: &str, authorization: &str, body: Option<(&str, String)>) -> Answer {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.listening.base_url))
            .header(header::AUTHORIZATION, authorization);
        if let Some((media_type, body)) = body {
            request = request.header(header::CONTENT_TYPE, media_type).body(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        Answer {
            status,
            json: serde_json::from_str(&text).unwrap_or_default(),
        }
    }

    async fn ask(&self, method: Method, path: &str) -> Answer {
        self.send(method, path, &format!("Token {}", self.token), None).await
    }

    async fn json(&self, method: Method, path: &str, body: Value) -> Answer {
        let body = Some(("application/json", body.to_string()));
        self.send(method, path, &format!("Token {}", self.token), body).await
    }

    async fn form(&self, path: &str, body: &str) -> Answer {
        let body = Some(("application/x-www-form-urlencoded", body.to_owned()));
        self.send(Method::PATCH, path, &format!("Token {}", self.token), body)
            .await
    }

    async fn create(&self, permanent: bool) -> Value {
        let answer = self.json(Method::POST, TOKENS, json!({ "permanent": permanent })).await;
        assert_eq!(answer.status, 201);
        answer.json
    }
}

const TOKENS: &str = "/streams/tokens/";

#[tokio::test]
async fn token_can_be_managed_as_documented() {
    let platform = Platform::new(Options::default()).await;
    let created = platform.create(true).await;
    let mut fields: Vec<_> = created.as_object().unwrap().keys().collect();
    fields.sort();
    assert_eq!(fields, ["created", "expires", "id", "is_active", "key"]);
    let (id, key) = (&created["id"], created["key"].as_str().unwrap());
    for name in [id.to_string(), key.to_owned()] {
        let read = platform.ask(Method::GET, &format!("{TOKENS}{name}/")).await;
        assert_eq!((read.status, &read.json), (200, &created), "by id and by key");
    }
    let one = format!("{TOKENS}{id}/");
    assert_eq!(platform.form(&one, "is_active=false").await.json["is_active"], false);
    assert!(!platform.sandbox.is_live(key));
    assert_eq!(platform.form(&one, "is_active=true").await.json["is_active"], true);
    assert!(platform.sandbox.is_live(key));
    assert_eq!(platform.ask(Method::DELETE, &one).await.status, 204);
    assert_eq!(platform.ask(Method::GET, &one).await.status, 404);
    assert_eq!(platform.ask(Method::DELETE, &one).await.status, 404);
}

#[tokio::test]
async fn temporary_token_expires_after_24_hours_and_permanent_one_never() {
    for (expired, listed) in [(Expired::Listed, 2), (Expired::Deactivated, 2), (Expired::Deleted, 1)] {
        let platform = Platform::new(Options {
            expired,
            ..Options::default()
        })
        .await;
        let (temporary, permanent) = (platform.create(false).await, platform.create(true).await);
        let instant = |name: &str| -> Timestamp { temporary[name].as_str().unwrap().parse().unwrap() };
        assert_eq!(
            instant("expires").duration_since(instant("created")),
            SignedDuration::from_hours(24)
        );
        let is_live = |token: &Value| platform.sandbox.is_live(token["key"].as_str().unwrap());
        assert!(is_live(&temporary) && is_live(&permanent));
        platform.sandbox.advance(SignedDuration::from_hours(24));
        assert!(!is_live(&temporary) && is_live(&permanent));
        let list = platform.ask(Method::GET, TOKENS).await;
        assert_eq!(list.ids().len(), listed);
        let expired_row = list
            .json
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["id"] == temporary["id"]);
        let is_active = expired_row.map(|row| row["is_active"] == true);
        assert_eq!(is_active, [Some(true), Some(false), None][expired as usize]);
    }
}

#[tokio::test]
async fn list_has_pages_and_filter() {
    let platform = Platform::new(Options::default()).await;
    for number in 0..25 {
        platform.sandbox.add_token(&Realm::Account, number % 5 == 0);
    }
    for (query, ids) in [
        ("", (1..=20).collect::<Vec<u64>>()),
        ("?limit=10&offset=5", (6..=15).collect()),
        ("?limit=20&offset=20", (21..=25).collect()),
        ("?limit=20&offset=25", vec![]),
        ("?limit=20&offset=0&permanent=true", vec![1, 6, 11, 16, 21]),
        ("?limit=2&offset=1&permanent=false", vec![3, 4]),
        ("?permanent=&limit=1", vec![1]),
    ] {
        let list = platform.ask(Method::GET, &format!("{TOKENS}{query}")).await;
        assert_eq!((list.status, list.ids()), (200, ids), "{query}");
    }
    platform.sandbox.set_options(|options| options.max_page_size = 3);
    assert_eq!(platform.ask(Method::GET, TOKENS).await.ids().len(), 3);
    for query in ["?limit=x", "?permanent=yes", "?page=2"] {
        assert_eq!(platform.ask(Method::GET, &format!("{TOKENS}{query}")).await.status, 400);
    }
}

#[tokio::test]
async fn sixth_permanent_token_is_rejected() {
    let platform = Platform::new(Options::default()).await;
    for _ in 0..5 {
        platform.create(true).await;
    }
    let rejected = platform.json(Method::POST, TOKENS, json!({"permanent": true})).await;
    assert_eq!(rejected.status, 400);
    platform.create(false).await;
    // Another space has a separate limit.
    let space = platform.sandbox.add_api_token(&Realm::Space("lobby".to_owned()));
    let authorization = format!("Token {}", space.expose_secret());
    let body = Some(("application/json", json!({"permanent": true}).to_string()));
    let created = platform.send(Method::POST, TOKENS, &authorization, body).await;
    assert_eq!(created.status, 201);

    platform.sandbox.set_active_outside(1, false);
    assert_eq!(
        platform
            .json(Method::POST, TOKENS, json!({"permanent": true}))
            .await
            .status,
        400
    );
    platform.sandbox.set_options(|options| {
        options.inactive_count = false;
        options.limit_reached = StatusCode::CONFLICT;
    });
    platform.create(true).await;
    assert_eq!(
        platform
            .json(Method::POST, TOKENS, json!({"permanent": true}))
            .await
            .status,
        409
    );
}

#[tokio::test]
async fn deletion_without_id_deletes_all_tokens_of_realm() {
    for (path, merges_slashes, remaining) in [
        (TOKENS, true, 1),
        ("/streams/tokens/?permanent=true", true, 2),
        ("/streams/tokens//", true, 1),
        ("/streams/tokens//", false, 3),
        ("/streams/tokens", true, 3),
    ] {
        let platform = Platform::new(Options {
            merges_slashes,
            ..Options::default()
        })
        .await;
        platform.create(true).await;
        platform.create(false).await;
        platform.sandbox.add_token(&Realm::Managers, true);
        let deleted = platform.ask(Method::DELETE, path).await;
        let of = |realm| platform.sandbox.tokens(&realm).len();
        assert_eq!(of(Realm::Account) + of(Realm::Managers), remaining, "{path}");
        assert_eq!(deleted.status == 204, remaining < 3, "{path}");
    }
}

#[tokio::test]
async fn each_client_activates_tokens_with_its_own_request() {
    let platform = Platform::new(Options::default()).await;
    platform.create(true).await;
    let one = "/streams/tokens/1/";
    let body = || json!({"is_active": false});
    // A platform may support both clients.
    assert_eq!(platform.json(Method::PUT, one, body()).await.json["is_active"], false);
    assert_eq!(platform.form(one, "is_active=true").await.json["is_active"], true);
    platform
        .sandbox
        .set_options(|options| options.update = Update::PatchForm);
    assert_eq!(platform.json(Method::PUT, one, body()).await.status, 405);
    assert_eq!(platform.json(Method::PATCH, one, body()).await.status, 415);
    assert_eq!(platform.form(one, "is_active=maybe").await.status, 400);
    platform.sandbox.set_options(|options| options.update = Update::PutJson);
    assert_eq!(platform.form(one, "is_active=false").await.status, 405);
    assert_eq!(platform.json(Method::PUT, one, body()).await.json["is_active"], false);
    assert_eq!(
        platform.json(Method::PUT, one, json!({"is_active": 1})).await.status,
        400
    );
}

#[tokio::test]
async fn request_is_authenticated_and_sees_only_its_realm() {
    let platform = Platform::new(Options::default()).await;
    let created = platform.create(true).await;
    let key = created["key"].as_str().unwrap();
    for (authorization, status) in [
        (format!("Token {}", platform.token), 200),
        (format!("Token {key}"), 200),
        (format!("Bearer {}", platform.token), 401),
        ("Token ".to_owned(), 401),
        ("Token wrong".to_owned(), 401),
    ] {
        let answer = platform.send(Method::GET, TOKENS, &authorization, None).await;
        assert_eq!(answer.status, status, "{authorization}");
    }
    let manager = platform.sandbox.add_api_token(&Realm::Managers);
    let authorization = format!("Token {}", manager.expose_secret());
    assert!(
        platform
            .send(Method::GET, TOKENS, &authorization, None)
            .await
            .ids()
            .is_empty()
    );
    let one = platform
        .send(Method::GET, "/streams/tokens/1/", &authorization, None)
        .await;
    assert_eq!(one.status, 404);
}

#[tokio::test]
async fn errors_have_documented_or_other_body() {
    let platform = Platform::new(Options::default()).await;
    let invalid = platform.form("/streams/tokens/", "").await;
    assert_eq!(invalid.status, 405);
    platform.create(true).await;
    let invalid = platform.form("/streams/tokens/1/", "is_active=").await.json;
    assert_eq!(invalid["error_codes"], json!([400]));
    assert_eq!(invalid["message"], "Validation error.");
    assert_eq!(invalid["fields"][0]["name"], "is_active");
    platform
        .sandbox
        .set_options(|options| options.errors = ErrorBody::Detail);
    let missing = platform.ask(Method::GET, "/streams/tokens/2/").await;
    assert_eq!(missing.json, json!({"detail": "Not found."}));
    platform
        .sandbox
        .set_options(|options| options.errors = ErrorBody::Empty);
    assert!(platform.ask(Method::GET, "/streams/tokens/2/").await.json.is_null());
}

#[tokio::test]
async fn undocumented_behaviour_is_configurable() {
    let platform = Platform::new(Options::default()).await;
    let created = platform.create(true).await;
    assert!(created["expires"].is_null() && created["created"].as_str().unwrap().ends_with("+00:00"));
    platform.sandbox.set_options(|options| {
        options.permanent_expires = PermanentExpiry::Absent;
        options.instants = Instants::Zulu;
        options.returns_permanent = true;
    });
    let read = platform.ask(Method::GET, "/streams/tokens/1/").await.json;
    assert!(read.get("expires").is_none() && read["created"].as_str().unwrap().ends_with('Z'));
    assert_eq!(read["permanent"], true);
    for (permanent_expires, days) in [(PermanentExpiry::ADay, 1), (PermanentExpiry::AYear, 365)] {
        platform
            .sandbox
            .set_options(|options| options.permanent_expires = permanent_expires);
        let read = platform.ask(Method::GET, "/streams/tokens/1/").await.json;
        let instant = |name: &str| -> Timestamp { read[name].as_str().unwrap().parse().unwrap() };
        let lifetime = instant("expires").duration_since(instant("created"));
        assert_eq!(lifetime, SignedDuration::from_hours(24 * days));
    }
}

#[tokio::test]
async fn faults_apply_as_in_other_sandboxes() {
    let platform = Platform::new(Options::default()).await;
    platform.sandbox.fault(Fault::answer(502).after().on("POST", TOKENS));
    platform
        .sandbox
        .fault(Fault::new(Effect::Cut).on("DELETE", "/streams/tokens/1/"));
    let lost = platform.json(Method::POST, TOKENS, json!({})).await;
    assert_eq!(lost.status, 502);
    assert_eq!(
        platform.sandbox.tokens(&Realm::Account).len(),
        1,
        "the request was executed"
    );
    platform.sandbox.clear_faults();
    assert_eq!(platform.ask(Method::DELETE, "/streams/tokens/1/").await.status, 204);
    assert_eq!(platform.sandbox.calls("POST", TOKENS), 1);
}
