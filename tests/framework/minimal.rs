//! The provider in `examples/minimal/`, with the real Terraform.

use std::fs;

use token_providers::plugin::ProviderInfo;

use super::attached::{Attached, attached};

#[path = "../../examples/minimal/main.rs"]
#[allow(dead_code)] // its `main` is for the program
pub(crate) mod provider;

const INFO: ProviderInfo = ProviderInfo::new("registry.terraform.io/example/notes", "0.0.0");

fn configuration(attached: &Attached, resource: &str) -> String {
    let folder = attached.dir.path();
    format!(
        "terraform {{\n  required_providers {{\n    notes = {{ source = \"example/notes\" }}\n  }}\n}}\n\
         provider \"notes\" {{\n  folder = {folder:?}\n}}\n{resource}"
    )
}

fn note(title: &str, text: &str) -> String {
    format!("resource \"notes_note\" \"todo\" {{\n  title = {title:?}\n  text = {text:?}\n}}\n")
}

#[test]
fn minimal_provider_supports_apply_update_import_and_destroy() {
    attached(
        &INFO,
        || provider::Notes,
        async |attached| {
            let file = |title: &str| attached.dir.path().join(title);
            attached.configure(&configuration(attached, &note("todo", "Write it")));
            attached.apply().await;
            assert_eq!(fs::read_to_string(file("todo")).unwrap(), "Write it");
            attached.plans_nothing().await;

            attached.configure(&configuration(attached, &note("todo", "Read it")));
            attached.apply().await;
            assert_eq!(fs::read_to_string(file("todo")).unwrap(), "Read it");
            let state = attached.workspace.state().await.unwrap();
            assert_eq!(state["values"]["root_module"]["resources"][0]["values"]["length"], 7);

            attached.configure(&configuration(attached, &note("done", "Read it")));
            attached.apply().await;
            assert!(!file("todo").exists(), "a new title replaces the note");
            attached.plans_nothing().await;

            fs::write(file("done"), "Drifted").unwrap();
            let plan = attached.workspace.plan().await.unwrap();
            assert_eq!(plan.code, Some(2), "{plan}");
            attached.apply().await;
            assert_eq!(fs::read_to_string(file("done")).unwrap(), "Read it");

            let workspace = &attached.workspace;
            let remove = ["state", "rm", "notes_note.todo"];
            workspace.run(&remove).await.unwrap().success().unwrap();
            workspace
                .import("notes_note.todo", "done")
                .await
                .unwrap()
                .success()
                .unwrap();
            attached.plans_nothing().await;
            workspace.run(&remove).await.unwrap().success().unwrap();
            let run = workspace.import("notes_note.todo", "missing").await.unwrap();
            assert_eq!(run.code, Some(1));
            assert!(run.says("There is no notes_note with the id \"missing\""), "{run}");
            workspace
                .import("notes_note.todo", "done")
                .await
                .unwrap()
                .success()
                .unwrap();

            workspace.destroy().await.unwrap().success().unwrap();
            assert!(!file("done").exists());
        },
    );
}

#[test]
fn minimal_provider_reports_invalid_values_on_attributes() {
    attached(
        &INFO,
        || provider::Notes,
        async |attached| {
            for (title, problem) in [
                ("", "must have 1 to 80 characters, not 0"),
                (".hidden", "must not begin with a dot"),
            ] {
                attached.configure(&configuration(attached, &note(title, "")));
                let run = attached.workspace.plan().await.unwrap();
                assert_eq!(run.code, Some(1));
                assert!(run.says("Invalid title") && run.says(problem), "{run}");
            }
        },
    );
}
