//! The provider's functions: forms of a token for clients that do not support bearer tokens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::api::IssuedToken;
use crate::framework::{Field, Function, InvalidArgument, Model, Parameter, Signature, Type};

/// The result of `parse_token`.
#[derive(Model, Clone, Debug)]
pub(super) struct UserNameAndPassword {
    /// The token's access key.
    #[attribute(computed)]
    username: Field<String>,
    /// The token's secret key.
    #[attribute(computed)]
    password: Field<SecretString>,
}

/// `parse_token(token)`
pub(super) struct ParseToken;

impl Function for ParseToken {
    type Arguments = (SecretString,);
    type Output = UserNameAndPassword;

    const NAME: &'static str = "parse_token";

    fn signature(&self) -> Signature {
        let members = ["username", "password"].map(|member| (member.to_owned(), Type::String));
        Signature {
            summary: "Splits a token into user name and password",
            description: "Splits a token into user name and password, for clients that do not support bearer tokens. Returns \
                          an object with `username`, the token's access key, and `password`, its secret key. If the token \
                          is sensitive, both are sensitive.",
            parameters: vec![token()],
            returns: Type::Object(members.into()),
        }
    }

    fn call(&self, (token,): (SecretString,)) -> Result<UserNameAndPassword, InvalidArgument> {
        let (username, password) = halves(&token)?;
        Ok(UserNameAndPassword {
            username: username.into(),
            password: password.into(),
        })
    }
}

/// `basic_auth(token)`
pub(super) struct BasicAuth;

impl Function for BasicAuth {
    type Arguments = (SecretString,);
    type Output = SecretString;

    const NAME: &'static str = "basic_auth";

    fn signature(&self) -> Signature {
        Signature {
            summary: "Returns a token as an Authorization header for Basic authentication",
            description: "Returns the value of an `Authorization` header for Basic authentication (RFC 7617) with a token: \
                          `Basic`, and the token's user name and password in Base64. If the token is sensitive, the result \
                          is sensitive.",
            parameters: vec![token()],
            returns: Type::String,
        }
    }

    fn call(&self, (token,): (SecretString,)) -> Result<SecretString, InvalidArgument> {
        let (username, password) = halves(&token)?;
        let credentials = SecretString::from(format!("{username}:{}", password.expose_secret()));
        Ok(format!("Basic {}", STANDARD.encode(credentials.expose_secret())).into())
    }
}

fn token() -> Parameter {
    Parameter::new(
        "token",
        Type::String,
        "The token: `st-`, 16 letters and digits, a hyphen, and 32 letters and digits.",
    )
}

/// Splits a token into access key and secret key, whose lengths are documented. The error does not
/// quote it.
fn halves(token: &SecretString) -> Result<(String, SecretString), InvalidArgument> {
    let halves = IssuedToken::of_bearer(token).map(|token| (token.access_key.to_string(), token.secret_key));
    let is_alphanumeric = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let halves = halves.filter(|(username, password)| {
        let password = password.expose_secret();
        username.len() == 16 && password.len() == 32 && is_alphanumeric(password)
    });
    halves.ok_or_else(|| {
        InvalidArgument::at(0)(
            "must be a StarTree token: \"st-\", 16 letters and digits, a hyphen, and 32 letters and digits, and no other \
             characters",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of StarTree's documentation.
    const TOKEN: &str = "st-XkQBXKr652MV1VF9-5gkhGWNaGAdA1NU5yrHXRSPKMCcNRlRg";

    #[test]
    fn parse_token_splits_the_documented_example() {
        let parsed = ParseToken.call((TOKEN.into(),)).unwrap();
        assert_eq!(parsed.username, "XkQBXKr652MV1VF9".into());
        assert_eq!(
            parsed.password.known().unwrap().expose_secret(),
            "5gkhGWNaGAdA1NU5yrHXRSPKMCcNRlRg"
        );
    }

    #[test]
    fn basic_auth_encodes_user_name_and_password() {
        let header = BasicAuth.call((TOKEN.into(),)).unwrap();
        let encoded = header.expose_secret().strip_prefix("Basic ").unwrap();
        assert_eq!(
            STANDARD.decode(encoded).unwrap(),
            b"XkQBXKr652MV1VF9:5gkhGWNaGAdA1NU5yrHXRSPKMCcNRlRg"
        );
    }

    #[test]
    fn invalid_tokens_are_rejected_and_not_quoted() {
        for text in ["", "s3cret", "st-s3cret-", &format!("{TOKEN} ")] {
            for error in [
                ParseToken.call((text.into(),)).map(drop).unwrap_err(),
                BasicAuth.call((text.into(),)).map(drop).unwrap_err(),
            ] {
                assert_eq!(error.position, 0);
                let problem = error.problem;
                assert!(!problem.contains("s3cret") && !problem.contains("XkQB"), "{problem}");
            }
        }
    }
}
