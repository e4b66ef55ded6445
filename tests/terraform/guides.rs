//! The examples of the guides do what the guides say.

use std::fs;
use std::path::{Path, PathBuf};

use http::Method;
use serde_json::json;

use crate::examples::{ENDS, EXAMPLES, provider, take};
use crate::world::{World, in_days, on_each_version};

fn guide(name: &str) -> PathBuf {
    Path::new(EXAMPLES).join("guides").join(name)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).collect()
}

#[test]
fn every_way_of_rotating_works_as_shown() {
    for example in files(&guide("rotation")) {
        on_each_version(async |world| {
            take(world, &in_days(90), &[provider(), example.clone()]);
            world.apply().await;
            world.plans_nothing().await;
            world.destroy().await;
        });
    }
}

/// Copies the repository of the guide; its tokens end at `ends`.
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
fn the_repository_of_the_gitops_guide_passes_its_own_tests() {
    on_each_version(async |world| {
        check_out(world, &in_days(90));
        let run = world.workspace.run(&["test", "-no-color"]).await.unwrap();
        let run = run.success().unwrap();
        assert!(run.says("7 passed, 0 failed"), "{run}");
        assert!(world.names().is_empty(), "the tests cleaned up");
    });
}

/// Runs the tests that ask no platform, with nobody's credential.
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
fn the_repository_is_tested_without_a_platform_by_those_who_have_no_credential() {
    on_each_version(mocked_tests_pass);
}

#[test]
fn the_repositorys_tests_refuse_an_end_that_is_near() {
    on_each_version(async |world| {
        check_out(world, &in_days(5));
        let run = world.workspace.run(&["test", "-no-color"]).await.unwrap();
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.says("A token ends within two weeks"), "{run}");
    });
}

#[test]
fn a_line_changed_in_the_repository_rotates_that_token_alone() {
    on_each_version(async |world| {
        let ends = in_days(90);
        check_out(world, &ends);
        world.apply().await;
        world.plans_nothing().await;
        let tokens = fs::read_to_string(guide("gitops").join("tokens.auto.tfvars")).unwrap();
        let tokens = tokens.replacen(ENDS, &in_days(180), 1).replace(ENDS, &ends);
        world.workspace.write("tokens.auto.tfvars", &tokens).unwrap();
        let run = world.plan().await.run;
        assert!(run.says("0 to add, 1 to change, 0 to destroy"), "{run}");
        assert!(run.says("\"ci-pipeline\" is to be rotated"), "{run}");
    });
}

#[test]
fn what_a_killed_run_left_is_settled_in_each_of_the_ways_shown() {
    for (example, keeps_its_value) in [("managed.tf", false), ("adopt.tf", false), ("import.tf", true)] {
        on_each_version(async |world| {
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
            assert_eq!(world.lets_in(&value), keeps_its_value, "{example}");
        });
    }
}
