//! Values that are encrypted to age recipients instead of stored in the state.

use age::secrecy::ExposeSecret as _;
use http::Method;
use serde_json::{Value as Json, json};
use token_providers::framework::testing::Action;

use super::world::{CI, DAY, World, ci, generation};

/// A person with an age identity.
struct Person(age::x25519::Identity);

impl Person {
    fn new() -> Self {
        Self(age::x25519::Identity::generate())
    }

    fn recipient(&self) -> String {
        self.0.to_public().to_string()
    }

    /// Decrypts an encrypted value of a state, as the program `age` does; `None` if it has another
    /// recipient.
    fn decrypts(&self, encrypted: &Json) -> Option<String> {
        let value = age::decrypt(&self.0, encrypted.as_str()?.as_bytes()).ok()?;
        Some(String::from_utf8(value).unwrap())
    }
}

/// A token whose value is encrypted to these people, and whose trigger has this value.
fn encrypted_to(people: &[&Person], release: u8) -> String {
    let recipients: Vec<_> = people.iter().map(|person| person.recipient()).collect();
    ci(&format!(
        "expires_in = \"90d\"\n  rotation_triggers = {{ release = \"{release}\" }}\n  age_recipients = {recipients:?}"
    ))
}

/// Returns the value that these people decrypt. Asserts that it is valid, and that the state has it in no
/// other form.
#[track_caller]
fn decrypted(world: &World, people: &[&Person]) -> String {
    let state = world.attributes(CI);
    assert!(state["token"].is_null());
    let values: Vec<_> = people
        .iter()
        .map(|person| person.decrypts(&state["encrypted_token"]).unwrap())
        .collect();
    let value = values.first().unwrap();
    assert!(values.iter().all(|other| other == value) && world.sandbox.is_live(value));
    assert!(!state.to_string().contains(value.as_str()));
    value.clone()
}

#[test]
fn value_is_encrypted_at_creation_and_at_each_rotation() {
    World::run(async |world| {
        let (alice, bob, eve) = (Person::new(), Person::new(), Person::new());
        world.configure(&encrypted_to(&[&alice, &bob], 1));
        let plan = world.plan().await;
        assert!(plan.is_unknown(CI, "encrypted_token") && !plan.is_unknown(CI, "token"));
        world.apply().await;
        let first = decrypted(world, &[&alice, &bob]);
        assert_eq!(eve.decrypts(&world.attributes(CI)["encrypted_token"]), None);
        world.assert_stable().await;
        // The order of the recipients is no difference.
        world.configure(&encrypted_to(&[&bob, &alice], 1));
        world.assert_stable().await;
        let created = generation(&world.attributes(CI));

        world.configure(&encrypted_to(&[&alice, &bob], 2));
        world.plan().await.assert_rotates("rotation_triggers.release changed");
        world.apply().await;
        assert_ne!(decrypted(world, &[&alice, &bob]), first);
        assert!(!world.sandbox.is_live(&first));
        assert_eq!(generation(&world.attributes(CI)), created + 1);
        world.assert_stable().await;

        world.destroy().await;
        assert!(world.names().is_empty());
    });
}

#[test]
fn changed_recipients_rotate_because_the_value_is_not_kept() {
    World::run(async |world| {
        let (alice, bob) = (Person::new(), Person::new());
        world.configure(&ci("expires_in = \"90d\"\n  rotation_triggers = { release = \"1\" }"));
        world.apply().await;
        let stored = world.attributes(CI)["token"].take();

        world.configure(&encrypted_to(&[&alice], 1));
        world
            .plan()
            .await
            .assert_rotates("its value moves from the state to age (age1");
        world.apply().await;
        assert!(!world.accepts(&stored));
        decrypted(world, &[&alice]);

        world.configure(&encrypted_to(&[&alice, &bob], 1));
        world.plan().await.assert_rotates("its value moves from age (age1");
        world.apply().await;
        decrypted(world, &[&alice, &bob]);

        world.configure(&encrypted_to(&[&bob], 1));
        world.apply().await;
        decrypted(world, &[&bob]);
        assert_eq!(alice.decrypts(&world.attributes(CI)["encrypted_token"]), None);

        world.configure(&ci("expires_in = \"90d\"\n  rotation_triggers = { release = \"1\" }"));
        world.apply().await;
        assert!(world.accepts(&world.attributes(CI)["token"]));
        assert!(world.attributes(CI)["encrypted_token"].is_null());
        world.assert_stable().await;
    });
}

#[test]
fn invalid_recipient_is_an_error_in_the_plan_and_is_not_quoted() {
    World::run(async |world| {
        let identity = Person::new().0.to_string();
        let valid = Person::new().recipient();
        for (recipients, expected) in [
            (vec!["alice"], "not an age recipient"),
            (vec![identity.expose_secret()], "private key"),
            (vec![valid.as_str(), "ssh-ed25519 AAAA"], "SSH key"),
            (vec![], "at least one recipient"),
        ] {
            world.configure(&ci(&format!("expires_in = \"90d\"\n  age_recipients = {recipients:?}")));
            let run = world.plan_fails().await;
            assert!(run.says(expected) && run.is_on("age_recipients"), "{run:?}");
            assert!(!run.says(identity.expose_secret()));
        }
        assert!(world.names().is_empty());
    });
}

#[test]
fn encrypted_value_that_was_rotated_outside_is_removed_and_rotated() {
    World::run(async |world| {
        let alice = Person::new();
        world.configure(&encrypted_to(&[&alice], 1));
        world.apply().await;
        world.sandbox.rotate_outside("ci-pipeline").unwrap();
        let run = world.refresh().await;
        assert!(run.says("rotated outside"), "{run:?}");
        assert!(world.attributes(CI)["encrypted_token"].is_null());
        world.plan().await.assert_rotates("rotated outside Terraform");
        world.apply().await;
        decrypted(world, &[&alice]);
        world.assert_stable().await;
    });
}

/// The account has another service account, so that the own one cannot be identified by elimination.
#[test]
fn own_token_that_is_encrypted_is_neither_revoked_nor_lost() {
    World::run(async |world| {
        let alice = Person::new();
        world.configure(&encrypted_to(&[&alice], 1));
        world.apply().await;
        let own = decrypted(world, &[&alice]);
        world.set_env("STRIIM_TOKEN", &own);
        let run = world.destroy_fails().await;
        assert!(run.says("The provider uses"), "{run:?}");
        assert!(world.sandbox.is_live(&own));

        world.configure(&encrypted_to(&[&alice], 2));
        let run = world.plan().await.run;
        assert!(!run.says("may"), "{run:?}");
        world.apply().await;
        world.set_env("STRIIM_TOKEN", &decrypted(world, &[&alice]));
        world.assert_stable().await;
    });
}

#[test]
fn own_token_in_an_encrypted_pair_is_not_revoked() {
    World::run(async |world| {
        let alice = Person::new();
        let pair = "striim_service_account_token_pair.ci";
        let recipient = alice.recipient();
        world.configure(&format!(
            "resource \"striim_service_account_token_pair\" \"ci\" {{\n  name = \"ci\"\n  expires_in = \"90d\"\n  \
             age_recipients = [\"{recipient}\"]\n}}\n"
        ));
        world.apply().await;
        let own = alice.decrypts(&world.attributes(pair)["current"]["encrypted_token"]);
        let own = own.unwrap();
        world.set_env("STRIIM_TOKEN", &own);
        let run = world.destroy_fails().await;
        assert!(run.says("The provider uses"), "{run:?}");
        assert!(world.sandbox.is_live(&own));
    });
}

#[test]
fn expired_token_keeps_its_recipients_and_does_not_fail_the_plan() {
    World::run(async |world| {
        let (alice, bob) = (Person::new(), Person::new());
        let ends = world.in_days(30);
        let fixed = |person: &Person| {
            let recipient = person.recipient();
            ci(&format!(
                "expires_at = \"{ends}\"\n  age_recipients = [\"{recipient}\"]"
            ))
        };
        world.configure(&fixed(&alice));
        world.apply().await;
        world.advance(DAY * 31).await;
        world.configure(&fixed(&bob));
        world.apply().await;
        assert!(alice.decrypts(&world.attributes(CI)["encrypted_token"]).is_some());
    });
}

#[test]
fn import_does_not_rotate_and_the_first_rotation_encrypts() {
    World::run(async |world| {
        let alice = Person::new();
        let ends = world.in_days(90);
        let account = json!({"name": "ci-pipeline", "expires-at": ends});
        world.outside(Method::POST, "/service-account", account).await;
        world.configure(&encrypted_to(&[&alice], 1));
        world.import(CI, "ci-pipeline").await;
        let changes = world.changes();
        world.apply().await;
        assert_eq!(world.changes(), changes);
        assert!(world.attributes(CI)["encrypted_token"].is_null());
        world.assert_stable().await;

        world.configure(&encrypted_to(&[&alice], 2));
        assert_eq!(world.plan().await.action(CI), Action::Update);
        world.apply().await;
        decrypted(world, &[&alice]);
    });
}
