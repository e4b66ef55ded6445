//! Delivery to Vault: the value is in Vault and nowhere else.

use std::fs;
use std::path::Path;

use http::Method;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use token_providers::sandbox::{Effect, Fault, Listening, Vault};
use token_providers::token::Clock;

use super::world::{APPLY, CI, World, ci, in_days, token, until, warnings};

const DATA: &str = "/secret/data/striim/ci";

/// The destination in most tests.
const PLACE: &str = "vault = { mount = \"secret\", path = \"striim/ci\" }";

/// Starts a Vault and sets Vault's variables for the provider.
pub(crate) async fn start(world: &mut World) -> (Vault, Listening) {
    let vault = Vault::new(Clock::system());
    let listening = vault.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    world.set_env("VAULT_ADDR", &listening.base_url);
    world.set_env("VAULT_TOKEN", vault.root_token().expose_secret());
    (vault, listening)
}

/// The value in Vault.
pub(crate) fn held(vault: &Vault) -> Option<Value> {
    Some(vault.secret("secret", "striim/ci")?["token"].clone())
}

/// Asserts that Vault has the delivered version, and its value is valid.
async fn settled(world: &World, vault: &Vault) {
    world.plans_nothing().await;
    let held = held(vault).unwrap();
    assert!(world.accepts(&held));
    let attributes = world.attributes(CI).await;
    assert!(attributes["token"].is_null());
    assert_eq!(attributes["vault_version"], vault.version("secret", "striim/ci"));
}

/// Asserts that no file of the run has a value, including plans and backups of the state.
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

/// A token that expires after this number of days and is delivered.
pub(crate) fn delivered(days: i64) -> String {
    ci(&format!("expires_in = \"{days}d\"\n  {PLACE}"))
}

#[test]
fn delivered_value_is_in_vault_only() {
    World::on_each_version(async |world| {
        let (vault, _listening) = start(world).await;
        world.configure(&delivered(90));
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

        world.configure(&delivered(30));
        world.plan().await.rotates_because("expires_in changed");
        world.apply().await;
        settled(world, &vault).await;
        files_hold_no_value(world).await;
        assert!(!world.accepts(&first));
        assert!(world.workspace.dir().join("terraform.tfstate.backup").exists());

        let run = world.destroy().await;
        assert_eq!(warnings(&run), 0, "{run}");
        assert!(held(&vault).is_none() && world.names().is_empty());
        files_hold_no_value(world).await;
    });
}

#[test]
fn vault_address_known_after_apply_is_accepted() {
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
                delivered(90)
            ));
            world.apply().await;
            settled(world, &vault).await;
            world.destroy().await;
        }
    });
}

#[test]
fn destination_known_after_apply_is_accepted() {
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
            assert!(world.accepts(&secret["token"]));
            assert!(world.attributes(CI).await["token"].is_null());
            files_hold_no_value(world).await;
        }
        assert!(vault.secret("secret", "first").is_none(), "it has moved");
    });
}

#[test]
fn apply_after_a_killed_delivery_delivers() {
    for acted in [false, true] {
        World::on_each_version(async |world| {
            let (vault, _listening) = start(world).await;
            world.configure(&delivered(90));
            world.apply().await;
            let hang = Fault::new(Effect::Hang).on("POST", DATA);
            vault.fault(if acted { hang.after() } else { hang });
            let (calls, version) = (vault.calls("POST", DATA), vault.version("secret", "striim/ci"));
            world.configure(&delivered(30));
            let running = world.workspace.start(&APPLY).unwrap();
            until("the delivery", || {
                vault.calls("POST", DATA) > calls && (!acted || vault.version("secret", "striim/ci") > version)
            })
            .await;
            running.kill().await.unwrap();
            running.end().await.unwrap();
            // The process that held the state lock is dead, but the lock file exists.
            world.apply().await;
            settled(world, &vault).await;
            assert_eq!(world.names(), ["ci-pipeline"]);
            files_hold_no_value(world).await;
        });
    }
}

#[test]
fn import_with_a_destination_does_not_rotate() {
    World::on_each_version(async |world| {
        let (vault, _listening) = start(world).await;
        let made = serde_json::json!({"name": "ci-pipeline"});
        let issued = world.outside(Method::POST, "/service-account", made).await;
        world.configure(&ci(PLACE));
        world.import(CI, "ci-pipeline").await;
        world.apply().await;
        world.plans_nothing().await;
        assert!(world.accepts(&issued["token"]));
        assert_eq!(vault.version("secret", "striim/ci"), 0);

        world.configure(&ci(&format!("rotation_triggers = {{ release = 1 }}\n  {PLACE}")));
        world.apply().await;
        world.configure(&ci(&format!("rotation_triggers = {{ release = 2 }}\n  {PLACE}")));
        world.apply().await;
        settled(world, &vault).await;
    });
}

#[test]
fn own_token_is_recognised_by_the_value_in_vault() {
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
