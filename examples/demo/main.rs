//! The main job, shown against the embedded sandbox.
fn main() {}
