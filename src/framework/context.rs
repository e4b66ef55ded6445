//! What one call from Terraform carries in addition to its values.

use tokio_util::sync::CancellationToken;

use super::private_state::PrivateState;

/// One call from Terraform.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Cancelled when Terraform is interrupted (`StopProvider`). Work that could lose a token by stopping half-way
    /// ends first; everything else stops at once.
    pub cancellation: CancellationToken,
    /// The private state of the managed resource that the call is about. Empty, and not kept, for other kinds of things.
    pub private: PrivateState,
}
