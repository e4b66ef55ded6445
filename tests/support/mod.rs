//! Helpers of all tests: the real Terraform, which the benchmarks and the demo use too, and the plugin protocol.

pub(crate) mod browser;
pub(crate) mod clients;
pub(crate) mod feature;
pub(crate) mod https;
pub(crate) mod jwt;
pub(crate) mod node;
pub(crate) mod openbao;
pub(crate) mod proto;
pub(crate) mod striim;
pub(crate) mod terraform;
pub(crate) mod versions;
