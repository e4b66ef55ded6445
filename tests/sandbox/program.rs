//! The program `token-sandbox`.

use std::path::Path;
use std::process::{Output, Stdio};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

const PORT_0: [&str; 2] = ["--listen", "127.0.0.1:0"];

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_token-sandbox"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A running program with the message that it printed.
struct Running {
    child: Child,
    ready: Value,
}

impl Running {
    async fn start(arguments: &[&str]) -> Self {
        let mut child = program(&[&PORT_0[..], &["--json"], arguments].concat())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut line).await.unwrap();
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Self { child, ready }
    }

    fn variable(&self, sandbox: usize, name: &str) -> &str {
        self.ready["sandboxes"][sandbox]["environment"][name].as_str().unwrap()
    }

    async fn control(&self, sandbox: usize, method: reqwest::Method, path: &str, body: Value) -> Value {
        let url = format!(
            "{}{path}",
            self.ready["sandboxes"][sandbox]["control"].as_str().unwrap()
        );
        let request = http().request(method, url);
        let request = if body.is_null() {
            request
        } else {
            request.body(body.to_string())
        };
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_success(), "{answer:?}");
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default()
    }

    async fn get(&self, sandbox: usize, path: &str) -> Value {
        self.control(sandbox, reqwest::Method::GET, path, Value::Null).await
    }

    /// Sends a signal, and returns the exit code.
    async fn signal(mut self, signal: &str) -> Option<i32> {
        let process = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args([signal, &process]).status().await.unwrap();
        assert!(sent.success());
        self.child.wait().await.unwrap().code()
    }
}

fn http() -> reqwest::Client {
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn every_platform_is_served_with_its_variables() {
    let platforms = [
        "striim",
        "startree",
        "neuroio",
        "quix",
        "--vault",
        "--account",
        "globex",
    ];
    let running = Running::start(&platforms).await;
    for (index, (variable, scheme, path)) in [
        ("STRIIM_TOKEN", "Bearer", "/service-accounts"),
        ("STARTREE_TOKEN", "Bearer", "/roles"),
        ("NEUROIO_API_TOKEN", "Token", "/streams/tokens/"),
        ("Quix__Sdk__Token", "Bearer", "/workspaces"),
    ]
    .into_iter()
    .enumerate()
    {
        let sandbox = &running.ready["sandboxes"][index];
        let url = format!("{}{path}", sandbox["base-url"].as_str().unwrap());
        let token = running.variable(index, variable);
        let answer = http()
            .get(url)
            .header("authorization", format!("{scheme} {token}"))
            .send();
        assert_eq!(answer.await.unwrap().status(), 200, "{variable}");
        let overview = running.get(index, "").await;
        assert_eq!(
            (&overview["account"], &overview["base-url"]),
            (&json!("globex"), &sandbox["base-url"])
        );
        assert_eq!(overview["others"].as_array().unwrap().len(), 3);
        let console = http().get(sandbox["console"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(console.headers()["content-type"], "text/html; charset=utf-8");
    }
    let vault = &running.ready["vault"]["environment"];
    let url = format!("{}/v1/secret/data/nothing", vault["VAULT_ADDR"].as_str().unwrap());
    let read = http()
        .get(url)
        .header("x-vault-token", vault["VAULT_TOKEN"].as_str().unwrap());
    assert_eq!(read.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn seed_options_token_and_time_are_applied() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = "striim:\n  service-accounts:\n    - name: ci-pipeline\n      token: { expires-in: 10d }\n";
    let json = r#"{"striim": {"service-accounts": [{"name": "ci-pipeline", "token": {"expires-in": "10d"}}]}}"#;
    for (file, text) in [("seed.yaml", yaml), ("seed.json", json)] {
        let seed = directory.path().join(file);
        std::fs::write(&seed, text).unwrap();
        assert_seed_is_applied(&seed).await;
    }
}

async fn assert_seed_is_applied(seed: &Path) {
    let arguments = [
        "striim",
        "startree",
        "--seed",
        seed.to_str().unwrap(),
        "--token",
        "striim=a=b",
        "--token",
        "startree=st-abc-def",
        "--options",
        r#"striim={"quota": 5}"#,
        "--now",
        "2027-01-01T00:00:00Z",
    ];
    let running = Running::start(&arguments).await;
    assert_eq!(running.variable(0, "STRIIM_TOKEN"), "a=b");
    assert_eq!(running.variable(1, "STARTREE_TOKEN"), "st-abc-def");
    assert_eq!(running.get(0, "").await["quota"]["limit"], 5);
    for sandbox in [0, 1] {
        let now = running.get(sandbox, "/clock").await["now"].clone();
        assert!(now.as_str().unwrap().starts_with("2027-01-01T00:0"), "{now}");
    }
    let token = &running.get(0, "/tokens?query=ci-pipeline").await["tokens"][0];
    assert!(
        token["expires-at"].as_str().unwrap().starts_with("2027-01-11T00:0"),
        "{token}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn state_is_kept_between_runs() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state.json");
    let arguments = [
        "striim",
        "startree",
        "neuroio",
        "quix",
        "--state",
        state.to_str().unwrap(),
    ];
    let first = Running::start(&arguments).await;
    for (sandbox, creation) in [
        json!({ "kind": "service-account", "name": "ci-pipeline" }),
        json!({ "kind": "service-token", "description": "ingestion" }),
        json!({ "kind": "permanent-token" }),
        json!({ "kind": "personal-access-token", "name": "ci", "expires-at": "2099-01-01T00:00:00Z" }),
    ]
    .into_iter()
    .enumerate()
    {
        let revoked = first
            .control(sandbox, reqwest::Method::POST, "/tokens", creation.clone())
            .await;
        let path = format!("/tokens/{}", revoked["token"]["id"].as_str().unwrap());
        first
            .control(sandbox, reqwest::Method::DELETE, &path, Value::Null)
            .await;
        first.control(sandbox, reqwest::Method::POST, "/tokens", creation).await;
    }
    first
        .control(3, reqwest::Method::POST, "/tokens/acme-shop-dev.1/rotate", Value::Null)
        .await;
    first
        .control(
            1,
            reqwest::Method::PUT,
            "/roles/table-reader/assignments/group/data",
            Value::Null,
        )
        .await;
    first
        .control(0, reqwest::Method::POST, "/clock", json!({ "advance": "1h" }))
        .await;
    let mut before = Vec::new();
    for sandbox in 0..4 {
        before.push((
            first.get(sandbox, "/tokens?state=active").await,
            first.get(sandbox, "/tokens?state=expiring").await,
            first.ready["sandboxes"][sandbox]["environment"].clone(),
            first.get(sandbox, "/tokens?state=revoked").await,
            first.get(sandbox, "/audit").await,
        ));
    }
    let roles = first.get(1, "/roles").await;
    assert_eq!(first.signal("-TERM").await, Some(0));

    let second = Running::start(&arguments).await;
    for (sandbox, (active, expiring, environment, revoked, audit)) in before.into_iter().enumerate() {
        assert_eq!(second.get(sandbox, "/tokens?state=active").await, active);
        assert_eq!(second.get(sandbox, "/tokens?state=expiring").await, expiring);
        assert_eq!(revoked["tokens"][0]["state"], "revoked");
        assert_eq!(second.get(sandbox, "/tokens?state=revoked").await, revoked);
        assert_eq!(audit["entries"][1]["action"], "revoke");
        assert_eq!(second.get(sandbox, "/audit").await, audit);
        let kept = &second.ready["sandboxes"][sandbox]["environment"];
        for name in [
            "STRIIM_TOKEN",
            "STARTREE_TOKEN",
            "NEUROIO_API_TOKEN",
            "Quix__Sdk__Token",
        ] {
            assert_eq!(kept[name], environment[name]);
        }
    }
    assert_eq!(second.get(1, "/roles").await, roles);
    let now: jiff::Timestamp = serde_json::from_value(second.get(0, "/clock").await["now"].clone()).unwrap();
    assert!(now.duration_since(jiff::Timestamp::now()).as_mins() > 50, "{now}");
}

#[cfg(unix)]
#[tokio::test]
async fn state_survives_kill() {
    let directory = tempfile::tempdir().unwrap();
    let state = directory.path().join("state.json");
    let arguments = ["neuroio", "--state", state.to_str().unwrap()];
    let first = Running::start(&arguments).await;
    first
        .control(
            0,
            reqwest::Method::POST,
            "/tokens",
            json!({ "kind": "permanent-token" }),
        )
        .await;
    crate::terraform::world::until("the state", || {
        std::fs::read_to_string(&state).is_ok_and(|text| text.contains("\"permanent\": true"))
    })
    .await;
    assert_eq!(first.signal("-KILL").await, None);
    let second = Running::start(&arguments).await;
    assert_eq!(second.get(0, "/tokens").await["total"], 1);
}

#[cfg(unix)]
#[tokio::test]
async fn signals_exit_program_successfully() {
    for signal in ["-INT", "-TERM"] {
        assert_eq!(
            Running::start(&["striim"]).await.signal(signal).await,
            Some(0),
            "{signal}"
        );
    }
}

#[cfg(unix)]
#[tokio::test]
async fn background_returns_shell_commands_for_eval() {
    let script = r#"
        eval "$("$PROGRAM" --background --listen 127.0.0.1:0 --account 'it'"'"'s $HOME' striim)" || exit 1
        echo "$STRIIM_BASE_URL"
        kill "$TOKEN_SANDBOX_PID"
    "#;
    let mut shell = Command::new("sh");
    let shell = shell
        .args(["-euc", script])
        .env("PROGRAM", env!("CARGO_BIN_EXE_token-sandbox"));
    let Output { status, stdout, stderr } = shell.output().await.unwrap();
    let output = String::from_utf8([stdout, stderr].concat()).unwrap();
    assert!(status.success(), "{output}");
    assert!(
        output.starts_with("http://127.0.0.1:") && output.ends_with("/api/v1\n"),
        "{output}"
    );
}

#[tokio::test]
async fn completions_name_options_and_platforms() {
    // Those of fish have no platforms.
    for (shell, expected) in [("bash", "startree"), ("zsh", "startree"), ("fish", "background")] {
        let output = program(&["completions", shell]).output().await.unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains(expected), "{script}");
    }
}

#[tokio::test]
async fn help_and_errors_are_printed_with_documented_exit_codes() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (invalid_state, unknown) = (file("state.json", "{"), file("seed.json", r#"{"kafka": {}}"#));
    let misspelled = file("misspelled.yaml", "striim:\n  service-acounts: []\n");
    let directory = Path::new(&unknown).parent().unwrap().to_str().unwrap();
    for (arguments, code, expected) in [
        (&["--help"][..], 0, "--listen <ADDRESS>"),
        (&["--version"], 0, env!("CARGO_PKG_VERSION")),
        (&[], 2, "<PLATFORM>"),
        (&["kafka"], 2, "possible values: striim, startree, neuroio, quix"),
        (&["striim", "--port", "80"], 2, "unexpected argument '--port'"),
        (&["striim", "--now", "noon"], 2, "invalid value 'noon'"),
        (
            &["striim", "--options", r#"{"quotta": 1}"#],
            1,
            "unknown field `quotta`",
        ),
        (&["striim", "quix", "--token", "abc"], 1, "write PLATFORM=abc"),
        (&["startree", "--token", "abc"], 1, "st-<access key>-<secret key>"),
        (&["striim", "--state", &invalid_state], 1, "move the file away"),
        (
            &["striim", "--listen", "127.0.0.1:0", "--state", directory],
            1,
            "cannot read the state",
        ),
        (&["striim", "--seed", &unknown], 1, "there is no platform \"kafka\""),
        (&["striim", "--seed", &misspelled], 1, "unknown field `service-acounts`"),
        (
            &["striim", "--seed", "/nowhere/seed.yaml"],
            1,
            "cannot read the seed /nowhere/seed.yaml",
        ),
        (
            &["striim", "--listen", "192.0.2.1:80"],
            1,
            "cannot listen on 192.0.2.1:80",
        ),
        (
            &["striim", "quix", "--listen", "127.0.0.1:65535"],
            1,
            "no port after 65535",
        ),
        (
            &["striim", "--listen", "192.0.2.1:80", "--background"],
            1,
            "the sandboxes did not start",
        ),
    ] {
        let Output { status, stdout, stderr } = program(arguments).output().await.unwrap();
        let output = String::from_utf8([stdout, stderr].concat()).unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}: {output}");
        assert!(output.contains(expected), "{arguments:?}: {output}");
    }
}
