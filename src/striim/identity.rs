//! Resource identities: the account, and a name or an address that is unique in the account.

use super::connection::Context;
use crate::framework::{Diagnostic, Field, Identity, Model, Schema};

/// The identity of a resource that exists once in an account. All other identities contain it.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct InAccount {
    /// The account's short name, or the host of `base_url` if no account is configured. Default: the provider's account.
    #[attribute(optional)]
    account: Field<String>,
}

/// The identity of a service account or a pair of service accounts: its name in the account.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct Named {
    #[attribute(flatten)]
    account: InAccount,
    #[attribute(required, description = "")]
    name: Field<String>,
}

/// The identity of a user's personal access token.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct OfUser {
    #[attribute(flatten)]
    account: InAccount,
    /// The user's email address. Default: the provider's own user.
    // Null for the provider's own user if the platform does not report the address.
    #[attribute(optional)]
    email: Field<String>,
}

impl InAccount {
    pub(super) fn identity(context: &Context) -> Identity {
        Identity::of(Self::present(context))
    }

    /// Returns the import ID: the account.
    pub(super) fn import_id(context: &Context, identity: &Identity) -> Result<String, Diagnostic> {
        let identity: Self = identity.read()?;
        Ok(identity.check(context)?.account.into_known().unwrap_or_default())
    }

    /// Returns the provider's account.
    fn present(context: &Context) -> Self {
        let connection = context.known_client();
        let account = connection.map_or(Field::Unknown, |connection| connection.account.clone().into());
        Self { account }
    }

    /// Returns the account of an identity, by default the provider's.
    ///
    /// # Errors
    /// Returns an error if the identity names another account than the provider's.
    fn check(self, context: &Context) -> Result<Self, Diagnostic> {
        let present = Self::present(context);
        match (self.account.known(), present.account.known()) {
            (Some(asked), Some(present)) if asked != present => Err(Diagnostic::error(
                "Another account",
                format!(
                    "The identity names the account {asked:?}, but the provider is configured for {present:?}. Import with a provider \
                     for that account (`provider = striim.<alias>`), or correct the identity."
                ),
            )),
            (Some(_), _) => Ok(self),
            (None, _) => Ok(present),
        }
    }
}

impl Named {
    /// Returns the schema, with `name` as the description of the name.
    pub(super) fn described(name: &'static str) -> Schema {
        Self::schema().describe("name", name)
    }

    pub(super) fn identity(context: &Context, name: Field<String>) -> Identity {
        let account = InAccount::present(context);
        Identity::of(Self { account, name })
    }

    /// Returns the import ID: the name.
    pub(super) fn import_id(context: &Context, identity: &Identity) -> Result<String, Diagnostic> {
        let Self { account, name } = identity.read()?;
        account.check(context)?;
        Ok(name.into_known().unwrap_or_default())
    }
}

impl OfUser {
    pub(super) fn identity(context: &Context, email: Field<String>) -> Identity {
        let account = InAccount::present(context);
        Identity::of(Self { account, email })
    }

    /// Returns the import ID: the user's address, if the identity has one.
    pub(super) fn import_id(context: &Context, identity: &Identity) -> Result<Option<String>, Diagnostic> {
        let Self { account, email } = identity.read()?;
        account.check(context)?;
        Ok(email.into_known())
    }
}
