//! Platforms in memory, to try out the providers and to test Terraform modules.

mod arguments;
mod background;
mod ready;
mod sandboxes;
mod state_file;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, Parser};

use arguments::{Arguments, Command};
use sandboxes::Sandboxes;
use state_file::StateFile;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // Errors of usage exit here, with 2.
    let arguments = Arguments::parse();
    match run(&arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("token-sandbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if let Some(Command::Completions { shell }) = &arguments.command {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut Arguments::command(), "token-sandbox", &mut script);
        return print(&script);
    }
    if arguments.background {
        return background::start(arguments)
            .await
            .and_then(|text| print(text.as_bytes()));
    }
    let mut state = arguments.state.as_deref().map(StateFile::open).transpose()?;
    let sandboxes = Sandboxes::start(arguments, state.as_ref()).await?;
    // The handlers are installed before the output, because the parent process may send a signal as
    // soon as it reads the output.
    let mut interrupted = std::pin::pin!(interrupted()?);
    let ready = sandboxes.ready();
    print(if arguments.json { ready.json()? } else { ready.shell() }.as_bytes())?;
    let Some(state) = &mut state else {
        return interrupted.await;
    };
    loop {
        state.write(&sandboxes.states()?)?;
        tokio::select! {
            ended = &mut interrupted => {
                ended?;
                return state.write(&sandboxes.states()?);
            }
            () = sandboxes.changed() => {}
        }
    }
}

/// Waits for Ctrl-C or SIGTERM.
fn interrupted() -> anyhow::Result<impl Future<Output = anyhow::Result<()>>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot wait for Ctrl-C")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            Ok(())
        })
    }
    #[cfg(not(unix))]
    {
        Ok(async { tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C") })
    }
}

/// Prints to standard output. Fails if it is closed.
fn print(text: &[u8]) -> anyhow::Result<()> {
    let mut output = std::io::stdout();
    output
        .write_all(text)
        .and_then(|()| output.flush())
        .context("cannot write to standard output")
}
