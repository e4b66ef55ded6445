//! Declarations of every token resource over several runs, against the sandbox, under tokio's paused clock.

use crate::framework::{AnyResource, Field};
use crate::platform::testing::workspace::lone::{Lone, Run};
use crate::sandbox::striim::{Options, Sandbox};
use crate::striim::api::NewServiceAccount;
use crate::striim::service_account_token::{self, ServiceAccountToken};
use crate::striim::service_account_token_pair::{self, ServiceAccountTokenPair};
use crate::striim::testing::{api, operation, sandbox, session};
use secrecy::ExposeSecret;

type Token = service_account_token::Model;
type Pair = service_account_token_pair::Model;

/// An account, and a workspace with one resource.
struct World {
    sandbox: Sandbox,
    workspace: Lone,
}

impl World {
    fn new(options: Options) -> Self {
        Self {
            sandbox: sandbox(Options {
                rate_limits: None,
                ..options
            }),
            workspace: Lone::new(),
        }
    }

    fn token(&self) -> impl Fn() -> Box<dyn AnyResource> + use<> {
        let sandbox = self.sandbox.clone();
        move || Box::new(ServiceAccountToken::new(session(&sandbox)))
    }

    fn pair(&self) -> impl Fn() -> Box<dyn AnyResource> + use<> {
        let sandbox = self.sandbox.clone();
        move || Box::new(ServiceAccountTokenPair::new(session(&sandbox)))
    }

    async fn apply(&mut self, config: &Token) -> Run {
        self.workspace.apply(self.token(), Some(config)).await
    }

    async fn plan(&mut self, config: &Token) -> Run {
        self.workspace.plan(self.token(), Some(config)).await
    }

    fn state(&self) -> Token {
        self.workspace.state().expect("the state has the token")
    }

    fn value(&self) -> String {
        let state = self.state();
        state
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
async fn description_none_and_empty_are_no_difference() {
    for (first, second) in [(None, Some("")), (Some(""), None)] {
        let mut world = World::new(Options::default());
        world.apply(&described(first)).await.succeeds();
        let value = world.value();
        world.apply(&described(second)).await.changes_nothing().says_nothing();
        assert_eq!(world.value(), value, "{first:?} {second:?}");
        world.apply(&described(Some("CI"))).await.succeeds();
        assert_ne!(world.value(), value, "another description replaces");
    }
}

#[tokio::test(start_paused = true)]
async fn description_of_an_import_is_no_difference_where_both_are_none() {
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
        world.workspace.import(world.token(), "ci-pipeline").await.succeeds();
        world.plan(&described(declared)).await.changes_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn description_null_of_an_older_state_is_recorded_without_a_rotation() {
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
async fn description_of_a_pair_none_and_empty_are_no_difference() {
    let pair = |description: Option<&str>| Pair {
        name: "ci".into(),
        expires_in: "90d".into(),
        description: description.map(str::to_owned).into(),
        ..Pair::default()
    };
    for (first, second) in [(None, Some("")), (Some(""), None)] {
        let mut world = World::new(Options::default());
        let process = world.pair();
        world.workspace.apply(&process, Some(&pair(first))).await.succeeds();
        world
            .workspace
            .apply(&process, Some(&pair(second)))
            .await
            .changes_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn deletion_outside_is_reported_before_the_creation() {
    let mut world = World::new(Options::default());
    world.apply(&token()).await.succeeds();
    world.sandbox.delete_outside("ci-pipeline").unwrap();
    let run = world.plan(&token()).await;
    run.warns("The service account \"ci-pipeline\" was deleted outside Terraform");
}
