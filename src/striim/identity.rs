//! The identities of this provider's resources: the account, and what is unique in it.

use super::connection::Context;
use crate::framework::{Diagnostic, Field, Identity, Model, Schema};

/// The identity of a resource that exists once in an account, and a part of all other identities.
#[derive(Model, Clone, Debug, Default)]
pub(super) struct InAccount {
    /// The account's short name; where the provider knows only a `base_url`, the host in it. Default: the account that the
    /// provider works with.
    #[attribute(optional)]
    account: Field<String>,
}

/// The identity of a resource with a name in the account: a service account, or a pair of them.
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
    /// The user's email address. Default: the user whom the provider works as.
    // Null for that user if the platform does not report the address.
    #[attribute(optional)]
    email: Field<String>,
}

impl InAccount {
    pub(super) fn identity(context: &Context) -> Identity {
        Identity::of(Self::present(context))
    }

    /// Returns the id to import by: the account.
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

    /// Returns the account of an identity.
    ///
    /// # Errors
    /// Returns an error if it is not the provider's account.
    fn check(self, context: &Context) -> Result<Self, Diagnostic> {
        let present = Self::present(context);
        match (self.account.known(), present.account.known()) {
            (Some(asked), Some(present)) if asked != present => Err(Diagnostic::error(
                "Another account",
                format!(
                    "The identity is of something in the account {asked:?}, and the provider works with {present:?}. Import \
                     it with a provider for its account (`provider = striim.<alias>`), or correct the identity."
                ),
            )),
            (Some(_), _) => Ok(self),
            (None, _) => Ok(present),
        }
    }
}

impl Named {
    /// Returns the schema. `name` describes the name.
    pub(super) fn described(name: &'static str) -> Schema {
        Self::schema().describe("name", name)
    }

    pub(super) fn identity(context: &Context, name: Field<String>) -> Identity {
        let account = InAccount::present(context);
        Identity::of(Self { account, name })
    }

    /// Returns the id to import by: the name.
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

    /// Returns the id to import by: the user's address, if the identity has one.
    pub(super) fn import_id(context: &Context, identity: &Identity) -> Result<Option<String>, Diagnostic> {
        let Self { account, email } = identity.read()?;
        account.check(context)?;
        Ok(email.into_known())
    }
}
