//! Faults of Vault and of the platform, runs that are killed, and changes outside Terraform.

use Capability::{Create, Read};
use serde_json::json;
use token_providers::framework::Severity;
use token_providers::sandbox::striim::ListUpdated;
use token_providers::sandbox::{Capability, Effect, Fault};

use super::*;

type Break = fn(&mut Setup);

fn seal(setup: &mut Setup) {
    setup.vault.seal();
}

fn reject_token(setup: &mut Setup) {
    setup.set_vault_token(&SecretString::from("hvs.unknown"));
}

fn forbid_update(setup: &mut Setup) {
    let token = setup.vault.token(&[("secret/data/striim/*", &[Create, Read])]);
    setup.set_vault_token(&token);
}

#[tokio::test(start_paused = true)]
async fn unwritable_destination_is_rejected_before_value_is_created() {
    for (break_it, phrase) in [
        (seal as Break, "Vault is sealed"),
        (reject_token, "permission denied"),
        (forbid_update, "lacks update on \"secret/data/striim/ci\""),
        (|setup| setup.vault.unmount("secret"), "No KV version 2 is mounted"),
        (
            |setup| setup.put_foreign_secret(),
            "belongs to another token or program",
        ),
    ] {
        for rotation in [false, true] {
            let mut setup = Setup::new();
            if rotation {
                setup.apply(&delivered(1)).await.succeeds();
            }
            let issued = setup.sandbox.issued_values().len();
            break_it(&mut setup);
            setup.apply(&delivered(2)).await.fails(phrase);
            assert_eq!(setup.sandbox.issued_values().len(), issued, "{phrase}");
            assert_eq!(setup.resource.object().is_some(), rotation, "{phrase}");
            setup.assert_no_leaks();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn write_is_retried_after_vault_fails() {
    for fault in [
        Fault::new(Effect::Cut),
        Fault::new(Effect::Cut).after(),
        Fault::new(Effect::Hang).after(),
        Fault::answer(503),
        Fault::answer(502).after(),
        Fault::answer(412),
        Fault::new(Effect::Truncate),
    ] {
        for times in [1, 3] {
            let mut setup = Setup::new();
            for release in 1..=2 {
                setup.vault.fault(fault.clone().on("POST", DATA).times(times));
                setup.apply(&delivered(release)).await.succeeds();
                setup.assert_settled(&delivered(release)).await;
                assert_eq!(setup.attribute("vault_version"), release, "{fault:?}");
            }
            assert_eq!(setup.sandbox.calls("POST", ROTATE), 1, "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failed_delivery_fails_apply_and_next_run_rotates() {
    for fault in [
        Fault::answer(503),
        Fault::answer(403),
        Fault::new(Effect::Cut),
        Fault::answer(400).body(r#"{"errors":["check-and-set parameter did not match the current version"]}"#),
    ] {
        let mut setup = Setup::new();
        setup.apply(&delivered(1)).await.succeeds();
        let created = setup.generation();
        setup.vault.fault(fault.clone().on("POST", DATA).times(u32::MAX));
        setup
            .apply(&delivered(2))
            .await
            .fails("could not be delivered to Vault");
        assert_eq!(setup.attribute("vault_version"), 0, "{fault:?}");
        assert_eq!(setup.generation(), created + 1, "{fault:?}");
        assert!(setup.attribute("token").is_null());

        setup.vault.clear_faults();
        let run = setup.apply(&delivered(2)).await;
        run.rotates_because("its value did not reach Vault (\"secret/striim/ci\", field \"token\") and is lost");
        setup.assert_settled(&delivered(2)).await;
        assert_eq!(setup.generation(), created + 2, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn failed_first_delivery_taints_account_and_next_run_replaces_it() {
    let mut setup = Setup::new();
    setup.vault.fault(Fault::answer(503).on("POST", DATA).times(u32::MAX));
    setup
        .apply(&delivered(1))
        .await
        .fails("could not be delivered to Vault");
    assert!(setup.resource.object().unwrap().is_tainted);
    setup.vault.clear_faults();
    setup.apply(&delivered(1)).await.succeeds();
    setup.assert_settled(&delivered(1)).await;
    assert_eq!(
        setup.sandbox.service_accounts().len(),
        2,
        "the provider's own, and this one"
    );
}

/// The API cannot create a personal access token, only rotate it.
#[tokio::test(start_paused = true)]
async fn replacement_of_personal_access_token_rotates_it_and_destroy_deletes_it() {
    let config = pat(delivered(1));
    let failed = async || {
        let mut setup = Setup::of(PERSONAL_TOKEN);
        setup
            .sandbox
            .set_options(|options| options.rotation_creates_pat = false);
        setup.vault.fault(Fault::answer(503).on("POST", DATA).times(u32::MAX));
        setup.apply(&config).await.fails("could not be delivered to Vault");
        assert!(setup.resource.object().unwrap().is_tainted);
        setup.vault.clear_faults();
        setup
    };
    let mut setup = failed().await;
    setup.apply(&config).await.succeeds();
    setup.assert_settled(&config).await;
    let provider = setup.provider();
    setup.resource.replace(provider, &config).await.succeeds();
    setup.assert_settled(&config).await;
    assert_eq!(setup.sandbox.calls("DELETE", "/user-token"), 0);
    setup.destroy().await.succeeds();
    assert_eq!(setup.sandbox.calls("DELETE", "/user-token"), 1);

    let mut setup = failed().await;
    setup.destroy().await.succeeds();
    assert_eq!(setup.sandbox.calls("DELETE", "/user-token"), 1);
}

#[tokio::test(start_paused = true)]
async fn apply_killed_before_delivery_is_followed_by_rotation() {
    let mut setup = Setup::new();
    setup.apply(&delivered(1)).await.succeeds();
    setup.vault.fault(Fault::new(Effect::Hang).on("POST", DATA));
    setup.kill_apply(&delivered(2)).await;
    assert!(
        !setup.sandbox.is_live(&setup.delivered_value().unwrap()),
        "what Vault holds was revoked"
    );
    assert_eq!(setup.vault.version("secret", "striim/ci"), 1);

    let run = setup.apply(&delivered(2)).await.succeeds();
    run.warns("is no longer in Vault")
        .warns("no longer has its current value");
    setup.assert_settled(&delivered(2)).await;
    assert_eq!(setup.attribute("vault_version"), 2);
}

#[tokio::test(start_paused = true)]
async fn apply_killed_after_delivery_is_recognised_by_next_run() {
    let mut setup = Setup::new();
    setup.apply(&delivered(1)).await.succeeds();
    let created = setup.generation();
    setup.vault.fault(Fault::new(Effect::Hang).after().on("POST", DATA));
    setup.kill_apply(&delivered(2)).await;
    let value = setup.delivered_value().unwrap();
    assert!(setup.sandbox.is_live(&value));

    // Refreshed by the configuration that was there before, so that nothing else asks for a rotation.
    let run = setup.apply(&delivered(1)).await.succeeds();
    assert!(!run.reports(Severity::Warning, "rotated"), "{:?}", run.diagnostics);
    setup.assert_settled(&delivered(1)).await;
    assert_eq!(setup.delivered_value().unwrap(), value);
    assert_eq!(setup.generation(), created + 1);
}

#[tokio::test(start_paused = true)]
async fn change_outside_terraform_is_reported_and_repaired() {
    type Happening = fn(&Setup);
    let cases: [(Happening, &str, &str); 3] = [
        (
            |setup| setup.vault.delete("secret", "striim/ci"),
            "the secret was deleted",
            "no longer has its current value",
        ),
        (
            |setup| setup.vault.delete_metadata("secret", "striim/ci"),
            "the secret was deleted",
            "no longer has its current value",
        ),
        (
            |setup| drop(setup.sandbox.rotate_outside("ci-pipeline").unwrap()),
            "was rotated outside Terraform",
            "no longer has its current value",
        ),
    ];
    for (happens, warning, reason) in cases {
        let mut setup = Setup::new();
        setup.apply(&delivered(1)).await.succeeds();
        happens(&setup);
        setup.apply(&delivered(1)).await.warns(warning).rotates_because(reason);
        setup.assert_settled(&delivered(1)).await;
    }

    let mut setup = Setup::new();
    setup.apply(&delivered(1)).await.succeeds();
    setup.put_foreign_secret();
    let run = setup
        .apply(&delivered(1))
        .await
        .fails("belongs to another token or program");
    run.warns("another client wrote version 2");
    setup.vault.delete("secret", "striim/ci");
    setup
        .apply(&delivered(1))
        .await
        .rotates_because("no longer has its current value");
    setup.assert_settled(&delivered(1)).await;
}

#[tokio::test(start_paused = true)]
async fn rotation_outside_terraform_is_detected_without_token_ids_in_list() {
    let mut setup = Setup::new();
    setup.sandbox.set_options(|options| {
        options.list_token_id = false;
        options.list_updated = ListUpdated::Always;
    });
    setup.apply(&delivered(1)).await.succeeds();
    // The answer to a creation does not report when that was; the list does.
    setup.assert_settled(&delivered(1)).await;
    tokio::time::advance(Duration::from_secs(3600)).await;
    setup.sandbox.rotate_outside("ci-pipeline").unwrap();
    let run = setup.apply(&delivered(1)).await;
    run.rotates_because("no longer has its current value");
    setup.assert_settled(&delivered(1)).await;
}

#[tokio::test(start_paused = true)]
async fn refresh_without_vault_warns_and_keeps_state() {
    for (break_it, phrase) in [(seal as Break, "Vault is sealed"), (reject_token, "permission denied")] {
        let mut setup = Setup::new();
        setup.apply(&delivered(1)).await.succeeds();
        let (state, environment) = (setup.resource.object(), setup.environment.clone());
        break_it(&mut setup);
        let start = Instant::now();
        let run = setup.apply(&delivered(1)).await.changes_nothing();
        run.warns("could not be refreshed from Vault").warns(phrase);
        assert!(start.elapsed() < Duration::from_secs(20), "it does not wait long");
        assert!(setup.resource.object() == state);
        setup.vault.unseal();
        setup.environment = environment;
        setup.assert_settled(&delivered(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn value_quoted_by_answer_is_redacted() {
    let mut setup = Setup::new();
    setup.apply(&delivered(1)).await.succeeds();
    // The value that comes next is chosen, so that an answer can quote it.
    let quoted = "quoted-value-0123456789";
    let issued = json!({"token-id": 4711, "name": "ci-pipeline", "token": quoted,
                        "expires-at": "2027-02-01T00:00:00Z"});
    setup
        .sandbox
        .fault(Fault::answer(200).on("POST", ROTATE).body(&issued.to_string()));
    let errors = json!({"errors": [format!("cannot store {quoted}")]});
    setup
        .vault
        .fault(Fault::answer(400).on("POST", DATA).body(&errors.to_string()));
    let run = setup.apply(&delivered(2)).await.fails("[redacted");
    assert!(!format!("{:?}", run.diagnostics).contains(quoted));
}

#[tokio::test(start_paused = true)]
async fn mount_without_versions_is_rejected_before_value_is_created() {
    for (mount, phrase) in [
        ("plain", "a KV version 1"),
        ("cubbyhole", "of the type \"cubbyhole\""),
        ("transit", "of the type \"transit\""),
        ("secret/inner", "a path inside another mount"),
    ] {
        for type_name in TYPES {
            for in_the_apply in [false, true] {
                let mut setup = Setup::of(type_name);
                setup.vault.mount_version_1("plain");
                setup.vault.mount_other("transit", "transit");
                setup
                    .apply(&of_type(type_name, 1, destination("striim/ci")))
                    .await
                    .succeeds();
                let issued = setup.sandbox.issued_values().len();
                if in_the_apply {
                    // The plan does not wait for it, and only warns.
                    let path = format!("/sys/internal/ui/mounts/{mount}");
                    setup.vault.fault(Fault::new(Effect::Hang).on("GET", &path));
                }
                let run = setup.apply(&of_type(type_name, 1, in_mount(mount))).await.fails(phrase);
                assert_eq!(run.is_change(), in_the_apply, "{mount}: {:?}", run.diagnostics);
                assert_eq!(
                    setup.sandbox.issued_values().len(),
                    issued,
                    "{mount}: a value was created"
                );
                assert_eq!(setup.vault.unversioned(mount, "data/striim/ci"), None, "{mount}");
                setup
                    .assert_settled(&of_type(type_name, 1, destination("striim/ci")))
                    .await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn value_in_mount_without_versions_is_deleted() {
    for type_name in TYPES {
        for moved in [false, true] {
            // As an earlier version of the provider left it.
            let mut setup = Setup::of(type_name);
            setup.vault.mount_version_1("plain");
            setup
                .apply(&of_type(type_name, 1, destination("striim/ci")))
                .await
                .succeeds();
            let mut secret = setup.vault.secret("secret", "striim/ci").unwrap();
            secret.insert("account".to_owned(), json!("acme"));
            let written = json!({"options": {"cas": 0}, "data": secret});
            let written = written.as_object().unwrap().clone();
            setup.vault.put("plain", "data/striim/ci", written);
            setup.resource.edit_state(|state| {
                state["vault"] = in_mount("plain");
                state["vault_version"] = json!(0);
            });
            let run = match moved {
                true => setup.apply(&of_type(type_name, 1, destination("striim/other"))).await,
                false => setup.destroy().await,
            };
            run.succeeds();
            assert_eq!(setup.vault.unversioned("plain", "data/striim/ci"), None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn undescribed_mount_is_reported_before_write() {
    let mut setup = Setup::new();
    setup.vault.fault(
        Fault::answer(403)
            .on("GET", "/sys/internal/ui/mounts/secret")
            .times(u32::MAX),
    );
    // The write without content that distinguishes mounts is rejected by something in front.
    setup.vault.fault(Fault::answer(400).on("POST", DATA).times(2));
    let run = setup.apply(&delivered(1)).await.succeeds();
    run.warns("The mount of the secret \"secret/striim/ci\" may not be a KV version 2");
    setup.assert_settled(&delivered(1)).await;
}
