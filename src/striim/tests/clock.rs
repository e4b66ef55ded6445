//! Runs on a machine with a wrong clock: decisions follow the platform's clock.

use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};

use crate::framework::testing::{Configuration, ResourceBlock, RunOptions, RunOutcome, Workspace};
use crate::framework::{Configured, Context, EphemeralResource, Model, Provider, Resource, Value};
use crate::platform::Runtime;
use crate::platform::testing::variables;
use crate::rest::Transport;
use crate::sandbox::Fault;
use crate::sandbox::striim::{Options, Role, Sandbox};
use crate::striim::ephemeral_resources::service_account_token::{
    EphemeralServiceAccountToken, ServiceAccountTokenEphemeral,
};
use crate::striim::provider::Striim;
use crate::striim::resources::personal_access_token::{PersonalAccessToken, PersonalAccessTokenResource};
use crate::striim::resources::service_account_token::{ServiceAccountToken, ServiceAccountTokenResource};
use crate::striim::tests::sandbox;
use crate::token::Clock;

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;
/// Errors of the machine's clock in seconds; positive if it is ahead.
const SKEWS: [i64; 6] = [40 * DAY, 2 * HOUR, 5, -5, -2 * HOUR, -40 * DAY];

/// Returns a provider on a machine whose clock is `skew` seconds ahead.
fn provider(sandbox: &Sandbox, skew: i64) -> Striim {
    let (clock, transport) = (sandbox.clock(), sandbox.clone());
    Striim::new(Runtime {
        clock: Clock::new(move || clock.now() + SignedDuration::from_secs(skew)),
        environment: variables(&[
            ("STRIIM_TOKEN", sandbox.admin_token().expose_secret()),
            ("STRIIM_BASE_URL", "http://127.0.0.1"),
        ]),
        transport: Box::new(move |_| Transport::new(transport.service())),
    })
}

fn declare<R: Resource<Model: Clone>>(attributes: &[(&str, &str)]) -> Configuration {
    let attributes = attributes
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::String((*value).to_owned())));
    let config = R::Model::from_value(&Value::Map(attributes.collect())).unwrap();
    configuration::<R>(config)
}

fn configuration<R: Resource<Model: Clone>>(config: R::Model) -> Configuration {
    Configuration::from_iter([(format!("{}.this", R::TYPE), ResourceBlock::new(config))])
}

fn token(workspace: &Workspace) -> SecretString {
    let state = workspace.state();
    let object = &state["striim_service_account_token.this"];
    let token = object.model::<ServiceAccountToken>().token.delivery.token.into_known();
    token.unwrap()
}

#[tokio::test(start_paused = true)]
async fn wrong_clock_does_not_rotate_and_is_reported() {
    for skew in SKEWS {
        for skip_refresh in [false, true] {
            for declared in [
                declare::<ServiceAccountTokenResource>(&[
                    ("name", "ci-pipeline"),
                    ("expires_in", "30d"),
                    ("rotate_before", "1h"),
                ]),
                declare::<ServiceAccountTokenResource>(&[("name", "ci-pipeline")]),
            ] {
                let (sandbox, workspace) = (sandbox(Options::default()), Workspace::default());
                let applied = workspace.apply(|| provider(&sandbox, 0), &declared).await;
                assert_eq!(applied, RunOutcome::Applied, "{:?}", workspace.take_diagnostics());
                assert_eq!(workspace.take_diagnostics().len(), 0);
                let value = token(&workspace);
                let options = RunOptions {
                    skip_refresh,
                    ..RunOptions::default()
                };
                let outcome = workspace
                    .apply_with(|| provider(&sandbox, skew), &declared, &options)
                    .await;
                let shown = workspace.take_diagnostics();
                assert_eq!(outcome, RunOutcome::Unchanged, "{skew} {skip_refresh}: {shown:?}");
                assert!(sandbox.is_live(value.expose_secret()), "{skew}");
                let reported = shown
                    .iter()
                    .filter(|shown| shown.summary.contains("This machine's clock is"))
                    .count();
                // Without a refresh, a token that is not due by either clock needs no request.
                let expected = usize::from(skew.abs() > 60);
                assert!(
                    reported == expected || (skip_refresh && reported == 0),
                    "{skew}: {shown:?}"
                );
                assert_eq!(shown.len(), reported, "{shown:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_clock_creates_and_rotates_with_the_right_expiry() {
    for skew in SKEWS {
        for lifetime in ["365d", "12h"] {
            let (sandbox, workspace) = (sandbox(Options::default()), Workspace::default());
            for release in ["1", "2"] {
                let days = declare::<ServiceAccountTokenResource>(&[("name", "ci-pipeline"), ("expires_in", lifetime)]);
                let description = if release == "1" {
                    days
                } else {
                    declare::<ServiceAccountTokenResource>(&[("name", "ci-pipeline"), ("expires_in", "364d")])
                };
                let outcome = workspace.apply(|| provider(&sandbox, skew), &description).await;
                assert_eq!(
                    outcome,
                    RunOutcome::Applied,
                    "{skew}: {:?}",
                    workspace.take_diagnostics()
                );
                let lifetime = match (release, lifetime) {
                    ("2", _) => 364 * DAY,
                    (_, "12h") => 12 * HOUR,
                    _ => 365 * DAY,
                };
                let accounts = sandbox.service_accounts();
                let account = accounts.iter().find(|account| account.name == "ci-pipeline").unwrap();
                let left = account
                    .token
                    .expires_at
                    .unwrap()
                    .duration_since(sandbox.clock().now())
                    .as_secs();
                assert!((lifetime - 2..=lifetime).contains(&left), "{skew}: {left}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_clock_creates_pat_of_maximum_lifetime() {
    for skew in SKEWS {
        let (sandbox, workspace) = (sandbox(Options::default()), Workspace::default());
        sandbox.add_user("ann@example.com", Role::Regular);
        let declared = declare::<PersonalAccessTokenResource>(&[("email", "ann@example.com"), ("expires_in", "90d")]);
        let outcome = workspace.apply(|| provider(&sandbox, skew), &declared).await;
        assert_eq!(
            outcome,
            RunOutcome::Applied,
            "{skew}: {:?}",
            workspace.take_diagnostics()
        );
        let state = workspace.state();
        let model = state["striim_personal_access_token.this"].model::<PersonalAccessToken>();
        assert!(sandbox.is_live(model.token.delivery.token.into_known().unwrap().expose_secret()));
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_clock_deletes_no_open_ephemeral_account_of_another_run() {
    for skew in SKEWS {
        let sandbox = sandbox(Options {
            quota: 10,
            ..Options::default()
        });
        let mut values = Vec::new();
        for skew in [0, skew] {
            let provider = provider(&sandbox, skew);
            let configured = provider
                .configure(&Context::default(), Default::default(), "1.14.0")
                .await;
            let Ok(Configured::Ready(connection)) = configured else {
                panic!("{skew}")
            };
            let context = Context::with_client(connection);
            let ephemeral = ServiceAccountTokenEphemeral::new(provider.session().clone());
            let config = EphemeralServiceAccountToken {
                name_prefix: "run".into(),
                ..Default::default()
            };
            let opened = ephemeral.open(&context, config).await;
            let opened = opened.unwrap_or_else(|failed| panic!("{skew}: {:?}", failed.diagnostics));
            values.push(opened.result.token.into_known().unwrap());
        }
        assert!(
            values.iter().all(|value| sandbox.is_live(value.expose_secret())),
            "{skew}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_expiry_is_explained_and_revokes_nothing() {
    let (sandbox, workspace) = (sandbox(Options::default()), Workspace::default());
    let refusal = r#"{"message":"expires-at: must not be later than 2027-12-31T00:00:00Z"}"#;
    sandbox.fault(
        Fault::answer(400)
            .body(refusal)
            .on("POST", "/service-account")
            .times(10),
    );
    let mut declared = declare::<ServiceAccountTokenResource>(&[("name", "ci-pipeline"), ("expires_in", "365d")]);
    for adopts in [false, true] {
        if adopts {
            let attributes = [
                ("name", Value::String("ci-pipeline".to_owned())),
                ("expires_in", Value::String("365d".to_owned())),
                ("adopt_existing", Value::Bool(true)),
            ];
            let attributes = attributes.map(|(name, value)| (name.to_owned(), value)).into();
            let config = Model::from_value(&Value::Map(attributes)).unwrap();
            declared = configuration::<ServiceAccountTokenResource>(config);
        }
        assert_eq!(
            workspace.apply(|| provider(&sandbox, 0), &declared).await,
            RunOutcome::Failed
        );
        let shown = workspace
            .take_diagnostics()
            .into_iter()
            .map(|shown| shown.to_string())
            .collect::<String>();
        assert!(
            shown.contains("expires-at: must not be later") && shown.contains("check the arguments"),
            "{shown}"
        );
        assert!(!shown.contains("revoke"), "{shown}");
        assert_eq!(sandbox.calls("DELETE", "/service-account"), 0);
    }
}
