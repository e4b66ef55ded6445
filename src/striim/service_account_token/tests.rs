use secrecy::ExposeSecret;

use super::*;
use crate::framework::Severity;
use crate::platform::testing::driven::Driven;
use crate::platform::testing::imposters::imposters;
use crate::sandbox::Fault;
use crate::sandbox::striim::{Instants, Names, Options, Sandbox};
use crate::striim::testing::{sandbox, session};

const NAME: &str = "CI-Pipeline";

fn driven(sandbox: &Sandbox) -> Driven<ServiceAccountToken> {
    Driven::new(ServiceAccountToken::new(session(sandbox)))
}

fn config() -> Model {
    Model {
        name: NAME.into(),
        expires_in: "90d".into(),
        ..Model::default()
    }
}

/// The names of the service accounts but the provider's own.
fn names(sandbox: &Sandbox) -> Vec<String> {
    let names = sandbox.service_accounts().into_iter().map(|account| account.name);
    names.filter(|name| name != "terraform").collect()
}

fn is_live(sandbox: &Sandbox, state: &Model) -> bool {
    let value = state.token.known();
    value.is_some_and(|value| sandbox.is_live(value.expose_secret()))
}

#[tokio::test(start_paused = true)]
async fn account_under_another_name_is_recorded_refreshed_rotated_and_revoked() {
    for (kept, name) in [(Names::LowerCase, "ci-pipeline"), (Names::Suffixed, "CI-Pipeline-1")] {
        let sandbox = sandbox(Options {
            names: kept,
            ..Options::default()
        });
        let created = driven(&sandbox).create(&config()).await;
        assert!(created.says(Severity::Warning, "The platform names the service account"));
        let state = created.state();
        assert!(is_live(&sandbox, &state));
        driven(&sandbox).rests(&config(), &state).await;

        let changed = Model {
            expires_in: "60d".into(),
            ..config()
        };
        let rotated = driven(&sandbox).update(&changed, &state).await.state();
        assert!(is_live(&sandbox, &rotated) && !is_live(&sandbox, &state));
        assert_eq!(names(&sandbox), [name]);

        let deleted = driven(&sandbox).delete(&rotated).await;
        assert!(deleted.state.is_none() && deleted.told.is_empty(), "{:?}", deleted.told);
        assert_eq!(names(&sandbox), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn account_under_another_spelling_without_numbers_stays_in_the_state() {
    let sandbox = sandbox(Options {
        names: Names::LowerCase,
        list_token_id: false,
        ..Options::default()
    });
    let state = driven(&sandbox).create(&config()).await.state();
    let read = driven(&sandbox).read(&state).await;
    assert!(read.says(Severity::Warning, "listed under another spelling"));
    assert!(read.state.is_some());
}

#[tokio::test(start_paused = true)]
async fn lost_creation_under_another_spelling_is_followed_up() {
    let sandbox = sandbox(Options {
        names: Names::LowerCase,
        ..Options::default()
    });
    let cut = crate::sandbox::Fault::new(crate::sandbox::Effect::Cut).after();
    sandbox.fault(cut.on("POST", "/service-account"));
    let state = driven(&sandbox).create(&config()).await.state();
    assert!(is_live(&sandbox, &state));
    assert_eq!(names(&sandbox), ["ci-pipeline"]);
}

#[tokio::test(start_paused = true)]
async fn unreadable_expiry_is_a_warning_and_rotates_nothing() {
    let sandbox = sandbox(Options {
        instants: Instants::Local,
        ..Options::default()
    });
    let (creating, importing) = (driven(&sandbox), driven(&sandbox));
    let state = creating.create(&config()).await.state();
    let imported = importing.import(NAME).await.state();
    let fixed = Model {
        name: NAME.into(),
        expires_at: "2027-06-30T00:00:00Z".into(),
        ..Model::default()
    };
    for (mut driven, config, prior) in [(creating, config(), state), (importing, fixed, imported)] {
        driven.resource = ServiceAccountToken::new(session(&sandbox));
        let read = driven.read(&prior).await;
        assert!(read.says(Severity::Warning, "an expiry that cannot be read"));
        let read = read.state();
        let planned = driven.plan(&config, Some(&read)).await;
        assert_eq!(planned.told, []);
        assert!(!planned.model.token.is_unknown());
        driven.resource = ServiceAccountToken::new(session(&sandbox));
        let updated = driven.update(&config, &read).await.state();
        driven.resource = ServiceAccountToken::new(session(&sandbox));
        let planned = driven.plan(&config, Some(&updated)).await;
        assert!(planned.told.is_empty() && !planned.model.token.is_unknown());
    }
}

#[tokio::test(start_paused = true)]
async fn epoch_milliseconds_are_read() {
    let sandbox = sandbox(Options {
        instants: Instants::Milliseconds,
        ..Options::default()
    });
    let state = driven(&sandbox).create(&config()).await.state();
    driven(&sandbox).rests(&config(), &state).await;
    let imported = driven(&sandbox).import(NAME).await.state();
    assert_eq!(imported.expires_at, state.expires_at);
}

#[tokio::test(start_paused = true)]
async fn name_that_a_platform_may_trim_is_refused() {
    let sandbox = sandbox(Options::default());
    for name in [" ci", "ci ", "ci\n", "c\ti"] {
        let mut diagnostics = Diagnostics::default();
        let config = Model {
            name: name.into(),
            ..config()
        };
        driven(&sandbox).resource.validate(&config, &mut diagnostics);
        assert!(diagnostics.has_errors(), "{name:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn list_that_is_a_part_or_not_the_platforms_removes_and_adopts_nothing() {
    let parts = [
        r#"{"content":[{"name":"terraform"}],"totalElements":2,"last":false}"#,
        r#"{"service-accounts":[{"name":"terraform"}],"hasMore":true}"#,
        r#"{"service-accounts":[],"total":3}"#,
        "[]",
        r#"{"data":[]}"#,
    ];
    let parts = parts.map(|body| Fault::answer(200).body(body));
    for answer in parts.into_iter().chain(imposters()) {
        let sandbox = sandbox(Options::default());
        let state = driven(&sandbox).create(&config()).await.state();
        sandbox.fault(answer.clone().on("GET", "/service-accounts").times(1_000));
        assert!(driven(&sandbox).read(&state).await.state.is_some(), "{answer:?}");
        let adopting = Model {
            adopt_existing: true.into(),
            ..config()
        };
        assert!(driven(&sandbox).create(&adopting).await.state.is_none(), "{answer:?}");
        assert!(is_live(&sandbox, &state), "{answer:?}");
    }
}
