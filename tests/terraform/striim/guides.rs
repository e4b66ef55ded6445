//! The examples in the guides.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::json;
use token_providers::sandbox::{Capability, JwtRole, TokenLifetime, Vault};

use super::examples::{ENDS, take};
use super::world::{World, in_days};
use crate::support::jwt::{Issuer, claims};
use crate::terraform::vault_provider::VaultProvider;

fn guide(name: &str) -> PathBuf {
    World::examples_folder().join("guides").join(name)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).collect()
}

#[test]
fn every_rotation_example_works() {
    for example in files(&guide("rotation")) {
        World::on_each_version(async |world| {
            take(world, &in_days(90), &[World::provider_example(), example.clone()]);
            world.apply().await;
            world.plans_nothing().await;
            world.destroy().await;
        });
    }
}

/// Copies the repository of the guide, whose tokens expire at `ends`.
pub(crate) fn check_out(world: &World, ends: &str) {
    let repository = guide("gitops");
    take(world, ends, &files(&repository));
    fs::create_dir_all(world.workspace.dir().join("tests")).unwrap();
    for file in files(&repository.join("tests")) {
        let text = fs::read_to_string(&file).unwrap();
        let name = format!("tests/{}", file.file_name().unwrap().to_str().unwrap());
        let text = text.replace("http://127.0.0.1:8080/api/v1", world.base_url());
        world.workspace.write(&name, &text).unwrap();
    }
}

#[test]
fn gitops_repository_passes_its_own_tests() {
    World::on_each_version(async |world| {
        check_out(world, &in_days(90));
        let run = world.workspace.run(&["test", "-no-color"]).await.unwrap();
        let run = run.success().unwrap();
        assert!(run.says("7 passed, 0 failed"), "{run}");
        assert!(world.names().is_empty(), "the tests cleaned up");
    });
}

#[test]
fn gitops_guide_takes_over_a_legacy_token() {
    World::on_each_version(async |world| {
        let value = world.sandbox.add_service_account("ci-pipeline", None);
        check_out(world, &in_days(90));
        let tokens = "tokens = {\n  ci-pipeline = {\n    description = \"Deploys the pipelines, as ever\"\n  }\n}\n";
        world.workspace.write("tokens.auto.tfvars", tokens).unwrap();
        world
            .import("striim_service_account_token.this[\"ci-pipeline\"]", "ci-pipeline")
            .await;
        let plan = world.plan().await;
        assert!(!plan.run.says("will be rotated"), "{}", plan.run);
        let tests = world
            .workspace
            .run(&["test", "-no-color", "-filter=tests/policy.tftest.hcl"]);
        tests.await.unwrap().success().unwrap();
        assert!(world.sandbox.is_live(secrecy::ExposeSecret::expose_secret(&value)));
    });
}

/// Runs the tests that need neither a platform nor a credential.
pub(crate) async fn mocked_tests_pass(world: &mut World) {
    check_out(world, &in_days(90));
    world.unset_env("STRIIM_TOKEN");
    world.unset_env("STRIIM_BASE_URL");
    let run = world
        .workspace
        .run(&["test", "-no-color", "-filter=tests/mock.tftest.hcl"])
        .await;
    let run = run.unwrap().success().unwrap();
    assert!(run.says("2 passed, 0 failed"), "{run}");
}

#[test]
fn gitops_repository_is_testable_without_platform_and_credential() {
    World::on_each_version(mocked_tests_pass);
}

#[test]
fn gitops_tests_reject_a_near_expiry() {
    World::on_each_version(async |world| {
        check_out(world, &in_days(5));
        let run = world.workspace.run(&["test", "-no-color"]).await.unwrap();
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.says("A token expires within two weeks"), "{run}");
    });
}

#[test]
fn changed_line_in_the_gitops_repository_rotates_one_token() {
    World::on_each_version(async |world| {
        let ends = in_days(90);
        check_out(world, &ends);
        world.apply().await;
        world.plans_nothing().await;
        let tokens = fs::read_to_string(guide("gitops").join("tokens.auto.tfvars")).unwrap();
        let tokens = tokens.replacen(ENDS, &in_days(180), 1).replace(ENDS, &ends);
        world.workspace.write("tokens.auto.tfvars", &tokens).unwrap();
        let run = world.plan().await.run;
        assert!(run.says("0 to add, 1 to change, 0 to destroy"), "{run}");
        assert!(run.says("\"ci-pipeline\" will be rotated"), "{run}");
    });
}

#[test]
fn orphan_of_a_killed_run_is_settled_by_each_documented_way() {
    for (example, keeps_its_value) in [("managed.tf", false), ("adopt.tf", false), ("import.tf", true)] {
        World::on_each_version(async |world| {
            let left = match example {
                "managed.tf" => json!({"name": "ci-pipeline", "description": "[managed by acme/infra/prod]"}),
                _ => json!({"name": "ci-pipeline"}),
            };
            let value = world.outside(Method::POST, "/service-account", left).await["token"].take();
            take(world, &in_days(90), &[guide("recovery").join(example)]);
            world.configure("");
            world.apply().await;
            world.plans_nothing().await;
            assert_eq!(world.names(), ["ci-pipeline"]);
            assert_eq!(world.accepts(&value), keeps_its_value, "{example}");
        });
    }
}

/// The command in the guide that begins with this text.
fn line_of(guide: &str, start: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("docs/striim/guides")
        .join(guide);
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find(|line| line.starts_with(start));
    line.unwrap_or_else(|| panic!("{guide} has no line {start}…"))
        .to_owned()
}

/// A substitute for the command `vault kv put -mount=MOUNT PATH FIELD=-`.
const VAULT_PROGRAM: &str = r#"#!/usr/bin/env python3
import json, os, sys, urllib.request
kv, put, mount, path, field = sys.argv[1:]
assert (kv, put) == ("kv", "put") and mount.startswith("-mount=") and field.endswith("=-"), sys.argv
url = f"{os.environ['VAULT_ADDR']}/v1/{mount.removeprefix('-mount=')}/data/{path}"
body = json.dumps({"data": {field.removesuffix("=-"): sys.stdin.read()}}).encode()
urllib.request.urlopen(urllib.request.Request(url, body, {"X-Vault-Token": os.environ["VAULT_TOKEN"]}))
"#;

/// Installs a program on the workspace's `PATH`.
fn install(world: &World, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let file = world.workspace.dir().join("bin").join(name);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, script).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn documented_pipe_delivers_the_value() {
    World::on_each_version(async |world| {
        let (vault, _listening) = super::vault::start(world).await;
        take(
            world,
            &in_days(90),
            &[World::provider_example(), guide("vault").join("pipe.tf")],
        );
        world.apply().await;
        install(world, "vault", VAULT_PROGRAM);
        let path = std::env::var("PATH").unwrap();
        let terraform = world.workspace.terraform().command_line();
        install(
            world,
            "terraform",
            &format!("#!/bin/sh\nexport PATH='{path}'\nexec {terraform} \"$@\"\n"),
        );
        let bin = world.workspace.dir().join("bin");
        let ended = tokio::process::Command::new("sh")
            .args(["-c", &line_of("where-does-the-value-go.md", "terraform output -raw")])
            .current_dir(world.workspace.dir())
            .envs(world.workspace.environment().iter())
            .env("PATH", format!("{}:{path}", bin.display()))
            .kill_on_drop(true)
            .output();
        let ended = tokio::time::timeout(Duration::from_secs(60), ended)
            .await
            .unwrap()
            .unwrap();
        assert!(ended.status.success() && ended.stdout.is_empty(), "{ended:?}");
        let held = super::vault::held(&vault).unwrap();
        assert!(world.accepts(&held));
    });
}

#[test]
fn documented_write_only_argument_delivers_the_value() {
    World::on_each_version(async |world| {
        let vault = Vault::new(world.sandbox.clock());
        let held = || super::vault::held(&vault).unwrap();
        VaultProvider::attached(world, &vault, async |world| {
            take(
                world,
                &in_days(90),
                &[World::provider_example(), guide("vault").join("write-only.tf")],
            );
            world.apply().await;
            world.plans_nothing().await;
            let first = held();
            assert!(world.accepts(&first));
            world.sandbox.rotate_outside("ci-pipeline").unwrap();
            world.apply().await;
            assert!(world.accepts(&held()) && !world.accepts(&first));
        })
        .await;
    });
}

#[test]
fn documented_ephemeral_token_is_valid_for_the_run() {
    World::on_each_version(async |world| {
        take(world, &in_days(90), &[guide("vault").join("ephemeral.tf")]);
        world.configure("");
        world.apply().await;
        assert!(world.names().is_empty(), "it is revoked");
    });
}

#[test]
fn documented_delivery_reaches_vault() {
    World::on_each_version(async |world| {
        let (vault, listening) = super::vault::start(world).await;
        world.unset_env("VAULT_ADDR");
        let example = fs::read_to_string(guide("vault").join("delivery.tf")).unwrap();
        world.configure(&example.replace("https://vault.example.com:8200", &listening.base_url));
        world.apply().await;
        world.plans_nothing().await;
        assert!(world.accepts(&super::vault::held(&vault).unwrap()));
        assert_eq!(world.workspace.output("ci_token_version").await.unwrap(), "1");
    });
}

/// A policy as documented.
const POLICY: [(&str, &[Capability]); 2] = [
    (
        "secret/data/striim/*",
        &[Capability::Create, Capability::Update, Capability::Read],
    ),
    ("secret/delete/striim/*", &[Capability::Update]),
];

/// The lifetime of the tokens that a login issues.
const LIFETIME: TokenLifetime = TokenLifetime {
    ttl: SignedDuration::from_mins(20),
    max_ttl: SignedDuration::from_mins(60),
};

/// Delivers a token with the provider block of an example, without a token of Vault.
async fn login_delivers(world: &mut World, vault: &Vault, address: &str, example: &str) {
    world.unset_env("VAULT_ADDR");
    world.unset_env("VAULT_TOKEN");
    let provider = fs::read_to_string(guide("vault").join(example)).unwrap();
    let provider = provider.replace("https://vault.example.com:8200", address);
    world.configure(&format!("{provider}\n{}", super::vault::delivered(90)));
    world.apply().await;
    world.plans_nothing().await;
    assert!(world.accepts(&super::vault::held(vault).unwrap()));
}

#[test]
fn documented_jwt_login_delivers_the_value() {
    World::on_each_version(async |world| {
        let (vault, listening) = super::vault::start(world).await;
        let issuer = Issuer::new();
        let role = JwtRole {
            public_key: issuer.public_point(),
            audience: "vault".to_owned(),
            subject: None,
            claims: BTreeMap::new(),
        };
        vault.add_jwt_role("gitlab", "striim", role, &POLICY, LIFETIME);
        world.set_env("VAULT_ID_TOKEN", &issuer.jwt(&claims("vault")));
        login_delivers(world, &vault, &listening.base_url, "jwt.tf").await;
    });
}

#[test]
fn documented_approle_login_delivers_the_value() {
    World::on_each_version(async |world| {
        let (vault, listening) = super::vault::start(world).await;
        let (role_id, secret_id) = vault.add_approle("approle", &POLICY, LIFETIME);
        world.set_env("VAULT_ROLE_ID", &role_id);
        world.set_env("VAULT_SECRET_ID", secret_id.expose_secret());
        login_delivers(world, &vault, &listening.base_url, "approle.tf").await;
    });
}

#[test]
fn documented_pair_has_both_values_in_vault() {
    World::on_each_version(async |world| {
        let (vault, _listening) = super::vault::start(world).await;
        let example = fs::read_to_string(guide("vault").join("pair.tf")).unwrap();
        let value = |version| vault.secret_version("secret", "striim/feed", version).unwrap()["token"].clone();
        world.configure(&example);
        world.apply().await;
        world.plans_nothing().await;
        let first = value(vault.version("secret", "striim/feed"));
        world.configure(&example.replace("\"60d\"", "\"50d\""));
        world.apply().await;
        world.plans_nothing().await;
        let latest = vault.version("secret", "striim/feed");
        assert_eq!(
            world.workspace.output("feed_token_version").await.unwrap(),
            latest.to_string()
        );
        assert_eq!(value(latest - 1), first);
        assert_ne!(value(latest), first);
        assert!(world.accepts(&value(latest)) && world.accepts(&first));
    });
}
