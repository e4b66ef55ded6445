//! What one call from Terraform brings along beside its values.

use tokio_util::sync::CancellationToken;

/// One call from Terraform.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Cancelled when Terraform is interrupted (`StopProvider`). Work that could lose a token by stopping half-way
    /// ends first; everything else stops at once.
    pub cancellation: CancellationToken,
}
