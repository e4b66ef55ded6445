//! The server that a transport connects to.

use super::base_url::BaseUrl;

/// The server that a transport connects to, and the certificate authorities it trusts.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The server.
    pub base_url: BaseUrl,
    /// The trusted certificate authorities.
    pub roots: Roots,
}

/// The certificate authorities that a transport trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// The authorities that the operating system trusts.
    System,
    /// Only the authorities in this PEM file.
    Only(Vec<u8>),
}

impl From<BaseUrl> for Destination {
    /// Trusts the operating system's authorities.
    fn from(base_url: BaseUrl) -> Self {
        Self {
            base_url,
            roots: Roots::System,
        }
    }
}
