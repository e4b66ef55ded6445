//! The record of an import in Terraform's private state.

use crate::framework::{Field, PrivateState};

const IMPORTED: &str = "imported";

/// Whether the current value was imported, and no apply has issued another since. Earlier versions of
/// the provider recorded an import as generation 0.
pub(crate) fn is_imported(private: &PrivateState, generation: &Field<i64>) -> bool {
    private.get::<bool>(IMPORTED) == Some(true) || *generation == Field::Known(0)
}

/// Records an import.
pub(crate) fn set_imported(private: &PrivateState) {
    private.set(IMPORTED, true);
}

/// Records that an apply issued the value.
pub(crate) fn set_issued(private: &PrivateState) {
    private.remove(IMPORTED);
}

/// Records that an apply issued the value if a refresh found it in Vault. The run may have been killed
/// before it wrote the state.
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
    fn imported_token_with_value_in_vault_counts_as_issued() {
        for (version, imported) in [(Field::Null, true), (0.into(), true), (1.into(), false)] {
            let private = PrivateState::default();
            set_imported(&private);
            observe_delivery(&private, &version);
            assert_eq!(is_imported(&private, &17.into()), imported, "{version:?}");
        }
    }

    #[test]
    fn import_by_earlier_version_is_recognised_by_generation_zero() {
        let private = PrivateState::default();
        assert!(is_imported(&private, &0.into()));
        assert!(!is_imported(&private, &1.into()));
        assert!(!is_imported(&private, &Field::Null));
    }
}
