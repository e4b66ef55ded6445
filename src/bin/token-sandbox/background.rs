//! Serves in the background: starts this program once more, and waits until it is ready.

use std::process::Stdio;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::arguments::Arguments;
use super::ready::Ready;

/// Starts the sandboxes in another process, and returns the text to print.
pub(crate) async fn start(arguments: &Arguments) -> anyhow::Result<String> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let others = std::env::args_os().skip(1);
    let others = others.filter(|argument| argument != "--background" && argument != "--json");
    let mut command = Command::new(program);
    command
        .args(others)
        .arg("--json")
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    // Ctrl-C in the terminal must not end it.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().context("cannot start the sandboxes")?;
    let output = child.stdout.take().context("cannot read the output of the sandboxes")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).await?;
    if line.is_empty() {
        // It has printed the reason.
        bail!("the sandboxes did not start");
    }
    let ready: Ready = serde_json::from_str(&line).context("cannot read the output of the sandboxes")?;
    Ok(if arguments.json { line } else { ready.shell() })
}
