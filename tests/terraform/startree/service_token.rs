//! Service tokens: lifecycle, overlap, delivery to Vault, a killed run, ephemeral tokens,
//! functions.

use http::Method;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use token_providers::sandbox::startree::Subject;
use token_providers::sandbox::{Effect, Fault, Listening, Vault};
use token_providers::token::Clock;

use super::world::{World, generation, until, warnings};
use crate::support::feature::Feature;

const CI: &str = "startree_service_token.ci";
const ASSIGNMENT: &str = "startree_role_assignment.ci";
const PLACE: &str = "vault = { mount = \"secret\", path = \"startree/ci\" }";

/// Declares a token with a role, and with these additional attributes.
fn ci(more: &str) -> String {
    let token = format!("resource \"startree_service_token\" \"ci\" {{\n  description = \"ci\"\n  {more}\n}}\n");
    format!("{token}{ASSIGNED}")
}

const ASSIGNED: &str = r#"
resource "startree_policy" "reader" {
  name     = "reader"
  document = "{\"version\": \"v1\"}"
}

resource "startree_role" "reader" {
  name = "reader"
}

resource "startree_role_policy_attachment" "reader" {
  role   = startree_role.reader.id
  policy = startree_policy.reader.id
}

resource "startree_role_assignment" "ci" {
  role         = startree_role.reader.id
  subject_type = "service-token"
  subject      = startree_service_token.ci.access_key
}
"#;

fn released(release: u32) -> String {
    ci(&format!("rotation_triggers = {{ release = {release} }}"))
}

fn overlapping(release: u32) -> String {
    ci(&format!(
        "rotation_triggers = {{ release = {release} }}\n  overlap = \"2h\""
    ))
}

fn delivered(release: u32) -> String {
    ci(&format!("rotation_triggers = {{ release = {release} }}\n  {PLACE}"))
}

impl World {
    /// Returns the subjects of the role `reader`.
    fn readers(&self) -> Vec<String> {
        self.holders("reader")
    }

    /// Returns the subjects of a role, in the order of the access keys.
    fn holders(&self, role: &str) -> Vec<String> {
        let roles = self.sandbox.roles();
        let subjects = roles.get(role).into_iter().flat_map(|role| role.subjects());
        subjects.map(|subject| subject.subject.clone()).collect()
    }

    async fn token(&self) -> Value {
        self.attributes(CI).await["token"].take()
    }

    /// Asserts that the declared token is the only one and has its role, and that a plan changes
    /// nothing.
    async fn assert_settled(&self) {
        let run = self.plans_nothing().await;
        assert_eq!(warnings(&run), 0, "{run}");
        let key = self.attributes(CI).await["access_key"].take();
        assert_eq!(json!(self.keys()), json!([key]));
        assert_eq!(json!(self.readers()), json!([key]));
    }
}

#[test]
fn token_lifecycle_succeeds_on_every_version() {
    World::on_every_version(async |world| {
        world.configure(&released(1));
        let run = world.apply().await;
        assert_eq!(warnings(&run), 0, "a new token gets its role in the same apply: {run}");
        world.assert_settled().await;
        let first = world.token().await;
        assert!(world.accepts(&first));

        world.configure(&released(2));
        let plan = world.plan().await;
        assert_eq!(
            (plan.actions(CI), plan.actions(ASSIGNMENT)),
            ("update".into(), "update".into())
        );
        assert!(
            plan.run.says("The service token \"ci\" will be rotated"),
            "{}",
            plan.run
        );
        assert!(plan.run.says("rotation_triggers.release changed"), "{}", plan.run);
        let created = generation(&world.attributes(CI).await);
        assert_eq!(plan.after(CI)["generation"], created + 1);
        world.apply().await;
        world.assert_settled().await;
        let second = world.token().await;
        assert!(world.accepts(&second) && !world.accepts(&first));

        world.destroy().await;
        assert_eq!((world.keys(), world.added_policies_and_roles()), (vec![], (0, 0)));
    });
}

#[test]
fn changes_during_an_overlap_reach_both_tokens_in_one_apply() {
    World::on_each_version(async |world| {
        world.configure(&overlapping(1));
        world.apply().await;
        let first = world.token().await;
        world.configure(&overlapping(2));
        world.apply().await;
        let second = world.token().await;
        let keys = world.keys();
        assert_eq!(keys.len(), 2);

        let renamed = overlapping(2).replace("name = \"reader\"", "name = \"viewer\"");
        world.configure(&renamed);
        world.apply().await;
        world.plans_nothing().await;
        assert!(world.accepts(&first) && world.accepts(&second));
        assert_eq!(
            (world.holders("viewer"), world.holders("reader")),
            (keys.clone(), vec![])
        );

        let added = "resource \"startree_role\" \"writer\" {\n  name = \"writer\"\n}\n\n\
                     resource \"startree_role_assignment\" \"more\" {\n  role         = startree_role.writer.id\n  \
                     subject_type = \"service-token\"\n  subject      = startree_service_token.ci.access_key\n}\n";
        world.configure(&format!("{renamed}{added}"));
        world.apply().await;
        world.plans_nothing().await;
        assert_eq!(world.holders("writer"), keys);

        world.configure(&renamed);
        let plan = world.plan().await;
        assert!(plan.run.says("is revoked from both tokens"), "{}", plan.run);
        world.apply().await;
        world.plans_nothing().await;
        assert_eq!((world.holders("writer"), world.holders("viewer")), (vec![], keys));

        world.destroy().await;
        assert_eq!((world.keys(), world.added_policies_and_roles()), (vec![], (0, 0)));
    });
}

/// Starts a Vault, and configures the provider with Vault's environment variables.
async fn vault(world: &mut World) -> (Vault, Listening) {
    let vault = Vault::new(Clock::system());
    let listening = vault.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    world.set_env("VAULT_ADDR", &listening.base_url);
    world.set_env("VAULT_TOKEN", vault.root_token().expose_secret());
    (vault, listening)
}

fn stored_value(vault: &Vault) -> Option<Value> {
    Some(vault.secret("secret", "startree/ci")?["token"].clone())
}

#[test]
fn delivered_value_is_only_in_vault() {
    World::on_each_version(async |world| {
        let (vault, _listening) = vault(world).await;
        world.configure(&delivered(1));
        let plan = world.plan().await;
        assert!(plan.after(CI)["token"].is_null() && plan.unknown(CI)["token"].is_null());
        world.apply().await;
        world.assert_settled().await;
        let first = stored_value(&vault).unwrap();
        assert!(world.accepts(&first) && world.token().await.is_null());
        assert!(world.attributes(CI).await["secret_key"].is_null());

        world.configure(&delivered(2));
        world.apply().await;
        world.assert_settled().await;
        assert!(!world.accepts(&first) && world.accepts(&stored_value(&vault).unwrap()));
        assert_eq!(world.attributes(CI).await["vault_version"], 2);
        for value in world.sandbox.issued_values() {
            assert!(
                !world.files().contains(value.expose_secret()),
                "a file contains a value"
            );
        }
        world.destroy().await;
        assert!(stored_value(&vault).is_none() && world.keys().is_empty());
    });
}

#[test]
fn rotation_killed_after_delivery_is_completed_by_the_next_run() {
    World::on_each_version(async |world| {
        let (vault, _listening) = vault(world).await;
        world.configure(&delivered(1));
        world.apply().await;
        let first = stored_value(&vault).unwrap();
        world.configure(&delivered(2));
        let hang = Fault::new(Effect::Hang).on("POST", "/roles/srn2:role%23reader/delete-assignment");
        world.sandbox.fault(hang);
        let calls = || {
            world
                .sandbox
                .calls("POST", "/roles/srn2:role%23reader/delete-assignment")
        };
        let running = world
            .apply_until("the deletion of the old token begins", || calls() > 0)
            .await;
        running.kill_provider().await.unwrap();
        running.end().await.unwrap();
        world.sandbox.clear_faults();
        let second = stored_value(&vault).unwrap();
        assert!(world.accepts(&first) && world.accepts(&second));

        let run = world.plan().await.run;
        assert!(run.says("was rotated by a run that did not finish"), "{run}");
        world.apply().await;
        world.assert_settled().await;
        assert!(world.accepts(&stored_value(&vault).unwrap()) && !world.accepts(&first));
    });
}

#[test]
fn ephemeral_token_exists_only_during_the_run() {
    on_each_version_with_ephemeral_resources(async |world| {
        world.sandbox.add_role("reader", None);
        world.configure(EPHEMERAL);
        world.plan().await;
        assert!(world.keys().is_empty(), "the plan deletes its token");
        let run = world.apply().await;
        assert_eq!(warnings(&run), 0, "{run}");
        assert!(
            world.sandbox.roles().contains_key("orders"),
            "the role is created with the ephemeral token"
        );
        assert!(world.keys().is_empty() && world.readers().is_empty());
        assert_eq!(world.sandbox.calls("POST", "/service-tokens"), 3);
        for value in world.sandbox.issued_values() {
            assert!(
                !world.files().contains(value.expose_secret()),
                "a file contains a value"
            );
        }
    });
}

const EPHEMERAL: &str = r#"
ephemeral "startree_service_token" "run" {
  description_prefix = "run"
  roles              = ["system-admin", "reader"]
}

provider "startree" {
  alias = "run"
  token = ephemeral.startree_service_token.run.token
}

resource "startree_role" "orders" {
  provider = startree.run
  name     = "orders"
}
"#;

fn on_each_version_with_ephemeral_resources(test: impl AsyncFn(&mut World) + Sync) {
    World::on_each_version_with(Feature::EPHEMERAL_RESOURCES, test);
}

#[test]
fn ephemeral_token_of_an_interrupted_run_is_deleted_when_the_provider_exits() {
    on_each_version_with_ephemeral_resources(async |world| {
        world.sandbox.add_role("reader", None);
        world.configure(EPHEMERAL);
        let running = world.apply_until_rejected(Method::POST, "/roles", 3600).await;
        running.interrupt().await.unwrap();
        running.end().await.unwrap();
        until("the token is deleted", || world.keys().is_empty()).await;
        assert!(world.readers().is_empty());
    });
}

#[test]
fn functions_split_a_token_and_keep_it_sensitive() {
    World::on_each_version_with(Feature::FUNCTIONS, async |world| {
        let functions = "
locals {
  parsed = provider::startree::parse_token(startree_service_token.ci.token)
}

output \"username\" {
  value = nonsensitive(local.parsed.username)
}

output \"password\" {
  value     = local.parsed.password
  sensitive = true
}

output \"basic\" {
  value     = provider::startree::basic_auth(startree_service_token.ci.token)
  sensitive = true
}
";
        world.configure(&format!("{}{functions}", ci("")));
        world.apply().await;
        let token = world
            .sandbox
            .tokens()
            .into_iter()
            .find(|token| world.keys().contains(&token.access_key))
            .unwrap();
        assert_eq!(world.workspace.output("username").await.unwrap(), token.access_key);
        let password = world.workspace.output("password").await.unwrap();
        assert_eq!(password, token.secret_key.expose_secret());

        // Terraform rejects an output that is not marked as sensitive.
        world.configure(&format!("{}{functions}", ci("")).replace("  sensitive = true\n", ""));
        let run = world.plan_fails().await;
        assert!(run.says("sensitive"), "{run}");

        world.configure("output \"it\" {\n  value = provider::startree::parse_token(\"st-short\").username\n}\n");
        let run = world.plan_fails().await;
        assert!(run.says("must be a StarTree token"), "{run}");
    });
}

#[test]
fn ephemeral_check_of_a_rejected_token_fails_the_plan_and_stores_no_value() {
    World::on_each_version_with(Feature::EPHEMERAL_RESOURCES, async |world| {
        let token = world.sandbox.add_token();
        let value = token.bearer().expose_secret().to_owned();
        world.set_env("TF_VAR_dashboards_token", &value);
        let example = World::examples_folder().join("ephemeral-resources/startree_token_check/ephemeral-resource.tf");
        world.take(&[example, World::provider_example()]);
        let run = world.plan_fails().await;
        assert!(run.says("Pinot does not accept the token of the dashboards."), "{run}");
        world
            .sandbox
            .assign_outside("table-reader", Subject::token(&token.access_key));
        world.apply().await;
        assert!(!world.files().contains(token.secret_key.expose_secret()));
        world.unset_env("TF_VAR_dashboards_token");
    });
}

#[test]
fn ephemeral_check_of_a_token_runs_in_the_apply_that_creates_it_and_in_later_plans() {
    World::on_each_version_with(Feature::EPHEMERAL_RESOURCES, async |world| {
        world.configure(&format!(
            "{}{}",
            released(1),
            "ephemeral \"startree_token_check\" \"ci\" {\n  token = startree_service_token.ci.token\n  \
             depends_on = [startree_role_assignment.ci]\n  lifecycle {\n    postcondition {\n      \
             condition = self.valid\n      error_message = \"Not accepted.\"\n    }\n  }\n}\n"
        ));
        world.apply().await;
        world.plans_nothing().await;
        world
            .sandbox
            .unassign_outside("reader", Subject::token(&world.keys()[0]));
        // The token is known, so it is checked before the apply assigns the role again.
        let run = world.plan_fails().await;
        assert!(run.says("Not accepted."), "{run}");
    });
}
