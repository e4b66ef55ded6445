//! The account that an object belongs to.
//!
//! A provider that is configured for another account does not find the objects of its state. If they
//! counted as deleted, they would leave the state, and with them the values of tokens in use. The
//! private state therefore records the account of an object when it is created, imported, updated or
//! found by a refresh. With another account, every operation on the object fails and changes
//! nothing.
//!
//! An account has several names and addresses: its short name, its host, a gateway. Only the address
//! of the API is compared. If it differs, the token of the state is requested: if it exists, the
//! account is the same, and the new address is recorded.

use serde::{Deserialize, Serialize};

use crate::framework::{Diagnostic, Field, PrivateState};
use crate::rest::BaseUrl;

const ACCOUNT: &str = "account";

/// The account in the provider's settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProviderAccount {
    /// The short name, or else the host of the API.
    name: String,
    /// The host, the port and the path of the API.
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

    /// Whether an entry of `allowed_accounts` is the short name, the host or the base URL of this
    /// account, in any letter case.
    fn matches(&self, entry: &str) -> bool {
        let entry = entry.trim();
        let entry = entry.split_once("://").map_or(entry, |(_, address)| address);
        let entry = entry.trim_end_matches('/').to_lowercase();
        let address = self.address.to_lowercase();
        let authority = address.split('/').next().unwrap_or_default();
        let host = authority.split(':').next().unwrap_or_default();
        [self.name.to_lowercase().as_str(), address.as_str(), authority, host].contains(&entry.as_str())
    }

    /// The account in messages.
    fn title(&self) -> String {
        if self.address.starts_with(&self.name) {
            format!("{:?}", self.address)
        } else {
            format!("{:?} ({})", self.name, self.address)
        }
    }
}

/// The recorded account, compared with the provider's.
#[derive(Clone, Debug, PartialEq, Eq)]
enum AccountMatch {
    /// None is recorded: an earlier version of the provider wrote the state.
    Unknown,
    Same,
    /// Another address. The account may still be the same.
    Different(ProviderAccount),
}

fn compare(recorded: Option<ProviderAccount>, current: &ProviderAccount) -> AccountMatch {
    match recorded {
        None => AccountMatch::Unknown,
        Some(recorded) if recorded.address == current.address => AccountMatch::Same,
        Some(recorded) => AccountMatch::Different(recorded),
    }
}

fn recorded(private: &PrivateState) -> Option<ProviderAccount> {
    private.get(ACCOUNT)
}

/// Records the account of an object that is certainly in it, unless one is recorded.
pub(crate) fn record(private: &PrivateState, current: Option<ProviderAccount>) {
    if let (Some(current), None) = (current, recorded(private)) {
        private.set(ACCOUNT, current);
    }
}

/// Checks that an object of the state belongs to the account `current` of the provider. `exists`
/// reads whether that account has the token of the state; it runs only if the address differs.
///
/// # Errors
/// Returns an error if the object belongs to another account, or the error of `exists`.
pub(crate) async fn verify(
    private: &PrivateState,
    current: Option<ProviderAccount>,
    what: &str,
    exists: impl Future<Output = Result<bool, Diagnostic>>,
) -> Result<(), Diagnostic> {
    let Some(current) = current else { return Ok(()) };
    let AccountMatch::Different(recorded) = compare(recorded(private), &current) else {
        return Ok(());
    };
    if exists.await? {
        private.set(ACCOUNT, &current);
        Ok(())
    } else {
        Err(belongs_to_other_account(what, &recorded, &current))
    }
}

/// `allowed_accounts` of a `provider` block.
pub(crate) type AllowedAccounts = Vec<Field<String>>;

/// The description of `allowed_accounts`. `noun` is the platform's word for an account, `names` lists
/// the accepted kinds of names.
pub(crate) fn allowed_accounts(noun: &str, names: &str) -> String {
    format!(
        "The {noun}s that this configuration may manage: {names}, in any letter case. With any other {noun} the provider \
         fails before it sends a request, so that a wrong environment variable changes nothing. Default: any."
    )
}

/// Whether `allowed_accounts` is unknown until apply.
pub(crate) fn is_unknown(allowed: &Field<AllowedAccounts>) -> bool {
    match allowed {
        Field::Known(entries) => entries.iter().any(Field::is_unknown),
        allowed => allowed.is_unknown(),
    }
}

/// Checks the provider's account against `allowed_accounts`.
///
/// # Errors
/// Returns an error if it is not one of them.
pub(crate) fn check_allowed(current: &ProviderAccount, allowed: &Field<AllowedAccounts>) -> Result<(), Diagnostic> {
    let Some(allowed) = allowed.known() else { return Ok(()) };
    let allowed: Vec<_> = allowed.iter().filter_map(Field::known).collect();
    if allowed.iter().any(|entry| current.matches(entry)) {
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
            "The provider is configured for {}, and `allowed_accounts` contains {listed}. No request was sent. Configure an \
             allowed account, or add this one to the list.",
            current.title()
        ),
    )
    .on("allowed_accounts"))
}

fn belongs_to_other_account(what: &str, recorded: &ProviderAccount, current: &ProviderAccount) -> Diagnostic {
    Diagnostic::error(
        format!("{what} is in another account"),
        format!(
            "The state records the account {}, and the provider is configured for {}. It is not certain that both are the same \
             account. Nothing was changed, and the object remains in the state. Configure the recorded account. If both are \
             the same account, the token that would prove it was deleted or rotated meanwhile: configure the former address \
             once more, or remove the object from the state (`terraform state rm`) and import it.",
            recorded.title(),
            current.title()
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
    fn compare_uses_address_of_api() {
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
    fn check_allowed_accepts_every_name_of_account_and_no_other() {
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
    async fn verify_of_object_at_other_address_succeeds_only_if_token_exists() {
        let (acme, other) = (
            account("acme", "https://acme.striim.cloud/api/v1"),
            account("gateway", "https://gateway.example.com/acme"),
        );
        for (exists, verifies, kept) in [
            (Ok(true), true, &other),
            (Ok(false), false, &acme),
            (Err(Diagnostic::error("Unreachable", "")), false, &acme),
        ] {
            let private = PrivateState::default();
            record(&private, Some(acme.clone()));
            record(&private, Some(other.clone()));
            let exists = async { exists };
            let verified = verify(&private, Some(other.clone()), "The token", exists).await;
            assert_eq!(verified.is_ok(), verifies);
            assert_eq!(recorded(&private).as_ref(), Some(kept));
        }
    }
}
