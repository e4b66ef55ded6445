//! Providers that are configured for another account than the state's, or for the same account at another address.

use std::time::Duration;

use secrecy::ExposeSecret;

use crate::framework::testing::{Configuration, ResourceBlock, RunOptions, RunOutcome, Workspace};
use crate::framework::{Identity, Provider, Value};
use crate::platform::Runtime;
use crate::platform::rotation_policy::RotationPolicy;
use crate::platform::testing::variables;
use crate::rest::Transport;
use crate::sandbox::striim::{Options, Role, Sandbox};
use crate::striim::provider::Striim;
use crate::striim::resources::pat_status::PatStatus;
use crate::striim::resources::personal_access_token::PersonalAccessToken;
use crate::striim::resources::service_account_token::ServiceAccountToken;
use crate::striim::resources::service_account_token_pair::ServiceAccountTokenPair;
use crate::striim::tests::{context, sandbox};

const USER: &str = "ann@acme.example";
const HOME: &str = "http://127.0.0.1";

fn account() -> Sandbox {
    let sandbox = sandbox(Options::default());
    sandbox.add_user(USER, Role::Regular);
    sandbox.add_user_token(USER, None).unwrap();
    sandbox
}

/// Returns a provider for this account with this base URL.
fn provider(sandbox: &Sandbox, base_url: &str) -> Striim {
    let service = sandbox.clone();
    Striim::new(Runtime {
        clock: sandbox.clock(),
        environment: variables(&[
            ("STRIIM_TOKEN", sandbox.admin_token().expose_secret()),
            ("STRIIM_BASE_URL", base_url),
        ]),
        transport: Box::new(move |_| Transport::new(service.service())),
    })
}

/// A configuration with one token of each type.
fn declared() -> Configuration {
    let token = ServiceAccountToken {
        name: "ci-pipeline".into(),
        token: RotationPolicy {
            expires_in: "90d".into(),
            ..RotationPolicy::default()
        }
        .into(),
        ..Default::default()
    };
    let pair = ServiceAccountTokenPair {
        name: "ci".into(),
        expires_in: "90d".into(),
        ..Default::default()
    };
    let pat = PersonalAccessToken {
        email: USER.into(),
        token: RotationPolicy {
            expires_in: "30d".into(),
            ..RotationPolicy::default()
        }
        .into(),
        ..Default::default()
    };
    Configuration::from_iter([
        ("striim_service_account_token.ci".to_owned(), ResourceBlock::new(token)),
        (
            "striim_service_account_token_pair.ci".to_owned(),
            ResourceBlock::new(pair),
        ),
        ("striim_personal_access_token.ann".to_owned(), ResourceBlock::new(pat)),
    ])
}

async fn applied(sandbox: &Sandbox) -> Workspace {
    let workspace = Workspace::default();
    let outcome = workspace.apply(|| provider(sandbox, HOME), &declared()).await;
    assert_eq!(outcome, RunOutcome::Applied, "{:#?}", workspace.take_diagnostics());
    workspace.take_diagnostics();
    workspace
}

#[tokio::test(start_paused = true)]
async fn provider_for_another_account_changes_nothing_and_names_both() {
    // The other account is empty, or has the same names and numbers.
    for has_the_same_names in [false, true] {
        let (home, other) = (account(), account());
        let workspace = applied(&home).await;
        if has_the_same_names {
            tokio::time::advance(Duration::from_secs(3_600)).await;
            applied(&other).await;
        }
        let state = format!("{:?}", workspace.state());
        let acts = other.audit().len();
        for skip_refresh in [false, true] {
            for configuration in [declared(), Configuration::new()] {
                let options = RunOptions {
                    skip_refresh,
                    ..RunOptions::default()
                };
                let start = || provider(&other, "http://127.0.0.2");
                let outcome = workspace.apply_with(start, &configuration, &options).await;
                assert_eq!(outcome, RunOutcome::Failed);
                let shown = workspace.take_diagnostics();
                let errors = shown.iter().filter(|shown| {
                    shown.summary.ends_with("is in another account")
                        && shown.detail.contains("127.0.0.1/api/v1")
                        && shown.detail.contains("127.0.0.2/api/v1")
                });
                assert_eq!(errors.count(), 3, "{shown:#?}");
                assert_eq!(format!("{:?}", workspace.state()), state);
            }
        }
        assert_eq!(other.audit().len(), acts, "nothing was changed there");
        let outcome = workspace.apply(|| provider(&home, HOME), &declared()).await;
        assert_eq!(outcome, RunOutcome::Unchanged, "{:#?}", workspace.take_diagnostics());
    }
}

#[tokio::test(start_paused = true)]
async fn other_address_of_same_account_is_recognised_by_its_tokens() {
    let home = account();
    let workspace = applied(&home).await;
    for base_url in ["http://localhost", "http://127.0.0.3/api/v1", HOME] {
        let outcome = workspace.apply(|| provider(&home, base_url), &declared()).await;
        assert_eq!(
            outcome,
            RunOutcome::Unchanged,
            "{base_url}: {:#?}",
            workspace.take_diagnostics()
        );
    }
    assert_eq!(workspace.violations(), Vec::<String>::new());
    // The next apply with changes records the new address. A destroy works with either address.
    let outcome = workspace
        .apply(|| provider(&home, "http://localhost"), &Configuration::new())
        .await;
    assert_eq!(outcome, RunOutcome::Applied, "{:#?}", workspace.take_diagnostics());
}

#[tokio::test(start_paused = true)]
async fn refresh_without_drift_changes_neither_state_nor_private_state() {
    let home = account();
    let workspace = applied(&home).await;
    // The first refresh records attributes that only the platform's list contains.
    workspace.apply(|| provider(&home, HOME), &declared()).await;
    let state = format!("{:?}", workspace.state());
    for _ in 0..3 {
        tokio::time::advance(Duration::from_secs(5 * 24 * 3_600)).await;
        let outcome = workspace.apply(|| provider(&home, HOME), &declared()).await;
        assert_eq!(outcome, RunOutcome::Unchanged, "{:#?}", workspace.take_diagnostics());
        assert_eq!(format!("{:?}", workspace.state()), state);
    }
}

#[tokio::test(start_paused = true)]
async fn status_of_another_account_is_not_changed() {
    let declared = |enabled: bool| {
        let status = PatStatus {
            enabled: enabled.into(),
            on_destroy: "disable".into(),
            ..PatStatus::default()
        };
        Configuration::new().with("striim_pat_status.this", ResourceBlock::new(status))
    };
    let (home, other) = (account(), account());
    let workspace = Workspace::default();
    let outcome = workspace.apply(|| provider(&home, HOME), &declared(true)).await;
    assert_eq!(outcome, RunOutcome::Applied, "{:#?}", workspace.take_diagnostics());
    for configuration in [declared(true), declared(false), Configuration::new()] {
        let start = || provider(&other, "http://127.0.0.2");
        let outcome = workspace.apply(start, &configuration).await;
        let shown = format!("{:?}", workspace.take_diagnostics());
        assert_eq!(outcome, RunOutcome::Failed, "{shown}");
        assert!(shown.contains("is in another account"), "{shown}");
    }
    assert_eq!(other.calls("PATCH", "/user-token/status"), 0);
}

#[tokio::test(start_paused = true)]
async fn identity_of_another_account_is_not_imported() {
    let sandbox = account();
    let context = context(&sandbox);
    for resource in provider(&sandbox, HOME).resources() {
        let type_name = resource.type_name();
        let schema = resource.identity_schema().expect(type_name);
        let identity = |account: &str| {
            let members = schema.attributes.iter().map(|attribute| {
                let text = if attribute.name == "account" { account } else { USER };
                (attribute.name.to_string(), Value::String(text.to_owned()))
            });
            Identity(Value::Map(members.collect()))
        };
        let id = if type_name == "striim_pat_status" { "acme" } else { USER };
        assert_eq!(
            resource.import_id(&context, &identity("acme")).unwrap(),
            id,
            "{type_name}"
        );
        let error = resource.import_id(&context, &identity("other")).unwrap_err();
        assert_eq!(error.summary, "Another account", "{type_name}");
    }
}
