//! The life of a delivered token: creation, rotation, a change of the destination, destruction.

use Capability::{Create, Read, Update};
use serde_json::json;
use token_providers::framework::Severity;
use token_providers::framework::testing::Action;
use token_providers::sandbox::striim::Role;
use token_providers::sandbox::{Capability, Effect, Fault};

use super::*;

#[tokio::test(start_paused = true)]
async fn value_is_written_to_vault_and_not_to_state() {
    let mut setup = Setup::new();
    let run = setup.apply(&delivered(1)).await.succeeds();
    assert!(run.reports_nothing().is_change());
    setup.assert_settled(&delivered(1)).await;
    let secret = setup.vault.secret("secret", "striim/ci").unwrap();
    assert_eq!(
        (&secret["account"], &secret["name"]),
        (&json!("acme.striim.cloud"), &json!("ci-pipeline"))
    );
    assert!(secret["expires_at"].is_string());
    assert_eq!(secret["expires_at"], setup.attribute("expires_at"));
}

#[tokio::test(start_paused = true)]
async fn rotation_writes_next_version() {
    let mut setup = Setup::new();
    setup.apply(&delivered(1)).await.succeeds();
    let (first, created) = (setup.delivered_value().unwrap(), setup.generation());
    setup
        .apply(&delivered(2))
        .await
        .rotates_because("rotation_triggers.release changed");
    setup.assert_settled(&delivered(2)).await;
    assert!(!setup.sandbox.is_live(&first));
    assert_eq!(setup.attribute("vault_version"), 2);
    assert_eq!(setup.generation(), created + 1);
}

#[tokio::test(start_paused = true)]
async fn destroy_revokes_token_and_deletes_secret() {
    let mut setup = Setup::new();
    setup.apply(&delivered(1)).await.succeeds();
    setup.destroy().await.succeeds();
    assert!(setup.resource.object().is_none());
    assert_eq!(setup.delivered_value(), None);
    assert_eq!(setup.sandbox.service_accounts().len(), 1, "the provider's own");

    // Created again, it follows the deleted version.
    setup.apply(&delivered(1)).await.succeeds();
    setup.assert_settled(&delivered(1)).await;
    assert_eq!(setup.attribute("vault_version"), 2);
}

#[tokio::test(start_paused = true)]
async fn destroy_keeps_secret_written_by_another_program() {
    let mut setup = Setup::new();
    setup.apply(&delivered(1)).await.succeeds();
    setup.put_foreign_secret();
    setup.destroy().await.succeeds();
    assert_eq!(setup.secret_field("striim/ci", "password").as_deref(), Some("theirs"));
}

#[tokio::test(start_paused = true)]
async fn destroy_without_vault_revokes_token_and_warns() {
    let mut setup = Setup::new();
    setup.apply(&delivered(1)).await.succeeds();
    setup.vault.seal();
    setup.destroy().await.succeeds().warns("remains in Vault");
    assert!(setup.resource.object().is_none());
    assert_eq!(setup.sandbox.service_accounts().len(), 1, "the provider's own");
}

#[tokio::test(start_paused = true)]
async fn changed_destination_rotates() {
    let mut setup = Setup::new();
    setup.apply(&stored_in_state(1)).await.succeeds();
    let stored = setup.stored_value();
    setup.recorded.clear();
    let run = setup.apply(&delivered(1)).await;
    run.rotates_because("its value moves from the state to Vault (\"secret/striim/ci\", field \"token\")");
    assert!(!setup.sandbox.is_live(&stored));
    setup.assert_settled(&delivered(1)).await;

    let moved = with_vault(1, destination_field("striim/other", "password"));
    setup
        .apply(&moved)
        .await
        .rotates_because("\"secret/striim/other\", field \"password\"");
    assert_eq!(setup.delivered_value(), None, "what was written before is removed");
    assert!(
        setup
            .sandbox
            .is_live(&setup.secret_field("striim/other", "password").unwrap())
    );
    setup
        .apply(&with_vault(1, destination_field("striim/other", "value")))
        .await
        .rotates_because("field \"value\"");
    assert!(
        setup
            .sandbox
            .is_live(&setup.secret_field("striim/other", "value").unwrap())
    );
    setup.assert_no_leaks();

    setup.apply(&stored_in_state(1)).await.rotates_because("to the state");
    assert_eq!(setup.secret_field("striim/other", "value"), None);
    assert!(setup.attribute("vault_version").is_null());
    let stored = setup.stored_value();
    assert!(setup.sandbox.is_live(&stored));
    setup.apply(&stored_in_state(1)).await.changes_nothing();
}

#[tokio::test(start_paused = true)]
async fn other_spelling_of_same_destination_does_not_rotate() {
    let mut setup = Setup::new();
    setup.apply(&delivered(1)).await.succeeds();
    let created = setup.generation();
    let spelled = with_vault(1, destination_field("/striim/ci", "token"));
    let run = setup.apply(&spelled).await.succeeds();
    assert!(!run.reports(Severity::Warning, "rotated"), "{:?}", run.diagnostics);
    setup.assert_settled(&spelled).await;
    assert_eq!(setup.generation(), created);
}

#[tokio::test(start_paused = true)]
async fn documented_policy_is_sufficient() {
    let mut setup = Setup::new();
    let policy: [(&str, &[Capability]); 2] = [
        ("secret/data/striim/*", &[Create, Update, Read]),
        ("secret/delete/striim/*", &[Update]),
    ];
    setup.set_vault_token(&setup.vault.token(&policy));
    for release in 1..=2 {
        setup.apply(&delivered(release)).await.succeeds();
        setup.assert_settled(&delivered(release)).await;
    }
    setup.destroy().await.succeeds();
    assert_eq!(setup.delivered_value(), None);
}

#[tokio::test(start_paused = true)]
async fn invalid_destination_is_rejected() {
    for (vault, phrase) in [
        (destination("../sys"), "must be a path such as striim/ci"),
        (destination(""), "must be a path such as striim/ci"),
        (destination("ci."), "must not end in a period"),
        (
            destination_field("ci", "generation"),
            "one of the secret's other fields",
        ),
        (destination_field("ci", ""), "must not be empty"),
    ] {
        let mut setup = Setup::new();
        setup.apply(&with_vault(1, vault)).await.fails(phrase);
    }
}

#[tokio::test(start_paused = true)]
async fn personal_access_token_is_delivered() {
    let mut setup = Setup::of(PERSONAL_TOKEN);
    let mut generations = Vec::new();
    for release in 1..=2 {
        setup.vault.fault(Fault::new(Effect::Cut).after().on("POST", DATA));
        setup.apply(&pat(delivered(release))).await.succeeds();
        setup.assert_settled(&pat(delivered(release))).await;
        generations.push(setup.generation());
    }
    assert_eq!(generations[1], generations[0] + 1);
    let secret = setup.vault.secret("secret", "striim/ci").unwrap();
    assert_eq!(
        (&secret["name"], &secret["generation"]),
        (&json!(USER), &json!(generations[1]))
    );

    setup.vault.fault(Fault::answer(403).on("POST", DATA));
    setup.apply(&pat(delivered(3))).await.fails("could not be delivered");
    setup
        .apply(&pat(delivered(3)))
        .await
        .rotates_because("did not reach Vault");
    setup.assert_settled(&pat(delivered(3))).await;
    setup.destroy().await.succeeds();
    assert_eq!(setup.delivered_value(), None);
}

#[tokio::test(start_paused = true)]
async fn renamed_account_does_not_rotate() {
    const GATEWAY: Variable = ("STRIIM_BASE_URL", "https://gateway.example.com/acme/api/v1");
    const OTHER_GATEWAY: Variable = ("STRIIM_BASE_URL", "https://api.example.net/striim/api/v1");
    const OWN_HOST: Variable = ("STRIIM_BASE_URL", "https://ACME.striim.cloud/api/v1");
    for (before, after, label) in [
        (vec![GATEWAY], vec![GATEWAY, ACME], "gateway.example.com/acme"),
        (vec![("STRIIM_ACCOUNT", "Acme")], vec![ACME], "acme.striim.cloud"),
        (vec![ACME], vec![OWN_HOST], "acme.striim.cloud"),
        (vec![GATEWAY], vec![OTHER_GATEWAY], "api.example.net/striim"),
        (vec![ACME], vec![OTHER_GATEWAY], "api.example.net/striim"),
    ] {
        for type_name in TYPES {
            let config = |release| of_type(type_name, release, destination("striim/ci"));
            let mut setup = Setup::of(type_name);
            setup.set_account(&before);
            setup.apply(&config(1)).await.succeeds();
            setup.set_account(&after);
            setup.apply(&config(1)).await.changes_nothing().reports_nothing();
            setup.assert_settled(&config(1)).await;

            setup
                .apply(&config(2))
                .await
                .rotates_because("rotation_triggers.release changed");
            setup.assert_settled(&config(2)).await;
            let secret = setup.vault.secret("secret", "striim/ci").unwrap();
            assert_eq!(secret["account"], json!(label), "a rotation writes the new name");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn replaced_token_can_keep_its_path() {
    for type_name in TYPES {
        let mut setup = Setup::of(type_name);
        let before = of_type(type_name, 1, destination("striim/ci"));
        setup.apply(&before).await.succeeds();
        let mut after = before.clone();
        match type_name {
            PERSONAL_TOKEN => {
                setup.sandbox.add_user("other@acme.example", Role::Regular);
                setup.sandbox.add_user_token("other@acme.example", None).unwrap();
                after["email"] = json!("other@acme.example");
            }
            _ => after["name"] = json!("renamed"),
        }
        setup.apply(&after).await.plans(Action::Replace);
        setup.assert_settled(&after).await;
    }
}
