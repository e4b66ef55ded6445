//! Personal access tokens, against the sandbox in the same process, under tokio's paused clock.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::timeout;

use super::*;
use crate::framework::testing::{Run, SingleResource};
use crate::platform::Runtime;
use crate::platform::age_recipients::AgeRecipients;
use crate::platform::delivery::VaultDestination;
use crate::platform::encryption::decrypt;
use crate::platform::testing::{age_key, clock, lost_answers, variables};
use crate::quix::Quix;
use crate::rest::Transport;
use crate::sandbox::quix::{
    Options, PersonalAccessToken as Remote, PersonalAccessTokenOptions, Role, Sandbox, TokenLimit,
    personal_access_token_variants,
};
use crate::sandbox::{self, Effect, Fault};

const TOKENS: &str = "/profile/tokens";
const PLACE: (&str, &str) = ("secret", "quix/ci");
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// An organisation with an administrator, a Vault, and a workspace with one token.
struct World {
    sandbox: Sandbox,
    vault: sandbox::Vault,
    /// The provider's token.
    bearer: SecretString,
    portal_api: &'static str,
    token: SingleResource,
    /// Every diagnostic, to be searched for values.
    reported: String,
}

fn config() -> PersonalAccessToken {
    let mut config = PersonalAccessToken {
        name: "ci".into(),
        ..PersonalAccessToken::default()
    };
    config.rotation.expiry.expires_in = "90d".into();
    config
}

/// The configuration with this value of a trigger.
fn released(release: &str) -> PersonalAccessToken {
    let triggers = BTreeMap::from([("release".to_owned(), release.into())]);
    let mut config = config();
    config.rotation.expiry.rotation_triggers = triggers.into();
    config
}

fn overlapping(release: &str, overlap: &str) -> PersonalAccessToken {
    let mut config = released(release);
    config.rotation.overlap = overlap.into();
    config
}

fn delivered(release: &str) -> PersonalAccessToken {
    let (mount, path) = PLACE;
    let mut config = released(release);
    config.delivery.vault = VaultDestination {
        mount: mount.into(),
        path: path.into(),
        field: Field::Null,
    }
    .into();
    config
}

fn fixed(expires_at: &str) -> PersonalAccessToken {
    let mut config = config();
    config.rotation.expiry.expires_in = Field::Null;
    config.rotation.expiry.expires_at = expires_at.into();
    config
}

fn with(options: PersonalAccessTokenOptions) -> Options {
    Options {
        personal_access_tokens: options,
        ..Options::default()
    }
}

impl World {
    fn new(options: PersonalAccessTokenOptions) -> Self {
        let sandbox = Sandbox::with_clock(clock(), with(options));
        Self {
            bearer: sandbox.add_user(Role::Admin),
            portal_api: "https://portal-api.example.com",
            vault: sandbox::Vault::new(sandbox.clock()),
            sandbox,
            token: SingleResource::new("quix_personal_access_token"),
            reported: String::new(),
        }
    }

    /// Creates a world with a token.
    async fn with_token(options: PersonalAccessTokenOptions, config: &PersonalAccessToken) -> Self {
        let mut world = Self::new(options);
        world.apply(config).await.succeeds();
        world
    }

    /// Starts providers.
    fn provider(&self) -> impl Fn() -> Quix + use<> {
        let (sandbox, vault, portal_api) = (self.sandbox.clone(), self.vault.clone(), self.portal_api);
        let bearer = self.bearer.expose_secret().to_owned();
        move || {
            let (platform, vault) = (sandbox.clone(), vault.clone());
            Quix::new(Runtime {
                clock: sandbox.clock(),
                environment: variables(&[
                    ("Quix__Portal__Api", portal_api),
                    ("Quix__Sdk__Token", &bearer),
                    ("VAULT_ADDR", "http://127.0.0.1:8200"),
                    ("VAULT_TOKEN", vault.root_token().expose_secret()),
                ]),
                transport: Box::new(move |destination| match destination.base_url.host() {
                    "127.0.0.1" => Transport::new(vault.service()),
                    _ => Transport::new(platform.service()),
                }),
            })
        }
    }

    fn note(&mut self, run: Run) -> Run {
        self.reported.push_str(&format!("{:?}", run.diagnostics));
        run
    }

    async fn apply(&mut self, config: &PersonalAccessToken) -> Run {
        let run = self.token.apply(self.provider(), Some(config)).await;
        self.note(run)
    }

    async fn plan(&mut self, config: &PersonalAccessToken) -> Run {
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
    fn state(&self) -> PersonalAccessToken {
        self.token.state().expect("it is in the state")
    }

    fn is_empty(&self) -> bool {
        self.token.object().is_none()
    }

    /// Returns the tokens of the user but the provider's first.
    fn remote(&self) -> Vec<Remote> {
        let tokens = self.sandbox.personal_access_tokens(&self.bearer).into_iter();
        tokens.filter(|token| token.name != "initial").collect()
    }

    fn names(&self) -> Vec<String> {
        self.remote().into_iter().map(|token| token.name).collect()
    }

    fn is_live(&self, state: &PersonalAccessToken) -> bool {
        let token = state.delivery.token.known();
        token.is_some_and(|token| self.sandbox.is_live(token.expose_secret()))
    }

    /// Returns the value in the secret.
    fn secret_value(&self) -> Option<String> {
        let secret = self.vault.secret(PLACE.0, PLACE.1)?;
        secret["token"].as_str().map(str::to_owned)
    }

    /// Asserts that there is one valid token, and that an apply changes nothing.
    async fn assert_settled(&mut self, config: &PersonalAccessToken) {
        self.apply(config).await.changes_nothing().reports_nothing();
        let state = self.state();
        let remote = self.remote();
        assert_eq!(remote.len(), 1, "there is no other token");
        assert_eq!(remote[0].id, state.id.known().unwrap().to_lowercase());
        let value = match state.delivery.vault.is_null() {
            true => state.delivery.token.known().unwrap().expose_secret().to_owned(),
            false => self.secret_value().expect("Vault has the value"),
        };
        assert!(self.sandbox.is_live(&value));
        self.assert_no_leaks();
    }

    /// Asserts that no diagnostic contains a value.
    fn assert_no_leaks(&self) {
        for value in self.sandbox.issued_values() {
            assert!(!self.reported.contains(value.expose_secret()), "a value was reported");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn token_lifecycle_succeeds_for_every_behaviour_of_the_platform() {
    for options in personal_access_token_variants() {
        let mut world = World::with_token(options.clone(), &released("1")).await;
        world.sandbox.advance(SignedDuration::from_mins(1));
        let first = world.state();
        world.assert_settled(&released("1")).await;
        assert!(first.created_at.known().is_some() && first.rotation.expiry.expires_at.known().is_some());

        world
            .plan(&released("2"))
            .await
            .succeeds()
            .warns("rotation_triggers.release changed")
            .warns("deleted in the same apply");
        world.apply(&released("2")).await.succeeds();
        let second = world.state();
        assert_eq!(second.delivery.generation, generation::next(&first.delivery.generation));
        assert!(world.is_live(&second) && !world.is_live(&first));
        let expected = if options.unique_names.is_some() { "ci (2)" } else { "ci" };
        assert_eq!(world.names(), [expected]);
        world.sandbox.advance(SignedDuration::from_mins(1));
        world.assert_settled(&released("2")).await;

        world.apply(&released("3")).await.succeeds();
        assert_eq!(world.names(), ["ci"], "the plain name is free again");

        world.destroy().await.succeeds();
        assert!(world.is_empty() && world.remote().is_empty());
        world.assert_no_leaks();
    }
}

#[tokio::test(start_paused = true)]
async fn changed_name_scopes_and_expiry_rotate_in_place() {
    let mut world = World::with_token(PersonalAccessTokenOptions::default(), &config()).await;
    let scoped = |scopes: &[&str]| {
        let scopes: crate::framework::Set<_> = scopes.iter().map(ToString::to_string).collect();
        PersonalAccessToken {
            scopes: scopes.into(),
            ..config()
        }
    };
    for (config, reason, scopes) in [
        (
            PersonalAccessToken {
                name: "cd".into(),
                ..config()
            },
            "name changed",
            None,
        ),
        (config(), "name changed", None),
        (
            scoped(&["b", "a"]),
            "scopes changed",
            Some(vec!["b".to_owned(), "a".to_owned()]),
        ),
        (scoped(&[]), "scopes changed", Some(vec![])),
        (config(), "scopes changed", None),
        (fixed("2028-01-01T00:00:00Z"), "expires_at changed from", None),
    ] {
        let before = world.state();
        world.apply(&config).await.succeeds().warns(reason);
        assert!(!world.is_live(&before) && world.is_live(&world.state()));
        let sent = world.remote()[0].scopes.clone().map(|mut scopes| {
            scopes.sort();
            scopes
        });
        assert_eq!(
            sent,
            scopes.map(|mut scopes: Vec<String>| {
                scopes.sort();
                scopes
            }),
            "{reason}"
        );
        world.assert_settled(&config).await;
    }
    // Another spelling is no change.
    world.apply(&fixed("2028-01-01T01:00:00+01:00")).await.changes_nothing();
    world
        .plan(&scoped(&["a", "b"]))
        .await
        .succeeds()
        .warns("scopes changed");
}

#[tokio::test(start_paused = true)]
async fn expiring_token_is_rotated_before_its_expiry() {
    let mut config = config();
    config.rotation.expiry.rotate_before = "7d".into();
    let mut world = World::with_token(PersonalAccessTokenOptions::default(), &config).await;
    let first = world.state();
    world.sandbox.advance(DAY * 82);
    world.assert_settled(&config).await;
    world.sandbox.advance(DAY);
    world
        .apply(&config)
        .await
        .succeeds()
        .warns("within rotate_before = 7 days");
    assert!(!world.is_live(&first) && world.is_live(&world.state()));
    world.assert_settled(&config).await;
    // Whether the platform lists an expired token or not, it is rotated.
    for lists_expired in [true, false] {
        world
            .sandbox
            .set_options(|options| options.personal_access_tokens.lists_expired = lists_expired);
        world.sandbox.advance(DAY * 100);
        let run = world.apply(&config).await.succeeds().warns("it expired at");
        assert!(!run.reports(crate::framework::Severity::Warning, "deleted outside"));
        world.apply(&config).await.changes_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn fixed_expiry_is_warned_of_and_not_rotated() {
    for lists_expired in [true, false] {
        let options = PersonalAccessTokenOptions {
            lists_expired,
            ..PersonalAccessTokenOptions::default()
        };
        let config = fixed("2027-03-01T00:00:00Z");
        let mut world = World::with_token(options, &config).await;
        assert_eq!(
            world.state().rotation.expiry.expires_at,
            config.rotation.expiry.expires_at
        );
        world.sandbox.advance(DAY * 44);
        world.assert_settled(&config).await;
        world.sandbox.advance(DAY * 2);
        world.apply(&config).await.changes_nothing().warns("expires soon");
        world.sandbox.advance(DAY * 20);
        world.apply(&config).await.changes_nothing().warns("has expired");
        let renamed = PersonalAccessToken {
            name: "cd".into(),
            ..config.clone()
        };
        world
            .plan(&renamed)
            .await
            .succeeds()
            .warns("has expired and is not rotated");
        world.apply(&fixed("2027-09-01T00:00:00Z")).await.succeeds();
        assert!(world.is_live(&world.state()));
    }
}

#[tokio::test(start_paused = true)]
async fn both_tokens_are_valid_during_the_overlap() {
    let config = |release: &str| overlapping(release, "2h");
    let mut world = World::with_token(PersonalAccessTokenOptions::default(), &config("1")).await;
    let first = world.state();
    world.apply(&config("2")).await.succeeds().warns("`overlap` = 2h");
    let second = world.state();
    assert_eq!(second.previous.previous_id, first.id);
    assert!(world.is_live(&first) && world.is_live(&second));
    world.sandbox.advance(SignedDuration::from_mins(119));
    world.apply(&config("2")).await.changes_nothing().reports_nothing();
    world.sandbox.advance(SignedDuration::from_mins(1));
    world
        .plan(&config("2"))
        .await
        .succeeds()
        .warns("is due for deletion since 2027-01-01T02:00");
    world.apply(&config("2")).await.succeeds();
    assert!(!world.is_live(&first) && world.is_live(&second));
    world.assert_settled(&config("2")).await;

    // A rotation during the overlap keeps at most two, and a deletion deletes both.
    world.apply(&config("3")).await.succeeds();
    world
        .apply(&config("4"))
        .await
        .succeeds()
        .warns("the previous token will be deleted");
    assert!(!world.is_live(&second) && world.remote().len() == 2);
    world.destroy().await.succeeds();
    assert!(world.remote().is_empty());
}

#[tokio::test(start_paused = true)]
async fn creation_survives_every_lost_answer() {
    for fault in lost_answers(r#"{"id": "other"}"#) {
        for skip in [0, 1] {
            let mut world = World::new(PersonalAccessTokenOptions::default());
            let other = world
                .sandbox
                .add_personal_access_token(&world.bearer, "ci", None)
                .unwrap();
            world.sandbox.fault(fault.clone().on("POST", TOKENS).times(1 + skip));
            world.apply(&config()).await.succeeds().reports_nothing();
            let state = world.state();
            let ids: Vec<_> = world.remote().into_iter().map(|token| token.id).collect();
            assert_eq!(ids, [other.id.clone(), state.id.known().unwrap().clone()], "{fault:?}");
            assert!(world.is_live(&state));
            world.assert_no_leaks();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unproved_orphan_of_a_lost_answer_is_named_and_not_deleted() {
    let options = || PersonalAccessTokenOptions {
        keeps_fraction: false,
        ..PersonalAccessTokenOptions::default()
    };
    let undeclared = || {
        let mut config = config();
        config.rotation.expiry.expires_in = Field::Null;
        config
    };
    for (options, config) in [
        (options(), config()),
        (PersonalAccessTokenOptions::default(), undeclared()),
    ] {
        let mut world = World::new(options);
        world.sandbox.fault(Fault::new(Effect::Cut).after().on("POST", TOKENS));
        let id = |world: &World| world.remote()[0].id.clone();
        let run = world.apply(&config).await;
        let named = format!("\"ci\", id {}", id(&world));
        run.fails(&named);
        assert!(world.is_empty() && world.remote().len() == 1);
        // A new token of another name is not that of the creation.
        let mut world = World::new(PersonalAccessTokenOptions::default());
        world.sandbox.fault(Fault::new(Effect::Cut).on("POST", TOKENS));
        let (sandbox, bearer) = (world.sandbox.clone(), world.bearer.clone());
        let other_client = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            sandbox.add_personal_access_token(&bearer, "other", None)
        };
        let (run, _) = tokio::join!(world.apply(&config), other_client);
        run.succeeds();
        assert_eq!(world.names().len(), 2);
    }
}

/// Terraform starts a process per `provider` block, so no lock serialises the two creations.
#[tokio::test(start_paused = true)]
async fn concurrent_creations_never_delete_each_others_token() {
    // By chance, one of 999 pairs of requests has the same mark.
    fastrand::seed(1);
    for fault in lost_answers("{}") {
        for skip in 0..2 {
            let mut one = World::new(PersonalAccessTokenOptions::default());
            let mut other = World::new(PersonalAccessTokenOptions::default());
            other.sandbox = one.sandbox.clone();
            other.bearer = one.bearer.clone();
            one.sandbox.fault(fault.clone().on("POST", TOKENS).skip(skip));
            let config = fixed("2028-01-01T00:00:00Z");
            let (first, second) = tokio::join!(one.apply(&config), other.apply(&config));
            for (run, world) in [(first, &one), (second, &other)] {
                if run.has_errors() {
                    assert!(world.is_empty());
                } else {
                    assert!(world.is_live(&world.state()), "{fault:?}");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failed_rotation_keeps_the_current_token() {
    for fault in [
        Fault::answer(403),
        Fault::answer(400).times(2),
        Fault::answer(503).times(100),
    ] {
        let mut world = World::with_token(PersonalAccessTokenOptions::default(), &released("1")).await;
        let first = world.state();
        world.sandbox.fault(fault.on("POST", TOKENS));
        assert!(world.apply(&released("2")).await.has_errors());
        assert_eq!(world.state().id, first.id);
        assert!(world.is_live(&first) && world.remote().len() == 1);
        world.sandbox.clear_faults();
        world.apply(&released("2")).await.succeeds();
        world.assert_settled(&released("2")).await;
    }
}

#[tokio::test(start_paused = true)]
async fn failed_deletion_of_the_predecessor_is_retried_by_the_next_apply() {
    let mut world = World::with_token(PersonalAccessTokenOptions::default(), &released("1")).await;
    let first = world.state();
    let path = format!("{TOKENS}/{}", first.id.known().unwrap());
    world.sandbox.fault(Fault::answer(403).on("DELETE", &path));
    world
        .apply(&released("2"))
        .await
        .succeeds()
        .warns("could not be deleted");
    let second = world.state();
    assert!(world.is_live(&second));
    assert_eq!(second.previous.previous_id, first.id);
    world.plan(&released("2")).await.succeeds().warns("will be deleted");
    world.apply(&released("2")).await.succeeds();
    world.assert_settled(&released("2")).await;
}

#[tokio::test(start_paused = true)]
async fn gateway_answer_to_a_deletion_is_not_believed() {
    for fault in [Fault::answer(200), Fault::answer(204), Fault::answer(404)] {
        let mut world = World::with_token(PersonalAccessTokenOptions::default(), &config()).await;
        let path = format!("{TOKENS}/{}", world.state().id.known().unwrap());
        world.sandbox.fault(fault.clone().on("DELETE", &path).times(2));
        world.destroy().await.succeeds();
        assert!(world.remote().is_empty());
        // A deletion that never takes effect is an error.
        let mut world = World::with_token(PersonalAccessTokenOptions::default(), &config()).await;
        let path = format!("{TOKENS}/{}", world.state().id.known().unwrap());
        world.sandbox.fault(fault.on("DELETE", &path).times(100));
        world.destroy().await.fails("still exists");
        assert!(!world.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn token_deleted_outside_leaves_the_state_only_by_the_list_of_its_user() {
    let mut world = World::with_token(PersonalAccessTokenOptions::default(), &config()).await;
    let id = world.state().id.into_known().unwrap();
    assert!(world.sandbox.remove_personal_access_token(&id));
    // The list may lag behind the creation.
    world.plan(&config()).await.changes_nothing().warns("not listed yet");
    world.sandbox.advance(SignedDuration::from_mins(11));
    let other_user = world.sandbox.add_user(Role::Admin);
    let own = std::mem::replace(&mut world.bearer, other_user);
    world.plan(&config()).await.fails("belongs to another user");
    world.destroy().await.fails("belongs to another user");
    world.bearer = own;
    for status in [401, 403, 404, 500] {
        world.sandbox.fault(Fault::answer(status).on("GET", TOKENS).times(100));
        assert!(world.plan(&config()).await.has_errors());
        world.sandbox.clear_faults();
    }
    assert!(!world.is_empty());
    world.portal_api = "https://gateway.example.com";
    world.plan(&config()).await.fails("is in another account");
    world.portal_api = "https://portal-api.example.com";
    world
        .apply(&config())
        .await
        .succeeds()
        .warns("deleted outside Terraform");
    assert_ne!(world.state().id.known(), Some(&id));
    world.assert_settled(&config()).await;
    // A token that is already gone is deleted successfully.
    let id = world.state().id.into_known().unwrap();
    world.sandbox.remove_personal_access_token(&id);
    world.destroy().await.succeeds();
    assert!(world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn token_of_an_unknown_user_stays_in_the_state() {
    let mut world = World::new(PersonalAccessTokenOptions::default());
    world
        .sandbox
        .fault(Fault::answer(404).on("GET", "/profile").times(1_000));
    world.apply(&config()).await.succeeds();
    world.sandbox.advance(SignedDuration::from_mins(11));
    world
        .sandbox
        .remove_personal_access_token(world.state().id.known().unwrap());
    world
        .plan(&config())
        .await
        .changes_nothing()
        .warns("stays in the state");
    assert!(!world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn user_that_was_unknown_is_recorded_by_a_refresh() {
    let mut world = World::new(PersonalAccessTokenOptions::default());
    world.sandbox.fault(Fault::answer(404).on("GET", "/profile"));
    world.apply(&config()).await.succeeds();
    world.apply(&config()).await.changes_nothing();
    world.sandbox.advance(SignedDuration::from_mins(11));
    let id = world.state().id.into_known().unwrap();
    world.sandbox.remove_personal_access_token(&id);
    world
        .apply(&config())
        .await
        .succeeds()
        .warns("deleted outside Terraform");
    assert_ne!(world.state().id.known(), Some(&id));
}

#[tokio::test(start_paused = true)]
async fn partial_list_is_rejected() {
    let mut world = World::with_token(PersonalAccessTokenOptions::default(), &config()).await;
    world.sandbox.advance(SignedDuration::from_mins(11));
    let part = r#"{"items": [], "totalCount": 2}"#;
    world
        .sandbox
        .fault(Fault::answer(200).body(part).on("GET", TOKENS).times(100));
    world.plan(&config()).await.fails("only a part of the list");
    assert!(!world.is_empty());
}

#[tokio::test(start_paused = true)]
async fn imported_token_is_not_rotated_until_something_changes() {
    for (expires_at, name) in [(Some(DAY * 60), "ci"), (None, "ci"), (None, "ci (2)")] {
        let mut world = World::new(PersonalAccessTokenOptions::default());
        let expires_at = expires_at.map(|ahead| world.sandbox.clock().now() + ahead);
        let remote = world
            .sandbox
            .add_personal_access_token(&world.bearer, name, expires_at)
            .unwrap();
        world
            .import(&remote.id.to_uppercase())
            .await
            .succeeds()
            .warns("its value is unknown");
        let state = world.state();
        assert_eq!(state.id.known(), Some(&remote.id), "as the platform spells it");
        assert!(state.delivery.token.is_null());
        let plain = || PersonalAccessToken {
            name: "ci".into(),
            ..PersonalAccessToken::default()
        };
        if name == "ci" {
            world.plan(&plain()).await.changes_nothing().reports_nothing();
        }
        // Scopes, a lifetime and triggers are recorded only.
        let mut config = released("1");
        config.scopes = Field::Known(["read".to_owned()].into_iter().collect());
        world.apply(&config).await.succeeds();
        assert_eq!(world.remote()[0].id, remote.id);
        world.apply(&config).await.changes_nothing();
        let mut config = released("2");
        config.scopes = Field::Known(["read".to_owned()].into_iter().collect());
        world.apply(&config).await.succeeds().warns("may be the provider's own");
        assert!(world.is_live(&world.state()));
        world.assert_settled(&config).await;
    }
    let mut world = World::new(PersonalAccessTokenOptions::default());
    for (id, problem) in [
        ("", "must be the id"),
        ("a/b", "must be the id"),
        ("pat-secret", "No such"),
    ] {
        let run = world.import(id).await.fails(problem);
        assert!(!format!("{:?}", run.diagnostics).contains("pat-secret"));
    }
}

#[tokio::test(start_paused = true)]
async fn own_token_is_rotated_and_not_deleted() {
    let mut world = World::with_token(PersonalAccessTokenOptions::default(), &released("1")).await;
    world.bearer = world.state().delivery.token.into_known().unwrap();
    world
        .plan(&released("2"))
        .await
        .succeeds()
        .warns("The provider uses this token");
    world.apply(&released("2")).await.succeeds();
    assert!(
        !world.sandbox.is_live(world.bearer.expose_secret()),
        "the old value is revoked"
    );
    world.bearer = world.state().delivery.token.into_known().unwrap();
    world.assert_settled(&released("2")).await;
    world.destroy().await.fails("The provider uses this token");
    assert!(!world.is_empty() && world.is_live(&world.state()));

    // With an overlap, the provider keeps its token until another one is configured.
    world.apply(&overlapping("3", "1h")).await.succeeds();
    world.sandbox.advance(SignedDuration::from_hours(2));
    world
        .apply(&overlapping("3", "1h"))
        .await
        .fails("The provider uses this token");
    assert!(world.sandbox.is_live(world.bearer.expose_secret()));
    world.bearer = world.state().delivery.token.into_known().unwrap();
    world.apply(&overlapping("3", "1h")).await.succeeds();
    world.assert_settled(&overlapping("3", "1h")).await;
}

#[tokio::test(start_paused = true)]
async fn own_token_that_is_encrypted_is_recognised() {
    let (identity, recipient) = age_key();
    let encrypted = |release| {
        let mut config = released(release);
        let recipients: AgeRecipients = [Field::from(recipient.as_str())].into_iter().collect();
        config.delivery.age_recipients = recipients.into();
        config
    };
    let decrypted = |world: &World| {
        let delivery = world.state().delivery;
        assert!(delivery.token.is_null());
        decrypt(delivery.encrypted_token.known().unwrap(), &identity).unwrap()
    };
    let mut world = World::with_token(PersonalAccessTokenOptions::default(), &encrypted("1")).await;
    let run = world.plan(&encrypted("2")).await.succeeds();
    assert!(!format!("{:?}", run.diagnostics).contains("may be the provider's own"));
    world.bearer = decrypted(&world);
    world
        .plan(&encrypted("2"))
        .await
        .succeeds()
        .warns("The provider uses this token");
    world.destroy().await.fails("The provider uses this token");
    assert!(world.sandbox.is_live(world.bearer.expose_secret()));
    world.apply(&encrypted("2")).await.succeeds();
    world.bearer = decrypted(&world);
    assert!(world.sandbox.is_live(world.bearer.expose_secret()));
    world.apply(&encrypted("2")).await.changes_nothing();
}

#[tokio::test(start_paused = true)]
async fn own_token_of_unknown_value_is_switched_in_a_rotation() {
    let mut world = World::new(PersonalAccessTokenOptions::default());
    let own = world
        .sandbox
        .add_personal_access_token(&world.bearer, "ci", None)
        .unwrap();
    world.bearer = own.value.clone();
    world.import(&own.id).await.succeeds();
    let plain = |release: &str| {
        let mut config = released(release);
        config.rotation.expiry.expires_in = Field::Null;
        config
    };
    world.apply(&plain("1")).await.succeeds();
    world
        .apply(&plain("2"))
        .await
        .succeeds()
        .warns("may be the provider's own");
    assert!(!world.sandbox.is_live(own.value.expose_secret()) && world.is_live(&world.state()));
    world.bearer = world.state().delivery.token.into_known().unwrap();
    world.apply(&plain("2")).await.changes_nothing();
}

#[tokio::test(start_paused = true)]
async fn streaming_token_cannot_manage_personal_access_tokens() {
    let mut world = World::new(PersonalAccessTokenOptions::default());
    world.sandbox.add_workspace("dev");
    let [token, _] = world.sandbox.tokens("dev").unwrap();
    world.bearer = token;
    world.apply(&config()).await.fails("personal access token of the user");
}

#[tokio::test(start_paused = true)]
async fn value_is_delivered_to_vault_instead_of_the_state() {
    let mut world = World::with_token(PersonalAccessTokenOptions::default(), &delivered("1")).await;
    assert!(world.state().delivery.token.is_null());
    world.assert_settled(&delivered("1")).await;
    let first = world.secret_value().unwrap();
    world.apply(&delivered("2")).await.succeeds();
    assert!(!world.sandbox.is_live(&first));
    world.assert_settled(&delivered("2")).await;
    // A delivery that fails leaves the current token and its secret.
    let value = world.secret_value();
    world.vault.seal();
    assert!(world.apply(&delivered("3")).await.has_errors());
    world.vault.unseal();
    assert_eq!(world.secret_value(), value);
    world.apply(&delivered("3")).await.succeeds();
    world.assert_settled(&delivered("3")).await;
    world.apply(&released("3")).await.succeeds();
    world.assert_settled(&released("3")).await;
    assert!(world.secret_value().is_none());
}

/// Kills an apply after each time, and applies again.
#[tokio::test(start_paused = true)]
async fn rotation_of_a_killed_run_is_completed() {
    for config in [overlapping as fn(&str, &str) -> PersonalAccessToken, |release, _| {
        delivered(release)
    }] {
        for killed_after in [50, 150, 250, 350, 450, 550, 650, 750, 850] {
            let mut world = World::with_token(PersonalAccessTokenOptions::default(), &config("1", "0s")).await;
            let delay = Effect::Delay(SignedDuration::from_millis(100));
            world.sandbox.fault(Fault::new(delay).times(1_000));
            let changed = config("2", "0s");
            let killed = world.apply(&changed);
            let _ = timeout(Duration::from_millis(killed_after), killed).await;
            world.sandbox.clear_faults();
            world.apply(&config("2", "0s")).await.succeeds();
            world.apply(&config("2", "0s")).await.succeeds();
            let state = world.state();
            let value = match state.delivery.vault.is_null() {
                true => state.delivery.token.known().unwrap().expose_secret().to_owned(),
                false => world.secret_value().unwrap(),
            };
            assert!(world.sandbox.is_live(&value), "killed after {killed_after} ms");
            assert!(world.remote().len() <= 2, "at most one orphan");
            if !state.delivery.vault.is_null() && world.remote().len() == 2 {
                assert_eq!(
                    world.vault.version(PLACE.0, PLACE.1),
                    2,
                    "the orphan's value did not reach Vault"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rejected_creation_names_the_existing_tokens() {
    let mut world = World::new(PersonalAccessTokenOptions {
        limit: Some(TokenLimit {
            tokens: 1,
            status: http::StatusCode::BAD_REQUEST,
        }),
        ..PersonalAccessTokenOptions::default()
    });
    let run = world.apply(&config()).await.fails("maximum number of tokens");
    assert!(format!("{:?}", run.diagnostics).contains("initial"));
    let mut world = World::new(PersonalAccessTokenOptions {
        unique_names: Some(http::StatusCode::CONFLICT),
        ..PersonalAccessTokenOptions::default()
    });
    world.sandbox.add_personal_access_token(&world.bearer, "ci", None);
    world.apply(&config()).await.fails("exists already");
    assert_eq!(world.names(), ["ci"], "a creation does not change the name");
}

#[tokio::test(start_paused = true)]
async fn shortened_expiry_is_a_warning_and_does_not_rotate() {
    let options = PersonalAccessTokenOptions {
        longest_lifetime: Some(DAY * 30),
        ..PersonalAccessTokenOptions::default()
    };
    for config in [config(), fixed("2027-06-01T00:00:00Z")] {
        let mut world = World::new(options.clone());
        world
            .apply(&config)
            .await
            .succeeds()
            .warns("Expiry differs from the request");
        world.apply(&config).await.changes_nothing();
        world.sandbox.advance(DAY * 31);
        world.apply(&config).await.succeeds().warns("it expired at");
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_argument_may_rotate() {
    let mut world = World::with_token(PersonalAccessTokenOptions::default(), &config()).await;
    let unknown = PersonalAccessToken {
        name: Field::Unknown,
        ..config()
    };
    world.plan(&unknown).await.succeeds().warns("may be rotated");
}
