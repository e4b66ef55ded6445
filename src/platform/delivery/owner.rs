//! The owner of a secret in Vault.
//!
//! Evidence that does not depend on spelling decides first: an id that cannot be guessed, or the
//! version that the state recorded. Only then come the names in the secret, because an account may
//! have several addresses, and two accounts may have the same name.

use secrecy::ExposeSecret;

use super::destination::{VaultDestination, is_same_secret};
use super::field_names::SecretFieldNames;
use crate::framework::Field;
use crate::rest::BaseUrl;
use crate::vault::{Data, Entry, Latest};

/// An account, as it is named in secrets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// The host and the path of its API, which identify it.
    address: String,
    /// Names that earlier versions of the provider wrote. Another account may have them, too.
    short_names: Vec<String>,
}

impl Account {
    /// Creates the account whose API is at `base_url`. `api_path` is the part of the path that all
    /// accounts share; `short_names` are other names of the account.
    pub(crate) fn new<'a>(
        base_url: &'a BaseUrl,
        api_path: &str,
        short_names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let (_, rest) = base_url.as_str().split_once("://").unwrap_or(("", base_url.as_str()));
        let address = rest.strip_suffix(api_path).unwrap_or(rest).trim_end_matches('/');
        let host = base_url.host();
        let first_label = host.split('.').next().unwrap_or(host);
        let short_names = short_names
            .into_iter()
            .chain([host, first_label])
            .map(str::to_lowercase);
        Self {
            address: address.to_owned(),
            short_names: short_names.collect(),
        }
    }

    /// The account's name in secrets.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    fn compare(&self, stored: Option<&str>) -> AccountMatch {
        match stored {
            Some(stored) if stored == self.address => AccountMatch::Same,
            Some(stored) if self.short_names.contains(&stored.to_lowercase()) => AccountMatch::SameShortName,
            _ => AccountMatch::Other,
        }
    }
}

/// The token that owns a secret, as a plan or a state describes it.
#[derive(Clone)]
pub(crate) struct Owner {
    /// The token in messages, such as `The service account "ci"`.
    pub(crate) what: String,
    /// The kind of the token: two kinds may use the same names.
    pub(crate) kind: &'static str,
    /// The name of the token in its account.
    pub(crate) name: Option<String>,
    /// Whether the name is unique in the account.
    pub(crate) is_unique: bool,
    /// The id of its current value.
    pub(crate) id: Option<Entry>,
    /// Whether an action writes the value. The resource of the token may use another secret.
    pub(super) by_action: bool,
    /// The version that the state recorded for this secret.
    recorded_version: Option<u64>,
    /// Whether the state names this secret, too.
    is_in_state: bool,
    /// The tokens of which one at a time owns the secret, if this is a group of tokens.
    members: Vec<Owner>,
}

impl Owner {
    /// Creates an owner that has no state.
    pub(crate) fn new(
        what: String,
        kind: &'static str,
        name: Option<String>,
        is_unique: bool,
        id: Option<Entry>,
    ) -> Self {
        Self {
            what,
            kind,
            name,
            is_unique,
            id,
            by_action: false,
            recorded_version: None,
            is_in_state: false,
            members: Vec::new(),
        }
    }

    /// Declares that this is a group of tokens, one of which at a time owns the secret.
    #[must_use]
    pub(crate) fn with_members(self, members: impl IntoIterator<Item = Self>) -> Self {
        Self {
            members: members.into_iter().collect(),
            ..self
        }
    }

    /// Declares that an action writes the value.
    #[must_use]
    pub(crate) fn by_action(self) -> Self {
        Self {
            by_action: true,
            ..self
        }
    }

    /// Adds the secret that the state records, `vault` and its `version`, for a value that is written
    /// to `target`. In the plan of a creation the version is unknown, because there is no state.
    #[must_use]
    pub(crate) fn with_state(
        self,
        (vault, version): (&Field<VaultDestination>, &Field<i64>),
        target: &Field<VaultDestination>,
    ) -> Self {
        let is_in_state = !version.is_unknown() && !vault.is_null() && is_same_secret(vault, target);
        let recorded = version.known().and_then(|version| u64::try_from(*version).ok());
        Self {
            recorded_version: recorded.filter(|version| is_in_state && *version > 0),
            is_in_state,
            ..self
        }
    }

    /// Whether this token owns the latest version of a secret.
    pub(super) fn owns(&self, latest: &Latest, account: &Account, names: &SecretFieldNames) -> bool {
        let data = latest.data.as_ref();
        data.is_some_and(|data| self.owns_version(latest.version, data, account, names))
    }

    /// Whether this token owns a value in a store without versions.
    pub(super) fn owns_unversioned(&self, data: &Data, account: &Account, names: &SecretFieldNames) -> bool {
        self.owns_version(0, data, account, names)
    }

    /// Whether the id in a secret may be that of this token.
    pub(super) fn may_have_written(&self, data: &Data, names: &SecretFieldNames) -> bool {
        let stored = data.get(names.id);
        let mut ids = self.tokens().iter().map(|token| token.id.as_ref());
        ids.any(|id| id.is_none() || stored.is_none() || id == stored)
    }

    fn owns_version(&self, version: u64, data: &Data, account: &Account, names: &SecretFieldNames) -> bool {
        let mut tokens = self.tokens().iter();
        tokens.any(|token| is_own(&token.evidence(version, data, account, names)))
    }

    /// The names that the secret may have.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tokens().iter().filter_map(|token| token.name.as_deref())
    }

    /// The members of a group, or this token.
    fn tokens(&self) -> &[Self] {
        match self.members.is_empty() {
            true => std::slice::from_ref(self),
            false => &self.members,
        }
    }

    fn evidence(&self, version: u64, data: &Data, account: &Account, names: &SecretFieldNames) -> Evidence {
        let text = |name: &str| data.text(name).map(ExposeSecret::expose_secret);
        let is_unguessable = |stored: &Entry| matches!(stored, Entry::Text(_)) && self.id.as_ref() == Some(stored);
        let stored_id = data.get(names.id);
        // The note of a successor is the id of its predecessor.
        let mut ids = [stored_id, data.get(names.note)].into_iter().flatten();
        let is_proof = ids.any(is_unguessable);
        let has_name = self.name.as_deref().is_some_and(|name| text(names.name) == Some(name));
        Evidence {
            id: match (&self.id, stored_id) {
                _ if is_proof => IdMatch::Proof,
                (Some(id), Some(stored)) if id == stored => IdMatch::Same,
                (Some(_), Some(_)) => IdMatch::Other,
                _ => IdMatch::Unknown,
            },
            account: account.compare(text(names.account)),
            has_name: has_name && (self.is_unique || self.is_in_state),
            is_recorded_version: self.recorded_version == Some(version),
            is_in_state: self.is_in_state,
        }
    }
}

/// The evidence that a token owns a secret.
#[derive(Clone, Copy, Debug)]
struct Evidence {
    id: IdMatch,
    account: AccountMatch,
    /// Whether the secret has the token's name.
    has_name: bool,
    /// Whether the secret has the version that the state recorded.
    is_recorded_version: bool,
    /// Whether the state names this secret.
    is_in_state: bool,
}

/// The id in a secret, compared with the token's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum IdMatch {
    /// The same, and it cannot be guessed.
    Proof,
    /// The same number, which another account may use, too.
    Same,
    Other,
    /// The token or the secret has no id.
    Unknown,
}

/// The account in a secret, compared with the token's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum AccountMatch {
    Same,
    /// A short name, which another account may have, too.
    SameShortName,
    Other,
}

fn is_own(evidence: &Evidence) -> bool {
    let Evidence {
        id,
        account,
        has_name,
        is_recorded_version,
        is_in_state,
    } = *evidence;
    if id == IdMatch::Proof {
        return true;
    }
    // The provider wrote this version, whatever the account's address is now.
    if is_recorded_version && (id == IdMatch::Same || (has_name && id == IdMatch::Unknown)) {
        return true;
    }
    match account {
        AccountMatch::Same => id == IdMatch::Same || has_name,
        AccountMatch::SameShortName => id == IdMatch::Same || (has_name && is_in_state),
        AccountMatch::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: SecretFieldNames = SecretFieldNames {
        account: "account",
        name: "name",
        id: "id",
        note: "note",
        path_example: "",
        null_attributes: "",
    };

    fn account(base_url: &str, short: &[&str]) -> Account {
        Account::new(&BaseUrl::parse(base_url).unwrap(), "/api/v1", short.iter().copied())
    }

    fn destination(path: &str) -> Field<VaultDestination> {
        VaultDestination {
            mount: "secret".into(),
            path: path.into(),
            field: Field::Null,
        }
        .into()
    }

    #[test]
    fn account_address_is_host_and_path_of_api() {
        for (base_url, address) in [
            ("https://acme.striim.cloud/api/v1", "acme.striim.cloud"),
            ("https://Acme.Striim.Cloud/api/v1/", "acme.striim.cloud"),
            ("https://acme.us-striim.cloud/api/v1", "acme.us-striim.cloud"),
            ("https://gateway.example.com/acme/api/v1", "gateway.example.com/acme"),
            ("https://gateway.example.com/acme", "gateway.example.com/acme"),
            ("https://gateway.example.com:8443/b", "gateway.example.com:8443/b"),
            ("http://127.0.0.1:8080/api/v1", "127.0.0.1:8080"),
        ] {
            assert_eq!(account(base_url, &[]).address(), address, "{base_url}");
        }
    }

    #[test]
    fn short_account_name_of_earlier_versions_is_recognised() {
        use AccountMatch::*;
        let gcp = account("https://acme.striim.cloud/api/v1", &["Acme"]);
        let azure = account("https://acme.us-striim.cloud/api/v1", &["acme"]);
        let gateway = account("https://gateway.example.com/acme/api/v1", &["acme"]);
        for (name, expected) in [
            (Some("acme.striim.cloud"), [Same, Other, Other]),
            (Some("acme.us-striim.cloud"), [Other, Same, Other]),
            (Some("gateway.example.com/acme"), [Other, Other, Same]),
            (Some("gateway.example.com/other"), [Other; 3]),
            (Some("gateway.example.com"), [Other, Other, SameShortName]),
            (Some("acme"), [SameShortName; 3]),
            (Some("ACME"), [SameShortName; 3]),
            (Some("other"), [Other; 3]),
            (Some(""), [Other; 3]),
            (None, [Other; 3]),
        ] {
            let found = [&gcp, &azure, &gateway].map(|account| account.compare(name));
            assert_eq!(found, expected, "{name:?}");
        }
    }

    /// Version 3 of a secret with these fields.
    fn secret(account: &str, name: &str, id: impl Into<Entry>, note: &str) -> Latest {
        Latest {
            version: 3,
            data: Some(Data::from_iter([
                ("account", account.into()),
                ("name", name.into()),
                ("id", id.into()),
                ("note", note.into()),
            ])),
        }
    }

    #[test]
    fn secret_with_numeric_id_is_owned_by_matching_token() {
        const HOST: &str = "acme.striim.cloud";
        let ours = account("https://acme.striim.cloud/api/v1", &["acme"]);
        // The account, the name and the id in the secret (the token's are "ci" and 7), the version that
        // the state recorded (`None` for a token without a state), and whether the token is the owner.
        for (stored, name, id, recorded, own) in [
            (HOST, "ci", 7, Some(3), true),
            (HOST, "ci", 7, Some(2), true),
            (HOST, "ci", 7, None, true),
            (HOST, "ci", 8, None, true),
            (HOST, "ci", 8, Some(0), true),
            (HOST, "cd", 7, None, true),
            (HOST, "cd", 8, Some(2), false),
            (HOST, "cd", 8, None, false),
            // Written by an earlier version of the provider.
            ("acme", "ci", 7, Some(3), true),
            ("acme", "ci", 7, None, true),
            ("acme", "ci", 8, Some(0), true),
            ("acme", "ci", 8, None, false),
            ("acme", "cd", 8, Some(2), false),
            // The account had another address when the secret was written.
            ("gateway.example.com", "ci", 7, Some(3), true),
            ("gateway.example.com", "other spelling", 7, Some(3), true),
            ("gateway.example.com", "ci", 7, Some(2), false),
            ("gateway.example.com", "ci", 8, Some(3), false),
            // Another account with the same short name, which uses the same numbers as ids.
            ("acme.us-striim.cloud", "ci", 7, None, false),
            ("acme.us-striim.cloud", "ci", 7, Some(0), false),
            ("acme.us-striim.cloud", "ci", 7, Some(2), false),
            ("acme.us-striim.cloud", "ci", 8, None, false),
        ] {
            let owner = Owner::new(String::new(), "token", Some("ci".into()), true, Some(7.into()));
            let owner = match recorded {
                Some(version) => owner.with_state((&destination("ci"), &version.into()), &destination("/ci")),
                None => owner.with_state((&destination("ci"), &Field::Unknown), &destination("ci")),
            };
            let found = secret(stored, name, id, "");
            assert_eq!(
                owner.owns(&found, &ours, &NAMES),
                own,
                "{stored} {name} {id} {recorded:?}"
            );
        }
    }

    #[test]
    fn secret_with_unguessable_id_is_owned_regardless_of_names() {
        let ours = account("https://rbac-manager.acme.example.com/api/v1", &["acme"]);
        for (stored, name, id, note, own) in [
            ("elsewhere", "other", "key-1", "", true),
            ("elsewhere", "other", "key-2", "key-1", true),
            ("elsewhere", "ci", "key-2", "", false),
            // A description is not unique: another token may have the same.
            ("rbac-manager.acme.example.com", "ci", "key-2", "", false),
        ] {
            let owner = Owner::new(String::new(), "token", Some("ci".into()), false, Some("key-1".into()));
            let found = secret(stored, name, id, note);
            assert_eq!(owner.owns(&found, &ours, &NAMES), own, "{stored} {name} {id} {note}");
        }
    }

    #[test]
    fn secret_without_id_is_owned_if_state_recorded_its_version() {
        let ours = account("https://new.example.com/api/v1", &[]);
        let found = |version| Latest {
            version,
            data: Some(Data::from_iter([
                ("account", "old.example.com".into()),
                ("name", "ci".into()),
            ])),
        };
        let owner = Owner::new(String::new(), "token", Some("ci".into()), true, None);
        let owner = owner.with_state((&destination("ci"), &3.into()), &destination("ci"));
        assert!(owner.owns(&found(3), &ours, &NAMES));
        assert!(!owner.owns(&found(4), &ours, &NAMES));
    }

    #[test]
    fn group_owns_the_secrets_of_its_members() {
        let ours = account("https://acme.striim.cloud/api/v1", &[]);
        let member = |name: &str, id: i64| Owner::new(String::new(), "token", Some(name.into()), true, Some(id.into()));
        let pair = Owner::new(String::new(), "pair", Some("ci".into()), true, None);
        let pair = pair.with_members([member("ci-a", 7), member("ci-b", 8)]);
        for (name, id, own) in [("ci-a", 7, true), ("ci-b", 9, true), ("ci", 9, false), ("cd", 9, false)] {
            let found = secret("acme.striim.cloud", name, id, "");
            assert_eq!(pair.owns(&found, &ours, &NAMES), own, "{name} {id}");
        }
        assert_eq!(pair.names().collect::<Vec<_>>(), ["ci-a", "ci-b"]);
    }

    #[test]
    fn version_recorded_for_another_secret_is_ignored() {
        let ours = account("https://acme.striim.cloud/api/v1", &["acme"]);
        let owner = Owner::new(String::new(), "token", Some("ci".into()), true, Some(7.into()));
        let owner = owner.with_state((&destination("ci"), &3.into()), &destination("cd"));
        assert!(!owner.owns(&secret("elsewhere", "ci", 7, ""), &ours, &NAMES));
    }
}
