//! The attribute `description` of roles and policies.

use super::api::Reported;
use crate::framework::Field;

/// Refreshes a description. It stays unchanged if the platform does not report one; null and empty
/// are equal.
pub(super) fn refresh(state: &mut Field<String>, reported: Reported<String>) {
    let Reported::Value(description) = reported else {
        return;
    };
    if state.known().map_or("", String::as_str) == description {
        return;
    }
    *state = description.into();
}

/// Returns the description for a create request; `None` if it is null or empty.
pub(super) fn for_request(description: &Field<String>) -> Option<&str> {
    let description = description.known().map(String::as_str);
    description.filter(|description| !description.is_empty())
}

/// Returns the description of an imported object; null if the platform does not report it.
pub(super) fn imported(reported: Reported<String>) -> Field<String> {
    match reported {
        Reported::Value(description) => description.into(),
        Reported::Absent => Field::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refresh_keeps_unreported_and_equal_descriptions() {
        let text = |text: &str| Reported::Value(text.to_owned());
        for (state, reported, after) in [
            (Field::Null, Reported::Absent, Field::Null),
            (Field::Null, text(""), Field::Null),
            (Field::Null, text("x"), Field::from("x")),
            (Field::from(""), text(""), Field::from("")),
            (Field::from("x"), text(""), Field::from("")),
            (Field::from("x"), text("y"), Field::from("y")),
            (Field::from("x"), Reported::Absent, Field::from("x")),
        ] {
            let mut refreshed = state.clone();
            refresh(&mut refreshed, reported.clone());
            assert_eq!(refreshed, after, "{state:?} {reported:?}");
        }
    }
}
