//! A provider in its own process, started and called as by Terraform: handshake line, mutual TLS,
//! gRPC.

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

/// The magic cookie: a variable that Terraform and other clients of the protocol set.
pub const COOKIE: (&str, &str) = (
    "TF_PLUGIN_MAGIC_COOKIE",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
);

/// The time limit for starting, stopping and connecting, generous for a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// The time limit of a call. Terraform has none, and a provider may retry for minutes.
const CALL_LIMIT: Duration = Duration::from_secs(600);

/// The program of a provider, with its environment. It is a [`Start`].
///
/// It does not inherit the environment of this process.
#[derive(Clone, Debug)]
pub struct PluginProgram {
    path: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    /// The client identity; `None` disables TLS.
    identity: Option<Identity>,
}

/// A running provider process, which is killed when this is dropped.
#[derive(Debug)]
pub struct PluginProcess {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The first line of standard output: the handshake, or an error message.
    pub line: String,
    /// The socket that the process listens on; empty if it does not listen.
    pub socket: PathBuf,
    /// The server certificate, by which the client authenticates the plugin.
    server: Option<CertificateDer<'static>>,
    identity: Option<Identity>,
    /// The directory for the temporary files of the process.
    pub temporary: TempDir,
}

/// The result of a process that has exited.
#[derive(Debug)]
pub struct Exited {
    /// The exit status.
    pub status: ExitStatus,
    /// Standard output after the first line.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl PluginProgram {
    /// Creates a program that is started as by Terraform.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            arguments: Vec::new(),
            variables: Vec::new(),
            identity: Some(Identity::terraform()),
        }
    }

    /// Disables TLS, as with `TF_DISABLE_PLUGIN_TLS`.
    #[must_use]
    pub fn without_tls(self) -> Self {
        Self { identity: None, ..self }
    }

    /// Uses this client identity.
    #[must_use]
    pub fn with_identity(self, identity: Identity) -> Self {
        Self {
            identity: Some(identity),
            ..self
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn with_argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn with(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.variables
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Returns the command that runs it, with only its own environment variables and a directory
    /// for temporary files.
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

    /// Starts the program as a user would, without the variables that Terraform sets.
    ///
    /// # Errors
    ///
    /// The program could not be started.
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

    /// Starts the program as Terraform does, and reads the first line of its output: the handshake,
    /// or an error message.
    ///
    /// # Errors
    ///
    /// The program could not be started, or printed no line.
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
        // Discards the log. Otherwise the process would block once the pipe is full.
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
    /// No line within the time limit.
    pub async fn read_line(&mut self) -> Result<String, StartError> {
        let mut line = String::new();
        timeout(LIMIT, self.stdout.read_line(&mut line)).await??;
        Ok(line)
    }

    /// Returns the fields of the handshake line.
    pub fn fields(&self) -> Vec<&str> {
        self.line.trim_end().split('|').collect()
    }

    /// Returns the process id; `None` if it has exited.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Takes its standard error, to read it while the process runs.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// Opens a connection to the socket of the process without sending anything.
    ///
    /// # Errors
    ///
    /// The process does not accept the connection.
    pub async fn connect(&self) -> std::io::Result<UnixStream> {
        UnixStream::connect(&self.socket).await
    }

    /// Connects with the identity that the process was started with.
    ///
    /// # Errors
    ///
    /// The process does not accept the connection.
    pub async fn channel(&self) -> Result<Channel, StartError> {
        self.channel_by(self.identity.as_ref()).await
    }

    /// Connects with another identity, or without one. Uses no TLS if the plugin does not.
    ///
    /// In TLS 1.3, a client learns that its certificate was rejected only from the first response.
    ///
    /// # Errors
    ///
    /// The process does not accept the connection.
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

    /// Connects, and kills the process when the connection is dropped.
    ///
    /// # Errors
    ///
    /// There was no handshake, or the process does not accept the connection.
    pub async fn into_connection(self) -> Result<Connection, StartError> {
        if self.socket.as_os_str().is_empty() {
            return Err(format!("there was no handshake: {}", self.line.trim_end()).into());
        }
        let connection = Connection::new(self.channel().await?);
        Ok(connection.with_process(self))
    }

    /// Waits until the process has exited.
    ///
    /// # Errors
    ///
    /// The process did not exit within the time limit.
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

/// Sends a signal, named as for `kill`. Returns whether the process exists.
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
