//! The attributes of the previous token of a resource whose rotation has an overlap.

use jiff::Timestamp;

use crate::framework::Field;
use crate::token::{Deletion, Expiry};

/// Returns the attribute `previous_ends_at`.
pub(crate) fn ends_at(deletion: Deletion) -> Field<String> {
    match deletion {
        Deletion::At(end) => Expiry::at(end).to_string().into(),
        Deletion::None | Deletion::Due => Field::Null,
    }
}

/// Returns when the previous token of a state is deleted. `id` is its id, null without a previous
/// token.
pub(crate) fn deletion<T>(id: &Field<T>, ends_at: &Field<String>) -> Deletion {
    match (id.is_null(), known_instant(ends_at)) {
        (true, _) => Deletion::None,
        (false, Some(end)) => Deletion::At(end),
        (false, None) => Deletion::Due,
    }
}

/// Parses an instant in the state.
pub(crate) fn known_instant(text: &Field<String>) -> Option<Timestamp> {
    Some(Expiry::parse(text.known()?).ok()?.instant())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_hold_the_deletion() {
        let end = Timestamp::from_second(3_600).unwrap();
        let id = Field::from("7".to_owned());
        for (id, deletion) in [
            (&Field::Null, Deletion::None),
            (&id, Deletion::At(end)),
            (&id, Deletion::Due),
        ] {
            assert_eq!(super::deletion(id, &ends_at(deletion)), deletion);
        }
    }
}
