//! Delivery of token values to Vault: what the state says was delivered is what Vault holds, and it is valid.
//!
//! Each run starts its own providers, as Terraform does, against both sandboxes and under tokio's paused clock.

mod faults;
mod lifecycle;
mod ownership;
mod pair;
mod pair_simulation;
mod real;
mod simulation;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value as Json, json};
use token_providers::framework::testing::{Run, SingleResource};
use token_providers::rest::{Destination, Transport};
use token_providers::sandbox::striim::{Options, Role, Sandbox, Seed};
use token_providers::sandbox::{Effect, Fault, Vault};
use token_providers::striim::{Runtime, Striim};
use token_providers::token::Clock;
use tokio::time::{Instant, timeout};
use tower::ServiceExt as _;

const VAULT: &str = "http://127.0.0.1:8200";
const DATA: &str = "/secret/data/striim/ci";
const ROTATE: &str = "/service-account/rotate";
const USER: &str = "user@acme.example";

const ACCOUNT_TOKEN: &str = "striim_service_account_token";
const PERSONAL_TOKEN: &str = "striim_personal_access_token";
/// The resources with one token.
const TYPES: [&str; 2] = [ACCOUNT_TOKEN, PERSONAL_TOKEN];

type Variable = (&'static str, &'static str);

const ACME: Variable = ("STRIIM_ACCOUNT", "acme");

/// An account, a Vault, and a workspace with one resource.
struct Setup {
    sandbox: Sandbox,
    vault: Vault,
    /// The environment variables of the provider.
    environment: BTreeMap<&'static str, String>,
    resource: SingleResource,
    /// Every diagnostic, to be searched for values.
    shown: String,
    /// Every plan and state, to be searched for values.
    recorded: String,
}

impl Setup {
    fn new() -> Self {
        Self::of(ACCOUNT_TOKEN)
    }

    fn of(type_name: &str) -> Self {
        let (start, epoch) = (Instant::now(), "2027-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
        let seed = Seed {
            clock: Clock::new(move || epoch + start.elapsed()),
            ..Seed::default()
        };
        let sandbox = Sandbox::seeded(seed, Options::default());
        sandbox.add_user(USER, Role::Regular);
        sandbox.add_user_token(USER, None).unwrap();
        let vault = Vault::new(sandbox.clock());
        let mut setup = Self {
            environment: BTreeMap::from([("VAULT_ADDR", VAULT.to_owned())]),
            resource: SingleResource::new(type_name),
            shown: String::new(),
            recorded: String::new(),
            sandbox,
            vault,
        };
        setup.set_account(&[ACME]);
        setup.set_platform_token(&setup.sandbox.admin_token());
        setup.set_vault_token(&setup.vault.root_token());
        setup
    }

    /// Another account, whose provider delivers to the same Vault.
    fn with_same_vault(&self, type_name: &str, account: &[Variable]) -> Self {
        let mut other = Self::of(type_name);
        other.vault = self.vault.clone();
        other.set_vault_token(&SecretString::from(self.environment["VAULT_TOKEN"].clone()));
        other.set_account(account);
        other
    }

    /// Sets the variables by which the provider finds the account.
    fn set_account(&mut self, variables: &[Variable]) {
        self.environment
            .retain(|name, _| *name == "STRIIM_TOKEN" || !name.starts_with("STRIIM_"));
        let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
        self.environment.extend(variables);
    }

    fn set_platform_token(&mut self, token: &SecretString) {
        let token = token.expose_secret().to_owned();
        self.environment.insert("STRIIM_TOKEN", token);
    }

    fn set_vault_token(&mut self, token: &SecretString) {
        let token = token.expose_secret().to_owned();
        self.environment.insert("VAULT_TOKEN", token);
    }

    fn provider(&self) -> impl Fn() -> Striim + use<> {
        let (sandbox, vault, environment) = (self.sandbox.clone(), self.vault.clone(), self.environment.clone());
        move || {
            let (platform, vault, environment) = (sandbox.clone(), vault.clone(), environment.clone());
            Striim::new(Runtime {
                clock: sandbox.clock(),
                environment: Box::new(move |name| environment.get(name).cloned()),
                transport: Box::new(move |to: &Destination| {
                    if to.base_url.as_str().starts_with(VAULT) {
                        return Transport::new(vault.service());
                    }
                    let path = to.base_url.as_str().trim_end_matches("/api/v1");
                    let path = path.splitn(4, '/').nth(3).unwrap_or_default();
                    let prefix = format!("/{path}");
                    let behind = platform.service().map_request(move |request| without(&prefix, request));
                    Transport::new(behind)
                }),
            })
        }
    }
}

/// A request as a gateway passes it on that distinguishes accounts by their paths.
fn without(prefix: &str, mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let uri = request.uri().to_string();
    if let Some((host, rest)) = uri.split_once(prefix).filter(|_| prefix != "/") {
        *request.uri_mut() = format!("{host}{rest}").parse().unwrap();
    }
    request
}

/// Runs.
impl Setup {
    async fn apply(&mut self, config: &Json) -> Run {
        let run = self.resource.apply(self.provider(), Some(config)).await;
        self.record(run)
    }

    async fn plan(&mut self, config: &Json) -> Run {
        let run = self.resource.plan(self.provider(), Some(config)).await;
        self.record(run)
    }

    async fn destroy(&mut self) -> Run {
        let run = self.resource.destroy(self.provider()).await;
        self.record(run)
    }

    /// `terraform apply` that is killed after this time, if it still runs; a destruction without a configuration.
    async fn apply_within(&mut self, limit: Duration, config: Option<&Json>) -> Option<Run> {
        let run = timeout(limit, self.resource.apply(self.provider(), config)).await;
        match run {
            Ok(run) => Some(self.record(run)),
            Err(_) => {
                let diagnostics = self.resource.workspace().take_diagnostics();
                self.shown.push_str(&format!("{diagnostics:?}"));
                self.record_state();
                None
            }
        }
    }

    /// `terraform apply` that hangs, and is killed.
    async fn kill_apply(&mut self, config: &Json) {
        let run = self.apply_within(Duration::from_secs(5), Some(config)).await;
        assert!(run.is_none(), "the apply was to hang: {run:?}");
    }

    fn record(&mut self, run: Run) -> Run {
        self.shown.push_str(&format!("{:?}", run.diagnostics));
        self.recorded.push_str(&format!("{:?}", run.planned.revealed()));
        self.record_state();
        run
    }

    fn record_state(&mut self) {
        self.recorded
            .extend(self.resource.object().map(|object| object.to_json()));
    }
}

/// The state and the secrets after a run.
impl Setup {
    /// An attribute in the state.
    fn attribute(&self, name: &str) -> Json {
        let object = self.resource.object().expect("it is in the state");
        let state: Json = serde_json::from_str(&object.to_json()).unwrap();
        state[name].clone()
    }

    fn generation(&self) -> i64 {
        self.attribute("generation").as_i64().unwrap()
    }

    /// The value that is in the state.
    fn stored_value(&self) -> String {
        self.attribute("token").as_str().unwrap().to_owned()
    }

    /// The value that a reader of the secret receives.
    fn delivered_value(&self) -> Option<String> {
        self.secret_field("striim/ci", "token")
    }

    fn secret_field(&self, path: &str, field: &str) -> Option<String> {
        let secret = self.vault.secret("secret", path)?;
        secret[field].as_str().map(str::to_owned)
    }

    /// Writes a secret of another program.
    fn put_foreign_secret(&mut self) {
        let foreign = json!({ "user": "app", "password": "theirs" });
        self.vault
            .put("secret", "striim/ci", foreign.as_object().unwrap().clone());
    }

    /// Asserts that nothing is left to do: what the state says was delivered is what Vault holds, and it is valid.
    async fn assert_settled(&mut self, config: &Json) {
        self.apply(config).await.changes_nothing();
        let delivered = self.delivered_value().expect("Vault holds a value");
        assert!(self.sandbox.is_live(&delivered), "it is valid");
        assert_eq!(
            self.attribute("vault_version"),
            self.vault.version("secret", "striim/ci")
        );
        assert!(self.attribute("token").is_null());
        let secret = self.vault.secret("secret", "striim/ci").unwrap();
        for name in ["token_id", "generation"] {
            assert!(secret[name].is_i64(), "{name}");
            assert_eq!(self.attribute(name), secret[name], "{name}");
        }
        self.assert_no_leaks();
    }

    /// Asserts that no value is in a state, a plan or a diagnostic.
    fn assert_no_leaks(&self) {
        for value in self.sandbox.issued_values() {
            let value = value.expose_secret();
            assert!(!self.shown.contains(value), "a diagnostic shows a value");
            assert!(!self.recorded.contains(value), "a plan or a state has a value");
        }
        let vault_token = &self.environment["VAULT_TOKEN"];
        assert!(!self.shown.contains(vault_token), "a diagnostic shows Vault's token");
    }
}

trait RotationAssertions {
    /// Asserts that the token was rotated for this reason.
    fn rotates_because(self, reason: &str) -> Self;
}

impl RotationAssertions for Run {
    #[track_caller]
    fn rotates_because(self, reason: &str) -> Self {
        self.succeeds().warns("will be rotated").warns(reason)
    }
}

/// A token whose value is delivered, with this trigger.
fn delivered(release: i64) -> Json {
    with_vault(release, destination("striim/ci"))
}

/// A token whose value is in the state.
fn stored_in_state(release: i64) -> Json {
    with_vault(release, Json::Null)
}

fn with_vault(release: i64, vault: Json) -> Json {
    json!({
        "name": "ci-pipeline",
        "rotation_triggers": { "release": release.to_string() },
        "vault": vault,
    })
}

fn destination(path: &str) -> Json {
    json!({ "mount": "secret", "path": path })
}

fn destination_field(path: &str, field: &str) -> Json {
    json!({ "mount": "secret", "path": path, "field": field })
}

fn in_mount(mount: &str) -> Json {
    json!({ "mount": mount, "path": "striim/ci" })
}

/// Changes the configuration of a service account token into that of a user's PAT.
fn pat(mut config: Json) -> Json {
    let attributes = config.as_object_mut().unwrap();
    attributes.remove("name");
    attributes.insert("email".to_owned(), json!(USER));
    config
}

/// A configuration of this type, with this destination.
fn of_type(type_name: &str, release: i64, vault: Json) -> Json {
    let config = with_vault(release, vault);
    match type_name {
        PERSONAL_TOKEN => pat(config),
        _ => config,
    }
}

fn named(name: &str, vault: Json) -> Json {
    let mut config = with_vault(1, vault);
    config["name"] = json!(name);
    config
}

/// A fault at random that strikes up to eight requests, before or after the platform acts.
fn any_fault(random: &mut fastrand::Rng) -> Fault {
    let faults = [
        Fault::new(Effect::Cut),
        Fault::new(Effect::Hang),
        Fault::new(Effect::Truncate),
        Fault::answer(502),
        Fault::answer(503),
        Fault::answer(403),
        Fault::answer(412),
        Fault::answer(200).body("<html>Sign in</html>"),
    ];
    let fault = faults[random.usize(..faults.len())].clone();
    let fault = fault.times(random.u32(1..9)).skip(random.u32(..3));
    if random.bool() { fault.after() } else { fault }
}
