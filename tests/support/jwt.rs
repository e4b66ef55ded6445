//! JSON Web Tokens as a CI system issues them for its jobs.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

/// An issuer with a key of its own, on the curve P-256.
pub(crate) struct Issuer(EcdsaKeyPair);

impl Issuer {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap())
    }

    /// The public key as an uncompressed point.
    pub(crate) fn public_point(&self) -> Vec<u8> {
        self.0.public_key().as_ref().to_vec()
    }

    /// The public key in PEM.
    pub(crate) fn public_key(&self) -> String {
        // The head of every SubjectPublicKeyInfo of a key on P-256 (RFC 5480), which the point follows.
        let mut der =
            b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x42\x00"
                .to_vec();
        der.extend(self.public_point());
        let base64 = BASE64_STANDARD.encode(der);
        format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n")
    }

    /// A JWT with these claims, signed with ES256.
    pub(crate) fn jwt(&self, claims: &Value) -> String {
        self.jwt_with_algorithm("ES256", claims)
    }

    /// A JWT whose header names this algorithm, although it is signed with ES256.
    pub(crate) fn jwt_with_algorithm(&self, algorithm: &str, claims: &Value) -> String {
        let header = json!({ "alg": algorithm, "typ": "JWT" });
        let [header, claims] = [&header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part.to_string()));
        let message = format!("{header}.{claims}");
        let signature = self.0.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// The claims of a job's JWT for this audience, which is valid for five minutes.
pub(crate) fn claims(audience: &str) -> Value {
    let now = Timestamp::now().as_second();
    json!({ "sub": "project:ci", "aud": audience, "iat": now, "exp": now + 300 })
}
