//! The sandbox of Quix follows the platform's documentation and its public Python client.

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use token_providers::sandbox::quix::{ErrorBody, Options, Paths, Readers, Role, Rotated, Sandbox, Tokens};
use token_providers::sandbox::{Effect, Fault, Listening};

const DEV: &str = "acme-shop-dev";
const READ: &str = "/workspaces/acme-shop-dev/sdktokens";
const ROTATE: &str = "/workspaces/acme-shop-dev/sdktokens/rotate";

struct Platform {
    sandbox: Sandbox,
    listening: Listening,
    http: reqwest::Client,
    admin: SecretString,
}

struct Answer {
    status: u16,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

impl Platform {
    async fn new(options: Options) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let sandbox = Sandbox::new(options);
        sandbox.add_workspace(DEV);
        let listening = sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30));
        Self {
            admin: sandbox.add_user(Role::Admin),
            sandbox,
            listening,
            http: http.build().unwrap(),
        }
    }

    /// Sends a request as the Python client does, with this token.
    async fn ask_as(&self, token: &SecretString, method: Method, path: &str) -> Answer {
        let request = self
            .request(method, path)
            .bearer_auth(token.expose_secret())
            .header("x-version", "2.0");
        Self::answer(request).await
    }

    async fn ask(&self, method: Method, path: &str) -> Answer {
        self.ask_as(&self.admin, method, path).await
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.listening.base_url))
    }

    async fn answer(request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        Answer {
            status: answer.status().as_u16(),
            text: answer.text().await.unwrap(),
        }
    }

    fn tokens(&self) -> [String; 2] {
        self.sandbox
            .tokens(DEV)
            .unwrap()
            .map(|token| token.expose_secret().to_owned())
    }
}

#[tokio::test]
async fn rotation_revokes_token_1_promotes_token_2_and_issues_another() {
    let platform = Platform::new(Options::default()).await;
    let [first, second] = platform.tokens();
    assert_eq!(
        platform.ask(Method::GET, READ).await.json(),
        json!({"current": first, "next": second})
    );
    let rotated = platform.ask(Method::POST, ROTATE).await;
    let [now_first, now_second] = platform.tokens();
    assert_eq!(
        (rotated.status, rotated.json()),
        (200, json!({"current": now_first, "next": now_second}))
    );
    assert_eq!(now_first, second);
    assert!(now_second != first && now_second != second);
    let live = |value: &str| platform.sandbox.is_live(value);
    assert!(!live(&first) && live(&second) && live(&now_second));
}

#[tokio::test]
async fn repeated_rotation_revokes_both_tokens() {
    let platform = Platform::new(Options::default()).await;
    let before = platform.tokens();
    for _ in 0..2 {
        platform.ask(Method::POST, ROTATE).await;
    }
    assert!(before.iter().all(|token| !platform.sandbox.is_live(token)));
    // The platform may have rotated although the answer was lost.
    platform
        .sandbox
        .fault(Fault::new(Effect::Cut).after().on("POST", ROTATE));
    let request = platform
        .request(Method::POST, ROTATE)
        .bearer_auth(platform.admin.expose_secret());
    assert!(request.header("x-version", "2.0").send().await.is_err());
    assert_eq!(platform.sandbox.rotations(DEV), 3);
}

#[tokio::test]
async fn undocumented_behaviour_is_configurable() {
    for (paths, reading, rotation) in [
        (Paths::Published, (Method::GET, READ), (Method::POST, ROTATE)),
        (
            Paths::ByQuery,
            (Method::GET, "/sandbox-tokens?workspaceId=acme-shop-dev"),
            (Method::PUT, "/sandbox-tokens?workspaceId=acme-shop-dev"),
        ),
    ] {
        for rotated in [Rotated::Tokens, Rotated::NewToken, Rotated::Empty, Rotated::NoContent] {
            let platform = Platform::new(Options {
                paths,
                rotated,
                ..Options::default()
            })
            .await;
            let answer = platform.ask(rotation.0.clone(), rotation.1).await;
            let [one, two] = platform.tokens();
            let expected = match rotated {
                Rotated::Tokens => (200, json!({"current": one, "next": two}).to_string()),
                Rotated::NewToken => (201, json!(two).to_string()),
                Rotated::Empty => (200, String::new()),
                Rotated::NoContent => (204, String::new()),
            };
            assert_eq!((answer.status, answer.text), expected);
            for (tokens, expected) in [
                (Tokens::Published, json!({"current": one, "next": two})),
                (Tokens::Named, json!({"token1": one, "token2": two})),
                (Tokens::Strings, json!([one, two])),
                (Tokens::Objects, json!([{"token": one}, {"token": two}])),
                (Tokens::Wrapped, json!({"tokens": [{"value": one}, {"value": two}]})),
            ] {
                platform.sandbox.set_options(|options| options.tokens = tokens);
                assert_eq!(platform.ask(reading.0.clone(), reading.1).await.json(), expected);
            }
        }
        // Only the configured paths exist.
        let other = match paths {
            Paths::Published => Paths::ByQuery,
            Paths::ByQuery => Paths::Published,
        };
        let platform = Platform::new(Options {
            paths: other,
            ..Options::default()
        })
        .await;
        assert_eq!(platform.ask(reading.0, reading.1).await.status, 404);
        assert_eq!(platform.ask(rotation.0, rotation.1).await.status, 404);
    }
}

#[tokio::test]
async fn revoked_token_may_be_accepted_for_a_few_minutes() {
    let platform = Platform::new(Options {
        deactivation: SignedDuration::from_mins(4),
        ..Options::default()
    })
    .await;
    let [first, second] = platform.sandbox.tokens(DEV).unwrap();
    for _ in 0..2 {
        platform.ask(Method::POST, ROTATE).await;
    }
    for token in [&first, &second] {
        assert_eq!(platform.ask_as(token, Method::GET, "/workspaces").await.status, 200);
    }
    platform.sandbox.advance(SignedDuration::from_mins(4));
    for token in [&first, &second] {
        assert_eq!(platform.ask_as(token, Method::GET, "/workspaces").await.status, 401);
    }
    for token in platform.sandbox.tokens(DEV).unwrap() {
        assert_eq!(platform.ask_as(&token, Method::GET, "/workspaces").await.status, 200);
    }
}

#[tokio::test]
async fn read_may_return_previous_tokens_for_a_while() {
    let platform = Platform::new(Options {
        tokens: Tokens::Strings,
        stale_reads: SignedDuration::from_secs(60),
        ..Options::default()
    })
    .await;
    let before = platform.tokens();
    platform.ask(Method::POST, ROTATE).await;
    platform.ask(Method::POST, ROTATE).await;
    assert_eq!(platform.ask(Method::GET, READ).await.json(), json!(before));
    platform.sandbox.advance(SignedDuration::from_secs(60));
    assert_eq!(platform.ask(Method::GET, READ).await.json(), json!(platform.tokens()));
}

#[tokio::test]
async fn rotation_requires_administrator_and_readers_are_configurable() {
    for (readers, by_user, by_holder) in [
        (Readers::Users, 200, 403),
        (Readers::Admins, 403, 403),
        (Readers::Holders, 200, 200),
    ] {
        let platform = Platform::new(Options {
            readers,
            ..Options::default()
        })
        .await;
        let [_, holder] = platform.sandbox.tokens(DEV).unwrap();
        for (token, reading) in [
            (platform.sandbox.add_user(Role::Manager), by_user),
            (platform.sandbox.add_user(Role::Editor), by_user),
            (platform.sandbox.add_user(Role::Viewer), by_user),
            (holder, by_holder),
        ] {
            assert_eq!(platform.ask_as(&token, Method::GET, READ).await.status, reading);
            assert_eq!(platform.ask_as(&token, Method::POST, ROTATE).await.status, 403);
        }
        assert_eq!(platform.sandbox.rotations(DEV), 0);
        assert_eq!(platform.ask(Method::GET, READ).await.status, 200);
    }
}

#[tokio::test]
async fn streaming_token_is_limited_to_its_environment() {
    let platform = Platform::new(Options::default()).await;
    platform.sandbox.add_workspace("acme-shop-prod");
    let [token, _] = platform.sandbox.tokens(DEV).unwrap();
    let own = platform.ask_as(&token, Method::GET, "/workspaces").await.json();
    assert_eq!(own.as_array().unwrap().len(), 1);
    assert_eq!(own[0]["workspaceId"], DEV);
    for (workspace, status) in [(DEV, 200), ("acme-shop-prod", 403), ("other", 404)] {
        for path in ["", "/broker/librdkafka"] {
            let path = format!("/workspaces/{workspace}{path}");
            assert_eq!(
                platform.ask_as(&token, Method::GET, &path).await.status,
                status,
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn environment_contains_password_of_broker() {
    let platform = Platform::new(Options::default()).await;
    let workspace = platform.ask(Method::GET, "/workspaces/acme-shop-dev").await.json();
    let mut fields: Vec<_> = workspace.as_object().unwrap().keys().collect();
    fields.sort();
    // The fields in the client's tests.
    assert_eq!(
        fields,
        [
            "branch",
            "branchProtected",
            "broker",
            "brokerSettings",
            "brokerType",
            "createdAt",
            "environmentName",
            "name",
            "repositoryId",
            "status",
            "storageClassId",
            "version",
            "workspaceClassId",
            "workspaceId",
        ]
    );
    let password = workspace["broker"]["password"].as_str().unwrap();
    assert!(
        platform
            .sandbox
            .issued_values()
            .iter()
            .any(|value| value.expose_secret() == password)
    );
    let settings = platform
        .ask(Method::GET, "/workspaces/acme-shop-dev/broker/librdkafka")
        .await
        .json();
    assert_eq!(settings["sasl.password"], password);
    assert!(
        settings["ssl.ca.cert"].as_str().unwrap().starts_with("LS0tLS1CRUdJTi"),
        "PEM in Base64"
    );
    platform.sandbox.set_options(|options| {
        options.has_certificate = false;
        options.has_other_settings = true;
        options.settings_are_strings = false;
        options.users_list_workspaces = false;
    });
    let settings = platform
        .ask(Method::GET, "/workspaces/acme-shop-dev/broker/librdkafka")
        .await
        .json();
    assert_eq!(
        (&settings["ssl.ca.cert"], &settings["socket.keepalive.enable"]),
        (&json!(null), &json!(true))
    );
    assert_eq!(platform.ask(Method::GET, "/workspaces").await.json(), json!([]));
}

#[tokio::test]
async fn permission_is_true_or_false() {
    let platform = Platform::new(Options::default()).await;
    let viewer = platform.sandbox.add_user(Role::Viewer);
    for (query, status, allowed) in [
        (
            "resourceType=Workspace&resourceId=acme-shop-dev&permission=Read",
            200,
            "true",
        ),
        (
            "resourceType=Workspace&resourceId=acme-shop-dev&permission=Update",
            200,
            "false",
        ),
        (
            "resourceType=Workspace&resourceId=acme-shop-dev&permission=update",
            400,
            "",
        ),
        ("resourceType=Workspace&permission=Read", 400, ""),
        ("resourceType=Workspace&resourceId=a&permission=Read&x=1", 400, ""),
    ] {
        let answer = platform
            .ask_as(&viewer, Method::GET, &format!("/auth/permissions/query?{query}"))
            .await;
        assert_eq!(answer.status, status, "{query}");
        assert!(status != 200 || answer.text == allowed, "{query}");
    }
}

#[tokio::test]
async fn requests_that_no_client_sends_are_rejected() {
    let platform = Platform::new(Options::default()).await;
    let get = || platform.request(Method::GET, "/workspaces");
    let admin = platform.admin.expose_secret();
    for (request, status) in [
        (get(), 401),
        (get().bearer_auth("wrong").header("x-version", "2.0"), 401),
        // Quix's own samples omit the version, and write the scheme in lower case.
        (get().bearer_auth(admin), 200),
        (get().header("authorization", format!("bearer {admin}")), 200),
        (get().bearer_auth(admin).header("x-version", "1.0"), 400),
        (get().header("authorization", admin).header("x-version", "2.0"), 401),
    ] {
        assert_eq!(Platform::answer(request).await.status, status);
    }
    for (method, path, status) in [
        (Method::GET, "/tokens", 404),
        (Method::DELETE, READ, 405),
        (Method::GET, ROTATE, 405),
        (Method::GET, "/workspaces/", 404),
    ] {
        assert_eq!(platform.ask(method, path).await.status, status, "{path}");
    }
    let with_body = platform
        .request(Method::POST, ROTATE)
        .bearer_auth(admin)
        .header("x-version", "2.0");
    assert_eq!(Platform::answer(with_body.body("{}")).await.status, 400);
    assert_eq!(platform.sandbox.rotations(DEV), 0);
}

#[tokio::test]
async fn error_has_configured_body() {
    for (errors, expected) in [
        (
            ErrorBody::Problem,
            json!({"title": "Error", "status": 404, "detail": "Not found."}).to_string(),
        ),
        (ErrorBody::Message, json!({"message": "Not found."}).to_string()),
        (ErrorBody::Plain, "Not found.".to_owned()),
        (ErrorBody::Empty, String::new()),
    ] {
        let platform = Platform::new(Options {
            errors,
            ..Options::default()
        })
        .await;
        let answer = platform.ask(Method::GET, "/workspaces/other").await;
        assert_eq!((answer.status, answer.text), (404, expected));
    }
}

#[tokio::test]
async fn endpoints_of_python_client_exist() {
    let platform = Platform::new(Options::default()).await;
    let settings = platform
        .ask(Method::GET, "/workspaces/acme-shop-dev/broker/librdkafka")
        .await
        .json();
    // The client rejects any other setting.
    for name in settings.as_object().unwrap().keys() {
        let known = ["bootstrap.", "security.protocol", "sasl.", "ssl."];
        assert!(known.iter().any(|known| name.starts_with(known)), "{name}");
    }
    let get = platform
        .request(Method::GET, "/workspaces/acme-shop-dev/certificates")
        .bearer_auth(platform.admin.expose_secret());
    let archive = get.send().await.unwrap().bytes().await.unwrap();
    assert!(archive.starts_with(b"PK\x03\x04") && archive.windows(7).any(|window| window == b"ca.cert"));
    for path in ["/auth/token/details", "/profile"] {
        assert!(platform.ask(Method::GET, path).await.json().is_object(), "{path}");
    }
    assert_eq!(
        platform.ask(Method::GET, "/auth/token/roles").await.json(),
        json!(["Admin"])
    );
    assert_eq!(
        platform.ask(Method::GET, "/acme-shop-dev/topics").await.json(),
        json!([])
    );
    assert_eq!(platform.ask(Method::GET, "/other/topics").await.status, 404);
    let billing = "/auth/permissions/query?resourceType=Billing&resourceId=&permission=Read";
    assert_eq!(platform.ask(Method::GET, billing).await.text, "true");
}

#[tokio::test]
async fn personal_access_tokens_follow_the_published_collection() {
    let platform = Platform::new(Options::default()).await;
    let create = async |body: Value| {
        let request = platform.request(Method::POST, "/profile/tokens").body(body.to_string());
        Platform::answer(request.bearer_auth(platform.admin.expose_secret())).await
    };
    let created = create(json!({"name": "ci", "expiresAt": "2100-01-01T00:00:00.417Z", "scopes": ["read"]})).await;
    assert_eq!(created.status, 200);
    let created = created.json();
    let members: Vec<_> = created.as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["createdAt", "expiresAt", "id", "name", "scopes", "value"]);
    let value = SecretString::from(created["value"].as_str().unwrap());
    for body in [
        json!({}),
        json!({"name": ""}),
        json!({"name": "ci", "expiresAt": "2000-01-01T00:00:00Z"}),
    ] {
        assert_eq!(create(body).await.status, 400);
    }

    // It authenticates as its user, and the list shows no values.
    let list = platform.ask_as(&value, Method::GET, "/profile/tokens").await.json();
    let rows = list.as_array().unwrap();
    assert_eq!(rows.len(), 2, "the one that the user had, and the new one");
    let members: Vec<_> = rows[1].as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["createdAt", "expiresAt", "id", "name"]);
    assert_eq!(rows[1]["expiresAt"], "2100-01-01T00:00:00.417Z");
    let profile = async |token| platform.ask_as(token, Method::GET, "/profile").await.json()["userId"].clone();
    assert_eq!(profile(&value).await, profile(&platform.admin).await);
    let roles = platform.ask_as(&value, Method::GET, "/auth/token/roles").await;
    assert_eq!(roles.json(), json!(["Admin"]));

    // Neither another user nor a streaming token can see or delete it.
    let path = format!("/profile/tokens/{}", created["id"].as_str().unwrap());
    let other = platform.sandbox.add_user(Role::Admin);
    assert_eq!(platform.ask_as(&other, Method::DELETE, &path).await.status, 404);
    let [streaming, _] = platform.sandbox.tokens(DEV).unwrap();
    assert_eq!(
        platform.ask_as(&streaming, Method::GET, "/profile/tokens").await.status,
        403
    );
    let deleted = platform.ask(Method::DELETE, &path).await;
    assert_eq!((deleted.status, &*deleted.text), (200, ""));
    assert_eq!(platform.ask_as(&value, Method::GET, "/profile").await.status, 401);
    assert_eq!(platform.ask(Method::DELETE, &path).await.status, 404);
}

#[tokio::test]
async fn personal_access_token_is_rejected_after_its_expiry() {
    let platform = Platform::new(Options::default()).await;
    let expiry = platform.sandbox.clock().now() + SignedDuration::from_hours(1);
    let token = platform
        .sandbox
        .add_personal_access_token(&platform.admin, "ci", Some(expiry))
        .unwrap();
    assert_eq!(platform.ask_as(&token.value, Method::GET, "/profile").await.status, 200);
    platform.sandbox.advance(SignedDuration::from_hours(1));
    assert_eq!(platform.ask_as(&token.value, Method::GET, "/profile").await.status, 401);
}
