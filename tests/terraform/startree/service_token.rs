//! The life of a service token: made, given roles, rotated with them, handed over, ended.

use http::Method;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use token_providers::sandbox::startree::Subject;
use token_providers::sandbox::{Effect, Fault, Listening, Vault};
use token_providers::token::Clock;

use super::world::{World, generation, until, warnings};

const CI: &str = "startree_service_token.ci";
const ASSIGNMENT: &str = "startree_role_assignment.ci";
const PLACE: &str = "vault = { mount = \"secret\", path = \"startree/ci\" }";

/// A token with a role, and these attributes of it.
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

fn handed_over(release: u32) -> String {
    ci(&format!("rotation_triggers = {{ release = {release} }}\n  {PLACE}"))
}

impl World {
    /// Whom the role `reader` is assigned to.
    fn readers(&self) -> Vec<String> {
        let roles = self.sandbox.roles();
        let subjects = roles.get("reader").into_iter().flat_map(|role| role.subjects());
        subjects.map(|subject| subject.subject.clone()).collect()
    }

    /// Whom a role is assigned to, in the order of the access keys.
    fn having(&self, role: &str) -> Vec<String> {
        let roles = self.sandbox.roles();
        let subjects = roles.get(role).into_iter().flat_map(|role| role.subjects());
        subjects.map(|subject| subject.subject.clone()).collect()
    }

    async fn token(&self) -> Value {
        self.attributes(CI).await["token"].take()
    }

    /// The one token there is is the declared one, has its role, and nothing is left to do.
    async fn settled(&self) {
        let run = self.plans_nothing().await;
        assert_eq!(warnings(&run), 0, "{run}");
        let key = self.attributes(CI).await["access_key"].take();
        assert_eq!(json!(self.keys()), json!([key]));
        assert_eq!(json!(self.readers()), json!([key]));
    }
}

#[test]
fn a_token_lives_rotates_with_its_roles_and_ends_on_every_version() {
    World::on_every_version(async |world| {
        world.configure(&released(1));
        let run = world.apply().await;
        assert_eq!(
            warnings(&run),
            0,
            "a token that is just made gets its role in the same apply: {run}"
        );
        world.settled().await;
        let first = world.token().await;
        assert!(world.lets_in(&first));

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
        world.settled().await;
        let second = world.token().await;
        assert!(world.lets_in(&second) && !world.lets_in(&first));

        world.destroy().await;
        assert_eq!((world.keys(), world.left()), (vec![], (0, 0)));
    });
}

#[test]
fn with_an_overlap_nobody_is_locked_out_and_the_plan_says_who_ends_when() {
    World::by_the_clock(async |world| {
        world.set_now("2027-01-01T00:00:00Z");
        world.configure(&overlapping(1));
        world.apply().await;
        let first = world.token().await;
        let first_key = world.attributes(CI).await["access_key"].take();

        world.configure(&overlapping(2));
        let run = world.plan().await.run;
        assert!(run.says("remains valid for `overlap` = 2h"), "{run}");
        world.apply().await;
        let second = world.token().await;
        assert!(world.lets_in(&first) && world.lets_in(&second));
        let attributes = world.attributes(CI).await;
        assert_eq!(attributes["previous_access_key"], first_key);
        let ends = attributes["previous_ends_at"].as_str().unwrap();
        assert!(ends.starts_with("2027-01-01T02:00:"), "{ends}");
        assert_eq!(world.readers().len(), 2);
        world.plans_nothing().await;

        world.sandbox.advance(SignedDuration::from_hours(2));
        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "update");
        assert!(plan.run.says("the previous token will be deleted"), "{}", plan.run);
        assert!(
            plan.run.says(&format!("is due for deletion since {ends}")),
            "{}",
            plan.run
        );
        world.apply().await;
        assert!(!world.lets_in(&first) && world.lets_in(&second));
        world.settled().await;
    });
}

#[test]
fn overlap_survives_a_renamed_role_an_added_and_a_removed_assignment_and_a_destroy_each_in_one_apply() {
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
        assert!(world.lets_in(&first) && world.lets_in(&second));
        assert_eq!((world.having("viewer"), world.having("reader")), (keys.clone(), vec![]));

        let added = "resource \"startree_role\" \"writer\" {\n  name = \"writer\"\n}\n\n\
                     resource \"startree_role_assignment\" \"more\" {\n  role         = startree_role.writer.id\n  \
                     subject_type = \"service-token\"\n  subject      = startree_service_token.ci.access_key\n}\n";
        world.configure(&format!("{renamed}{added}"));
        world.apply().await;
        world.plans_nothing().await;
        assert_eq!(world.having("writer"), keys);

        world.configure(&renamed);
        let plan = world.plan().await;
        assert!(plan.run.says("is revoked from both tokens"), "{}", plan.run);
        world.apply().await;
        world.plans_nothing().await;
        assert_eq!((world.having("writer"), world.having("viewer")), (vec![], keys));

        world.destroy().await;
        assert_eq!((world.keys(), world.left()), (vec![], (0, 0)));
    });
}

#[test]
fn a_token_rotates_by_its_age() {
    World::by_the_clock(async |world| {
        world.configure(&ci("rotate_every = \"30d\""));
        world.apply().await;
        let first = world.token().await;
        world.sandbox.advance(SignedDuration::from_hours(24 * 30 - 1));
        world.plans_nothing().await;
        world.sandbox.advance(SignedDuration::from_hours(1));
        let run = world.plan().await.run;
        assert!(
            run.says("it is 30 days old") && run.says("rotate_every = 30 days"),
            "{run}"
        );
        world.apply().await;
        assert!(!world.lets_in(&first) && world.lets_in(&world.token().await));
        world.settled().await;
    });
}

#[test]
fn a_token_without_a_role_is_told_to_be_of_no_use() {
    World::on_each_version(async |world| {
        world.configure("resource \"startree_service_token\" \"ci\" {\n  description = \"ci\"\n}\n");
        let run = world.apply().await;
        assert_eq!(warnings(&run), 0, "{run}");
        let run = world.plans_nothing().await;
        assert!(run.says("The service token \"ci\" has no role"), "{run}");
    });
}

#[test]
fn another_description_makes_another_token_and_with_create_before_destroy_first() {
    World::on_each_version(async |world| {
        let before = "lifecycle {\n    create_before_destroy = true\n  }";
        for more in ["", before] {
            world.configure(&ci(more));
            world.apply().await;
            let first = world.token().await;
            world.configure(
                &ci(more)
                    .replace("\"ci\"\n", "\"cd\"\n")
                    .replace("description = \"ci\"", "description = \"cd\""),
            );
            let plan = world.plan().await;
            let expected = if more.is_empty() {
                "delete create"
            } else {
                "create delete"
            };
            assert_eq!(plan.actions(CI), expected);
            world.apply().await;
            assert!(!world.lets_in(&first) && world.lets_in(&world.token().await));
            world.settled().await;
            world.destroy().await;
        }
    });
}

#[test]
fn an_import_brings_the_token_and_rotates_nothing() {
    World::on_each_version(async |world| {
        let token = world.sandbox.add_token();
        world.configure(&ci(""));
        let run = world.import(CI, &token.access_key).await;
        assert!(
            run.says("is unknown") && run.says("only when the token was created"),
            "{run}"
        );
        world.apply().await;
        assert_eq!(world.keys(), [&*token.access_key]);
        assert!(world.lets_in(&json!(token.bearer().expose_secret())));
        assert!(world.token().await.is_null());
        world.settled().await;

        world.configure(&released(1));
        world.apply().await;
        assert_eq!(
            world.keys(),
            [&*token.access_key],
            "what is first declared describes it"
        );
        world.configure(&released(2));
        world.apply().await;
        assert_ne!(world.keys(), [token.access_key]);
        world.settled().await;
    });
}

#[test]
fn what_cannot_be_revoked_is_told_and_revoked_by_the_next_apply() {
    World::on_each_version(async |world| {
        world.configure(&released(1));
        world.apply().await;
        let (first, key) = (world.token().await, world.keys().remove(0));
        world
            .sandbox
            .fault(Fault::answer(403).on("DELETE", &format!("/service-tokens/srn2:service-token%23{key}")));
        world.configure(&released(2));
        let run = world.apply().await;
        assert!(run.says("the previous token could not be deleted"), "{run}");
        assert_eq!(world.attributes(CI).await["previous_access_key"], key.as_str());
        let plan = world.plan().await;
        assert!(
            plan.run.says("the previous token will be deleted") && plan.run.says(&key),
            "{}",
            plan.run
        );
        world.apply().await;
        assert!(!world.lets_in(&first));
        world.settled().await;
    });
}

#[test]
fn what_was_deleted_outside_is_made_anew_with_its_role() {
    World::on_each_version(async |world| {
        world.configure(&ci(""));
        world.apply().await;
        world.sandbox.delete_token_outside(&world.keys()[0]);
        let plan = world.plan().await;
        assert_eq!(plan.actions(CI), "create");
        world.apply().await;
        world.settled().await;
    });
}

#[test]
fn the_providers_own_token_is_rotated_and_not_ended() {
    World::on_each_version(async |world| {
        world.configure(&released(1).replace(
            "startree_role.reader.id\n  subject_type",
            "\"system-admin\"\n  subject_type",
        ));
        world.apply().await;
        let first = world.token().await;
        world.set_env("STARTREE_TOKEN", first.as_str().unwrap());
        world.configure(&released(2).replace(
            "startree_role.reader.id\n  subject_type",
            "\"system-admin\"\n  subject_type",
        ));
        let run = world.apply().await;
        assert!(run.says("The provider uses this token"), "{run}");
        let second = world.token().await;
        assert!(world.lets_in(&second) && !world.lets_in(&first));

        world.set_env("STARTREE_TOKEN", second.as_str().unwrap());
        world.plans_nothing().await;
        let run = world.destroy_fails().await;
        assert!(
            run.says("the token that the provider uses") || run.says("The provider uses this token"),
            "{run}"
        );
        assert!(world.lets_in(&second));
    });
}

/// Starts a Vault, which the provider is told of by Vault's own variables.
async fn vault(world: &mut World) -> (Vault, Listening) {
    let vault = Vault::new(Clock::system());
    let listening = vault.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    world.set_env("VAULT_ADDR", &listening.base_url);
    world.set_env("VAULT_TOKEN", vault.root_token().expose_secret());
    (vault, listening)
}

fn held(vault: &Vault) -> Option<Value> {
    Some(vault.secret("secret", "startree/ci")?["token"].clone())
}

#[test]
fn handed_over_a_value_is_in_vault_alone() {
    World::on_each_version(async |world| {
        let (vault, _listening) = vault(world).await;
        world.configure(&handed_over(1));
        let plan = world.plan().await;
        assert!(plan.after(CI)["token"].is_null() && plan.unknown(CI)["token"].is_null());
        world.apply().await;
        world.settled().await;
        let first = held(&vault).unwrap();
        assert!(world.lets_in(&first) && world.token().await.is_null());
        assert!(world.attributes(CI).await["secret_key"].is_null());

        world.configure(&handed_over(2));
        world.apply().await;
        world.settled().await;
        assert!(!world.lets_in(&first) && world.lets_in(&held(&vault).unwrap()));
        assert_eq!(world.attributes(CI).await["vault_version"], 2);
        for value in world.sandbox.issued_values() {
            assert!(!world.files().contains(value.expose_secret()), "a file holds a value");
        }
        world.destroy().await;
        assert!(held(&vault).is_none() && world.keys().is_empty());
    });
}

#[test]
fn killed_after_the_delivery_the_next_run_takes_the_new_token_over() {
    World::on_each_version(async |world| {
        let (vault, _listening) = vault(world).await;
        world.configure(&handed_over(1));
        world.apply().await;
        let first = held(&vault).unwrap();
        world.configure(&handed_over(2));
        let hang = Fault::new(Effect::Hang).on("POST", "/roles/srn2:role%23reader/delete-assignment");
        world.sandbox.fault(hang);
        let calls = || {
            world
                .sandbox
                .calls("POST", "/roles/srn2:role%23reader/delete-assignment")
        };
        let running = world.apply_until("the old token's end begins", || calls() > 0).await;
        running.kill_provider().await.unwrap();
        running.end().await.unwrap();
        world.sandbox.clear_faults();
        let second = held(&vault).unwrap();
        assert!(world.lets_in(&first) && world.lets_in(&second));

        let run = world.plan().await.run;
        assert!(run.says("was rotated by a run that did not finish"), "{run}");
        world.apply().await;
        world.settled().await;
        assert!(world.lets_in(&held(&vault).unwrap()) && !world.lets_in(&first));
    });
}

#[test]
fn killed_in_the_middle_of_a_rotation_the_token_goes_on_and_the_next_plan_names_what_may_be_left() {
    World::on_each_version(async |world| {
        world.configure(&released(1));
        world.apply().await;
        let first = world.token().await;
        world.configure(&released(2));
        // The new token has its role by now.
        let unassign = "/roles/srn2:role%23reader/delete-assignment";
        world.sandbox.fault(Fault::new(Effect::Hang).on("POST", unassign));
        let running = world
            .apply_until("the old token's end begins", || {
                world.sandbox.calls("POST", unassign) > 0
            })
            .await;
        running.kill_provider().await.unwrap();
        running.end().await.unwrap();
        world.sandbox.clear_faults();
        assert!(world.lets_in(&first));
        assert_eq!(world.token().await, first);

        let left = world
            .keys()
            .into_iter()
            .find(|key| !first.as_str().unwrap().contains(key))
            .unwrap();
        let run = world.plan().await.run;
        assert!(run.says("may have an orphan") && run.says(&left), "{run}");
        world.apply().await;
        assert!(world.lets_in(&world.token().await) && !world.lets_in(&first));
        world.sandbox.delete_token_outside(&left);
        world.settled().await;
    });
}

#[test]
fn a_creation_without_an_answer_is_said_to_have_left_what_is_of_no_use() {
    World::on_each_version(async |world| {
        world
            .sandbox
            .fault(Fault::new(Effect::Cut).after().on("POST", "/service-tokens"));
        world.configure(&ci(""));
        let run = world.apply_fails().await;
        assert!(run.says("has no role, and therefore no access"), "{run}");
        assert!(run.says("Security Manager") && run.says("\"ci\""), "{run}");
        assert_eq!(world.keys().len(), 1);
        let lost = world.keys().remove(0);
        world.apply().await;
        world.sandbox.delete_token_outside(&lost);
        world.settled().await;
    });
}

#[test]
fn ephemeral_a_token_with_its_roles_is_there_for_a_run_and_nowhere_afterwards() {
    on_each_version_since_ephemeral(async |world| {
        world.sandbox.add_role("reader", None);
        world.configure(EPHEMERAL);
        world.plan().await;
        assert!(world.keys().is_empty(), "the plan's is closed");
        let run = world.apply().await;
        assert_eq!(warnings(&run), 0, "{run}");
        assert!(
            world.sandbox.roles().contains_key("orders"),
            "made with the ephemeral token"
        );
        assert!(world.keys().is_empty() && world.readers().is_empty());
        assert_eq!(world.sandbox.calls("POST", "/service-tokens"), 3);
        for value in world.sandbox.issued_values() {
            assert!(!world.files().contains(value.expose_secret()), "a file holds a value");
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

fn on_each_version_since_ephemeral(test: impl AsyncFn(&mut World)) {
    World::on_each_version_since((1, 10), test);
}

#[test]
fn ephemeral_what_an_interrupted_run_made_is_revoked_as_the_provider_ends() {
    on_each_version_since_ephemeral(async |world| {
        world.sandbox.add_role("reader", None);
        world.configure(EPHEMERAL);
        let running = world.apply_until_refused(Method::POST, "/roles", 3600).await;
        running.interrupt().await.unwrap();
        running.end().await.unwrap();
        until("the token is revoked", || world.keys().is_empty()).await;
        assert!(world.readers().is_empty());
    });
}

#[test]
fn a_check_tells_whether_a_token_is_let_in() {
    World::on_each_version(async |world| {
        world
            .sandbox
            .set_options(|options| options.propagation = SignedDuration::from_mins(30));
        world.configure(&format!(
            "{}\ndata \"startree_token_check\" \"ci\" {{\n  token = startree_service_token.ci.token\n}}\n\
             output \"valid\" {{\n  value = data.startree_token_check.ci.valid\n}}\n",
            ci("")
        ));
        world.apply().await;
        assert_eq!(world.workspace.output("valid").await.unwrap(), "false");
        world.sandbox.advance(SignedDuration::from_mins(31));
        world.apply().await;
        assert_eq!(world.workspace.output("valid").await.unwrap(), "true");
    });
}

#[test]
fn functions_take_a_token_apart_and_keep_it_secret() {
    World::on_each_version_since((1, 8), async |world| {
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

        // Not marked, it cannot be printed.
        world.configure(&format!("{}{functions}", ci("")).replace("  sensitive = true\n", ""));
        let run = world.plan_fails().await;
        assert!(run.says("sensitive"), "{run}");

        world.configure("output \"it\" {\n  value = provider::startree::parse_token(\"st-short\").username\n}\n");
        let run = world.plan_fails().await;
        assert!(run.says("must be a StarTree token"), "{run}");
    });
}

#[test]
fn a_role_that_others_gave_a_token_moves_along_and_goes_with_it() {
    World::on_each_version(async |world| {
        world.sandbox.add_role("viewer", None);
        world.configure(&released(1));
        world.apply().await;
        world.sandbox.assign_outside("viewer", Subject::token(&world.keys()[0]));
        world.configure(&released(2));
        world.apply().await;
        let viewers = || {
            let roles = world.sandbox.roles();
            let subjects = roles["viewer"].subjects().map(|subject| subject.subject.clone());
            subjects.collect::<Vec<_>>()
        };
        assert_eq!(viewers(), world.keys());
        world.destroy().await;
        assert!(viewers().is_empty());
    });
}
