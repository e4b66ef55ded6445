//! A provider for another account than that of the state.

use secrecy::ExposeSecret as _;
use token_providers::sandbox::striim::{Options, Sandbox};

use super::world::{CI, World, ci};

/// Another account, and its base URL.
async fn another() -> (Sandbox, token_providers::sandbox::Listening) {
    let sandbox = Sandbox::new(Options::default());
    let listening = sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    (sandbox, listening)
}

fn point_at(world: &mut World, base_url: &str, token: &str) {
    world.set_env("STRIIM_BASE_URL", base_url);
    world.set_env("STRIIM_TOKEN", token);
}

#[test]
fn provider_for_another_account_fails_and_drops_nothing() {
    World::on_each_version(async |world| {
        world.configure(&ci("expires_in = \"90d\""));
        world.apply().await;
        let kept = world.attributes(CI).await;
        let (home_url, home_token) = (world.base_url().to_owned(), world.bearer());
        let (other, listening) = another().await;
        point_at(world, &listening.base_url, other.admin_token().expose_secret());
        let replace = format!("-replace={CI}");
        for arguments in [
            &["plan", "-no-color"][..],
            &["apply", "-no-color", "-auto-approve"],
            &["apply", "-no-color", "-auto-approve", "-refresh-only"],
            &["apply", "-no-color", "-auto-approve", "-refresh=false", &replace],
            &["destroy", "-no-color", "-auto-approve"],
            &["destroy", "-no-color", "-auto-approve", "-refresh=false"],
        ] {
            let run = world.workspace.run(arguments).await.unwrap();
            assert_eq!(run.code, Some(1), "{run}");
            assert!(run.says("is in another account"), "{run}");
            for url in [&home_url, &listening.base_url] {
                let address = url.strip_prefix("http://").unwrap();
                assert!(run.says(address), "{address}: {run}");
            }
        }
        assert_eq!(other.service_accounts().len(), 1, "only the provider's own");
        assert_eq!(world.attributes(CI).await, kept);

        point_at(world, &home_url, &home_token);
        world.plans_nothing().await;
        // The same account by another name.
        world.set_env("STRIIM_BASE_URL", &home_url.replace("127.0.0.1", "localhost"));
        world.plans_nothing().await;
        world.apply().await;
        world.plans_nothing().await;
        world.destroy().await;
        assert!(!world.accepts(&kept["token"]));
    });
}

#[test]
fn account_that_is_not_allowed_is_rejected_before_any_request() {
    World::on_each_version(async |world| {
        let allowing = |accounts: &str| {
            format!(
                "provider \"striim\" {{\n  allowed_accounts = {accounts}\n}}\n{}",
                ci("")
            )
        };
        world.configure(&allowing("[\"acme\", \"acme.striim.cloud\"]"));
        let run = world.plan_fails().await;
        assert!(
            run.says("Account not allowed") && run.says("\"acme.striim.cloud\""),
            "{run}"
        );
        assert_eq!(world.sandbox.calls("GET", "/service-accounts"), 0);
        for accounts in ["[\"127.0.0.1\"]".to_owned(), format!("[\"{}\"]", world.base_url())] {
            world.configure(&allowing(&accounts));
            world.plan().await;
        }
    });
}
