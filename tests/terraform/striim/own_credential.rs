//! The provider's own token as a managed resource.

use super::world::{World, in_days, token};

const OWN: &str = "striim_service_account_token.bootstrap";

/// The number of other tokens; with the own one, as many as the rate limit allows in a minute.
const OTHERS: usize = 9;

fn own(expires_at: &str, description: &str) -> String {
    token(
        "bootstrap",
        &format!("description = \"{description}\"\n  expires_at = \"{expires_at}\""),
    )
}

/// Independent tokens.
fn others(release: u32) -> String {
    format!(
        "resource \"striim_service_account_token\" \"other\" {{\n  count = {OTHERS}\n  name = \"other-${{count.index}}\"\n  \
         expires_in = \"30d\"\n  rotation_triggers = {{ release = {release} }}\n}}\n"
    )
}

/// Creates the token and configures it as the credential.
async fn work_with_a_managed_token(world: &mut World, expires_at: &str) -> String {
    world.sandbox.set_options(|options| {
        options.quota = 2 + OTHERS;
        options.rate_limits = None;
    });
    world.configure(&own(expires_at, "Terraform"));
    world.apply().await;
    take_its_value(world).await
}

async fn take_its_value(world: &mut World) -> String {
    let value = world.attributes(OWN).await["token"].as_str().unwrap().to_owned();
    world.set_env("STRIIM_TOKEN", &value);
    value
}

async fn apply_in_parallel(world: &World) {
    let apply = ["apply", "-no-color", "-auto-approve", "-parallelism=10"];
    world.workspace.run(&apply).await.unwrap().success().unwrap();
}

#[test]
fn rotation_of_the_own_token_does_not_disturb_parallel_changes() {
    World::on_each_version(async |world| {
        let first = work_with_a_managed_token(world, &in_days(30)).await;
        world.configure(&(own(&in_days(60), "Terraform") + &others(1)));
        let plan = world.plan().await;
        let warning = "is the provider's own credential";
        assert_eq!(plan.run.text().matches(warning).count(), 1, "{}", plan.run);
        assert!(plan.run.says(&format!("with {OWN}")), "{}", plan.run);
        apply_in_parallel(world).await;
        assert!(!world.sandbox.is_live(&first));
        assert_eq!(world.names().len(), OTHERS + 1);

        // The same with other rotations.
        let second = take_its_value(world).await;
        world.configure(&(own(&in_days(90), "Terraform") + &others(2)));
        apply_in_parallel(world).await;
        assert!(!world.sandbox.is_live(&second));
        let third = take_its_value(world).await;
        assert!(world.sandbox.is_live(&third));
        world.plans_nothing().await;
    });
}

#[test]
fn revocation_of_the_own_token_is_rejected_with_advice() {
    World::on_each_version(async |world| {
        let expires_at = in_days(30);
        let value = work_with_a_managed_token(world, &expires_at).await;
        let both = own(&expires_at, "Terraform") + &others(1);
        world.configure(&both);
        apply_in_parallel(world).await;
        assert_eq!(world.names().len(), OTHERS + 1);

        let run = world.destroy_fails().await;
        assert!(
            run.says("another administrator's token") && run.says("state rm"),
            "{run}"
        );
        assert_eq!(run.text().matches("Error:").count(), 1, "{run}");
        assert_eq!(world.names(), ["bootstrap"]);
        assert!(world.sandbox.is_live(&value));

        // With another credential it is deleted.
        let admin = world.bearer();
        world.set_env("STRIIM_TOKEN", &admin);
        world.destroy().await;
        assert!(world.names().is_empty());
    });
}

#[test]
fn plan_that_replaces_the_own_token_warns() {
    World::on_each_version(async |world| {
        let expires_at = in_days(30);
        let value = work_with_a_managed_token(world, &expires_at).await;
        world.configure(&own(&expires_at, "Terraform and others"));
        let plan = world.plan().await;
        assert_eq!(plan.actions(OWN), "delete create");
        assert!(plan.run.says("another administrator's token"), "{}", plan.run);
        world.apply_fails().await;
        assert!(world.sandbox.is_live(&value));
    });
}

#[test]
fn own_token_of_unknown_value_is_detected_by_its_rotation() {
    World::on_each_version(async |world| {
        let value = work_with_a_managed_token(world, &in_days(30)).await;
        world
            .workspace
            .run(&["state", "rm", OWN])
            .await
            .unwrap()
            .success()
            .unwrap();
        world.import(OWN, "bootstrap").await;
        world.configure(&(own(&in_days(60), "Terraform") + &others(1)));
        apply_in_parallel(world).await;
        assert!(!world.sandbox.is_live(&value));
        assert_eq!(world.names().len(), OTHERS + 1);
        take_its_value(world).await;
        world.plans_nothing().await;
    });
}
