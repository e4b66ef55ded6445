//! Saved plans that are applied late, and refreshes before the due time.

use jiff::SignedDuration;

use super::world::{DAY, World, ci};

const SAVE: [&str; 4] = ["plan", "-no-color", "-out=late.bin", "-input=false"];
const APPLY_SAVED: [&str; 4] = ["apply", "-no-color", "-input=false", "late.bin"];

fn declared(before: &str, more: &str) -> String {
    ci(&format!(
        "expires_in = \"90d\"\n  rotate_before = \"{before}\"\n  {more}"
    ))
}

#[test]
fn saved_plan_applied_after_the_due_time_does_not_rotate() {
    World::by_the_clock(async |world| {
        let conditions = "lifecycle {\n    postcondition {\n      condition     = self.id != \"\"\n      \
                          error_message = \"It has an id.\"\n    }\n  }";
        for (changed, planned_on, hours) in [
            (declared("20d", ""), 10, 80 * 24),
            (declared("14d", "adopt_existing = true"), 10, 200 * 24),
            // Nothing changes, but the apply plans again because of the condition.
            (declared("14d", conditions), 75, 36),
        ] {
            world.configure(&declared("14d", ""));
            world.apply().await;
            let before = world.changes();
            world.configure(&changed);
            world.sandbox.advance(DAY * planned_on);
            world.workspace.run(&SAVE).await.unwrap().success().unwrap();
            world.sandbox.advance(SignedDuration::from_hours(hours));
            world.workspace.run(&APPLY_SAVED).await.unwrap().success().unwrap();
            assert_eq!(world.changes(), before, "{changed}");
            assert!(world.plan().await.run.says("will be rotated"));
            world.destroy().await;
        }
    });
}

#[test]
fn refresh_does_not_change_the_state_before_the_due_time() {
    World::by_the_clock(async |world| {
        world.configure(&declared("14d", ""));
        world.apply().await;
        // The exit code of `plan -refresh-only -detailed-exitcode` is 2 on Terraform 1.11 whatever the provider answers; the
        // serial of the state grows only with a change.
        let serial = || {
            let state = std::fs::read_to_string(world.workspace.dir().join("terraform.tfstate")).unwrap();
            let state: serde_json::Value = serde_json::from_str(&state).unwrap();
            state["serial"].as_i64().unwrap()
        };
        let refresh_only = ["apply", "-no-color", "-auto-approve", "-refresh-only"];
        let created = serial();
        for _ in 0..3 {
            world.workspace.run(&refresh_only).await.unwrap().success().unwrap();
            world.apply().await;
            assert_eq!(serial(), created);
            world.sandbox.advance(DAY * 20);
        }
        world.sandbox.advance(DAY * 20);
        world.workspace.run(&refresh_only).await.unwrap().success().unwrap();
        assert_eq!(serial(), created + 1, "it is due now");
    });
}
