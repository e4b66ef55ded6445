//! Mutual TLS with the process that started the plugin.
//!
//! Terraform creates a key pair per plugin process and passes its self-signed certificate in the
//! environment: ECDSA on P-521, marked as a certificate authority. The server accepts exactly that
//! certificate, whose key must sign the TLS handshake; names, dates and chains are not checked.
//! Otherwise any local process that finds the socket could use the provider with the user's
//! credentials.
//!
//! The cryptography is ring's, which creates the server's key and configuration in 0.1 ms.
//! aws-lc-rs takes 20 ms and more for its jitter entropy, unless `AWS_LC_SYS_NO_JITTER_ENTROPY` is
//! set at build time, which `cargo install` would not do, and Terraform starts a provider three
//! times per plan. ring is also half as large and builds in half the time. Because it lacks P-521,
//! RustCrypto's `p521` verifies that one signature.

use std::sync::Arc;

use p521::ecdsa::signature::Verifier;
use p521::ecdsa::{DerSignature, VerifyingKey};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, PrivatePkcs8KeyDer, SignatureVerificationAlgorithm,
    UnixTime, alg_id,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, PeerIncompatible, ServerConfig, SignatureScheme,
};
use tokio_rustls::TlsAcceptor;

/// The name in the server's certificate, which go-plugin's clients expect.
const SERVER_NAME: &str = "localhost";

/// The reason a text is not a client certificate in PEM.
#[derive(Debug, PartialEq, thiserror::Error)]
pub(super) enum NotACertificate {
    #[error("expected one certificate in PEM, found {0}")]
    Count(usize),
    #[error("not a certificate in PEM")]
    Pem,
    #[error("not an X.509 certificate")]
    X509,
}

/// The reason the TLS server could not be configured.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("no certificate for the server: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error(transparent)]
    Configuration(#[from] rustls::Error),
}

/// Parses the single certificate in `pem`.
pub(super) fn certificate_from_pem(pem: &str) -> Result<CertificateDer<'static>, NotACertificate> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let [certificate]: [CertificateDer<'static>; 1] = certificates
        .map_err(|_| NotACertificate::Pem)?
        .try_into()
        .map_err(|several: Vec<_>| NotACertificate::Count(several.len()))?;
    ParsedCertificate::try_from(&certificate).map_err(|_| NotACertificate::X509)?;
    Ok(certificate)
}

/// Creates a TLS server that accepts only the holder of `client`'s key, and the certificate by
/// which that client verifies the server.
pub(super) fn acceptor(client: CertificateDer<'static>) -> Result<(TlsAcceptor, CertificateDer<'static>), Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = CertificateParams::new([SERVER_NAME.to_owned()])?
        .self_signed(&key)?
        .der()
        .clone();

    let provider = Arc::new(ring::default_provider());
    let verifier = OnlyThisClient {
        certificate: client,
        others: provider.signature_verification_algorithms,
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(
            vec![certificate.clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // There is one client with one connection: no session to resume, and no authentication without
    // the certificate.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok((TlsAcceptor::from(Arc::new(config)), certificate))
}

/// Accepts only the holder of one certificate's key.
#[derive(Debug)]
struct OnlyThisClient {
    certificate: CertificateDer<'static>,
    /// Verifies signatures other than P-521, for clients other than Terraform.
    others: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for OnlyThisClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        if *end_entity == self.certificate {
            Ok(ClientCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = match signature.scheme {
            SignatureScheme::ECDSA_NISTP521_SHA512 => &P521,
            _ => &self.others,
        };
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = P521.supported_schemes();
        schemes.extend(self.others.supported_schemes());
        schemes
    }
}

static P521: WebPkiSupportedAlgorithms = WebPkiSupportedAlgorithms {
    all: &[&EcdsaP521Sha512],
    mapping: &[(SignatureScheme::ECDSA_NISTP521_SHA512, &[&EcdsaP521Sha512])],
};

/// ECDSA on P-521 with SHA-512, which ring lacks.
#[derive(Debug)]
struct EcdsaP521Sha512;

impl SignatureVerificationAlgorithm for EcdsaP521Sha512 {
    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P521
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA512
    }

    fn verify_signature(&self, public_key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let key = VerifyingKey::from_sec1_bytes(public_key).map_err(|_| InvalidSignature)?;
        let signature = DerSignature::try_from(signature).map_err(|_| InvalidSignature)?;
        key.verify(message, &signature).map_err(|_| InvalidSignature)
    }
}
