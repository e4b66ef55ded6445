//! A client of the plugin protocol, as Terraform is one: starts the program, shakes hands, and calls it by gRPC.

#![allow(dead_code, unreachable_pub, reason = "each test crate uses its part")]

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use bytes::{BufMut, Bytes, BytesMut};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use p521::ecdsa::signature::Signer as _;
use p521::elliptic_curve::Generate;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore, SignatureAlgorithm, SignatureScheme};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::either::Either;
use tonic::transport::{Channel, Endpoint};
use tower::Service;

/// What build.rs makes of `proto/tfplugin6.proto`.
#[allow(clippy::all, missing_docs)]
pub mod proto {
    tonic::include_proto!("tfplugin6");
}

/// What build.rs makes of `proto/go_plugin.proto`.
#[allow(clippy::all, missing_docs)]
pub mod go_plugin {
    tonic::include_proto!("plugin");
}

use go_plugin::grpc_controller_client::GrpcControllerClient;
use proto::provider_client::ProviderClient;

/// A variable of the environment.
pub type Variable = (&'static str, String);

/// What every client of Terraform's protocol sets.
pub const COOKIE: (&str, &str) = (
    "TF_PLUGIN_MAGIC_COOKIE",
    "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
);

/// Nothing that a plugin does on demand takes longer, however busy the machine.
const LIMIT: Duration = Duration::from_secs(20);

/// How to start a plugin. By default as Terraform does.
pub struct Options {
    /// Who the client is; nobody disables TLS.
    pub identity: Option<Identity>,
    /// Further variables, which replace those of the same name.
    pub variables: Vec<Variable>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            identity: Some(Identity::terraform()),
            variables: Vec::new(),
        }
    }
}

impl Options {
    /// As with `TF_DISABLE_PLUGIN_TLS`.
    pub fn without_tls() -> Self {
        Self {
            identity: None,
            ..Self::default()
        }
    }

    /// The same, with one more variable.
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }
}

/// A running plugin.
pub struct Plugin {
    process: Child,
    stdout: BufReader<tokio::process::ChildStdout>,
    /// The line that tells the client where to connect, or why it cannot: the handshake's, or that of `--debug`.
    pub line: String,
    /// Where it listens; empty where it does not.
    pub socket: PathBuf,
    /// The certificate by which the client knows the plugin.
    server: Option<CertificateDer<'static>>,
    identity: Option<Identity>,
    /// The directory for temporary files that the plugin was given.
    pub temporary: TempDir,
}

/// How a plugin ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    /// What it wrote on standard output after the first line.
    pub stdout: String,
    pub stderr: String,
}

/// The program under test, with nothing in its environment but `variables` and a directory for temporary files.
pub fn program(temporary: &TempDir, variables: &[Variable]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_terraform-provider-striim"));
    command
        .env_clear()
        .env("TMPDIR", temporary.path())
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl Plugin {
    /// Starts the plugin as Terraform does and reads the first line that it answers.
    pub async fn start(options: Options) -> Self {
        let mut variables = vec![
            (COOKIE.0, COOKIE.1.to_owned()),
            ("PLUGIN_PROTOCOL_VERSIONS", "5,6".to_owned()),
            ("PLUGIN_MIN_PORT", "10000".to_owned()),
            ("PLUGIN_MAX_PORT", "25000".to_owned()),
        ];
        variables.extend(
            options
                .identity
                .as_ref()
                .map(|identity| ("PLUGIN_CLIENT_CERT", identity.pem())),
        );
        variables.extend(options.variables);
        let mut plugin = Self::run(&[], &variables, options.identity).await;
        plugin.line = plugin.read_line().await;
        if let [_, _, _, socket, _, certificate, ..] = plugin.fields()[..] {
            let certificate = STANDARD_NO_PAD.decode(certificate).unwrap();
            let server = (!certificate.is_empty()).then(|| CertificateDer::from(certificate));
            (plugin.socket, plugin.server) = (socket.into(), server);
        }
        plugin
    }

    /// Starts the program with `--debug` and reads how to attach to it.
    pub async fn debug() -> Self {
        let mut plugin = Self::run(&["--debug"], &[], None).await;
        plugin.line = loop {
            let line = plugin.read_line().await;
            assert!(!line.is_empty(), "it ended without telling how to attach to it");
            if let Some((_, rest)) = line.split_once("TF_REATTACH_PROVIDERS='") {
                break rest.trim_end().strip_suffix('\'').unwrap().to_owned();
            }
        };
        let reattach: serde_json::Value = serde_json::from_str(&plugin.line).unwrap();
        let provider = reattach.as_object().unwrap().values().next().unwrap();
        plugin.socket = provider["Addr"]["String"].as_str().unwrap().into();
        plugin
    }

    async fn run(arguments: &[&str], variables: &[Variable], identity: Option<Identity>) -> Self {
        let temporary = TempDir::new().unwrap();
        let mut process = program(&temporary, variables).args(arguments).spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        let (line, socket) = Default::default();
        Self {
            process,
            stdout,
            line,
            socket,
            server: None,
            identity,
            temporary,
        }
    }

    async fn read_line(&mut self) -> String {
        let mut line = String::new();
        timeout(LIMIT, self.stdout.read_line(&mut line))
            .await
            .expect("a line in time")
            .unwrap();
        line
    }

    /// The fields of the handshake line.
    pub fn fields(&self) -> Vec<&str> {
        self.line.trim_end().split('|').collect()
    }

    /// The number of the process.
    pub fn pid(&self) -> u32 {
        self.process.id().expect("a running process")
    }

    /// What it writes on standard error, for who reads that while it runs.
    pub fn errors(&mut self) -> tokio::process::ChildStderr {
        self.process.stderr.take().expect("nobody else reads it")
    }

    /// Connects without a word.
    pub async fn connect(&self) -> UnixStream {
        UnixStream::connect(&self.socket).await.unwrap()
    }

    /// A connection by the identity that the plugin was started with.
    pub async fn channel(&self) -> Channel {
        self.channel_of(self.identity.as_ref()).await.expect("a connection")
    }

    /// A connection by somebody; nobody does not authenticate. Where the plugin asks for no TLS, there is none.
    ///
    /// In TLS 1.3 a client learns only with the first answer that it was refused.
    pub async fn channel_of(&self, identity: Option<&Identity>) -> Result<Channel, tonic::transport::Error> {
        let tls = self.server.clone().map(|server| connector(server, identity));
        let socket = self.socket.clone();
        let connect = tower::service_fn(move |_| {
            let (socket, tls) = (socket.clone(), tls.clone());
            async move {
                let stream = UnixStream::connect(socket).await?;
                let name = ServerName::try_from("localhost").unwrap();
                std::io::Result::Ok(TokioIo::new(match tls {
                    Some(tls) => Either::Left(tls.connect(name, stream).await?),
                    None => Either::Right(stream),
                }))
            }
        });
        let endpoint = Endpoint::from_static("http://localhost").timeout(LIMIT);
        endpoint.connect_with_connector(connect).await
    }

    /// A client of the provider's service.
    pub async fn client(&self) -> ProviderClient<Channel> {
        let limit = 256 << 20;
        let client = ProviderClient::new(self.channel().await);
        client.max_decoding_message_size(limit).max_encoding_message_size(limit)
    }

    /// Asks for the end, as Terraform does.
    pub async fn shutdown(&self) {
        let mut controller = GrpcControllerClient::new(self.channel().await);
        controller.shutdown(go_plugin::Empty {}).await.unwrap();
    }

    /// Sends a signal by its name, as `kill` knows it.
    pub async fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.pid().to_string()])
            .status()
            .await
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end of the process.
    pub async fn ended(mut self) -> Ended {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let mut errors = self.process.stderr.take().unwrap();
        let end = async {
            tokio::try_join!(
                self.stdout.read_to_string(&mut stdout),
                errors.read_to_string(&mut stderr)
            )
            .unwrap();
            self.process.wait().await.unwrap()
        };
        let status = timeout(LIMIT, end).await.expect("an end in time");
        Ended { status, stdout, stderr }
    }
}

/// Calls `path` with the bytes of one gRPC frame as they are, and gives the status that comes back.
pub async fn call_with_bytes(channel: Channel, path: &str, frame: impl Into<Bytes>) -> tonic::Status {
    call(channel, path, tonic::body::Body::new(Full::new(frame.into()))).await
}

/// Calls `path` with this body as it is, and gives the status that comes back.
pub async fn call(mut channel: Channel, path: &str, body: tonic::body::Body) -> tonic::Status {
    let request = http::Request::post(format!("http://localhost{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap();
    std::future::poll_fn(|context| channel.poll_ready(context))
        .await
        .unwrap();
    match channel.call(request).await {
        Ok(response) => {
            let (head, body) = response.into_parts();
            let trailers = http_body_util::BodyExt::collect(body)
                .await
                .unwrap()
                .trailers()
                .cloned();
            tonic::Status::from_header_map(&head.headers)
                .or_else(|| tonic::Status::from_header_map(&trailers?))
                .expect("a status")
        }
        Err(error) => tonic::Status::from_error(error.into()),
    }
}

/// A gRPC frame: uncompressed, with a length that may be a lie.
pub fn frame(length: u32, message: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(length);
    frame.put(message);
    frame.freeze()
}

/// A certificate and the key that it is said to hold.
#[derive(Clone)]
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    pub key: Arc<dyn SigningKey>,
}

impl Identity {
    /// A new identity as Terraform makes one: self-signed ECDSA on P-521, a certificate authority.
    pub fn terraform() -> Self {
        let key = P521Key(Arc::new(p521::ecdsa::SigningKey::generate()));
        Self {
            certificate: key.certificate(),
            key: Arc::new(key),
        }
    }

    /// A new identity on P-256, and no certificate authority.
    pub fn p256() -> Self {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::new(["localhost".to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap()
            .der()
            .clone();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Self {
            certificate,
            key: rustls::crypto::ring::sign::any_ecdsa_type(&key).unwrap(),
        }
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(&self.certificate)
        )
    }
}

fn connector(server: CertificateDer<'static>, identity: Option<&Identity>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(server).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match identity {
        Some(Identity { certificate, key }) => {
            let key = CertifiedKey::new(vec![certificate.clone()], key.clone());
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key)))
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// A key that ring does not know.
#[derive(Clone, Debug)]
struct P521Key(Arc<p521::ecdsa::SigningKey>);

impl SigningKey for P521Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        offered
            .contains(&self.scheme())
            .then(|| Box::new(self.clone()) as Box<dyn Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ECDSA
    }
}

impl Signer for P521Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signature: p521::ecdsa::DerSignature = self.0.sign(message);
        Ok(signature.as_bytes().to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_NISTP521_SHA512
    }
}

impl P521Key {
    /// A certificate with the fields of go-plugin's, written out: rcgen on ring cannot name the curve.
    fn certificate(&self) -> CertificateDer<'static> {
        const SEQUENCE: u8 = 0x30;
        const SET: u8 = 0x31;
        const INTEGER: u8 = 0x02;
        const BIT_STRING: u8 = 0x03;
        const OCTET_STRING: u8 = 0x04;
        const OID: u8 = 0x06;
        const UTF8_STRING: u8 = 0x0c;
        const UTC_TIME: u8 = 0x17;
        let bits = |bytes: &[u8]| der(BIT_STRING, &[&[0], bytes]);
        let attribute = |oid: &[u8], text: &str| {
            let pair = der(SEQUENCE, &[&der(OID, &[oid]), &der(UTF8_STRING, &[text.as_bytes()])]);
            der(SET, &[&pair])
        };
        let extension = |oid: &[u8], critical: &[u8], value: &[u8]| {
            der(SEQUENCE, &[&der(OID, &[oid]), critical, &der(OCTET_STRING, &[value])])
        };
        let yes = der(0x01, &[&[0xff]]);

        let ecdsa_with_sha512 = der(
            SEQUENCE,
            &[&der(OID, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x04]])],
        );
        let ec_public_key = der(OID, &[&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]]);
        let secp521r1 = der(OID, &[&[0x2b, 0x81, 0x04, 0x00, 0x23]]);
        let name = der(
            SEQUENCE,
            &[
                &attribute(b"\x55\x04\x0a", "Test"),
                &attribute(b"\x55\x04\x03", "localhost"),
            ],
        );
        let validity = der(
            SEQUENCE,
            &[&der(UTC_TIME, &[b"200101000000Z"]), &der(UTC_TIME, &[b"491231235959Z"])],
        );
        let point = self.0.verifying_key().to_sec1_point(false);
        let public_key = der(
            SEQUENCE,
            &[&der(SEQUENCE, &[&ec_public_key, &secp521r1]), &bits(point.as_bytes())],
        );
        let key_usage = der(BIT_STRING, &[&[2, 0b1010_1100]]);
        let client_and_server = der(
            SEQUENCE,
            &[
                &der(OID, &[b"\x2b\x06\x01\x05\x05\x07\x03\x02"]),
                &der(OID, &[b"\x2b\x06\x01\x05\x05\x07\x03\x01"]),
            ],
        );
        let authority = der(SEQUENCE, &[&yes]);
        let alternative_name = der(SEQUENCE, &[&der(0x82, &[b"localhost"])]);
        let extensions = der(
            SEQUENCE,
            &[
                &extension(b"\x55\x1d\x0f", &yes, &key_usage),
                &extension(b"\x55\x1d\x25", &[], &client_and_server),
                &extension(b"\x55\x1d\x13", &yes, &authority),
                &extension(b"\x55\x1d\x11", &[], &alternative_name),
            ],
        );
        let to_be_signed = der(
            SEQUENCE,
            &[
                &der(0xa0, &[&der(INTEGER, &[&[2]])]),
                &der(INTEGER, &[&[0x01, 0x23]]),
                &ecdsa_with_sha512,
                &name,
                &validity,
                &name,
                &public_key,
                &der(0xa3, &[&extensions]),
            ],
        );
        let signature = self.sign(&to_be_signed).unwrap();
        der(SEQUENCE, &[&to_be_signed, &ecdsa_with_sha512, &bits(&signature)]).into()
    }
}

/// One value in DER.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = u16::try_from(content.len()).unwrap();
    let [high, low] = length.to_be_bytes();
    let head = match length {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head, content].concat()
}
