//! Storage of token values in Vault or encrypted to age recipients, instead of plain text in
//! Terraform's state. All token resources share it.
//!
//! # Flow
//! - *Plan* ([`Writer::plan`]): claim the secret, so that no two tokens share it, and check that a
//!   write is allowed.
//! - *Before a value is issued* ([`Writer::prepare`]): check that a write is allowed and creates a
//!   version, and that the current version belongs to the token ([`Owner`]).
//! - *After it is issued* ([`Delivery::deliver`]): write the value, and the fields that identify its
//!   owner, after exactly the version that was read (check-and-set). The state then stores the
//!   number of the version, the encrypted value or both instead of the value.
//! - *Refresh* ([`Delivery::refresh`]): read the secret that the state names.
//! - *Delete* ([`Writer::delete`]): delete the version that was written, if it is still the latest.
//!
//! # Guarantees
//! - A value that is delivered or encrypted is in no state, plan or log in plain text.
//! - A positive `vault_version` is the version that contains the current value. A failed delivery
//!   leaves 0; a secret that was deleted or overwritten outside Terraform leaves null. In both cases
//!   the next plan rotates the token and shows the reason.
//! - A run that is killed before the delivery loses the value. The next refresh finds that the id
//!   of the current value is missing in Vault, and the plan rotates the token. After a run that is
//!   killed after the delivery, the next refresh finds the delivered value.
//! - The secret of another token is never overwritten, neither that of an account with the same name
//!   nor that of the same configuration. Its content is not displayed.
//! - A secret is recognised even if the account has another address by now (a gateway, another
//!   letter case, `account` instead of `base_url`).
//!
//! # Assumptions
//! - A secret whose fields name this token was written by this provider.
//! - Provider processes do not know each other's plans. The second process finds the secret of the
//!   first.
//! - The platform reports the id of a token's current value ([`SecretFieldNames::id`]). Without one,
//!   a rotation that the resource does not notice remains unnoticed, as for a value in the state.

mod claims;
mod destination;
mod diagnostics;
mod field_names;
mod owner;
mod value;
mod writer;

pub(crate) use destination::{VaultDestination, described, is_same_secret, validate};
pub(crate) use field_names::{Secret, SecretFieldNames};
pub(crate) use owner::{Account, Owner};
pub(crate) use value::{DeliveredToken, Delivery, RemoteStatus, StorePermit};
pub(crate) use writer::{StoredSecret, Writer};
