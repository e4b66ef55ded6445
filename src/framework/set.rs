//! Sets: collections without order and duplicates.

/// A set of values. Equality ignores order and duplicates.
///
/// ```
/// use token_providers::framework::Set;
///
/// let one: Set<&str> = ["a", "b", "a"].into_iter().collect();
/// let other: Set<&str> = ["b", "a"].into_iter().collect();
/// assert_eq!(one, other);
/// assert!(one.contains(&"b"));
/// ```
#[derive(Clone, Debug)]
pub struct Set<T>(Vec<T>);

impl<T> Set<T> {
    /// Iterates over the elements, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// Returns the number of elements, duplicates included. Terraform sends none.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the set has no elements.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: PartialEq> Set<T> {
    /// Returns whether `element` is in the set.
    pub fn contains(&self, element: &T) -> bool {
        self.0.contains(element)
    }
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> FromIterator<T> for Set<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self(elements.into_iter().collect())
    }
}

impl<T> IntoIterator for Set<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: PartialEq> PartialEq for Set<T> {
    fn eq(&self, other: &Self) -> bool {
        let holds = |set: &Self, element| set.0.contains(element);
        self.0.iter().all(|element| holds(other, element)) && other.0.iter().all(|element| holds(self, element))
    }
}

impl<T: Eq> Eq for Set<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(elements: &[&'static str]) -> Set<&'static str> {
        elements.iter().copied().collect()
    }

    #[test]
    fn equality_ignores_order_and_duplicates() {
        let cases: [(&[&str], &[&str], bool); 6] = [
            (&[], &[], true),
            (&["a", "b"], &["b", "a"], true),
            (&["a", "b", "a"], &["a", "b"], true),
            (&["a"], &["a", "b"], false),
            (&["a", "b"], &["a"], false),
            (&["a"], &[], false),
        ];
        for (one, other, expected) in cases {
            assert_eq!(set(one) == set(other), expected, "{one:?} {other:?}");
        }
    }

    #[test]
    fn accessors_return_elements() {
        let (none, two) = (set(&[]), set(&["a", "b"]));
        assert_eq!((none.len(), none.is_empty()), (0, true));
        assert_eq!((two.len(), two.is_empty()), (2, false));
        assert!(two.contains(&"b") && !two.contains(&"c"));
        assert_eq!(two.iter().copied().collect::<String>(), "ab");
    }
}
