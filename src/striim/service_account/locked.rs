//! Exclusive access to the service account of one name.

use secrecy::SecretString;
use tokio::sync::OwnedMutexGuard;

use crate::rest::Operation;
use crate::striim::api::{IssuedToken, find};
use crate::striim::connection::{Connection, Context, LastIssued};

/// Serialises the writes of this run to the service account of one name.
///
/// Terraform creates, updates and deletes resources concurrently, and a name may move from one
/// resource to another in one run. Without the lock, a repeated deletion could hit the account that
/// is being created under the same name.
pub(in crate::striim) struct LockedAccount<'a> {
    pub(super) connection: &'a Connection,
    pub(super) name: &'a str,
    pub(super) operation: Operation,
    last_issued: OwnedMutexGuard<LastIssued>,
}

impl<'a> LockedAccount<'a> {
    /// Waits for the lock of a name. The deadline of the operation counts from then on.
    pub(in crate::striim) async fn lock(connection: &'a Connection, context: &Context, name: &'a str) -> Self {
        let last_issued = connection.lock_name(name).await;
        Self {
            connection,
            name,
            operation: connection.operation(context),
            last_issued,
        }
    }

    /// The operation that all requests under this lock belong to.
    pub(in crate::striim) fn operation(&self) -> &Operation {
        &self.operation
    }

    /// The value that this run issued last under the name.
    pub(super) fn last_issued(&self) -> Option<&SecretString> {
        self.last_issued.as_ref()
    }

    /// Records a value as the last one that this run issued under the name.
    pub(in crate::striim) fn record_issued(&mut self, issued: &IssuedToken) {
        *self.last_issued = Some(issued.token.clone());
    }

    /// Records an issued value, and adds what its answer left out and the platform's list shows.
    ///
    /// The state is then complete after the apply, and the next refresh adds nothing. Errors are
    /// ignored, because the value must not be lost.
    pub(in crate::striim) async fn complete(&mut self, mut issued: IssuedToken) -> IssuedToken {
        self.record_issued(&issued);
        if issued.token_id.is_some() && issued.expires_at.is_some() {
            return issued;
        }
        let Ok(accounts) = self.connection.service_accounts(&self.operation).await else {
            return issued;
        };
        let is_same = issued.token_id;
        let listed = find(&accounts, self.name).filter(|account| is_same.is_none() || account.token_id == is_same);
        if let Some(account) = listed {
            issued.token_id = issued.token_id.or(account.token_id);
            issued.expires_at = issued.expires_at.or(account.expires_at);
            issued.updated_at = issued.updated_at.or_else(|| account.updated_at.clone());
            issued.updated_by = issued.updated_by.or(account.updated_by);
        }
        issued
    }
}
