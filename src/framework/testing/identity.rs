//! The client certificate of mutual TLS between Terraform and a plugin.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p521::ecdsa::signature::Signer as _;
use p521::elliptic_curve::Generate as _;
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, Signer, SigningKey, SingleCertAndKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

/// A client certificate with its key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// The key.
    pub key: Arc<dyn SigningKey>,
}

impl Identity {
    /// Creates an identity as Terraform does: a self-signed ECDSA certificate on P-521, marked as a
    /// certificate authority.
    pub fn terraform() -> Self {
        let key = P521Key(Arc::new(p521::ecdsa::SigningKey::generate()));
        Self {
            certificate: certificate(&key.0),
            key: Arc::new(key),
        }
    }

    /// Creates an identity on P-256 that is not a certificate authority.
    ///
    /// # Errors
    ///
    /// The key could not be generated.
    pub fn p256() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let certificate = rcgen::CertificateParams::new(["localhost".to_owned()])?.self_signed(&key)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(Self {
            certificate: certificate.der().clone(),
            key: rustls::crypto::ring::sign::any_ecdsa_type(&key)?,
        })
    }

    /// Returns the certificate in PEM.
    pub fn pem(&self) -> String {
        format!(
            "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode(&self.certificate)
        )
    }

    pub(super) fn resolver(&self) -> Arc<dyn ResolvesClientCert> {
        let key = CertifiedKey::new(vec![self.certificate.clone()], self.key.clone());
        Arc::new(SingleCertAndKey::from(key))
    }
}

/// A key on P-521, which ring does not support.
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

/// Creates a certificate with the fields of go-plugin's. It is encoded by hand, because rcgen with
/// ring does not support P-521.
fn certificate(key: &p521::ecdsa::SigningKey) -> CertificateDer<'static> {
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
    let point = key.verifying_key().to_sec1_point(false);
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
    let signature: p521::ecdsa::DerSignature = key.sign(&to_be_signed);
    der(
        SEQUENCE,
        &[&to_be_signed, &ecdsa_with_sha512, &bits(signature.as_bytes())],
    )
    .into()
}

/// Encodes a value in DER. Values must be shorter than 64 KiB.
fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let [.., high, low] = content.len().to_be_bytes();
    let head = match content.len() {
        0..=0x7f => vec![tag, low],
        0x80..=0xff => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [head, content].concat()
}
