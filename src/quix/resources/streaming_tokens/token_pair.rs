//! The attributes of the two streaming tokens, and their transitions.

use secrecy::SecretString;

use super::diagnostics;
use crate::framework::{Diagnostic, Field, Model};
use crate::platform::generation;
use crate::quix::api::StreamingTokens;

/// The tokens in the state.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct TokenPair {
    /// Token 1: the token in the `Quix__Sdk__Token` of deployments. The next rotation revokes it.
    #[attribute(computed, planned)]
    pub(super) token_1: Field<SecretString>,
    /// Token 2: the token that becomes token 1 in the next rotation. A plan with one rotation
    /// therefore knows `token_1`.
    #[attribute(computed, planned)]
    pub(super) token_2: Field<SecretString>,
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

impl TokenPair {
    /// Creates the attributes of a new or imported resource.
    pub(super) fn new(tokens: &StreamingTokens, generation: i64) -> Self {
        let mut pair = Self {
            generation: generation.into(),
            changed_outside: false.into(),
            ..Self::default()
        };
        pair.set(tokens);
        pair
    }

    /// Returns the values.
    ///
    /// # Errors
    /// The state lacks a token, which no operation writes.
    pub(super) fn get(&self) -> Result<StreamingTokens, Diagnostic> {
        let tokens = self.token_1.known().zip(self.token_2.known());
        let tokens = tokens.map(|(token_1, token_2)| StreamingTokens {
            token_1: token_1.clone(),
            token_2: token_2.clone(),
        });
        tokens.ok_or_else(diagnostics::missing_in_state)
    }

    /// Whether the tokens are those that the last apply left.
    pub(super) fn is_settled(&self) -> bool {
        self.changed_outside != Field::Known(true)
    }

    /// Plans an unknown number of rotations.
    pub(super) fn mark_unknown(&mut self) {
        self.token_1 = Field::Unknown;
        self.token_2 = Field::Unknown;
        self.generation = Field::Unknown;
    }

    /// Plans this many rotations.
    pub(super) fn plan_rotation(&mut self, times: u8) {
        let token_2 = std::mem::replace(&mut self.token_2, Field::Unknown);
        self.token_1 = if times == 1 { token_2 } else { Field::Unknown };
        self.generation = generation::next(&self.generation);
    }

    /// Sets the tokens after a rotation.
    pub(super) fn set_rotated(&mut self, tokens: &StreamingTokens, generation: Field<i64>) {
        self.set(tokens);
        self.generation = generation;
    }

    /// Sets the tokens after a change outside Terraform.
    pub(super) fn refresh_from(&mut self, tokens: &StreamingTokens) {
        self.set(tokens);
        self.generation = generation::next(&self.generation);
        self.changed_outside = true.into();
    }

    fn set(&mut self, tokens: &StreamingTokens) {
        self.token_1 = tokens.token_1.clone().into();
        self.token_2 = tokens.token_2.clone().into();
    }
}
