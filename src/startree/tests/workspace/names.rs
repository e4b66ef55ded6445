//! Plans in which a name is taken, or an object was deleted outside Terraform.

use super::*;
use crate::startree::resources::policy;

const READER: &str = "startree_role.reader";

fn policy(name: &str) -> ResourceBlock {
    ResourceBlock::new(policy::Policy {
        name: name.into(),
        document: "{}".into(),
        ..policy::Policy::default()
    })
}

fn declared(resources: &[(&str, ResourceBlock)]) -> Configuration {
    let resources = resources.iter().cloned();
    resources
        .map(|(address, declared)| (address.to_owned(), declared))
        .collect()
}

impl Run {
    #[track_caller]
    fn fails(&self, phrase: &str) {
        let errors = self.diagnostics.iter();
        let errors = errors.filter(|diagnostic| diagnostic.severity == Severity::Error);
        let errors: Vec<_> = errors.map(ToString::to_string).collect();
        assert!(errors.iter().any(|error| error.contains(phrase)), "{phrase}: {self:#?}");
        assert_eq!(self.ended, RunOutcome::Failed);
    }
}

#[tokio::test(start_paused = true)]
async fn rename_to_a_taken_name_fails_in_the_plan() {
    let world = World::new(Options::default());
    let before = declared(&[(READER, role("reader")), ("startree_policy.query", policy("query"))]);
    world.apply(&before).await.succeeds();
    world.sandbox.add_role("theirs", None);
    world.sandbox.add_policy("theirs", None, "{}");
    let renamed = declared(&[(READER, role("theirs")), ("startree_policy.query", policy("query"))]);
    let run = world.apply(&renamed).await;
    run.fails("The role \"theirs\" already exists");
    let renamed = declared(&[(READER, role("reader")), ("startree_policy.query", policy("theirs"))]);
    let run = world.apply(&renamed).await;
    run.fails("The policy \"theirs\" already exists");
    assert!(world.sandbox.roles().contains_key("reader") && world.sandbox.policies().contains_key("query"));
    world.apply(&before).await.changes_nothing();
    // A free name succeeds, and so does a replacement with the same name.
    world.apply(&declared(&[(READER, role("viewer"))])).await.succeeds();
    let described = ResourceBlock::new(role::Role {
        name: "viewer".into(),
        description: "Views".into(),
        ..role::Role::default()
    });
    let run = world.apply(&declared(&[(READER, described)])).await.succeeds();
    assert!(run.diagnostics.is_empty(), "{run:#?}");
}

#[tokio::test(start_paused = true)]
async fn creation_of_an_existing_name_warns_in_the_plan() {
    let world = World::new(Options::default());
    world.sandbox.add_role("reader", None);
    let run = world.apply(&declared(&[(READER, role("reader"))])).await;
    assert!(run.warns("import {"), "{run:#?}");
    run.fails("already exists");
}

#[tokio::test(start_paused = true)]
async fn name_declared_twice_fails_in_the_plan() {
    let world = World::new(Options::default());
    let described = role::Role {
        name: "reader".into(),
        description: "Reads".into(),
        ..role::Role::default()
    };
    let other = ResourceBlock::new(described);
    let both = declared(&[(READER, role("reader")), ("startree_role.other", other)]);
    world.apply(&both).await.fails("is declared twice");
    assert!(!world.sandbox.roles().contains_key("reader"));
    world.apply(&declared(&[(READER, role("reader"))])).await.succeeds();
    world.apply(&both).await.fails("is declared twice");

    let assigned = || {
        let config = role_assignment::RoleAssignment {
            role: "reader".into(),
            subject_type: "group".into(),
            subject: "analysts".into(),
            ..role_assignment::RoleAssignment::default()
        };
        ResourceBlock::new(config)
    };
    let twice = declared(&[
        (READER, role("reader")),
        ("startree_role_assignment.a", assigned()),
        ("startree_role_assignment.b", assigned()),
    ]);
    // The provider cannot distinguish them from one resource that is planned twice.
    let run = world.apply(&twice).await;
    assert!(run.warns("is declared twice"), "{run:#?}");
}

#[tokio::test(start_paused = true)]
async fn renamed_address_warns_with_a_moved_block() {
    let world = World::new(Options::default());
    world.apply(&declared(&[(READER, role("reader"))])).await.succeeds();
    let run = world.apply(&declared(&[("startree_role.moved", role("reader"))])).await;
    assert!(
        run.warns("as a resource in this state") && run.warns("`moved` block"),
        "{run:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn deletion_outside_terraform_is_reported() {
    let world = World::new(Options::default());
    let all = declared(&[
        (READER, role("reader")),
        ("startree_policy.query", policy("query")),
        ("startree_service_token.ci", token("ci", "1", None)),
        (
            "startree_role_assignment.ci",
            assignment(READER, "startree_service_token.ci"),
        ),
    ]);
    world.apply(&all).await.succeeds();
    let key = world.key("ci");
    world.sandbox.unassign_outside("reader", Subject::token(&key));
    let run = world.apply(&all).await.succeeds();
    assert!(
        run.warns("The assignment of the role \"reader\"") && run.warns("was deleted outside"),
        "{run:#?}"
    );
    world.sandbox.delete_token_outside(&key);
    world.sandbox.delete_policy_outside("query");
    let run = world.apply(&all).await.succeeds();
    for phrase in [
        "The service token \"ci\" was deleted outside",
        &key,
        "The policy \"query\" was deleted outside",
    ] {
        assert!(run.warns(phrase), "{phrase}: {run:#?}");
    }
    world.sandbox.delete_role_outside("reader");
    let run = world.apply(&all).await.succeeds();
    assert!(run.warns("The role \"reader\" was deleted outside"), "{run:#?}");
    world.apply(&all).await.changes_nothing();
}
