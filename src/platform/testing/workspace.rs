//! Adapters to the testing kit for the tests of a resource without its provider.

pub(crate) mod lone;

pub(crate) use crate::framework::testing::ResourceBlock as Declared;
