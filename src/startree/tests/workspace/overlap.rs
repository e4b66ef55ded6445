//! Changes before, during and after the overlap of two tokens: one apply completes each of them,
//! for both tokens.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::*;
use crate::framework::testing::RunOptions;

const TOKEN: &str = "startree_service_token.dashboards";

/// When a change is made, in relation to a rotation with overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    BeforeRotation,
    WithRotation,
    DuringOverlap,
    AfterOverlap,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Change {
    DestroyAll,
    RenameRole,
    RemoveAssignment,
    RemoveAssignmentAndRole,
    AddAssignment,
    RenameRoleAndAddresses,
    RenameAssignmentAddress,
    AssignToGroup,
    RenameToken,
    ReplaceToken,
    ReplaceRole,
    ReplaceAssignment,
    RemoveToken,
    RotateAgain,
    RenameRoleCreatingFirst,
    RenameTokenCreatingFirst,
    ReplaceAssignmentCreatingFirst,
}

const MOMENTS: [Moment; 4] = [
    Moment::BeforeRotation,
    Moment::WithRotation,
    Moment::DuringOverlap,
    Moment::AfterOverlap,
];

const CHANGES: [Change; 17] = [
    Change::DestroyAll,
    Change::RenameRole,
    Change::RemoveAssignment,
    Change::RemoveAssignmentAndRole,
    Change::AddAssignment,
    Change::RenameRoleAndAddresses,
    Change::RenameAssignmentAddress,
    Change::AssignToGroup,
    Change::RenameToken,
    Change::ReplaceToken,
    Change::ReplaceRole,
    Change::ReplaceAssignment,
    Change::RemoveToken,
    Change::RotateAgain,
    Change::RenameRoleCreatingFirst,
    Change::RenameTokenCreatingFirst,
    Change::ReplaceAssignmentCreatingFirst,
];

/// The documentation's example, with a second role.
fn example(release: &str) -> Configuration {
    let mut declared = Configuration::new();
    declared
        .resources
        .insert("startree_role.reader".to_owned(), role("orders-reader"));
    declared
        .resources
        .insert("startree_role.writer".to_owned(), role("orders-writer"));
    declared
        .resources
        .insert(TOKEN.to_owned(), token("Dashboards", release, Some("2h")));
    let assigned = assignment("startree_role.reader", TOKEN);
    declared
        .resources
        .insert("startree_role_assignment.dashboards".to_owned(), assigned);
    declared
}

/// The example after a change, and the addresses to replace.
fn changed(change: Change, release: &str) -> (Configuration, RunOptions) {
    let (mut declared, mut options) = (example(release), RunOptions::default());
    let assigned = "startree_role_assignment.dashboards".to_owned();
    match change {
        Change::DestroyAll => declared.resources.clear(),
        Change::RenameRole => {
            declared
                .resources
                .insert("startree_role.reader".to_owned(), role("orders-viewer"));
        }
        Change::RemoveAssignment => drop(declared.resources.remove(&assigned)),
        Change::RemoveAssignmentAndRole => {
            declared.resources.remove(&assigned);
            declared.resources.remove("startree_role.reader");
        }
        Change::AddAssignment => {
            let other = assignment("startree_role.writer", TOKEN);
            declared
                .resources
                .insert("startree_role_assignment.other".to_owned(), other);
        }
        Change::RenameRoleAndAddresses => {
            declared.resources.remove(&assigned);
            declared.resources.remove("startree_role.reader");
            declared
                .resources
                .insert("startree_role.viewer".to_owned(), role("orders-viewer"));
            let other = assignment("startree_role.viewer", TOKEN);
            declared
                .resources
                .insert("startree_role_assignment.viewer".to_owned(), other);
        }
        Change::RenameAssignmentAddress => {
            let same = declared.resources.remove(&assigned).unwrap();
            declared
                .resources
                .insert("startree_role_assignment.renamed".to_owned(), same);
        }
        Change::AssignToGroup => {
            let config = role_assignment::RoleAssignment {
                subject_type: "group".into(),
                subject: "analysts".into(),
                ..role_assignment::RoleAssignment::default()
            };
            let to_group = ResourceBlock::new(config).referring("role", "startree_role.reader", "id");
            declared.resources.insert(assigned, to_group);
        }
        Change::RenameToken => {
            declared
                .resources
                .insert(TOKEN.to_owned(), token("Boards", release, Some("2h")));
        }
        Change::ReplaceToken => drop(options.replace.insert(TOKEN.to_owned())),
        Change::ReplaceRole => drop(options.replace.insert("startree_role.reader".to_owned())),
        Change::ReplaceAssignment => drop(options.replace.insert(assigned)),
        Change::RemoveToken => {
            declared.resources.remove(&assigned);
            declared.resources.remove(TOKEN);
        }
        Change::RenameRoleCreatingFirst => {
            let renamed = role("orders-viewer").create_before_destroy();
            declared.resources.insert("startree_role.reader".to_owned(), renamed);
        }
        Change::RenameTokenCreatingFirst => {
            let renamed = token("Boards", release, Some("2h")).create_before_destroy();
            declared.resources.insert(TOKEN.to_owned(), renamed);
        }
        Change::ReplaceAssignmentCreatingFirst => {
            let same = declared.resources.remove(&assigned).unwrap().create_before_destroy();
            declared.resources.insert(assigned.clone(), same);
            options.replace.insert(assigned);
        }
        Change::RotateAgain => {
            declared
                .resources
                .insert(TOKEN.to_owned(), token("Dashboards", "again", Some("2h")));
        }
    }
    (declared, options)
}

impl World {
    /// Returns the access keys of the resource's tokens: one, or two during an overlap.
    fn token_keys(&self) -> BTreeSet<String> {
        let state = self.workspace.state();
        let model = state
            .get(TOKEN)
            .map(|object| object.model::<service_token::ServiceToken>());
        let fields = model
            .into_iter()
            .flat_map(|model| [model.access_key, model.previous.previous_access_key]);
        fields.filter_map(Field::into_known).collect()
    }

    /// Asserts that the platform has exactly what is declared, for both tokens.
    #[track_caller]
    fn assert_as_declared(&self, declared: &Configuration, case: &str) {
        let keys = self.token_keys();
        assert_eq!(BTreeSet::from_iter(self.keys()), keys, "{case}: tokens");
        let state = self.workspace.state();
        let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (address, object) in &state {
            if address.starts_with("startree_role.") {
                let name = object.model::<role::Role>().name.into_known().unwrap();
                expected.entry(name).or_default();
            } else if address.starts_with("startree_role_assignment.") {
                let model = object.model::<role_assignment::RoleAssignment>();
                let (role, subject) = (model.role.into_known().unwrap(), model.subject.into_known().unwrap());
                let holders = match keys.contains(&subject) {
                    true => keys.clone(),
                    false => [subject].into(),
                };
                expected.entry(role).or_default().extend(holders);
            }
        }
        let actual: BTreeMap<_, BTreeSet<_>> = self
            .sandbox
            .roles()
            .into_iter()
            .filter(|(name, _)| name.starts_with("orders-"))
            .map(|(name, role)| (name, role.subjects().map(|one| one.subject.clone()).collect()))
            .collect();
        assert_eq!(actual, expected, "{case}: roles and their subjects");
        assert_eq!(state.len(), declared.resources.len(), "{case}: resources");
    }
}

async fn assert_one_apply_suffices(options: &Options, moment: Moment, change: Change) {
    let case = format!("{change:?} {moment:?}");
    let world = World::new(options.clone());
    world.apply(&example("1")).await.succeeds();
    let release = match moment {
        Moment::BeforeRotation => "1",
        Moment::WithRotation => "2",
        Moment::DuringOverlap | Moment::AfterOverlap => {
            world.apply(&example("2")).await.succeeds();
            assert_eq!(world.holders("orders-reader").len(), 2, "{case}");
            world.apply(&example("2")).await.changes_nothing();
            "2"
        }
    };
    if moment == Moment::AfterOverlap {
        world.sandbox.advance(SignedDuration::from_hours(3));
    }
    let (declared, run) = changed(change, release);
    let run = world.apply_with(&declared, &run).await;
    assert_ne!(run.ended, RunOutcome::Failed, "{case}: {run:#?}");
    world.assert_as_declared(&declared, &case);
    let revokes = matches!(change, Change::RemoveAssignment | Change::AssignToGroup);
    if revokes && moment == Moment::DuringOverlap {
        assert!(run.warns("is revoked from both tokens"), "{case}: {run:#?}");
    }
    let again = world.apply(&declared).await;
    assert_eq!(again.ended, RunOutcome::Unchanged, "{case}: {again:#?}");
    let end = world.apply(&Configuration::new()).await;
    assert_ne!(end.ended, RunOutcome::Failed, "{case}: {end:#?}");
    world.assert_as_declared(&Configuration::new(), &case);
}

#[tokio::test(start_paused = true)]
async fn change_at_any_moment_applies_to_both_tokens_in_one_apply() {
    for moment in MOMENTS {
        for change in CHANGES {
            assert_one_apply_suffices(&Options::default(), moment, change).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn changes_reach_both_tokens_if_the_platform_reports_no_descriptions() {
    let options = Options {
        returns_descriptions: false,
        ..Options::default()
    };
    for moment in MOMENTS {
        for change in CHANGES {
            // Only the description shows a new assignment the previous token.
            let needs_descriptions = matches!(
                change,
                Change::AddAssignment | Change::RenameRoleAndAddresses | Change::ReplaceAssignmentCreatingFirst
            );
            if needs_descriptions && moment == Moment::DuringOverlap {
                continue;
            }
            assert_one_apply_suffices(&options, moment, change).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn token_of_another_resource_with_the_same_description_gets_no_role() {
    let world = World::new(Options::default());
    world.apply(&example("1")).await.succeeds();
    let other = world.sandbox.add_token_described("Dashboards");
    world
        .sandbox
        .assign_outside("orders-reader", Subject::token(&other.access_key));
    world.apply(&example("2")).await.succeeds();
    let (declared, _) = changed(Change::AddAssignment, "2");
    world.apply(&declared).await.succeeds();
    assert_eq!(BTreeSet::from_iter(world.holders("orders-writer")), world.token_keys());
    world.apply(&Configuration::new()).await;
    assert_eq!(world.keys(), [other.access_key]);
}

#[tokio::test(start_paused = true)]
async fn assignment_updated_after_the_rotation_covers_both_tokens() {
    let world = World::new(Options::default());
    world.apply(&example("1")).await.succeeds();
    let old = world.key("dashboards");
    // The state is as after a run that was killed between the rotation and the update of the
    // assignment.
    let mut unreached = example("2");
    let assigned = unreached
        .resources
        .remove("startree_role_assignment.dashboards")
        .unwrap();
    let assigned = assigned.ignore_changes(&["subject"]);
    unreached
        .resources
        .insert("startree_role_assignment.dashboards".to_owned(), assigned);
    world.apply(&unreached).await.succeeds();
    world.apply(&example("2")).await.succeeds();
    world.assert_as_declared(&example("2"), "completed");
    assert!(world.token_keys().contains(&old) && world.token_keys().len() == 2);
    world.apply(&example("2")).await.changes_nothing();
    world.apply(&Configuration::new()).await.succeeds();
    world.assert_as_declared(&Configuration::new(), "destroyed");
}
