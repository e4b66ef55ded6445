//! Being a plugin: handshake, mutual TLS, gRPC server, shutdown, log lines. Knows nothing of tokens.
//!
//! Terraform starts a provider as a child process and speaks HashiCorp's go-plugin protocol with it. In short:
//!
//! 1. Terraform sets environment variables (`handshake`) and starts the program.
//! 2. The program opens a `socket` and writes one line on its standard output that tells where.
//! 3. Terraform connects with mutual TLS (`tls`) and calls the provider by gRPC (`server`).
//! 4. Terraform asks for the end by the service `GRPCController` (`go_plugin`); two seconds later it kills.
//!
//! Log lines go to standard error (`log`). By hand, `--debug` serves a provider that Terraform attaches to.
//!
//! Guarantees: nobody but the holder of Terraform's private key drives the provider (with `TF_DISABLE_PLUGIN_TLS` and
//! `--debug`: nobody but the same user); the socket is gone when the program ends, unless it is killed; a program that
//! lost its client ends by itself.

mod debug;
mod go_plugin;
mod handshake;
mod log;
mod server;
mod socket;
mod tls;

use std::env;
use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::{self, Runtime};
use tokio::time::timeout;

use crate::framework::{self, Provider};
pub use debug::Attachable;
use handshake::Handshake;
use server::{Interrupt, Patience, Server};

/// What build.rs makes of `proto/go_plugin.proto`.
#[allow(missing_docs, unreachable_pub, dead_code, clippy::all)]
pub(crate) mod proto {
    tonic::include_proto!("plugin");
}

/// What a provider's program tells about itself.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The provider's type, as in `terraform-provider-<name>`.
    pub name: &'static str,
    /// The provider's version.
    pub version: &'static str,
    /// The provider's source address with its host, as in `registry.terraform.io/<namespace>/<name>`.
    pub address: &'static str,
}

/// Why a plugin does not serve.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Handshake(#[from] handshake::Error),
    #[error(transparent)]
    Socket(#[from] socket::Error),
    #[error("cannot set up mutual TLS: {0}")]
    Tls(#[from] tls::Error),
    #[error("unknown arguments: {0}; --help tells those that there are")]
    Arguments(String),
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
}

/// How long what a run left open may take to be closed. Terraform gives a plugin that it asked to end two seconds; where it
/// is gone itself, nobody is in a hurry.
const LAST_WORK: Duration = Duration::from_secs(30);

/// Runs a provider's program: as Terraform's plugin, or as its command line says. Returns when the program is to end.
///
/// `make_provider` is called once, inside the runtime, and only when there is someone to serve.
pub fn run<P: Provider>(about: &About, make_provider: impl FnOnce() -> P) -> ExitCode {
    log::report_panics();
    let arguments: Vec<String> = env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match *arguments {
        [] => serve_terraform(make_provider),
        ["--debug" | "-debug"] => serve_debugging(about, make_provider),
        ["--version" | "-version"] => say(&format!("{about}\n")).map_err(Error::from),
        ["--help" | "-help" | "-h"] => say(&about.help()).map_err(Error::from),
        _ => Err(Error::Arguments(arguments.join(" "))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Handshake(handshake::Error::NotAPlugin)) => {
            complain(&about.help());
            ExitCode::FAILURE
        }
        Err(error) => {
            let line = format!("{about}: {error}\n");
            complain(&line);
            if arguments.is_empty() {
                // Terraform shows its user the first line of standard output where it is no handshake; standard error
                // goes to its log only. A reader that is gone cannot be told.
                let _ = say(&line);
            }
            ExitCode::FAILURE
        }
    }
}

/// Serves the Terraform that started this process.
fn serve_terraform<P: Provider>(make_provider: impl FnOnce() -> P) -> Result<(), Error> {
    let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let handshake = Handshake::read(variable)?;
    log::init(variable);
    run_until_end(async {
        let tls = handshake.client_certificate.clone().map(tls::acceptor).transpose()?;
        let (acceptor, certificate) = tls.unzip();
        let socket = socket::open(&handshake.place)?;
        // Terraform interrupts its whole process group, and stops its plugins by RPC.
        let signal = server::termination(Interrupt::Ignored)?;
        say(&handshake.line(&socket.address, certificate.as_ref()))?;
        let provider = framework::Server::new(make_provider());
        let open_ephemerals = provider.open_ephemerals();
        let server = Server::new(provider, acceptor, Some(Patience::default()));
        server.serve(socket.incoming, signal).await;
        if timeout(LAST_WORK, open_ephemerals.close()).await.is_err() {
            tracing::warn!("what was open for this run is given up");
        }
        Ok(())
    })
}

/// Serves whoever attaches by `TF_REATTACH_PROVIDERS`, until Ctrl-C.
fn serve_debugging<P: Provider>(about: &About, make_provider: impl FnOnce() -> P) -> Result<(), Error> {
    log::init(|name| env::var(name).ok());
    run_until_end(async {
        let attachable = Attachable::open(about)?;
        let signal = server::termination(Interrupt::Ends)?;
        say(&debug::instructions(about, &attachable))?;
        attachable.serve(make_provider(), signal).await;
        Ok(())
    })
}

/// One thread is enough for a provider, and the quickest to start. What still runs at the end is not waited for.
fn run_until_end(serving: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let runtime: Runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(serving);
    runtime.shutdown_background();
    result
}

fn say(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn complain(text: &str) {
    // Where standard error is gone, there is nobody left to tell.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

impl std::fmt::Display for About {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "terraform-provider-{} {}", self.name, self.version)
    }
}

impl About {
    /// What a person who starts the program by hand needs to know.
    fn help(&self) -> String {
        let Self { name, version, address } = self;
        let source = address.strip_prefix("registry.terraform.io/").unwrap_or(address);
        format!(
            r#"{self} is a Terraform provider: Terraform starts it, not you.

To use it, require it in a configuration and run `terraform init`:

    terraform {{
      required_providers {{
        {name} = {{
          source  = "{source}"
          version = "{version}"
        }}
      }}
    }}

Options:
    --debug    serve until Ctrl-C, and print how Terraform attaches to it
    --version  print the version
    --help     print this
"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::About;

    const ABOUT: About = About {
        name: "x",
        version: "1.2.3",
        address: "registry.terraform.io/somebody/x",
    };

    #[test]
    fn help_shows_how_to_require_the_provider() {
        let help = ABOUT.help();
        assert!(
            help.starts_with("terraform-provider-x 1.2.3 is a Terraform provider"),
            "{help}"
        );
        assert!(help.contains(r#"source  = "somebody/x""#), "{help}");
        assert!(help.contains(r#"version = "1.2.3""#), "{help}");
    }
}
