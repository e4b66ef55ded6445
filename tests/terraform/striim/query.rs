//! `terraform query`, from Terraform 1.14 on.

use http::Method;
use serde_json::{Value, json};

use super::examples::take;
use super::world::{World, in_days};
use crate::support::feature::Feature;
use crate::support::terraform::Run;

const QUERY: [&str; 2] = ["query", "-no-color"];

/// Queries the tokens with this `config`.
pub(crate) async fn query(world: &World, config: &str) -> Run {
    world.configure("provider \"striim\" {}\n");
    let list = "list \"striim_service_account_token\" \"found\" {\n  provider = striim\n";
    let list = format!("{list}  config {{\n    {config}\n  }}\n}}\n");
    world.workspace.write("tokens.tfquery.hcl", &list).unwrap();
    world.workspace.run(&QUERY).await.unwrap()
}

/// Creates accounts outside Terraform, with two expiries, with and without a description.
async fn populate(world: &World) {
    world.sandbox.set_options(|options| options.quota = 10);
    for account in [
        json!({"name": "soon", "description": "Deploys", "expires-at": in_days(5)}),
        json!({"name": "late", "expires-at": in_days(100)}),
        json!({"name": "empty", "description": "", "expires-at": in_days(100)}),
    ] {
        world.outside(Method::POST, "/service-account", account).await;
    }
    let past = in_days(-1).parse().unwrap();
    world.sandbox.add_service_account("gone", Some(past));
}

#[test]
fn query_filters_tokens_by_expiry() {
    World::on_each_version_with(Feature::QUERIES, async |world| {
        populate(world).await;
        for (config, found) in [
            ("", &["empty", "gone", "late", "soon", "terraform"][..]),
            ("expired = true", &["gone"]),
            (
                &format!("expired = false\n    expires_before = {:?}", in_days(10)),
                &["soon"],
            ),
            (&format!("expires_before = {:?}", in_days(-10)), &[]),
        ] {
            let run = query(world, config).await.success().unwrap();
            for name in ["empty", "gone", "late", "soon", "terraform"] {
                let is_shown = run.says(&format!("account=127.0.0.1,name={name}"));
                assert_eq!(is_shown, found.contains(&name), "{name} for {config:?}: {run}");
            }
        }
        let run = query(world, "expires_before = \"tomorrow\"").await;
        assert_eq!(run.code, Some(1), "{run}");
        assert!(run.says("`expires_before`: must be an instant"), "{run}");
    });
}

#[test]
fn configuration_generated_from_a_query_imports_and_plans_nothing() {
    World::on_each_version_with(Feature::QUERIES, async |world| {
        populate(world).await;
        query(world, "").await.success().unwrap();
        let before = world.changes();
        let generate = [&QUERY[..], &["-generate-config-out=generated.tf"]].concat();
        world.workspace.run(&generate).await.unwrap().success().unwrap();
        let run = world.apply().await;
        assert!(run.says("5 imported, 0 added, 0 changed, 0 destroyed"), "{run}");
        world.plans_nothing().await;
        assert_eq!(world.changes(), before, "an import changes nothing");
        let state = world.workspace.state().await.unwrap();
        let resources = state["values"]["root_module"]["resources"].as_array().unwrap();
        assert!(
            resources
                .iter()
                .all(|resource| resource["values"]["token"] == Value::Null)
        );
    });
}

#[test]
fn every_list_example_works() {
    for example in World::examples("list-resources") {
        World::on_each_version_with(Feature::QUERIES, async |world| {
            let account = json!({"name": "ci-pipeline", "expires-at": in_days(30)});
            world.outside(Method::POST, "/service-account", account).await;
            take(
                world,
                &in_days(90),
                &[World::provider_example(), example.join("list-resource.tfquery.hcl")],
            );
            let run = world.workspace.run(&QUERY).await.unwrap().success().unwrap();
            assert!(run.says("name=ci-pipeline"), "{run}");
        });
    }
}
