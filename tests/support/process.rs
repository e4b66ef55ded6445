//! Programs that the tests run: with a minimal environment and a time limit, in a process group of their own.

use std::ffi::OsStr;
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

/// A command with a minimal environment.
pub(crate) fn clean(program: impl AsRef<OsStr>) -> Command {
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
pub(crate) async fn bounded(command: &mut Command, limit: Duration) -> Result<Output> {
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
pub(crate) async fn output(command: &mut Command, limit: Duration) -> Result<Output> {
    Process::start(command)?.end(limit).await
}

/// A process whose output is read, and the leader of a group of its own.
pub(crate) struct Process {
    command: String,
    child: Child,
    pub(crate) group: i32,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
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

    /// Waits for its exit; after `limit`, kills it and its children.
    pub(crate) async fn end(mut self, limit: Duration) -> Result<Output> {
        let pipes = self.child.stdout.take().zip(self.child.stderr.take());
        let (mut out, mut err) = pipes.context("the pipes just asked for")?;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        // Until all processes have closed the pipes, which detects a provider that outlives Terraform.
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
