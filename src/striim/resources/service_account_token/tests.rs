use secrecy::ExposeSecret;

use super::*;
use crate::framework::testing::{Run, SingleResource};
use crate::framework::{DynResource, Severity};
use crate::platform::rotation_policy::RotationPolicy;
use crate::platform::testing::gateway_answers::gateway_answers;
use crate::sandbox::Fault;
use crate::sandbox::striim::{Instants, Names, Options, Sandbox};
use crate::striim::tests::{provider, sandbox};

const NAME: &str = "CI-Pipeline";

/// A workspace with one service account token.
struct World {
    sandbox: Sandbox,
    workspace: SingleResource,
}

impl World {
    fn new(options: Options) -> Self {
        Self {
            sandbox: sandbox(options),
            workspace: SingleResource::new(ServiceAccountTokenResource::TYPE),
        }
    }

    async fn apply(&mut self, config: &ServiceAccountToken) -> Run {
        self.workspace.apply(|| provider(&self.sandbox), Some(config)).await
    }

    async fn plan(&mut self, config: &ServiceAccountToken) -> Run {
        self.workspace.plan(|| provider(&self.sandbox), Some(config)).await
    }

    fn state(&self) -> ServiceAccountToken {
        self.workspace.state().expect("it is in the state")
    }

    fn is_live(&self, state: &ServiceAccountToken) -> bool {
        let value = state.token.delivery.token.known();
        value.is_some_and(|value| self.sandbox.is_live(value.expose_secret()))
    }

    /// Returns the names of all service accounts except the provider's own.
    fn names(&self) -> Vec<String> {
        let names = self.sandbox.service_accounts().into_iter().map(|account| account.name);
        names.filter(|name| name != "terraform").collect()
    }
}

fn lasting(expires_in: &str) -> ServiceAccountToken {
    let policy = RotationPolicy {
        expires_in: expires_in.into(),
        ..RotationPolicy::default()
    };
    ServiceAccountToken {
        name: NAME.into(),
        token: policy.into(),
        ..ServiceAccountToken::default()
    }
}

fn config() -> ServiceAccountToken {
    lasting("90d")
}

#[tokio::test(start_paused = true)]
async fn account_under_other_name_is_recorded_refreshed_rotated_and_deleted() {
    for (kept, name) in [(Names::LowerCase, "ci-pipeline"), (Names::Suffixed, "CI-Pipeline-1")] {
        let mut world = World::new(Options {
            names: kept,
            ..Options::default()
        });
        let created = world.apply(&config()).await.succeeds();
        created.warns("The platform names the service account");
        let state = world.state();
        assert!(world.is_live(&state));
        world.apply(&config()).await.changes_nothing().reports_nothing();

        world.apply(&lasting("60d")).await.succeeds();
        let rotated = world.state();
        assert!(world.is_live(&rotated) && !world.is_live(&state));
        assert_eq!(world.names(), [name]);

        let sandbox = world.sandbox.clone();
        let destroyed = world.workspace.destroy(|| provider(&sandbox)).await;
        destroyed.reports_nothing();
        assert!(world.workspace.object().is_none());
        assert_eq!(world.names(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn account_under_other_spelling_without_token_ids_stays_in_state() {
    let mut world = World::new(Options {
        names: Names::LowerCase,
        list_token_id: false,
        ..Options::default()
    });
    world.apply(&config()).await.succeeds();
    let refreshed = world.workspace.refresh(|| provider(&world.sandbox)).await;
    refreshed.succeeds().warns("listed under another spelling");
    assert!(world.workspace.object().is_some());
}

#[tokio::test(start_paused = true)]
async fn create_finds_account_under_other_spelling_after_lost_answer() {
    let mut world = World::new(Options {
        names: Names::LowerCase,
        ..Options::default()
    });
    let cut = crate::sandbox::Fault::new(crate::sandbox::Effect::Cut).after();
    world.sandbox.fault(cut.on("POST", "/service-account"));
    world.apply(&config()).await.succeeds();
    assert!(world.is_live(&world.state()));
    assert_eq!(world.names(), ["ci-pipeline"]);
}

#[tokio::test(start_paused = true)]
async fn unreadable_expiry_is_a_warning_and_does_not_rotate() {
    const UNREADABLE: &str = "an expiry that cannot be read";
    let mut created = World::new(Options {
        instants: Instants::Local,
        ..Options::default()
    });
    created.apply(&config()).await.succeeds();
    let mut imported = World {
        sandbox: created.sandbox.clone(),
        workspace: SingleResource::new(ServiceAccountTokenResource::TYPE),
    };
    let run = imported.workspace.import(|| provider(&created.sandbox), NAME).await;
    run.succeeds();
    let policy = RotationPolicy {
        expires_at: "2027-06-30T00:00:00Z".into(),
        ..RotationPolicy::default()
    };
    let fixed = ServiceAccountToken {
        token: policy.into(),
        ..config()
    };
    for (mut world, config) in [(created, config()), (imported, fixed)] {
        for _ in 0..2 {
            let planned = world.plan(&config).await.succeeds().warns(UNREADABLE);
            assert_eq!(planned.diagnostics.len(), 1, "{planned:?}");
            assert_ne!(planned.planned.get("token"), &Value::Unknown);
            world.apply(&config).await.succeeds();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn expiry_in_epoch_milliseconds_is_parsed() {
    let mut world = World::new(Options {
        instants: Instants::Milliseconds,
        ..Options::default()
    });
    world.apply(&config()).await.succeeds();
    world.apply(&config()).await.changes_nothing().reports_nothing();
    let expires_at = |state: ServiceAccountToken| state.token.policy.expires_at;
    let state = world.state();
    let mut importing = SingleResource::new(ServiceAccountTokenResource::TYPE);
    importing.import(|| provider(&world.sandbox), NAME).await.succeeds();
    assert_eq!(expires_at(importing.state().unwrap()), expires_at(state));
}

#[test]
fn name_that_the_platform_may_trim_is_invalid() {
    let sandbox = sandbox(Options::default());
    let resource = ServiceAccountTokenResource::new(Session::new(sandbox.clock()));
    for name in [" cid", "cid ", "cid\n", "c\tid"] {
        let config = ServiceAccountToken {
            name: name.into(),
            ..config()
        };
        assert!(
            DynResource::validate(&resource, &config.into_value()).has_errors(),
            "{name:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn partial_or_foreign_list_removes_and_adopts_nothing() {
    let parts = [
        r#"{"content":[{"name":"terraform"}],"totalElements":2,"last":false}"#,
        r#"{"service-accounts":[{"name":"terraform"}],"hasMore":true}"#,
        r#"{"service-accounts":[],"total":3}"#,
        "[]",
        r#"{"data":[]}"#,
    ];
    let parts = parts.map(|body| Fault::answer(200).body(body));
    for answer in parts.into_iter().chain(gateway_answers()) {
        let mut world = World::new(Options::default());
        world.apply(&config()).await.succeeds();
        let state = world.state();
        world
            .sandbox
            .fault(answer.clone().on("GET", "/service-accounts").times(1_000));
        world.workspace.refresh(|| provider(&world.sandbox)).await;
        assert!(world.workspace.object().is_some(), "{answer:?}");
        let adopting = ServiceAccountToken {
            adopt_existing: true.into(),
            ..config()
        };
        let mut other = SingleResource::new(ServiceAccountTokenResource::TYPE);
        let adopted = other.apply(|| provider(&world.sandbox), Some(&adopting)).await;
        assert!(
            adopted.reports(Severity::Error, "") && other.object().is_none(),
            "{answer:?}"
        );
        assert!(world.is_live(&state), "{answer:?}");
    }
}
