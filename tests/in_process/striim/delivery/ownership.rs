//! Owners of secrets: what belongs to another token, account or program is never overwritten.

use serde_json::json;
use token_providers::framework::testing::{Configuration, ResourceBlock, RunOptions, RunOutcome, Workspace};
use token_providers::sandbox::{Effect, Fault};

use super::*;

/// Configures the provider with a user's PAT on a platform that does not report the user of a PAT. Returns the PAT.
fn work_as_user(setup: &mut Setup) -> String {
    setup
        .sandbox
        .set_options(|options| options.user_token_names_user = false);
    let own = setup.sandbox.add_user_token(USER, None).unwrap();
    setup.set_platform_token(&own);
    own.expose_secret().to_owned()
}

/// Resources by their types and labels.
fn declare(resources: &[(&str, &str, Json)]) -> Configuration {
    let blocks = resources.iter().map(|(type_name, label, config)| {
        let address = format!("{type_name}.{label}");
        (address, ResourceBlock::new(config.clone()))
    });
    blocks.collect()
}

/// One resource after another, by their addresses.
fn in_order() -> RunOptions {
    RunOptions {
        parallelism: 1,
        ..RunOptions::default()
    }
}

async fn plan_errors(setup: &Setup, workspace: &Workspace, declared: &Configuration) -> String {
    workspace.plan(setup.provider(), declared, &in_order()).await;
    errors(workspace)
}

/// The errors since the last run, which broke no rule of Terraform.
fn errors(workspace: &Workspace) -> String {
    assert_eq!(workspace.violations(), Vec::<String>::new());
    let diagnostics = workspace.take_diagnostics();
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.is_error());
    errors.map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn foreign_secret_is_reported_by_plan_and_kept() {
    let mut setup = Setup::new();
    setup.put_foreign_secret();
    setup
        .plan(&delivered(1))
        .await
        .fails("belongs to another token or program");

    // Once deleted, it is not in the way.
    setup.vault.delete("secret", "striim/ci");
    setup.apply(&delivered(1)).await.succeeds();
    setup.assert_settled(&delivered(1)).await;
}

#[tokio::test(start_paused = true)]
async fn foreign_secret_is_not_quoted() {
    for type_name in TYPES {
        for rotation in [false, true] {
            let mut setup = Setup::of(type_name);
            if rotation {
                setup.apply(&of_type(type_name, 1, Json::Null)).await.succeeds();
            }
            let labels = [
                "account",
                "name",
                "token_id",
                "expires_at",
                "access_key",
                "token",
                "user",
                "generation",
            ];
            let foreign = labels
                .iter()
                .map(|label| ((*label).to_owned(), json!(format!("quoted-{label}"))));
            setup.vault.put("secret", "striim/ci", foreign.collect());
            setup
                .apply(&of_type(type_name, 1, destination("striim/ci")))
                .await
                .fails("belongs to another token or program");
            assert!(!setup.shown.contains("quoted-"), "{}", setup.shown);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_write_is_kept_and_reported() {
    let mut setup = Setup::new();
    setup.apply(&delivered(1)).await.succeeds();
    setup
        .sandbox
        .fault(Fault::new(Effect::Delay(jiff::SignedDuration::from_secs(3))).on("POST", ROTATE));
    let (vault, theirs) = (setup.vault.clone(), json!({"password": "theirs"}));
    let meanwhile = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        vault.put("secret", "striim/ci", theirs.as_object().unwrap().clone());
    };
    let config = delivered(2);
    let (run, ()) = tokio::join!(setup.apply(&config), meanwhile);
    run.fails("Another client wrote the secret \"secret/striim/ci\" at the same time");
    assert_eq!(setup.secret_field("striim/ci", "password").as_deref(), Some("theirs"));
    setup.apply(&config).await.fails("belongs to another token or program");
    setup.vault.delete("secret", "striim/ci");
    setup.apply(&config).await.rotates_because("did not reach");
    setup.assert_settled(&config).await;
}

#[tokio::test(start_paused = true)]
async fn secret_of_earlier_provider_version_is_recognised() {
    const GATEWAY: Variable = ("STRIIM_BASE_URL", "https://gateway.example.com");
    for (environment, label) in [
        (vec![ACME], "acme"),
        (vec![ACME], "Acme"),
        (vec![GATEWAY], "gateway.example.com"),
        (vec![GATEWAY], "acme"),
        (vec![GATEWAY, ACME], "gateway.example.com"),
    ] {
        for type_name in TYPES {
            let config = |release| of_type(type_name, release, destination("striim/ci"));
            let mut setup = Setup::of(type_name);
            setup.set_account(&environment);
            setup.apply(&config(1)).await.succeeds();
            let mut secret = setup.vault.secret("secret", "striim/ci").unwrap();
            secret.insert("account".to_owned(), json!(label));
            setup.vault.put("secret", "striim/ci", secret);
            setup.resource.edit_state(|state| state["vault_version"] = json!(2));
            setup.assert_settled(&config(1)).await;
            setup
                .apply(&config(2))
                .await
                .rotates_because("rotation_triggers.release changed");
            setup.assert_settled(&config(2)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn secret_of_another_account_with_same_name_is_rejected() {
    const GCP: [Variable; 2] = [ACME, ("STRIIM_CLOUD", "gcp")];
    const AZURE: [Variable; 2] = [ACME, ("STRIIM_CLOUD", "azure")];
    const FIRST: [Variable; 2] = [ACME, ("STRIIM_BASE_URL", "https://gateway.example.com/a/api/v1")];
    const SECOND: [Variable; 2] = [ACME, ("STRIIM_BASE_URL", "https://gateway.example.com/b/api/v1")];
    for (one, other) in [(GCP, AZURE), (AZURE, GCP), (FIRST, SECOND), (SECOND, FIRST)] {
        for type_name in TYPES {
            let there = of_type(type_name, 1, destination("striim/ci"));
            let mut first = Setup::of(type_name);
            first.set_account(&one);
            first.apply(&there).await.succeeds();

            let mut second = first.with_same_vault(type_name, &other);
            let issued = second.sandbox.issued_values().len();
            second.apply(&there).await.fails("belongs to another token or program");
            assert_eq!(second.sandbox.issued_values().len(), issued, "nothing is created");

            // Nor is what exists rotated, whose generation is the same.
            second.apply(&of_type(type_name, 1, Json::Null)).await.succeeds();
            let issued = second.sandbox.issued_values().len();
            second.apply(&there).await.fails("belongs to another token or program");
            assert_eq!(second.sandbox.issued_values().len(), issued, "nothing is revoked");
            first.assert_settled(&there).await;
            assert_eq!(first.vault.version("secret", "striim/ci"), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn personal_access_token_without_address_is_not_identified_by_name() {
    // Two users of one account, whose PATs have the same name as long as nothing reports their addresses.
    let mut config = delivered(1);
    config.as_object_mut().unwrap().remove("name");
    let mut first = Setup::of(PERSONAL_TOKEN);
    work_as_user(&mut first);
    first.apply(&config).await.succeeds();
    assert_eq!(first.attribute("id"), "own");
    let mut second = first.with_same_vault(PERSONAL_TOKEN, &[ACME]);
    let own = work_as_user(&mut second);
    second.apply(&config).await.fails("belongs to another token or program");
    assert!(second.sandbox.is_live(&own), "it is not rotated");
    assert!(first.sandbox.is_live(&first.delivered_value().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn replacement_with_unusable_destination_is_rejected_by_plan() {
    let mut setup = Setup::new();
    setup.vault.mount_version_1("plain");
    setup.apply(&stored_in_state(1)).await.succeeds();
    setup.put_foreign_secret();
    for (vault, phrase) in [
        (in_mount("plain"), "a KV version 1"),
        (destination("striim/ci"), "belongs to another token or program"),
    ] {
        setup.plan(&named("renamed", vault)).await.fails(phrase);
    }
}

#[tokio::test(start_paused = true)]
async fn two_tokens_with_one_path_are_rejected_by_plan() {
    let first = || named("first", destination("striim/ci"));
    for (type_name, second, name) in [
        (ACCOUNT_TOKEN, named("second", destination("striim/ci")), "second"),
        (ACCOUNT_TOKEN, named("second", destination("/striim/ci/")), "second"),
        (
            ACCOUNT_TOKEN,
            named("second", destination_field("striim/ci", "other")),
            "second",
        ),
        (
            PERSONAL_TOKEN,
            pat(with_vault(1, destination_field("striim/ci", "pat"))),
            USER,
        ),
    ] {
        for exists in [false, true] {
            let (setup, workspace) = (Setup::new(), Workspace::new());
            if exists {
                let mut stored = second.clone();
                stored["vault"] = Json::Null;
                let stored = declare(&[(type_name, "second", stored)]);
                let applied = workspace.apply(setup.provider(), &stored).await;
                assert_eq!(applied, RunOutcome::Applied);
            }
            let both = declare(&[(ACCOUNT_TOKEN, "first", first()), (type_name, "second", second.clone())]);
            let errors = plan_errors(&setup, &workspace, &both).await;
            assert!(errors.contains("Two tokens use the secret"), "{errors}");
            assert!(errors.contains("\"first\"") && errors.contains(name), "{errors}");
        }
    }
    let elsewhere = named("second", destination("striim/ci/deeper"));
    let both = declare(&[(ACCOUNT_TOKEN, "first", first()), (ACCOUNT_TOKEN, "second", elsewhere)]);
    assert_eq!(plan_errors(&Setup::new(), &Workspace::new(), &both).await, "");
}

#[tokio::test(start_paused = true)]
async fn two_tokens_with_one_path_known_after_apply_are_rejected_before_value_is_created() {
    let (setup, workspace) = (Setup::new(), Workspace::new());
    let other = format!("{ACCOUNT_TOKEN}.other");
    let block = |name| {
        let config = named(name, json!({ "mount": "secret" }));
        ResourceBlock::new(config).referring("vault.path", &other, "expires_at")
    };
    let declared = Configuration::new()
        .with(&other, ResourceBlock::new(named("other", Json::Null)))
        .with(&format!("{ACCOUNT_TOKEN}.one"), block("first"))
        .with(&format!("{ACCOUNT_TOKEN}.two"), block("second"));
    let before = setup.sandbox.issued_values().len();
    let plan = workspace.plan(setup.provider(), &declared, &in_order()).await;
    let plan = plan.unwrap_or_else(|| panic!("{}", errors(&workspace)));
    let applied = workspace.apply_saved(setup.provider(), &plan).await;
    assert_eq!(applied, RunOutcome::Failed);
    assert_eq!(
        setup.sandbox.issued_values().len() - before,
        2,
        "the other one, and one of the two"
    );
    assert_eq!(workspace.state().len(), 2);
    let errors = errors(&workspace);
    assert!(errors.contains("Two tokens use the secret"), "{errors}");
}

#[tokio::test(start_paused = true)]
async fn path_can_pass_from_one_token_to_another() {
    for (old, new, error) in [
        ("a", "b", ""),
        // The plan of the new token comes first, before it is known that the old one leaves the path.
        ("b", "a", "belongs to another token or program"),
    ] {
        let (setup, workspace) = (Setup::new(), Workspace::new());
        let before = declare(&[(ACCOUNT_TOKEN, old, named("first", destination("striim/ci")))]);
        let applied = workspace.apply(setup.provider(), &before).await;
        assert_eq!(applied, RunOutcome::Applied);
        let after = declare(&[
            (ACCOUNT_TOKEN, old, named("first", destination("striim/elsewhere"))),
            (ACCOUNT_TOKEN, new, named("second", destination("striim/ci"))),
        ]);
        let errors = plan_errors(&setup, &workspace, &after).await;
        assert!(
            errors.contains(error) && errors.is_empty() == error.is_empty(),
            "{errors}"
        );
        assert!(
            !errors.contains("Two tokens"),
            "the old one's new path is free: {errors}"
        );
    }
}
