//! The sandbox of StarTree follows the pages *Using the RBAC API* and *Generate an API token*.

use std::time::Duration;

use http::StatusCode;
use jiff::SignedDuration;
use reqwest::{Method, header};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use token_providers::sandbox::startree::{
    Attached, Document, Envelope, ErrorBody, Names, Options, PinotAccess, Repeated, Sandbox, Srns, Subject,
    SubjectTypes, Success,
};
use token_providers::sandbox::{Fault, Listening};

struct Platform {
    sandbox: Sandbox,
    listening: Listening,
    http: reqwest::Client,
    bearer: String,
}

struct Answer {
    status: u16,
    json: Value,
}

impl Platform {
    async fn new(options: Options) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let sandbox = Sandbox::new(options);
        let listening = sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let bearer = sandbox.add_administrator().bearer().expose_secret().to_owned();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30));
        Self {
            sandbox,
            listening,
            http: http.build().unwrap(),
            bearer,
        }
    }

    async fn send(&self, method: Method, url: &str, authorization: &str, body: Option<Value>) -> Answer {
        let mut request = self
            .http
            .request(method, url)
            .header(header::AUTHORIZATION, authorization);
        if let Some(body) = body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        Answer {
            status,
            json: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let url = format!("{}{path}", self.listening.base_url);
        self.send(method, &url, &format!("Bearer {}", self.bearer), body).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, Some(body)).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, None).await
    }

    /// Pinot's answer to this `Authorization` header.
    async fn pinot(&self, authorization: &str) -> Answer {
        let url = format!("http://{}/appconfigs", self.listening.address);
        self.send(Method::GET, &url, authorization, None).await
    }
}

const ROLE: &str = "/roles/srn2:role%23reader";
const POLICY: &str = "/policies/srn2:policy%23read-only";
const DOCUMENT: &str = r#"{"version": "v1", "statements": []}"#;

fn policy() -> Value {
    json!({"name": "read-only", "description": "Queries", "policyDocumentJson": DOCUMENT})
}

fn role() -> Value {
    json!({"name": "reader", "description": "Reads"})
}

fn attachment() -> Value {
    json!({"policySrn": "srn2:policy#read-only"})
}

fn assignment(subject_type: &str, subject: &str) -> Value {
    json!({"subject": subject, "subjectType": subject_type})
}

#[tokio::test]
async fn documented_steps_make_token_valid_and_can_be_undone() {
    let platform = Platform::new(Options::default()).await;
    assert_eq!(platform.post("/policies", policy()).await.status, 200);
    assert_eq!(platform.post("/roles", role()).await.status, 200);
    assert_eq!(
        platform
            .post(&format!("{ROLE}/attach-policy"), attachment())
            .await
            .status,
        200
    );

    let issued = platform
        .post("/service-tokens", json!({"description": "ci"}))
        .await
        .json;
    let part = |name: &str| issued[name].as_str().unwrap().to_owned();
    let (access, secret, bearer) = (part("accessKey"), part("secretKey"), part("bearerToken"));
    assert_eq!((access.len(), secret.len()), (16, 32));
    assert_eq!(bearer, format!("st-{access}-{secret}"));
    let authorization = format!("Bearer {bearer}");
    assert_eq!(platform.pinot(&authorization).await.status, 403, "no role yet");
    let assign = format!("{ROLE}/create-assignment");
    assert_eq!(
        platform
            .post(&assign, assignment("service-token", &access))
            .await
            .status,
        200
    );
    assert_eq!(platform.pinot(&authorization).await.status, 200);
    assert!(platform.sandbox.is_live(&bearer));

    let listed = platform.get(&format!("{ROLE}/assignments")).await.json;
    assert_eq!(listed[0]["subject"], access.as_str());
    assert_eq!(platform.delete(ROLE).await.status, 409, "subjects are assigned");
    assert_eq!(platform.delete(POLICY).await.status, 409, "it is attached");

    let token = format!("/service-tokens/srn2:service-token%23{access}");
    let described = platform.get(&token).await.json;
    assert_eq!(described["description"], "ci");
    assert!(!described.to_string().contains(&secret));
    assert_eq!(platform.delete(&token).await.status, 200);
    assert_eq!(platform.pinot(&authorization).await.status, 401);
    assert_eq!(
        platform
            .post(&format!("{ROLE}/detach-policy"), attachment())
            .await
            .status,
        200
    );
    for deleted in [POLICY, ROLE, token.as_str()] {
        if deleted != token {
            assert_eq!(platform.delete(deleted).await.status, 200, "{deleted}");
        }
        assert_eq!(platform.get(deleted).await.status, 404, "{deleted}");
        assert_eq!(platform.delete(deleted).await.status, 404, "{deleted}");
    }
}

#[tokio::test]
async fn role_can_be_assigned_to_every_documented_type_of_subject() {
    let platform = Platform::new(Options::default()).await;
    platform.post("/roles", role()).await;
    let access_key = platform.sandbox.add_token().access_key;
    let subjects = [
        ("user-email", "ann@acme.com"),
        ("group", "data-analysts"),
        ("domain", "acme.com"),
        ("service-token", access_key.as_str()),
    ];
    for (subject_type, subject) in subjects {
        let body = assignment(subject_type, subject);
        let [assign, unassign] = ["create", "delete"].map(|verb| format!("{ROLE}/{verb}-assignment"));
        assert_eq!(platform.post(&assign, body.clone()).await.status, 200);
        assert_eq!(
            platform
                .get(&format!("{ROLE}/assignments"))
                .await
                .json
                .as_array()
                .unwrap()
                .len(),
            1
        );
        assert_eq!(platform.post(&unassign, body).await.status, 200);
    }
    for invalid in [
        assignment("email", "ann@acme.com"),
        assignment("group", ""),
        json!({"subject": "x"}),
    ] {
        assert_eq!(
            platform
                .post(&format!("{ROLE}/create-assignment"), invalid)
                .await
                .status,
            400
        );
    }
}

#[tokio::test]
async fn policy_is_updated_in_place() {
    let platform = Platform::new(Options::default()).await;
    platform.post("/policies", policy()).await;
    let changed = json!({"description": "More", "policyDocumentJson": r#"{"version":"v2"}"#});
    assert_eq!(platform.ask(Method::PUT, POLICY, Some(changed)).await.status, 200);
    let read = platform.get(POLICY).await.json;
    assert_eq!(
        (&read["description"], &read["policyDocumentJson"]),
        (&json!("More"), &json!(r#"{"version":"v2"}"#))
    );
    let bare = || Some(json!({"policyDocumentJson": DOCUMENT}));
    platform.sandbox.set_options(|options| options.keeps_description = true);
    platform.ask(Method::PUT, POLICY, bare()).await;
    assert_eq!(platform.get(POLICY).await.json["description"], "More");
    platform
        .sandbox
        .set_options(|options| options.keeps_description = false);
    platform.ask(Method::PUT, POLICY, bare()).await;
    assert_eq!(platform.get(POLICY).await.json["description"], Value::Null);
    for invalid in [
        json!({"policyDocumentJson": "{"}),
        json!({"name": "other", "policyDocumentJson": "{}"}),
    ] {
        assert_eq!(platform.ask(Method::PUT, POLICY, Some(invalid)).await.status, 400);
    }
}

#[tokio::test]
async fn environment_starts_with_documented_roles() {
    let platform = Platform::new(Options::default()).await;
    let roles = platform.get("/roles").await.json;
    let names: Vec<_> = roles
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["rbac-admin", "system-admin", "table-reader"]);
    let token = platform.sandbox.add_token();
    let assignment = json!({"subject": token.access_key, "subjectType": "service-token"});
    let path = "/roles/srn2:role%23table-reader/create-assignment";
    assert_eq!(platform.post(path, assignment).await.status, 200);
    let lower_case = format!("bearer {}", token.bearer().expose_secret());
    assert_eq!(platform.pinot(&lower_case).await.status, 200);
}

#[tokio::test]
async fn rbac_manager_accepts_only_administrators() {
    let platform = Platform::new(Options::default()).await;
    let other = platform.sandbox.add_token().bearer();
    for (authorization, status) in [
        (format!("Bearer {}", platform.bearer), 200),
        // The format in the documentation's samples.
        (format!("bearer {}", platform.bearer), 200),
        (format!("Bearer {}", other.expose_secret()), 403),
        (format!("Token {}", platform.bearer), 401),
        ("Bearer st-x-y".to_owned(), 401),
    ] {
        let url = format!("{}/roles", platform.listening.base_url);
        let answer = platform.send(Method::GET, &url, &authorization, None).await;
        assert_eq!(answer.status, status, "{authorization}");
    }
}

#[tokio::test]
async fn assignment_and_removal_propagate_with_delay_and_deletion_immediately() {
    let platform = Platform::new(Options {
        propagation: SignedDuration::from_hours(1),
        drops_assignments: false,
        ..Options::default()
    })
    .await;
    platform.sandbox.add_role("reader", None);
    let token = platform.sandbox.add_token();
    let (bearer, subject) = (token.bearer(), Subject::token(&token.access_key));
    let is_accepted = || platform.sandbox.is_live(bearer.expose_secret());
    platform.sandbox.assign_outside("reader", subject.clone());
    assert!(!is_accepted());
    platform.sandbox.advance(SignedDuration::from_hours(1));
    assert!(is_accepted());
    platform.sandbox.unassign_outside("reader", subject.clone());
    assert!(is_accepted(), "the removal has not propagated yet");
    platform.sandbox.assign_outside("reader", subject.clone());
    platform.sandbox.advance(SignedDuration::from_hours(1));
    assert!(is_accepted(), "the assignment continues");
    platform.sandbox.unassign_outside("reader", subject);
    platform.sandbox.advance(SignedDuration::from_hours(1));
    assert!(!is_accepted());
    platform
        .sandbox
        .assign_outside("reader", Subject::token(&token.access_key));
    platform.sandbox.advance(SignedDuration::from_hours(1));
    platform.sandbox.delete_token_outside(&token.access_key);
    assert!(!is_accepted(), "a deletion takes effect immediately");
}

#[tokio::test]
async fn pinot_accepts_basic_credentials_and_requires_role_or_policy() {
    let platform = Platform::new(Options::default()).await;
    let token = platform.sandbox.add_token();
    platform.sandbox.add_role("reader", None);
    platform
        .sandbox
        .assign_outside("reader", Subject::token(&token.access_key));
    let bearer = format!("Bearer {}", token.bearer().expose_secret());
    let ask = async |password: &str| {
        let url = format!("http://{}/appconfigs", platform.listening.address);
        let request = platform.http.get(url).basic_auth(&token.access_key, Some(password));
        request.send().await.unwrap().status().as_u16()
    };
    let password = token.secret_key.expose_secret();
    assert_eq!((ask(password).await, ask("wrong").await), (200, 401));
    platform.sandbox.set_options(|options| options.basic_auth = false);
    assert_eq!(ask(password).await, 401);

    platform.sandbox.set_options(|options| {
        options.pinot_access = PinotAccess::RoleWithPolicy;
        options.forbidden = StatusCode::UNAUTHORIZED;
    });
    assert_eq!(platform.pinot(&bearer).await.status, 401);
    platform.sandbox.add_policy("read-only", None, DOCUMENT);
    platform.sandbox.attach_outside("reader", "read-only");
    assert_eq!(platform.pinot(&bearer).await.status, 200);
    platform.sandbox.fault(Fault::answer(503).on("GET", "/appconfigs"));
    assert_eq!(platform.pinot(&bearer).await.status, 503);
    assert_eq!(platform.sandbox.calls("GET", "/appconfigs"), 6);
}

#[tokio::test]
async fn repeated_request_is_accepted_or_rejected() {
    for (repeated, added_again, removed_again) in [(Repeated::Accepted, 200, 200), (Repeated::Rejected, 409, 404)] {
        let platform = Platform::new(Options {
            repeated,
            ..Options::default()
        })
        .await;
        platform.post("/roles", role()).await;
        platform.post("/policies", policy()).await;
        for (verbs, body) in [
            (["create-assignment", "delete-assignment"], assignment("group", "data")),
            (["attach-policy", "detach-policy"], attachment()),
        ] {
            let [add, remove] = verbs.map(|verb| format!("{ROLE}/{verb}"));
            for (path, status) in [
                (&add, 200),
                (&add, added_again),
                (&remove, 200),
                (&remove, removed_again),
            ] {
                assert_eq!(
                    platform.post(path, body.clone()).await.status,
                    status,
                    "{path} {repeated:?}"
                );
            }
        }
        assert_eq!(platform.post("/roles", role()).await.status, 409, "a name is unique");
        assert_eq!(platform.post("/policies", policy()).await.status, 409);
    }
}

#[tokio::test]
async fn assignments_of_deleted_token_are_deleted_or_kept() {
    for drops_assignments in [true, false] {
        let platform = Platform::new(Options {
            drops_assignments,
            ..Options::default()
        })
        .await;
        platform.sandbox.add_role("reader", None);
        let token = platform.sandbox.add_token();
        platform
            .sandbox
            .assign_outside("reader", Subject::token(&token.access_key));
        platform.sandbox.delete_token_outside(&token.access_key);
        assert_eq!(
            platform.delete(ROLE).await.status,
            if drops_assignments { 200 } else { 409 }
        );
    }
    let platform = Platform::new(Options::default()).await;
    platform.sandbox.add_role("reader", None);
    let unknown = || assignment("service-token", "AAAAAAAAAAAAAAAA");
    let assign = format!("{ROLE}/create-assignment");
    assert_eq!(platform.post(&assign, unknown()).await.status, 404);
    platform
        .sandbox
        .set_options(|options| options.assigns_unknown_tokens = true);
    assert_eq!(platform.post(&assign, unknown()).await.status, 200);
}

#[tokio::test]
async fn undocumented_requests_are_rejected() {
    let platform = Platform::new(Options::default()).await;
    platform.post("/roles", role()).await;
    for (method, path, body, status) in [
        (Method::GET, "/service-tokens", None, 405),
        (Method::PUT, ROLE, Some(role()), 405),
        (Method::GET, "/roles/reader", None, 400),
        (Method::GET, "/roles/srn2:role%23", None, 400),
        (Method::GET, "/roles/srn2:policy%23reader", None, 400),
        (Method::GET, "/roles/", None, 404),
        (Method::POST, "/roles", Some(json!({"name": "x", "policies": []})), 400),
        (Method::POST, "/roles", Some(json!({"name": ""})), 400),
        (Method::POST, "/roles", None, 415),
        (
            Method::POST,
            "/policies",
            Some(json!({"name": "x", "policyDocumentJson": {}})),
            400,
        ),
        (Method::POST, "/service-tokens", Some(json!({"name": "x"})), 400),
    ] {
        let answer = platform.ask(method.clone(), path, body).await;
        assert_eq!(answer.status, status, "{method} {path}");
    }
    platform.sandbox.set_options(|options| {
        options.names = Names::Plain;
        options.requires_description = true;
    });
    for (name, description, status) in [("a b", "x", 400), ("ab", "", 400), ("ab", "x", 200)] {
        let body = json!({"name": name, "description": description});
        assert_eq!(
            platform.post("/roles", body).await.status,
            status,
            "{name} {description}"
        );
    }
}

#[tokio::test]
async fn undocumented_behaviour_is_configurable() {
    let platform = Platform::new(Options::default()).await;
    let precise = |options: &mut Options| (options.success, options.returns_objects) = (Success::Precise, false);
    platform.sandbox.set_options(precise);
    let created = platform.post("/roles", role()).await;
    assert_eq!((created.status, &created.json), (201, &json!("")));
    platform.sandbox.add_policy("read-only", None, DOCUMENT);
    assert_eq!(
        platform
            .post(&format!("{ROLE}/attach-policy"), attachment())
            .await
            .status,
        204
    );
    let issued = platform.post("/service-tokens", json!({})).await;
    assert!(issued.status == 201 && issued.json["bearerToken"].is_string());

    let roles = |list: Value| list.as_array().map(Vec::len);
    for (list, pointer) in [
        (Envelope::Bare, ""),
        (Envelope::Named, "/roles"),
        (Envelope::Data, "/data"),
        (Envelope::Page, "/content"),
    ] {
        platform.sandbox.set_options(|options| options.list = list);
        let answer = platform.get("/roles").await.json;
        assert_eq!(answer.pointer(pointer).cloned().and_then(roles), Some(4), "{list:?}");
    }
    platform.sandbox.set_options(|options| options.list = Envelope::Bare);
    for (attached, row) in [
        (
            Attached::Rows,
            json!({"name": "read-only", "srn": "srn2:policy#read-only"}),
        ),
        (Attached::PolicySrns, json!({"policySrn": "srn2:policy#read-only"})),
        (Attached::Strings, json!("srn2:policy#read-only")),
    ] {
        platform.sandbox.set_options(|options| options.attached = attached);
        assert_eq!(platform.get(&format!("{ROLE}/policies")).await.json, json!([row]));
    }
    for (document, expected) in [
        (Document::AsSent, json!(DOCUMENT)),
        (
            Document::Reformatted,
            json!("{\n  \"statements\": [],\n  \"version\": \"v1\"\n}"),
        ),
        (Document::Json, json!({"version": "v1", "statements": []})),
    ] {
        platform.sandbox.set_options(|options| options.document = document);
        assert_eq!(platform.get(POLICY).await.json["policyDocumentJson"], expected);
    }
    platform.sandbox.set_options(|options| {
        options.srns = Srns::Encoded;
        options.subject_types = SubjectTypes::UpperSnakeCase;
        options.lowercases_subjects = true;
        options.returns_descriptions = false;
        options.wraps_objects = true;
    });
    platform
        .sandbox
        .assign_outside("reader", Subject::new("user-email", "Ann@Acme.com"));
    let listed = platform.get(&format!("{ROLE}/assignments")).await.json;
    let expected = json!([{"subject": "ann@acme.com", "subjectType": "USER_EMAIL", "roleSrn": "srn2:role%23reader"}]);
    assert_eq!(listed, expected);
    let read = platform.get(ROLE).await.json;
    assert_eq!(read, json!({"data": {"name": "reader", "srn": "srn2:role%23reader"}}));
    platform
        .sandbox
        .set_options(|options| options.srns = Srns::PoliciesOnly);
    assert_eq!(platform.get(ROLE).await.json, json!({"data": {"name": "reader"}}));
}

#[tokio::test]
async fn error_has_configured_status_and_body() {
    let platform = Platform::new(Options::default()).await;
    for (errors, expected) in [
        (ErrorBody::Message, json!({"message": "The resource does not exist."})),
        (ErrorBody::Plain, json!("The resource does not exist.")),
        (ErrorBody::Empty, json!("")),
    ] {
        platform.sandbox.set_options(|options| options.errors = errors);
        assert_eq!(platform.get(ROLE).await.json, expected);
    }
    platform
        .sandbox
        .set_options(|options| options.errors = ErrorBody::Spring);
    assert_eq!(platform.get(ROLE).await.json["status"], 404);
    platform.sandbox.set_options(|options| {
        options.not_found = StatusCode::INTERNAL_SERVER_ERROR;
        options.name_taken = StatusCode::UNPROCESSABLE_ENTITY;
        options.in_use = StatusCode::BAD_REQUEST;
        options.deletes_roles_with_policies = false;
    });
    assert_eq!(platform.get(ROLE).await.status, 500);
    platform.post("/roles", role()).await;
    assert_eq!(platform.post("/roles", role()).await.status, 422);
    platform.sandbox.add_policy("read-only", None, DOCUMENT);
    platform.sandbox.attach_outside("reader", "read-only");
    assert_eq!(platform.delete(POLICY).await.status, 400);
    assert_eq!(platform.delete(ROLE).await.status, 400, "it has policies");
}
