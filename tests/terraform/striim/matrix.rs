//! Every version of Terraform: the lifecycle of a token, and the features that each version added.

use std::pin::Pin;

use http::Method;
use serde_json::json;

use super::actions::{FORMER, add_former, invoke};
use super::consumer::Consumer;
use super::ephemeral::{by_another_provider, handed_over};
use super::guides::mocked_tests_pass;
use super::identity::{add_ci, import};
use super::moved::{PAIR, TOKEN, moved};
use super::query::query;
use super::world::{CI, World, ci, generation};
use crate::support::feature::Feature;
use crate::support::versions;

/// The use of a feature with this provider.
struct Use {
    name: &'static str,
    feature: Feature,
    /// The key of the feature in `providers schema -json`.
    schema_key: Option<&'static str>,
    works: fn(&mut World) -> Pin<Box<dyn Future<Output = ()> + '_>>,
}

const USES: [Use; 9] = [
    Use {
        name: "taking a token out of the state without revoking it",
        feature: Feature::REMOVED_BLOCKS,
        schema_key: None,
        works: |world| Box::pin(a_removed_block_leaves_the_token_alone(world)),
    },
    Use {
        name: "functions",
        feature: Feature::FUNCTIONS,
        schema_key: Some("functions"),
        works: |world| Box::pin(functions_are_called(world)),
    },
    Use {
        name: "refusing to move a token into a pair",
        feature: Feature::MOVES,
        schema_key: None,
        works: |world| Box::pin(moved_block_is_rejected(world)),
    },
    Use {
        name: "ephemeral resources",
        feature: Feature::EPHEMERAL_RESOURCES,
        schema_key: Some("ephemeral_resource_schemas"),
        works: |world| Box::pin(an_ephemeral_token_is_worked_with(world)),
    },
    Use {
        name: "write-only arguments",
        feature: Feature::WRITE_ONLY_ARGUMENTS,
        schema_key: None,
        works: |world| Box::pin(a_write_only_argument_takes_an_ephemeral_token(world)),
    },
    Use {
        name: "identities",
        feature: Feature::IDENTITIES,
        schema_key: Some("resource_identity_schemas"),
        works: |world| Box::pin(a_token_is_imported_by_its_identity(world)),
    },
    Use {
        name: "queries",
        feature: Feature::QUERIES,
        schema_key: Some("list_resource_schemas"),
        works: |world| Box::pin(tokens_are_queried(world)),
    },
    Use {
        name: "actions",
        feature: Feature::ACTIONS,
        schema_key: Some("action_schemas"),
        works: |world| Box::pin(an_action_is_invoked(world)),
    },
    // Last, because it keeps its configuration.
    Use {
        name: "tests with a mocked provider",
        feature: Feature::MOCKED_PROVIDERS,
        schema_key: None,
        works: |world| Box::pin(mocked_tests_pass(world)),
    },
];

#[test]
fn lifecycle_and_features_work_on_every_version() {
    World::on_every_version(async |world| {
        // More tokens are created than the rate limit allows.
        world.sandbox.set_options(|options| options.rate_limits = None);
        token_is_created_rotated_and_revoked(world).await;
        let keys = schema_keys(world).await;
        for Use {
            name,
            feature,
            schema_key,
            works,
        } in USES
        {
            let terraform = world.workspace.terraform();
            let has = versions::has(terraform, feature);
            println!("{terraform}: {name}: {}", if has { "yes" } else { "no" });
            if let Some(key) = schema_key {
                assert_eq!(keys.iter().any(|known| known == key), has, "{key} of {keys:?}");
            }
            if has {
                works(world).await;
            }
        }
    });
}

/// The kinds of objects in the schema of the provider.
async fn schema_keys(world: &World) -> Vec<String> {
    let schemas = world.workspace.json(&["providers", "schema", "-json"]).await.unwrap();
    let provider = &schemas["provider_schemas"]["registry.terraform.io/token-providers/striim"];
    let kinds = provider.as_object().unwrap().iter();
    let filled = kinds.filter(|(_, of_kind)| of_kind.as_object().is_some_and(|of_kind| !of_kind.is_empty()));
    filled.map(|(kind, _)| kind.clone()).collect()
}

async fn token_is_created_rotated_and_revoked(world: &mut World) {
    let output = format!("output \"token\" {{\n  value = {CI}.token\n  sensitive = true\n}}\n");
    let declared = |release| {
        let token = ci(&format!(
            "expires_in = \"90d\"\n  rotation_triggers = {{ release = {release} }}"
        ));
        format!("{token}{output}")
    };
    world.configure(&declared(1));
    world.apply().await;
    let first = world.workspace.output("token").await.unwrap();
    assert!(world.sandbox.is_live(&first));
    world.plans_nothing().await;
    let created = generation(&world.attributes(CI).await);

    world.configure(&declared(2));
    let plan = world.plan().await;
    plan.rotates_because("rotation_triggers.release changed");
    assert_eq!(plan.after(CI)["generation"], created + 1);
    world.apply().await;
    let second = world.workspace.output("token").await.unwrap();
    assert!(world.sandbox.is_live(&second) && !world.sandbox.is_live(&first));
    world.plans_nothing().await;

    world.destroy().await;
    assert!(world.names().is_empty() && !world.sandbox.is_live(&second));

    // Found, imported, and revoked by its removal from the configuration.
    let theirs = json!({"name": "ci-pipeline", "expires-at": world.in_days(30)});
    let theirs = world.outside(Method::POST, "/service-account", theirs).await["token"].take();
    let import = format!("import {{\n  to = {CI}\n  id = \"ci-pipeline\"\n}}\n");
    let found = "data \"striim_token\" \"ci\" {\n  name = \"ci-pipeline\"\n}\n\
                 output \"found\" {\n  value = data.striim_token.ci.name\n}\n";
    world.configure(&format!("{}{import}{found}", ci("")));
    let run = world.apply().await;
    assert!(run.says("1 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
    assert_eq!(world.workspace.output("found").await.unwrap(), "ci-pipeline");
    assert!(world.accepts(&theirs));
    world.configure("");
    world.apply().await;
    assert!(world.names().is_empty() && !world.accepts(&theirs));
}

async fn a_removed_block_leaves_the_token_alone(world: &mut World) {
    world.configure(&ci(""));
    world.apply().await;
    let value = world.attributes(CI).await["token"].clone();
    world.configure(&format!(
        "removed {{\n  from = {CI}\n  lifecycle {{\n    destroy = false\n  }}\n}}\n"
    ));
    world.apply().await;
    assert!(world.attributes(CI).await.is_null());
    assert!(world.accepts(&value));
    world.sandbox.delete_outside("ci-pipeline").unwrap();
}

async fn functions_are_called(world: &mut World) {
    world.configure(
        "output \"sum\" {\n  value = provider::striim::duration_add(\"2027-02-09T01:00:00+01:00\", \"1w1d\")\n}\n",
    );
    world.apply().await;
    assert_eq!(world.workspace.output("sum").await.unwrap(), "2027-02-17T00:00:00Z");
}

async fn moved_block_is_rejected(world: &mut World) {
    world.configure(TOKEN);
    world.apply().await;
    world.configure(&moved(TOKEN, PAIR));
    let run = world.plan_fails().await;
    assert!(run.says("Move not supported"), "{run}");
    world.configure(TOKEN);
    world.destroy().await;
}

async fn an_ephemeral_token_is_worked_with(world: &mut World) {
    world.configure(&by_another_provider());
    world.apply().await;
    assert_eq!(world.names(), ["ci-pipeline"]);
    world.plans_nothing().await;
    world.destroy().await;
    assert!(world.names().is_empty());
}

async fn a_write_only_argument_takes_an_ephemeral_token(world: &mut World) {
    Consumer::attached(world, async |world, consumer| {
        world.workspace.write("main.tf", &handed_over(1, "")).unwrap();
        world.apply().await;
        assert_eq!(consumer.received().len(), 1);
        world.destroy().await;
        assert!(world.names().is_empty());
    })
    .await;
}

async fn a_token_is_imported_by_its_identity(world: &mut World) {
    add_ci(world).await;
    world.configure(&format!("{}{}", ci(""), import("name = \"ci-pipeline\"")));
    let run = world.apply().await;
    assert!(run.says("1 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
    world.configure("");
    world.apply().await;
}

async fn tokens_are_queried(world: &mut World) {
    let run = query(world, "").await.success().unwrap();
    assert!(run.says("name=terraform"), "{run}");
}

async fn an_action_is_invoked(world: &mut World) {
    let value = add_former(world).await;
    world.configure(FORMER);
    invoke(world, "striim_revoke_service_account_token.former")
        .await
        .success()
        .unwrap();
    assert!(!world.accepts(&value));
}
