//! The SHA-256 hash of a value, by which the provider recognises a token without keeping its value.

use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};

/// Returns the hash in lower-case hexadecimal digits, as `sha256sum` prints it.
pub(crate) fn sha256(token: &SecretString) -> String {
    let hash = digest(&SHA256, token.expose_secret().as_bytes());
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_equals_sha256sum() {
        // printf '' | sha256sum
        let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(&SecretString::from("")), expected);
    }
}
