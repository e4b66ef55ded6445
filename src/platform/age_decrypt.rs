//! `age_decrypt`, a function of every provider.

use secrecy::SecretString;

use super::encryption::{self, DecryptError};
use crate::framework::{Function, InvalidArgument, Parameter, Signature, Type};

/// The function `age_decrypt(encrypted, identity)`.
pub(crate) struct AgeDecrypt;

impl Function for AgeDecrypt {
    type Arguments = (String, SecretString);
    type Output = SecretString;

    const NAME: &'static str = "age_decrypt";

    fn signature(&self) -> Signature {
        Signature {
            summary: "Decrypts a value that a resource with age_recipients has encrypted",
            description: "Decrypts an armored age file, such as `encrypted_token` of a resource with `age_recipients`. Use an \
                          ephemeral value for `identity`, such as an ephemeral variable: then the result is ephemeral, too, \
                          and Terraform stores neither in a state or a plan. With another value, the result is stored \
                          wherever it is used. Decrypts values of any origin that are encrypted to X25519 recipients (`age1…`).",
            parameters: vec![
                Parameter::new(
                    "encrypted",
                    Type::String,
                    "The armored age file, which begins with `-----BEGIN AGE ENCRYPTED FILE-----`.",
                ),
                Parameter::new(
                    "identity",
                    Type::String,
                    "The private key of one of its recipients, which begins with `AGE-SECRET-KEY-1`, or the content of a file \
                     that `age-keygen` has written.",
                ),
            ],
            returns: Type::String,
        }
    }

    fn call(&self, (encrypted, identity): (String, SecretString)) -> Result<SecretString, InvalidArgument> {
        encryption::decrypt(&encrypted, &identity).map_err(|error| {
            let position = match error {
                DecryptError::Encrypted(_) => 0,
                DecryptError::Identity(_) => 1,
            };
            InvalidArgument::at(position)(error)
        })
    }
}
