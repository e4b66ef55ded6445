//! Whether a configuration rotates the streaming tokens of an environment, how often, and why.

use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};

use super::api::StreamingTokens;
use crate::framework::Field;
use crate::platform::attributes::{Triggers, known_triggers};
use crate::token::changed_triggers;

/// `revoke_sha256`: SHA-256 sums of tokens, in hexadecimal.
pub(super) type Sums = Vec<Field<String>>;

/// What a configuration, or a state, declares about rotations.
#[derive(Clone, Copy)]
pub(super) struct Declared<'a> {
    pub(super) triggers: &'a Field<Triggers>,
    pub(super) forced_triggers: &'a Field<Triggers>,
    pub(super) revoked: &'a Field<Sums>,
}

/// What the state has.
#[derive(Clone, Copy)]
pub(super) struct Present<'a> {
    pub(super) declared: Declared<'a>,
    /// `None` in the plan of a creation.
    pub(super) tokens: Option<&'a StreamingTokens>,
    /// Whether the tokens are as the last apply left them.
    pub(super) is_settled: bool,
    /// Whether nothing was applied since an import.
    pub(super) is_imported: bool,
}

/// What a declaration means for the tokens.
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

/// Decides what `declared` means for what is `present`.
pub(super) fn decide(declared: Declared<'_>, present: Present<'_>) -> Decision {
    let changed = |now: &Field<Triggers>, before: &Field<Triggers>| {
        let before = known_triggers(before).unwrap_or_default();
        // What is declared first after an import is not a change.
        let is_first = before.is_empty() && present.is_imported;
        known_triggers(now).map(|now| changed_triggers(&before, &now).filter(|_| !is_first))
    };
    let triggers = changed(declared.triggers, present.declared.triggers);
    let forced = changed(declared.forced_triggers, present.declared.forced_triggers);
    let listed = present
        .tokens
        .map_or(Some(0), |tokens| listed(declared.revoked, tokens));
    // Whatever `rotation_triggers` turn out to be, they rotate nothing before this is settled.
    let is_unknown = (triggers.is_none() && present.is_settled) || forced.is_none() || listed.is_none();
    if is_unknown {
        return Decision::Unknown;
    }
    let (triggers, forced, listed) = (triggers.flatten(), forced.flatten(), listed.unwrap_or_default());
    let is_done = triggers.is_some() && !present.is_settled;
    let mut why = Vec::new();
    if let Some(reason) = triggers.filter(|_| present.is_settled) {
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

/// The slot of the last of the tokens that `revoked` lists, which is also how many rotations revoke it; 0: it lists neither.
/// `None`: it is known only at apply.
pub(super) fn listed(revoked: &Field<Sums>, tokens: &StreamingTokens) -> Option<u8> {
    let sums = match revoked {
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

/// The SHA-256 sum of a token in hexadecimal. Of a value this long and random it reveals nothing.
fn sum(token: &SecretString) -> String {
    let sum = digest(&SHA256, token.expose_secret().as_bytes());
    sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether this is a SHA-256 sum in hexadecimal.
pub(super) fn is_sum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> StreamingTokens {
        StreamingTokens {
            token_1: "sdk-one".into(),
            token_2: "sdk-two".into(),
        }
    }

    fn triggers(value: &str) -> Field<Triggers> {
        Triggers::from([("leak".to_owned(), value.into())]).into()
    }

    fn sums(tokens: &[&str]) -> Field<Sums> {
        let sums = tokens
            .iter()
            .map(|token| Field::Known(sum(&SecretString::from(*token))));
        sums.collect::<Sums>().into()
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
            let mut sums = sums(&[token]).into_known().unwrap();
            sums.push(Field::Unknown);
            Field::Known(sums)
        };
        let (half_1, half_2) = (half_known("sdk-one"), half_known("sdk-two"));
        let keep = || Ok(0);
        // (rotation_triggers, forced_rotation_triggers, both "1" before; revoke_sha256; settled; how often it rotates)
        type Case<'a> = (
            &'a Field<Triggers>,
            &'a Field<Triggers>,
            &'a Field<Sums>,
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
        for (number, (triggers, forced_triggers, revoked, is_settled, expected)) in cases.into_iter().enumerate() {
            let declared = Declared {
                triggers,
                forced_triggers,
                revoked,
            };
            let tokens = tokens();
            let present = Present {
                declared: Declared {
                    triggers: &one,
                    forced_triggers: &one,
                    revoked: &no_sums,
                },
                tokens: Some(&tokens),
                is_settled,
                is_imported: false,
            };
            let decision = match decide(declared, present) {
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
            let tokens = tokens();
            let present = Present {
                declared: Declared {
                    triggers: &none,
                    forced_triggers: &none,
                    revoked: &no_sums,
                },
                tokens: Some(&tokens),
                is_settled: true,
                is_imported: true,
            };
            let declared = Declared {
                triggers: &one,
                forced_triggers: &one,
                revoked,
            };
            let times = match decide(declared, present) {
                Decision::Keep => 0,
                Decision::Rotate(rotation) => rotation.times,
                other => panic!("{other:?}"),
            };
            assert_eq!(times, expected);
        }
    }
}
