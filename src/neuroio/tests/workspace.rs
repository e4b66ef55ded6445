//! Configurations of several tokens, applied to the sandbox by the in-memory Terraform, under
//! tokio's paused clock.

use std::time::Duration;

use serde_json::json;

use super::{provider, sandbox};
use crate::framework::testing::{Configuration, Diagnostic, ResourceBlock, RunOptions, RunOutcome, Workspace};
use crate::framework::{Severity, Value};
use crate::neuroio::NeuroIo;
use crate::sandbox::neuroio::{Options, Realm, Sandbox};

const OVERLAP: Duration = Duration::from_secs(2 * 3_600);

/// An account, and a workspace that manages it.
struct World {
    sandbox: Sandbox,
    workspace: Workspace,
    provider: Box<dyn Fn() -> NeuroIo>,
}

impl World {
    fn new() -> Self {
        let sandbox = sandbox(Options::default());
        Self {
            provider: Box::new(provider(&sandbox)),
            workspace: Workspace::new(),
            sandbox,
        }
    }

    async fn apply(&self, declared: &Configuration) -> (RunOutcome, Vec<Diagnostic>) {
        let outcome = self.workspace.apply(&self.provider, declared).await;
        assert_eq!(self.workspace.violations(), Vec::<String>::new());
        (outcome, self.workspace.take_diagnostics())
    }

    /// Returns the ids of the account's tokens.
    fn ids(&self) -> Vec<u64> {
        let tokens = self.sandbox.tokens(&Realm::Account);
        tokens.iter().map(|token| token.id).collect()
    }

    /// Whether every value in the state is valid.
    fn all_are_valid(&self) -> bool {
        let states = self.workspace.state().into_values();
        let mut keys = states.map(|object| object.get("key").clone());
        keys.all(|key| matches!(key, Value::String(key) if self.sandbox.is_live(&key)))
    }
}

/// Declares permanent tokens with a trigger and an overlap.
fn cameras(count: usize, release: &str, overlap: Option<&str>) -> Configuration {
    let mut declared = Configuration::new();
    for number in 0..count {
        let config = json!({ "permanent": true, "rotation_triggers": { "release": release }, "overlap": overlap });
        let address = format!("neuroio_stream_token.camera[{number}]");
        declared.resources.insert(address, ResourceBlock::new(config));
    }
    declared
}

fn warns(diagnostics: &[Diagnostic], phrase: &str) -> bool {
    let warnings = diagnostics.iter().filter(|shown| shown.severity == Severity::Warning);
    warnings
        .map(ToString::to_string)
        .any(|warning| warning.contains(phrase))
}

#[tokio::test(start_paused = true)]
async fn concurrent_rotations_without_overlap_need_one_free_place() {
    let world = World::new();
    world.apply(&cameras(4, "1", None)).await;
    let (outcome, diagnostics) = world.apply(&cameras(4, "2", None)).await;
    assert_eq!(outcome, RunOutcome::Applied, "{diagnostics:?}");
    assert!(!warns(&diagnostics, "the limit"), "{diagnostics:?}");
    assert_eq!(world.ids().len(), 4);
    assert!(world.all_are_valid());
    let (outcome, _) = world.apply(&cameras(4, "2", None)).await;
    assert_eq!(outcome, RunOutcome::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn overlapping_rotations_beyond_the_limit_are_announced_and_change_nothing() {
    let world = World::new();
    world.apply(&cameras(3, "1", None)).await;
    let (outcome, diagnostics) = world.apply(&cameras(3, "2", Some("2h"))).await;
    assert_eq!(outcome, RunOutcome::Failed);
    assert!(warns(&diagnostics, "This plan exceeds the limit"), "{diagnostics:?}");
    assert!(warns(&diagnostics, "rotates 3"), "{diagnostics:?}");
    assert_eq!(world.ids().len(), 5);
    assert!(world.all_are_valid(), "the rejected rotation has left its token valid");
    // The overlap passes, which frees places for the last one. Terraform may delete too late.
    tokio::time::advance(OVERLAP).await;
    world.apply(&cameras(3, "2", Some("2h"))).await;
    world.apply(&cameras(3, "2", Some("2h"))).await;
    tokio::time::advance(OVERLAP).await;
    world.apply(&cameras(3, "2", Some("2h"))).await;
    assert_eq!(world.ids().len(), 3);
    assert!(world.all_are_valid());
    let (outcome, _) = world.apply(&cameras(3, "2", Some("2h"))).await;
    assert_eq!(outcome, RunOutcome::Unchanged);
}

#[tokio::test(start_paused = true)]
async fn creations_and_rotations_of_a_plan_are_counted_together() {
    let world = World::new();
    world.apply(&cameras(3, "1", None)).await;
    for (declared, exceeds) in [(4, false), (5, true)] {
        let declared = cameras(declared, "2", None);
        let options = RunOptions::default();
        let plan = world.workspace.plan(&world.provider, &declared, &options).await;
        assert!(plan.is_some());
        let diagnostics = world.workspace.take_diagnostics();
        assert_eq!(warns(&diagnostics, "exceeds the limit"), exceeds, "{diagnostics:?}");
    }
}
