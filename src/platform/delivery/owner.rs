//! Which token a secret in Vault belongs to.
//!
//! What cannot be spelled otherwise decides first: an id that cannot be guessed, or the number of the version that the
//! state recorded. Only then come the labels, since the same account may be reached by another name, and two accounts by
//! the same one.

use secrecy::ExposeSecret;

use super::field_names::SecretFieldNames;
use super::{VaultDestination, is_same_place};
use crate::framework::Field;
use crate::rest::BaseUrl;
use crate::vault::{Data, Entry, Latest};

/// The account that values belong to, as the label of a secret has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    /// The host and the path of its API.
    label: String,
    /// Names of the same account that earlier versions of the provider wrote. Another account may have them, too.
    short: Vec<String>,
}

impl Account {
    /// The account whose API is at `base_url`; `api_path` is what every account has behind it. `short` names it, too.
    pub(crate) fn new<'a>(base_url: &'a BaseUrl, api_path: &str, short: impl IntoIterator<Item = &'a str>) -> Self {
        let (_, rest) = base_url.as_str().split_once("://").unwrap_or(("", base_url.as_str()));
        let label = rest.strip_suffix(api_path).unwrap_or(rest).trim_end_matches('/');
        let host = base_url.host();
        let first = host.split('.').next().unwrap_or(host);
        let short = short.into_iter().chain([host, first]).map(str::to_lowercase);
        Self {
            label: label.to_owned(),
            short: short.collect(),
        }
    }

    /// What a secret says.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    fn named_by(&self, label: Option<&str>) -> AccountLabel {
        match label {
            Some(label) if label == self.label => AccountLabel::Same,
            Some(label) if self.short.contains(&label.to_lowercase()) => AccountLabel::Compatible,
            _ => AccountLabel::Other,
        }
    }
}

/// The token that a secret is to hold, as a plan or a state describes it.
#[derive(Clone)]
pub(crate) struct Owner {
    /// How a message names it.
    pub(crate) what: String,
    /// What kind of token it is, as two kinds may have the same names.
    pub(crate) kind: &'static str,
    /// What names it in its account.
    pub(crate) name: Option<String>,
    /// Whether no other token of the account has that name.
    pub(crate) is_unique: bool,
    /// What identifies its value.
    pub(crate) id: Option<Entry>,
    /// Whether an action writes the value; the token's resource may write to another place meanwhile.
    pub(super) by_action: bool,
    /// The version that the state recorded at this place.
    recorded: Option<u64>,
    /// Whether the state is of this place, too.
    stays: bool,
}

impl Owner {
    /// A token without a state.
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
            recorded: None,
            stays: false,
        }
    }

    /// The same where an action writes the value.
    #[must_use]
    pub(crate) fn by_action(self) -> Self {
        Self {
            by_action: true,
            ..self
        }
    }

    /// The same with what a state says of its secret, for a value that goes to `place`. In a plan of a creation the version
    /// is unknown, as there is no state.
    #[must_use]
    pub(crate) fn with_state(
        self,
        (vault, version): (&Field<VaultDestination>, &Field<i64>),
        place: &Field<VaultDestination>,
    ) -> Self {
        let stays = !version.is_unknown() && !vault.is_null() && is_same_place(vault, place);
        let recorded = version.known().and_then(|version| u64::try_from(*version).ok());
        Self {
            recorded: recorded.filter(|version| stays && *version > 0),
            stays,
            ..self
        }
    }

    /// Whether a secret is this token's.
    pub(super) fn owns(&self, latest: &Latest, account: &Account, labels: &SecretFieldNames) -> bool {
        latest
            .data
            .as_ref()
            .is_some_and(|data| is_own(&self.evidence(latest.version, data, account, labels)))
    }

    /// The same of what lies in a store without versions.
    pub(super) fn owns_unversioned(&self, data: &Data, account: &Account, labels: &SecretFieldNames) -> bool {
        is_own(&self.evidence(0, data, account, labels))
    }

    fn evidence(&self, version: u64, data: &Data, account: &Account, labels: &SecretFieldNames) -> Evidence {
        let says = |label: &str| data.text(label).map(ExposeSecret::expose_secret);
        // A successor of a token says which one it came after.
        let is_unguessable = |held: &Entry| matches!(held, Entry::Text(_)) && self.id.as_ref() == Some(held);
        let held = data.get(labels.id);
        let is_named = self.name.as_deref().is_some_and(|name| says(labels.name) == Some(name));
        Evidence {
            id: match (&self.id, held) {
                _ if [held, data.get(labels.note)].into_iter().flatten().any(is_unguessable) => Id::Proof,
                (Some(id), Some(held)) if id == held => Id::Same,
                (Some(_), Some(_)) => Id::Other,
                _ => Id::Unknown,
            },
            account: account.named_by(says(labels.account)),
            is_named: is_named && (self.is_unique || self.stays),
            is_recorded: self.recorded == Some(version),
            stays: self.stays,
        }
    }
}

/// What speaks for a secret to be a token's.
#[derive(Clone, Copy, Debug)]
struct Evidence {
    id: Id,
    account: AccountLabel,
    /// Whether it has the token's name.
    is_named: bool,
    /// Whether it is exactly the version that the state recorded.
    is_recorded: bool,
    /// Whether the state says that the token's value goes here.
    stays: bool,
}

/// The id in a secret, compared with the token's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Id {
    /// The same, and it cannot be guessed.
    Proof,
    /// The same number; another account may have it, too.
    Same,
    Other,
    Unknown,
}

/// The account in a secret, compared with the token's.
#[derive(Clone, Copy, Debug, PartialEq)]
enum AccountLabel {
    Same,
    /// A short name, which another account may have, too.
    Compatible,
    Other,
}

fn is_own(found: &Evidence) -> bool {
    let Evidence {
        id,
        account,
        is_named,
        is_recorded,
        stays,
    } = *found;
    if id == Id::Proof {
        return true;
    }
    // The state wrote this version, whatever the account is called by now.
    if is_recorded && (id == Id::Same || (is_named && id == Id::Unknown)) {
        return true;
    }
    match account {
        AccountLabel::Same => id == Id::Same || is_named,
        AccountLabel::Compatible => id == Id::Same || (is_named && stays),
        AccountLabel::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: SecretFieldNames = SecretFieldNames {
        account: "account",
        name: "name",
        id: "id",
        note: "note",
        path: "",
        kept_out: "",
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
    fn account_label_is_the_host_and_path_of_the_api() {
        for (base_url, label) in [
            ("https://acme.striim.cloud/api/v1", "acme.striim.cloud"),
            ("https://Acme.Striim.Cloud/api/v1/", "acme.striim.cloud"),
            ("https://acme.us-striim.cloud/api/v1", "acme.us-striim.cloud"),
            ("https://gateway.example.com/acme/api/v1", "gateway.example.com/acme"),
            ("https://gateway.example.com/acme", "gateway.example.com/acme"),
            ("https://gateway.example.com:8443/b", "gateway.example.com:8443/b"),
            ("http://127.0.0.1:8080/api/v1", "127.0.0.1:8080"),
        ] {
            assert_eq!(account(base_url, &[]).label(), label, "{base_url}");
        }
    }

    #[test]
    fn account_label_of_earlier_versions_is_compatible() {
        use AccountLabel::*;
        let gcp = account("https://acme.striim.cloud/api/v1", &["Acme"]);
        let azure = account("https://acme.us-striim.cloud/api/v1", &["acme"]);
        let gateway = account("https://gateway.example.com/acme/api/v1", &["acme"]);
        for (label, expected) in [
            (Some("acme.striim.cloud"), [Same, Other, Other]),
            (Some("acme.us-striim.cloud"), [Other, Same, Other]),
            (Some("gateway.example.com/acme"), [Other, Other, Same]),
            (Some("gateway.example.com/other"), [Other; 3]),
            (Some("gateway.example.com"), [Other, Other, Compatible]),
            (Some("acme"), [Compatible; 3]),
            (Some("ACME"), [Compatible; 3]),
            (Some("other"), [Other; 3]),
            (Some(""), [Other; 3]),
            (None, [Other; 3]),
        ] {
            let found = [&gcp, &azure, &gateway].map(|account| account.named_by(label));
            assert_eq!(found, expected, "{label:?}");
        }
    }

    /// A secret of version 3 with these labels.
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
    fn secret_with_an_integer_id_belongs_to_its_token() {
        const HOST: &str = "acme.striim.cloud";
        let ours = account("https://acme.striim.cloud/api/v1", &["acme"]);
        // By the label of the account, the name and the id in the secret (the token's are "ci" and 7), and by the version
        // that the state recorded there; `None` for a token without a state.
        for (label, name, id, recorded, own) in [
            (HOST, "ci", 7, Some(3), true),
            (HOST, "ci", 7, Some(2), true),
            (HOST, "ci", 7, None, true),
            (HOST, "ci", 8, None, true),
            (HOST, "ci", 8, Some(0), true),
            (HOST, "cd", 7, None, true),
            (HOST, "cd", 8, Some(2), false),
            (HOST, "cd", 8, None, false),
            // As an earlier version of the provider wrote it.
            ("acme", "ci", 7, Some(3), true),
            ("acme", "ci", 7, None, true),
            ("acme", "ci", 8, Some(0), true),
            ("acme", "ci", 8, None, false),
            ("acme", "cd", 8, Some(2), false),
            // The account was reached by another name when it was written.
            ("gateway.example.com", "ci", 7, Some(3), true),
            ("gateway.example.com", "other spelling", 7, Some(3), true),
            ("gateway.example.com", "ci", 7, Some(2), false),
            ("gateway.example.com", "ci", 8, Some(3), false),
            // Another account of the same short name, whose ids are numbered alike.
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
            let found = secret(label, name, id, "");
            assert_eq!(
                owner.owns(&found, &ours, &LABELS),
                own,
                "{label} {name} {id} {recorded:?}"
            );
        }
    }

    #[test]
    fn secret_with_an_unguessable_id_belongs_to_its_token_wherever_it_is() {
        let ours = account("https://rbac-manager.acme.example.com/api/v1", &["acme"]);
        for (label, name, id, note, own) in [
            ("elsewhere", "other", "key-1", "", true),
            ("elsewhere", "other", "key-2", "key-1", true),
            ("elsewhere", "ci", "key-2", "", false),
            // A description is no name: another token may have it, too.
            ("rbac-manager.acme.example.com", "ci", "key-2", "", false),
        ] {
            let owner = Owner::new(String::new(), "token", Some("ci".into()), false, Some("key-1".into()));
            let found = secret(label, name, id, note);
            assert_eq!(owner.owns(&found, &ours, &LABELS), own, "{label} {name} {id} {note}");
        }
    }

    #[test]
    fn secret_without_an_id_belongs_to_the_token_whose_state_recorded_its_version() {
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
        assert!(owner.owns(&found(3), &ours, &LABELS));
        assert!(!owner.owns(&found(4), &ours, &LABELS));
    }

    #[test]
    fn version_recorded_elsewhere_proves_nothing() {
        let ours = account("https://acme.striim.cloud/api/v1", &["acme"]);
        let owner = Owner::new(String::new(), "token", Some("ci".into()), true, Some(7.into()));
        let owner = owner.with_state((&destination("ci"), &3.into()), &destination("cd"));
        assert!(!owner.owns(&secret("elsewhere", "ci", 7, ""), &ours, &LABELS));
    }
}
