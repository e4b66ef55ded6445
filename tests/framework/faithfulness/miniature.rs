//! The testing kit's Terraform in miniature, with a recorded provider.

use serde_json::{Map, Value as Json};
use token_providers::framework::Severity;
use token_providers::framework::testing::{
    Action, Configuration, Object, ResourceBlock, RunOptions, RunOutcome, SavedPlan, Workspace,
};

use super::recorder::Recorder;
use super::{Options, RunRecord, Step};

/// A workspace of the testing kit.
pub(super) struct Miniature {
    recorder: Recorder,
    workspace: Workspace,
    plan: Option<SavedPlan>,
}

impl Miniature {
    pub(super) fn new(provider: Option<&Json>) -> Self {
        let workspace = Workspace::new();
        Self {
            recorder: Recorder::default(),
            workspace: match provider {
                Some(provider) => workspace.with_provider(provider.clone()),
                None => workspace,
            },
            plan: None,
        }
    }

    pub(super) async fn take(&mut self, step: &Step) -> Option<RunRecord> {
        let workspace = &self.workspace;
        let start = self.recorder.clone();
        let mut planned = false;
        let mut read = Vec::new();
        let deposed = workspace.deposed();
        let succeeded = match step {
            Step::Apply(options, config) => {
                planned = true;
                let (configuration, options) = (configuration(config), run_options(options));
                self.plan = workspace.plan(start.clone(), &configuration, &options).await;
                match &self.plan {
                    Some(plan) => workspace.apply_saved(start, plan).await != RunOutcome::Failed,
                    None => false,
                }
            }
            Step::Interrupt(config) => {
                planned = true;
                let options = RunOptions::default();
                let configuration = configuration(config);
                self.plan = workspace.plan(start.clone(), &configuration, &options).await;
                let plan = self.plan.as_ref().unwrap();
                let remote = self.recorder.remote.clone();
                let interrupt = async {
                    while !remote.lock().is_waiting {
                        tokio::task::yield_now().await;
                    }
                    options.interrupt.cancel();
                };
                let (outcome, ()) = tokio::join!(workspace.apply_saved(start, plan), interrupt);
                outcome != RunOutcome::Failed
            }
            Step::Plan(options, config) => {
                planned = true;
                let (configuration, options) = (configuration(config), run_options(options));
                self.plan = workspace.plan(start, &configuration, &options).await;
                self.plan.is_some()
            }
            Step::ApplySaved => {
                let plan = self.plan.as_ref().unwrap();
                workspace.apply_saved(start, plan).await != RunOutcome::Failed
            }
            Step::Import(_, address, id) => workspace.import(start, address, id).await,
            Step::Read(type_name, config) => {
                let outcome = workspace.read_data_source(start, type_name, config.clone()).await;
                read.clone_from(&outcome.diagnostics);
                !outcome.has_errors()
            }
            Step::Open(type_name, config) => {
                let outcome = workspace.read_ephemeral(start, type_name, config.clone()).await;
                read.clone_from(&outcome.diagnostics);
                !outcome.has_errors()
            }
            Step::Taint(address) => {
                workspace.taint(address);
                true
            }
            Step::Store(address, version, attributes) => {
                workspace.store(address, *version, attributes.clone());
                return None;
            }
            Step::Remote(change) => {
                change(&mut self.recorder.remote.lock());
                return None;
            }
        };
        let diagnostics = read.into_iter().chain(workspace.take_diagnostics()).map(|diagnostic| {
            let severity = match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            format!("{severity}: {}", diagnostic.summary)
        });
        Some(RunRecord {
            succeeded,
            actions: match &self.plan {
                Some(plan) if planned => actions(plan, &deposed),
                _ => Vec::new(),
            },
            diagnostics: diagnostics.collect(),
            is_single_call: matches!(step, Step::Read(..) | Step::Open(..)),
            calls: self.recorder.take_calls(),
            state: self.state(),
        })
    }

    fn state(&self) -> Json {
        let state = self.workspace.state().into_iter();
        let deposed = self.workspace.deposed().into_iter();
        let deposed = deposed.map(|(address, object)| (format!("{address} (deposed)"), object));
        let objects: Map<_, _> = state
            .chain(deposed)
            .map(|(address, object)| (address, shown(&object)))
            .collect();
        Json::Object(objects)
    }
}

fn shown(object: &Object) -> Json {
    let attributes = serde_json::from_str(&object.to_json()).unwrap();
    super::object(attributes, object.private(), object.is_tainted)
}

/// Returns the planned actions for resources and deposed objects.
fn actions(plan: &SavedPlan, deposed: &[(String, Object)]) -> Vec<String> {
    let changes = plan.changes();
    let changes = changes.iter().filter(|(_, change)| change.is_change());
    let mut actions: Vec<_> = changes
        .map(|(address, change)| {
            let action = match change.action {
                Action::Nothing => "noop",
                Action::Create => "create",
                Action::Update => "update",
                Action::Replace => "replace",
                Action::Delete => "delete",
            };
            format!("{action} {address}")
        })
        .collect();
    actions.extend(deposed.iter().map(|(address, _)| format!("delete {address}")));
    actions.sort();
    actions
}

fn run_options(options: &Options) -> RunOptions {
    RunOptions {
        replace: options.replace.iter().map(|address| (*address).to_owned()).collect(),
        refresh_only: options.refresh_only,
        skip_refresh: options.skip_refresh,
        destroy: options.destroy,
        ..RunOptions::default()
    }
}

/// Converts a configuration from Terraform's JSON syntax.
fn configuration(config: &Json) -> Configuration {
    let mut configuration = Configuration::new();
    let types = config["resource"].as_object().into_iter().flatten();
    let resources = types.flat_map(|(type_name, named)| {
        let named = named.as_object().into_iter().flatten();
        named.map(move |(name, block)| (format!("{type_name}.{name}"), block))
    });
    for (address, block) in resources {
        let mut attributes = block.as_object().unwrap().clone();
        let lifecycle = attributes.remove("lifecycle").unwrap_or_default();
        let references: Vec<_> = attributes
            .iter()
            .filter_map(|(name, value)| {
                let reference = value.as_str()?.strip_prefix("${")?.strip_suffix('}')?;
                let (of, attribute) = reference.rsplit_once('.')?;
                Some((name.clone(), of.to_owned(), attribute.to_owned()))
            })
            .collect();
        attributes.retain(|name, _| references.iter().all(|(referring, ..)| referring != name));
        let mut block = ResourceBlock::new(Json::Object(attributes));
        for (name, of, attribute) in &references {
            block = block.referring(name, of, attribute);
        }
        if lifecycle["create_before_destroy"] == true {
            block = block.create_before_destroy();
        }
        block = match &lifecycle["ignore_changes"] {
            Json::Array(ignored) => {
                let ignored: Vec<_> = ignored.iter().filter_map(Json::as_str).collect();
                block.ignore_changes(&ignored)
            }
            Json::String(_) => block.ignore_all_changes(),
            _ => block,
        };
        configuration = configuration.with(&address, block);
    }
    for moved in config["moved"].as_array().into_iter().flatten() {
        configuration = configuration.moved(moved["from"].as_str().unwrap(), moved["to"].as_str().unwrap());
    }
    for import in config["import"].as_array().into_iter().flatten() {
        configuration = configuration.import(import["to"].as_str().unwrap(), import["id"].as_str().unwrap());
    }
    configuration
}
