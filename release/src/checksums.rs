//! `SHA256SUMS`: the hashes of a release's archives and manifest, in the format of the program `sha256sum`.

use std::collections::BTreeMap;
use std::fmt;

use crate::Sha256Hash;

/// The files' hashes by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checksums(pub BTreeMap<String, Sha256Hash>);

impl fmt::Display for Checksums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, hash)| writeln!(f, "{hash}  {name}"))
    }
}
