//! A provider for another environment than that of the state.

use super::*;
use crate::startree::resources::{policy, role_policy_attachment};

/// Declares a policy, a role with the policy, and the role's assignment to a group.
fn access() -> Configuration {
    let policy = policy::Policy {
        name: "query".into(),
        document: "{}".into(),
        ..policy::Policy::default()
    };
    let attachment = ResourceBlock::new(role_policy_attachment::RolePolicyAttachment::default())
        .referring("role", "startree_role.reader", "id")
        .referring("policy", "startree_policy.query", "id");
    let to_group = role_assignment::RoleAssignment {
        subject_type: "group".into(),
        subject: "analysts".into(),
        ..role_assignment::RoleAssignment::default()
    };
    let to_group = ResourceBlock::new(to_group).referring("role", "startree_role.reader", "id");
    let mut declared = Configuration::new();
    declared.resources = [
        ("startree_policy.query", ResourceBlock::new(policy)),
        ("startree_role.reader", role("reader")),
        ("startree_role_policy_attachment.reader", attachment),
        ("startree_role_assignment.analysts", to_group),
    ]
    .map(|(address, block)| (address.to_owned(), block))
    .into();
    declared
}

#[tokio::test(start_paused = true)]
async fn other_environment_fails_and_changes_nothing_even_if_it_has_the_same_names() {
    for has_same_names in [false, true] {
        let mut world = World::new(Options::default());
        world.apply(&access()).await.succeeds();
        let other = sandbox(Options::default());
        if has_same_names {
            other.add_role("reader", None);
            other.add_policy("query", None, "{}");
            other.attach_outside("reader", "query");
            other.assign_outside("reader", Subject::new("group", "analysts"));
        }
        let (state, roles) = (world.workspace.state(), other.roles());
        let (home, home_bearer) = (world.sandbox.clone(), world.bearer.clone());
        world.bearer = other.add_administrator().bearer().expose_secret().to_owned();
        world.sandbox = other.clone();
        world.host = "https://rbac-manager.other.startree.cloud";
        for declared in [access(), Configuration::new()] {
            for skip_refresh in [false, true] {
                let options = RunOptions {
                    skip_refresh,
                    ..RunOptions::default()
                };
                let run = world.apply_with(&declared, &options).await;
                assert_eq!(run.ended, RunOutcome::Failed);
                let errors: Vec<_> = run.diagnostics.iter().filter(|one| one.is_error()).collect();
                assert!(!errors.is_empty());
                for error in errors {
                    let error = error.to_string();
                    assert!(error.contains("is in another account"), "{error}");
                    assert!(error.contains("rbac-manager.other.startree.cloud"), "{error}");
                }
            }
        }
        assert!(world.workspace.state() == state);
        let after = other.roles();
        assert_eq!(after.keys().collect::<Vec<_>>(), roles.keys().collect::<Vec<_>>());
        assert!(!has_same_names || after["reader"] == roles["reader"]);
        (world.sandbox, world.bearer, world.host) = (home, home_bearer, "http://127.0.0.1");
        world.apply(&access()).await.changes_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn same_environment_at_another_address_is_recognised_by_the_recorded_token() {
    let mut world = World::new(Options::default());
    world.apply(&access()).await.succeeds();
    // Another user applies with another token and at another address.
    world.host = "https://gateway.example.com";
    world.bearer = world.sandbox.add_administrator().bearer().expose_secret().to_owned();
    world.apply(&access()).await.changes_nothing();
    world.apply(&Configuration::new()).await.succeeds();
    assert!(!world.sandbox.roles().contains_key("reader"));
}

#[tokio::test(start_paused = true)]
async fn other_address_without_the_recorded_token_fails_and_names_the_remedy() {
    let mut world = World::new(Options::default());
    world.apply(&access()).await.succeeds();
    let recorded = world.sandbox.tokens().remove(0).access_key;
    world.bearer = world.sandbox.add_administrator().bearer().expose_secret().to_owned();
    world.sandbox.delete_token_outside(&recorded);
    world.apply(&access()).await.changes_nothing();
    world.host = "https://gateway.example.com";
    let run = world.apply(&access()).await;
    assert!(
        run.diagnostics
            .iter()
            .any(|one| one.to_string().contains("terraform state rm"))
    );
}
