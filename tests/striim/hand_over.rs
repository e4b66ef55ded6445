//! Hand-overs to Vault: what the state says was handed over is what Vault holds, and it works.
//!
//! Plans and applies as Terraform makes them, each by a provider of its own, against both sandboxes and under tokio's
//! clock. A run that is killed is a future that is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use token_providers::framework::{
    Configured, Context, Diagnostic, Diagnostics, DynResource, Number, PrivateState, Provider, Severity, Value,
};
use token_providers::rest::{Destination, Transport};
use token_providers::sandbox::striim::{ListUpdated, Options, Role, Sandbox, Seed};
use token_providers::sandbox::{Capability, Effect, Fault, Vault};
use token_providers::striim::{Parts, Striim};
use token_providers::token::Clock;
use tokio::time::{Instant, timeout};
use tower::ServiceExt as _;

use Capability::{Create, Read, Update};

type Config = <Striim as Provider>::Config;
type Client = <Striim as Provider>::Client;

const VAULT: &str = "http://127.0.0.1:8200";
const DATA: &str = "/secret/data/striim/ci";
const ROTATE: &str = "/service-account/rotate";
const USER: &str = "user@acme.example";

type Attributes = BTreeMap<String, Value>;
type Environment = Vec<(&'static str, &'static str)>;

const ACME: (&str, &str) = ("STRIIM_ACCOUNT", "acme");

/// An account, a Vault, and a workspace with one resource.
struct World {
    sandbox: Sandbox,
    vault: Vault,
    vault_token: String,
    /// What the provider works with on the platform.
    token: SecretString,
    /// What the provider is configured by, except for its tokens and Vault.
    environment: Environment,
    kind: &'static str,
    state: Option<Attributes>,
    tainted: bool,
    /// Every diagnostic, to be searched for values.
    told: String,
    /// Every plan and state, likewise.
    recorded: String,
}

/// How a run ended, and what it told.
struct Run {
    diagnostics: Vec<Diagnostic>,
    changed: bool,
}

impl Run {
    fn says(&self, severity: Severity, phrase: &str) -> bool {
        let told = self.diagnostics.iter().filter(|told| told.severity == severity);
        told.map(ToString::to_string).any(|told| told.contains(phrase))
    }

    #[track_caller]
    fn succeeds(self) -> Self {
        assert!(!self.has_errors(), "{:?}", self.diagnostics);
        self
    }

    #[track_caller]
    fn fails(self, phrase: &str) -> Self {
        assert!(self.says(Severity::Error, phrase), "{phrase}: {:?}", self.diagnostics);
        self
    }

    #[track_caller]
    fn warns(self, phrase: &str) -> Self {
        assert!(self.says(Severity::Warning, phrase), "{phrase}: {:?}", self.diagnostics);
        self
    }

    #[track_caller]
    fn rotates_because(self, reason: &str) -> Self {
        self.succeeds().warns("is to be rotated").warns(reason)
    }

    fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|told| told.severity == Severity::Error)
    }
}

/// A resource of one provider process.
struct ProcessResource {
    resource: Box<dyn DynResource<Client>>,
    client: Arc<Client>,
}

impl ProcessResource {
    fn context(&self, private: &PrivateState) -> Context<Client> {
        let mut context = Context::with_client(self.client.clone());
        context.private = private.clone();
        context
    }

    async fn read(&self, private: &PrivateState, state: Value, diagnostics: &mut Diagnostics) -> Value {
        let context = self.context(private);
        let read = self.resource.read(&context, state).await;
        diagnostics.extend(context.take_diagnostics());
        read
    }

    async fn apply(
        &self,
        private: &PrivateState,
        prior: Value,
        planned: Value,
        diagnostics: &mut Diagnostics,
    ) -> Value {
        let context = self.context(private);
        let applied = self.resource.apply(&context, prior, planned).await;
        diagnostics.extend(context.take_diagnostics());
        applied
    }
}

/// A request as a gateway passes it on that keeps accounts apart by their paths.
fn without(prefix: &str, mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let uri = request.uri().to_string();
    if let Some((host, rest)) = uri.split_once(prefix).filter(|_| prefix != "/") {
        *request.uri_mut() = format!("{host}{rest}").parse().unwrap();
    }
    request
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn number(number: i64) -> Value {
    Value::Number(Number::Integer(number))
}

fn object(members: &[(&str, Value)]) -> Value {
    let members = members.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    Value::Map(members.collect())
}

fn destination(path: &str, field: Value) -> Value {
    object(&[("mount", text("secret")), ("path", text(path)), ("field", field)])
}

/// A token that is handed over, with this trigger.
fn handed_over(release: i64) -> Attributes {
    with_vault(release, destination("striim/ci", Value::Null))
}

fn with_vault(release: i64, vault: Value) -> Attributes {
    let triggers = object(&[("release", text(&release.to_string()))]);
    BTreeMap::from([
        ("name".to_owned(), text("ci-pipeline")),
        ("rotation_triggers".to_owned(), triggers),
        ("vault".to_owned(), vault),
    ])
}

fn kept_in_the_state(release: i64) -> Attributes {
    with_vault(release, Value::Null)
}

/// The same of a user's PAT.
fn pat(config: Attributes) -> Attributes {
    let mut config = config;
    config.remove("name");
    config.insert("email".to_owned(), text(USER));
    config
}

impl World {
    fn new() -> Self {
        Self::of("striim_service_account_token")
    }

    fn of(kind: &'static str) -> Self {
        let (start, epoch) = (Instant::now(), "2027-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
        let seed = Seed {
            clock: Clock::new(move || epoch + start.elapsed()),
            ..Seed::default()
        };
        let sandbox = Sandbox::seeded(seed, Options::default());
        sandbox.add_user(USER, Role::Regular);
        sandbox.add_user_token(USER, None).unwrap();
        let vault = Vault::new(sandbox.clock());
        let vault_token = vault.root_token().expose_secret().to_owned();
        let token = sandbox.admin_token();
        Self {
            sandbox,
            vault,
            vault_token,
            token,
            environment: vec![ACME],
            kind,
            state: None,
            tainted: false,
            told: String::new(),
            recorded: String::new(),
        }
    }

    /// Another account, whose provider delivers to the same Vault.
    fn beside(&self, kind: &'static str, environment: &[(&'static str, &'static str)]) -> Self {
        Self {
            vault: self.vault.clone(),
            vault_token: self.vault_token.clone(),
            environment: environment.to_vec(),
            ..Self::of(kind)
        }
    }

    async fn resource(&self, diagnostics: &mut Diagnostics) -> ProcessResource {
        let resources = self.process(diagnostics).await;
        let mut resources = resources.into_iter();
        resources
            .find(|resource| resource.resource.type_name() == self.kind)
            .unwrap()
    }

    /// The resources of one provider process.
    async fn process(&self, diagnostics: &mut Diagnostics) -> Vec<ProcessResource> {
        let variables = self.environment.clone();
        let (token, vault_token) = (self.token.clone(), self.vault_token.clone());
        let (platform, vault) = (self.sandbox.clone(), self.vault.clone());
        let provider = Striim::new(Parts {
            clock: self.sandbox.clock(),
            environment: Box::new(move |name| match name {
                "STRIIM_TOKEN" => Some(token.expose_secret().to_owned()),
                "VAULT_ADDR" => Some(VAULT.to_owned()),
                "VAULT_TOKEN" => Some(vault_token.clone()),
                name => {
                    let variable = variables.iter().find(|(variable, _)| *variable == name);
                    variable.map(|(_, value)| (*value).to_owned())
                }
            }),
            transport: Box::new(move |to: &Destination| {
                if to.base_url.as_str().starts_with(VAULT) {
                    Transport::new(vault.service())
                } else {
                    let path = to.base_url.as_str().trim_end_matches("/api/v1");
                    let path = path.splitn(4, '/').nth(3).unwrap_or_default();
                    let prefix = format!("/{path}");
                    let behind = platform.service().map_request(move |request| without(&prefix, request));
                    Transport::new(behind)
                }
            }),
        });
        let configured = provider
            .configure(&Context::default(), Config::default(), "1.11.4")
            .await;
        let Some(Configured::Ready(client)) = diagnostics.ok(configured) else {
            panic!("the provider is not configured: {diagnostics:?}");
        };
        let client = Arc::new(client);
        let resources = provider.resources().into_iter();
        let resources = resources.map(|resource| ProcessResource {
            resource,
            client: client.clone(),
        });
        resources.collect()
    }

    /// `terraform apply`, or destroy with no configuration.
    async fn run(&mut self, config: Option<&Attributes>) -> Run {
        let mut diagnostics = Diagnostics::default();
        let changed = self.try_run(config, &mut diagnostics).await;
        let diagnostics: Vec<_> = diagnostics.into_iter().collect();
        self.told.push_str(&format!("{diagnostics:?}"));
        self.recorded.extend(self.state.as_ref().map(revealed));
        Run { diagnostics, changed }
    }

    /// Whether anything was to be done.
    async fn try_run(&mut self, config: Option<&Attributes>, diagnostics: &mut Diagnostics) -> bool {
        let private = PrivateState::default();
        let resource = self.resource(diagnostics).await;
        let refreshed = match self.state.clone() {
            Some(state) => resource.read(&private, Value::Map(state), diagnostics).await,
            None => Value::Null,
        };
        if diagnostics.has_errors() {
            return false;
        }
        self.state = match &refreshed {
            Value::Map(state) => Some(state.clone()),
            _ => None,
        };
        // What is tainted is planned as if it were not there.
        let prior = if self.tainted { Value::Null } else { refreshed.clone() };
        let planned = self.plan(&resource, config, &prior, diagnostics).await;
        if diagnostics.has_errors() || planned == refreshed {
            return false;
        }
        self.recorded.push_str(&revealed_value(&planned));
        // Another process applies.
        let resource = self.resource(diagnostics).await;
        let mut prior = refreshed;
        if self.tainted && !prior.is_null() {
            prior = resource.apply(&private, prior, Value::Null, diagnostics).await;
            self.save(&prior, false);
            if diagnostics.has_errors() {
                return true;
            }
        }
        let created = prior.is_null();
        let result = resource.apply(&private, prior, planned, diagnostics).await;
        self.save(&result, created && diagnostics.has_errors());
        true
    }

    async fn plan(
        &self,
        resource: &ProcessResource,
        config: Option<&Attributes>,
        prior: &Value,
        diagnostics: &mut Diagnostics,
    ) -> Value {
        let Some(config) = config else { return Value::Null };
        let schema = resource.resource.schema();
        let attributes = schema.attributes.iter();
        let names: Vec<_> = attributes
            .map(|attribute| (&*attribute.name, attribute.is_computed()))
            .collect();
        let whole = |of: &dyn Fn(&str, bool) -> Value| {
            let members = names
                .iter()
                .map(|(name, computed)| ((*name).to_owned(), of(name, *computed)));
            Value::Map(members.collect())
        };
        let config = whole(&|name, _| config.get(name).cloned().unwrap_or(Value::Null));
        let proposed = whole(&|name, computed| match config.get(name) {
            Value::Null if computed => prior.get(name).clone(),
            value => value.clone(),
        });
        diagnostics.extend(resource.resource.validate(&config));
        let context = resource.context(&PrivateState::default());
        let plan = resource.resource.plan(&context, &config, prior, proposed).await;
        diagnostics.extend(context.take_diagnostics());
        plan.unwrap().planned
    }

    fn save(&mut self, value: &Value, tainted: bool) {
        self.state = match value {
            Value::Map(state) => Some(state.clone()),
            _ => None,
        };
        self.tainted = tainted && self.state.is_some();
    }

    async fn apply(&mut self, config: &Attributes) -> Run {
        self.run(Some(config)).await
    }

    /// A run whose process is killed, once what it waits for does not come.
    async fn killed(&mut self, config: &Attributes) {
        let killed = timeout(Duration::from_secs(5), self.run(Some(config))).await;
        assert!(killed.is_err(), "it was to hang");
    }

    fn attribute(&self, name: &str) -> Value {
        let state = self.state.as_ref().expect("it is in the state");
        state.get(name).cloned().unwrap_or(Value::Null)
    }

    fn generation(&self) -> i64 {
        match self.attribute("generation") {
            Value::Number(Number::Integer(generation)) => generation,
            other => panic!("{other:?}"),
        }
    }

    /// The value that a reader of the secret gets.
    fn held(&self) -> Option<String> {
        self.held_at("striim/ci", "token")
    }

    fn held_at(&self, path: &str, field: &str) -> Option<String> {
        let secret = self.vault.secret("secret", path)?;
        secret[field].as_str().map(str::to_owned)
    }

    fn theirs(&self) {
        let theirs = json!({"user": "app", "password": "theirs"});
        self.vault
            .put("secret", "striim/ci", theirs.as_object().unwrap().clone());
    }

    /// What the state says was handed over is what Vault holds, and it works; and nothing is left to do.
    async fn is_settled(&mut self, config: &Attributes) {
        let run = self.apply(config).await.succeeds();
        assert!(!run.changed, "{:?}", run.diagnostics);
        let held = self.held().expect("Vault holds a value");
        assert!(self.sandbox.is_live(&held), "it works");
        let version = i64::try_from(self.vault.version("secret", "striim/ci")).unwrap();
        assert_eq!(self.attribute("vault_version"), number(version));
        assert!(self.attribute("token").is_null());
        let secret = self.vault.secret("secret", "striim/ci").unwrap();
        for name in ["token_id", "generation"] {
            assert_eq!(self.attribute(name), number(secret[name].as_i64().unwrap()), "{name}");
        }
        self.revealed_nothing();
    }

    /// No value is in a state, a plan or a diagnostic.
    fn revealed_nothing(&self) {
        for value in self.sandbox.issued_values() {
            assert!(!self.told.contains(value.expose_secret()), "a value was told");
            assert!(!self.recorded.contains(value.expose_secret()), "a value was recorded");
        }
        assert!(!self.told.contains(&self.vault_token), "Vault's token was told");
    }
}

/// A state as it lies in the file.
fn revealed(state: &Attributes) -> String {
    revealed_value(&Value::Map(state.clone()))
}

fn revealed_value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::List(elements) => elements.iter().map(revealed_value).collect(),
        Value::Map(members) => members.values().map(|value| revealed_value(value) + " ").collect(),
        _ => String::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_goes_to_vault_and_never_into_the_state() {
    let mut world = World::new();
    assert!(world.apply(&handed_over(1)).await.succeeds().changed);
    world.is_settled(&handed_over(1)).await;
    let secret = world.vault.secret("secret", "striim/ci").unwrap();
    assert_eq!(
        (&secret["account"], &secret["name"]),
        (&json!("acme.striim.cloud"), &json!("ci-pipeline"))
    );
    assert_eq!(
        text(secret["expires_at"].as_str().unwrap()),
        world.attribute("expires_at")
    );
}

#[tokio::test(start_paused = true)]
async fn each_rotation_is_a_version() {
    let mut world = World::new();
    world.apply(&handed_over(1)).await.succeeds();
    let (first, created) = (world.held().unwrap(), world.generation());
    world
        .apply(&handed_over(2))
        .await
        .rotates_because("rotation_triggers.release changed");
    world.is_settled(&handed_over(2)).await;
    assert!(!world.sandbox.is_live(&first));
    assert_eq!(world.attribute("vault_version"), number(2));
    assert_eq!(world.generation(), created + 1);
}

#[tokio::test(start_paused = true)]
async fn destroying_revokes_the_token_and_removes_what_was_written() {
    let mut world = World::new();
    world.apply(&handed_over(1)).await.succeeds();
    world.run(None).await.succeeds();
    assert!(world.state.is_none());
    assert_eq!(world.held(), None);
    assert_eq!(world.sandbox.service_accounts().len(), 1, "the provider's own");

    // Made again, it follows the deleted version.
    world.apply(&handed_over(1)).await.succeeds();
    world.is_settled(&handed_over(1)).await;
    assert_eq!(world.attribute("vault_version"), number(2));
}

#[tokio::test(start_paused = true)]
async fn destroying_spares_what_somebody_wrote_since() {
    let mut world = World::new();
    world.apply(&handed_over(1)).await.succeeds();
    world.theirs();
    world.run(None).await.succeeds();
    assert_eq!(world.held_at("striim/ci", "password").as_deref(), Some("theirs"));
}

#[tokio::test(start_paused = true)]
async fn destroying_goes_on_without_vault() {
    let mut world = World::new();
    world.apply(&handed_over(1)).await.succeeds();
    world.vault.seal();
    world.run(None).await.succeeds().warns("stays in Vault");
    assert!(world.state.is_none());
    assert_eq!(world.sandbox.service_accounts().len(), 1, "the provider's own");
}

#[tokio::test(start_paused = true)]
async fn adding_moving_and_removing_it_rotates() {
    let mut world = World::new();
    world.apply(&kept_in_the_state(1)).await.succeeds();
    let Value::String(kept) = world.attribute("token") else {
        panic!("the state keeps it")
    };
    world.recorded.clear();
    let run = world.apply(&handed_over(1)).await;
    run.rotates_because(
        "its value is kept by Vault (\"secret/striim/ci\", field \"token\") from now on, not by the state",
    );
    assert!(!world.sandbox.is_live(&kept));
    world.is_settled(&handed_over(1)).await;

    let moved = with_vault(1, destination("striim/other", text("password")));
    world
        .apply(&moved)
        .await
        .rotates_because("\"secret/striim/other\", field \"password\"");
    assert_eq!(world.held(), None, "what was written before is removed");
    assert!(
        world
            .sandbox
            .is_live(&world.held_at("striim/other", "password").unwrap())
    );
    world
        .apply(&with_vault(1, destination("striim/other", text("value"))))
        .await
        .rotates_because("field \"value\"");
    assert!(world.sandbox.is_live(&world.held_at("striim/other", "value").unwrap()));
    world.revealed_nothing();

    world
        .apply(&kept_in_the_state(1))
        .await
        .rotates_because("kept by the state from now on");
    assert_eq!(world.held_at("striim/other", "value"), None);
    assert!(world.attribute("vault_version").is_null());
    let Value::String(kept) = world.attribute("token") else {
        panic!("the state keeps it")
    };
    assert!(world.sandbox.is_live(&kept));
    assert!(!world.apply(&kept_in_the_state(1)).await.succeeds().changed);
}

#[tokio::test(start_paused = true)]
async fn another_spelling_of_the_same_place_rotates_nothing() {
    let mut world = World::new();
    world.apply(&handed_over(1)).await.succeeds();
    let created = world.generation();
    let spelled = with_vault(1, destination("/striim/ci", text("token")));
    let run = world.apply(&spelled).await.succeeds();
    assert!(!run.says(Severity::Warning, "rotated"), "{:?}", run.diagnostics);
    world.is_settled(&spelled).await;
    assert_eq!(world.generation(), created);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_where_nothing_can_be_written() {
    for (break_it, phrase) in [
        (World::seal as fn(&mut World), "Vault is sealed"),
        (World::lose_the_token, "permission denied"),
        (World::may_not_update, "lacks update on \"secret/data/striim/ci\""),
        (World::unmount, "There is no KV version 2"),
        (World::theirs_is_there, "belongs to another token or program"),
    ] {
        for rotation in [false, true] {
            let mut world = World::new();
            if rotation {
                world.apply(&handed_over(1)).await.succeeds();
            }
            let issued = world.sandbox.issued_values().len();
            break_it(&mut world);
            world.apply(&handed_over(2)).await.fails(phrase);
            assert_eq!(
                world.sandbox.issued_values().len(),
                issued,
                "{phrase}: a value was made"
            );
            assert_eq!(world.state.is_some(), rotation, "{phrase}");
            world.revealed_nothing();
        }
    }
}

impl World {
    fn seal(&mut self) {
        self.vault.seal();
    }

    fn lose_the_token(&mut self) {
        self.vault_token = "hvs.unknown".to_owned();
    }

    fn may_not_update(&mut self) {
        let token = self.vault.token(&[("secret/data/striim/*", &[Create, Read])]);
        self.vault_token = token.expose_secret().to_owned();
    }

    fn unmount(&mut self) {
        self.vault.unmount("secret");
    }

    fn theirs_is_there(&mut self) {
        self.theirs();
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_with_just_the_documented_policy_will_do() {
    let mut world = World::new();
    let policy: [(&str, &[Capability]); 2] = [
        ("secret/data/striim/*", &[Create, Update, Read]),
        ("secret/delete/striim/*", &[Update]),
    ];
    world.vault_token = world.vault.token(&policy).expose_secret().to_owned();
    for release in 1..=2 {
        world.apply(&handed_over(release)).await.succeeds();
        world.is_settled(&handed_over(release)).await;
    }
    world.run(None).await.succeeds();
    assert_eq!(world.held(), None);
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_secret_is_told_by_the_plan_and_stays() {
    let mut world = World::new();
    world.theirs();
    let mut diagnostics = Diagnostics::default();
    let resource = world.resource(&mut diagnostics).await;
    world
        .plan(&resource, Some(&handed_over(1)), &Value::Null, &mut diagnostics)
        .await;
    assert!(
        diagnostics
            .iter()
            .any(|told| told.to_string().contains("belongs to another token or program"))
    );

    // Deleted, it is in nobody's way.
    world.vault.delete("secret", "striim/ci");
    world.apply(&handed_over(1)).await.succeeds();
    world.is_settled(&handed_over(1)).await;
}

#[tokio::test(start_paused = true)]
async fn vault_may_be_away_while_the_value_is_in_memory() {
    for fault in [
        Fault::new(Effect::Cut),
        Fault::new(Effect::Cut).after(),
        Fault::new(Effect::Hang).after(),
        Fault::answer(503),
        Fault::answer(502).after(),
        Fault::answer(412),
        Fault::new(Effect::Truncate),
    ] {
        for times in [1, 3] {
            let mut world = World::new();
            for release in 1..=2 {
                world.vault.fault(fault.clone().on("POST", DATA).times(times));
                world.apply(&handed_over(release)).await.succeeds();
                world.is_settled(&handed_over(release)).await;
                assert_eq!(world.attribute("vault_version"), number(release), "{fault:?}");
            }
            assert_eq!(world.sandbox.calls("POST", ROTATE), 1, "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_delivered_fails_the_apply_and_the_next_one_makes_another() {
    for fault in [
        Fault::answer(503),
        Fault::answer(403),
        Fault::new(Effect::Cut),
        Fault::answer(400).body(r#"{"errors":["check-and-set parameter did not match the current version"]}"#),
    ] {
        let mut world = World::new();
        world.apply(&handed_over(1)).await.succeeds();
        let created = world.generation();
        world.vault.fault(fault.clone().on("POST", DATA).times(u32::MAX));
        world
            .apply(&handed_over(2))
            .await
            .fails("could not be handed over to Vault");
        assert_eq!(world.attribute("vault_version"), number(0), "{fault:?}");
        assert_eq!(world.generation(), created + 1, "{fault:?}");
        assert!(world.attribute("token").is_null());

        world.vault.heal();
        let run = world.apply(&handed_over(2)).await;
        run.rotates_because(
            "its value did not reach Vault (\"secret/striim/ci\", field \"token\"), and nobody knows it",
        );
        world.is_settled(&handed_over(2)).await;
        assert_eq!(world.generation(), created + 2, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_whose_first_value_cannot_be_delivered_is_not_forgotten() {
    let mut world = World::new();
    world.vault.fault(Fault::answer(503).on("POST", DATA).times(u32::MAX));
    world
        .apply(&handed_over(1))
        .await
        .fails("could not be handed over to Vault");
    assert!(world.tainted);
    world.vault.heal();
    world.apply(&handed_over(1)).await.succeeds();
    world.is_settled(&handed_over(1)).await;
    assert_eq!(
        world.sandbox.service_accounts().len(),
        2,
        "the provider's own, and this one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_conflict_covers_nothing_and_is_told() {
    let mut world = World::new();
    world.apply(&handed_over(1)).await.succeeds();
    world
        .sandbox
        .fault(Fault::new(Effect::Delay(jiff::SignedDuration::from_secs(3))).on("POST", ROTATE));
    let (vault, theirs) = (world.vault.clone(), json!({"password": "theirs"}));
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        vault.put("secret", "striim/ci", theirs.as_object().unwrap().clone());
    };
    let config = handed_over(2);
    let (run, ()) = tokio::join!(world.apply(&config), meanwhile);
    run.fails("Another client wrote the secret \"secret/striim/ci\" at the same time");
    assert_eq!(world.held_at("striim/ci", "password").as_deref(), Some("theirs"));
    world.apply(&config).await.fails("belongs to another token or program");
    world.vault.delete("secret", "striim/ci");
    world.apply(&config).await.rotates_because("did not reach");
    world.is_settled(&config).await;
}

#[tokio::test(start_paused = true)]
async fn killed_between_the_making_and_the_delivery_the_next_run_makes_another() {
    let mut world = World::new();
    world.apply(&handed_over(1)).await.succeeds();
    world.vault.fault(Fault::new(Effect::Hang).on("POST", DATA));
    world.killed(&handed_over(2)).await;
    assert!(
        !world.sandbox.is_live(&world.held().unwrap()),
        "what Vault holds was ended"
    );
    assert_eq!(world.vault.version("secret", "striim/ci"), 1);

    let run = world.apply(&handed_over(2)).await.succeeds();
    run.warns("is no longer in Vault")
        .warns("does not hold its present value any more");
    world.is_settled(&handed_over(2)).await;
    assert_eq!(world.attribute("vault_version"), number(2));
}

#[tokio::test(start_paused = true)]
async fn killed_after_the_delivery_the_next_run_finds_it_done() {
    let mut world = World::new();
    world.apply(&handed_over(1)).await.succeeds();
    let created = world.generation();
    world.vault.fault(Fault::new(Effect::Hang).after().on("POST", DATA));
    world.killed(&handed_over(2)).await;
    let delivered = world.held().unwrap();
    assert!(world.sandbox.is_live(&delivered));

    // Refreshed by the configuration that was there before, so that nothing else asks for a rotation.
    let run = world.apply(&handed_over(1)).await.succeeds();
    assert!(!run.says(Severity::Warning, "rotated"), "{:?}", run.diagnostics);
    world.is_settled(&handed_over(1)).await;
    assert_eq!(world.held().unwrap(), delivered);
    assert_eq!(world.generation(), created + 1);
}

#[tokio::test(start_paused = true)]
async fn what_happens_outside_is_seen_and_made_good() {
    type Happening = fn(&World);
    let cases: [(Happening, &str, &str); 3] = [
        (
            |world| world.vault.delete("secret", "striim/ci"),
            "it was deleted",
            "does not hold its present value",
        ),
        (
            |world| world.vault.wipe("secret", "striim/ci"),
            "it was deleted",
            "does not hold its present value",
        ),
        (
            |world| drop(world.sandbox.rotate_outside("ci-pipeline").unwrap()),
            "was rotated outside Terraform",
            "does not hold its present value",
        ),
    ];
    for (happens, warning, reason) in cases {
        let mut world = World::new();
        world.apply(&handed_over(1)).await.succeeds();
        happens(&world);
        world
            .apply(&handed_over(1))
            .await
            .warns(warning)
            .rotates_because(reason);
        world.is_settled(&handed_over(1)).await;
    }

    let mut world = World::new();
    world.apply(&handed_over(1)).await.succeeds();
    world.theirs();
    let run = world
        .apply(&handed_over(1))
        .await
        .fails("belongs to another token or program");
    run.warns("its version 2 is of somebody else");
    world.vault.delete("secret", "striim/ci");
    world
        .apply(&handed_over(1))
        .await
        .rotates_because("does not hold its present value");
    world.is_settled(&handed_over(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_rotation_outside_is_seen_even_if_the_list_tells_no_numbers() {
    let mut world = World::new();
    world.sandbox.set_options(|options| {
        options.list_token_id = false;
        options.list_updated = ListUpdated::Always;
    });
    world.apply(&handed_over(1)).await.succeeds();
    // The answer to a creation does not tell when that was; the list does.
    world.is_settled(&handed_over(1)).await;
    tokio::time::advance(Duration::from_secs(3600)).await;
    world.sandbox.rotate_outside("ci-pipeline").unwrap();
    let run = world.apply(&handed_over(1)).await;
    run.rotates_because("does not hold its present value");
    world.is_settled(&handed_over(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_refresh_without_vault_warns_and_changes_nothing() {
    for (break_it, phrase) in [
        (World::seal as fn(&mut World), "Vault is sealed"),
        (World::lose_the_token, "permission denied"),
    ] {
        let mut world = World::new();
        world.apply(&handed_over(1)).await.succeeds();
        let (state, token) = (world.state.clone(), world.vault_token.clone());
        break_it(&mut world);
        let start = Instant::now();
        let run = world.apply(&handed_over(1)).await.succeeds();
        assert!(!run.warns("could not be looked for in Vault").warns(phrase).changed);
        assert!(start.elapsed() < Duration::from_secs(20), "nor does it wait long");
        assert!(world.state == state);
        world.vault.unseal();
        world.vault_token = token;
        world.is_settled(&handed_over(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_quotes_of_the_value_is_not_shown() {
    let mut world = World::new();
    world.apply(&handed_over(1)).await.succeeds();
    // The value that comes next is chosen, so that an answer can quote it.
    let quoted = "quoted-value-0123456789";
    let issued = json!({"token-id": 4711, "name": "ci-pipeline", "token": quoted,
                        "expires-at": "2027-02-01T00:00:00Z"});
    world
        .sandbox
        .fault(Fault::answer(200).on("POST", ROTATE).body(&issued.to_string()));
    let errors = json!({"errors": [format!("cannot store {quoted}")]});
    world
        .vault
        .fault(Fault::answer(400).on("POST", DATA).body(&errors.to_string()));
    let run = world.apply(&handed_over(2)).await.fails("[redacted");
    assert!(!format!("{:?}", run.diagnostics).contains(quoted));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_cannot_be_is_refused_before_anything_is_asked() {
    for (vault, phrase) in [
        (destination("../sys", Value::Null), "`vault.path`: must be a path"),
        (destination("", Value::Null), "`vault.path`: must be a path"),
        (destination("ci.", Value::Null), "must not end in a period"),
        (destination("ci", text("generation")), "a name of its own"),
        (destination("ci", text("")), "a name of its own"),
    ] {
        let mut world = World::new();
        world.apply(&with_vault(1, vault)).await.fails(phrase);
    }
}

#[tokio::test(start_paused = true)]
async fn a_personal_access_token_is_handed_over_alike() {
    let mut world = World::of("striim_personal_access_token");
    let mut generations = Vec::new();
    for release in 1..=2 {
        world.vault.fault(Fault::new(Effect::Cut).after().on("POST", DATA));
        world.apply(&pat(handed_over(release))).await.succeeds();
        world.is_settled(&pat(handed_over(release))).await;
        generations.push(world.generation());
    }
    assert_eq!(generations[1], generations[0] + 1);
    let secret = world.vault.secret("secret", "striim/ci").unwrap();
    assert_eq!(
        (&secret["name"], &secret["generation"]),
        (&json!(USER), &json!(generations[1]))
    );

    world.vault.fault(Fault::answer(403).on("POST", DATA));
    world
        .apply(&pat(handed_over(3)))
        .await
        .fails("could not be handed over");
    world
        .apply(&pat(handed_over(3)))
        .await
        .rotates_because("did not reach Vault");
    world.is_settled(&pat(handed_over(3))).await;
    world.run(None).await.succeeds();
    assert_eq!(world.held(), None);
}

impl World {
    /// The provider works with a user's PAT, and the platform does not report whose it is.
    fn works_as_a_user(&mut self) -> String {
        self.sandbox
            .set_options(|options| options.user_token_names_user = false);
        let own = self.sandbox.add_user_token(USER, None).unwrap();
        self.token = own;
        self.token.expose_secret().to_owned()
    }
}

/// A configuration of `kind`, with this destination.
fn of_kind(kind: &str, release: i64, vault: Value) -> Attributes {
    match kind {
        "striim_personal_access_token" => pat(with_vault(release, vault)),
        _ => with_vault(release, vault),
    }
}

const KINDS: [&str; 2] = ["striim_service_account_token", "striim_personal_access_token"];

fn in_mount(mount: &str) -> Value {
    object(&[
        ("mount", text(mount)),
        ("path", text("striim/ci")),
        ("field", Value::Null),
    ])
}

#[tokio::test(start_paused = true)]
async fn account_with_another_name_rotates_nothing() {
    const GATEWAY: (&str, &str) = ("STRIIM_BASE_URL", "https://gateway.example.com/acme/api/v1");
    const OTHER_GATEWAY: (&str, &str) = ("STRIIM_BASE_URL", "https://api.example.net/striim/api/v1");
    const OWN_HOST: (&str, &str) = ("STRIIM_BASE_URL", "https://ACME.striim.cloud/api/v1");
    for (before, after, label) in [
        (vec![GATEWAY], vec![GATEWAY, ACME], "gateway.example.com/acme"),
        (vec![("STRIIM_ACCOUNT", "Acme")], vec![ACME], "acme.striim.cloud"),
        (vec![ACME], vec![OWN_HOST], "acme.striim.cloud"),
        (vec![GATEWAY], vec![OTHER_GATEWAY], "api.example.net/striim"),
        (vec![ACME], vec![OTHER_GATEWAY], "api.example.net/striim"),
    ] {
        for kind in KINDS {
            let config = |release| of_kind(kind, release, destination("striim/ci", Value::Null));
            let mut world = World::of(kind);
            world.environment = before.clone();
            world.apply(&config(1)).await.succeeds();
            world.environment = after.clone();
            let run = world.apply(&config(1)).await.succeeds();
            assert!(
                !run.changed && run.diagnostics.is_empty(),
                "{after:?}: {:?}",
                run.diagnostics
            );
            world.is_settled(&config(1)).await;

            world
                .apply(&config(2))
                .await
                .rotates_because("rotation_triggers.release changed");
            world.is_settled(&config(2)).await;
            let secret = world.vault.secret("secret", "striim/ci").unwrap();
            assert_eq!(secret["account"], json!(label), "a rotation writes the new name");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn secret_of_an_earlier_version_of_the_provider_is_recognised() {
    const GATEWAY: (&str, &str) = ("STRIIM_BASE_URL", "https://gateway.example.com");
    for (environment, label) in [
        (vec![ACME], "acme"),
        (vec![ACME], "Acme"),
        (vec![GATEWAY], "gateway.example.com"),
        (vec![GATEWAY], "acme"),
        (vec![GATEWAY, ACME], "gateway.example.com"),
    ] {
        for kind in KINDS {
            let config = |release| of_kind(kind, release, destination("striim/ci", Value::Null));
            let mut world = World::of(kind);
            world.environment = environment.clone();
            world.apply(&config(1)).await.succeeds();
            let mut secret = world.vault.secret("secret", "striim/ci").unwrap();
            secret.insert("account".to_owned(), json!(label));
            world.vault.put("secret", "striim/ci", secret);
            world
                .state
                .as_mut()
                .unwrap()
                .insert("vault_version".to_owned(), number(2));
            world.is_settled(&config(1)).await;
            world
                .apply(&config(2))
                .await
                .rotates_because("rotation_triggers.release changed");
            world.is_settled(&config(2)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn secret_of_another_account_of_the_same_name_is_refused() {
    const GCP: [(&str, &str); 2] = [ACME, ("STRIIM_CLOUD", "gcp")];
    const AZURE: [(&str, &str); 2] = [ACME, ("STRIIM_CLOUD", "azure")];
    const FIRST: [(&str, &str); 2] = [ACME, ("STRIIM_BASE_URL", "https://gateway.example.com/a/api/v1")];
    const SECOND: [(&str, &str); 2] = [ACME, ("STRIIM_BASE_URL", "https://gateway.example.com/b/api/v1")];
    for (one, other) in [(GCP, AZURE), (AZURE, GCP), (FIRST, SECOND), (SECOND, FIRST)] {
        for kind in KINDS {
            let there = of_kind(kind, 1, destination("striim/ci", Value::Null));
            let mut first = World::of(kind);
            first.environment = one.to_vec();
            first.apply(&there).await.succeeds();

            let mut second = first.beside(kind, &other);
            let issued = second.sandbox.issued_values().len();
            second.apply(&there).await.fails("belongs to another token or program");
            assert_eq!(second.sandbox.issued_values().len(), issued, "nothing is made");

            // Nor by a rotation of what is there already, whose number is the same.
            second.apply(&of_kind(kind, 1, Value::Null)).await.succeeds();
            let issued = second.sandbox.issued_values().len();
            second.apply(&there).await.fails("belongs to another token or program");
            assert_eq!(second.sandbox.issued_values().len(), issued, "nothing is revoked");
            first.is_settled(&there).await;
            assert_eq!(first.vault.version("secret", "striim/ci"), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pat_without_an_address_is_not_known_by_its_name() {
    // Two users of one account, whose PATs have the same name as long as nothing reports their addresses.
    let config = || {
        let mut config = handed_over(1);
        config.remove("name");
        config
    };
    let kind = "striim_personal_access_token";
    let mut first = World::of(kind);
    first.works_as_a_user();
    first.apply(&config()).await.succeeds();
    assert_eq!(first.attribute("id"), text("own"));
    let mut second = first.beside(kind, &[ACME]);
    let own = second.works_as_a_user();
    second
        .apply(&config())
        .await
        .fails("belongs to another token or program");
    assert!(second.sandbox.is_live(&own), "it is not rotated");
    assert!(first.sandbox.is_live(&first.held().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn mount_without_versions_is_refused_by_the_plan_and_before_a_value_is_made() {
    for (mount, phrase) in [
        ("plain", "a KV version 1"),
        ("cubbyhole", "of the type \\\"cubbyhole\\\""),
        ("transit", "of the type \\\"transit\\\""),
        ("secret/inner", "a path inside another mount"),
    ] {
        for kind in KINDS {
            for in_the_apply in [false, true] {
                let mut world = World::of(kind);
                world.vault.mount_version_1("plain");
                world.vault.mount_other("transit", "transit");
                world
                    .apply(&of_kind(kind, 1, destination("striim/ci", Value::Null)))
                    .await
                    .succeeds();
                let issued = world.sandbox.issued_values().len();
                if in_the_apply {
                    // The plan does not wait for it, and only warns.
                    let path = format!("/sys/internal/ui/mounts/{mount}");
                    world.vault.fault(Fault::new(Effect::Hang).on("GET", &path));
                }
                let run = world.apply(&of_kind(kind, 1, in_mount(mount))).await;
                assert!(
                    run.diagnostics
                        .iter()
                        .any(|told| { told.severity == Severity::Error && format!("{told:?}").contains(phrase) }),
                    "{mount}: {:?}",
                    run.diagnostics
                );
                assert_eq!(run.changed, in_the_apply, "{mount}: {:?}", run.diagnostics);
                assert_eq!(world.sandbox.issued_values().len(), issued, "{mount}: a value was made");
                assert_eq!(world.vault.unversioned(mount, "data/striim/ci"), None, "{mount}");
                world
                    .is_settled(&of_kind(kind, 1, destination("striim/ci", Value::Null)))
                    .await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn value_that_lies_in_a_mount_without_versions_is_deleted() {
    for kind in KINDS {
        for moved in [false, true] {
            // As an earlier version of the provider left it.
            let mut world = World::of(kind);
            world.vault.mount_version_1("plain");
            world
                .apply(&of_kind(kind, 1, destination("striim/ci", Value::Null)))
                .await
                .succeeds();
            let mut secret = world.vault.secret("secret", "striim/ci").unwrap();
            secret.insert("account".to_owned(), json!("acme"));
            let written = json!({"options": {"cas": 0}, "data": secret});
            let written = written.as_object().unwrap().clone();
            world.vault.put("plain", "data/striim/ci", written);
            let state = world.state.as_mut().unwrap();
            state.insert("vault".to_owned(), in_mount("plain"));
            state.insert("vault_version".to_owned(), number(0));
            let config = of_kind(kind, 1, destination("striim/other", Value::Null));
            world.run(Some(&config).filter(|_| moved)).await.succeeds();
            assert_eq!(world.vault.unversioned("plain", "data/striim/ci"), None);
        }
    }
}

impl World {
    /// Plans resources in one provider process, and returns what that reports about the last one.
    async fn plan_together(&self, planned: &[(&str, &Attributes, &Value)]) -> (Vec<Diagnostic>, Vec<Value>) {
        let resources = self.process(&mut Diagnostics::default()).await;
        let (mut last, mut plans) = (Vec::new(), Vec::new());
        for (kind, config, prior) in planned {
            let resource = resources
                .iter()
                .find(|resource| resource.resource.type_name() == *kind)
                .unwrap();
            let mut diagnostics = Diagnostics::default();
            plans.push(self.plan(resource, Some(config), prior, &mut diagnostics).await);
            last = diagnostics.into_iter().collect();
        }
        (last, plans)
    }
}

fn errors(diagnostics: &[Diagnostic]) -> String {
    let errors = diagnostics.iter().filter(|told| told.severity == Severity::Error);
    errors.map(ToString::to_string).collect()
}

fn named(name: &str, vault: Value) -> Attributes {
    let mut config = with_vault(1, vault);
    config.insert("name".to_owned(), text(name));
    config
}

#[tokio::test(start_paused = true)]
async fn two_tokens_with_one_path_are_an_error_of_the_second_plan() {
    let world = World::new();
    let [account, user] = KINDS;
    let at = |path: &str, field: Value| destination(path, field);
    let first = named("first", at("striim/ci", Value::Null));
    for (kind, second, name) in [
        (account, named("second", at("striim/ci", Value::Null)), "second"),
        (account, named("second", at("/striim/ci/", Value::Null)), "second"),
        (account, named("second", at("striim/ci", text("other"))), "second"),
        (user, pat(with_vault(1, at("striim/ci", text("pat")))), USER),
    ] {
        for prior in [Value::Null, Value::Map(world.prior_in_the_state(kind, &second).await)] {
            let planned = [(account, &first, &Value::Null), (kind, &second, &prior)];
            let (told, _) = world.plan_together(&planned).await;
            let told = errors(&told);
            assert!(told.contains("Two tokens are to be in the secret"), "{told}");
            assert!(told.contains("\"first\"") && told.contains(name), "{told}");
        }
    }
    let elsewhere = named("second", at("striim/ci/deeper", Value::Null));
    let planned = [(account, &first, &Value::Null), (account, &elsewhere, &Value::Null)];
    assert_eq!(errors(&world.plan_together(&planned).await.0), "");
}

impl World {
    /// The state of such a resource whose value is not delivered yet.
    async fn prior_in_the_state(&self, kind: &'static str, config: &Attributes) -> Attributes {
        let mut world = World::of(kind);
        let mut config = config.clone();
        config.insert("vault".to_owned(), Value::Null);
        world.apply(&config).await.succeeds();
        world.state.unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn two_tokens_with_one_path_that_only_the_apply_knows_are_refused_before_a_value_is_made() {
    let world = World::new();
    let (private, kind) = (PrivateState::default(), KINDS[0]);
    let mut diagnostics = Diagnostics::default();
    let resource = world.resource(&mut diagnostics).await;
    for (name, issued) in [("first", 1), ("second", 0)] {
        let before = world.sandbox.issued_values().len();
        let config = named(name, destination("striim/ci", Value::Null));
        let (_, plans) = world.plan_together(&[(kind, &config, &Value::Null)]).await;
        world.vault.wipe("secret", "striim/ci");
        resource
            .apply(
                &private,
                Value::Null,
                plans.into_iter().next().unwrap(),
                &mut diagnostics,
            )
            .await;
        assert_eq!(world.sandbox.issued_values().len() - before, issued, "{name}");
    }
    let told: Vec<_> = diagnostics.into_iter().collect();
    assert!(errors(&told).contains("Two tokens are to be in the secret"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn path_may_go_from_one_token_to_another() {
    let mut world = World::new();
    let [kind, _] = KINDS;
    world
        .apply(&named("first", destination("striim/ci", Value::Null)))
        .await
        .succeeds();
    let prior = Value::Map(world.state.clone().unwrap());
    let moved = named("first", destination("striim/elsewhere", Value::Null));
    let second = named("second", destination("striim/ci", Value::Null));
    let (told, _) = world
        .plan_together(&[(kind, &moved, &prior), (kind, &second, &Value::Null)])
        .await;
    assert_eq!(errors(&told), "");
    let (told, _) = world
        .plan_together(&[(kind, &second, &Value::Null), (kind, &moved, &prior)])
        .await;
    assert_eq!(errors(&told), "", "its own new place is free");
}

#[tokio::test(start_paused = true)]
async fn replaced_token_may_keep_its_path() {
    for kind in KINDS {
        let mut world = World::of(kind);
        let before = of_kind(kind, 1, destination("striim/ci", Value::Null));
        world.apply(&before).await.succeeds();
        let prior = Value::Map(world.state.clone().unwrap());
        let mut after = before.clone();
        match kind {
            "striim_personal_access_token" => {
                world.sandbox.add_user("other@acme.example", Role::Regular);
                world.sandbox.add_user_token("other@acme.example", None).unwrap();
                after.insert("email".to_owned(), text("other@acme.example"))
            }
            _ => after.insert("name".to_owned(), text("renamed")),
        };
        // Terraform plans a replacement twice.
        let planned = [(kind, &after, &prior), (kind, &after, &Value::Null)];
        let (told, plans) = world.plan_together(&planned).await;
        assert_eq!(errors(&told), "");
        let (private, mut diagnostics) = (PrivateState::default(), Diagnostics::default());
        let resource = world.resource(&mut diagnostics).await;
        let deleted = resource.apply(&private, prior, Value::Null, &mut diagnostics).await;
        assert!(deleted.is_null());
        let created = resource
            .apply(
                &private,
                Value::Null,
                plans.into_iter().last().unwrap(),
                &mut diagnostics,
            )
            .await;
        let told: Vec<_> = diagnostics.into_iter().collect();
        assert_eq!(errors(&told), "");
        world.save(&created, false);
        world.is_settled(&after).await;
    }
}

#[tokio::test(start_paused = true)]
async fn first_plan_of_a_replacement_refuses_a_destination_that_cannot_be() {
    let mut world = World::new();
    let [kind, _] = KINDS;
    world.vault.mount_version_1("plain");
    world.apply(&kept_in_the_state(1)).await.succeeds();
    let prior = Value::Map(world.state.clone().unwrap());
    world.theirs();
    for (vault, phrase) in [
        (in_mount("plain"), "a KV version 1"),
        (
            destination("striim/ci", Value::Null),
            "belongs to another token or program",
        ),
    ] {
        let renamed = named("renamed", vault);
        let (told, _) = world.plan_together(&[(kind, &renamed, &prior)]).await;
        assert!(errors(&told).contains(phrase), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn foreign_secret_is_not_quoted() {
    for kind in KINDS {
        for rotation in [false, true] {
            let mut world = World::of(kind);
            if rotation {
                world.apply(&of_kind(kind, 1, Value::Null)).await.succeeds();
            }
            let labels = [
                "account",
                "name",
                "token_id",
                "expires_at",
                "access_key",
                "token",
                "user",
                "generation",
            ];
            let foreign = labels
                .iter()
                .map(|label| ((*label).to_owned(), json!(format!("quoted-{label}"))));
            world.vault.put("secret", "striim/ci", foreign.collect());
            world
                .apply(&of_kind(kind, 1, destination("striim/ci", Value::Null)))
                .await
                .fails("belongs to another token or program");
            assert!(!world.told.contains("quoted-"), "{}", world.told);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn mount_that_vault_does_not_describe_is_reported_before() {
    let mut world = World::new();
    world.vault.fault(
        Fault::answer(403)
            .on("GET", "/sys/internal/ui/mounts/secret")
            .times(u32::MAX),
    );
    // The write without content that tells mounts apart is refused by something in front.
    world.vault.fault(Fault::answer(400).on("POST", DATA).times(2));
    let run = world.apply(&handed_over(1)).await.succeeds();
    run.warns("It is not proved that the secret \"secret/striim/ci\" is in a KV version 2");
    world.is_settled(&handed_over(1)).await;
}

/// What a step of a history does to the world before the run that follows.
fn befall(world: &World, random: &mut fastrand::Rng) {
    let (vault, sandbox) = (&world.vault, &world.sandbox);
    let lost = [
        Fault::new(Effect::Cut),
        Fault::new(Effect::Hang),
        Fault::new(Effect::Truncate),
        Fault::answer(502),
        Fault::answer(503),
        Fault::answer(403),
        Fault::answer(412),
        Fault::answer(200).body("<html>Sign in</html>"),
    ];
    let mut fault = lost[random.usize(..lost.len())]
        .clone()
        .times(random.u32(1..9))
        .skip(random.u32(..3));
    if random.bool() {
        fault = fault.after();
    }
    match random.u8(..10) {
        0 => vault.fault(fault.on("POST", DATA)),
        1 => vault.fault(fault.on("GET", DATA)),
        2 => vault.fault(fault.on("POST", "/sys/capabilities-self")),
        3 => vault.fault(fault.on("POST", "/secret/delete/striim/ci")),
        4 => sandbox.fault(fault.on("POST", ROTATE)),
        5 => sandbox.fault(fault.on("POST", "/service-account")),
        6 => vault.seal(),
        7 => vault.delete("secret", "striim/ci"),
        8 => vault.wipe("secret", "striim/ci"),
        _ => drop(sandbox.rotate_outside("ci-pipeline")),
    }
}

/// Whatever befell a token and its Vault, and wherever runs were killed: two runs later all is as declared.
#[tokio::test(start_paused = true)]
async fn through_histories_of_faults_and_kills_the_promise_holds() {
    for seed in 0..200 {
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut world = World::new();
        world.sandbox.set_options(|options| options.rate_limits = None);
        let mut release = 0;
        for _ in 0..random.usize(1..6) {
            if random.u8(..3) > 0 {
                befall(&world, &mut random);
            }
            release += i64::from(random.u8(..2));
            let config = if random.u8(..6) == 0 {
                kept_in_the_state(release)
            } else {
                handed_over(release)
            };
            let config = Some(&config).filter(|_| random.u8(..8) > 0);
            // Killed somewhere on its way, or not at all.
            let patience = [2, 7, 40, 10_000][random.usize(..4)];
            if let Ok(run) = timeout(Duration::from_secs(patience), world.run(config)).await
                && !run.has_errors()
                && !run.says(Severity::Warning, "could not be looked for")
                && world.state.is_some()
                && world.attribute("vault_version") != Value::Null
            {
                let held = world.held().expect("Vault holds what the state says");
                assert!(world.sandbox.is_live(&held), "seed {seed}: it works");
            }
            world.vault.unseal();
        }
        world.vault.heal();
        world.sandbox.heal();
        let config = handed_over(release);
        for _ in 0..3 {
            let run = world.apply(&config).await;
            // A run that was killed while it made the account left one that no state knows: its user takes it over.
            if run.says(Severity::Error, "import") && world.state.is_none() {
                world.sandbox.delete_outside("ci-pipeline").unwrap();
            }
        }
        world.recorded.clear();
        world.is_settled(&config).await;
        assert_eq!(
            world.sandbox.service_accounts().len(),
            2,
            "the provider's own, and this one"
        );
    }
}
