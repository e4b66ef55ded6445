//! The account that a state is of.
//!
//! A provider that is pointed at another account finds nothing there of what its state describes. Taken for deleted, it
//! would leave the state, and the value of a token in use with it. So the private state records which account an object
//! is in: once, when it is created, imported, updated or found as the state describes it. Where the provider works with
//! another account, every operation on it fails and changes nothing.
//!
//! One account has several spellings: its short name, its host, a gateway. Only the address of the API is compared. Where
//! it differs, the platform is asked for the very token of the state: if it is there, the account is the same, and the
//! new address is recorded.

use serde::{Deserialize, Serialize};

use crate::framework::{Diagnostic, Field, PrivateState};
use crate::rest::BaseUrl;

const ACCOUNT: &str = "account";

/// An account, as the provider's settings name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProviderAccount {
    /// Its short name, or else the host of its API.
    name: String,
    /// The host, the port and the path of its API.
    address: String,
}

impl ProviderAccount {
    pub(crate) fn new(name: &str, base_url: &BaseUrl) -> Self {
        let url = base_url.as_str();
        let address = url.split_once("://").map_or(url, |(_, address)| address);
        Self {
            name: name.to_owned(),
            address: address.to_owned(),
        }
    }

    /// Whether an entry of `allowed_accounts` means this account: its short name, its host, or its base URL.
    fn is_meant_by(&self, entry: &str) -> bool {
        let entry = entry.trim();
        let entry = entry.split_once("://").map_or(entry, |(_, address)| address);
        let entry = entry.trim_end_matches('/').to_lowercase();
        let address = self.address.to_lowercase();
        let authority = address.split('/').next().unwrap_or_default();
        let host = authority.split(':').next().unwrap_or_default();
        [self.name.to_lowercase().as_str(), address.as_str(), authority, host].contains(&entry.as_str())
    }

    /// How a message names it.
    fn title(&self) -> String {
        if self.address.starts_with(&self.name) {
            format!("{:?}", self.address)
        } else {
            format!("{:?} ({})", self.name, self.address)
        }
    }
}

/// How the recorded account relates to the provider's.
#[derive(Clone, Debug, PartialEq, Eq)]
enum AccountMatch {
    /// Nothing is recorded: an earlier version of the provider wrote the state.
    Unknown,
    Same,
    /// Another address, which may be another spelling.
    Different(ProviderAccount),
}

fn compare(recorded: Option<ProviderAccount>, present: &ProviderAccount) -> AccountMatch {
    match recorded {
        None => AccountMatch::Unknown,
        Some(recorded) if recorded.address == present.address => AccountMatch::Same,
        Some(recorded) => AccountMatch::Different(recorded),
    }
}

fn recorded(private: &PrivateState) -> Option<ProviderAccount> {
    private.get(ACCOUNT)
}

/// Records the account of an object that is in it for certain, unless one is recorded.
pub(crate) fn record(private: &PrivateState, present: Option<ProviderAccount>) {
    if let (Some(present), None) = (present, recorded(private)) {
        private.set(ACCOUNT, present);
    }
}

/// Checks whether the provider, which works with the account `present`, may work on an object of the state. `is_there` finds
/// out whether the platform has the very token that the state describes.
///
/// # Errors
/// It may not: the object is in another account, or that cannot be found out.
pub(crate) async fn verify(
    private: &PrivateState,
    present: Option<ProviderAccount>,
    what: &str,
    is_there: impl Future<Output = Result<bool, Diagnostic>>,
) -> Result<(), Diagnostic> {
    let Some(present) = present else { return Ok(()) };
    let AccountMatch::Different(recorded) = compare(recorded(private), &present) else {
        return Ok(());
    };
    if is_there.await? {
        private.set(ACCOUNT, &present);
        Ok(())
    } else {
        Err(another(what, &recorded, &present))
    }
}

/// `allowed_accounts` of a `provider` block.
pub(crate) type AllowedAccounts = Vec<Field<String>>;

/// Its description; `noun` is what the platform calls an account, and `spellings` how one may be written.
pub(crate) fn allowed_accounts(noun: &str, spellings: &str) -> String {
    format!(
        "The {noun}s that this configuration may work with: {spellings}, in any letter case. With any other the provider \
         fails before it requests anything, so that a wrong environment variable changes nothing. Default: any."
    )
}

/// Whether it is known only at apply.
pub(crate) fn is_unknown(allowed: &Field<AllowedAccounts>) -> bool {
    match allowed {
        Field::Known(entries) => entries.iter().any(Field::is_unknown),
        allowed => allowed.is_unknown(),
    }
}

/// Checks the provider's account against `allowed_accounts`.
///
/// # Errors
/// That it is not among them.
pub(crate) fn check_allowed(present: &ProviderAccount, allowed: &Field<AllowedAccounts>) -> Result<(), Diagnostic> {
    let Some(allowed) = allowed.known() else { return Ok(()) };
    let allowed: Vec<_> = allowed.iter().filter_map(Field::known).collect();
    if allowed.iter().any(|entry| present.is_meant_by(entry)) {
        return Ok(());
    }
    let listed: Vec<_> = allowed.iter().map(|entry| format!("{entry:?}")).collect();
    let listed = if listed.is_empty() {
        "none".to_owned()
    } else {
        listed.join(", ")
    };
    Err(Diagnostic::error(
        "Account not allowed",
        format!(
            "The provider works with {}, and `allowed_accounts` has {listed}. Nothing was requested. Point the provider at an \
             allowed account, or add this one to the list.",
            present.title()
        ),
    )
    .on("allowed_accounts"))
}

fn another(what: &str, recorded: &ProviderAccount, present: &ProviderAccount) -> Diagnostic {
    Diagnostic::error(
        format!("{what} is in another account"),
        format!(
            "The state records it in {}, and the provider works with {}, where nothing proves that it is the same account. \
             Nothing was changed, and it stays in the state. Point the provider at the recorded account. If both are the same \
             account and a token was deleted or rotated meanwhile, use the former address once more; or take it out of the \
             state (`terraform state rm`).",
            recorded.title(),
            present.title()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(name: &str, url: &str) -> ProviderAccount {
        ProviderAccount::new(name, &BaseUrl::parse(url).unwrap())
    }

    #[test]
    fn accounts_are_compared_by_the_address_of_their_api() {
        let acme = account("acme", "https://acme.striim.cloud/api/v1");
        for (name, url, same) in [
            ("acme", "https://acme.striim.cloud/api/v1", true),
            ("ACME", "https://ACME.striim.cloud/api/v1/", true),
            ("acme.striim.cloud", "https://acme.striim.cloud/api/v1", true),
            ("acme", "https://acme.us-striim.cloud/api/v1", false),
            ("other", "https://other.striim.cloud/api/v1", false),
            ("acme", "https://gateway.example.com/acme", false),
        ] {
            let matched = compare(Some(acme.clone()), &account(name, url));
            assert_eq!(matched == AccountMatch::Same, same, "{url}: {matched:?}");
        }
        assert_eq!(compare(None, &acme), AccountMatch::Unknown);
    }

    #[test]
    fn allowed_accounts_take_every_spelling_and_no_other_account() {
        let acme = account("acme", "https://acme.striim.cloud/api/v1");
        for (entry, expected) in [
            ("acme", true),
            ("Acme", true),
            ("acme.striim.cloud", true),
            ("https://acme.striim.cloud/api/v1/", true),
            ("acme.striim.cloud/api/v1", true),
            ("acm", false),
            ("acme.us-striim.cloud", false),
            ("striim.cloud", false),
            ("https://acme.striim.cloud/other", false),
            ("", false),
        ] {
            let allowed = vec!["else".into(), entry.into(), Field::Null];
            assert_eq!(check_allowed(&acme, &allowed.into()).is_ok(), expected, "{entry:?}");
        }
        assert!(check_allowed(&acme, &Field::Null).is_ok());
        assert!(check_allowed(&acme, &Vec::new().into()).is_err());
    }

    #[tokio::test]
    async fn object_of_another_account_is_permitted_only_if_the_very_token_is_there() {
        let (acme, other) = (
            account("acme", "https://acme.striim.cloud/api/v1"),
            account("gateway", "https://gateway.example.com/acme"),
        );
        for (is_there, permitted, kept) in [
            (Ok(true), true, &other),
            (Ok(false), false, &acme),
            (Err(Diagnostic::error("Unreachable", "")), false, &acme),
        ] {
            let private = PrivateState::default();
            record(&private, Some(acme.clone()));
            record(&private, Some(other.clone()));
            let found = async { is_there };
            let verified = verify(&private, Some(other.clone()), "The token", found).await;
            assert_eq!(verified.is_ok(), permitted);
            assert_eq!(recorded(&private).as_ref(), Some(kept));
        }
    }
}
