//! The features that some versions of Terraform and OpenTofu lack.

use super::terraform::Minor;

/// A feature, by the first versions that have it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feature {
    pub(crate) terraform: Minor,
    /// None if OpenTofu lacks the feature.
    pub(crate) tofu: Option<Minor>,
}

impl Feature {
    /// What all versions have that the tests run on.
    pub(crate) const COMMON: Self = Self::new((1, 6), Some((1, 6)));
    pub(crate) const REMOVED_BLOCKS: Self = Self::new((1, 7), Some((1, 7)));
    pub(crate) const MOCKED_PROVIDERS: Self = Self::new((1, 7), Some((1, 8)));
    pub(crate) const FUNCTIONS: Self = Self::new((1, 8), Some((1, 7)));
    /// `moved` blocks between types.
    pub(crate) const MOVES: Self = Self::new((1, 8), Some((1, 8)));
    pub(crate) const EPHEMERAL_RESOURCES: Self = Self::new((1, 10), Some((1, 11)));
    pub(crate) const WRITE_ONLY_ARGUMENTS: Self = Self::new((1, 11), Some((1, 11)));
    pub(crate) const IDENTITIES: Self = Self::new((1, 12), Some((1, 12)));
    pub(crate) const QUERIES: Self = Self::new((1, 14), None);
    pub(crate) const ACTIONS: Self = Self::new((1, 14), None);

    const fn new(terraform: Minor, tofu: Option<Minor>) -> Self {
        Self { terraform, tofu }
    }
}
