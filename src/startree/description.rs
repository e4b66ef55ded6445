//! Descriptions, as a state keeps them.

use super::api::Told;
use crate::framework::Field;

/// Brings a description up to date. What the platform does not tell stays as it is; none and an empty one are the same.
pub(super) fn follow(state: &mut Field<String>, told: Told) {
    let Told::Text(told) = told else { return };
    if state.known().map_or("", String::as_str) == told {
        return;
    }
    *state = told.into();
}

/// The description that a creation sends: an empty one is none.
pub(super) fn to_send(description: &Field<String>) -> Option<&str> {
    let description = description.known().map(String::as_str);
    description.filter(|description| !description.is_empty())
}

/// The description of what is imported.
pub(super) fn imported(told: Told) -> Field<String> {
    match told {
        Told::Text(told) => told.into(),
        Told::Nothing => Field::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_and_an_empty_one_are_the_same_and_what_is_not_told_stays() {
        let text = |text: &str| Told::Text(text.to_owned());
        for (state, told, after) in [
            (Field::Null, Told::Nothing, Field::Null),
            (Field::Null, text(""), Field::Null),
            (Field::Null, text("x"), Field::from("x")),
            (Field::from(""), text(""), Field::from("")),
            (Field::from("x"), text(""), Field::from("")),
            (Field::from("x"), text("y"), Field::from("y")),
            (Field::from("x"), Told::Nothing, Field::from("x")),
        ] {
            let mut followed = state.clone();
            follow(&mut followed, told.clone());
            assert_eq!(followed, after, "{state:?} {told:?}");
        }
    }
}
