//! The real Terraform, attached to a recorded provider.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use serde_json::{Map, Value as Json, json};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;

use super::recorder::Recorder;
use super::{Options, RunRecord, Step};
use crate::support::terraform::{Run, Terraform, Workspace};

const ADDRESS: &str = "registry.terraform.io/testing/testing";

const HALTED: &str = "error: execution halted";

/// A workspace of the real Terraform.
pub(super) struct Real {
    recorder: Recorder,
    workspace: Workspace,
    provider: Option<Json>,
    server: JoinHandle<()>,
    _dir: tempfile::TempDir,
}

impl Drop for Real {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Real {
    pub(super) fn new(terraform: &Terraform, provider: Option<&Json>) -> Self {
        let recorder = Recorder::default();
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("provider.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let reattach = json!({
            ADDRESS: {
                "Protocol": "grpc",
                "ProtocolVersion": 6,
                "Pid": std::process::id(),
                "Test": true,
                "Addr": { "Network": "unix", "String": socket },
            }
        });
        let unused = dir.path().join("terraform-provider-unused");
        let workspace = Workspace::new(terraform.clone(), dir.path(), &unused)
            .unwrap()
            .env("TF_REATTACH_PROVIDERS", reattach.to_string());
        Self {
            server: tokio::spawn(serve(listener, recorder.clone())),
            recorder,
            workspace,
            provider: provider.cloned(),
            _dir: dir,
        }
    }

    pub(super) async fn take(&self, step: &Step) -> Option<RunRecord> {
        let workspace = &self.workspace;
        let ran = match step {
            Step::Apply(options, config) => {
                self.configure(config);
                let mut arguments = vec!["apply".to_owned(), "-json".to_owned(), "-auto-approve".to_owned()];
                arguments.extend(flags(options));
                self.run(arguments).await
            }
            Step::Interrupt(config) => {
                self.configure(config);
                let running = workspace.start(&["apply", "-json", "-auto-approve"]).unwrap();
                self.wait_for_creation().await;
                running.interrupt().await.unwrap();
                running.end().await.unwrap()
            }
            Step::Plan(options, config) => {
                self.configure(config);
                let mut arguments = vec!["plan".to_owned(), "-json".to_owned(), "-out=plan.bin".to_owned()];
                arguments.extend(flags(options));
                self.run(arguments).await
            }
            Step::ApplySaved => self.run(["apply", "-json", "plan.bin"].map(str::to_owned).into()).await,
            Step::Import(config, address, id) => {
                self.configure(config);
                workspace.import(address, id).await.unwrap()
            }
            Step::Read(type_name, config) => {
                self.configure(&json!({ "data": { *type_name: { "this": config } } }));
                self.run(["plan", "-json"].map(str::to_owned).into()).await
            }
            Step::Open(type_name, config) => {
                self.configure(&json!({ "ephemeral": { *type_name: { "this": config } } }));
                self.run(["plan", "-json"].map(str::to_owned).into()).await
            }
            Step::Taint(address) => workspace.run(&["taint", address]).await.unwrap().success().unwrap(),
            Step::Store(address, version, attributes) => {
                let (type_name, name) = address.split_once('.').unwrap();
                let state = json!({
                    "version": 4, "terraform_version": "1.6.0", "serial": 1, "lineage": "testing", "outputs": {},
                    "resources": [{
                        "mode": "managed", "type": type_name, "name": name,
                        "provider": format!("provider[\"{ADDRESS}\"]"),
                        "instances": [{ "schema_version": version, "attributes": attributes }],
                    }],
                });
                workspace.write("terraform.tfstate", &state.to_string()).unwrap();
                return None;
            }
            Step::Remote(change) => {
                change(&mut self.recorder.remote.lock());
                return None;
            }
        };
        Some(RunRecord {
            succeeded: ran.code == Some(0),
            // The apply of a saved plan shows the actions again.
            actions: if matches!(step, Step::ApplySaved) {
                Vec::new()
            } else {
                actions(&ran)
            },
            diagnostics: diagnostics(&ran),
            is_single_call: matches!(step, Step::Read(..) | Step::Open(..)),
            calls: self.recorder.take_calls(),
            state: self.state(),
        })
    }

    async fn run(&self, arguments: Vec<String>) -> Run {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        self.workspace.run(&arguments).await.unwrap()
    }

    async fn wait_for_creation(&self) {
        let come = async {
            while !self.recorder.remote.lock().is_waiting {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), come).await.unwrap();
    }

    fn configure(&self, config: &Json) {
        let mut config = config.clone();
        config["terraform"] = json!({ "required_providers": { "testing": { "source": "testing/testing" } } });
        if let Some(provider) = &self.provider {
            config["provider"] = json!({ "testing": provider });
        }
        self.workspace.write("main.tf.json", &config.to_string()).unwrap();
    }

    /// Returns the objects in the state file, by address.
    fn state(&self) -> Json {
        let Ok(text) = fs::read(self.workspace.dir().join("terraform.tfstate")) else {
            return json!({});
        };
        let state: Json = serde_json::from_slice(&text).unwrap();
        let mut objects = Map::new();
        for resource in state["resources"].as_array().into_iter().flatten() {
            if resource["mode"] != "managed" {
                continue;
            }
            let address = format!(
                "{}.{}",
                resource["type"].as_str().unwrap(),
                resource["name"].as_str().unwrap()
            );
            for instance in resource["instances"].as_array().into_iter().flatten() {
                let private = instance["private"].as_str().unwrap_or_default();
                let private = STANDARD.decode(private).unwrap();
                let object = super::object(
                    instance["attributes"].clone(),
                    &private,
                    instance["status"] == "tainted",
                );
                let deposed = !instance["deposed"].is_null();
                let address = if deposed {
                    format!("{address} (deposed)")
                } else {
                    address.clone()
                };
                objects.insert(address, object);
            }
        }
        Json::Object(objects)
    }
}

fn flags(options: &Options) -> impl Iterator<Item = String> {
    let replace = options.replace.iter().map(|address| format!("-replace={address}"));
    let others = [
        (options.refresh_only, "-refresh-only"),
        (options.skip_refresh, "-refresh=false"),
        (options.destroy, "-destroy"),
    ];
    let others = others.into_iter().filter(|(is_set, _)| *is_set);
    replace.chain(others.map(|(_, flag)| flag.to_owned()))
}

async fn serve(listener: UnixListener, recorder: Recorder) {
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(recorder.service());
        tokio::spawn(http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service));
    }
}

/// Returns the lines of the output that are JSON.
fn lines(run: &Run) -> impl Iterator<Item = Json> {
    run.stdout.lines().filter_map(|line| serde_json::from_str(line).ok())
}

fn actions(run: &Run) -> Vec<String> {
    let changes = lines(run).filter(|line| line["type"] == "planned_change");
    let changes = changes.map(|mut line| line["change"].take());
    let actions = changes.map(|change| (change["action"].clone(), change["resource"]["addr"].clone()));
    // Moves and imports alone are not changes.
    let actions = actions.filter(|(action, _)| action != "move" && action != "noop");
    let actions =
        actions.map(|(action, address)| format!("{} {}", action.as_str().unwrap(), address.as_str().unwrap()));
    let mut actions: Vec<_> = actions.collect();
    actions.sort();
    actions
}

fn diagnostics(run: &Run) -> Vec<String> {
    let diagnostics = lines(run).filter(|line| line["type"] == "diagnostic");
    let json = diagnostics.map(|mut line| line["diagnostic"].take());
    let json = json.map(|diagnostic| {
        let part = |name: &str| diagnostic[name].as_str().unwrap().to_owned();
        format!("{}: {}", part("severity"), part("summary"))
    });
    // Commands without `-json` print text.
    let text = run.stdout.lines().chain(run.stderr.lines());
    let text = text.filter_map(|line| {
        let line = line.trim_start_matches(['│', ' ']);
        let (severity, summary) = line.split_once(": ")?;
        let severity = match severity {
            "Warning" => "warning",
            "Error" => "error",
            _ => return None,
        };
        Some(format!("{severity}: {summary}"))
    });
    let mut shown = Vec::new();
    for diagnostic in json.chain(text) {
        // A warning of several calls is repeated in the JSON output, but not in the text output.
        let is_new = !shown.contains(&diagnostic) || diagnostic.starts_with("error");
        // Terraform reports the interrupt for each resource that was not changed.
        let is_new = is_new && !(diagnostic == HALTED && shown.contains(&diagnostic));
        // The warning about development overrides has nothing to do with the situation.
        if is_new && !diagnostic.contains("Provider development overrides") {
            shown.push(diagnostic);
        }
    }
    shown
}
