//! The examples of the guides.
