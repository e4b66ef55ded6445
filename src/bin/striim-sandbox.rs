//! An in-memory Striim Cloud API.
fn main() {}
