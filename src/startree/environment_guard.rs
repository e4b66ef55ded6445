//! The environment of roles, policies, attachments and assignments.
//!
//! Only their names identify them, and another environment may have objects of the same names. So
//! finding an object at another address does not prove that the environment is the same. An access
//! key does: it is unique. The private state therefore records the address of the environment
//! ([`account`]), and the access key of the provider's token at that time, the witness. At another
//! address, the provider operates on the object only if that environment has the witness.
//!
//! A witness is recorded once and not updated. Otherwise, each refresh by a user with another token
//! would change the private state, which `terraform plan -refresh-only` shows.

use super::api::AccessKey;
use super::connection::Context;
use super::errors::failure;
use super::token_existence::is_not_found;
use crate::framework::Diagnostics;
use crate::platform::account;

/// The key in the private state of the witness.
const WITNESS: &str = "provider_token";

/// Records the environment of an object that was created or found, unless one is recorded.
pub(super) fn record(context: &Context) {
    let Some(connection) = context.known_client() else {
        return;
    };
    account::record(&context.private, connection.account.clone());
    if let (None, Some(own)) = (witness(context), connection.tokens.own()) {
        context.private.set(WITNESS, own.as_str());
    }
}

/// Checks that an object of the state is in the provider's environment. `what` names it.
///
/// # Errors
/// An error if it is in another environment, or may be in another one.
pub(super) async fn verify(context: &Context, what: &str) -> Result<(), Diagnostics> {
    let Some(connection) = context.known_client() else {
        return Ok(());
    };
    let has_witness = async {
        let Some(witness) = witness(context) else {
            return Ok(false);
        };
        match connection.tokens.read(&connection.operation(context), &witness).await {
            Ok(_) => Ok(true),
            Err(error) if is_not_found(&error) => Ok(false),
            Err(error) => Err(failure(&error)),
        }
    };
    Ok(account::verify(&context.private, connection.account.clone(), what, has_witness).await?)
}

fn witness(context: &Context) -> Option<AccessKey> {
    context.private.get::<String>(WITNESS)?.parse().ok()
}
