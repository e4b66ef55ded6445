//! The control API, on every platform.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::Request;
use http_body_util::BodyExt;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use token_providers::sandbox::control::{Source, TokenManagement};
use token_providers::sandbox::{Fault, neuroio, quix, startree, striim};
use token_providers::token::Clock;
use tower::ServiceExt;

const NOW: &str = "2027-01-01T00:00:00Z";

fn clock() -> Clock {
    Clock::new(|| NOW.parse::<Timestamp>().unwrap())
}

/// A sandbox of any platform, with the value of an administrator's token.
struct Client {
    platform: &'static str,
    router: Router,
    /// The `Authorization` of a request to the API.
    authorization: String,
}

#[derive(Debug)]
struct Answer {
    status: u16,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn striim() -> (striim::Sandbox, Client) {
    let seed = striim::Seed {
        clock: clock(),
        ..striim::Seed::default()
    };
    let sandbox = striim::Sandbox::seeded(seed, striim::Options::default());
    let authorization = format!("Bearer {}", sandbox.admin_token().expose_secret());
    let client = Client::new(&sandbox.router(), striim::Account::NAME, authorization);
    (sandbox, client)
}

fn startree() -> (startree::Sandbox, Client) {
    let sandbox = startree::Sandbox::with_clock(clock(), startree::Options::default());
    let authorization = format!("Bearer {}", sandbox.add_administrator().bearer().expose_secret());
    let client = Client::new(&sandbox.router(), startree::Environment::NAME, authorization);
    (sandbox, client)
}

fn neuroio() -> (neuroio::Sandbox, Client) {
    let sandbox = neuroio::Sandbox::with_clock(clock(), neuroio::Options::default());
    let token = sandbox.add_api_token(&neuroio::Realm::Account);
    let authorization = format!("Token {}", token.expose_secret());
    let client = Client::new(&sandbox.router(), neuroio::NeuroIo::NAME, authorization);
    (sandbox, client)
}

fn quix() -> (quix::Sandbox, Client) {
    let sandbox = quix::Sandbox::with_clock(clock(), quix::Options::default());
    sandbox.add_workspace("acme-shop-dev");
    let authorization = format!("Bearer {}", sandbox.add_user(quix::Role::Admin).expose_secret());
    let client = Client::new(&sandbox.router(), quix::Portal::NAME, authorization);
    (sandbox, client)
}

fn all() -> [Client; 4] {
    [striim().1, startree().1, neuroio().1, quix().1]
}

impl Client {
    fn new(router: &Router, platform: &'static str, authorization: String) -> Self {
        Self {
            platform,
            router: router.clone(),
            authorization,
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        Answer { status, body }
    }

    async fn openapi(&self) -> Value {
        let request = Request::builder().uri("/sandbox/openapi.json");
        self.send(request.body(Body::empty()).unwrap()).await.json()
    }

    /// Asserts that the OpenAPI document allows this answer.
    async fn check_answer(&self, method: &str, path: &str, answer: &Answer) {
        let document = self.openapi().await;
        let path = format!("/sandbox{}", path.split('?').next().unwrap());
        let operations = document["paths"].as_object().unwrap().iter();
        let mut operations = operations.filter(|(template, _)| matches(template, &path));
        let Some((_, operations)) = operations.next() else {
            assert_eq!(answer.status, 404, "{path} is not documented");
            return;
        };
        let Some(operation) = operations.get(method.to_lowercase()) else {
            assert_eq!(answer.status, 405, "{method} {path} is not documented");
            return;
        };
        let documented = match answer.status {
            400.. => &document["components"]["responses"]["Error"],
            status => &operation["responses"][status.to_string()],
        };
        assert!(documented.is_object(), "{method} {path}: {answer:?} is not documented");
        let Some(content) = documented.get("content") else {
            assert!(answer.body.is_empty(), "{method} {path}: {answer:?}");
            return;
        };
        let mut schema = content["application/json"]["schema"].clone();
        schema["components"] = document["components"].clone();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let (instance, errors) = (answer.json(), |error: jsonschema::ValidationError<'_>| {
            error.to_string()
        });
        let errors: Vec<_> = validator.iter_errors(&instance).map(errors).collect();
        assert!(
            errors.is_empty(),
            "{}: {method} {path}: {errors:?}: {instance}",
            self.platform
        );
    }

    /// Calls the control API. `Value::Null` means no body.
    async fn control(&self, method: &str, path: &str, body: Value) -> Answer {
        let body = match body {
            Value::Null => Body::empty(),
            body => Body::from(body.to_string()),
        };
        let request = Request::builder()
            .method(method)
            .uri(format!("/sandbox{path}"))
            .header("user-agent", "browser");
        let answer = self.send(request.body(body).unwrap()).await;
        self.check_answer(method, path, &answer).await;
        answer
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.control("GET", path, Value::Null).await;
        assert_eq!(answer.status, 200, "{}: {path}: {answer:?}", self.platform);
        answer.json()
    }

    /// Calls the platform's API as Terraform.
    async fn api(&self, method: &str, path: &str, content_type: &str, body: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header("authorization", &self.authorization)
            .header("user-agent", "Terraform/1.15")
            .header("content-type", content_type);
        self.send(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    async fn tokens(&self, query: &str) -> Vec<Value> {
        let page = self.get(&format!("/tokens{query}")).await;
        page["tokens"].as_array().unwrap().clone()
    }

    /// The fields of a creation that the platform accepts.
    fn creation(&self) -> Value {
        match self.platform {
            "striim" => {
                json!({ "kind": "service-account", "name": "from-console", "expires-at": "2027-01-10T00:00:00Z" })
            }
            "startree" => json!({ "kind": "service-token", "description": "from-console" }),
            "neuroio" => json!({ "kind": "permanent-token", "space": "" }),
            _ => {
                json!({ "kind": "personal-access-token", "name": "from-console", "expires-at": "2027-01-10T00:00:00Z" })
            }
        }
    }

    /// The newest audit entry: source, actor, client, action, target and outcome.
    async fn last_entry(&self) -> Value {
        let entries = self.get("/audit?limit=1").await;
        let entry = &entries["entries"][0];
        json!([
            entry["source"],
            entry["actor"],
            entry["client"],
            entry["action"],
            entry["target"],
            entry["outcome"],
        ])
    }
}

/// Whether a path has this template, such as `/tokens/{id}`.
fn matches(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    let (template, path): (Vec<_>, Vec<_>) = (template.collect(), path.collect());
    let mut segments = template.iter().zip(&path);
    template.len() == path.len() && segments.all(|(expected, found)| expected.starts_with('{') || expected == found)
}

/// Every answer in this module is compared with the document; see [`Client::check_answer`].
#[tokio::test]
async fn openapi_document_is_valid_and_complete() {
    for client in all() {
        let document = client.openapi().await;
        assert_eq!(document["openapi"], "3.1.0");
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let mut schema = schema.clone();
            schema["components"] = document["components"].clone();
            assert!(
                jsonschema::validator_for(&schema).is_ok(),
                "{}: {name}",
                client.platform
            );
        }
        let mut ids = Vec::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                ids.push(operation["operationId"].as_str().unwrap().to_owned());
                assert!(!operation["summary"].as_str().unwrap().is_empty());
                if path == "/sandbox/events" {
                    continue;
                }
                let path = path.replace(['{', '}'], "");
                let request = Request::builder().method(method.to_uppercase().as_str()).uri(&path);
                let answer = client.send(request.body(Body::empty()).unwrap()).await;
                assert_ne!(answer.status, 405, "{method} {path}");
                let is_routed =
                    answer.status != 404 || !answer.json()["message"].as_str().unwrap().contains("endpoint");
                assert!(is_routed, "{method} {path}: {answer:?}");
            }
        }
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "operation ids are unique");
    }
    let document = startree().1.openapi().await;
    assert!(document["paths"]["/sandbox/roles"]["get"].is_object());
    let contents = &striim().1.openapi().await["components"]["schemas"]["Contents"];
    assert!(contents["properties"]["service-accounts"].is_object(), "{contents}");
}

#[tokio::test]
async fn overview_describes_account_without_values() {
    for client in all() {
        let overview = client.get("").await;
        assert_eq!(overview["platform"], client.platform);
        assert_eq!((&overview["account"], &overview["now"]), (&json!("acme"), &json!(NOW)));
        let counts = overview["counts"].as_object().unwrap().values();
        let total: u64 = counts.map(|count| count.as_u64().unwrap()).sum();
        assert_eq!(total, client.get("/tokens").await["total"].as_u64().unwrap());
        for kind in overview["kinds"].as_array().unwrap() {
            assert!(kind["title"].is_string() && kind["kind"].is_string(), "{kind}");
        }
        let secret = client.authorization.split(' ').nth(1).unwrap();
        assert!(!overview.to_string().contains(secret));
    }
}

#[tokio::test]
async fn token_is_created_listed_and_revoked_as_in_portal() {
    for client in all() {
        let created = client.control("POST", "/tokens", client.creation()).await;
        assert_eq!(created.status, 201, "{}: {created:?}", client.platform);
        let (token, value) = (created.json()["token"].clone(), created.json()["value"].clone());
        let id = token["id"].as_str().unwrap();
        let listed = client.tokens("").await;
        assert!(listed.contains(&token), "{listed:?}");
        let shown = [
            client.get("/tokens").await,
            client.get("").await,
            client.get("/audit").await,
        ];
        assert!(
            shown
                .iter()
                .all(|shown| !shown.to_string().contains(value.as_str().unwrap()))
        );
        assert!(
            client.get("/values").await["issued"]
                .as_array()
                .unwrap()
                .contains(&value)
        );

        let revoked = client.control("DELETE", &format!("/tokens/{id}"), Value::Null).await;
        assert_eq!((revoked.status, revoked.body.len()), (204, 0));
        assert_eq!(client.last_entry().await[3], "revoke");
        let ended = client.tokens("?state=revoked").await;
        assert_eq!((&ended[0]["id"], &ended[0]["ended-at"]), (&token["id"], &json!(NOW)));
        assert_eq!(ended[0]["actions"], json!([]));
        let again = client.control("DELETE", &format!("/tokens/{id}"), Value::Null).await;
        assert_eq!(again.status, 404, "{again:?}");
        assert!(again.json()["message"].as_str().unwrap().contains(id));
    }
}

#[tokio::test]
async fn tokens_are_filtered_and_paged() {
    let (sandbox, client) = neuroio();
    for _ in 0..7 {
        sandbox.add_token(&neuroio::Realm::Account, true);
    }
    let temporary = sandbox.add_token(&neuroio::Realm::Space("shop".to_owned()), false);
    sandbox.set_active_outside(3, false);
    let page = client.get("/tokens?kind=permanent-token&offset=5&limit=1").await;
    assert_eq!(page["total"], 7);
    assert_eq!(page["tokens"].as_array().unwrap().len(), 1);
    assert_eq!(page["tokens"][0]["name"], "Token 6");
    assert_eq!(client.tokens("?state=inactive").await[0]["id"], "3");
    assert_eq!(client.tokens("?query=SHOP").await[0]["id"], temporary.id.to_string());
    assert_eq!(client.tokens("?state=expiring").await.len(), 1);
    for invalid in ["?state=lost", "?limit=many", "?colour=red"] {
        let answer = client.control("GET", &format!("/tokens{invalid}"), Value::Null).await;
        assert_eq!(answer.status, 400, "{invalid}: {answer:?}");
    }
}

#[tokio::test]
async fn rotation_keeps_replaced_token_in_view() {
    let (_, client) = striim();
    let created = client.control("POST", "/tokens", client.creation()).await.json();
    let rotate = format!("/tokens/{}/rotate", created["token"]["id"].as_str().unwrap());
    let body = json!({ "expires-at": "2027-03-01T00:00:00Z" });
    let rotated = client.control("POST", &rotate, body).await.json();
    assert_eq!(rotated["token"]["expires-at"], "2027-03-01T00:00:00Z");
    assert_ne!(rotated["value"], created["value"]);
    assert_eq!(client.tokens("?state=revoked").await[0]["id"], created["token"]["id"]);
    let old = client.control("POST", &rotate, Value::Null).await;
    assert_eq!(old.status, 404, "the replaced token cannot be rotated: {old:?}");

    let (sandbox, client) = quix();
    let before = sandbox.tokens("acme-shop-dev").unwrap();
    let [first, second] = client.tokens("?kind=streaming-token").await.try_into().unwrap();
    assert_eq!((&first["slot"], &second["slot"]), (&json!(1), &json!(2)));
    assert_eq!(
        (&first["actions"], &second["actions"]),
        (&json!(["rotate"]), &json!([]))
    );
    let rotate = |token: &Value| format!("/tokens/{}/rotate", token["id"].as_str().unwrap());
    assert_eq!(client.control("POST", &rotate(&second), Value::Null).await.status, 409);
    let rotated = client.control("POST", &rotate(&first), Value::Null).await.json();
    let after = sandbox.tokens("acme-shop-dev").unwrap();
    assert_eq!(after[0].expose_secret(), before[1].expose_secret());
    assert_eq!(
        (&rotated["token"]["slot"], &rotated["value"]),
        (&json!(2), &json!(after[1].expose_secret()))
    );
    let [now_first, _] = client
        .tokens("?kind=streaming-token&state=active")
        .await
        .try_into()
        .unwrap();
    assert_eq!(now_first["id"], second["id"], "token 2 is token 1 now");
    assert_eq!(client.tokens("?state=revoked").await[0]["id"], first["id"]);

    for (client, id) in [(startree().1, "access-key"), (neuroio().1, "id")] {
        let created = client.control("POST", "/tokens", client.creation()).await.json();
        let rotate = format!("/tokens/{}/rotate", created["token"]["id"].as_str().unwrap());
        assert_eq!(client.control("POST", &rotate, Value::Null).await.status, 409, "{id}");
    }
}

#[tokio::test]
async fn token_is_deactivated_and_activated() {
    let (sandbox, client) = neuroio();
    let created = client.control("POST", "/tokens", client.creation()).await.json();
    let (id, value) = (
        created["token"]["id"].as_str().unwrap(),
        created["value"].as_str().unwrap(),
    );
    for (action, state, is_live) in [("deactivate", "inactive", false), ("activate", "active", true)] {
        let answer = client
            .control("POST", &format!("/tokens/{id}/{action}"), Value::Null)
            .await;
        assert_eq!(answer.json()["token"]["state"], state);
        assert_eq!(sandbox.is_live(value), is_live);
        assert_eq!(client.last_entry().await[3], action);
    }
    let (_, client) = striim();
    let id = client.tokens("").await[0]["id"].clone();
    let answer = client
        .control(
            "POST",
            &format!("/tokens/{}/deactivate", id.as_str().unwrap()),
            Value::Null,
        )
        .await;
    assert_eq!(answer.status, 409, "{answer:?}");
}

#[tokio::test]
async fn creation_follows_rules_of_platform() {
    let (_, striim) = striim();
    for (fields, status) in [
        (json!({ "kind": "service-account", "name": "x" }), 400),
        (json!({ "kind": "service-account", "name": "terraform" }), 409),
        (json!({ "kind": "service-account" }), 400),
        (json!({ "kind": "other", "name": "abc" }), 400),
        (json!({ "name": "abc" }), 400),
        (
            json!({ "kind": "service-account", "name": "abc", "colour": "red" }),
            400,
        ),
        (
            json!({ "kind": "personal-access-token", "email": "admin@acme.example" }),
            201,
        ),
        (
            json!({ "kind": "personal-access-token", "email": "admin@acme.example" }),
            409,
        ),
        (json!([]), 400),
    ] {
        let answer = striim.control("POST", "/tokens", fields.clone()).await;
        assert_eq!(answer.status, status, "{fields}: {answer:?}");
    }
    let (_, neuroio) = neuroio();
    for status in [201, 201, 201, 201, 201, 400] {
        assert_eq!(
            neuroio.control("POST", "/tokens", neuroio.creation()).await.status,
            status
        );
    }
    assert_eq!(neuroio.get("").await["quota"]["used"], 5);
}

#[tokio::test]
async fn switch_revokes_personal_access_tokens_when_turned_off() {
    let (sandbox, client) = striim();
    sandbox.add_user("ann@acme.example", striim::Role::Regular);
    sandbox.add_user_token("ann@acme.example", None).unwrap();
    let warning = client.get("").await["switches"][0]["warning"].clone();
    assert!(warning.as_str().unwrap().contains("now 1"), "{warning}");
    for on in [false, false, true] {
        let answer = client
            .control("PUT", "/switches/pats-enabled", json!({ "on": on }))
            .await;
        assert_eq!(answer.json()["on"], on);
        assert_eq!(sandbox.are_pats_enabled(), on);
    }
    assert_eq!(
        client.tokens("?kind=personal-access-token&state=revoked").await.len(),
        1
    );
    let unknown = client.control("PUT", "/switches/light", json!({ "on": true })).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn api_requests_are_audited_with_actor_and_outcome() {
    let json = "application/json";
    let (_, client) = striim();
    for (method, path, body, expected) in [
        (
            "POST",
            "/service-account",
            r#"{"name": "ci-pipeline"}"#,
            json!(["create", "service account ci-pipeline", 200]),
        ),
        (
            "POST",
            "/service-account/rotate",
            r#"{"name": "none"}"#,
            json!(["rotate", "service account none", 404]),
        ),
        (
            "DELETE",
            "/service-account?name=ci-pipeline",
            "",
            json!(["revoke", "service account ci-pipeline", 204]),
        ),
        (
            "POST",
            "/user-token/rotate",
            r#"{"email": "admin@acme.example"}"#,
            json!(["rotate", "personal access token of admin@acme.example", 200]),
        ),
        (
            "DELETE",
            "/user-token?user-id=8509",
            "",
            json!(["revoke", "personal access token of admin@acme.example", 204]),
        ),
        (
            "PATCH",
            "/user-token/status",
            "",
            json!(["disable", "personal access tokens", 200]),
        ),
    ] {
        client.api(method, &format!("/api/v1{path}"), json, body).await;
        let entry = client.last_entry().await;
        assert_eq!(
            entry.as_array().unwrap()[..3],
            [
                json!("api"),
                json!("terraform (service account)"),
                json!("Terraform/1.15")
            ]
        );
        assert_eq!(json!(entry.as_array().unwrap()[3..]), expected);
    }
    client.api("GET", "/api/v1/service-accounts", json, "").await;
    assert_eq!(
        client.get("/audit").await["entries"].as_array().unwrap().len(),
        6,
        "reads are not audited"
    );

    let (_, client) = startree();
    client
        .api(
            "POST",
            "/api/v1/rbac-manager/service-tokens",
            json,
            r#"{"description": "ci"}"#,
        )
        .await;
    let entry = client.last_entry().await;
    assert!(
        entry[1].as_str().unwrap().starts_with("Terraform (service token "),
        "{entry}"
    );
    assert_eq!(
        json!(entry.as_array().unwrap()[3..]),
        json!(["create", "service token ci", 200])
    );
    let assign = r#"{"subject": "ann@acme.example", "subjectType": "user-email"}"#;
    let path = "/api/v1/rbac-manager/roles/srn2:role%23table-reader/create-assignment";
    client.api("POST", path, json, assign).await;
    assert_eq!(
        client.last_entry().await[4],
        "role table-reader to user-email ann@acme.example"
    );

    let (sandbox, client) = neuroio();
    let token = sandbox.add_token(&neuroio::Realm::Account, true);
    let path = format!("/v1/streams/tokens/{}/", token.key.expose_secret());
    client
        .api("PATCH", &path, "application/x-www-form-urlencoded", "is_active=false")
        .await;
    assert_eq!(
        client.last_entry().await,
        json!([
            "api",
            "API token of the account",
            "Terraform/1.15",
            "deactivate",
            "stream token 1",
            200
        ])
    );
    client.api("DELETE", "/v1/streams/tokens/", json, "").await;
    assert_eq!(client.last_entry().await[4], "all stream tokens");

    let (_, client) = quix();
    client
        .api("POST", "/workspaces/acme-shop-dev/sdktokens/rotate", json, "")
        .await;
    assert_eq!(
        client.last_entry().await,
        json!([
            "api",
            "initial (Admin)",
            "Terraform/1.15",
            "rotate",
            "streaming tokens of acme-shop-dev",
            200
        ])
    );
}

#[tokio::test]
async fn request_without_valid_credential_is_audited_as_unknown() {
    for mut client in all() {
        client.authorization = "Bearer nonsense".to_owned();
        client
            .api("POST", "/v1/streams/tokens/", "application/json", "{}")
            .await;
        client
            .api("POST", "/api/v1/service-account", "application/json", "{}")
            .await;
        client
            .api("POST", "/api/v1/rbac-manager/roles", "application/json", "{}")
            .await;
        client.api("POST", "/profile/tokens", "application/json", "{}").await;
        let entry = client.last_entry().await;
        assert_eq!((&entry[1], &entry[5]), (&json!("unknown"), &json!(401)), "{entry}");
    }
}

#[tokio::test]
async fn request_that_fault_answers_is_not_audited_but_listed_as_struck() {
    let (sandbox, client) = striim();
    sandbox.fault(Fault::answer(503).on("POST", "/service-account"));
    let create = || {
        client.api(
            "POST",
            "/api/v1/service-account",
            "application/json",
            r#"{"name": "ci-pipeline"}"#,
        )
    };
    assert_eq!(create().await.status, 503);
    assert!(sandbox.audit_log().is_empty());
    let struck = client.get("/faults/struck").await;
    assert_eq!(struck[0]["at"], NOW);
    assert_eq!(
        (&struck[0]["method"], &struck[0]["path"]),
        (&json!("POST"), &json!("/service-account"))
    );
    assert_eq!(struck[0]["effect"]["answer"]["status"], 503);
    create().await;
    assert_eq!(client.get("/faults/struck").await.as_array().unwrap().len(), 1);
    assert_eq!(sandbox.audit_log().len(), 1);
}

#[tokio::test]
async fn clock_options_and_faults_are_changed_on_every_platform() {
    for client in all() {
        let moved = client.control("POST", "/clock", json!({ "advance": "90d" })).await;
        assert_eq!(moved.json(), json!({ "now": "2027-04-01T00:00:00Z" }));
        assert_eq!(client.get("/clock").await, moved.json());
        assert_eq!(client.last_entry().await[0], "clock");
        for invalid in [
            json!({}),
            json!({ "advance": "soon" }),
            json!({ "advance": "99999y" }),
            json!({ "back": "1d" }),
        ] {
            assert_eq!(client.control("POST", "/clock", invalid).await.status, 400);
        }

        let mut options = client.get("/options").await;
        let changed = client.control("PATCH", "/options", json!({ "errors": "empty" })).await;
        options["errors"] = json!("empty");
        assert_eq!(changed.json(), options, "{}", client.platform);
        assert_eq!(client.last_entry().await[4], "errors");
        for invalid in [json!({ "errrors": "empty" }), json!({ "errors": "paper" }), json!(7)] {
            assert_eq!(client.control("PATCH", "/options", invalid).await.status, 400);
        }
        assert_eq!(client.get("/options").await, options);

        let fault = json!({ "effect": "cut" });
        assert_eq!(client.control("POST", "/faults", fault).await.status, 204);
        assert_eq!(client.get("/faults").await[0]["effect"], "cut");
        assert_eq!(client.control("DELETE", "/faults", Value::Null).await.status, 204);
        assert_eq!(client.get("/faults").await, json!([]));
        assert_eq!(client.last_entry().await[3], "remove faults");
    }
}

#[tokio::test]
async fn seed_adds_contents_regardless_of_rules() {
    let (sandbox, client) = startree();
    let seed = json!({
        "policies": [{ "name": "readers", "document": "{}" }],
        "roles": [{ "name": "analysts", "policies": ["readers"], "assignments": [{ "subject-type": "group", "subject": "data" }] }],
        "tokens": [{ "access-key": "abc", "secret-key": "def", "roles": ["analysts"] }],
    });
    assert_eq!(client.control("POST", "/seed", seed).await.status, 204);
    assert!(sandbox.is_live("st-abc-def"));
    let roles = client.get("/roles").await;
    let analysts = roles
        .as_array()
        .unwrap()
        .iter()
        .find(|role| role["name"] == "analysts")
        .unwrap();
    assert_eq!(analysts["policies"], json!(["readers"]));
    assert_eq!(analysts["assignments"].as_array().unwrap().len(), 2);
    let unknown = json!({ "tokens": [{ "roles": ["none"] }] });
    assert_eq!(client.control("POST", "/seed", unknown).await.status, 400);

    let (sandbox, client) = neuroio();
    let tokens = vec![json!({ "permanent": true }); 9];
    let seed = json!({ "tokens": tokens, "api-tokens": [{ "value": "chosen", "realm": { "space": "shop" } }] });
    assert_eq!(client.control("POST", "/seed", seed).await.status, 204);
    assert!(sandbox.is_live("chosen"));
    assert_eq!(sandbox.tokens(&neuroio::Realm::Account).len(), 9);

    let (sandbox, client) = quix();
    let seed = json!({
        "users": [{ "role": "viewer", "tokens": [{ "name": "ci", "value": "pat-1", "expires-in": "2w" }] }],
        "workspaces": [{ "id": "other", "tokens": [{ "value": "sdk-1" }] }],
    });
    assert_eq!(client.control("POST", "/seed", seed).await.status, 204);
    assert!(sandbox.is_live("pat-1") && sandbox.is_live("sdk-1"));
    assert_eq!(
        client.tokens("?query=ci").await[0]["expires-at"],
        "2027-01-15T00:00:00Z"
    );
    let both = json!({ "users": [{ "role": "admin", "tokens": [
        { "name": "ci", "expires-in": "2w", "expires-at": NOW }
    ] }] });
    assert_eq!(client.control("POST", "/seed", both).await.status, 400);
    assert_eq!(
        client.control("POST", "/seed", json!({ "planets": [] })).await.status,
        400
    );
}

/// The sandbox answers further requests.
#[tokio::test]
async fn extreme_numbers_and_times_cause_no_panic() {
    let (id, rotations) = (u64::MAX, usize::MAX);
    for (client, seed) in [
        (neuroio().1, json!({ "tokens": [{ "id": id }] })),
        (
            quix().1,
            json!({ "workspaces": [{ "id": "other", "rotations": rotations }] }),
        ),
        (
            striim().1,
            json!({ "users": [{ "email": "a", "id": i64::MAX }, { "email": "b" }] }),
        ),
        (startree().1, json!({})),
    ] {
        for now in ["9999-12-30T22:00:00.999999999Z", "-009999-01-02T01:59:59Z"] {
            assert_eq!(
                client.control("POST", "/clock", json!({ "now": now })).await.status,
                200
            );
            assert_eq!(client.control("PATCH", "/options", json!({})).await.status, 200);
            let seeded = client.control("POST", "/seed", seed.clone()).await;
            assert_eq!(seeded.status, 204, "{}: {now}: {seeded:?}", client.platform);
            let temporary = json!({ "kind": "temporary-token" });
            client.control("POST", "/tokens", temporary).await;
            client.control("POST", "/tokens", client.creation()).await;
            client.get("/tokens").await;
            client.get("").await;
        }
    }
}

#[tokio::test]
async fn roles_of_startree_are_assigned_and_removed() {
    let (sandbox, client) = startree();
    let token = sandbox.add_token();
    let path = format!("/roles/table-reader/assignments/service-token/{}", token.access_key);
    for (method, is_live) in [("PUT", true), ("DELETE", false)] {
        assert_eq!(client.control(method, &path, Value::Null).await.status, 204);
        assert_eq!(sandbox.is_live(token.bearer().expose_secret()), is_live);
    }
    assert_eq!(client.last_entry().await[3], "unassign");
    for (path, status) in [
        ("/roles/none/assignments/group/data", 404),
        ("/roles/table-reader/assignments/robot/r2", 404),
        ("/roles/table-reader/assignments/service-token/none", 404),
    ] {
        assert_eq!(client.control("PUT", path, Value::Null).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn unknown_endpoints_and_methods_are_rejected_with_message() {
    for client in all() {
        for (method, path, status) in [
            ("GET", "/nothing", 404),
            ("DELETE", "/clock", 405),
            ("POST", "/tokens/none/rotate", 404),
            ("GET", "/audit?after=x", 400),
        ] {
            let answer = client.control(method, path, Value::Null).await;
            assert_eq!(answer.status, status, "{}: {method} {path}", client.platform);
            assert!(answer.json()["message"].is_string(), "{answer:?}");
        }
    }
}

#[tokio::test]
async fn web_page_of_another_site_is_rejected() {
    for client in all() {
        for (host, origin, status) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080", 200),
            ("127.0.0.1:8080", "http://attacker.example", 403),
            ("attacker.example:8080", "http://attacker.example:8080", 403),
        ] {
            for path in ["/sandbox", "/"] {
                let request = Request::builder()
                    .uri(path)
                    .header("host", host)
                    .header("origin", origin);
                let answer = client.send(request.body(Body::empty()).unwrap()).await;
                assert_eq!(answer.status, status, "{host} {origin} {path}");
            }
        }
    }
}

/// Reads server-sent events.
struct Events {
    body: Body,
    text: String,
}

impl Events {
    async fn open(client: &Client, path: &str, last_event_id: Option<&str>) -> Self {
        let mut request = Request::builder().uri(format!("/sandbox/events{path}"));
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        let answer = client
            .router
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self {
            body: answer.into_body(),
            text: String::new(),
        }
    }

    /// The next event or comment.
    async fn next(&mut self) -> String {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                return event;
            }
            let frame = self.body.frame().await.unwrap().unwrap();
            self.text
                .push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
        }
    }

    /// The name and the data of the next event that is no `change`.
    async fn next_named(&mut self) -> (String, Value) {
        loop {
            let event = self.next().await;
            let field = |name: &str| {
                event
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .unwrap_or_default()
            };
            let (name, data) = (field("event: "), field("data: "));
            if name != "change" {
                return (name.to_owned(), serde_json::from_str(data).unwrap());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn events_report_what_happens() {
    let (sandbox, client) = striim();
    let mut events = Events::open(&client, "", None).await;
    client.control("POST", "/tokens", client.creation()).await;
    let (name, entry) = events.next_named().await;
    assert_eq!(
        (name.as_str(), &entry["action"], &entry["sequence"]),
        ("audit", &json!("create"), &json!(1))
    );
    sandbox.fault(Fault::answer(503));
    client
        .api("GET", "/api/v1/service-accounts", "application/json", "")
        .await;
    let (name, fault) = events.next_named().await;
    assert_eq!((name.as_str(), &fault["path"]), ("fault", &json!("/service-accounts")));
    sandbox.set_time("2027-02-01T00:00:00Z".parse().unwrap());
    let moved = events.next_named().await;
    assert_eq!(moved, ("clock".to_owned(), json!({ "now": "2027-02-01T00:00:00Z" })));
}

#[tokio::test(start_paused = true)]
async fn changes_are_announced_once_and_connection_is_kept_open() {
    let (_, client) = striim();
    let mut events = Events::open(&client, "", None).await;
    for _ in 0..3 {
        client.control("POST", "/clock", json!({ "advance": "1h" })).await;
    }
    let mut seen = Vec::new();
    for _ in 0..8 {
        let event = events.next().await;
        seen.push(event.lines().next().unwrap().to_owned());
    }
    let changes = seen.iter().filter(|line| *line == "event: change").count();
    assert_eq!(changes, 1, "{seen:?}");
    assert_eq!(seen[7], ":", "a comment keeps the connection open: {seen:?}");
    let started = tokio::time::Instant::now();
    events.next().await;
    assert_eq!(started.elapsed(), Duration::from_secs(15));
}

#[tokio::test(start_paused = true)]
async fn missed_audit_entries_are_repeated() {
    let (_, client) = striim();
    for _ in 0..3 {
        client.control("POST", "/tokens", json!({ "kind": "other" })).await;
    }
    for (path, last_event_id, first) in [("?after=1", None, 2), ("", Some("2"), 3), ("?after=1", Some("2"), 3)] {
        let mut events = Events::open(&client, path, last_event_id).await;
        let event = events.next().await;
        assert!(event.contains(&format!("\"sequence\":{first}")), "{event}");
        assert!(event.contains(&format!("id: {first}")), "{event}");
    }
}

#[test]
fn sources_are_named_as_documented() {
    let names = [Source::Api, Source::Console, Source::Control, Source::Clock];
    assert_eq!(json!(names), json!(["api", "console", "control", "clock"]));
}
