//! A provider in a process of its own, which is started and called as Terraform does: handshake line, mutual TLS, gRPC.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::either::Either;
use tonic::transport::{Channel, Endpoint};

use super::{Connection, Identity, Start, StartError};

/// The variable that every client of Terraform's protocol sets.
pub const COOKIE: (&str, &str) = (
    "TF_PLUGIN_MAGIC_COOKIE",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
);

/// How long a process may take for what it does on demand, on however busy a machine.
const LIMIT: Duration = Duration::from_secs(20);

/// How long a call may take. Terraform waits without end, and a provider repeats what fails for minutes.
const CALL_LIMIT: Duration = Duration::from_secs(600);

/// The program of a provider, and the environment that it is started with. It is a [`Start`].
///
/// Of the environment of this process, it inherits nothing.
#[derive(Clone, Debug)]
pub struct PluginProgram {
    path: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    /// `None` disables TLS.
    identity: Option<Identity>,
}

/// A running process of a provider, which is killed when this is dropped.
#[derive(Debug)]
pub struct PluginProcess {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The first line that it wrote: the handshake's, or why there is none.
    pub line: String,
    /// The socket that it listens on; empty where it does not.
    pub socket: PathBuf,
    /// The certificate by which the client authenticates the plugin.
    server: Option<CertificateDer<'static>>,
    identity: Option<Identity>,
    /// The directory for temporary files that it was given.
    pub temporary: TempDir,
}

/// How a process ended.
#[derive(Debug)]
pub struct Exited {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote on standard output after the first line.
    pub stdout: String,
    /// What it wrote on standard error.
    pub stderr: String,
}

impl PluginProgram {
    /// A program that is started as Terraform does.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            arguments: Vec::new(),
            variables: Vec::new(),
            identity: Some(Identity::terraform()),
        }
    }

    /// The same, as with `TF_DISABLE_PLUGIN_TLS`.
    #[must_use]
    pub fn without_tls(self) -> Self {
        Self { identity: None, ..self }
    }

    /// The same, where the client has this identity.
    #[must_use]
    pub fn with_identity(self, identity: Identity) -> Self {
        Self {
            identity: Some(identity),
            ..self
        }
    }

    /// The same, with a further argument.
    #[must_use]
    pub fn with_argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// The same, with a further variable in the environment.
    #[must_use]
    pub fn with(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The command that runs it, with nothing in its environment but its variables and a directory for temporary files.
    pub fn command(&self, temporary: &TempDir) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .env_clear()
            .env("TMPDIR", temporary.path())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Starts it by hand, without the variables that Terraform sets.
    ///
    /// # Errors
    ///
    /// It could not be started.
    pub fn run(&self) -> Result<PluginProcess, StartError> {
        let temporary = TempDir::new()?;
        let mut child = self.command(&temporary).spawn()?;
        let stdout = child.stdout.take().ok_or("it has no standard output")?;
        Ok(PluginProcess {
            child,
            stdout: BufReader::new(stdout),
            line: String::new(),
            socket: PathBuf::new(),
            server: None,
            identity: self.identity.clone(),
            temporary,
        })
    }

    /// Starts it as Terraform does, and reads the line that it answers: a handshake, or why there is none.
    ///
    /// # Errors
    ///
    /// It could not be started, or did not answer.
    pub async fn launch(&self) -> Result<PluginProcess, StartError> {
        let mut variables: Vec<(OsString, OsString)> = vec![
            (COOKIE.0.into(), COOKIE.1.into()),
            ("PLUGIN_PROTOCOL_VERSIONS".into(), "5,6".into()),
            ("PLUGIN_MIN_PORT".into(), "10000".into()),
            ("PLUGIN_MAX_PORT".into(), "25000".into()),
        ];
        if let Some(identity) = &self.identity {
            variables.push(("PLUGIN_CLIENT_CERT".into(), identity.pem().into()));
        }
        variables.extend(self.variables.iter().cloned());
        let program = Self {
            variables,
            ..self.clone()
        };
        let mut process = program.run()?;
        process.line = process.read_line().await?;
        if let [_, _, _, socket, _, certificate, ..] = process.fields()[..] {
            let certificate = STANDARD_NO_PAD.decode(certificate)?;
            let server = (!certificate.is_empty()).then(|| CertificateDer::from(certificate));
            (process.socket, process.server) = (socket.into(), server);
        }
        Ok(process)
    }
}

impl Start for PluginProgram {
    async fn start(&self) -> Result<Connection, StartError> {
        let mut process = self.launch().await?;
        // Its log is discarded: a full pipe would make it wait.
        if let Some(mut log) = process.take_stderr() {
            tokio::spawn(async move { tokio::io::copy(&mut log, &mut tokio::io::sink()).await });
        }
        process.into_connection().await
    }
}

impl PluginProcess {
    /// Reads a line of its standard output; empty at the end.
    ///
    /// # Errors
    ///
    /// There was none in time.
    pub async fn read_line(&mut self) -> Result<String, StartError> {
        let mut line = String::new();
        timeout(LIMIT, self.stdout.read_line(&mut line)).await??;
        Ok(line)
    }

    /// The fields of the handshake line.
    pub fn fields(&self) -> Vec<&str> {
        self.line.trim_end().split('|').collect()
    }

    /// The id of the process; `None` if it has ended.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Its standard error, for a reader while it runs.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Connects to its socket, and says nothing.
    ///
    /// # Errors
    ///
    /// It does not accept the connection.
    pub async fn connect(&self) -> std::io::Result<UnixStream> {
        UnixStream::connect(&self.socket).await
    }

    /// A connection by the identity that it was started with.
    ///
    /// # Errors
    ///
    /// It does not accept the connection.
    pub async fn channel(&self) -> Result<Channel, StartError> {
        self.channel_by(self.identity.as_ref()).await
    }

    /// A connection by another identity, or without one. Where the plugin uses no TLS, neither does the connection.
    ///
    /// In TLS 1.3 a client learns only with the first answer that it was refused.
    ///
    /// # Errors
    ///
    /// It does not accept the connection.
    pub async fn channel_by(&self, identity: Option<&Identity>) -> Result<Channel, StartError> {
        let tls = self
            .server
            .clone()
            .map(|server| connector(server, identity))
            .transpose()?;
        let (socket, name) = (self.socket.clone(), ServerName::try_from("localhost")?);
        let connect = tower::service_fn(move |_| {
            let (socket, tls, name) = (socket.clone(), tls.clone(), name.clone());
            async move {
                let stream = UnixStream::connect(socket).await?;
                std::io::Result::Ok(TokioIo::new(match tls {
                    Some(tls) => Either::Left(tls.connect(name, stream).await?),
                    None => Either::Right(stream),
                }))
            }
        });
        let endpoint = Endpoint::from_static("http://localhost")
            .connect_timeout(LIMIT)
            .timeout(CALL_LIMIT);
        Ok(endpoint.connect_with_connector(connect).await?)
    }

    /// A connection, with which the process ends.
    ///
    /// # Errors
    ///
    /// The process offers no connection, or does not accept it.
    pub async fn into_connection(self) -> Result<Connection, StartError> {
        if self.socket.as_os_str().is_empty() {
            return Err(format!("the plugin did not shake hands: {}", self.line.trim_end()).into());
        }
        let connection = Connection::new(self.channel().await?);
        Ok(connection.with_process(self))
    }

    /// Waits for its end.
    ///
    /// # Errors
    ///
    /// It did not end in time.
    pub async fn exited(mut self) -> Result<Exited, StartError> {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let log = self.take_stderr();
        let end = async {
            let read_log = async {
                match log {
                    Some(mut log) => log.read_to_string(&mut stderr).await,
                    None => Ok(0),
                }
            };
            tokio::try_join!(self.stdout.read_to_string(&mut stdout), read_log)?;
            self.child.wait().await
        };
        let status = timeout(LIMIT, end).await??;
        Ok(Exited { status, stdout, stderr })
    }
}

/// Sends a signal to a process by its name, as `kill` knows it. Returns whether the process exists.
pub(super) fn signal(pid: u32, name: &str) -> bool {
    let mut kill = std::process::Command::new("kill");
    let status = kill.args(["-s", name, &pid.to_string()]).status();
    status.is_ok_and(|status| status.success())
}

fn connector(server: CertificateDer<'static>, identity: Option<&Identity>) -> Result<TlsConnector, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(server)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(identity) => builder.with_client_cert_resolver(identity.resolver()),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
