//! The two streaming tokens in a state, and the transitions of their attributes.

use secrecy::SecretString;

use crate::framework::{Diagnostic, Field, Model};
use crate::platform::generation;
use crate::quix::api::StreamingTokens;

/// The tokens, as the state holds them.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct TokenPair {
    /// Token 1: what deployments have in `Quix__Sdk__Token`, and what the next rotation revokes.
    #[attribute(computed, planned)]
    pub(super) token_1: Field<SecretString>,
    /// Token 2: what the next rotation makes token 1. So a plan that rotates knows `token_1`.
    #[attribute(computed, planned)]
    pub(super) token_2: Field<SecretString>,
    /// The number of the present tokens. Each change of them adds 1, also one from outside Terraform. The plan of a rotation
    /// knows it, so it can be the version of a write-only argument. The first number is the time of the creation or import in
    /// milliseconds, so that none repeats, not even after a replacement.
    #[attribute(computed, planned)]
    pub(super) generation: Field<i64>,
    /// Whether a refresh found other tokens than the last apply left: rotated by another client, or by a run that was killed
    /// before its state was written. The next apply sets it to false, and takes a change of `rotation_triggers` in the same
    /// apply for done.
    #[attribute(computed, planned)]
    pub(super) changed_outside: Field<bool>,
}

impl TokenPair {
    /// The tokens of a new or imported resource.
    pub(super) fn new(tokens: &StreamingTokens, generation: i64) -> Self {
        let mut pair = Self {
            generation: generation.into(),
            changed_outside: false.into(),
            ..Self::default()
        };
        pair.set(tokens);
        pair
    }

    /// The values.
    ///
    /// # Errors
    /// A state without both, which no operation leaves.
    pub(super) fn get(&self) -> Result<StreamingTokens, Diagnostic> {
        let tokens = self.token_1.known().zip(self.token_2.known());
        let tokens = tokens.map(|(token_1, token_2)| StreamingTokens {
            token_1: token_1.clone(),
            token_2: token_2.clone(),
        });
        tokens.ok_or_else(|| {
            let detail = "A state always holds both. It was changed by hand: remove the resource from it (`terraform state rm`) \
                          and import it again.";
            Diagnostic::error("The state holds no streaming tokens", detail)
        })
    }

    /// Whether the tokens are those that the last apply left.
    pub(super) fn is_settled(&self) -> bool {
        self.changed_outside != Field::Known(true)
    }

    /// Marks what a number of rotations that is known only at apply may change.
    pub(super) fn mark_unknown(&mut self) {
        self.token_1 = Field::Unknown;
        self.token_2 = Field::Unknown;
        self.generation = Field::Unknown;
    }

    /// Plans this many rotations of the tokens.
    pub(super) fn plan_rotation(&mut self, times: u8) {
        let moved = std::mem::replace(&mut self.token_2, Field::Unknown);
        self.token_1 = if times == 1 { moved } else { Field::Unknown };
        self.generation = generation::next(&self.generation);
    }

    /// Sets the tokens that rotations led to, as their `generation`.
    pub(super) fn set_rotated(&mut self, tokens: &StreamingTokens, generation: Field<i64>) {
        self.set(tokens);
        self.generation = generation;
    }

    /// Follows a change from outside Terraform.
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
