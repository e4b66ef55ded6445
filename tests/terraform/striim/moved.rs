//! `moved` blocks between types of resources, from Terraform 1.8 on.

use super::world::World;

pub(crate) const TOKEN: &str = "resource \"striim_service_account_token\" \"ci\" {\n  name = \"ci-pipeline\"\n}\n";
pub(crate) const PAIR: &str = "resource \"striim_service_account_token_pair\" \"ci\" {\n  name = \"ci-pipeline\"\n  \
                    expires_in = \"90d\"\n}\n";

/// Moves a resource to another type.
pub(crate) fn moved(from: &str, to: &str) -> String {
    let types = [from, to].map(|hcl| hcl.split('"').nth(1).unwrap());
    format!("{to}moved {{\n  from = {}.ci\n  to = {}.ci\n}}\n", types[0], types[1])
}

#[test]
fn move_between_token_and_pair_is_rejected_with_advice() {
    for (from, to, advice) in [
        (
            TOKEN,
            PAIR,
            "Declare the pair next to the token, distribute `current.token`",
        ),
        (PAIR, TOKEN, "import \"ci-pipeline-a\" as this"),
    ] {
        World::on_each_version(async |world| {
            world.configure(from);
            world.apply().await;
            let names = world.names();
            world.configure(&moved(from, to));
            let run = world.plan_fails().await;
            assert!(run.says("Move not supported") && run.says(advice), "{run}");

            world.configure(from);
            world.plans_nothing().await;
            assert_eq!(world.names(), names);
        });
    }
}
