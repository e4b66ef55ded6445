//! Whether a configuration rotates the streaming tokens of an environment, how often, and why.

use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};

use super::token_pair::TokenPair;
use crate::framework::{Field, Model, Set};
use crate::platform::attributes::{Triggers, known_triggers};
use crate::quix::api::StreamingTokens;
use crate::token::changed_triggers;

/// What rotates the tokens.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct RotationPolicy {
    /// Values to tie the tokens to: any change rotates them once, which revokes token 1, unless they were rotated outside
    /// since the last apply: then the token that was to be revoked has been, and nothing is rotated. What is declared first
    /// after an import does not rotate.
    #[attribute(optional)]
    pub(super) rotation_triggers: Field<Triggers>,
    /// The same, but any change rotates once in any case, also where they were rotated outside since the last apply: it
    /// revokes the token that is token 1 when the plan is made. If a run is killed between the rotation and its state, the
    /// next apply rotates again.
    #[attribute(optional)]
    pub(super) forced_rotation_triggers: Field<Triggers>,
    /// SHA-256 sums, in hexadecimal, of values that must not be valid, such as leaked ones
    /// (`printf %s "$TOKEN" | sha256sum`). As long as token 1 has one of them, an apply rotates once; as long as token 2 has,
    /// twice, which revokes both. If neither has, nothing is rotated, and the plan says so.
    #[attribute(optional, check = are_sums)]
    pub(super) revoke_sha256: Field<Set<Field<String>>>,
}

/// What a policy means for the tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Keep,
    /// The token that `rotation_triggers` asks to revoke has been revoked outside of an apply.
    Done,
    Rotate(Rotation),
    /// It depends on something that is known only at apply.
    Unknown,
}

/// The rotations of one apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rotation {
    /// How many: 2 revoke both tokens.
    pub(super) times: u8,
    /// The reasons, each with the attribute that it is on.
    pub(super) why: Vec<(&'static str, String)>,
}

impl RotationPolicy {
    /// Decides what this policy means for the tokens of a state in which `prior` was declared. `is_imported`: nothing was
    /// applied since an import.
    pub(super) fn decide(&self, prior: &Self, tokens: &TokenPair, is_imported: bool) -> Decision {
        let changed = |now: &Field<Triggers>, before: &Field<Triggers>| {
            let before = known_triggers(before).unwrap_or_default();
            // What is declared first after an import is not a change.
            let is_first = before.is_empty() && is_imported;
            known_triggers(now).map(|now| changed_triggers(&before, &now).filter(|_| !is_first))
        };
        let is_settled = tokens.is_settled();
        let triggers = changed(&self.rotation_triggers, &prior.rotation_triggers);
        let forced = changed(&self.forced_rotation_triggers, &prior.forced_rotation_triggers);
        let listed = tokens.get().map_or(Some(0), |tokens| self.listed(&tokens));
        // Whatever `rotation_triggers` turn out to be, they rotate nothing before this is settled.
        let is_unknown = (triggers.is_none() && is_settled) || forced.is_none() || listed.is_none();
        if is_unknown {
            return Decision::Unknown;
        }
        let (triggers, forced, listed) = (triggers.flatten(), forced.flatten(), listed.unwrap_or_default());
        let is_done = triggers.is_some() && !is_settled;
        let mut why = Vec::new();
        if let Some(reason) = triggers.filter(|_| is_settled) {
            why.push(("rotation_triggers", reason.to_string()));
        }
        if let Some(reason) = forced {
            why.push((
                "forced_rotation_triggers",
                format!("of forced_rotation_triggers: {reason}"),
            ));
        }
        if listed > 0 {
            why.push(("revoke_sha256", format!("revoke_sha256 lists token {listed}")));
        }
        match (why.is_empty(), is_done) {
            (true, true) => Decision::Done,
            (true, false) => Decision::Keep,
            (false, _) => Decision::Rotate(Rotation {
                times: listed.max(1),
                why,
            }),
        }
    }

    /// The slot of the last of the tokens that `revoke_sha256` lists, which is also how many rotations revoke it; 0: it lists
    /// neither. `None`: it is known only at apply.
    pub(super) fn listed(&self, tokens: &StreamingTokens) -> Option<u8> {
        let sums = match &self.revoke_sha256 {
            Field::Null => return Some(0),
            Field::Unknown => return None,
            Field::Known(sums) => sums,
        };
        let lists = |token: &SecretString| {
            let sum = sum(token);
            sums.iter()
                .filter_map(Field::known)
                .any(|listed| listed.eq_ignore_ascii_case(&sum))
        };
        match (lists(&tokens.token_1), lists(&tokens.token_2)) {
            // Nothing that is still unknown can add to it.
            (_, true) => Some(2),
            _ if sums.iter().any(Field::is_unknown) => None,
            (true, false) => Some(1),
            (false, false) => Some(0),
        }
    }

    /// Whether `revoke_sha256` may list a token.
    pub(super) fn may_list(&self) -> bool {
        let has_sums = self.revoke_sha256.known().map(|sums| !sums.is_empty());
        has_sums.unwrap_or(self.revoke_sha256.is_unknown())
    }
}

/// The SHA-256 sum of a token in hexadecimal. Of a value this long and random it reveals nothing.
fn sum(token: &SecretString) -> String {
    let sum = digest(&SHA256, token.expose_secret().as_bytes());
    sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks `revoke_sha256`. What is no sum may be the token itself, so the error does not show it.
fn are_sums(sums: &Set<Field<String>>) -> Result<(), &'static str> {
    let may_be_sum = |sum: &Field<String>| sum.is_unknown() || sum.known().is_some_and(|sum| is_sum(sum));
    if sums.iter().all(may_be_sum) {
        Ok(())
    } else {
        Err("must hold SHA-256 sums, each of 64 hexadecimal digits, and not the values themselves")
    }
}

fn is_sum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(is_settled: bool) -> TokenPair {
        TokenPair {
            token_1: SecretString::from("sdk-one").into(),
            token_2: SecretString::from("sdk-two").into(),
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

    fn sums(tokens: &[&str]) -> Field<Set<Field<String>>> {
        let sums = tokens
            .iter()
            .map(|token| Field::Known(sum(&SecretString::from(*token))));
        sums.collect::<Set<_>>().into()
    }

    #[test]
    fn sum_is_that_of_sha256sum() {
        // printf %s sdk-one | sha256sum
        let expected = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sum(&SecretString::from("")), expected);
        assert!(is_sum(expected) && is_sum(&expected.to_uppercase()));
        for text in ["", "sdk-one", &expected[1..], &format!("{expected} "), &"g".repeat(64)] {
            assert!(!is_sum(text), "{text:?}");
        }
    }

    #[test]
    fn each_argument_rotates_as_often_as_what_it_names_needs() {
        let (none, one) = (Field::Null, triggers("1"));
        let (two, unknown) = (triggers("2"), Field::Unknown);
        let no_sums = Field::Null;
        let (of_1, of_2) = (sums(&["sdk-one"]), sums(&["sdk-two", "sdk-one"]));
        let (of_other, unknown_sums) = (sums(&["sdk-three"]), Field::Unknown);
        let half_known = |token: &str| {
            let sums = sums(&[token]).into_known().unwrap().into_iter();
            Field::Known(sums.chain([Field::Unknown]).collect())
        };
        let (half_1, half_2) = (half_known("sdk-one"), half_known("sdk-two"));
        let keep = || Ok(0);
        // (rotation_triggers, forced_rotation_triggers, both "1" before; revoke_sha256; settled; how often it rotates)
        type Case<'a> = (
            &'a Field<Triggers>,
            &'a Field<Triggers>,
            &'a Field<Set<Field<String>>>,
            bool,
            Result<u8, Decision>,
        );
        let cases: [Case<'_>; 16] = [
            (&one, &one, &no_sums, true, keep()),
            (&one, &one, &no_sums, false, keep()),
            (&two, &one, &no_sums, true, Ok(1)),
            (&none, &one, &no_sums, true, Ok(1)),
            (&two, &one, &no_sums, false, Err(Decision::Done)),
            (&one, &two, &no_sums, true, Ok(1)),
            (&one, &two, &no_sums, false, Ok(1)),
            (&two, &two, &no_sums, true, Ok(1)),
            (&one, &one, &of_1, false, Ok(1)),
            (&two, &two, &of_2, true, Ok(2)),
            (&two, &one, &of_other, false, Err(Decision::Done)),
            (&unknown, &one, &no_sums, true, Err(Decision::Unknown)),
            (&unknown, &one, &no_sums, false, keep()),
            (&one, &one, &unknown_sums, false, Err(Decision::Unknown)),
            (&one, &one, &half_1, true, Err(Decision::Unknown)),
            (&one, &one, &half_2, true, Ok(2)),
        ];
        let prior = policy(&one, &one, &no_sums);
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
    fn triggers_declared_first_after_an_import_rotate_nothing_but_listed_tokens_do() {
        let (none, one, no_sums, of_1) = (Field::Null, triggers("1"), Field::Null, sums(&["sdk-one"]));
        for (revoked, expected) in [(&no_sums, 0), (&of_1, 1)] {
            let prior = policy(&none, &none, &no_sums);
            let times = match policy(&one, &one, revoked).decide(&prior, &pair(true), true) {
                Decision::Keep => 0,
                Decision::Rotate(rotation) => rotation.times,
                other => panic!("{other:?}"),
            };
            assert_eq!(times, expected);
        }
    }

    #[test]
    fn value_that_is_no_sum_is_an_error_that_does_not_show_it() {
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
