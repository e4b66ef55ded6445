//! Roles with names that contain special characters.

use super::*;
use crate::sandbox::Fault;
use crate::startree::tests::option_variants;

const NAMES: [&str; 12] = [
    "team/reader",
    "team:reader",
    "50%",
    "all*",
    " reader",
    "reader ",
    "a#b",
    "a?b=c&d",
    "a%2Fb",
    "a\\b",
    "e\u{301}quipe 🚀",
    "..",
];

#[tokio::test(start_paused = true)]
async fn rotation_transfers_roles_of_any_name() {
    for options in option_variants() {
        let world = World::new(options);
        let declared = |release| {
            let mut declared = Configuration::new();
            declared
                .resources
                .insert("startree_service_token.ci".to_owned(), token("ci", release, None));
            declared
        };
        world.apply(&declared("1")).await.succeeds();
        for name in NAMES {
            world.sandbox.add_role(name, None);
            world.sandbox.assign_outside(name, Subject::token(&world.key("ci")));
        }
        world.apply(&declared("2")).await.succeeds();
        for name in NAMES {
            assert_eq!(world.holders(name), [world.key("ci")], "{name:?}");
        }
        world.apply(&declared("2")).await.changes_nothing();
        world.apply(&Configuration::new()).await.succeeds();
        for name in NAMES {
            assert!(world.holders(name).is_empty(), "{name:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rotation_creates_no_token_if_assignments_cannot_be_read() {
    let world = World::new(Options::default());
    let declared = |release| {
        let mut declared = Configuration::new();
        declared
            .resources
            .insert("startree_service_token.ci".to_owned(), token("ci", release, None));
        declared
    };
    world.apply(&declared("1")).await.succeeds();
    let key = world.key("ci");
    world.sandbox.add_role("team/reader", None);
    world.sandbox.assign_outside("team/reader", Subject::token(&key));
    let calls = world.sandbox.calls("POST", "/service-tokens");
    // A proxy may reject encoded slashes like this.
    let refused = Fault::answer(400).on("GET", "/roles/srn2:role%23team%2Freader/assignments");
    world.sandbox.fault(refused.times(1000));
    let run = world.apply(&declared("2")).await;
    assert_eq!(run.ended, RunOutcome::Failed);
    assert!(run.warns("its roles could not be read"), "{run:#?}");
    assert_eq!(world.sandbox.calls("POST", "/service-tokens"), calls);
    assert_eq!(
        (world.key("ci"), world.holders("team/reader")),
        (key.clone(), vec![key])
    );
    // A deletion still succeeds.
    world.apply(&Configuration::new()).await.succeeds();
    assert!(world.keys().is_empty());
}
