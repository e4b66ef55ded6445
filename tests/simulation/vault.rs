//! Vault in a scenario, and what happens to it.

use std::collections::BTreeSet;

use fastrand::Rng;
use http::Method;
use http::header::{AUTHORIZATION, HeaderName};
use http::request::Parts;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value as Json, json};
use token_providers::rest::Destination;
use token_providers::sandbox::{Capability, Fault, Vault, lost_answers};
use token_providers::token::Clock;

use super::speed::Speed;

/// The mount of all secrets.
pub(crate) const MOUNT: &str = "secret";

/// The folder of the providers' secrets.
pub(crate) const FOLDER: &str = "tokens";

/// The address of a Vault in this process.
pub(crate) const ADDRESS: &str = "http://127.0.0.1:8200";

/// The password in the secret of another program.
const FOREIGN: &str = "theirs";

/// A Vault, and the token of the providers.
pub(crate) struct SimulatedVault {
    pub(crate) server: Vault,
    token: SecretString,
}

/// A server that the providers of a run send requests to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Server {
    Platform,
    Vault,
}

impl Server {
    /// The server at the destination of a provider in this process.
    pub(crate) fn at(to: &Destination) -> Self {
        match to.base_url.as_str().starts_with(ADDRESS) {
            true => Self::Vault,
            false => Self::Platform,
        }
    }

    /// What a request says to others than its addressee: its URL, its headers without credentials, and its body unless it writes
    /// a value to Vault.
    pub(crate) fn contents(self, head: &Parts, body: &[u8]) -> String {
        let is_credential = |name: &HeaderName| name == AUTHORIZATION || name == "x-vault-token";
        let headers = head.headers.iter().filter(|(name, _)| !is_credential(name));
        let folder = format!("/v1/{MOUNT}/data/{FOLDER}/");
        let is_write = self == Self::Vault && head.method == Method::POST && head.uri.path().starts_with(&folder);
        let body = String::from_utf8_lossy(if is_write { &[] } else { body });
        format!("{} {:?} {body}\n", head.uri, headers.collect::<Vec<_>>())
    }
}

/// An event outside Terraform. A secret is named by its position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum VaultEvent {
    Fault(Fault),
    /// It is sealed during the next run.
    Seal,
    /// Another client deletes the latest version of a secret.
    DeleteVersion(usize),
    /// Another client deletes a secret with all its versions.
    DeleteSecret(usize),
    /// Another program writes a secret of its own.
    Overwrite(usize),
}

impl SimulatedVault {
    /// A Vault with the policy that the documentation requires.
    pub(crate) fn new(clock: Clock) -> Self {
        use Capability::{Create, Read, Update};
        let server = Vault::new(clock);
        let (data, delete) = (format!("{MOUNT}/data/{FOLDER}/*"), format!("{MOUNT}/delete/{FOLDER}/*"));
        let token = server.token(&[(&data, &[Create, Update, Read]), (&delete, &[Update])]);
        Self { server, token }
    }

    /// The environment variables by which a provider finds it at this address, and authenticates itself.
    pub(crate) fn variables(&self, address: &str) -> [(&'static str, String); 2] {
        [
            ("VAULT_ADDR", address.to_owned()),
            ("VAULT_TOKEN", self.token.expose_secret().to_owned()),
        ]
    }

    /// The value in each version that can be read, with the path and this field of the secret.
    pub(crate) fn values(&self, field: &str) -> Vec<(String, String, String)> {
        let text = |data: &Map<String, Json>, name: &str| Some(data.get(name)?.as_str()?.to_owned());
        let versions = self.server.versions(MOUNT).into_iter();
        let values = versions.filter_map(|(path, data)| Some((path, text(&data, field)?, text(&data, "token")?)));
        values.collect()
    }

    /// An operator deletes the secrets of which no version has the value of a token that is in use. `field` of a secret names
    /// the token.
    pub(crate) fn delete_unused(&self, field: &str, is_used: impl Fn(&str) -> bool) {
        let values = self.values(field);
        let used = values.iter().filter(|(_, token, _)| is_used(token));
        let used: BTreeSet<_> = used.map(|(path, ..)| path).collect();
        for (path, ..) in values.iter().filter(|(path, ..)| !used.contains(path)) {
            self.server.delete_metadata(MOUNT, path);
        }
    }

    /// An operator unseals it, and deletes the secrets of other programs.
    pub(crate) fn repair(&self) {
        self.server.clear_faults();
        self.server.unseal();
        for (path, data) in self.server.versions(MOUNT) {
            if data.get("password").is_some_and(|password| password == FOREIGN) {
                self.server.delete_metadata(MOUNT, &path);
            }
        }
    }
}

impl VaultEvent {
    /// Draws the events before a run, of which there are mostly none.
    pub(crate) fn draw(random: &mut Rng, speed: Speed) -> Vec<Self> {
        let events = [0, 0, 1, 1, 2][random.usize(..5)];
        (0..events).map(|_| Self::draw_one(random, speed)).collect()
    }

    fn draw_one(random: &mut Rng, speed: Speed) -> Self {
        let number = random.usize(..8);
        match random.u8(..12) {
            0 if speed == Speed::Simulated => Self::Seal,
            1 => Self::DeleteVersion(number),
            2 => Self::DeleteSecret(number),
            3 => Self::Overwrite(number),
            _ => Self::Fault(fault(random, speed)),
        }
    }

    pub(crate) fn happen(&self, vault: &SimulatedVault) {
        let server = &vault.server;
        let path = |number: usize| {
            let versions = server.versions(MOUNT);
            let at = number.checked_rem(versions.len())?;
            Some(versions[at].0.clone())
        };
        match self {
            Self::Fault(fault) => server.fault(fault.clone()),
            Self::Seal => server.seal(),
            Self::DeleteVersion(number) => path(*number).into_iter().for_each(|path| server.delete(MOUNT, &path)),
            Self::DeleteSecret(number) => {
                path(*number)
                    .into_iter()
                    .for_each(|path| server.delete_metadata(MOUNT, &path));
            }
            Self::Overwrite(number) => {
                let foreign = json!({ "user": "app", "password": FOREIGN });
                let foreign = foreign.as_object().cloned().unwrap_or_default();
                path(*number)
                    .into_iter()
                    .for_each(|path| server.put(MOUNT, &path, foreign.clone()));
            }
        }
    }
}

/// A fault of the next requests: the answer is lost, or Vault refuses.
fn fault(random: &mut Rng, speed: Speed) -> Fault {
    let errors = |text: &str| json!({ "errors": [text] }).to_string();
    let refusals = [
        Fault::answer(403).body(&errors("permission denied")),
        Fault::answer(400).body(&errors("check-and-set parameter did not match the current version")),
        Fault::answer(412),
        Fault::answer(429),
        Fault::answer(503).body(&errors("Vault is sealed")),
    ];
    let faults: Vec<_> = lost_answers(r#"{"data": {}}"#).into_iter().chain(refusals).collect();
    let methods = ["POST", "POST", "GET"];
    Fault {
        method: Some(methods[random.usize(..methods.len())].to_owned()),
        times: match speed {
            Speed::Simulated => random.u32(1..6),
            Speed::Real => 1,
        },
        skip: random.u32(..4),
        ..faults[random.usize(..faults.len())].clone()
    }
}
