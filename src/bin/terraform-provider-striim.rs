//! The Terraform provider for Striim Cloud.
fn main() {}
