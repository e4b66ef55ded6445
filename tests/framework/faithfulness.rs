//! Compares the testing kit with the real Terraform. A table of situations runs through both, with
//! a provider that records each call of the plugin protocol. Calls, outcomes and states must be
//! equal.
//!
//! If they differ, the real Terraform is right. Differences between versions of Terraform, or
//! between its runs, are excluded, each with a comment. `SITUATION=<part of a name>` runs a part of
//! the table.

mod miniature;
mod provider;
mod real;
mod recorder;
mod situations;

use std::collections::BTreeMap;
use std::ops::Range;

use futures_util::StreamExt as _;
use serde_json::{Value as Json, json};

use crate::support::terraform::{Minor, Terraform};
use miniature::Miniature;
use provider::Inventory;
use real::Real;

/// The subject of calls that are not about a thing.
const PROVIDER: &str = "the provider";

/// The versions of Terraform to compare with when all are tested.
const VERSIONS: [Minor; 3] = [(1, 6), (1, 11), (1, 15)];

/// The number of concurrent situations. A process of Terraform keeps more than one core busy.
const PARALLEL: usize = 3;

/// A sequence of steps in a workspace.
pub(crate) struct Situation {
    name: &'static str,
    /// The first version of Terraform with the required features.
    since: Minor,
    /// Versions that differ from those before and after them.
    except: Range<Minor>,
    /// The `provider` block.
    provider: Option<Json>,
    steps: Vec<Step>,
}

/// A step of a situation. Configurations are in Terraform's JSON syntax.
enum Step {
    /// `terraform apply`
    Apply(Options, Json),
    /// `terraform plan -out`
    Plan(Options, Json),
    /// `terraform apply` of the last saved plan
    ApplySaved,
    /// `terraform apply` that is interrupted during a creation
    Interrupt(Json),
    /// `terraform import` of an id as an address
    Import(Json, &'static str, &'static str),
    /// A data source of this type, read in a plan
    Read(&'static str, Json),
    /// An ephemeral resource of this type, opened and closed in a plan
    Open(&'static str, Json),
    /// `terraform taint`
    Taint(&'static str),
    /// A state file that an older version of the provider wrote
    Store(&'static str, i64, Json),
    /// A change outside Terraform
    Remote(fn(&mut Inventory)),
}

/// The options of a run.
#[derive(Clone, Debug, Default)]
struct Options {
    replace: Vec<&'static str>,
    refresh_only: bool,
    skip_refresh: bool,
    destroy: bool,
}

/// The observable results of a run.
struct RunRecord {
    succeeded: bool,
    /// The planned actions, without no-ops.
    actions: Vec<String>,
    /// The severity and the summary of each diagnostic.
    diagnostics: Vec<String>,
    /// Whether the run was a call about a single data source or ephemeral resource.
    is_single_call: bool,
    calls: Vec<Json>,
    /// The objects in the state after the run, by address.
    state: Json,
}

/// A resource in the state.
fn object(attributes: Json, private: &[u8], is_tainted: bool) -> Json {
    let private: Json = serde_json::from_slice(private).unwrap_or_default();
    json!({ "attributes": attributes, "private": private, "tainted": is_tainted })
}

impl RunRecord {
    /// Returns the results that must be equal, as lines.
    fn lines(mut self, has_identities: bool) -> Vec<String> {
        // Changes of dependent resources have a fixed order.
        let changes: Vec<_> = self.calls.iter().filter_map(change).collect();
        let mut by_subject = BTreeMap::<String, Vec<String>>::new();
        for call in self.calls {
            // The number of schema requests differs between versions of Terraform.
            if matches!(
                call["call"].as_str(),
                Some("get_provider_schema" | "get_resource_identity_schemas")
            ) {
                continue;
            }
            // Resources have an identity since Terraform 1.12.
            let call = match has_identities {
                true => call,
                false if call["call"] == "upgrade_resource_identity" => continue,
                false => without_identities(call),
            };
            // Terraform processes independent resources in any order.
            by_subject.entry(subject(&call)).or_default().push(format!("{call:#}"));
        }
        // To apply a plan without changes, Terraform 1.11 configures the provider again, and 1.6
        // does not.
        if let Some(calls) = by_subject.get_mut(PROVIDER)
            && self.actions.is_empty()
        {
            calls.sort();
            calls.dedup();
        }
        // Terraform validates in each phase. The testing kit reads a data source or an ephemeral
        // resource in a single phase.
        if self.is_single_call {
            by_subject.values_mut().for_each(Vec::dedup);
        }
        // Terraform collects the diagnostics of concurrent operations in any order.
        self.diagnostics.sort();
        let mut shown = vec![format!("succeeded: {}", self.succeeded)];
        shown.extend(self.actions.into_iter().map(|action| format!("plans to {action}")));
        shown.extend(self.diagnostics);
        shown.push(format!("changes: {}", changes.join(", ")));
        for (subject, calls) in by_subject {
            shown.push(format!("calls about {subject}:"));
            shown.extend(calls);
        }
        shown.push(format!("state: {:#}", self.state));
        let lines = shown.iter().flat_map(|part| part.lines());
        lines.map(str::to_owned).collect()
    }
}

/// Returns a call without its identities.
fn without_identities(mut call: Json) -> Json {
    if let Some(fields) = call.as_object_mut() {
        fields.retain(|name, _| !name.ends_with("identity"));
        if let Some(answer) = fields.get_mut("answer") {
            *answer = without_identities(answer.take());
        }
    }
    call
}

/// Returns the change that a call applies, if any.
fn change(call: &Json) -> Option<String> {
    let name = |state: &str| call[state]["name"].as_str();
    match (call["call"].as_str()?, name("prior_state"), name("planned_state")) {
        ("apply_resource_change", Some(name), None) => Some(format!("delete {name}")),
        ("apply_resource_change", None, Some(name)) => Some(format!("create {name}")),
        ("apply_resource_change", Some(_), Some(name)) => Some(format!("update {name}")),
        _ => None,
    }
}

/// Returns the subject of a call: the name of the thing.
fn subject(call: &Json) -> String {
    if call["call"]
        .as_str()
        .is_some_and(|name| name.ends_with("provider_config") || name == "configure_provider")
    {
        return PROVIDER.to_owned();
    }
    let objects = ["config", "prior_state", "current_state", "raw_state", "source_state"];
    let mut names = objects.iter().filter_map(|object| call[object]["name"].as_str());
    let name = names.next().or_else(|| call["raw_state"]["title"].as_str());
    name.unwrap_or(PROVIDER).to_owned()
}

async fn run(terraform: &Terraform, situation: Situation) -> Option<String> {
    let provider = situation.provider.as_ref();
    let (real, mut miniature) = (Real::new(terraform, provider), Miniature::new(provider));
    let mut problems = String::new();
    for (index, step) in situation.steps.iter().enumerate() {
        let (expected, actual) = (real.take(step).await, miniature.take(step).await);
        let lines = |ran: RunRecord| ran.lines(terraform.is_at_least((1, 12), None));
        let (expected, actual) = (expected.map(lines), actual.map(lines));
        if expected != actual {
            let difference = difference(&expected.unwrap_or_default(), &actual.unwrap_or_default());
            problems += &format!("== {}, step {index}\n{difference}\n", situation.name);
        }
    }
    (!problems.is_empty()).then_some(problems)
}

/// Returns a diff: `-` for lines of the real Terraform, `+` for lines of the testing kit.
fn difference(expected: &[String], actual: &[String]) -> String {
    let mut common = vec![vec![0_usize; actual.len() + 1]; expected.len() + 1];
    for (i, line) in expected.iter().enumerate().rev() {
        for (j, other) in actual.iter().enumerate().rev() {
            common[i][j] = match line == other {
                true => common[i + 1][j + 1] + 1,
                false => common[i + 1][j].max(common[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut shown) = (0, 0, Vec::new());
    while i < expected.len() || j < actual.len() {
        if i < expected.len() && j < actual.len() && expected[i] == actual[j] {
            shown.push(format!("  {}", expected[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == actual.len() || (i < expected.len() && common[i + 1][j] >= common[i][j + 1]) {
            shown.push(format!("- {}", expected[i]));
            i += 1;
        } else {
            shown.push(format!("+ {}", actual[j]));
            j += 1;
        }
    }
    shown.join("\n")
}

#[test]
fn testing_kit_makes_same_calls_as_real_terraform() {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    runtime.block_on(async {
        let versions = Terraform::versions(|minor| VERSIONS.contains(&minor)).await.unwrap();
        for terraform in &versions {
            let situations = situations::all().into_iter();
            let chosen = std::env::var("SITUATION").unwrap_or_default();
            let is_at_least = |version| terraform.is_at_least(version, None);
            let situations = situations.filter(
                |Situation {
                     since, except, name, ..
                 }| {
                    let differs = is_at_least(except.start) && !is_at_least(except.end);
                    is_at_least(*since) && !differs && name.contains(&chosen)
                },
            );
            let problems = futures_util::stream::iter(situations.map(|situation| run(terraform, situation)));
            let problems: Vec<_> = problems.buffer_unordered(PARALLEL).collect().await;
            let problems: Vec<_> = problems.into_iter().flatten().collect();
            assert!(
                problems.is_empty(),
                "differs from {terraform}:\n{}",
                problems.join("\n")
            );
        }
    });
}
