//! `data.striim_service_account_tokens` and `data.striim_pat_status`: what the platform tells of the account.

use http::Method;
use serde_json::{Value, json};

use super::world::{World, in_days};

#[test]
fn the_tokens_of_the_account_are_listed_and_filtered() {
    World::on_each_version(async |world| {
        let expires_at = in_days(30);
        let account = json!({"name": "ci-pipeline", "description": "By hand", "expires-at": expires_at});
        let created = world.outside(Method::POST, "/service-account", account).await;
        world
            .sandbox
            .add_service_account("Late", Some(in_days(300).parse().unwrap()));
        world
            .sandbox
            .add_service_account("past", Some(in_days(-1).parse().unwrap()));
        world.configure(&format!(
            r#"
data "striim_service_account_tokens" "all" {{}}

data "striim_service_account_tokens" "expired" {{
  expired = true
}}

data "striim_service_account_tokens" "soon" {{
  expired        = false
  expires_before = "{}"
}}
"#,
            in_days(31)
        ));
        world.apply().await;

        let all = world.attributes("data.striim_service_account_tokens.all").await;
        // The provider's own is a legacy one: the sandbox is not to lock it out.
        assert_eq!(names(&all), ["Late", "ci-pipeline", "past", "terraform"]);
        let expected = json!({
            "name": "ci-pipeline",
            "token_id": created["token-id"],
            "description": "By hand",
            "expires_at": expires_at,
            "expired": false,
            "legacy": false,
            "managed_by": null,
            "updated_at": all["tokens"][1]["updated_at"],
        });
        assert_eq!(all["tokens"][1], expected);
        assert_eq!(all["tokens"][3]["legacy"], true);
        assert_eq!(all["tokens"][3]["expires_at"], Value::Null);

        let expired = world.attributes("data.striim_service_account_tokens.expired").await;
        assert_eq!(names(&expired), ["past"]);
        let soon = world.attributes("data.striim_service_account_tokens.soon").await;
        assert_eq!(names(&soon), ["ci-pipeline"]);
        world.plans_nothing().await;
    });
}

fn names(tokens: &Value) -> Vec<&str> {
    let tokens = tokens["tokens"].as_array().unwrap();
    tokens.iter().map(|token| token["name"].as_str().unwrap()).collect()
}

#[test]
fn a_filter_that_is_no_instant_is_refused_where_it_stands() {
    World::on_each_version(async |world| {
        world.configure("data \"striim_service_account_tokens\" \"soon\" {\n  expires_before = \"2027-02-09\"\n}\n");
        let run = world.plan_fails().await;
        assert!(
            run.says("expires_before = \"2027-02-09\"") && run.says("RFC 3339"),
            "{run}"
        );
    });
}

#[test]
fn the_status_of_pats_is_told_and_not_touched() {
    World::on_each_version(async |world| {
        world.configure("data \"striim_pat_status\" \"this\" {}\n");
        for enabled in [true, false] {
            if !enabled {
                world.outside(Method::PATCH, "/user-token/status", Value::Null).await;
            }
            world.apply().await;
            let status = world.attributes("data.striim_pat_status.this").await;
            assert_eq!(status, json!({"id": "127.0.0.1", "enabled": enabled}));
        }
        assert_eq!(world.sandbox.calls("PATCH", "/user-token/status"), 1);
    });
}
