//! What the providers record about a token in Terraform's private state.

use crate::framework::{Field, PrivateState};

const IMPORTED: &str = "imported";

/// Whether the value that is there was imported, and no apply has issued another since. Earlier versions recorded it by
/// the generation 0.
pub(crate) fn is_imported(private: &PrivateState, generation: &Field<i64>) -> bool {
    private.get::<bool>(IMPORTED) == Some(true) || *generation == Field::Known(0)
}

/// Records an import.
pub(crate) fn set_imported(private: &PrivateState) {
    private.set(IMPORTED, true);
}

/// Records that the value was issued by an apply.
pub(crate) fn set_issued(private: &PrivateState) {
    private.remove(IMPORTED);
}

/// Records what a refresh found in Vault: a value that is there was issued by an apply, even if its run was killed before
/// the state was written.
pub(crate) fn observe_delivery(private: &PrivateState, vault_version: &Field<i64>) {
    if vault_version.known().is_some_and(|version| *version > 0) {
        set_issued(private);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_is_recorded_until_a_value_is_issued() {
        let private = PrivateState::default();
        let generation = 17.into();
        assert!(!is_imported(&private, &generation));
        set_imported(&private);
        assert!(is_imported(&private, &generation));
        set_issued(&private);
        assert!(!is_imported(&private, &generation));
    }

    #[test]
    fn import_found_in_vault_counts_as_issued() {
        for (version, imported) in [(Field::Null, true), (0.into(), true), (1.into(), false)] {
            let private = PrivateState::default();
            set_imported(&private);
            observe_delivery(&private, &version);
            assert_eq!(is_imported(&private, &17.into()), imported, "{version:?}");
        }
    }

    #[test]
    fn import_of_an_earlier_version_is_recognised_by_its_generation() {
        let private = PrivateState::default();
        assert!(is_imported(&private, &0.into()));
        assert!(!is_imported(&private, &1.into()));
        assert!(!is_imported(&private, &Field::Null));
    }
}
