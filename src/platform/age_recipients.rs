//! `age_recipients` of a resource: the age recipients that its values are encrypted to.

use super::encryption::Recipients;
use crate::framework::{Diagnostic, Field, Set};

/// `age_recipients` of a resource. An entry may be unknown until apply.
pub(crate) type AgeRecipients = Set<Field<String>>;

/// The description of the attribute with a resource's encrypted value.
pub(crate) const ENCRYPTED: &str = "With `age_recipients`: the value, as an armored age file. Only the holders of the recipients' identities (private keys) can \
     decrypt it, with `age -d`, or with the function `age_decrypt` in the same run.";

/// Checks the recipients of a configuration. The combination is checked when all are known.
pub(crate) fn check(recipients: &AgeRecipients) -> Result<(), &'static str> {
    if recipients.iter().any(Field::is_null) {
        return Err("must not have a null entry");
    }
    let is_unknown = !recipients.is_empty() && recipients.iter().all(Field::is_unknown);
    match is_unknown {
        true => Ok(()),
        false => parse(recipients).map(drop),
    }
}

/// Whether a recipient is unknown until apply.
pub(crate) fn is_unknown(recipients: &Field<AgeRecipients>) -> bool {
    match recipients {
        Field::Null => false,
        Field::Unknown => true,
        Field::Known(recipients) => recipients.iter().any(Field::is_unknown),
    }
}

/// Prepares the encryption before a value is issued. Returns `None` if the value is not encrypted.
///
/// # Errors
/// A recipient that was unknown in the plan is invalid.
pub(crate) fn prepare(recipients: &Field<AgeRecipients>) -> Result<Option<Recipients>, Diagnostic> {
    let Some(recipients) = recipients.known() else {
        return Ok(None);
    };
    let parsed = parse(recipients).map_err(|problem| Diagnostic::invalid("age_recipients", problem))?;
    Ok(Some(parsed))
}

fn parse(recipients: &AgeRecipients) -> Result<Recipients, &'static str> {
    Recipients::parse(recipients.iter().filter_map(Field::known).map(String::as_str))
}

/// Names the recipients in messages: `age (age1ql3z7hjy…ac8p)`.
pub(crate) fn named(recipients: &AgeRecipients) -> String {
    let mut names: Vec<_> = recipients
        .iter()
        .filter_map(Field::known)
        .map(|text| shortened(text))
        .collect();
    names.sort_unstable();
    names.dedup();
    format!("age ({})", names.join(", "))
}

/// The ends of a recipient, by which users distinguish their recipients. A post-quantum one has about
/// 2,000 characters.
fn shortened(recipient: &str) -> String {
    const FIRST: usize = 16;
    const LAST: usize = 8;
    let length = recipient.chars().count();
    if length <= FIRST + LAST {
        return recipient.to_owned();
    }
    let first: String = recipient.chars().take(FIRST).collect();
    let last: String = recipient.chars().skip(length - LAST).collect();
    format!("{first}…{last}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::testing::age_key;

    fn set(entries: &[Field<String>]) -> AgeRecipients {
        entries.iter().cloned().collect()
    }

    #[test]
    fn check_waits_for_unknown_entries_and_rejects_null_ones() {
        let valid = || Field::from(age_key().1);
        let cases = [
            (set(&[valid()]), None),
            (set(&[valid(), valid()]), None),
            (set(&[valid(), Field::Unknown]), None),
            (set(&[Field::Unknown]), None),
            (set(&[Field::Unknown, "alice".into()]), Some("not an age recipient")),
            (set(&[valid(), Field::Null]), Some("null entry")),
            (set(&[]), Some("at least one")),
        ];
        for (recipients, expected) in cases {
            let problem = check(&recipients).err();
            let matches = match (problem, expected) {
                (Some(problem), Some(expected)) => problem.contains(expected),
                (problem, expected) => problem.is_none() && expected.is_none(),
            };
            assert!(matches, "{recipients:?}: {problem:?}");
        }
    }

    #[test]
    fn name_is_the_same_in_any_order_and_short() {
        let [one, other] = [Field::from(age_key().1), age_key().1.into()];
        let both = named(&set(&[one.clone(), other.clone()]));
        assert_eq!(both, named(&set(&[other, one.clone(), one.clone()])));
        assert_ne!(both, named(&set(&[one])));
        let post_quantum = include_str!("testing/post_quantum_recipient.txt");
        assert!(named(&set(&[post_quantum.into()])).len() < 40);
    }

    #[test]
    fn recipient_that_was_unknown_in_the_plan_is_rejected_before_a_value_is_issued() {
        assert!(prepare(&Field::Null).unwrap().is_none());
        assert!(prepare(&set(&[age_key().1.into()]).into()).unwrap().is_some());
        let error = prepare(&set(&["alice".into()]).into()).err().unwrap();
        assert_eq!(error.attribute.unwrap(), "age_recipients");
    }
}
