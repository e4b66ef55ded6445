//! Reads and validates attributes that resources of all platforms have.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::framework::{Diagnostic, Diagnostics, Field};
use crate::token::{Expiry, parse_duration};

/// `rotation_triggers`. A value may be null, or unknown until apply.
pub(crate) type Triggers = BTreeMap<String, Field<String>>;

/// The warning of a plan that cannot decide about a rotation because these arguments are unknown.
pub(crate) fn may_rotate(what: &str, unknown: &[&str]) -> Diagnostic {
    let arguments: Vec<_> = unknown.iter().map(|argument| format!("`{argument}`")).collect();
    let arguments = arguments.join(" and ");
    Diagnostic::warning(
        format!("{what} may be rotated"),
        format!(
            "That depends on {arguments}, which is known only after apply: if it has changed, the token is rotated and the \
             current value is revoked. A reference to an object that this run does not replace is known in the plan; \
             `timestamp()` never is."
        ),
    )
}

/// Whether both texts are the same. An empty text counts as null.
pub(crate) fn is_same_text(one: &Field<String>, other: &Field<String>) -> bool {
    let is_none = |field: &Field<String>| field.is_null() || field.known().is_some_and(String::is_empty);
    one == other || (is_none(one) && is_none(other))
}

/// Validates a declared name. A platform may trim or reject blanks at its ends and control
/// characters, so that it would not list the object under the name in the state.
pub(crate) fn check_name(attribute: &'static str, name: &str, diagnostics: &mut Diagnostics) {
    if name.trim() != name {
        diagnostics.push(Diagnostic::invalid(
            attribute,
            format!("must not begin or end with a blank; it is {name:?}"),
        ));
    } else if name.chars().any(char::is_control) {
        let problem = format!("must not contain line breaks or other control characters; it is {name:?}");
        diagnostics.push(Diagnostic::invalid(attribute, problem));
    }
}

/// Validates the text by which users identify an object.
pub(crate) fn is_not_blank(text: &str) -> Result<(), &'static str> {
    match text.trim().is_empty() {
        true => Err("must not be empty: nothing else identifies the token to users"),
        false => Ok(()),
    }
}

/// Reverts the planned change of an attribute that was set before. Terraform does not accept reverting a
/// change from null.
pub(crate) fn keep_prior<T: Clone>(planned: &mut Field<T>, prior: &Field<T>) {
    if planned.known().is_some() && prior.known().is_some() {
        *planned = prior.clone();
    }
}

/// Keeps the prior spelling if both are the same instant or the same duration.
pub(crate) fn keep_spelling(planned: &mut Field<String>, prior: &Field<String>) {
    if same_instant(planned, prior) || same_duration(planned, prior) {
        *planned = prior.clone();
    }
}

fn same_instant(planned: &Field<String>, prior: &Field<String>) -> bool {
    let instant = |field: &Field<String>| field.known().and_then(|text| Expiry::parse(text).ok());
    instant(planned).is_some_and(|planned| instant(prior) == Some(planned))
}

/// Whether both are the same duration.
fn same_duration(planned: &Field<String>, prior: &Field<String>) -> bool {
    matches!((known_duration(planned), known_duration(prior)), (Some(planned), Some(prior)) if planned == prior)
}

/// Parses a duration. An invalid one is an error on its attribute.
pub(crate) fn duration(
    attribute: &'static str,
    field: &Field<String>,
    diagnostics: &mut Diagnostics,
) -> Option<Duration> {
    let text = field.known()?;
    diagnostics
        .ok(parse_duration(text).map_err(|error| Diagnostic::invalid(attribute, format!("{error}; it is {text:?}"))))
}

/// Validates a duration such as `90d`.
pub(crate) fn is_duration(text: &str) -> Result<(), String> {
    parse_duration(text)
        .map(drop)
        .map_err(|error| format!("{error}; it is {text:?}"))
}

/// Validates a duration that must not be zero.
pub(crate) fn is_positive_duration(text: &str) -> Result<(), String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("must be at least 1s".to_owned()),
        _ => is_duration(text),
    }
}

/// Parses a duration of an attribute that was validated before.
pub(crate) fn known_duration(field: &Field<String>) -> Option<Duration> {
    parse_duration(field.known()?).ok()
}

/// The triggers that are not null; `None` if any of them is unknown until apply.
pub(crate) fn known_triggers(field: &Field<Triggers>) -> Option<BTreeMap<String, String>> {
    let triggers = match field {
        Field::Null => return Some(BTreeMap::new()),
        Field::Unknown => return None,
        Field::Known(triggers) => triggers,
    };
    // A trigger that is null counts as not declared.
    let set = triggers.iter().filter(|(_, value)| !value.is_null());
    set.map(|(name, value)| Some((name.clone(), value.known()?.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_name_rejects_outer_blanks_and_control_characters() {
        for (name, accepted) in [
            ("ci pipeline", true),
            ("", true),
            (" ci", false),
            ("ci\u{a0}", false),
            ("ci\n", false),
            ("c\ni", false),
            ("c\u{7f}i", false),
        ] {
            let mut diagnostics = Diagnostics::default();
            check_name("name", name, &mut diagnostics);
            assert_eq!(!diagnostics.has_errors(), accepted, "{name:?}");
        }
    }

    const NO: Field<String> = Field::Null;
    const UNKNOWN: Field<String> = Field::Unknown;

    fn yes() -> Field<String> {
        "x".into()
    }

    #[test]
    fn empty_text_equals_null() {
        let empty = Field::from("");
        let cases = [
            (&NO, &empty, true),
            (&empty, &NO, true),
            (&NO, &NO, true),
            (&yes(), &yes(), true),
            (&yes(), &empty, false),
            (&NO, &yes(), false),
            (&UNKNOWN, &NO, false),
            (&UNKNOWN, &empty, false),
        ];
        for (one, other, expected) in cases {
            assert_eq!(is_same_text(one, other), expected, "{one:?} {other:?}");
        }
    }
}
