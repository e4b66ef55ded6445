//! Workspaces with several resources, under `framework::testing`: conflicts, shared lists and orphans.

use std::cell::RefCell;
use std::time::Duration;

use secrecy::ExposeSecret;

use crate::framework::testing::Diagnostic;
use crate::framework::testing::{Configuration, ResourceBlock, RunOptions, RunOutcome, SingleResource, Workspace};
use crate::framework::{Severity, Value};
use crate::platform::Runtime;
use crate::platform::testing::variables;
use crate::rest::Transport;
use crate::sandbox::striim::{Options, Role, Sandbox};
use crate::striim::api::NewServiceAccount;
use crate::striim::provider::Striim;
use crate::striim::tests::{api, operation, provider, sandbox};

const LIST: (&str, &str) = ("GET", "/service-accounts");

/// The value of `managed_by`, if it is set.
const MARK: &str = "acme/infra/prod";

/// An account and a workspace that manages a part of it.
struct World {
    sandbox: Sandbox,
    /// The provider's `managed_by`; empty for none.
    managed_by: &'static str,
    workspace: Workspace,
}

/// The outcome of a run and its diagnostics.
#[derive(Debug)]
struct Reported {
    failed: bool,
    diagnostics: Vec<Diagnostic>,
}

impl Reported {
    fn count(&self, severity: Severity, phrase: &str) -> usize {
        let of_severity = self.diagnostics.iter().filter(|shown| shown.severity == severity);
        of_severity.filter(|shown| shown.to_string().contains(phrase)).count()
    }

    #[track_caller]
    fn succeeds(self) -> Self {
        assert!(!self.failed, "{self:#?}");
        self
    }

    #[track_caller]
    fn fails(self, phrase: &str) -> Self {
        assert!(
            self.failed && self.count(Severity::Error, phrase) > 0,
            "{phrase}: {self:#?}"
        );
        self
    }

    #[track_caller]
    fn warns(self, phrase: &str) -> Self {
        assert!(self.count(Severity::Warning, phrase) > 0, "{phrase}: {self:#?}");
        self
    }

    #[track_caller]
    fn reports_nothing(self) -> Self {
        assert!(self.diagnostics.is_empty(), "{self:#?}");
        self
    }
}

impl World {
    fn new() -> Self {
        let options = Options {
            quota: 20,
            ..Options::default()
        };
        Self {
            sandbox: sandbox(options),
            managed_by: "",
            workspace: Workspace::default(),
        }
    }

    /// Creates an account whose provider sets `managed_by`.
    fn marking() -> Self {
        Self {
            managed_by: MARK,
            ..Self::new()
        }
    }

    fn provider(&self) -> Striim {
        let sandbox = self.sandbox.clone();
        Striim::new(Runtime {
            clock: self.sandbox.clock(),
            environment: variables(&[
                ("STRIIM_MANAGED_BY", self.managed_by),
                ("STRIIM_TOKEN", self.sandbox.admin_token().expose_secret()),
                ("STRIIM_BASE_URL", "http://127.0.0.1"),
            ]),
            transport: Box::new(move |_| Transport::new(sandbox.service())),
        })
    }

    /// Runs `terraform plan`.
    async fn plans(&self, declared: &Configuration) -> Reported {
        let planned = self
            .workspace
            .plan(|| self.provider(), declared, &RunOptions::default())
            .await;
        Reported {
            failed: planned.is_none(),
            diagnostics: self.workspace.take_diagnostics(),
        }
    }

    /// Runs `terraform apply`.
    async fn applies(&self, declared: &Configuration) -> Reported {
        let outcome = self.workspace.apply(|| self.provider(), declared).await;
        Reported {
            failed: outcome == RunOutcome::Failed,
            diagnostics: self.workspace.take_diagnostics(),
        }
    }

    /// Returns whether the value of a resource in the state is valid.
    fn works(&self, address: &str) -> bool {
        let state = self.workspace.state();
        let Some(object) = state.get(address) else { return false };
        let value = object.get("token");
        matches!(value, Value::String(value) if self.sandbox.is_live(value))
    }

    fn names(&self) -> Vec<String> {
        let accounts = self.sandbox.service_accounts().into_iter();
        accounts
            .map(|account| account.name)
            .filter(|name| name != "terraform")
            .collect()
    }

    /// Runs `terraform apply`, which must succeed. Returns the number of lists requested by the plan and by the apply.
    async fn lists(&self, declared: &Configuration) -> [usize; 2] {
        let starts = RefCell::new(Vec::new());
        let start = || {
            starts.borrow_mut().push(self.sandbox.calls(LIST.0, LIST.1));
            self.provider()
        };
        let outcome = self.workspace.apply(start, declared).await;
        assert_eq!(outcome, RunOutcome::Applied, "{:#?}", self.workspace.take_diagnostics());
        assert_eq!(self.workspace.violations(), Vec::<String>::new());
        let total = self.sandbox.calls(LIST.0, LIST.1);
        // A first process may only validate the configuration, and requests nothing.
        let [plan, .., apply] = starts.into_inner()[..] else {
            panic!("at least two processes are expected");
        };
        [apply - plan, total - apply]
    }
}

/// Returns a resource block with these attributes.
fn declare(attributes: &[(&str, Value)]) -> ResourceBlock {
    let attributes = attributes.iter().cloned();
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
    ResourceBlock::new(Value::Map(attributes.collect()))
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// Returns a configuration of `count` service account tokens with these common attributes.
fn tokens(count: usize, attributes: &[(&str, Value)]) -> Configuration {
    let tokens = (0..count).map(|n| {
        let attributes = [attributes, &[("name", text(&format!("ci-{n}")))]].concat();
        let address = format!("striim_service_account_token.ci{n}");
        (address, declare(&attributes))
    });
    tokens.collect()
}

#[tokio::test(start_paused = true)]
async fn creations_fetch_one_list_in_plan_and_one_in_apply() {
    for count in [1, 5] {
        for adopts in [Value::Null, Value::Bool(true)] {
            let world = World::new();
            let declared = tokens(count, &[("adopt_existing", adopts)]);
            assert_eq!(world.lists(&declared).await, [1, 1], "{count}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rotations_fetch_one_list_in_plan_and_none_in_apply() {
    let world = World::new();
    world.lists(&tokens(5, &[])).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let triggers = Value::Map([("release".to_owned(), text("2"))].into());
    let rotated = tokens(5, &[("rotation_triggers", triggers)]);
    assert_eq!(world.lists(&rotated).await, [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn destroys_fetch_one_list_in_plan_and_one_each_in_apply() {
    let world = World::new();
    world.lists(&tokens(5, &[])).await;
    assert_eq!(world.lists(&tokens(0, &[])).await, [1, 5]);
}

#[tokio::test(start_paused = true)]
async fn replacements_fetch_one_list_more_than_destroys() {
    let world = World::new();
    world.lists(&tokens(5, &[])).await;
    let described = tokens(5, &[("description", text("CI"))]);
    assert_eq!(world.lists(&described).await, [1, 6]);
}

const CI: &str = "striim_service_account_token.ci";
const CD: &str = "striim_service_account_token.cd";

/// Returns the resource block of a service account token with this name and these attributes.
fn token(name: &str, attributes: &[(&str, Value)]) -> ResourceBlock {
    declare(&[attributes, &[("name", text(name))]].concat())
}

fn pair(name: &str) -> ResourceBlock {
    declare(&[("name", text(name)), ("expires_in", text("90d"))])
}

fn pat(email: &str) -> ResourceBlock {
    declare(&[("email", text(email))])
}

fn resources<const N: usize>(resources: [(&str, ResourceBlock); N]) -> Configuration {
    let resources = resources.into_iter();
    resources
        .map(|(address, declared)| (address.to_owned(), declared))
        .collect()
}

fn one(name: &str, attributes: &[(&str, Value)]) -> Configuration {
    resources([(CI, token(name, attributes))])
}

#[tokio::test(start_paused = true)]
async fn plan_rejects_rename_to_taken_name() {
    let world = World::new();
    world.applies(&one("ci-first", &[])).await.succeeds();
    let theirs = world.sandbox.add_service_account("other", None);
    let adopts = [("adopt_existing", Value::Bool(true)), ("description", text("Mine"))];
    for (attributes, phrase) in [(&[][..], "is taken"), (&adopts, "description")] {
        world.plans(&one("other", attributes)).await.fails(phrase);
        world.applies(&one("other", attributes)).await.fails(phrase);
        assert!(world.works(CI) && world.sandbox.is_live(theirs.expose_secret()));
    }
    let pair_address = "striim_service_account_token_pair.ci";
    let pair_onto_taken = resources([(pair_address, pair("ci"))]);
    let world = World::new();
    world.applies(&pair_onto_taken).await.succeeds();
    for taken in ["other-a", "other-b"] {
        world.sandbox.add_service_account(taken, None);
        world
            .plans(&resources([(pair_address, pair("other"))]))
            .await
            .fails("is taken");
        world.sandbox.delete_outside(taken).unwrap();
    }
    assert_eq!(world.names(), ["ci-a"]);
}

#[tokio::test(start_paused = true)]
async fn rename_with_adoption_warns_of_revoked_value() {
    let world = World::new();
    world.applies(&one("ci-first", &[])).await.succeeds();
    let theirs = world.sandbox.add_service_account("other", None);
    let adopted = one("other", &[("adopt_existing", Value::Bool(true))]);
    world
        .plans(&adopted)
        .await
        .succeeds()
        .warns("The service account \"other\" will be adopted");
    world.applies(&adopted).await.succeeds();
    assert!(world.works(CI) && !world.sandbox.is_live(theirs.expose_secret()));
}

#[tokio::test(start_paused = true)]
async fn name_taken_after_plan_revokes_no_token() {
    let world = World::new();
    world.applies(&one("ci-first", &[])).await.succeeds();
    let declared = one("other", &[]);
    let plan = world
        .workspace
        .plan(|| world.provider(), &declared, &RunOptions::default())
        .await;
    world.sandbox.add_service_account("other", None);
    let outcome = world.workspace.apply_saved(|| world.provider(), &plan.unwrap()).await;
    let reported = Reported {
        failed: outcome == RunOutcome::Failed,
        diagnostics: world.workspace.take_diagnostics(),
    };
    reported.fails("taken after the plan");
    assert!(world.works(CI));
    // Each plan checks again.
    world.applies(&Configuration::new()).await.succeeds();
    assert_eq!(world.names(), ["other"]);
}

#[tokio::test(start_paused = true)]
async fn plan_accepts_names_moved_between_resources() {
    for (first, second) in [("ci-two", "ci-one"), ("ci-two", "ci-three")] {
        let world = World::new();
        let before = resources([(CI, token("ci-one", &[])), (CD, token("ci-two", &[]))]);
        world.applies(&before).await.succeeds();
        let after = resources([(CI, token(first, &[])), (CD, token(second, &[]))]);
        world
            .plans(&after)
            .await
            .succeeds()
            .warns("moves from one resource to another");
        world.applies(&after).await.succeeds();
        assert!(world.works(CI) && world.works(CD));
        world.plans(&after).await.succeeds().reports_nothing();
    }
}

#[tokio::test(start_paused = true)]
async fn plan_suggests_moved_block_for_new_address() {
    for (from, to) in [(CI, CD), (CD, CI)] {
        let world = World::new();
        world
            .applies(&resources([(from, token("ci-pipeline", &[]))]))
            .await
            .succeeds();
        let renamed = resources([(to, token("ci-pipeline", &[]))]);
        world.plans(&renamed).await.succeeds().warns("`moved` block");
        world.applies(&renamed).await.succeeds();
        assert!(world.works(to));
    }
}

#[tokio::test(start_paused = true)]
async fn plan_rejects_two_resources_with_one_name() {
    let world = World::new();
    let twice = resources([(CI, token("ci-a", &[])), (CD, token("ci-a", &[]))]);
    // The provider cannot distinguish equal resources from one resource that is planned twice.
    let run = world.plans(&twice).await;
    run.succeeds()
        .warns("Two resources declare the service account \"ci-a\"");
    let differing = resources([
        (CI, token("ci-a", &[])),
        (CD, token("ci-a", &[("description", text("CD"))])),
    ]);
    let run = world.plans(&differing).await;
    run.fails("Two resources declare the service account \"ci-a\"");
    let with_pair = resources([
        (CI, token("ci-b", &[])),
        ("striim_service_account_token_pair.ci", pair("ci")),
    ]);
    world.plans(&with_pair).await.fails("\"ci-b\"");

    world.applies(&resources([(CI, token("ci-a", &[]))])).await.succeeds();
    world.plans(&twice).await.fails("Two resources declare");
    assert!(world.works(CI));

    let [ann, bob] = ["ann@acme.example", "bob@acme.example"];
    for email in [ann, bob] {
        world.sandbox.add_user(email, Role::Regular);
    }
    let both = |first: &str, second: &str| {
        resources([
            ("striim_personal_access_token.first", pat(first)),
            ("striim_personal_access_token.second", pat(second)),
        ])
    };
    world
        .plans(&both(ann, "Ann@acme.example"))
        .await
        .fails("Two resources declare one");
    world
        .plans(&both(bob, bob))
        .await
        .succeeds()
        .warns("Two resources declare one");
}

#[tokio::test(start_paused = true)]
async fn requested_replacement_is_not_a_duplicate_declaration() {
    let world = World::new();
    world.sandbox.add_user("ann@acme.example", Role::Regular);
    let pat_address = "striim_personal_access_token.ann";
    let pair_address = "striim_service_account_token_pair.cd";
    let declared = resources([
        (CI, token("ci-pipeline", &[])),
        (pat_address, pat("ann@acme.example")),
        (pair_address, pair("cd")),
    ]);
    world.applies(&declared).await.succeeds();
    let options = RunOptions {
        replace: [CI, pat_address, pair_address].map(str::to_owned).into(),
        ..RunOptions::default()
    };
    let outcome = world
        .workspace
        .apply_with(|| world.provider(), &declared, &options)
        .await;
    assert_eq!(
        outcome,
        RunOutcome::Applied,
        "{:#?}",
        world.workspace.take_diagnostics()
    );
    assert!(world.works(CI) && world.works(pat_address));
}

#[tokio::test(start_paused = true)]
async fn failed_create_before_destroy_revokes_no_token_and_is_explained() {
    // The name is taken by the resource itself.
    let world = World::new();
    world.applies(&one("ci-pipeline", &[])).await.succeeds();
    let described = resources([(
        CI,
        token("ci-pipeline", &[("description", text("CI"))]).create_before_destroy(),
    )]);
    world.applies(&described).await.fails("`create_before_destroy`");
    assert!(world.works(CI));

    // The quota is used up.
    let world = World::new();
    world.sandbox.set_options(|options| options.quota = 3);
    world.applies(&one("ci-pipeline", &[])).await.succeeds();
    world.sandbox.add_service_account("other", None);
    let renamed = resources([(CI, token("ci-other", &[]).create_before_destroy())]);
    world.plans(&renamed).await.succeeds().warns("just fits the quota");
    world.applies(&renamed).await.fails("quota of 3");
    assert!(world.works(CI));
}

#[tokio::test(start_paused = true)]
async fn plan_reports_pat_of_other_user_revoked_by_changed_email() {
    let world = World::new();
    let [ann, bob] = ["ann@acme.example", "bob@acme.example"];
    for email in [ann, bob] {
        world.sandbox.add_user(email, Role::Regular);
    }
    world.sandbox.add_user_token(bob, None).unwrap();
    let address = "striim_personal_access_token.one";
    world.applies(&resources([(address, pat(ann))])).await.succeeds();
    world
        .plans(&resources([(address, pat(bob))]))
        .await
        .succeeds()
        .warns("\"bob@acme.example\" will be revoked");
}

#[tokio::test(start_paused = true)]
async fn plan_describes_marked_orphan_before_it_is_revoked() {
    let marked = format!("[managed by {MARK}]");
    let orphan = async |world: &World| {
        let new = NewServiceAccount {
            name: "other",
            description: Some(&marked),
            expires_at: None,
        };
        api(&world.sandbox)
            .create_service_account(&operation(), &new)
            .await
            .unwrap();
    };
    let world = World::marking();
    orphan(&world).await;
    let created = one("other", &[]);
    for phrase in [
        "`terraform state rm`",
        "another workspace",
        MARK,
        "expires at",
        "import",
    ] {
        world.plans(&created).await.succeeds().warns(phrase);
    }
    // The first plan call of a replacement reports it, too.
    let world = World::marking();
    world.applies(&one("ci-pipeline", &[])).await.succeeds();
    orphan(&world).await;
    world.plans(&created).await.succeeds().warns("`terraform state rm`");
    world.applies(&created).await.succeeds();
    assert!(world.works(CI));
}

#[tokio::test(start_paused = true)]
async fn plan_warns_that_token_of_unknown_value_may_be_own() {
    for (others, phrase) in [(1, "may be the provider's own"), (0, "The provider uses this token")] {
        let world = World::new();
        for n in 0..others {
            world.sandbox.add_service_account(&format!("other-{n}"), None);
        }
        let start = || provider(&world.sandbox);
        let mut token = SingleResource::new("striim_service_account_token");
        token.import(start, "terraform").await;
        token.plan(start, None::<&Value>).await.warns(phrase);
    }
}
