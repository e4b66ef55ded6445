//! A provider for another environment than that of the state.

use secrecy::ExposeSecret as _;
use token_providers::sandbox::startree::{Options, Sandbox};

use super::world::{ACCESS, World};

#[test]
fn provider_for_another_environment_fails_and_changes_nothing() {
    World::on_each_version(async |world| {
        world.configure(ACCESS);
        world.apply().await;
        let kept = world.reader();
        let (home_url, home_token) = (world.base_url().to_owned(), world.given("STARTREE_TOKEN"));
        let other = Sandbox::new(Options::default());
        other.add_role("reader", None);
        let listening = other.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        world.set_env("STARTREE_BASE_URL", &listening.base_url);
        world.set_env("STARTREE_TOKEN", other.add_administrator().bearer().expose_secret());
        for arguments in [
            &["plan", "-no-color"][..],
            &["apply", "-no-color", "-auto-approve", "-refresh-only"],
            &["destroy", "-no-color", "-auto-approve"],
            &["destroy", "-no-color", "-auto-approve", "-refresh=false"],
        ] {
            let run = world.workspace.run(arguments).await.unwrap();
            assert_eq!(run.code, Some(1), "{run}");
            assert!(run.says("is in another account"), "{run}");
        }
        assert!(other.roles().contains_key("reader"));

        world.set_env("STARTREE_BASE_URL", &home_url);
        world.set_env("STARTREE_TOKEN", &home_token);
        world.plans_nothing().await;
        // The same environment at another address, found by the recorded token.
        world.set_env("STARTREE_BASE_URL", &home_url.replace("127.0.0.1", "localhost"));
        world.plans_nothing().await;
        world.apply().await;
        assert_eq!(world.reader(), kept);
        world.destroy().await;
        assert_eq!(world.added_policies_and_roles(), (0, 0));
    });
}
