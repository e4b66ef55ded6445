//! Service tokens, against the sandbox in the same process, under tokio's paused clock.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::uri::{PathAndQuery, Uri};
use http_body_util::Full;
use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::time::timeout;
use tower::ServiceExt;

use super::*;
use crate::framework::testing::{Configuration, ResourceBlock, Run, RunOptions, SingleResource, Workspace};
use crate::platform::Runtime;
use crate::platform::delivery::VaultDestination;
use crate::platform::testing::{lost_answers, variables};
use crate::rest::Transport;
use crate::sandbox::startree::{Options, Sandbox, Subject};
use crate::sandbox::{self, Effect, Fault};
use crate::startree::StarTree;
use crate::startree::tests::{option_variants, sandbox};

const TOKENS: &str = "/service-tokens";
const PLACE: (&str, &str) = ("secret", "startree/ci");

/// An environment with the roles `reader` and `writer`, a Vault, and a workspace with one token.
struct World {
    sandbox: Sandbox,
    vault: sandbox::Vault,
    /// The provider's token.
    bearer: SecretString,
    /// The argument `base_url` of the provider.
    base_url: &'static str,
    token: SingleResource,
    /// Every diagnostic, to be searched for values.
    reported: String,
}

fn config() -> ServiceToken {
    ServiceToken {
        description: "ci".into(),
        ..ServiceToken::default()
    }
}

/// The configuration with this value of a trigger.
fn released(release: &str) -> ServiceToken {
    let triggers = BTreeMap::from([("release".to_owned(), release.into())]);
    let mut config = config();
    config.rotation.rotation_triggers = triggers.into();
    config
}

fn overlapping(release: &str, overlap: &str) -> ServiceToken {
    let mut config = released(release);
    config.rotation.overlap = overlap.into();
    config
}

/// The same configuration with `rotate_every`.
fn every(rotate_every: &str, mut config: ServiceToken) -> ServiceToken {
    config.rotation.rotate_every = rotate_every.into();
    config
}

fn delivered(release: &str) -> ServiceToken {
    let (mount, path) = PLACE;
    let destination = VaultDestination {
        mount: mount.into(),
        path: path.into(),
        field: Field::Null,
    };
    let mut config = released(release);
    config.delivery.vault = destination.into();
    config
}

/// Rewrites a path to the one under which the sandbox serves the API, whatever the base URL.
fn at_the_sandbox(uri: &Uri) -> Uri {
    let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let path = path
        .strip_prefix("/acme")
        .map(|rest| format!("/api/v1/rbac-manager{rest}"));
    path.map_or_else(|| uri.clone(), |path| path.parse().unwrap())
}

impl World {
    fn new(options: Options) -> Self {
        let sandbox = sandbox(options);
        for role in ["reader", "writer"] {
            sandbox.add_policy(role, None, "{}");
            sandbox.add_role(role, None);
            sandbox.attach_outside(role, role);
        }
        Self {
            bearer: sandbox.add_administrator().bearer(),
            base_url: "https://rbac-manager.acme.startree.cloud",
            vault: sandbox::Vault::new(sandbox.clock()),
            sandbox,
            token: SingleResource::new("startree_service_token"),
            reported: String::new(),
        }
    }

    /// Creates a world with a token that has both roles.
    async fn with_token(options: Options, config: &ServiceToken) -> Self {
        let mut world = Self::new(options);
        world.apply(config).await.succeeds();
        world.assign(&world.state());
        world
    }

    /// Starts providers.
    fn provider(&self) -> impl Fn() -> StarTree + use<> {
        let (sandbox, vault, base_url) = (self.sandbox.clone(), self.vault.clone(), self.base_url);
        let bearer = self.bearer.expose_secret().to_owned();
        move || {
            let (platform, vault) = (sandbox.clone(), vault.clone());
            StarTree::new(Runtime {
                clock: sandbox.clock(),
                environment: variables(&[
                    ("STARTREE_BASE_URL", base_url),
                    ("STARTREE_TOKEN", &bearer),
                    ("VAULT_ADDR", "http://127.0.0.1:8200"),
                    ("VAULT_TOKEN", vault.root_token().expose_secret()),
                ]),
                transport: Box::new(move |destination| match destination.base_url.host() {
                    "127.0.0.1" => Transport::new(vault.service()),
                    _ => Transport::new(platform.service().map_request(|mut request: Request<Full<Bytes>>| {
                        *request.uri_mut() = at_the_sandbox(request.uri());
                        request
                    })),
                }),
            })
        }
    }

    fn note(&mut self, run: Run) -> Run {
        self.reported.push_str(&format!("{:?}", run.diagnostics));
        run
    }

    async fn apply(&mut self, config: &ServiceToken) -> Run {
        let run = self.token.apply(self.provider(), Some(config)).await;
        self.note(run)
    }

    async fn plan(&mut self, config: &ServiceToken) -> Run {
        let run = self.token.plan(self.provider(), Some(config)).await;
        self.note(run)
    }

    async fn destroy(&mut self) -> Run {
        let run = self.token.destroy(self.provider()).await;
        self.note(run)
    }

    async fn import(&mut self, id: &str) -> Run {
        let run = self.token.import(self.provider(), id).await;
        self.note(run)
    }

    #[track_caller]
    fn state(&self) -> ServiceToken {
        self.token.state().expect("it is in the state")
    }

    fn is_empty(&self) -> bool {
        self.token.object().is_none()
    }

    /// Assigns both roles to the token, as role assignments would.
    fn assign(&self, state: &ServiceToken) {
        let key = state.access_key.known().unwrap();
        for role in ["reader", "writer"] {
            self.sandbox.assign_outside(role, Subject::token(key));
        }
    }

    /// Returns the access keys of all service tokens but the provider's.
    fn keys(&self) -> Vec<String> {
        let tokens = self.sandbox.tokens().into_iter();
        let others = tokens.filter(|token| token.bearer().expose_secret() != self.bearer.expose_secret());
        others.map(|token| token.access_key).collect()
    }

    /// Returns the roles of a token.
    fn roles(&self, access_key: &str) -> Vec<String> {
        let roles = self.sandbox.roles().into_iter();
        let assigned = roles.filter(|(_, role)| role.subjects().any(|subject| subject.subject == access_key));
        assigned.map(|(name, _)| name).collect()
    }

    fn is_live(&self, state: &ServiceToken) -> bool {
        state
            .delivery
            .token
            .known()
            .is_some_and(|token| self.sandbox.is_live(token.expose_secret()))
    }

    /// Returns the value in the secret.
    fn secret_value(&self) -> Option<String> {
        let secret = self.vault.secret(PLACE.0, PLACE.1)?;
        secret["token"].as_str().map(str::to_owned)
    }

    /// Asserts that the only token has both roles, and that an apply changes nothing.
    async fn assert_settled(&mut self, config: &ServiceToken) {
        self.apply(config).await.changes_nothing().reports_nothing();
        let key = self.state().access_key.into_known().unwrap();
        assert_eq!(self.keys(), [&*key], "there is no other token");
        assert_eq!(self.roles(&key), ["reader", "writer"]);
        let subjects = self.sandbox.roles()["reader"].subjects().count();
        assert_eq!(subjects, 1, "no other token has the role");
        let value = match self.state().delivery.vault.is_null() {
            true => self.state().delivery.token.known().unwrap().expose_secret().to_owned(),
            false => self.secret_value().expect("Vault has the value"),
        };
        assert!(self.sandbox.is_live(&value));
        self.assert_no_leaks();
    }

    /// Asserts that no diagnostic contains a value or half of one.
    fn assert_no_leaks(&self) {
        for value in self.sandbox.issued_values() {
            assert!(!self.reported.contains(value.expose_secret()), "a value was reported");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn token_lifecycle_succeeds_for_every_response_format() {
    for options in option_variants() {
        let mut world = World::new(options);
        world.apply(&released("1")).await.succeeds().reports_nothing();
        let first = world.state();
        assert!(!world.is_live(&first), "it has no role yet");
        world
            .plan(&released("1"))
            .await
            .changes_nothing()
            .warns("\"ci\" has no role");
        world.assign(&first);
        world.assert_settled(&released("1")).await;
        assert!(world.is_live(&first));

        world
            .plan(&released("2"))
            .await
            .succeeds()
            .warns("rotation_triggers.release changed")
            .warns("deleted in the same");
        world.apply(&released("2")).await.succeeds();
        let second = world.state();
        assert_eq!(second.delivery.generation, generation::next(&first.delivery.generation));
        assert!(world.is_live(&second) && !world.is_live(&first));
        world.assert_settled(&released("2")).await;

        world.destroy().await.succeeds();
        assert!(world.is_empty() && world.keys().is_empty());
        assert_eq!(world.sandbox.roles()["reader"].subjects().count(), 0);
        world.assert_no_leaks();
    }
}

#[tokio::test(start_paused = true)]
async fn both_tokens_are_valid_during_the_overlap() {
    let config = every("30d", overlapping("1", "2h"));
    let mut world = World::with_token(Options::default(), &config).await;
    let first = world.state();
    world.sandbox.advance(SignedDuration::from_hours(29 * 24));
    world.apply(&config).await.changes_nothing();
    world.sandbox.advance(SignedDuration::from_hours(24));
    world
        .apply(&config)
        .await
        .succeeds()
        .warns("rotate_every = 30 days")
        .warns("`overlap` = 2h");
    let second = world.state();
    assert_eq!(second.previous.previous_access_key, first.access_key);
    assert!(world.is_live(&first) && world.is_live(&second));
    world.sandbox.advance(SignedDuration::from_mins(119));
    world.apply(&config).await.changes_nothing().reports_nothing();
    world.sandbox.advance(SignedDuration::from_mins(1));
    world
        .plan(&config)
        .await
        .succeeds()
        .warns("is due for deletion since 2027-01-31T02:00");
    world.apply(&config).await.succeeds();
    assert!(!world.is_live(&first) && world.is_live(&second));
    world.assert_settled(&config).await;
}

#[tokio::test(start_paused = true)]
async fn changed_overlap_applies_to_the_previous_token() {
    let mut world = World::with_token(Options::default(), &overlapping("1", "2h")).await;
    world.apply(&overlapping("2", "2h")).await.succeeds();
    let until = world.state().previous.previous_ends_at;
    world.apply(&overlapping("2", "4h")).await.succeeds();
    assert_ne!(world.state().previous.previous_ends_at, until);
    assert_eq!(world.keys().len(), 2);
    world.apply(&released("2")).await.succeeds();
    world.assert_settled(&released("2")).await;
}

#[tokio::test(start_paused = true)]
async fn rotation_during_an_overlap_keeps_at_most_two_tokens() {
    let mut world = World::with_token(Options::default(), &overlapping("1", "2h")).await;
    let first = world.state();
    world.apply(&overlapping("2", "2h")).await.succeeds();
    let second = world.state();
    world
        .apply(&overlapping("3", "2h"))
        .await
        .succeeds()
        .warns("the previous token will be deleted");
    assert!(!world.is_live(&first) && world.is_live(&second) && world.is_live(&world.state()));
    assert_eq!(world.keys().len(), 2);
    world.destroy().await.succeeds();
    assert!(world.keys().is_empty(), "both are deleted");
}

/// The requests of a rotation and of a deletion, except the one that creates a token.
const REQUESTS: [(&str, &str); 5] = [
    ("GET", "/roles"),
    ("GET", "/roles/srn2:role%23writer/assignments"),
    ("POST", "/roles/srn2:role%23writer/create-assignment"),
    ("POST", "/roles/srn2:role%23writer/delete-assignment"),
    ("DELETE", TOKENS),
];

#[tokio::test(start_paused = true)]
async fn lost_answers_are_recovered_by_the_next_apply() {
    for (method, path) in REQUESTS {
        for fault in lost_answers(r#"{"message": "Done."}"#) {
            let mut world = World::with_token(Options::default(), &released("1")).await;
            let first = world.state();
            let path = match path {
                TOKENS => format!("{TOKENS}/srn2:service-token%23{}", first.access_key.known().unwrap()),
                other => other.to_owned(),
            };
            world.sandbox.fault(fault.clone().on(method, &path).times(3));
            let run = world.apply(&released("2")).await;
            let state = world.state();
            assert!(world.is_live(&state), "{method} {path} {fault:?}: {run:#?}");
            world.sandbox.clear_faults();
            world.apply(&released("2")).await.succeeds();
            world.assert_settled(&released("2")).await;

            let path = path.replace(
                first.access_key.known().unwrap(),
                world.state().access_key.known().unwrap(),
            );
            world.sandbox.fault(fault.clone().on(method, &path).times(3));
            let run = world.destroy().await;
            assert!(
                !world.is_empty() || world.keys().is_empty(),
                "{method} {path} {fault:?}: {run:#?}"
            );
            world.sandbox.clear_faults();
            world.destroy().await.succeeds();
            assert!(world.is_empty() && world.keys().is_empty(), "{method} {path} {fault:?}");
            world.assert_no_leaks();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unanswered_create_is_not_retried_and_leaves_no_token_with_roles() {
    for fault in lost_answers("{}") {
        for rotates in [false, true] {
            let mut world = World::with_token(Options::default(), &released("1")).await;
            let first = world.state();
            let release = if rotates { "2" } else { "1" };
            if !rotates {
                world.destroy().await.succeeds();
            }
            let calls = world.sandbox.calls("POST", TOKENS);
            world.sandbox.fault(fault.clone().on("POST", TOKENS));
            world
                .apply(&released(release))
                .await
                .fails("create a service token")
                .fails("has no role");
            assert_eq!(world.sandbox.calls("POST", TOKENS), calls + 1, "{fault:?}");
            assert_eq!(world.is_empty(), !rotates);
            assert_eq!(world.is_live(&first), rotates, "{fault:?}");
            for key in world.keys() {
                let is_ours = first.access_key == key.as_str().into();
                assert!(is_ours || world.roles(&key).is_empty(), "{fault:?}");
            }
            world.apply(&released(release)).await.succeeds();
            world.assert_no_leaks();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn role_deleted_during_the_run_does_not_prevent_deletion() {
    let mut world = World::with_token(Options::default(), &config()).await;
    // The list still has the role, which is deleted by now.
    world.sandbox.add_role("gone", None);
    let listed = Fault::answer(200)
        .body(r#"["gone", "reader", "writer"]"#)
        .on("GET", "/roles");
    world.sandbox.delete_role_outside("gone");
    world.sandbox.fault(listed);
    world.destroy().await.succeeds();
    assert!(world.is_empty() && world.keys().is_empty());
}

#[tokio::test(start_paused = true)]
async fn rate_limited_create_is_retried() {
    let mut world = World::new(Options::default());
    world
        .sandbox
        .fault(Fault::answer(429).header("retry-after", "5").on("POST", TOKENS));
    world.apply(&config()).await.succeeds();
    assert_eq!(world.keys().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn failed_rotation_keeps_the_current_token() {
    let mut world = World::with_token(Options::default(), &released("1")).await;
    let first = world.state();
    let assign = "/roles/srn2:role%23writer/create-assignment";
    world.sandbox.fault(Fault::answer(403).on("POST", assign));
    world
        .apply(&released("2"))
        .await
        .fails("403")
        .fails("was deleted again");
    assert_eq!(world.state().access_key, first.access_key);
    assert!(world.is_live(&first));
    assert_eq!(world.keys().len(), 1);
    world.apply(&released("2")).await.succeeds();
    world.assert_settled(&released("2")).await;
}

#[tokio::test(start_paused = true)]
async fn failed_rotation_records_an_orphan_that_cannot_be_deleted() {
    let mut world = World::with_token(Options::default(), &overlapping("1", "1h")).await;
    let first = world.state();
    let assign = "/roles/srn2:role%23writer/create-assignment";
    let unassign = "/roles/srn2:role%23reader/delete-assignment";
    world.sandbox.fault(Fault::answer(403).on("POST", assign));
    world.sandbox.fault(Fault::answer(403).on("POST", unassign));
    world
        .apply(&overlapping("2", "1h"))
        .await
        .fails("could not be deleted again");
    let state = world.state();
    assert_eq!(state.access_key, first.access_key);
    assert!(world.is_live(&first) && world.keys().len() == 2);
    assert!(
        world
            .keys()
            .contains(state.previous.previous_access_key.known().unwrap())
    );
    // The next apply deletes the orphan, even if the change was reverted.
    world
        .apply(&overlapping("1", "1h"))
        .await
        .succeeds()
        .warns("is due for deletion");
    world.assert_settled(&overlapping("1", "1h")).await;
}

#[tokio::test(start_paused = true)]
async fn failed_deletion_of_the_predecessor_is_retried_by_the_next_apply() {
    let mut world = World::with_token(Options::default(), &released("1")).await;
    let first = world.state();
    let path = format!("{TOKENS}/srn2:service-token%23{}", first.access_key.known().unwrap());
    world.sandbox.fault(Fault::answer(403).on("DELETE", &path));
    world
        .apply(&released("2"))
        .await
        .succeeds()
        .warns("could not be deleted");
    let second = world.state();
    assert!(world.is_live(&second));
    assert_eq!(second.previous.previous_access_key, first.access_key);
    let planned = world.plan(&released("2")).await.succeeds().warns("will be deleted");
    assert!(planned.is_change() && planned.planned.get("previous_access_key").is_null());
    world.apply(&released("2")).await.succeeds();
    world.assert_settled(&released("2")).await;
}

#[tokio::test(start_paused = true)]
async fn token_deleted_outside_is_recreated() {
    for options in option_variants() {
        let fails = options.not_found.is_server_error();
        let mut world = World::with_token(options, &config()).await;
        let key = world.state().access_key.into_known().unwrap();
        world.sandbox.delete_token_outside(&key);
        if fails {
            world.apply(&config()).await.fails("500");
            assert!(
                !world.is_empty(),
                "a server error does not show that an object is absent"
            );
            continue;
        }
        let planned = world.plan(&config()).await.succeeds();
        assert!(planned.is_change() && planned.planned.get("generation") == &crate::framework::Value::Unknown);
        world.apply(&config()).await.succeeds();
        assert_ne!(world.state().access_key, key.into());
    }
}

#[tokio::test(start_paused = true)]
async fn plan_at_another_address_does_not_remove_a_missing_token() {
    let mut world = World::with_token(Options::default(), &config()).await;
    let key = world.state().access_key.into_known().unwrap();
    world.sandbox.delete_token_outside(&key);
    world.base_url = "https://gateway.example.com/acme";
    world.plan(&config()).await.fails("is in another account");
    assert!(!world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn unproven_absence_keeps_the_token_in_the_state() {
    let everything_is_absent = |sandbox: &Sandbox| {
        for token in sandbox.tokens() {
            let path = format!("{TOKENS}/srn2:service-token%23{}", token.access_key);
            sandbox.fault(Fault::answer(404).body("{}").on("GET", &path).times(100));
        }
    };
    let mut world = World::with_token(Options::default(), &config()).await;
    everything_is_absent(&world.sandbox);
    world
        .apply(&config())
        .await
        .changes_nothing()
        .warns("stays in the state");
    let path = format!(
        "{TOKENS}/srn2:service-token%23{}",
        world.state().access_key.known().unwrap()
    );
    for status in [401, 403, 500, 503] {
        world.sandbox.clear_faults();
        world.sandbox.fault(Fault::answer(status).on("GET", &path).times(100));
        world.apply(&config()).await.fails(&status.to_string());
        assert!(!world.is_empty());
    }
    // An unproven deletion does not count.
    world.sandbox.clear_faults();
    everything_is_absent(&world.sandbox);
    world.destroy().await.fails("is unknown");
    assert!(!world.is_empty());
    world.sandbox.clear_faults();
    world.destroy().await.succeeds();
    assert!(world.is_empty() && world.keys().is_empty());
}

#[tokio::test(start_paused = true)]
async fn previous_token_becomes_current_if_the_current_one_is_deleted_outside() {
    let mut world = World::with_token(Options::default(), &overlapping("1", "2h")).await;
    let first = world.state();
    world.apply(&overlapping("2", "2h")).await.succeeds();
    let second = world.state().access_key.into_known().unwrap();
    world.sandbox.delete_token_outside(&second);
    world
        .apply(&overlapping("2", "2h"))
        .await
        .succeeds()
        .warns("becomes the current one")
        .warns("is lost");
    assert!(world.is_live(&first), "it is valid for its overlap");
    assert_eq!(world.state().previous.previous_access_key, first.access_key);
    world.sandbox.advance(SignedDuration::from_hours(2));
    world.apply(&overlapping("2", "2h")).await.succeeds();
    world.assert_settled(&overlapping("2", "2h")).await;
}

#[tokio::test(start_paused = true)]
async fn import_has_no_value_and_does_not_rotate() {
    for returns_descriptions in [true, false] {
        let mut world = World::new(Options {
            returns_descriptions,
            ..Options::default()
        });
        let token = world.sandbox.add_token();
        let key = token.access_key.clone();
        for role in ["reader", "writer"] {
            world.sandbox.assign_outside(role, Subject::token(&key));
        }
        world
            .import(token.bearer().expose_secret())
            .await
            .fails("Invalid import id");
        for id in [
            key.clone(),
            format!("srn2:service-token#{key}"),
            format!("srn2:service-token%23{key}"),
        ] {
            world.import(&id).await.succeeds().warns("is unknown");
            assert_eq!(world.state().access_key, key.as_str().into());
        }
        assert!(world.state().delivery.token.is_null() && world.state().delivery.generation.known() > Some(&0));
        world.apply(&released("1")).await.succeeds();
        world.assert_same_token(&released("1"), &key).await;
        world.apply(&released("2")).await.succeeds().warns("will be rotated");
        assert_ne!(world.state().access_key, key.into());
        world.assert_settled(&released("2")).await;
    }
}

impl World {
    async fn assert_same_token(&mut self, config: &ServiceToken, key: &str) {
        self.apply(config).await.changes_nothing().reports_nothing();
        assert_eq!(self.keys(), [key], "it is still the same token");
    }
}

#[tokio::test(start_paused = true)]
async fn changed_description_replaces_the_token() {
    let mut world = World::with_token(Options::default(), &config()).await;
    let first = world.state();
    let other = ServiceToken {
        description: "cd".into(),
        ..config()
    };
    world.apply(&other).await.succeeds();
    assert_ne!(world.state().access_key, first.access_key);
    assert!(!world.is_live(&first) && world.keys().len() == 1);
}

#[tokio::test(start_paused = true)]
async fn own_token_is_rotated_but_not_deleted_without_a_successor() {
    let mut world = World::new(Options::default());
    world.apply(&released("1")).await.succeeds();
    let key = world.state().access_key.into_known().unwrap();
    world.sandbox.assign_outside("system-admin", Subject::token(&key));
    world.bearer = world.state().delivery.token.into_known().unwrap();

    world
        .apply(&released("2"))
        .await
        .succeeds()
        .warns("The provider uses this token");
    let second = world.state();
    assert!(
        second.previous.previous_access_key.is_null(),
        "the provider deleted the old token with the new one"
    );
    world.bearer = second.delivery.token.clone().into_known().unwrap();
    world.apply(&released("2")).await.changes_nothing();

    world.destroy().await.fails("The provider uses this token");
    assert!(world.is_live(&world.state()));

    // During an overlap, the provider may still use the old token.
    world.apply(&overlapping("3", "2h")).await.succeeds();
    world.sandbox.advance(SignedDuration::from_hours(3));
    world
        .apply(&overlapping("3", "2h"))
        .await
        .fails("after a rotation, the new one");
    assert!(world.is_live(&second));
    world.bearer = world.state().delivery.token.into_known().unwrap();
    world.apply(&overlapping("3", "2h")).await.succeeds();
    assert!(!world.is_live(&second) && world.is_live(&world.state()));
    world.assert_no_leaks();
}

#[tokio::test(start_paused = true)]
async fn own_token_is_kept_while_the_platform_rejects_the_new_one() {
    let mut world = World::new(Options::default());
    world.apply(&released("1")).await.succeeds();
    let first = world.state();
    // The token has its access by a role that the list does not show.
    world
        .sandbox
        .assign_outside("system-admin", Subject::token(first.access_key.known().unwrap()));
    world.bearer = first.delivery.token.clone().into_known().unwrap();
    let roles = Fault::answer(200).body(r#"["reader"]"#).on("GET", "/roles").times(100);
    world.sandbox.fault(roles);
    world
        .apply(&released("2"))
        .await
        .succeeds()
        .warns("could not be deleted")
        .warns("403");
    let second = world.state();
    assert_eq!(second.previous.previous_access_key, first.access_key);
    assert!(world.keys().contains(second.access_key.known().unwrap()));
    world.assert_no_leaks();
}

#[tokio::test(start_paused = true)]
async fn delivered_value_is_only_in_vault() {
    for options in option_variants() {
        let mut world = World::with_token(options, &delivered("1")).await;
        let first = world.secret_value().unwrap();
        let state = world.state();
        assert!(state.delivery.token.is_null() && state.secret_key.is_null());
        assert_eq!(state.delivery.vault_version, 1.into());
        world.assert_settled(&delivered("1")).await;
        world.apply(&delivered("2")).await.succeeds();
        assert!(!world.sandbox.is_live(&first));
        let secret = world.vault.secret(PLACE.0, PLACE.1).unwrap();
        assert_eq!(secret["previous_access_key"], json!(state.access_key.known().unwrap()));
        let rotated = generation::next(&state.delivery.generation).into_known();
        assert_eq!(secret["generation"], json!(rotated));
        world.assert_settled(&delivered("2")).await;
        world.destroy().await.succeeds();
        assert!(world.secret_value().is_none() && world.keys().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn create_fails_before_the_request_if_delivery_is_impossible() {
    let mut world = World::new(Options::default());
    world
        .vault
        .put(PLACE.0, PLACE.1, json!({"user": "app"}).as_object().unwrap().clone());
    world
        .plan(&delivered("1"))
        .await
        .fails("belongs to another token or program");
    world
        .apply(&delivered("1"))
        .await
        .fails("belongs to another token or program");
    assert_eq!(world.sandbox.calls("POST", TOKENS), 0);
}

#[tokio::test(start_paused = true)]
async fn token_of_a_killed_create_can_be_imported() {
    let mut world = World::new(Options::default());
    killed(&mut world, &delivered("1"), "POST", "/secret/data/startree/ci").await;
    assert!(world.is_empty());
    let key = world.keys().remove(0);
    let run = world.apply(&delivered("1")).await.fails("import the token");
    assert!(
        !format!("{:?}", run.diagnostics).contains(&key),
        "the contents of a secret are not shown"
    );
    world.import(&key).await.succeeds();
    let imported = world.state().delivery.generation;
    world.apply(&delivered("1")).await.succeeds();
    world.assign(&world.state());
    world.apply(&delivered("1")).await.succeeds();
    assert_eq!(world.state().delivery.generation, imported);
    world.assert_settled(&delivered("1")).await;
}

#[tokio::test(start_paused = true)]
async fn renamed_environment_does_not_rotate() {
    let mut world = World::with_token(Options::default(), &delivered("1")).await;
    for base_url in [
        "https://gateway.example.com/acme",
        "https://rbac-manager.acme.example.net",
    ] {
        world.base_url = base_url;
        world.assert_settled(&delivered("1")).await;
    }
    world.apply(&delivered("2")).await.succeeds();
    world.assert_settled(&delivered("2")).await;
    let secret = world.vault.secret(PLACE.0, PLACE.1).unwrap();
    assert_eq!(secret["environment"], json!("rbac-manager.acme.example.net"));
}

#[tokio::test(start_paused = true)]
async fn killed_rotation_is_completed_after_the_environment_is_renamed() {
    let mut world = World::with_token(Options::default(), &delivered("1")).await;
    killed(&mut world, &delivered("2"), "POST", "/secret/data/startree/ci").await;
    let value = world.secret_value().unwrap();
    world.base_url = "https://gateway.example.com/acme";
    world.apply(&delivered("1")).await.succeeds();
    world.apply(&delivered("1")).await.succeeds();
    assert_eq!(world.secret_value(), Some(value));
    world.assert_settled(&delivered("1")).await;
}

#[tokio::test(start_paused = true)]
async fn secret_of_another_environment_is_not_overwritten() {
    let mut first = World::with_token(Options::default(), &delivered("1")).await;
    let mut second = World::new(Options::default());
    second.vault = first.vault.clone();
    second.base_url = "https://rbac-manager.acme.other.cloud";
    second
        .apply(&delivered("1"))
        .await
        .fails("belongs to another token or program");
    second.apply(&released("1")).await.succeeds();
    let there = second.state();
    second
        .apply(&delivered("1"))
        .await
        .fails("belongs to another token or program");
    let key = there.access_key.known().unwrap();
    assert_eq!(
        second.keys(),
        [key.as_str()],
        "the token is kept, and no other is created"
    );
    first.assert_settled(&delivered("1")).await;
}

#[tokio::test(start_paused = true)]
async fn tainted_or_replaced_token_keeps_its_secret_in_vault() {
    let mut world = World::with_token(Options::default(), &delivered("1")).await;
    let provider = world.provider();
    world.token.replace(provider, &delivered("1")).await.succeeds();
    world.assign(&world.state());
    world.assert_settled(&delivered("1")).await;

    world.token.taint();
    world.apply(&delivered("1")).await.succeeds();
    world.assign(&world.state());
    world.assert_settled(&delivered("1")).await;
}

#[tokio::test(start_paused = true)]
async fn second_token_with_the_same_secret_fails_in_the_plan() {
    let other = ServiceToken {
        description: "cd".into(),
        ..delivered("1")
    };
    for second in [other, delivered("1")] {
        let (world, workspace) = (World::new(Options::default()), Workspace::new());
        let both = Configuration::new()
            .with("startree_service_token.a", ResourceBlock::new(delivered("1")))
            .with("startree_service_token.b", ResourceBlock::new(second.clone()));
        workspace.plan(world.provider(), &both, &RunOptions::default()).await;
        let reported: Vec<_> = workspace.take_diagnostics().iter().map(ToString::to_string).collect();
        assert_eq!(reported.len(), 1, "{reported:?}");
        assert!(reported[0].contains("Two tokens use the secret"), "{reported:?}");
        let description = second.description.known().unwrap();
        assert!(
            reported[0].contains("\"ci\"") && reported[0].contains(description),
            "{reported:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn replacement_reuses_the_secret_in_vault() {
    let mut world = World::with_token(Options::default(), &delivered("1")).await;
    let other = ServiceToken {
        description: "cd".into(),
        ..delivered("1")
    };
    world
        .apply(&other)
        .await
        .succeeds()
        .warns("is deleted before it is written again");
    world.assign(&world.state());
    world.assert_settled(&other).await;
}

#[tokio::test(start_paused = true)]
async fn create_before_destroy_does_not_overwrite_the_secret_in_use() {
    let mut world = World::with_token(Options::default(), &delivered("1")).await;
    world.token.set_lifecycle(ResourceBlock::create_before_destroy);
    let other = ServiceToken {
        description: "cd".into(),
        ..delivered("1")
    };
    world
        .apply(&other)
        .await
        .warns("With `create_before_destroy` the apply fails before it creates anything")
        .fails("belongs to another token or program");
    world.assert_settled(&delivered("1")).await;
}

#[tokio::test(start_paused = true)]
async fn failed_delivery_deletes_the_new_token_and_keeps_the_current_one() {
    let mut world = World::with_token(Options::default(), &delivered("1")).await;
    let (first, value) = (world.state(), world.secret_value().unwrap());
    world
        .vault
        .fault(Fault::answer(503).on("POST", "/secret/data/startree/ci").times(1000));
    world
        .apply(&delivered("2"))
        .await
        .fails("could not be delivered")
        .fails("was deleted again");
    assert_eq!(world.state().access_key, first.access_key);
    assert!(world.sandbox.is_live(&value));
    world.vault.clear_faults();
    world.assert_settled(&delivered("1")).await;
    world.apply(&delivered("2")).await.succeeds();
    world.assert_settled(&delivered("2")).await;
}

#[tokio::test(start_paused = true)]
async fn value_missing_in_vault_rotates() {
    let mut world = World::with_token(Options::default(), &delivered("1")).await;
    world.vault.delete(PLACE.0, PLACE.1);
    world
        .apply(&delivered("1"))
        .await
        .succeeds()
        .warns("is no longer in Vault")
        .warns("will be rotated");
    world.assert_settled(&delivered("1")).await;
}

#[tokio::test(start_paused = true)]
async fn adding_or_removing_vault_rotates() {
    let mut world = World::with_token(Options::default(), &released("1")).await;
    world
        .apply(&delivered("1"))
        .await
        .succeeds()
        .warns("moves from the state to Vault");
    world.assert_settled(&delivered("1")).await;
    world.apply(&released("1")).await.succeeds().warns("to the state");
    assert!(
        world.secret_value().is_none(),
        "the version that was written is removed"
    );
    world.assert_settled(&released("1")).await;
}

/// Runs an apply whose process is killed while it waits for the answer to this request.
async fn killed(world: &mut World, config: &ServiceToken, method: &str, path: &str) {
    world.sandbox.fault(Fault::new(Effect::Hang).after().on(method, path));
    world.vault.fault(Fault::new(Effect::Hang).after().on(method, path));
    let killed = timeout(Duration::from_secs(5), world.apply(config)).await;
    assert!(killed.is_err(), "the request hangs");
    world.sandbox.clear_faults();
    world.vault.clear_faults();
}

#[tokio::test(start_paused = true)]
async fn rotation_killed_after_delivery_is_completed_by_the_next_run() {
    for (method, path) in [
        ("POST", "/secret/data/startree/ci"),
        ("POST", "/roles/srn2:role%23reader/delete-assignment"),
    ] {
        let mut world = World::with_token(Options::default(), &delivered("1")).await;
        let rotate = every("1h", delivered("1"));
        world.apply(&rotate).await.succeeds();
        let created = world.state().delivery.generation;
        world.sandbox.advance(SignedDuration::from_hours(1));
        killed(&mut world, &rotate, method, path).await;
        let value = world.secret_value().unwrap();
        world
            .apply(&rotate)
            .await
            .succeeds()
            .warns("did not finish")
            .warns("is due for deletion");
        assert_eq!(world.secret_value().unwrap(), value, "it is not rotated again");
        assert_eq!(world.state().delivery.generation, generation::next(&created));
        world.assert_settled(&rotate).await;
    }
}

#[tokio::test(start_paused = true)]
async fn killed_rotation_keeps_the_current_token_and_the_plan_names_the_orphan() {
    let mut world = World::with_token(Options::default(), &released("1")).await;
    let first = world.state();
    killed(
        &mut world,
        &released("2"),
        "POST",
        "/roles/srn2:role%23reader/delete-assignment",
    )
    .await;
    assert_eq!(world.state().access_key, first.access_key);
    // The killed run has revoked a role that only the orphan has now.
    let planned = world.plan(&released("2")).await.succeeds();
    planned.warns("may have an orphan").warns("more roles ([\"reader\"])");
    world
        .sandbox
        .assign_outside("reader", Subject::token(first.access_key.known().unwrap()));
    let orphan = world
        .keys()
        .into_iter()
        .find(|key| first.access_key != key.as_str().into())
        .unwrap();
    world
        .apply(&released("2"))
        .await
        .succeeds()
        .warns("may have an orphan")
        .warns(&orphan);
    assert!(world.is_live(&world.state()));
}

#[tokio::test(start_paused = true)]
async fn rotation_of_a_token_deleted_after_the_plan_fails_and_creates_no_token() {
    for options in option_variants() {
        if options.not_found.is_server_error() {
            continue; // It does not show that the token is absent.
        }
        let mut world = World::with_token(options, &released("1")).await;
        let key = world.state().access_key.into_known().unwrap();
        let provider = world.provider();
        let plan = world.token.save_plan(&provider, Some(&released("2"))).await;
        for role in ["reader", "writer"] {
            world.sandbox.unassign_outside(role, Subject::token(&key));
        }
        world.sandbox.delete_token_outside(&key);
        let run = world.token.apply_saved(&provider, &plan).await;
        run.fails("was deleted after the plan");
        assert_eq!(world.keys(), <[String; 0]>::default());
        world
            .apply(&released("2"))
            .await
            .succeeds()
            .warns("was deleted outside Terraform");
        assert_eq!(world.keys().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn stale_saved_plan_does_not_rotate() {
    let rotating = |rotate_every: &str, overlap: Field<String>| {
        let mut config = every(rotate_every, released("1"));
        config.rotation.overlap = overlap;
        config
    };
    // First the token becomes too old, then the previous token becomes due.
    for (prepared, mut changed, later) in [
        (None, rotating("40d", Field::Null), 45),
        (Some("2"), rotating("40d", "2d".into()), 3),
    ] {
        let before = rotating("30d", changed.rotation.overlap.clone());
        let mut world = World::with_token(Options::default(), &before).await;
        if let Some(release) = prepared {
            let triggers = released(release).rotation.rotation_triggers;
            let mut rotated = before;
            rotated.rotation.rotation_triggers = triggers.clone();
            world.apply(&rotated).await.succeeds();
            changed.rotation.rotation_triggers = triggers;
        }
        let keys = world.keys();
        let provider = world.provider();
        let plan = world.token.save_plan(&provider, Some(&changed)).await;
        world.sandbox.advance(SignedDuration::from_hours(24 * later));
        let run = world.token.apply_saved(&provider, &plan).await;
        run.succeeds().warns("is due, and the next run changes it");
        assert_eq!(world.keys(), keys, "the apply only does what was planned");
        world.apply(&changed).await.succeeds();
        assert_ne!(world.keys(), keys);
        world.assert_settled(&changed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn saved_plan_that_deletes_the_previous_token_does_not_rotate_later() {
    let config = |release| every("30d", overlapping(release, "2h"));
    let mut world = World::with_token(Options::default(), &config("1")).await;
    world.apply(&config("2")).await.succeeds();
    world.sandbox.advance(SignedDuration::from_hours(3));
    let provider = world.provider();
    let plan = world.token.save_plan(&provider, Some(&config("2"))).await;
    world.sandbox.advance(SignedDuration::from_hours(24 * 40));
    world
        .token
        .apply_saved(&provider, &plan)
        .await
        .succeeds()
        .warns("is due, and the next run changes it");
    let keys = world.keys();
    assert_eq!(keys.len(), 1, "the previous token is deleted");
    world.apply(&config("2")).await.succeeds();
    assert_eq!(world.keys().len(), 2, "the token is rotated");
}
