//! Deliveries to a real Vault (OpenBao), which the tests start. Its clock cannot be moved, so they are few.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use Capability::{Create, Read, Update};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::Request;
use http_body_util::Full;
use secrecy::ExposeSecret as _;
use serde_json::{Value as Json, json};
use token_providers::framework::testing::{Run, SingleResource};
use token_providers::rest::{Destination, Transport};
use token_providers::sandbox::Capability;
use token_providers::sandbox::striim::{Options, Sandbox};
use token_providers::striim::{Runtime, Striim};
use tower::{ServiceExt as _, service_fn};

use super::{ACCOUNT_TOKEN, ROTATE, RotationAssertions as _, destination, in_mount, with_vault};
use crate::support::jwt::{Issuer, claims};
use crate::support::openbao::{Admin, OpenBao};

/// What happens while a rotation is under way: after the check that the secret may be written, and before the write.
type Interference = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

/// A Striim account in memory, a real Vault, and a workspace with one resource.
struct Setup {
    sandbox: Sandbox,
    server: Arc<OpenBao>,
    admin: Arc<Admin>,
    environment: BTreeMap<&'static str, String>,
    resource: SingleResource,
    interference: Arc<Mutex<Option<Interference>>>,
    /// The mount of this test's secrets, a KV version 2.
    mount: String,
}

impl Setup {
    /// A test with a mount of its own on the server that all tests share.
    async fn new(test: &str) -> Self {
        Self::on(OpenBao::shared().await.unwrap(), test).await
    }

    async fn on(server: Arc<OpenBao>, test: &str) -> Self {
        let admin = Arc::new(Admin::new(&server.address, server.root_token()));
        let mount = format!("delivery-{test}");
        admin.mount("", &mount, "kv", "2").await;
        let sandbox = Sandbox::new(Options::default());
        let platform_token = sandbox.admin_token().expose_secret().to_owned();
        let environment = BTreeMap::from([
            ("STRIIM_ACCOUNT", "acme".to_owned()),
            ("STRIIM_TOKEN", platform_token),
            ("VAULT_ADDR", server.address.clone()),
        ]);
        let mut setup = Self {
            sandbox,
            server,
            admin,
            environment,
            resource: SingleResource::new(ACCOUNT_TOKEN),
            interference: Arc::default(),
            mount,
        };
        let token = setup.documented_token().await;
        setup.environment.insert("VAULT_TOKEN", token);
        setup
    }

    /// The rules of the documented policy.
    fn rules(&self) -> [(String, &'static [Capability]); 2] {
        [
            (format!("{}/data/striim/*", self.mount), &[Create, Update, Read]),
            (format!("{}/delete/striim/*", self.mount), &[Update]),
        ]
    }

    async fn documented_token(&self) -> String {
        let rules = self.rules();
        let rules = rules.each_ref().map(|(path, granted)| (path.as_str(), *granted));
        self.admin.add_token("", &self.mount, &rules).await
    }

    /// A configuration that delivers to this test's mount.
    fn config(&self, release: i64) -> Json {
        with_vault(release, in_mount(&self.mount))
    }

    fn provider(&self) -> impl Fn() -> Striim + use<> {
        let (sandbox, environment) = (self.sandbox.clone(), self.environment.clone());
        let (address, interference) = (self.server.address.clone(), self.interference.clone());
        move || {
            let (platform, environment) = (sandbox.clone(), environment.clone());
            let (address, interference) = (address.clone(), interference.clone());
            Striim::new(Runtime {
                clock: sandbox.clock(),
                environment: Box::new(move |name| environment.get(name).cloned()),
                transport: Box::new(move |to: &Destination| {
                    if to.base_url.as_str().starts_with(&address) {
                        return Transport::network(to);
                    }
                    let (platform, interference) = (platform.clone(), interference.clone());
                    Transport::new(service_fn(move |request: Request<Full<Bytes>>| {
                        let is_rotation = request.uri().path().ends_with(ROTATE);
                        let interference = is_rotation.then(|| interference.lock().unwrap().take()).flatten();
                        let platform = platform.clone();
                        async move {
                            if let Some(interfere) = interference {
                                interfere().await;
                            }
                            platform.service().oneshot(request).await
                        }
                    }))
                }),
            })
        }
    }

    async fn apply(&mut self, config: &Json) -> Run {
        self.resource.apply(self.provider(), Some(config)).await
    }

    /// Interferes with the next rotation.
    fn during_rotation(&self, interfere: impl FnOnce(Arc<Admin>) -> BoxFuture<'static, ()> + Send + 'static) {
        let admin = self.admin.clone();
        *self.interference.lock().unwrap() = Some(Box::new(move || interfere(admin)));
    }

    /// The answer of Vault about a secret.
    async fn secret_at(&self, path: &str) -> Json {
        let path = format!("{}/data/{path}", self.mount);
        self.admin.request("", "GET", &path, Json::Null).await.1["data"].clone()
    }

    fn attribute(&self, name: &str) -> Json {
        let object = self.resource.object().expect("it is in the state");
        serde_json::from_str::<Json>(&object.to_json()).unwrap()[name].clone()
    }

    /// Asserts that nothing is left to do, and that Vault has a valid value in the version that the state records.
    async fn assert_settled(&mut self, config: &Json) {
        self.apply(config).await.changes_nothing();
        let path = config["vault"]["path"].as_str().unwrap().to_owned();
        let secret = self.secret_at(&path).await;
        assert!(self.sandbox.is_live(secret["data"]["token"].as_str().unwrap()));
        assert_eq!(self.attribute("vault_version"), secret["metadata"]["version"]);
        assert!(self.attribute("token").is_null());
    }

    fn issued(&self) -> usize {
        self.sandbox.issued_values().len()
    }
}

#[tokio::test]
async fn token_is_created_rotated_moved_and_destroyed() {
    let mut setup = Setup::new("life").await;
    for release in 1..=2 {
        let config = setup.config(release);
        setup.apply(&config).await.succeeds();
        setup.assert_settled(&config).await;
        assert_eq!(setup.attribute("vault_version"), release);
    }
    let mut moved = destination("striim/other");
    moved["mount"] = json!(setup.mount);
    let moved = with_vault(2, moved);
    setup.apply(&moved).await.succeeds();
    setup.assert_settled(&moved).await;
    assert_eq!(
        setup.secret_at("striim/ci").await["data"],
        Json::Null,
        "the version is deleted"
    );
    setup.resource.destroy(setup.provider()).await.succeeds();
    assert_eq!(setup.secret_at("striim/other").await["data"], Json::Null);
}

#[tokio::test]
async fn adopted_account_is_delivered() {
    let mut setup = Setup::new("adopted").await;
    let mut config = setup.config(1);
    config["adopt_existing"] = json!(true);
    setup.apply(&config).await.succeeds();
    // The state is lost.
    setup.resource = SingleResource::new(ACCOUNT_TOKEN);
    setup.apply(&config).await.succeeds();
    setup.assert_settled(&config).await;
    assert_eq!(setup.attribute("vault_version"), 2);
}

#[tokio::test]
async fn unwritable_destination_is_rejected_before_value_is_created() {
    let mut setup = Setup::new("unwritable").await;
    setup.admin.mount("", "delivery-v1", "kv", "1").await;
    setup.admin.mount("", "delivery-transit", "transit", "").await;
    let token = setup.environment["VAULT_TOKEN"].clone();
    let too_small: [(&str, &[Capability]); 1] = [("delivery-unwritable/data/striim/*", &[Create, Read])];
    let too_small = setup.admin.add_token("", "delivery-too-small", &too_small).await;
    let root = setup.server.root_token().to_owned();
    for (mount, token, phrase) in [
        ("delivery-v1", &root, "a KV version 1"),
        ("cubbyhole", &root, "of the type \"cubbyhole\""),
        ("delivery-transit", &root, "of the type \"transit\""),
        ("delivery-nowhere", &root, "No KV version 2 is mounted"),
        ("delivery-v1", &token, "lacks create, update, read"),
        (
            "delivery-unwritable",
            &too_small,
            "lacks update on \"delivery-unwritable/data/striim/ci\"",
        ),
        ("delivery-unwritable", &"s.unknown".to_owned(), "permission denied"),
    ] {
        setup.environment.insert("VAULT_TOKEN", token.clone());
        let issued = setup.issued();
        setup.apply(&with_vault(1, in_mount(mount))).await.fails(phrase);
        assert_eq!(setup.issued(), issued, "{mount}: a value was created");
    }
}

#[tokio::test]
async fn secret_in_namespace_is_written() {
    let mut setup = Setup::new("namespace").await;
    setup.admin.add_namespace("", "delivery").await;
    let rules: [(&str, &[Capability]); 2] = [
        ("secret/data/striim/*", &[Create, Update, Read]),
        ("secret/delete/striim/*", &[Update]),
    ];
    let token = setup.admin.add_token("delivery", "striim", &rules).await;
    setup.environment.insert("VAULT_TOKEN", token);
    setup.environment.insert("VAULT_NAMESPACE", "delivery".to_owned());
    setup.mount = "delivery/secret".to_owned();
    let config = with_vault(1, in_mount("secret"));
    setup.apply(&config).await.succeeds();
    setup.assert_settled(&config).await;
}

#[tokio::test]
async fn value_is_delivered_after_vault_was_sealed_during_rotation() {
    let server = Arc::new(OpenBao::start().await.unwrap());
    let mut setup = Setup::on(server.clone(), "sealed").await;
    setup.apply(&setup.config(1)).await.succeeds();
    let key = server.unseal_key().unwrap();
    setup.during_rotation(|admin| {
        Box::pin(async move {
            admin.seal().await;
            // The provider retries the write meanwhile.
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(500)).await;
                admin.unseal(&key).await;
            });
        })
    });
    setup.apply(&setup.config(2)).await.succeeds();
    setup.assert_settled(&setup.config(2)).await;
}

#[tokio::test]
async fn value_is_replaced_after_vault_token_was_revoked_during_rotation() {
    let mut setup = Setup::new("revoked").await;
    setup.apply(&setup.config(1)).await.succeeds();
    let token = setup.environment["VAULT_TOKEN"].clone();
    setup.during_rotation(|admin| Box::pin(revoke(admin, token)));
    let run = setup.apply(&setup.config(2)).await;
    run.fails("could not be delivered to Vault");
    let token = setup.documented_token().await;
    setup.environment.insert("VAULT_TOKEN", token);
    setup
        .apply(&setup.config(2))
        .await
        .rotates_because("did not reach Vault");
    setup.assert_settled(&setup.config(2)).await;
}

async fn revoke(admin: Arc<Admin>, token: String) {
    admin
        .configure("", "POST", "auth/token/revoke", json!({ "token": token }))
        .await;
}

#[tokio::test]
async fn concurrent_version_is_not_overwritten() {
    let mut setup = Setup::new("conflict").await;
    setup.apply(&setup.config(1)).await.succeeds();
    let path = format!("{}/data/striim/ci", setup.mount);
    setup.during_rotation(|admin| {
        Box::pin(async move {
            let theirs = json!({ "data": { "password": "theirs" } });
            admin.configure("", "POST", &path, theirs).await;
        })
    });
    let run = setup.apply(&setup.config(2)).await;
    run.fails("nother client wrote the secret");
    assert_eq!(
        setup.secret_at("striim/ci").await["data"],
        json!({ "password": "theirs" })
    );
}

#[tokio::test]
async fn deleted_and_dropped_versions_are_followed_by_rotation() {
    let mut setup = Setup::new("versions").await;
    let metadata = format!("{}/metadata/striim/ci", setup.mount);
    let settings = json!({ "max_versions": 1 });
    setup.admin.configure("", "POST", &metadata, settings).await;
    for release in 1..=3 {
        setup.apply(&setup.config(release)).await.succeeds();
        setup.assert_settled(&setup.config(release)).await;
        assert_eq!(setup.attribute("vault_version"), release);
    }
    let settings = json!({ "delete_version_after": "1s" });
    setup.admin.configure("", "POST", &metadata, settings).await;
    setup.apply(&setup.config(4)).await.succeeds();
    while !setup.secret_at("striim/ci").await["data"].is_null() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let settings = json!({ "delete_version_after": "0s" });
    setup.admin.configure("", "POST", &metadata, settings).await;
    let run = setup.apply(&setup.config(4)).await.succeeds();
    run.warns("is no longer in Vault");
    setup.assert_settled(&setup.config(4)).await;
    assert_eq!(setup.attribute("vault_version"), 5);
}

#[tokio::test]
async fn approle_logs_in_again_after_token_was_revoked_during_rotation() {
    let mut setup = Setup::new("approle").await;
    let mount = enable(&setup, "approle").await;
    let role = json!({ "token_policies": [setup.mount], "token_ttl": "1h" });
    setup
        .admin
        .configure("", "POST", &format!("{mount}/role/ci"), role)
        .await;
    let role_id = setup
        .admin
        .configure("", "GET", &format!("{mount}/role/ci/role-id"), Json::Null)
        .await;
    let secret_id = format!("{mount}/role/ci/secret-id");
    let secret_id = setup.admin.configure("", "POST", &secret_id, json!({})).await;
    setup.environment.remove("VAULT_TOKEN");
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    setup.environment.extend([
        ("VAULT_AUTH_METHOD", "approle".to_owned()),
        ("VAULT_AUTH_PATH", mount.clone()),
        ("VAULT_ROLE_ID", text(&role_id["data"]["role_id"])),
        ("VAULT_SECRET_ID", text(&secret_id["data"]["secret_id"])),
    ]);
    setup.apply(&setup.config(1)).await.succeeds();
    setup.assert_settled(&setup.config(1)).await;
    // All tokens of the auth method.
    setup.during_rotation(move |admin| {
        Box::pin(async move {
            let path = format!("sys/leases/revoke-prefix/{mount}/login");
            admin.configure("", "PUT", &path, json!({})).await;
        })
    });
    setup.apply(&setup.config(2)).await.succeeds();
    setup.assert_settled(&setup.config(2)).await;

    let wrong = "4f1c9a70-55d2-4be1-9d0e-7a6b2c3d8e9f";
    setup.environment.insert("VAULT_SECRET_ID", wrong.to_owned());
    let run = setup
        .apply(&setup.config(3))
        .await
        .fails("Could not log in to Vault with AppRole");
    // Several rejections would lock the role.
    let run = run.fails("invalid role or secret ID");
    assert!(!format!("{:?}", run.diagnostics).contains(wrong));
}

#[tokio::test]
async fn jwt_of_ci_job_logs_in() {
    let mut setup = Setup::new("jwt").await;
    let mount = enable(&setup, "jwt").await;
    let issuer = Issuer::new();
    let config = json!({ "jwt_validation_pubkeys": [issuer.public_key()] });
    setup
        .admin
        .configure("", "POST", &format!("{mount}/config"), config)
        .await;
    let role = json!({
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": ["vault"],
        "token_policies": [setup.mount],
    });
    setup
        .admin
        .configure("", "POST", &format!("{mount}/role/ci"), role)
        .await;
    setup.environment.remove("VAULT_TOKEN");
    setup.environment.extend([
        ("VAULT_AUTH_METHOD", "jwt".to_owned()),
        ("VAULT_AUTH_PATH", mount),
        ("VAULT_AUTH_ROLE", "ci".to_owned()),
    ]);
    setup.environment.insert("VAULT_ID_TOKEN", issuer.jwt(&claims("vault")));
    setup.apply(&setup.config(1)).await.succeeds();
    setup.assert_settled(&setup.config(1)).await;
    let issued = setup.issued();
    setup
        .environment
        .insert("VAULT_ID_TOKEN", issuer.jwt(&claims("another")));
    let run = setup
        .apply(&setup.config(2))
        .await
        .fails("Could not log in to Vault with a JWT");
    run.fails("bound_audiences");
    assert_eq!(setup.issued(), issued);
}

/// Enables an auth method for this test, and returns its path.
async fn enable(setup: &Setup, type_name: &str) -> String {
    let path = format!("auth/delivery-{type_name}");
    let body = json!({ "type": type_name });
    setup.admin.configure("", "POST", &format!("sys/{path}"), body).await;
    path
}
