//! The program of a provider: handshake, mutual TLS, gRPC server, shutdown and log lines.
//!
//! [`run`] is the whole of a provider's `main`. [`Attachable`] serves a provider within a test.
//!
//! # Flow
//!
//! Terraform starts a provider as a child process and talks to it by HashiCorp's go-plugin
//! protocol:
//!
//! 1. Terraform sets environment variables (`handshake`) and starts the program.
//! 2. The program opens a `socket` and prints one line on standard output with the socket's
//!    address.
//! 3. Terraform connects with mutual TLS (`tls`) and calls the provider by gRPC (`server`).
//! 4. Terraform requests the shutdown by the service `GRPCController` (`go_plugin`), and kills the
//!    program two seconds later.
//!
//! # Logging
//!
//! Events of the crate `tracing` become lines on standard error in the format that Terraform reads,
//! if `TF_LOG_PROVIDER` or `TF_LOG` is set. Only events of this crate, of the crate that defines
//! the provider and of [`ProviderInfo::with_log_targets`] are logged. Libraries stay silent,
//! because an HTTP or TLS library logs what it sends and receives, and that includes secrets.
//!
//! # Guarantees
//!
//! - Only the holder of Terraform's private key can call the provider. With `TF_DISABLE_PLUGIN_TLS`
//!   and with `--debug` it is every process of the same user; where the operating system does not
//!   enforce that (Windows), the program refuses both.
//! - The socket is removed when the program exits, unless the program is killed.
//! - A program that has lost its client exits.

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
use server::{IdleTimeouts, Interrupt, Server};

/// The code that build.rs generates from `proto/go_plugin.proto`.
#[allow(missing_docs, unreachable_pub, dead_code, clippy::all)]
pub(crate) mod proto {
    tonic::include_proto!("plugin");
}

/// The name and version of a provider, as its program reports them.
///
/// ```
/// use token_providers::plugin::ProviderInfo;
///
/// const INFO: ProviderInfo = ProviderInfo::new("registry.terraform.io/acme/notes", "1.2.3");
///
/// assert_eq!(INFO.name(), "notes");
/// assert_eq!(INFO.to_string(), "terraform-provider-notes 1.2.3");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ProviderInfo {
    address: &'static str,
    version: &'static str,
    log_targets: &'static [&'static str],
}

impl ProviderInfo {
    /// Describes the provider with this source address and version. The address is the one that a
    /// configuration requires, with its host, such as `registry.terraform.io/<namespace>/<name>`;
    /// the version is usually `env!("CARGO_PKG_VERSION")`.
    pub const fn new(address: &'static str, version: &'static str) -> Self {
        Self {
            address,
            version,
            log_targets: &[],
        }
    }

    /// Adds crates whose events are logged in addition to those of the provider's own crate.
    ///
    /// A target is the name of a crate, or the path of a module in it. Add only crates that never
    /// log what they send or receive: the log is readable by more people than the state.
    ///
    /// ```
    /// use token_providers::plugin::ProviderInfo;
    ///
    /// let info = ProviderInfo::new("registry.terraform.io/acme/notes", "1.2.3").with_log_targets(&["acme_client"]);
    /// ```
    #[must_use]
    pub const fn with_log_targets(self, log_targets: &'static [&'static str]) -> Self {
        Self { log_targets, ..self }
    }

    /// Returns the provider's name, which is the last part of its address. The program is
    /// `terraform-provider-<name>`.
    pub fn name(&self) -> &'static str {
        self.address.rsplit('/').next().unwrap_or_default()
    }
}

/// The reason why a plugin cannot serve.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Handshake(#[from] handshake::Error),
    #[error(transparent)]
    Socket(#[from] socket::Error),
    #[error("cannot set up mutual TLS: {0}")]
    Tls(#[from] tls::Error),
    #[error("unknown arguments: {0}; --help lists the options")]
    Arguments(String),
    #[error("cannot start: {0}")]
    Io(#[from] io::Error),
}

/// The time limit for closing the ephemeral resources that a run left open. After a shutdown
/// request, Terraform kills the plugin within two seconds anyway; after a lost connection, there is
/// time.
const CLEANUP_TIMEOUT: Duration = Duration::from_secs(30);

/// Runs a provider's program: as a plugin of Terraform, or as its command line says. Returns when
/// the program is to exit.
///
/// The program has the options `--debug`, `--version` and `--help`. Started by hand without one, it
/// prints how to require the provider in a configuration.
///
/// `make_provider` is called at most once, inside the tokio runtime, and only if a client is to be
/// served.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// use token_providers::framework::Provider;
/// use token_providers::plugin::{self, ProviderInfo};
///
/// fn start<P: Provider>(notes: P) -> ExitCode {
///     let info = ProviderInfo::new("registry.terraform.io/acme/notes", env!("CARGO_PKG_VERSION"));
///     plugin::run(&info, || notes)
/// }
/// ```
pub fn run<P: Provider>(info: &ProviderInfo, make_provider: impl FnOnce() -> P) -> ExitCode {
    log::report_panics();
    let arguments: Vec<String> = env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match *arguments {
        [] => serve_terraform(info, make_provider),
        ["--debug" | "-debug"] => serve_debugging(info, make_provider),
        ["--version" | "-version"] => print(&format!("{info}\n")).map_err(Error::from),
        ["--help" | "-help" | "-h"] => print(&info.help()).map_err(Error::from),
        _ => Err(Error::Arguments(arguments.join(" "))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Error::Handshake(handshake::Error::NotAPlugin)) => {
            eprint(&info.help());
            ExitCode::FAILURE
        }
        Err(error) => {
            let line = format!("{info}: {error}\n");
            eprint(&line);
            if arguments.is_empty() {
                // Terraform shows its user the first line of standard output if it is not a
                // handshake; standard error goes to its log only. An error is ignored: the reader
                // is gone.
                let _ = print(&line);
            }
            ExitCode::FAILURE
        }
    }
}

/// Serves the Terraform that started this process.
fn serve_terraform<P: Provider>(info: &ProviderInfo, make_provider: impl FnOnce() -> P) -> Result<(), Error> {
    let variable = |name: &str| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let handshake = Handshake::read(variable)?;
    log::init::<P>(info, variable);
    run_until_end(async {
        let tls = handshake.client_certificate.clone().map(tls::acceptor).transpose()?;
        let (acceptor, certificate) = tls.unzip();
        let mut socket = socket::open(&handshake.place)?;
        if acceptor.is_none() {
            socket = socket.restricted_to_user()?;
        }
        // An interrupt reaches the whole process group, but Terraform stops its plugins by RPC.
        let signal = server::termination(Interrupt::Ignored)?;
        print(&handshake.line(&socket.address, certificate.as_ref()))?;
        let provider = framework::Server::new(make_provider());
        let open_ephemerals = provider.open_ephemerals();
        let server = Server::new(provider, acceptor, Some(IdleTimeouts::default()));
        server.serve(socket.incoming, signal).await;
        if timeout(CLEANUP_TIMEOUT, open_ephemerals.close()).await.is_err() {
            tracing::warn!("timed out closing the ephemeral resources of this run");
        }
        Ok(())
    })
}

/// Serves the clients that attach by `TF_REATTACH_PROVIDERS`, until Ctrl-C.
fn serve_debugging<P: Provider>(info: &ProviderInfo, make_provider: impl FnOnce() -> P) -> Result<(), Error> {
    log::init::<P>(info, |name| env::var(name).ok());
    run_until_end(async {
        let attachable = Attachable::open(info)?;
        let signal = server::termination(Interrupt::Ends)?;
        print(&debug::instructions(info, &attachable))?;
        attachable.serve(make_provider(), signal).await;
        Ok(())
    })
}

/// Runs `serving` to its end. A single thread is enough for a provider, and starts the quickest.
/// Tasks that still run afterwards are abandoned.
fn run_until_end(serving: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let runtime: Runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(serving);
    runtime.shutdown_background();
    result
}

/// Prints to standard output; unlike the macro, it returns an error if the reader is gone.
fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

/// Prints to standard error; unlike the macro, it never panics.
fn eprint(text: &str) {
    // An error is ignored: without standard error there is no place to report it.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

impl std::fmt::Display for ProviderInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "terraform-provider-{} {}", self.name(), self.version)
    }
}

impl ProviderInfo {
    /// Returns the text for a user who starts the program directly.
    fn help(&self) -> String {
        let Self { address, version, .. } = self;
        let name = self.name();
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
    --debug    run until Ctrl-C, and print how to attach Terraform to it
    --version  print the version
    --help     print this
"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::ProviderInfo;

    #[test]
    fn help_shows_how_to_require_the_provider() {
        let help = ProviderInfo::new("registry.terraform.io/acme/x", "1.2.3").help();
        assert!(
            help.starts_with("terraform-provider-x 1.2.3 is a Terraform provider"),
            "{help}"
        );
        assert!(help.contains(r#"source  = "acme/x""#), "{help}");
        assert!(help.contains(r#"version = "1.2.3""#), "{help}");
    }
}
