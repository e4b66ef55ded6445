//! The sandbox's console while Terraform works.

use secrecy::ExposeSecret as _;

use super::world::{World, token, until};
use crate::support::browser::drive_at;

#[test]
fn console_shows_an_apply_while_it_runs() {
    World::on_newest_version(async |world| {
        let arguments = "expires_in = \"90d\"";
        let tokens = ["ci-pipeline", "nightly-export"].map(|name| token(name, arguments));
        world.configure(&tokens.concat());
        let value = world.sandbox.admin_token();
        let variables = [("TOKEN", value.expose_secret())];
        let console = drive_at(world.base_url(), "terraform.mjs", &variables);
        let apply = async {
            until("the request of the script", || {
                world.sandbox.calls("GET", "/service-accounts") > 0
            })
            .await;
            world.apply().await
        };
        tokio::pin!(console);
        tokio::select! {
            biased;
            // Where a program is missing, there is nothing to wait for.
            shown = &mut console => assert!(shown.is_none(), "the script ended before the apply"),
            _ = apply => drop(console.await),
        }
    });
}
