//! The hand-over to Vault: the value is where it belongs, and nowhere else.

use std::fs;
use std::path::Path;

use http::Method;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use token_providers::sandbox::{Effect, Fault, Listening, Vault};
use token_providers::token::Clock;

use super::world::{APPLY, CI, World, ci, in_days, token, until, warnings};

const DATA: &str = "/secret/data/striim/ci";

/// Where the value goes in most tests.
const PLACE: &str = "vault = { mount = \"secret\", path = \"striim/ci\" }";

/// Starts a Vault, which the provider is told of by Vault's own variables.
pub(crate) async fn start(world: &mut World) -> (Vault, Listening) {
    let vault = Vault::new(Clock::system());
    let listening = vault.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    world.set_env("VAULT_ADDR", &listening.base_url);
    world.set_env("VAULT_TOKEN", vault.root_token().expose_secret());
    (vault, listening)
}

/// What a reader of the secret gets.
pub(crate) fn held(vault: &Vault) -> Option<Value> {
    Some(vault.secret("secret", "striim/ci")?["token"].clone())
}

/// What the state says was handed over is what Vault holds, and it works.
async fn settled(world: &World, vault: &Vault) {
    world.plans_nothing().await;
    let held = held(vault).unwrap();
    assert!(world.lets_in(&held));
    let attributes = world.attributes(CI).await;
    assert!(attributes["token"].is_null());
    assert_eq!(attributes["vault_version"], vault.version("secret", "striim/ci"));
}

/// No file that the run left, plans and backups of the state among them, holds a value.
async fn files_hold_no_value(world: &World) {
    let planned = world.workspace.planned().await.unwrap().to_string();
    let mut texts = vec![("the plan".to_owned(), planned)];
    texts.extend(files(world.workspace.dir()));
    for value in world.sandbox.issued_values() {
        for (name, text) in &texts {
            assert!(!text.contains(value.expose_secret()), "{name} holds a value");
        }
    }
}

fn files(dir: &Path) -> Vec<(String, String)> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        if path.is_dir() {
            return files(&path);
        }
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        vec![(path.display().to_string(), text)]
    };
    entries.flat_map(read).collect()
}

fn handed_over(days: i64) -> String {
    ci(&format!("expires_in = \"{days}d\"\n  {PLACE}"))
}

#[test]
fn through_its_life_a_value_is_in_vault_alone() {
    World::on_each_version(async |world| {
        let (vault, _listening) = start(world).await;
        world.configure(&handed_over(90));
        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "create");
        assert!(
            plan.after(CI)["token"].is_null() && plan.unknown(CI)["token"].is_null(),
            "it is known to be none"
        );
        world.apply().await;
        settled(world, &vault).await;
        files_hold_no_value(world).await;
        let first = held(&vault).unwrap();

        world.configure(&handed_over(30));
        world.plan().await.rotates_because("expires_in changed");
        world.apply().await;
        settled(world, &vault).await;
        files_hold_no_value(world).await;
        assert!(!world.lets_in(&first));
        assert!(world.workspace.dir().join("terraform.tfstate.backup").exists());

        let run = world.destroy().await;
        assert_eq!(warnings(&run), 0, "{run}");
        assert!(held(&vault).is_none() && world.names().is_empty());
        files_hold_no_value(world).await;
    });
}

#[test]
fn adding_it_and_removing_it_rotate_and_say_why() {
    World::on_each_version(async |world| {
        let (vault, _listening) = start(world).await;
        world.configure(&ci(""));
        world.apply().await;
        let kept = world.attributes(CI).await["token"].take();

        world.configure(&ci(PLACE));
        let plan = world.plan().await;
        plan.rotates_because("its value moves from the state to Vault (\"secret/striim/ci\", field \"token\")");
        world.apply().await;
        settled(world, &vault).await;
        assert!(!world.lets_in(&kept));

        world.configure(&ci(""));
        world
            .plan()
            .await
            .rotates_because("its value moves from Vault (\"secret/striim/ci\", field \"token\") to the state");
        world.apply().await;
        assert!(world.lets_in(&world.attributes(CI).await["token"]));
        assert!(held(&vault).is_none());
        world.plans_nothing().await;
    });
}

#[test]
fn the_provider_block_tells_of_vault_even_if_it_is_known_only_at_apply() {
    World::on_each_version(async |world| {
        let (vault, listening) = start(world).await;
        world.unset_env("VAULT_ADDR");
        world.unset_env("VAULT_TOKEN");
        world.set_env("TF_VAR_vault_token", vault.root_token().expose_secret());
        let address = &listening.base_url;
        for address in [format!("\"{address}\""), "terraform_data.vault.output".to_owned()] {
            world.configure(&format!(
                "variable \"vault_token\" {{\n  sensitive = true\n}}\n\
                 resource \"terraform_data\" \"vault\" {{\n  input = \"{}\"\n}}\n\
                 provider \"striim\" {{\n  vault = {{\n    address = {address}\n    token = var.vault_token\n  }}\n}}\n{}",
                listening.base_url,
                handed_over(90)
            ));
            world.apply().await;
            settled(world, &vault).await;
            world.destroy().await;
        }
    });
}

#[test]
fn a_place_that_is_known_only_at_apply_fails_no_plan() {
    World::on_each_version(async |world| {
        let (vault, _listening) = start(world).await;
        for path in ["first", "second"] {
            let place = "vault = { mount = \"secret\", path = terraform_data.path.output }";
            let made = format!(
                "resource \"terraform_data\" \"path\" {{\n  triggers_replace = \"{path}\"\n  input = \"{path}\"\n}}\n"
            );
            world.configure(&(made + &ci(place)));
            world.apply().await;
            world.plans_nothing().await;
            let secret = vault.secret("secret", path).unwrap();
            assert!(world.lets_in(&secret["token"]));
            assert!(world.attributes(CI).await["token"].is_null());
            files_hold_no_value(world).await;
        }
        assert!(vault.secret("secret", "first").is_none(), "it has moved");
    });
}

#[test]
fn what_is_missing_is_named_before_anything_is_made() {
    World::on_each_version(async |world| {
        world.set_env("HOME", "/nowhere");
        world.configure(&format!(
            "provider \"striim\" {{\n  retry_timeout = \"1s\"\n}}\n{}",
            handed_over(90)
        ));
        for variable in ["VAULT_ADDR", "VAULT_TOKEN"] {
            let run = world.plan_fails().await;
            assert!(run.says(variable), "{run}");
            world.set_env(variable, "https://127.0.0.1:1");
        }
        let run = world.apply_fails().await;
        assert!(run.says("no connection to 127.0.0.1"), "{run}");
        assert!(world.names().is_empty());
    });
}

#[test]
fn somebody_elses_secret_is_told_by_the_plan() {
    World::on_each_version(async |world| {
        let (vault, _listening) = start(world).await;
        let theirs = serde_json::json!({"password": "theirs"});
        vault.put("secret", "striim/ci", theirs.as_object().unwrap().clone());
        world.configure(&handed_over(90));
        let run = world.plan_fails().await;
        assert!(
            run.says("The secret \"secret/striim/ci\" in Vault belongs to another token or program"),
            "{run}"
        );
        assert_eq!(vault.version("secret", "striim/ci"), 1);
    });
}

#[test]
fn a_value_that_did_not_arrive_is_replaced_by_the_next_apply() {
    World::on_each_version(async |world| {
        let (vault, _listening) = start(world).await;
        world.configure(&handed_over(90));
        world.apply().await;
        vault.fault(Fault::answer(403).on("POST", DATA).times(u32::MAX));
        world.configure(&handed_over(30));
        let run = world.apply_fails().await;
        assert!(run.says("could not be delivered to Vault"), "{run}");

        vault.clear_faults();
        world.plan().await.rotates_because("its value did not reach Vault");
        world.apply().await;
        settled(world, &vault).await;
        files_hold_no_value(world).await;
    });
}

#[test]
fn killed_while_it_hands_over_the_next_apply_makes_it_good() {
    for acted in [false, true] {
        World::on_each_version(async |world| {
            let (vault, _listening) = start(world).await;
            world.configure(&handed_over(90));
            world.apply().await;
            let hang = Fault::new(Effect::Hang).on("POST", DATA);
            vault.fault(if acted { hang.after() } else { hang });
            let (calls, version) = (vault.calls("POST", DATA), vault.version("secret", "striim/ci"));
            world.configure(&handed_over(30));
            let running = world.workspace.start(&APPLY).unwrap();
            until("the delivery", || {
                vault.calls("POST", DATA) > calls && (!acted || vault.version("secret", "striim/ci") > version)
            })
            .await;
            running.kill().await.unwrap();
            running.end().await.unwrap();
            // The lock of the state died with its holder, but its file did not.
            world.apply().await;
            settled(world, &vault).await;
            assert_eq!(world.names(), ["ci-pipeline"]);
            files_hold_no_value(world).await;
        });
    }
}

#[test]
fn an_import_is_not_rotated_by_a_place_in_vault() {
    World::on_each_version(async |world| {
        let (vault, _listening) = start(world).await;
        let made = serde_json::json!({"name": "ci-pipeline"});
        let issued = world.outside(Method::POST, "/service-account", made).await;
        world.configure(&ci(PLACE));
        world.import(CI, "ci-pipeline").await;
        world.apply().await;
        world.plans_nothing().await;
        assert!(world.lets_in(&issued["token"]));
        assert_eq!(vault.version("secret", "striim/ci"), 0);

        world.configure(&ci(&format!("rotation_triggers = {{ release = 1 }}\n  {PLACE}")));
        world.apply().await;
        world.configure(&ci(&format!("rotation_triggers = {{ release = 2 }}\n  {PLACE}")));
        world.apply().await;
        settled(world, &vault).await;
    });
}

#[test]
fn the_providers_own_token_is_known_by_what_vault_holds() {
    World::on_each_version(async |world| {
        let (vault, _listening) = start(world).await;
        let own = |days: i64| token("bootstrap", &format!("expires_at = \"{}\"\n  {PLACE}", in_days(days)));
        world.configure(&own(30));
        world.apply().await;
        let take = |world: &mut World| world.set_env("STRIIM_TOKEN", held(&vault).unwrap().as_str().unwrap());
        take(world);
        world.configure(&own(60));
        let plan = world.plan().await;
        assert!(plan.run.says("is the provider's own credential"), "{}", plan.run);
        world.apply().await;
        take(world);
        let run = world.destroy_fails().await;
        assert!(run.says("another administrator's token"), "{run}");
        let admin = world.bearer();
        world.set_env("STRIIM_TOKEN", &admin);
        world.destroy().await;
        assert!(world.names().is_empty() && held(&vault).is_none());
    });
}
