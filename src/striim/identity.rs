//! What tells the things of this provider apart beyond one configuration: the account, and what is unique in it.

use super::session::Session;
use crate::framework::{Attribute, Diagnostic, Field, Schema, Type, model};

model! {
    /// The identity of what is named in the account: a service account, or a pair of them.
    pub(super) struct Named {
        account: String,
        name: String,
    }
}

model! {
    /// The identity of a user's personal access token.
    pub(super) struct OfUser {
        account: String,
        /// Null for the user whom the provider works as, where the platform does not tell the address.
        email: String,
    }
}

model! {
    /// The identity of what there is once in an account.
    pub(super) struct OfAccount {
        account: String,
    }
}

impl Named {
    pub(super) fn schema(name: &'static str) -> Schema {
        Schema::new("", [account(), Attribute::required("name", Type::String, name)])
    }

    pub(super) fn of(session: &Session, name: &Field<String>) -> Self {
        Self {
            account: present(session),
            name: name.clone(),
        }
    }

    /// What it is imported by.
    pub(super) fn import_id(self, session: &Session) -> Result<String, Diagnostic> {
        check(session, &self.account)?;
        Ok(self.name.into_known().unwrap_or_default())
    }
}

impl OfUser {
    pub(super) fn schema() -> Schema {
        let email = Attribute::optional(
            "email",
            Type::String,
            "The user's email address. Default: the user whom the provider works as.",
        );
        Schema::new("", [account(), email])
    }

    pub(super) fn of(session: &Session, email: Field<String>) -> Self {
        Self {
            account: present(session),
            email,
        }
    }

    /// The user's address.
    pub(super) fn import_id(self, session: &Session) -> Result<Option<String>, Diagnostic> {
        check(session, &self.account)?;
        Ok(self.email.into_known())
    }
}

impl OfAccount {
    pub(super) fn schema() -> Schema {
        Schema::new("", [account()])
    }

    pub(super) fn of(session: &Session) -> Self {
        Self {
            account: present(session),
        }
    }

    /// The account.
    pub(super) fn import_id(self, session: &Session) -> Result<String, Diagnostic> {
        check(session, &self.account)?;
        let account = self.account.into_known().or_else(|| present(session).into_known());
        Ok(account.unwrap_or_default())
    }
}

fn account() -> Attribute {
    Attribute::optional(
        "account",
        Type::String,
        "The account's short name; where the provider knows only a `base_url`, the host in it. Default: the account that \
         the provider works with.",
    )
}

/// The account that the provider works with.
fn present(session: &Session) -> Field<String> {
    match session.connected() {
        Some(connection) => connection.account.clone().into(),
        None => Field::Unknown,
    }
}

/// An identity in another account is not to be had from here.
fn check(session: &Session, account: &Field<String>) -> Result<(), Diagnostic> {
    match (account.known(), present(session).known()) {
        (Some(asked), Some(present)) if asked != present => Err(Diagnostic::error(
            "Another account",
            format!(
                "The identity is of something in the account {asked:?}, and the provider works with {present:?}. Import \
                 it with a provider for its account (`provider = striim.<alias>`), or correct the identity."
            ),
        )),
        _ => Ok(()),
    }
}
