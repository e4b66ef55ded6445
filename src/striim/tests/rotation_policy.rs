//! Runs with changing configurations of each token resource, against the sandbox, under tokio's paused clock.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::advance;

use crate::framework::testing::{Run, SingleResource};
use crate::framework::{Field, Model};
use crate::platform::rotation_policy::RotationPolicy;
use crate::sandbox::Fault;
use crate::sandbox::striim::{KeptExpiry, ListUpdated, Options, Role, Sandbox};
use crate::striim::api::{NewServiceAccount, OwnToken};
use crate::striim::resources::personal_access_token::PersonalAccessToken as Pat;
use crate::striim::resources::service_account_token::ServiceAccountToken as Token;
use crate::striim::resources::service_account_token_pair::ServiceAccountTokenPair as Pair;
use crate::striim::tests::{Connected, api, operation, provider, provider_with, sandbox};
use crate::token::{Expiry, Lifetime};
use secrecy::{ExposeSecret, SecretString};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// An account and a workspace with one resource.
struct World {
    sandbox: Sandbox,
    workspace: SingleResource,
    /// Whether the provider knows the platform's time, as it does after any answer with a `Date`.
    is_synchronised: bool,
}

impl World {
    fn new(options: Options) -> Self {
        Self::of("striim_service_account_token", options)
    }

    fn synchronised(options: Options) -> Self {
        Self {
            is_synchronised: true,
            ..Self::new(options)
        }
    }

    fn of_pair(options: Options) -> Self {
        Self::of("striim_service_account_token_pair", options)
    }

    fn of(type_name: &str, options: Options) -> Self {
        Self {
            sandbox: sandbox(Options {
                rate_limits: None,
                ..options
            }),
            workspace: SingleResource::new(type_name),
            is_synchronised: false,
        }
    }

    fn provider(&self) -> impl Fn() -> Connected + use<> {
        let (sandbox, is_synchronised) = (self.sandbox.clone(), self.is_synchronised);
        move || match is_synchronised {
            true => provider(&sandbox).synchronised(),
            false => provider(&sandbox),
        }
    }

    async fn apply(&mut self, config: &Token) -> Run {
        self.workspace.apply(self.provider(), Some(config)).await
    }

    async fn plan(&mut self, config: &Token) -> Run {
        self.workspace.plan(self.provider(), Some(config)).await
    }

    /// Returns the time after this duration, in the format of `expires_at`.
    fn ahead(&self, duration: Duration) -> Field<String> {
        let instant = self.sandbox.clock().now() + SignedDuration::try_from(duration).unwrap();
        Expiry::at(instant).to_string().into()
    }

    fn state(&self) -> Token {
        self.workspace.state().expect("the state has the token")
    }

    fn value(&self) -> String {
        let state = self.state();
        state
            .token
            .delivery
            .token
            .known()
            .expect("the state has a value")
            .expose_secret()
            .to_owned()
    }
}

fn token() -> Token {
    Token {
        name: "ci-pipeline".into(),
        ..Token::default()
    }
}

fn described(description: Option<&str>) -> Token {
    Token {
        description: description.map(str::to_owned).into(),
        ..token()
    }
}

#[tokio::test(start_paused = true)]
async fn description_null_and_empty_plan_no_change() {
    for (first, second) in [(None, Some("")), (Some(""), None)] {
        let mut world = World::new(Options::default());
        world.apply(&described(first)).await.succeeds();
        let value = world.value();
        world
            .apply(&described(second))
            .await
            .changes_nothing()
            .reports_nothing();
        assert_eq!(world.value(), value, "{first:?} {second:?}");
        world.apply(&described(Some("CI"))).await.succeeds();
        assert_ne!(world.value(), value, "another description replaces");
    }
}

#[tokio::test(start_paused = true)]
async fn description_null_and_empty_plan_no_change_after_import() {
    for (platform, declared) in [(None, None), (None, Some("")), (Some("CI"), Some("CI"))] {
        let mut world = World::new(Options::default());
        let new = NewServiceAccount {
            name: "ci-pipeline",
            description: platform,
            expires_at: None,
        };
        api(&world.sandbox)
            .create_service_account(&operation(), &new)
            .await
            .unwrap();
        world.workspace.import(world.provider(), "ci-pipeline").await.succeeds();
        world.plan(&described(declared)).await.changes_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn description_null_of_older_state_is_updated_without_rotation() {
    let mut world = World::new(Options::default());
    world.apply(&token()).await.succeeds();
    let (value, mut older) = (world.value(), world.state());
    older.description = Field::Null;
    world.workspace.set_state(older);
    world.plan(&token()).await.changes_nothing();
    world.apply(&described(Some(""))).await.succeeds();
    assert_eq!(world.value(), value);
    world.plan(&described(Some(""))).await.changes_nothing();
}

#[tokio::test(start_paused = true)]
async fn null_and_empty_description_of_pair_are_equivalent() {
    let pair = |description: Option<&str>| Pair {
        name: "ci".into(),
        expires_in: "90d".into(),
        description: description.map(str::to_owned).into(),
        ..Pair::default()
    };
    for (first, second) in [(None, Some("")), (Some(""), None)] {
        let mut world = World::of_pair(Options::default());
        let process = world.provider();
        world.workspace.apply(&process, Some(&pair(first))).await.succeeds();
        world
            .workspace
            .apply(&process, Some(&pair(second)))
            .await
            .changes_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn plan_reports_deletion_outside_before_creation() {
    let mut world = World::new(Options::default());
    world.apply(&token()).await.succeeds();
    world.sandbox.delete_outside("ci-pipeline").unwrap();
    let run = world.plan(&token()).await;
    run.warns("The service account \"ci-pipeline\" was deleted outside Terraform");
}

fn released(release: Field<String>, mut config: Token) -> Token {
    let triggers: BTreeMap<_, _> = [("release".to_owned(), release)].into();
    config.token.policy.rotation_triggers = triggers.into();
    config
}

#[test]
fn conflicting_arguments_are_validated_once_known() {
    let (instant, duration): (Field<String>, Field<String>) = ("2027-02-09T00:00:00Z".into(), "90d".into());
    let (null, unknown) = (Field::Null, Field::Unknown);
    // (`expires_at`, `expires_in`, `rotate_before`, attribute with an error)
    let cases = [
        (&instant, &unknown, &null, None),
        (&unknown, &duration, &null, None),
        (&unknown, &unknown, &unknown, None),
        (&null, &unknown, &duration, None),
        (&null, &null, &unknown, None),
        (&instant, &duration, &null, Some("expires_in")),
        (&null, &null, &duration, Some("rotate_before")),
        (&unknown, &null, &duration, Some("rotate_before")),
    ];
    for (expires_at, expires_in, rotate_before, expected) in cases {
        let policy = RotationPolicy {
            expires_at: expires_at.clone(),
            expires_in: expires_in.clone(),
            rotate_before: rotate_before.clone(),
            ..RotationPolicy::default()
        };
        let now = "2027-01-01T00:00:00Z".parse().unwrap();
        let mut diagnostics = RotationPolicy::schema().validate(&policy.clone().into_value());
        policy.validate(Lifetime::Months(12), now, &mut diagnostics);
        let on = diagnostics.iter().filter_map(|shown| shown.attribute.as_ref());
        assert_eq!(
            on.map(ToString::to_string).collect::<Vec<_>>(),
            Vec::from_iter(expected),
            "{expires_at:?} {expires_in:?} {rotate_before:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn changed_trigger_of_token_with_passed_fixed_expiry_causes_no_error() {
    let mut world = World::new(Options::default());
    let fixed = Token {
        token: RotationPolicy {
            expires_at: world.ahead(30 * DAY),
            ..RotationPolicy::default()
        }
        .into(),
        ..token()
    };
    world.apply(&released("1".into(), fixed.clone())).await.succeeds();
    let value = world.value();
    advance(31 * DAY).await;
    let run = world.apply(&released("2".into(), fixed.clone())).await;
    run.changes_nothing().warns("has expired and is not rotated");
    assert_eq!(world.value(), value);
    // A later expiry rotates it, and a changed one in the past is an error.
    let expires_at = world.ahead(30 * DAY);
    let past = Token {
        token: RotationPolicy {
            expires_at: "2027-01-15T00:00:00Z".into(),
            ..RotationPolicy::default()
        }
        .into(),
        ..token()
    };
    world.plan(&released("2".into(), past)).await.fails("is in the past");
    let later = released(
        "2".into(),
        Token {
            token: RotationPolicy {
                expires_at,
                ..RotationPolicy::default()
            }
            .into(),
            ..token()
        },
    );
    world
        .apply(&later)
        .await
        .warns("rotation_triggers.release changed")
        .succeeds();
    assert_ne!(world.value(), value);
    world.apply(&later).await.changes_nothing().reports_nothing();
}

#[tokio::test(start_paused = true)]
async fn first_trigger_of_token_with_passed_fixed_expiry_is_recorded() {
    let mut world = World::new(Options::default());
    let fixed = Token {
        token: RotationPolicy {
            expires_at: world.ahead(30 * DAY),
            ..RotationPolicy::default()
        }
        .into(),
        ..token()
    };
    world.apply(&fixed).await.succeeds();
    advance(31 * DAY).await;
    let released = released("1".into(), fixed);
    world
        .apply(&released)
        .await
        .warns("has expired and is not rotated")
        .succeeds();
    world.apply(&released).await.changes_nothing();
}

#[tokio::test(start_paused = true)]
async fn expires_in_rotates_despite_ignored_changes_of_expires_at() {
    for (list_token_id, ignores_all) in [(true, false), (true, true), (false, false), (false, true)] {
        let mut world = World::new(Options {
            list_token_id,
            ..Options::default()
        });
        world.workspace.set_lifecycle(|declared| match ignores_all {
            true => declared.ignore_all_changes(),
            false => declared.ignore_changes(&["expires_at"]),
        });
        let config = Token {
            token: RotationPolicy {
                expires_in: "30d".into(),
                rotate_before: "5d".into(),
                ..RotationPolicy::default()
            }
            .into(),
            ..token()
        };
        let case = format!("{list_token_id} {ignores_all}");
        world.apply(&config).await.succeeds();
        for _ in 0..3 {
            let value = world.value();
            advance(26 * DAY).await;
            let expires_at = world.ahead(30 * DAY);
            world.apply(&config).await.warns("it expires in 4 days").succeeds();
            assert_ne!(world.value(), value, "{case}");
            let renewed = world.value();
            for _ in 0..2 {
                world.apply(&config).await.changes_nothing().reports_nothing();
            }
            assert_eq!(world.value(), renewed, "{case}");
            assert_eq!(world.state().token.policy.expires_at, expires_at, "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn plan_with_unknown_arguments_warns_that_it_may_rotate() {
    let mut world = World::new(Options::default());
    let fixed = |expires_at| Token {
        token: RotationPolicy {
            expires_at,
            ..RotationPolicy::default()
        }
        .into(),
        ..token()
    };
    let first = released("1".into(), fixed(world.ahead(30 * DAY)));
    world.apply(&first).await.succeeds();
    for (config, argument) in [
        (
            released(Field::Unknown, fixed(world.ahead(30 * DAY))),
            "`rotation_triggers`",
        ),
        (released("1".into(), fixed(Field::Unknown)), "`expires_at`"),
    ] {
        world.plan(&config).await.warns("may be rotated").warns(argument);
    }
    let mut pairs = World::of_pair(Options::default());
    let process = pairs.provider();
    let pair = |expires_in| Pair {
        name: "ci".into(),
        expires_in,
        ..Pair::default()
    };
    let run = pairs.workspace.apply(&process, Some(&pair("90d".into()))).await;
    run.succeeds();
    let run = pairs.workspace.plan(&process, Some(&pair(Field::Unknown))).await;
    run.warns("may be rotated").warns("`expires_in`");
}

#[tokio::test(start_paused = true)]
async fn expiry_computed_from_plan_time_is_reported() {
    let mut world = World::new(Options::default());
    let lasting = |world: &World, duration| Token {
        token: RotationPolicy {
            expires_at: world.ahead(duration),
            ..RotationPolicy::default()
        }
        .into(),
        ..token()
    };
    let first = lasting(&world, DAY);
    world.apply(&first).await.succeeds();
    advance(2 * HOUR).await;
    let second = lasting(&world, DAY);
    world
        .apply(&second)
        .await
        .warns("follows the time of each plan")
        .succeeds();
    advance(2 * HOUR).await;
    let longer = lasting(&world, 3 * DAY);
    let run = world.plan(&longer).await.warns("will be rotated");
    assert!(!format!("{run:?}").contains("follows the time"), "{run:?}");
}

#[tokio::test(start_paused = true)]
async fn expiry_set_by_platform_is_reported_once_and_does_not_rotate() {
    for kept_expiry in [KeptExpiry::Day, KeptExpiry::AtMost(SignedDuration::from_hours(20 * 24))] {
        for list_token_id in [true, false] {
            let mut world = World::new(Options {
                kept_expiry,
                list_token_id,
                ..Options::default()
            });
            advance(HOUR).await;
            let case = format!("{kept_expiry:?} {list_token_id}");
            let expires_at = world.ahead(30 * DAY);
            let fixed = Token {
                token: RotationPolicy {
                    expires_at: expires_at.clone(),
                    ..RotationPolicy::default()
                }
                .into(),
                ..token()
            };
            world
                .apply(&fixed)
                .await
                .warns("Expiry differs from the request")
                .succeeds();
            let value = world.value();
            for _ in 0..3 {
                world.apply(&fixed).await.changes_nothing().reports_nothing();
                advance(HOUR).await;
            }
            assert_eq!(
                (world.value(), world.state().token.policy.expires_at),
                (value.clone(), expires_at),
                "{case}"
            );

            // A rotation outside Terraform is still detected.
            world
                .sandbox
                .set_options(|options| options.kept_expiry = KeptExpiry::AsAsked);
            let outside = world.sandbox.clock().now() + SignedDuration::from_hours(5 * 24);
            let api = api(&world.sandbox);
            let rotated = api
                .rotate_service_account(&operation(), "ci-pipeline", Some(outside), OwnToken::No)
                .await;
            rotated.unwrap();
            world
                .apply(&fixed)
                .await
                .warns("has another value than the state")
                .succeeds();
            assert_ne!(world.value(), value, "{case}");
            world.apply(&fixed).await.changes_nothing();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn lifetime_capped_below_rotate_before_does_not_rotate_in_every_plan() {
    let mut world = World::new(Options {
        kept_expiry: KeptExpiry::AtMost(SignedDuration::from_hours(10 * 24)),
        ..Options::default()
    });
    let config = Token {
        token: RotationPolicy {
            expires_in: "90d".into(),
            rotate_before: "30d".into(),
            ..RotationPolicy::default()
        }
        .into(),
        ..token()
    };
    world
        .apply(&config)
        .await
        .warns("Expiry differs from the request")
        .succeeds();
    for _ in 0..2 {
        for _ in 0..2 {
            world.apply(&config).await.changes_nothing();
            advance(2 * DAY).await;
        }
        advance(2 * DAY).await;
        let value = world.value();
        world.apply(&config).await.warns("it expires in 4 days").succeeds();
        assert_ne!(world.value(), value);
    }
}

#[tokio::test(start_paused = true)]
async fn refresh_after_apply_adds_nothing_that_the_answer_left_out() {
    for list_updated in [ListUpdated::Never, ListUpdated::AfterRotation, ListUpdated::Always] {
        let mut world = World::new(Options {
            list_updated,
            ..Options::default()
        });
        let config = released("1".into(), token());
        world.apply(&config).await.succeeds();
        let before = world.state();
        world.apply(&config).await.changes_nothing();
        let after = world.state();
        let metadata = |state: &Token| {
            (
                state.token.metadata.updated_at.clone(),
                state.token.metadata.updated_by,
                state.token.metadata.token_id,
                state.token.policy.expires_at.clone(),
            )
        };
        assert_eq!(metadata(&before), metadata(&after), "{list_updated:?}");
    }
}

/// Options for lists without `token-id`: with the update time of every token, or of rotated tokens only.
fn lists_without_numbers() -> [Options; 2] {
    [ListUpdated::AfterRotation, ListUpdated::Always].map(|list_updated| Options {
        list_token_id: false,
        list_updated,
        ..Options::default()
    })
}

#[tokio::test(start_paused = true)]
async fn rotation_outside_after_creation_is_detected_by_update_time_without_token_id() {
    for options in lists_without_numbers() {
        let list_updated = options.list_updated;
        let mut world = World::synchronised(options);
        let config = Token {
            token: RotationPolicy {
                expires_in: "90d".into(),
                ..RotationPolicy::default()
            }
            .into(),
            ..token()
        };
        world.apply(&config).await.succeeds();
        world.apply(&config).await.changes_nothing();
        advance(HOUR).await;
        world.apply(&config).await.changes_nothing();
        let value = world.value();
        world.sandbox.rotate_outside("ci-pipeline").unwrap();
        world.apply(&config).await.warns("rotated outside").succeeds();
        assert_ne!(world.value(), value, "{list_updated:?}");
        world.apply(&config).await.changes_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn update_after_creation_does_not_rotate_if_platform_time_is_unknown() {
    for options in lists_without_numbers() {
        let mut world = World::new(options);
        world.apply(&token()).await.succeeds();
        advance(HOUR).await;
        world.sandbox.rotate_outside("ci-pipeline").unwrap();
        world.plan(&token()).await.changes_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn rotation_outside_of_new_pair_is_detected_by_update_time_without_token_id() {
    for options in lists_without_numbers() {
        let mut world = World {
            is_synchronised: true,
            ..World::of_pair(options)
        };
        let config = Pair {
            name: "ci".into(),
            expires_in: "90d".into(),
            rotate_every: "30d".into(),
            ..Pair::default()
        };
        let apply = async |world: &mut World| {
            let provider = world.provider();
            world.workspace.apply(provider, Some(&config)).await
        };
        apply(&mut world).await.succeeds();
        advance(HOUR).await;
        apply(&mut world).await.changes_nothing();
        world.sandbox.rotate_outside("ci-a").unwrap();
        apply(&mut world).await.warns("rotated outside").succeeds();
        apply(&mut world).await.changes_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn attributes_missing_in_answer_to_creation_are_known_after_apply() {
    let mut world = World::new(Options::default());
    let answer = Fault::answer(201)
        .body(r#"{"name":"ci-pipeline","token":"made-up"}"#)
        .after();
    world.sandbox.fault(answer.on("POST", "/service-account"));
    world.apply(&token()).await.succeeds();
    let state = world.state();
    assert!(state.token.metadata.token_id.known().is_some() && state.token.policy.expires_at.known().is_some());
    world.apply(&token()).await.changes_nothing();
    assert_eq!(world.state().token.metadata.token_id, state.token.metadata.token_id);
}

/// A workspace with Ann's PAT, and the first value of the PAT.
struct Pats {
    sandbox: Sandbox,
    workspace: SingleResource,
    /// The first value of Ann's PAT.
    own: SecretString,
}

const ANN: &str = "ann@acme.example";
const BOB: &str = "bob@acme.example";

impl Pats {
    fn new(options: Options) -> Self {
        let sandbox = sandbox(options);
        sandbox.add_user(ANN, Role::Admin);
        sandbox.add_user(BOB, Role::Regular);
        sandbox.add_user_token(BOB, None).unwrap();
        Self {
            own: sandbox.add_user_token(ANN, None).unwrap(),
            sandbox,
            workspace: SingleResource::new("striim_personal_access_token"),
        }
    }

    /// Returns a constructor of providers that use Ann's PAT, or the token of a service account.
    fn provider(&self, as_ann: bool) -> impl Fn() -> Connected + use<> {
        let sandbox = self.sandbox.clone();
        let managed = self.workspace.state::<Pat>();
        let managed = managed.and_then(|state| state.token.delivery.token.into_known());
        // If Terraform manages Ann's PAT, the provider is configured with the present value before each run.
        let own = [managed, Some(self.own.clone())].into_iter().flatten();
        let own = own.rev().find(|own| sandbox.is_live(own.expose_secret())).unwrap();
        move || match as_ann {
            true => provider_with(&sandbox, &own),
            false => provider(&sandbox),
        }
    }
}

fn pat(email: Option<&str>) -> Pat {
    Pat {
        email: email.map(str::to_owned).into(),
        token: RotationPolicy {
            expires_in: "30d".into(),
            ..RotationPolicy::default()
        }
        .into(),
        ..Pat::default()
    }
}

#[tokio::test(start_paused = true)]
async fn email_of_own_user_null_or_set_plans_no_change() {
    for (first, second) in [
        (None, Some(ANN)),
        (Some(ANN), None),
        (None, Some("Ann@ACME.example")),
        (Some(ANN), Some("ANN@acme.example")),
    ] {
        let mut world = Pats::new(Options::default());
        world
            .workspace
            .apply(world.provider(true), Some(&pat(first)))
            .await
            .succeeds();
        let value = |world: &Pats| {
            world
                .workspace
                .state::<Pat>()
                .unwrap()
                .token
                .delivery
                .token
                .known()
                .unwrap()
                .expose_secret()
                .to_owned()
        };
        let before = value(&world);
        let run = world.workspace.apply(world.provider(true), Some(&pat(second))).await;
        run.changes_nothing();
        assert_eq!(value(&world), before, "{first:?} {second:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn email_of_imported_pat_null_or_set_plans_no_replacement() {
    for (id, email) in [
        ("own", None),
        ("own", Some(ANN)),
        (ANN, None),
        (ANN, Some(ANN)),
        (ANN, Some("Ann@acme.example")),
    ] {
        let mut world = Pats::new(Options::default());
        let process = world.provider(true);
        let imported = world.workspace.import(&process, id).await;
        imported.succeeds();
        let config = pat(email);
        world.workspace.apply(&process, Some(&config)).await.succeeds();
        let state: Pat = world.workspace.state().unwrap();
        assert!(state.token.delivery.token.is_null(), "{id} {email:?}: it was replaced");
        world.workspace.plan(&process, Some(&config)).await.changes_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn changed_email_plans_replacement() {
    let mut world = Pats::new(Options::default());
    world
        .workspace
        .apply(world.provider(true), Some(&pat(Some(BOB))))
        .await
        .succeeds();
    for other in [None, Some(ANN)] {
        let run = world.workspace.plan(world.provider(true), Some(&pat(other))).await;
        assert!(run.is_change(), "{other:?}: {run:?}");
    }
    // A provider with the token of a service account has no user, so a null `email` keeps the user.
    world
        .workspace
        .plan(world.provider(false), Some(&pat(None)))
        .await
        .changes_nothing();
}
