//! The sandbox of Vault answers as a real Vault does, and as Vault's API documentation says.
//!
//! Each test of [`on_both!`] uses HTTP only, and runs against the sandbox and against a real server:
//! OpenBao, which the tests download and start, or with `VAULT_ADDR` and `VAULT_TOKEN` set, the
//! development server (`vault server -dev`) at that address with its root token. There the tests
//! create secrets below `secret/sandbox-test/`, and their own mounts, policies and tokens. Other
//! tests need what only the sandbox has: faults and a clock that a test moves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use token_providers::sandbox::striim::{Options, Sandbox};
use token_providers::sandbox::{Capability, Effect, Fault, JwtRole, Listening, TokenLifetime, Vault};
use token_providers::token::Clock;

use crate::support::jwt::{Issuer, claims};
use crate::support::openbao::{Admin, OpenBao, Rules};

use Capability::{Create, Delete, List, Read, Update};

/// Runs each function as a test against the sandbox and against a real server.
macro_rules! on_both {
    ($($test:ident,)+) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::Server::sandboxed(super::Clock::system()).await).await;
            })+
        }

        mod real {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::Server::real().await).await;
            })+
        }
    };
}

on_both! {
    secret_is_read_as_written,
    missing_secret_is_not_found_without_error,
    put_and_post_create_a_version_each,
    check_and_set_requires_expected_version,
    deleted_version_counts_for_check_and_set,
    check_and_set_can_be_required_for_secret,
    custom_metadata_is_returned_with_every_version,
    destroyed_version_cannot_be_restored,
    secret_without_metadata_starts_with_version_1,
    old_versions_are_dropped,
    secrets_are_listed_by_folder,
    invalid_requests_are_rejected,
    token_without_capability_is_rejected,
    bearer_token_is_equivalent_to_vault_header,
    store_without_versions_keeps_last_write,
    version_2_rejects_write_without_data_and_unknown_paths,
    mount_is_described_to_token_with_capability,
    capabilities_of_token_are_returned,
    namespaces_separate_mounts_and_tokens,
    version_has_configured_deletion_time,
    deleted_version_is_not_found_but_described_until_undeleted,
    jwt_login_is_accepted_or_rejected,
    approle_login_is_accepted_or_rejected,
    login_without_method_or_with_invalid_body_is_rejected,
    token_of_login_can_be_described_renewed_and_revoked,
}

/// The lifetime of the tokens of all roles.
const LIFETIME: TokenLifetime = TokenLifetime {
    ttl: SignedDuration::from_mins(20),
    max_ttl: SignedDuration::from_mins(30),
};

struct Server {
    address: String,
    token: String,
    http: reqwest::Client,
    admin: Admin,
    /// `None` for a real server.
    vault: Option<(Vault, Listening)>,
    /// The server that this program started. It runs while this is held.
    openbao: Option<Arc<OpenBao>>,
    /// The folder of this test's secrets.
    folder: String,
}

struct Answer {
    status: u16,
    json: Value,
}

impl Answer {
    fn errors(&self) -> Vec<&str> {
        let errors = self.json["errors"].as_array().unwrap();
        errors.iter().map(|error| error.as_str().unwrap()).collect()
    }

    fn metadata(&self) -> &Value {
        &self.json["data"]["metadata"]
    }
}

impl Server {
    async fn real() -> Self {
        match std::env::var("VAULT_ADDR") {
            Ok(address) => {
                let token = std::env::var("VAULT_TOKEN").expect("VAULT_ADDR needs VAULT_TOKEN");
                Self::at(address, token, None, None)
            }
            Err(_) => Self::of(OpenBao::shared().await.unwrap()),
        }
    }

    /// A real server that no other test uses.
    async fn started() -> Self {
        Self::of(OpenBao::start().await.unwrap().into())
    }

    fn of(server: Arc<OpenBao>) -> Self {
        let (address, token) = (server.address.clone(), server.root_token().to_owned());
        Self::at(address, token, None, Some(server))
    }

    async fn sandboxed(clock: Clock) -> Self {
        let vault = Vault::new(clock);
        let listening = vault.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let (address, token) = (listening.base_url.clone(), vault.root_token());
        let token = token.expose_secret().to_owned();
        Self::at(address, token, Some((vault, listening)), None)
    }

    fn at(address: String, token: String, vault: Option<(Vault, Listening)>, openbao: Option<Arc<OpenBao>>) -> Self {
        static TESTS: AtomicU32 = AtomicU32::new(0);
        Self {
            admin: Admin::new(&address, &token),
            address,
            token,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            vault,
            openbao,
            folder: format!(
                "sandbox-test/{}-{}",
                std::process::id(),
                TESTS.fetch_add(1, Ordering::Relaxed)
            ),
        }
    }

    fn vault(&self) -> &Vault {
        &self.vault.as_ref().unwrap().0
    }

    /// Sends a request with this token; `null` means no body.
    async fn try_ask(&self, token: &str, method: &str, path: &str, body: Value) -> reqwest::Result<Answer> {
        let method = method.parse().unwrap();
        let mut request = self.http.request(method, format!("{}/v1/{path}", self.address));
        if !token.is_empty() {
            request = request.header("X-Vault-Token", token);
        }
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let answer = request.send().await?;
        Ok(Answer {
            status: answer.status().as_u16(),
            json: serde_json::from_str(&answer.text().await?).unwrap_or_default(),
        })
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        self.try_ask(&self.token, method, path, body).await.unwrap()
    }

    /// Sends a request about this test's secret; `kind` is `data`, `metadata` and so on.
    async fn secret(&self, method: &str, kind: &str, body: Value) -> Answer {
        self.secret_as(&self.token, method, kind, body).await
    }

    async fn secret_as(&self, token: &str, method: &str, kind: &str, body: Value) -> Answer {
        let (kind, query) = kind.split_once('?').unwrap_or((kind, ""));
        let path = format!("secret/{kind}/{}?{query}", self.folder);
        self.try_ask(token, method, &path, body).await.unwrap()
    }

    /// Writes `{"n": n}` for each number, without check-and-set.
    async fn write(&self, numbers: &[i64]) {
        for n in numbers {
            let answer = self.secret("POST", "data", json!({"data": {"n": n}})).await;
            assert_eq!(answer.status, 200, "{}", answer.json);
        }
    }

    /// Mounts an engine for this test and returns its path.
    async fn mount(&self, type_name: &str, version: &str) -> String {
        let path = format!("{}-{type_name}", self.folder);
        match &self.vault {
            Some((vault, _)) if version == "1" => vault.mount_version_1(&path),
            Some((vault, _)) => vault.mount_other(&path, type_name),
            None => self.admin.mount("", &path, type_name, version).await,
        }
        path
    }

    /// Creates a token with these capabilities for this test's secret.
    async fn token(&self, kinds: &[(&str, &[Capability])]) -> String {
        let paths: Vec<_> = kinds
            .iter()
            .map(|(kind, granted)| (format!("secret/{kind}/{}", self.folder), *granted))
            .collect();
        let rules: Vec<_> = paths.iter().map(|(path, granted)| (path.as_str(), *granted)).collect();
        self.token_in("", &rules).await
    }

    /// Creates a token with this policy in a namespace.
    async fn token_in(&self, namespace: &str, rules: &Rules<'_>) -> String {
        match &self.vault {
            Some((vault, _)) => vault.token_in(namespace, rules).expose_secret().to_owned(),
            None => {
                let name = self.folder.replace('/', "-");
                self.admin.add_token(namespace, &name, rules).await
            }
        }
    }

    /// Creates a namespace below another one, with a KV version 2 at `secret`.
    async fn add_namespace(&self, parent: &str, name: &str) {
        match &self.vault {
            Some((vault, _)) => vault.add_namespace(&format!("{parent}/{name}")),
            None => self.admin.add_namespace(parent, name).await,
        }
    }

    async fn seal(&self) {
        match &self.vault {
            Some((vault, _)) => vault.seal(),
            None => self.admin.seal().await,
        }
    }

    async fn unseal(&self) {
        match &self.vault {
            Some((vault, _)) => vault.unseal(),
            None => {
                let key = self.openbao.as_ref().unwrap().unseal_key().unwrap();
                self.admin.unseal(&key).await;
            }
        }
    }

    /// Enables an auth method for this test, and returns the path of its mount. The sandbox does so with the first role.
    async fn enable_auth_method(&self, type_name: &str) -> String {
        let mount = format!("{}-{type_name}", self.folder);
        if self.vault.is_none() {
            let body = json!({ "type": type_name });
            let path = format!("sys/auth/{mount}");
            self.admin.configure("", "POST", &path, body).await;
        }
        mount
    }

    /// Enables the auth method JWT with the role `ci`, which accepts this issuer's tokens for the audience `vault`, the subject
    /// `project:ci` and the branch `main`. Returns the path of the login.
    async fn add_jwt_role(&self, issuer: &Issuer) -> String {
        let mount = self.enable_auth_method("jwt").await;
        match &self.vault {
            Some((vault, _)) => {
                let role = JwtRole {
                    public_key: issuer.public_point(),
                    audience: "vault".to_owned(),
                    subject: Some("project:ci".to_owned()),
                    claims: BTreeMap::from([("branch".to_owned(), "main".to_owned())]),
                };
                vault.add_jwt_role(&mount, "ci", role, &[], LIFETIME);
            }
            None => {
                let keys = json!({ "jwt_validation_pubkeys": [issuer.public_key()] });
                let path = format!("auth/{mount}/config");
                self.admin.configure("", "POST", &path, keys).await;
                let role = json!({
                    "role_type": "jwt",
                    "user_claim": "sub",
                    "bound_audiences": ["vault"],
                    "bound_subject": "project:ci",
                    "bound_claims": {"branch": "main"},
                    "token_ttl": LIFETIME.ttl.as_secs(),
                    "token_max_ttl": LIFETIME.max_ttl.as_secs(),
                });
                let path = format!("auth/{mount}/role/ci");
                self.admin.configure("", "POST", &path, role).await;
            }
        }
        format!("auth/{mount}/login")
    }

    /// Enables AppRole with one role. Returns the path of the login, the RoleID and a SecretID.
    async fn add_approle(&self) -> (String, String, String) {
        let mount = self.enable_auth_method("approle").await;
        let login = format!("auth/{mount}/login");
        if let Some((vault, _)) = &self.vault {
            let (role_id, secret_id) = vault.add_approle(&mount, &[], LIFETIME);
            return (login, role_id, secret_id.expose_secret().to_owned());
        }
        let role = json!({
            "token_ttl": LIFETIME.ttl.as_secs(),
            "token_max_ttl": LIFETIME.max_ttl.as_secs(),
        });
        let path = format!("auth/{mount}/role/ci");
        self.admin.configure("", "POST", &path, role).await;
        let [role_id, secret_id] = [format!("{path}/role-id"), format!("{path}/secret-id")];
        let role_id = self.admin.configure("", "GET", &role_id, Value::Null).await;
        let secret_id = self.admin.configure("", "POST", &secret_id, json!({})).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let ids = (text(&role_id["data"]["role_id"]), text(&secret_id["data"]["secret_id"]));
        (login, ids.0, ids.1)
    }

    /// Sends a login, which needs no token.
    async fn log_in(&self, path: &str, body: Value) -> Answer {
        self.try_ask("", "POST", path, body).await.unwrap()
    }
}

async fn secret_is_read_as_written(server: Server) {
    let data = json!({"token": "value", "generation": 1, "deep": {"er": [true, null]}});
    let written = server.secret("POST", "data", json!({ "data": data })).await;
    assert_eq!(written.status, 200);
    let metadata = &written.json["data"];
    assert_eq!(
        (&metadata["version"], &metadata["destroyed"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(metadata["deletion_time"], "");
    assert!(metadata["created_time"].as_str().unwrap().ends_with('Z'), "{metadata}");
    assert_eq!(metadata["custom_metadata"], Value::Null);
    let read = server.secret("GET", "data", Value::Null).await;
    assert_eq!((read.status, &read.json["data"]["data"]), (200, &data));
    assert_eq!(read.metadata(), metadata);
    for (name, value) in [
        ("lease_id", json!("")),
        ("renewable", json!(false)),
        ("wrap_info", Value::Null),
    ] {
        assert_eq!(read.json[name], value, "{name}");
    }
    assert!(!read.json["request_id"].as_str().unwrap().is_empty());
}

async fn missing_secret_is_not_found_without_error(server: Server) {
    for kind in ["data", "metadata"] {
        let answer = server.secret("GET", kind, Value::Null).await;
        assert_eq!((answer.status, answer.json), (404, json!({"errors": []})), "{kind}");
    }
    server.write(&[1]).await;
    let answer = server.secret("GET", "data?version=2", Value::Null).await;
    assert_eq!((answer.status, answer.json), (404, json!({"errors": []})));
}

async fn put_and_post_create_a_version_each(server: Server) {
    server.write(&[1, 2]).await;
    let third = server.secret("PUT", "data", json!({"data": {"n": 3}})).await;
    assert_eq!(third.json["data"]["version"], 3);
    for (query, n) in [
        ("data?version=1", 1),
        ("data?version=2", 2),
        ("data?version=0", 3),
        ("data", 3),
    ] {
        let read = server.secret("GET", query, Value::Null).await;
        assert_eq!(read.json["data"]["data"]["n"], n, "{query}");
    }
    let metadata = server.secret("GET", "metadata", Value::Null).await;
    let metadata = &metadata.json["data"];
    assert_eq!(
        (&metadata["current_version"], &metadata["oldest_version"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(metadata["versions"].as_object().unwrap().len(), 3);
    assert_eq!(metadata["versions"]["2"]["destroyed"], false);
}

async fn check_and_set_requires_expected_version(server: Server) {
    let write = async |cas: Value| {
        let body = json!({"options": {"cas": cas}, "data": {"n": 0}});
        server.secret("POST", "data", body).await
    };
    let mismatch = "check-and-set parameter did not match the current version";
    for (cas, status) in [
        (json!(1), 400),
        (json!(0), 200),
        (json!(0), 400),
        (json!("1"), 200),
        (json!(1), 400),
        (json!(3), 400),
        (json!(2), 200),
    ] {
        let answer = write(cas.clone()).await;
        assert_eq!(answer.status, status, "{cas}");
        assert!(status == 200 || answer.errors() == [mismatch], "{cas}");
    }
    let answer = write(json!("soon")).await;
    assert_eq!(
        (answer.status, answer.errors()),
        (400, vec!["error parsing check-and-set parameter"])
    );
}

async fn deleted_version_counts_for_check_and_set(server: Server) {
    server.write(&[1]).await;
    server.secret("DELETE", "data", Value::Null).await;
    let write = async |cas: u64| {
        let body = json!({"options": {"cas": cas}, "data": {}});
        server.secret("POST", "data", body).await.status
    };
    assert_eq!((write(0).await, write(1).await), (400, 200));
}

async fn check_and_set_can_be_required_for_secret(server: Server) {
    let set = server.secret("POST", "metadata", json!({"cas_required": true})).await;
    assert_eq!(set.status, 204);
    let answer = server.secret("POST", "data", json!({"data": {}})).await;
    assert_eq!(
        (answer.status, answer.errors()),
        (400, vec!["check-and-set parameter required for this call"])
    );
    let body = json!({"options": {"cas": 0}, "data": {}});
    assert_eq!(server.secret("POST", "data", body).await.status, 200);
}

async fn custom_metadata_is_returned_with_every_version(server: Server) {
    let custom = json!({"owner": "jo"});
    server
        .secret("POST", "metadata", json!({"custom_metadata": custom}))
        .await;
    server.write(&[1]).await;
    assert_eq!(
        server.secret("GET", "data", Value::Null).await.metadata()["custom_metadata"],
        custom
    );
    let metadata = server.secret("GET", "metadata", Value::Null).await;
    assert_eq!(metadata.json["data"]["custom_metadata"], custom);
}

async fn deleted_version_is_not_found_but_described_until_undeleted(mut server: Server) {
    for (method, kind, body) in [
        ("DELETE", "data", Value::Null),
        ("POST", "delete", json!({"versions": [2]})),
        ("PUT", "delete", json!({"versions": [2]})),
    ] {
        server.folder.push('x');
        server.write(&[1, 2]).await;
        assert_eq!(server.secret(method, kind, body).await.status, 204);
        let read = server.secret("GET", "data", Value::Null).await;
        assert_eq!((read.status, &read.json["data"]["data"]), (404, &Value::Null));
        assert_eq!(read.metadata()["version"], 2);
        assert_ne!(read.metadata()["deletion_time"], "");
        assert_eq!(server.secret("GET", "data?version=1", Value::Null).await.status, 200);
        server.secret("POST", "undelete", json!({"versions": [2]})).await;
        let read = server.secret("GET", "data", Value::Null).await;
        assert_eq!((read.status, &read.json["data"]["data"]["n"]), (200, &json!(2)));
    }
}

async fn destroyed_version_cannot_be_restored(server: Server) {
    server.write(&[1]).await;
    assert_eq!(
        server.secret("POST", "destroy", json!({"versions": [1]})).await.status,
        204
    );
    server.secret("POST", "undelete", json!({"versions": [1]})).await;
    let read = server.secret("GET", "data", Value::Null).await;
    assert_eq!((read.status, &read.metadata()["destroyed"]), (404, &json!(true)));
}

async fn secret_without_metadata_starts_with_version_1(server: Server) {
    server.write(&[1, 2]).await;
    assert_eq!(server.secret("DELETE", "metadata", Value::Null).await.status, 204);
    assert_eq!(server.secret("GET", "metadata", Value::Null).await.status, 404);
    server.write(&[3]).await;
    assert_eq!(server.secret("GET", "data", Value::Null).await.metadata()["version"], 1);
}

async fn old_versions_are_dropped(server: Server) {
    server.write(&[0; 12]).await;
    let remaining_versions = async || {
        let metadata = server.secret("GET", "metadata", Value::Null).await;
        let data = &metadata.json["data"];
        (
            data["versions"].as_object().unwrap().len(),
            data["oldest_version"].clone(),
        )
    };
    assert_eq!(remaining_versions().await, (10, json!(3)), "by default");
    server.secret("POST", "metadata", json!({"max_versions": 2})).await;
    server.write(&[0]).await;
    assert_eq!(remaining_versions().await, (2, json!(12)));
    assert_eq!(server.secret("GET", "data?version=11", Value::Null).await.status, 404);
}

async fn secrets_are_listed_by_folder(server: Server) {
    for path in ["b", "a/x", "a/y", "a"] {
        let path = format!("secret/data/{}/{path}", server.folder);
        server.ask("POST", &path, json!({"data": {}})).await;
    }
    for (method, query) in [("LIST", ""), ("GET", "?list=true")] {
        let listed = server.secret(method, &format!("metadata{query}"), Value::Null).await;
        assert_eq!(
            (listed.status, &listed.json["data"]["keys"]),
            (200, &json!(["a", "a/", "b"]))
        );
    }
}

async fn invalid_requests_are_rejected(server: Server) {
    for (kind, body, error) in [
        ("data", json!({"options": {}}), "no data provided"),
        ("delete", json!({}), "No version number provided"),
        ("undelete", json!({}), "No version number provided"),
        ("destroy", json!({"versions": []}), "no version number provided"),
    ] {
        let answer = server.secret("POST", kind, body).await;
        assert_eq!(answer.status, 400, "{kind}");
        // Vault and OpenBao capitalise some differently.
        assert_eq!(answer.errors()[0].to_lowercase(), error.to_lowercase(), "{kind}");
    }
    let answer = server.ask("GET", "nowhere/data/x", Value::Null).await;
    assert_eq!(answer.status, 404);
    assert!(answer.errors()[0].contains("no handler for route"), "{}", answer.json);
    assert_eq!(server.secret("GET", "destroy", Value::Null).await.status, 405);
}

async fn token_without_capability_is_rejected(server: Server) {
    for token in ["", "hvs.unknown"] {
        let answer = server.secret_as(token, "GET", "data", Value::Null).await;
        assert_eq!(answer.status, 403, "{token}");
        assert!(answer.json["errors"][0].as_str().unwrap().contains("permission denied"));
    }
    let token = server.token(&[("data", &[Create]), ("metadata", &[List])]).await;
    let write = json!({"data": {}});
    for (method, kind, body, status) in [
        ("POST", "data", write.clone(), 200),
        // The secret exists now, so that a write requires `update`.
        ("POST", "data", write.clone(), 403),
        ("GET", "data", Value::Null, 403),
        ("DELETE", "data", Value::Null, 403),
        ("POST", "delete", json!({"versions": [1]}), 403),
        ("GET", "metadata", Value::Null, 403),
    ] {
        let answer = server.secret_as(&token, method, kind, body).await;
        assert_eq!(answer.status, status, "{method} {kind}");
    }
    let token = server
        .token(&[
            ("data", &[Update, Read]),
            ("delete", &[Update]),
            ("metadata", &[Delete]),
        ])
        .await;
    for (method, kind, body, status) in [
        ("POST", "data", write, 200),
        ("GET", "data", Value::Null, 200),
        ("POST", "delete", json!({"versions": [2]}), 204),
        ("DELETE", "metadata", Value::Null, 204),
    ] {
        let answer = server.secret_as(&token, method, kind, body).await;
        assert_eq!(answer.status, status, "{method} {kind}");
    }
}

async fn bearer_token_is_equivalent_to_vault_header(server: Server) {
    let url = format!("{}/v1/secret/data/{}", server.address, server.folder);
    let answer = server.http.get(url).bearer_auth(&server.token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

async fn store_without_versions_keeps_last_write(server: Server) {
    let mount = server.mount("kv", "1").await;
    for mount in [mount.as_str(), "cubbyhole"] {
        let path = format!("{mount}/data/{}/x", server.folder);
        let absent = server.ask("GET", &path, Value::Null).await;
        assert_eq!((absent.status, absent.json), (404, json!({"errors": []})), "{mount}");
        for n in [1, 2] {
            let body = json!({"options": {"cas": 0}, "data": {"n": n}});
            let written = server.ask("POST", &path, body.clone()).await;
            assert_eq!((written.status, written.json), (204, Value::Null), "{mount}");
            let read = server.ask("GET", &path, Value::Null).await;
            assert_eq!((read.status, &read.json["data"]), (200, &body), "{mount}");
        }
        let empty = server.ask("POST", &path, json!({})).await;
        assert_eq!(empty.status, if mount == "cubbyhole" { 500 } else { 400 });
        assert!(empty.errors()[0].contains("missing data fields"), "{}", empty.json);
        let listed = server
            .ask("LIST", &format!("{mount}/data/{}", server.folder), Value::Null)
            .await;
        assert_eq!(
            (listed.status, &listed.json["data"]["keys"]),
            (200, &json!(["x"])),
            "{mount}"
        );
        // Paths of a KV version 2 have no special meaning here.
        for kind in ["metadata", "config"] {
            let answer = server.ask("GET", &format!("{mount}/{kind}"), Value::Null).await;
            assert_eq!(
                (answer.status, answer.json),
                (404, json!({"errors": []})),
                "{mount} {kind}"
            );
        }
        assert_eq!(server.ask("DELETE", &path, Value::Null).await.status, 204);
        assert_eq!(server.ask("GET", &path, Value::Null).await.status, 404);
    }
}

async fn version_2_rejects_write_without_data_and_unknown_paths(server: Server) {
    let answer = server.secret("POST", "data", json!({})).await;
    assert_eq!((answer.status, answer.errors()), (400, vec!["no data provided"]));
    let answer = server.secret("GET", "nothing", Value::Null).await;
    assert_eq!((answer.status, &answer.json["data"]), (404, &Value::Null));
    assert!(
        answer.json["warnings"][0].as_str().unwrap().contains("Invalid path"),
        "{}",
        answer.json
    );
    assert_eq!(answer.json.get("errors"), None);
}

async fn mount_is_described_to_token_with_capability(server: Server) {
    let (plain, other) = (server.mount("kv", "1").await, server.mount("transit", "").await);
    let token = server.token(&[("data", &[Read])]).await;
    let describe = async |token: &str, path: &str| {
        let path = format!("sys/internal/ui/mounts/{path}");
        server.try_ask(token, "GET", &path, Value::Null).await.unwrap()
    };
    for (path, type_name, version, mount) in [
        ("secret", "kv", json!("2"), "secret"),
        ("secret/", "kv", json!("2"), "secret"),
        ("secret/data/x", "kv", json!("2"), "secret"),
        (plain.as_str(), "kv", json!("1"), plain.as_str()),
        (other.as_str(), "transit", Value::Null, other.as_str()),
        ("cubbyhole", "cubbyhole", Value::Null, "cubbyhole"),
    ] {
        let answer = describe(&server.token, path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.json);
        let data = &answer.json["data"];
        assert_eq!(
            (&data["type"], &data["options"]["version"]),
            (&json!(type_name), &version),
            "{path}"
        );
        assert_eq!(data["path"], json!(format!("{mount}/")), "{path}");
    }
    assert_eq!(describe(&token, "secret").await.status, 200, "without a rule for it");
    for path in [plain.as_str(), "nowhere"] {
        let answer = describe(&token, path).await;
        assert_eq!(answer.status, 403, "{path}");
        let error = format!("grant access to path \"{path}/\"");
        assert!(answer.errors()[0].contains(&error), "{}", answer.json);
    }
    assert_eq!(describe(&server.token, "nowhere").await.status, 403);
    assert_eq!(describe("hvs.unknown", "secret").await.errors(), ["permission denied"]);
    let answer = server.ask("GET", &format!("{other}/data/x"), Value::Null).await;
    assert_eq!(answer.status, 404);
    assert!(answer.errors()[0].contains("unsupported path"), "{}", answer.json);
}

async fn capabilities_of_token_are_returned(server: Server) {
    let token = server.token(&[("data", &[Update, Create, Read])]).await;
    let data = format!("secret/data/{}", server.folder);
    let ask = async |token: &str, paths: Value| {
        let answer = server.try_ask(token, "POST", "sys/capabilities-self", json!({ "paths": paths }));
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json
    };
    let answer_body = ask(&token, json!([data])).await;
    let granted = json!(["create", "read", "update"]);
    assert_eq!(
        (&answer_body[&data], &answer_body["capabilities"]),
        (&granted, &granted)
    );
    assert_eq!(answer_body["data"][&data], granted);
    let answer_body = ask(&token, json!([data, "secret/data/elsewhere"])).await;
    assert_eq!(
        (&answer_body[&data], &answer_body["secret/data/elsewhere"]),
        (&granted, &json!(["deny"]))
    );
    assert_eq!(ask(&server.token, json!([data])).await[&data], json!(["root"]));
    let answer = server
        .try_ask("hvs.unknown", "POST", "sys/capabilities-self", json!({"paths": [data]}))
        .await;
    assert_eq!(answer.unwrap().status, 403);
}

/// Asserts that a login was accepted and described as documented, and returns the token.
fn accepted(answer: &Answer, case: &str) -> String {
    assert_eq!(answer.status, 200, "{case}: {}", answer.json);
    let auth = answer.json["auth"].as_object().unwrap();
    let expected = [
        "accessor",
        "client_token",
        "entity_id",
        "lease_duration",
        "metadata",
        "mfa_requirement",
        "num_uses",
        "orphan",
        "policies",
        "renewable",
        "token_policies",
        "token_type",
    ];
    let names: Vec<_> = auth.keys().map(String::as_str).collect();
    assert_eq!(names, expected, "{case}");
    for (name, value) in [
        ("lease_duration", json!(LIFETIME.ttl.as_secs())),
        ("renewable", json!(true)),
        ("token_type", json!("service")),
        ("num_uses", json!(0)),
        ("orphan", json!(true)),
        ("mfa_requirement", Value::Null),
        ("policies", json!(["default"])),
        ("token_policies", json!(["default"])),
    ] {
        assert_eq!(auth[name], value, "{case}: {name}");
    }
    assert_eq!(answer.json["data"], Value::Null, "{case}");
    auth["client_token"].as_str().unwrap().to_owned()
}

/// Asserts that a login was rejected with one error, which contains this text.
fn rejected(answer: &Answer, status: u16, error: &str, case: &str) {
    assert_eq!(answer.status, status, "{case}: {}", answer.json);
    let names: Vec<_> = answer.json.as_object().unwrap().keys().collect();
    assert_eq!(names, ["errors"], "{case}");
    assert_eq!(answer.errors().len(), 1, "{case}: {}", answer.json);
    assert!(answer.errors()[0].contains(error), "{case}: {}", answer.json);
}

async fn jwt_login_is_accepted_or_rejected(server: Server) {
    let issuer = Issuer::new();
    let login = server.add_jwt_role(&issuer).await;
    let now = Timestamp::now().as_second();
    let valid = || {
        let mut claims = claims("vault");
        claims["branch"] = json!("main");
        claims
    };
    // A claim that is null is left out.
    let with = |changes: Value| {
        let mut claims = valid();
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        issuer.jwt(&claims)
    };
    for (case, changes) in [
        ("as issued", json!({})),
        ("one of several audiences", json!({"aud": ["another", "vault"]})),
        ("expired within the leeway", json!({"exp": now - 30})),
        ("valid from within the leeway", json!({"nbf": now + 30})),
        ("issued within the leeway", json!({"iat": now + 30})),
        ("without expiry", json!({"exp": null})),
        (
            "without expiry, but with a start",
            json!({"exp": null, "iat": null, "nbf": now}),
        ),
        ("fraction of a second", json!({"exp": now as f64 + 100.5})),
        ("one of several branches", json!({"branch": ["other", "main"]})),
    ] {
        let answer = server.log_in(&login, json!({"role": "ci", "jwt": with(changes)})).await;
        accepted(&answer, case);
    }
    for (case, changes, error) in [
        ("expired", json!({"exp": now - 120}), "expired"),
        (
            "expired, with its start",
            json!({"iat": now - 900, "nbf": now - 900, "exp": now - 600}),
            "expired",
        ),
        (
            "issued long ago, without expiry",
            json!({"iat": now - 900, "exp": null}),
            "expired",
        ),
        ("not yet valid", json!({"nbf": now + 120}), "not yet valid"),
        ("issued in the future", json!({"iat": now + 120}), "not yet valid"),
        (
            "issued in the future, with its start",
            json!({"iat": now + 120, "nbf": now}),
            "issued",
        ),
        // Its start is assumed to be 150 seconds before its expiry.
        ("without start", json!({"iat": null}), "not yet valid"),
        (
            "without any time",
            json!({"iat": null, "exp": null}),
            "no issued at (iat), not before (nbf), or expiration",
        ),
        ("another audience", json!({"aud": "another"}), "audience"),
        (
            "several other audiences",
            json!({"aud": ["another", "vaults"]}),
            "audience",
        ),
        ("no audience", json!({"aud": null}), "audience"),
        ("another subject", json!({"sub": "project:fork"}), "sub"),
        ("no subject", json!({"sub": null}), "sub"),
        ("another branch", json!({"branch": "fork"}), "claim \"branch\""),
        ("no branch", json!({"branch": null}), "claim \"branch\""),
    ] {
        let answer = server.log_in(&login, json!({"role": "ci", "jwt": with(changes)})).await;
        rejected(&answer, 400, error, case);
    }
    let (jwt, other) = (with(json!({})), with(json!({"branch": "fork"})));
    let (message, _) = jwt.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    let (forged, unsigned) = (format!("{message}.{signature}"), format!("{message}."));
    let without_algorithm = issuer.jwt_with_algorithm("none", &valid());
    let (message, _) = without_algorithm.rsplit_once('.').unwrap();
    let unsigned_without_algorithm = format!("{message}.");
    for (case, body, error) in [
        (
            "another issuer",
            json!({"role": "ci", "jwt": Issuer::new().jwt(&valid())}),
            "signature",
        ),
        ("another signature", json!({"role": "ci", "jwt": forged}), "signature"),
        // The servers word the next refusals differently.
        ("no signature", json!({"role": "ci", "jwt": unsigned}), ""),
        ("no algorithm", json!({"role": "ci", "jwt": without_algorithm}), ""),
        (
            "neither algorithm nor signature",
            json!({"role": "ci", "jwt": unsigned_without_algorithm}),
            "",
        ),
        (
            "another algorithm",
            json!({"role": "ci", "jwt": issuer.jwt_with_algorithm("HS256", &valid())}),
            "",
        ),
        ("malformed JWT", json!({"role": "ci", "jwt": "a value"}), ""),
        ("empty JWT", json!({"role": "ci", "jwt": ""}), "missing token"),
        ("no JWT", json!({"role": "ci"}), "missing token"),
        (
            "unknown role",
            json!({"role": "cd", "jwt": with(json!({}))}),
            "role \"cd\" could not be found",
        ),
        (
            "empty role",
            json!({"role": "", "jwt": with(json!({}))}),
            "missing role",
        ),
        ("no role", json!({"jwt": with(json!({}))}), "missing role"),
        (
            "null for the role",
            json!({"role": null, "jwt": with(json!({}))}),
            "missing role",
        ),
        ("nothing", json!({}), "missing role"),
    ] {
        rejected(&server.log_in(&login, body).await, 400, error, case);
    }
}

async fn approle_login_is_accepted_or_rejected(server: Server) {
    let (login, role_id, secret_id) = server.add_approle().await;
    for case in ["first login", "another login"] {
        let answer = server
            .log_in(&login, json!({"role_id": role_id, "secret_id": secret_id}))
            .await;
        accepted(&answer, case);
    }
    let other = "4f1c9a70-55d2-4be1-9d0e-7a6b2c3d8e9f";
    for (case, body, error) in [
        (
            "unknown SecretID",
            json!({"role_id": role_id, "secret_id": other}),
            "invalid role or secret ID",
        ),
        (
            "unknown RoleID",
            json!({"role_id": other, "secret_id": secret_id}),
            "invalid role or secret ID",
        ),
        ("no SecretID", json!({"role_id": role_id}), "missing secret_id"),
        (
            "empty SecretID",
            json!({"role_id": role_id, "secret_id": ""}),
            "missing secret_id",
        ),
    ] {
        rejected(&server.log_in(&login, body).await, 400, error, case);
    }
    for (case, body) in [
        ("no RoleID", json!({"secret_id": secret_id})),
        ("empty RoleID", json!({"role_id": "", "secret_id": secret_id})),
        ("nothing", json!({})),
    ] {
        let answer = server.log_in(&login, body).await;
        // OpenBao answers 500. The provider always sends a RoleID.
        let status = if answer.status == 500 && server.vault.is_none() {
            500
        } else {
            400
        };
        rejected(&answer, status, "missing role_id", case);
    }
}

async fn login_without_method_or_with_invalid_body_is_rejected(server: Server) {
    let jwt = server.add_jwt_role(&Issuer::new()).await;
    let (approle, ..) = server.add_approle().await;
    for (case, path) in [("a mount", "auth/nowhere/login"), ("a path", "auth/login")] {
        let answer = server.log_in(path, json!({"role": "ci", "jwt": "x"})).await;
        rejected(&answer, 403, "permission denied", case);
    }
    for path in [&jwt, &approle] {
        let url = format!("{}/v1/{path}", server.address);
        let answer = server.http.post(url).body("{").send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path}");
    }
    let answer = server.log_in(&jwt, Value::Null).await;
    rejected(&answer, 400, "missing role", "no body");
}

async fn token_of_login_can_be_described_renewed_and_revoked(server: Server) {
    let (login, role_id, secret_id) = server.add_approle().await;
    let issuer = Issuer::new();
    let jwt_login = server.add_jwt_role(&issuer).await;
    let mut claims = claims("vault");
    claims["branch"] = json!("main");
    for (path, body) in [
        (login, json!({"role_id": role_id, "secret_id": secret_id})),
        (jwt_login, json!({"role": "ci", "jwt": issuer.jwt(&claims)})),
    ] {
        let token = accepted(&server.log_in(&path, body).await, &path);
        let ask = async |method: &str, path: &str, body: Value| {
            let path = format!("auth/token/{path}");
            server.try_ask(&token, method, &path, body).await.unwrap()
        };
        let described = ask("GET", "lookup-self", Value::Null).await;
        assert_eq!(described.status, 200, "{path}: {}", described.json);
        let data = &described.json["data"];
        let seconds = LIFETIME.ttl.as_secs();
        let ttl = data["ttl"].as_i64().unwrap();
        assert!((seconds - 60..=seconds).contains(&ttl), "{path}: {ttl}");
        assert_eq!(
            (&data["renewable"], &data["type"]),
            (&json!(true), &json!("service")),
            "{path}"
        );
        assert!(
            data["expire_time"].as_str().unwrap().parse::<Timestamp>().is_ok(),
            "{path}"
        );
        for body in [Value::Null, json!({}), json!({"increment": 0})] {
            let renewed = ask("POST", "renew-self", body).await;
            assert_eq!(renewed.status, 200, "{path}: {}", renewed.json);
            let auth = &renewed.json["auth"];
            assert_eq!(auth["lease_duration"], seconds, "{path}");
            assert_eq!(
                (&auth["client_token"], &auth["renewable"]),
                (&json!(token), &json!(true))
            );
        }
        let revoked = ask("POST", "revoke-self", Value::Null).await;
        assert_eq!((revoked.status, revoked.json), (204, Value::Null), "{path}");
        for (method, request) in [("GET", "lookup-self"), ("POST", "renew-self")] {
            let answer = ask(method, request, Value::Null).await;
            assert_eq!(answer.status, 403, "{path}: {request}: {}", answer.json);
            assert!(
                answer.errors()[0].contains("permission denied"),
                "{request}: {}",
                answer.json
            );
        }
    }
}

#[tokio::test]
async fn deepest_matching_mount_is_used() {
    let server = Server::sandboxed(Clock::system()).await;
    server.vault().mount("team/kv");
    server.vault().mount("team/kv/inner/");
    for (path, mount, name) in [
        ("team/kv/data/ci/token", "team/kv", "ci/token"),
        ("team/kv/inner/data/x", "team/kv/inner", "x"),
    ] {
        assert_eq!(server.ask("POST", path, json!({"data": {}})).await.status, 200);
        assert_eq!(server.vault().version(mount, name), 1, "{path}");
    }
}

async fn namespaces_separate_mounts_and_tokens(server: Server) {
    server.add_namespace("", "team").await;
    server.add_namespace("team", "a").await;
    let policy: [(&str, &[Capability]); 2] = [("secret/data/*", &[Create, Read]), ("a/secret/data/*", &[Create])];
    let token = server.token_in("team", &policy).await;
    let ask = async |namespace: &str, path: &str| {
        let request = server.http.post(format!("{}/v1/{path}", server.address));
        let request = request.header("X-Vault-Token", &token);
        let request = request.header("X-Vault-Namespace", namespace).body(r#"{"data": {}}"#);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(ask("team", "secret/data/1").await, 200);
    assert_eq!(ask("/team/", "secret/data/2").await, 200);
    assert_eq!(
        ask("", "team/secret/data/3").await,
        200,
        "the path may contain the namespace"
    );
    assert_eq!(ask("team", "a/secret/data/4").await, 200);
    assert_eq!(
        ask("team/a", "secret/data/5").await,
        200,
        "a token is valid in the namespaces below"
    );
    assert_eq!(ask("", "secret/data/6").await, 403, "and not above");
    for (mount, written) in [
        ("team/secret", vec!["1", "2", "3"]),
        ("team/a/secret", vec!["4", "5"]),
        ("secret", vec![]),
    ] {
        for n in ["1", "2", "3", "4", "5", "6"] {
            let answer = server.ask("GET", &format!("{mount}/data/{n}"), Value::Null).await;
            let expected = if written.contains(&n) { 200 } else { 404 };
            assert_eq!(answer.status, expected, "{mount} {n}: {}", answer.json);
        }
    }
}

#[tokio::test]
async fn sealed_server_rejects_all_requests() {
    for server in [Server::sandboxed(Clock::system()).await, Server::started().await] {
        assert_eq!(server.ask("GET", "sys/health", Value::Null).await.status, 200);
        server.seal().await;
        let health = server.ask("GET", "sys/health", Value::Null).await;
        assert_eq!((health.status, &health.json["sealed"]), (503, &json!(true)));
        let answer = server.secret("GET", "data", Value::Null).await;
        assert_eq!((answer.status, answer.errors()), (503, vec!["Vault is sealed"]));
        server.unseal().await;
        server.write(&[1]).await;
    }
}

async fn version_has_configured_deletion_time(server: Server) {
    let set = json!({"delete_version_after": "3h25m19s"});
    assert_eq!(server.secret("POST", "metadata", set).await.status, 204);
    let metadata = server.secret("GET", "metadata", Value::Null).await;
    assert_eq!(metadata.json["data"]["delete_version_after"], "3h25m19s");
    server.write(&[1]).await;
    let read = server.secret("GET", "data", Value::Null).await;
    assert_eq!(read.status, 200);
    let [created, deletion] = ["created_time", "deletion_time"]
        .map(|name| read.metadata()[name].as_str().unwrap().parse::<Timestamp>().unwrap());
    let lifetime = SignedDuration::from_secs((3 * 60 + 25) * 60 + 19);
    assert_eq!(deletion.duration_since(created), lifetime);
}

#[tokio::test]
async fn versions_are_deleted_after_configured_time() {
    let sandbox = Sandbox::new(Options::default());
    let server = Server::sandboxed(sandbox.clock()).await;
    let set = json!({"delete_version_after": "3h25m19s"});
    assert_eq!(server.ask("POST", "secret/config", set).await.status, 204);
    server.write(&[1]).await;
    assert_eq!(server.secret("GET", "data", Value::Null).await.status, 200);
    sandbox.advance(SignedDuration::from_hours(4));
    assert_eq!(server.secret("GET", "data", Value::Null).await.status, 404);
}

#[tokio::test]
async fn faults_apply_as_in_other_sandboxes() {
    let server = Server::sandboxed(Clock::system()).await;
    let path = format!("/secret/data/{}", server.folder);
    server.vault().fault(Fault::answer(502).on("POST", &path));
    server.vault().fault(Fault::new(Effect::Cut).on("POST", &path).after());
    let body = || json!({"data": {}});
    assert_eq!(server.secret("POST", "data", body()).await.status, 502);
    let cut = server.try_ask(&server.token, "POST", &path[1..], body());
    assert!(
        tokio::time::timeout(Duration::from_secs(30), cut)
            .await
            .unwrap()
            .is_err()
    );
    assert_eq!(
        server.vault().version("secret", &server.folder),
        1,
        "the write was executed"
    );
    assert_eq!(server.vault().calls("POST", &path), 2);
}
