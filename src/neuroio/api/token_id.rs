//! The id of a stream token, which is a number.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};

/// The id of a stream token.
///
/// `DELETE /streams/tokens/{id}/` deletes one token, `DELETE /streams/tokens/` deletes all of them.
/// An empty id would turn the first request into the second. The platform also accepts a token's
/// value instead of an id, but a secret must not be part of a URL. A number rules out both, and ids
/// are numbers in both public clients.
///
/// ```compile_fail
/// # use token_providers::neuroio::api::TokenId;
/// let all = TokenId::from("");
/// ```
///
/// ```
/// # use token_providers::neuroio::api::TokenId;
/// assert!("".parse::<TokenId>().is_err());
/// assert_eq!("17".parse::<TokenId>().unwrap().to_string(), "17");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenId(u64);

/// The error for a text that is not an id. It does not quote the text, which may be a token's
/// value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the id of a stream token is a number")]
pub struct InvalidTokenId;

impl FromStr for TokenId {
    type Err = InvalidTokenId;

    /// Accepts only the spelling that [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Self, InvalidTokenId> {
        let id = text.parse().map(Self).map_err(|_| InvalidTokenId)?;
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(InvalidTokenId)
        }
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for TokenId {
    /// Accepts a number with or without quotation marks.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Spelling {
            Number(u64),
            Text(String),
        }
        match Spelling::deserialize(deserializer) {
            Ok(Spelling::Number(id)) => Ok(Self(id)),
            Ok(Spelling::Text(text)) => text.parse().map_err(D::Error::custom),
            // The original error could quote a value.
            Err(_) => Err(D::Error::custom(InvalidTokenId)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_that_could_address_all_tokens_or_hold_a_value_is_rejected() {
        for text in [
            "", " ", "/", ".", "..", "7/", "7/..", "+7", "-7", "07", "7 ", "a1b2c3", "７", "?", "%2F", "null",
        ] {
            assert_eq!(text.parse::<TokenId>(), Err(InvalidTokenId), "{text:?}");
            let json = serde_json::to_string(text).unwrap();
            assert!(serde_json::from_str::<TokenId>(&json).is_err(), "{text:?}");
        }
        for json in ["null", "-1", "1.5", "[]", "{}", "true", "18446744073709551616"] {
            assert!(serde_json::from_str::<TokenId>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn id_is_read_with_and_without_quotation_marks() {
        for (json, id) in [
            ("0", "0"),
            ("17", "17"),
            ("\"17\"", "17"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            assert_eq!(serde_json::from_str::<TokenId>(json).unwrap().to_string(), id);
        }
    }

    proptest! {
        #[test]
        fn every_accepted_id_consists_of_digits(text in "\\PC{0,4}|[0-9]{1,20}") {
            if let Ok(id) = text.parse::<TokenId>() {
                let written = id.to_string();
                prop_assert!(!written.is_empty() && written.bytes().all(|byte| byte.is_ascii_digit()));
                prop_assert_eq!(written, text);
            }
        }
    }
}
