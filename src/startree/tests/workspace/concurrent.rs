//! Two workspaces that rotate one token at the same time, because one of them has imported it.

use std::time::Duration;

use super::*;
use crate::startree::tests::option_variants;

const TOKEN: &str = "startree_service_token.dashboards";

fn alone(release: &str) -> Configuration {
    let mut declared = Configuration::new();
    declared
        .resources
        .insert(TOKEN.to_owned(), token("Dashboards", release, None));
    declared
}

fn with_role(release: &str) -> Configuration {
    let mut declared = alone(release);
    declared.resources.extend([
        ("startree_role.reader".to_owned(), role("reader")),
        (
            "startree_role_assignment.dashboards".to_owned(),
            assignment("startree_role.reader", TOKEN),
        ),
    ]);
    declared
}

#[tokio::test(start_paused = true)]
async fn two_rotations_at_once_leave_each_workspace_a_valid_value_or_an_error() {
    for options in option_variants() {
        if options.not_found.is_server_error() {
            continue; // Whether the token exists is unknown then, and the second run fails.
        }
        for delay in 0..24_u64 {
            let one = World::new(options.clone());
            one.apply(&with_role("1")).await.succeeds();
            let first = one.key("dashboards");
            let other = World {
                workspace: Workspace::default(),
                bearer: one.bearer.clone(),
                ..World::new(options.clone())
            };
            let other = World {
                sandbox: one.sandbox.clone(),
                ..other
            };
            assert!(other.workspace.import(|| other.start(), TOKEN, &first).await);
            other.apply(&alone("1")).await.succeeds();
            let (declared, later) = (with_role("2"), alone("2"));
            let (rotated, rotated_later) = tokio::join!(one.apply(&declared), async {
                tokio::time::sleep(Duration::from_millis(delay * 5)).await;
                other.apply(&later).await
            });
            for (world, run) in [(&one, &rotated), (&other, &rotated_later)] {
                let state = world.token("dashboards");
                let value = state
                    .delivery
                    .token
                    .known()
                    .map(|token| token.expose_secret().to_owned());
                let is_live = value.is_some_and(|value| world.sandbox.is_live(&value));
                let explains = run.ended == RunOutcome::Failed || run.warns("was deleted outside Terraform");
                assert!(is_live || explains, "after {delay} requests: {run:#?}");
            }
            one.apply(&declared).await.succeeds();
            assert!(one.holders("reader").contains(&one.key("dashboards")));
            assert!(!one.keys().contains(&first), "the replaced token is deleted");
        }
    }
}
