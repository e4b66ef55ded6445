//! The arguments that rotate the streaming tokens of an environment, and the decision about it.

use super::fingerprints::Fingerprints;
use super::token_pair::TokenPair;
use crate::framework::{Field, Model, Set};
use crate::platform::attributes::{Triggers, known_triggers};
use crate::token::changed_triggers;

/// The arguments that rotate the tokens.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct RotationPolicy {
    /// Values that rotate the tokens once when any of them changes, which revokes token 1. If the
    /// tokens were rotated outside since the last apply, a change does not rotate, because the
    /// token that it would revoke is already revoked. The first values after an import do not
    /// rotate.
    #[attribute(optional)]
    pub(super) rotation_triggers: Field<Triggers>,
    /// Like `rotation_triggers`, but a change always rotates once, even if the tokens were rotated
    /// outside since the last apply. It revokes the token that is token 1 when the plan is created.
    /// If a run is killed between the rotation and its state, the next apply rotates again.
    #[attribute(optional)]
    pub(super) forced_rotation_triggers: Field<Triggers>,
    /// SHA-256 hashes, in hexadecimal, of tokens that must be revoked, such as leaked ones (`printf
    /// %s "$TOKEN" | sha256sum`). If token 1 has a listed hash, an apply rotates once. If token 2
    /// has one, it rotates twice, which revokes both tokens. If neither has one, nothing is
    /// rotated, and the plan says so.
    #[attribute(optional, check = are_hashes)]
    pub(super) revoke_sha256: Field<Set<Field<String>>>,
}

/// The decision whether to rotate the tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Keep,
    /// `rotation_triggers` changed, but the token that it would revoke was revoked outside of an
    /// apply.
    AlreadyRotated,
    Rotate(Rotation),
    /// The decision depends on values that are known only at apply.
    Unknown,
}

/// The rotations of an apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rotation {
    /// The number of rotations. Two rotations revoke both tokens.
    pub(super) times: u8,
    /// The reasons, each with its attribute.
    pub(super) reasons: Vec<(&'static str, String)>,
}

impl RotationPolicy {
    /// Decides whether to rotate `tokens`, whose state has the arguments `prior`. `is_imported` is
    /// true until the first apply after an import.
    pub(super) fn decide(&self, prior: &Self, tokens: &TokenPair, is_imported: bool) -> Decision {
        let changed = |now: &Field<Triggers>, before: &Field<Triggers>| {
            let before = known_triggers(before).unwrap_or_default();
            // The first triggers after an import are not a change.
            let is_first = before.is_empty() && is_imported;
            known_triggers(now).map(|now| changed_triggers(&before, &now).filter(|_| !is_first))
        };
        let is_settled = tokens.is_settled();
        let triggers = changed(&self.rotation_triggers, &prior.rotation_triggers);
        let forced = changed(&self.forced_rotation_triggers, &prior.forced_rotation_triggers);
        let listed = tokens
            .fingerprints()
            .map_or(Some(0), |tokens| self.listed_slot(&tokens));
        // Unknown `rotation_triggers` are irrelevant if the tokens are not settled: they cannot
        // rotate then.
        let is_unknown = (triggers.is_none() && is_settled) || forced.is_none() || listed.is_none();
        if is_unknown {
            return Decision::Unknown;
        }
        let (triggers, forced, listed) = (triggers.flatten(), forced.flatten(), listed.unwrap_or_default());
        let is_already_rotated = triggers.is_some() && !is_settled;
        let mut reasons = Vec::new();
        if let Some(reason) = triggers.filter(|_| is_settled) {
            reasons.push(("rotation_triggers", reason.to_string()));
        }
        if let Some(reason) = forced {
            reasons.push((
                "forced_rotation_triggers",
                format!("of forced_rotation_triggers: {reason}"),
            ));
        }
        if listed > 0 {
            reasons.push(("revoke_sha256", format!("revoke_sha256 lists token {listed}")));
        }
        match (reasons.is_empty(), is_already_rotated) {
            (true, true) => Decision::AlreadyRotated,
            (true, false) => Decision::Keep,
            (false, _) => Decision::Rotate(Rotation {
                times: listed.max(1),
                reasons,
            }),
        }
    }

    /// Returns the highest slot, 1 or 2, whose token `revoke_sha256` lists, which is also the
    /// number of rotations that revoke it; 0 if it lists neither; `None` if that is known only at
    /// apply.
    pub(super) fn listed_slot(&self, tokens: &Fingerprints) -> Option<u8> {
        let hashes = match &self.revoke_sha256 {
            Field::Null => return Some(0),
            Field::Unknown => return None,
            Field::Known(hashes) => hashes,
        };
        let lists = |hash: &str| {
            let mut known = hashes.iter().filter_map(Field::known);
            known.any(|listed| listed.eq_ignore_ascii_case(hash))
        };
        match (lists(&tokens.token_1), lists(&tokens.token_2)) {
            // Unknown hashes cannot add to this.
            (_, true) => Some(2),
            _ if hashes.iter().any(Field::is_unknown) => None,
            (true, false) => Some(1),
            (false, false) => Some(0),
        }
    }

    /// Whether `revoke_sha256` has any hashes, or is unknown.
    pub(super) fn may_list_tokens(&self) -> bool {
        let has_hashes = self.revoke_sha256.known().map(|hashes| !hashes.is_empty());
        has_hashes.unwrap_or(self.revoke_sha256.is_unknown())
    }
}

/// Validates `revoke_sha256`. The error does not quote an invalid hash, which may be the token
/// itself.
fn are_hashes(hashes: &Set<Field<String>>) -> Result<(), &'static str> {
    let may_be_hash = |hash: &Field<String>| hash.is_unknown() || hash.known().is_some_and(|hash| is_hash(hash));
    if hashes.iter().all(may_be_hash) {
        Ok(())
    } else {
        Err("must contain SHA-256 hashes of 64 hexadecimal digits each, and not the tokens themselves")
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::sha256::sha256;

    fn pair(is_settled: bool) -> TokenPair {
        TokenPair {
            token_1_sha256: sha256(&"sdk-one".into()).into(),
            token_2_sha256: sha256(&"sdk-two".into()).into(),
            changed_outside: (!is_settled).into(),
            ..TokenPair::default()
        }
    }

    fn policy(
        rotation_triggers: &Field<Triggers>,
        forced_rotation_triggers: &Field<Triggers>,
        revoke_sha256: &Field<Set<Field<String>>>,
    ) -> RotationPolicy {
        RotationPolicy {
            rotation_triggers: rotation_triggers.clone(),
            forced_rotation_triggers: forced_rotation_triggers.clone(),
            revoke_sha256: revoke_sha256.clone(),
        }
    }

    fn triggers(value: &str) -> Field<Triggers> {
        Triggers::from([("leak".to_owned(), value.into())]).into()
    }

    fn hashes(tokens: &[&str]) -> Field<Set<Field<String>>> {
        let hashes = tokens.iter().map(|token| Field::Known(sha256(&(*token).into())));
        hashes.collect::<Set<_>>().into()
    }

    #[test]
    fn only_hashes_are_accepted() {
        let expected = sha256(&"sdk-one".into());
        assert!(is_hash(&expected) && is_hash(&expected.to_uppercase()));
        for text in ["", "sdk-one", &expected[1..], &format!("{expected} "), &"g".repeat(64)] {
            assert!(!is_hash(text), "{text:?}");
        }
    }

    #[test]
    fn decide_combines_triggers_and_listed_hashes() {
        let (none, one) = (Field::Null, triggers("1"));
        let (two, unknown) = (triggers("2"), Field::Unknown);
        let no_hashes = Field::Null;
        let (of_1, of_2) = (hashes(&["sdk-one"]), hashes(&["sdk-two", "sdk-one"]));
        let (of_other, unknown_hashes) = (hashes(&["sdk-three"]), Field::Unknown);
        let half_known = |token: &str| {
            let hashes = hashes(&[token]).into_known().unwrap().into_iter();
            Field::Known(hashes.chain([Field::Unknown]).collect())
        };
        let (half_1, half_2) = (half_known("sdk-one"), half_known("sdk-two"));
        let keep = || Ok(0);
        // (rotation_triggers and forced_rotation_triggers, which are both "1" in the state;
        // revoke_sha256; is_settled; the number of rotations or another decision)
        type Case<'a> = (
            &'a Field<Triggers>,
            &'a Field<Triggers>,
            &'a Field<Set<Field<String>>>,
            bool,
            Result<u8, Decision>,
        );
        let cases: [Case<'_>; 16] = [
            (&one, &one, &no_hashes, true, keep()),
            (&one, &one, &no_hashes, false, keep()),
            (&two, &one, &no_hashes, true, Ok(1)),
            (&none, &one, &no_hashes, true, Ok(1)),
            (&two, &one, &no_hashes, false, Err(Decision::AlreadyRotated)),
            (&one, &two, &no_hashes, true, Ok(1)),
            (&one, &two, &no_hashes, false, Ok(1)),
            (&two, &two, &no_hashes, true, Ok(1)),
            (&one, &one, &of_1, false, Ok(1)),
            (&two, &two, &of_2, true, Ok(2)),
            (&two, &one, &of_other, false, Err(Decision::AlreadyRotated)),
            (&unknown, &one, &no_hashes, true, Err(Decision::Unknown)),
            (&unknown, &one, &no_hashes, false, keep()),
            (&one, &one, &unknown_hashes, false, Err(Decision::Unknown)),
            (&one, &one, &half_1, true, Err(Decision::Unknown)),
            (&one, &one, &half_2, true, Ok(2)),
        ];
        let prior = policy(&one, &one, &no_hashes);
        for (number, (triggers, forced_triggers, revoked, is_settled, expected)) in cases.into_iter().enumerate() {
            let policy = policy(triggers, forced_triggers, revoked);
            let decision = match policy.decide(&prior, &pair(is_settled), false) {
                Decision::Keep => Ok(0),
                Decision::Rotate(rotation) => Ok(rotation.times),
                other => Err(other),
            };
            assert_eq!(decision, expected, "case {number}");
        }
    }

    #[test]
    fn first_triggers_after_an_import_do_not_rotate_but_listed_tokens_do() {
        let (none, one, no_hashes, of_1) = (Field::Null, triggers("1"), Field::Null, hashes(&["sdk-one"]));
        for (revoked, expected) in [(&no_hashes, 0), (&of_1, 1)] {
            let prior = policy(&none, &none, &no_hashes);
            let times = match policy(&one, &one, revoked).decide(&prior, &pair(true), true) {
                Decision::Keep => 0,
                Decision::Rotate(rotation) => rotation.times,
                other => panic!("{other:?}"),
            };
            assert_eq!(times, expected);
        }
    }

    #[test]
    fn invalid_hash_is_an_error_that_does_not_quote_it() {
        for text in ["sdk-abcdefabcdef", "", " "] {
            let config = policy(&Field::Null, &Field::Null, &Set::from_iter([text.into()]).into());
            let errors = RotationPolicy::schema().validate(&config.into_value());
            let errors = format!("{errors:?}");
            assert!(
                errors.contains("64 hexadecimal digits") && !errors.contains("sdk-"),
                "{errors}"
            );
        }
    }
}
