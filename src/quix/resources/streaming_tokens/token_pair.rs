//! The attributes of the two streaming tokens, and their transitions.
//!
//! The state always has the hashes. It has the values as they are, encrypted, or, after an import,
//! not at all: an import does not know `age_recipients`, so only the first apply stores the values.

use secrecy::SecretString;

use super::diagnostics;
use super::fingerprints::Fingerprints;
use crate::framework::{Diagnostic, Field, Model};
use crate::platform::age_recipients::{self, AgeRecipients};
use crate::platform::encryption::Recipients;
use crate::platform::generation;
use crate::platform::sha256::sha256;
use crate::quix::api::StreamingTokens;

/// The tokens in the state.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct TokenPair {
    /// The [age](https://age-encryption.org) recipients (public keys) to encrypt the tokens to. The
    /// state then has only `encrypted_token_1` and `encrypted_token_2`, and `token_1` and `token_2`
    /// are null. A change rotates nothing: the apply reads the tokens and encrypts them again. Who
    /// was a recipient before can still decrypt older states, so rotate the tokens twice to exclude
    /// a former recipient. A recipient begins with `age1`, or with `age1tag1` or `age1tagpq1` for a
    /// hardware key.
    #[attribute(optional, check = age_recipients::check)]
    pub(super) age_recipients: Field<AgeRecipients>,
    /// Token 1: the token in the `Quix__Sdk__Token` of deployments. The next rotation revokes it.
    /// Null with `age_recipients`, and between an import and the first apply.
    #[attribute(computed, planned)]
    pub(super) token_1: Field<SecretString>,
    /// Token 2: the token that becomes token 1 in the next rotation. A plan with one rotation
    /// therefore knows `token_1`. Null if `token_1` is.
    #[attribute(computed, planned)]
    pub(super) token_2: Field<SecretString>,
    /// With `age_recipients`: token 1, as an armored age file. Only the holders of the recipients'
    /// identities (private keys) can decrypt it, with `age -d`, or with the function `age_decrypt`
    /// in the same run.
    #[attribute(computed, planned)]
    pub(super) encrypted_token_1: Field<String>,
    /// With `age_recipients`: token 2, as an armored age file. A plan with one rotation knows
    /// `encrypted_token_1`, which is this one.
    #[attribute(computed, planned)]
    pub(super) encrypted_token_2: Field<String>,
    /// The SHA-256 hash of token 1, in hexadecimal. It does not reveal the token, because tokens
    /// are long and random. It is as in `revoke_sha256`, and as `printf %s "$TOKEN" | sha256sum`
    /// prints it.
    #[attribute(computed, planned)]
    pub(super) token_1_sha256: Field<String>,
    /// The SHA-256 hash of token 2. A plan with one rotation knows `token_1_sha256`, which is this
    /// one.
    #[attribute(computed, planned)]
    pub(super) token_2_sha256: Field<String>,
    /// The number of the current tokens. Each change adds 1, also a change outside Terraform. A
    /// plan that rotates knows it, so it can be the version of a write-only argument. The first
    /// number is the time of the creation or import in milliseconds, so no number is used twice,
    /// even after a replacement.
    #[attribute(computed, planned)]
    pub(super) generation: Field<i64>,
    /// Whether a refresh found other tokens than the last apply left: another client rotated them,
    /// or a run was killed before its state was written. The next apply resets this to false. A
    /// change of `rotation_triggers` in the same apply does not rotate, because token 1 is already
    /// revoked.
    #[attribute(computed, planned)]
    pub(super) changed_outside: Field<bool>,
}

/// The attributes of one token.
#[derive(Clone, Default)]
struct Slot {
    token: Field<SecretString>,
    encrypted_token: Field<String>,
    sha256: Field<String>,
}

impl TokenPair {
    /// Creates the attributes of a new or imported resource, which has no values yet.
    pub(super) fn new(tokens: &StreamingTokens, generation: i64) -> Self {
        let mut pair = Self {
            generation: generation.into(),
            changed_outside: false.into(),
            ..Self::default()
        };
        pair.set_hashes(tokens);
        pair
    }

    /// Returns the hashes.
    ///
    /// # Errors
    /// The state lacks a hash, which no operation writes.
    pub(super) fn fingerprints(&self) -> Result<Fingerprints, Diagnostic> {
        let hashes = self.token_1_sha256.known().zip(self.token_2_sha256.known());
        let hashes = hashes.map(|(token_1, token_2)| Fingerprints {
            token_1: token_1.clone(),
            token_2: token_2.clone(),
        });
        hashes.ok_or_else(diagnostics::missing_in_state)
    }

    /// Adds the hashes to a state of version 0, which has only the values.
    pub(super) fn add_hashes(&mut self) {
        let hash = |token: &Field<SecretString>| token.known().map(sha256).into();
        self.token_1_sha256 = hash(&self.token_1);
        self.token_2_sha256 = hash(&self.token_2);
    }

    /// Whether the tokens are those that the last apply left.
    pub(super) fn is_settled(&self) -> bool {
        self.changed_outside != Field::Known(true)
    }

    /// Whether this state has both values in the form that these recipients require.
    pub(super) fn is_stored_for(&self, recipients: &Field<AgeRecipients>) -> bool {
        let has_value = |slot: &Slot| match recipients {
            Field::Null => !slot.token.is_null(),
            _ => !slot.encrypted_token.is_null(),
        };
        self.age_recipients == *recipients && self.slots().iter().all(has_value)
    }

    /// Changes the recipients. The values are removed unless they are encrypted to the same ones.
    pub(super) fn set_recipients(&mut self, recipients: Field<AgeRecipients>) {
        if !self.is_stored_for(&recipients) {
            let without_value = |slot: Slot| Slot {
                sha256: slot.sha256,
                ..Slot::default()
            };
            self.set_slots(self.slots().map(without_value));
        }
        self.age_recipients = recipients;
    }

    /// Plans values that are known only at apply. The hashes and the generation are kept.
    pub(super) fn plan_values(&mut self) {
        let recipients = &self.age_recipients;
        let token = match recipients {
            Field::Known(_) => Field::Null,
            _ => Field::Unknown,
        };
        let encrypted_token = match recipients {
            Field::Null => Field::Null,
            _ => Field::Unknown,
        };
        let with_value = |slot: Slot| Slot {
            token: token.clone(),
            encrypted_token: encrypted_token.clone(),
            sha256: slot.sha256,
        };
        self.set_slots(self.slots().map(with_value));
    }

    /// Plans an unknown number of rotations.
    pub(super) fn mark_unknown(&mut self) {
        self.plan_values();
        self.token_1_sha256 = Field::Unknown;
        self.token_2_sha256 = Field::Unknown;
        self.generation = Field::Unknown;
    }

    /// Plans this many rotations of the tokens of `prior`.
    pub(super) fn plan_rotation(&mut self, prior: &Self, times: u8) {
        self.mark_unknown();
        self.generation = generation::next(&prior.generation);
        if times != 1 {
            return;
        }
        self.token_1_sha256 = prior.token_2_sha256.clone();
        if prior.is_stored_for(&self.age_recipients) {
            self.token_1 = prior.token_2.clone();
            self.encrypted_token_1 = prior.encrypted_token_2.clone();
        }
    }

    /// Sets the tokens after a rotation.
    ///
    /// # Errors
    /// Those of [`TokenPair::set`].
    pub(super) fn set_rotated(
        &mut self,
        tokens: &StreamingTokens,
        generation: Field<i64>,
        recipients: Option<&Recipients>,
    ) -> Result<(), Diagnostic> {
        self.generation = generation;
        self.set(tokens, recipients)
    }

    /// Sets the tokens after a change outside Terraform. Values are stored as the former ones were.
    ///
    /// # Errors
    /// The recipients in the state are invalid; nothing is changed.
    pub(super) fn refresh_from(&mut self, tokens: &StreamingTokens) -> Result<(), Diagnostic> {
        let has_values = self.is_stored_for(&self.age_recipients);
        if has_values {
            let recipients = age_recipients::prepare(&self.age_recipients)?;
            self.set(tokens, recipients.as_ref())?;
        } else {
            self.set_hashes(tokens);
        }
        self.generation = generation::next(&self.generation);
        self.changed_outside = true.into();
        Ok(())
    }

    /// Sets the tokens, encrypted to these recipients if there are any. Encryption is not
    /// deterministic, so a token that is already encrypted keeps its ciphertext.
    ///
    /// # Errors
    /// A token cannot be encrypted. Both have their hashes then, and the next plan encrypts them.
    pub(super) fn set(&mut self, tokens: &StreamingTokens, recipients: Option<&Recipients>) -> Result<(), Diagnostic> {
        let former = self.slots();
        let mut encrypted = Ok(());
        let slots = [&tokens.token_1, &tokens.token_2].map(|token| {
            let mut slot = Slot {
                sha256: sha256(token).into(),
                ..Slot::default()
            };
            let Some(recipients) = recipients else {
                slot.token = token.clone().into();
                return slot;
            };
            let has_ciphertext = |former: &&Slot| former.sha256 == slot.sha256 && !former.encrypted_token.is_null();
            match former.iter().find(has_ciphertext) {
                Some(former) => slot.encrypted_token = former.encrypted_token.clone(),
                None => match recipients.encrypt(token) {
                    Ok(ciphertext) => slot.encrypted_token = ciphertext.into(),
                    Err(problem) => encrypted = Err(diagnostics::not_encrypted(problem)),
                },
            }
            slot
        });
        self.set_slots(slots);
        encrypted
    }

    /// Sets the hashes of tokens whose values are not stored.
    fn set_hashes(&mut self, tokens: &StreamingTokens) {
        let slots = [&tokens.token_1, &tokens.token_2].map(|token| Slot {
            sha256: sha256(token).into(),
            ..Slot::default()
        });
        self.set_slots(slots);
    }

    fn slots(&self) -> [Slot; 2] {
        [
            Slot {
                token: self.token_1.clone(),
                encrypted_token: self.encrypted_token_1.clone(),
                sha256: self.token_1_sha256.clone(),
            },
            Slot {
                token: self.token_2.clone(),
                encrypted_token: self.encrypted_token_2.clone(),
                sha256: self.token_2_sha256.clone(),
            },
        ]
    }

    fn set_slots(&mut self, [one, two]: [Slot; 2]) {
        self.token_1 = one.token;
        self.encrypted_token_1 = one.encrypted_token;
        self.token_1_sha256 = one.sha256;
        self.token_2 = two.token;
        self.encrypted_token_2 = two.encrypted_token;
        self.token_2_sha256 = two.sha256;
    }
}
