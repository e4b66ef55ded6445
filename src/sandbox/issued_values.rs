//! The token values that a platform has issued, to search states and logs for leaks.

use std::collections::VecDeque;

use secrecy::SecretString;

/// The most recent values, whether still valid or not.
#[derive(Clone, Debug, Default)]
pub struct IssuedValues(VecDeque<SecretString>);

impl IssuedValues {
    /// The number of values that are remembered. Older ones are forgotten, so that memory is bounded.
    pub const CAPACITY: usize = 100_000;

    /// Records a value.
    pub(super) fn push(&mut self, value: SecretString) {
        if self.0.len() == Self::CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    /// The values, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &SecretString> {
        self.0.iter()
    }
}
