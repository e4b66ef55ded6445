//! The secrets engine KV version 2: secrets with versions.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::path::names_below;
use super::refusal::Refusal;

/// "When 0 is used or the value is unset, Vault will keep 10 versions" (Vault's documentation,
/// "Configure the KV Engine").
const DEFAULT_MAX_VERSIONS: u64 = 10;

/// The settings of a mount or of a secret.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Settings {
    pub(super) cas_required: Option<bool>,
    pub(super) max_versions: Option<u64>,
    /// `0s` or `None`: versions are never deleted automatically.
    pub(super) delete_version_after: Option<SignedDuration>,
    pub(super) custom_metadata: Option<BTreeMap<String, String>>,
}

/// A mounted KV version 2.
#[derive(Debug, Default)]
pub(super) struct KvV2 {
    settings: Settings,
    secrets: BTreeMap<String, Secret>,
}

#[derive(Debug)]
struct Secret {
    settings: Settings,
    created: Timestamp,
    updated: Timestamp,
    current: u64,
    oldest: u64,
    versions: BTreeMap<u64, Version>,
}

#[derive(Debug)]
struct Version {
    data: Map<String, Value>,
    created: Timestamp,
    /// The time of deletion, in the future if versions are deleted automatically.
    deletion: Option<Timestamp>,
    destroyed: bool,
}

/// The content of a write request.
pub(super) struct Write {
    pub(super) data: Map<String, Value>,
    pub(super) cas: Option<u64>,
}

impl Settings {
    fn update(&mut self, change: Self) {
        self.cas_required = change.cas_required.or(self.cas_required);
        self.max_versions = change.max_versions.or(self.max_versions);
        self.delete_version_after = change.delete_version_after.or(self.delete_version_after);
        self.custom_metadata = change.custom_metadata.or(self.custom_metadata.take());
    }

    fn lifetime(&self) -> Option<SignedDuration> {
        self.delete_version_after.filter(SignedDuration::is_positive)
    }

    fn to_json(&self) -> Map<String, Value> {
        let to_json = json!({
            "cas_required": self.cas_required.unwrap_or_default(),
            "max_versions": self.max_versions.unwrap_or_default(),
            "delete_version_after": go_duration(self.lifetime().unwrap_or_default()),
        });
        to_json.as_object().cloned().unwrap_or_default()
    }
}

/// Formats a duration as Go does, and therefore Vault's answers: `3h25m19s`, `1h0m0s`, `0s`.
fn go_duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds}s"),
        (hours, minutes, seconds) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

impl Version {
    fn is_live(&self, now: Timestamp) -> bool {
        !self.destroyed && self.deletion.is_none_or(|at| now < at)
    }

    fn metadata(&self) -> Map<String, Value> {
        let metadata = json!({
            "created_time": self.created.to_string(),
            "deletion_time": self.deletion.map(|at| at.to_string()).unwrap_or_default(),
            "destroyed": self.destroyed,
        });
        metadata.as_object().cloned().unwrap_or_default()
    }
}

impl Secret {
    fn new(now: Timestamp) -> Self {
        Self {
            settings: Settings::default(),
            created: now,
            updated: now,
            current: 0,
            oldest: 0,
            versions: BTreeMap::new(),
        }
    }

    /// The metadata of one version in an answer.
    fn metadata(&self, number: u64, version: &Version) -> Value {
        let mut metadata = version.metadata();
        metadata.insert("version".to_owned(), number.into());
        metadata.insert("custom_metadata".to_owned(), json!(self.settings.custom_metadata));
        metadata.into()
    }
}

impl KvV2 {
    pub(super) fn configure(&mut self, change: Settings) {
        self.settings.update(change);
    }

    pub(super) fn configuration(&self) -> Value {
        self.settings.to_json().into()
    }

    /// Whether the secret has metadata, with or without versions, so that a write is an update.
    pub(super) fn exists(&self, path: &str) -> bool {
        self.secrets.contains_key(path)
    }

    pub(super) fn version(&self, path: &str) -> u64 {
        self.secrets.get(path).map_or(0, |secret| secret.current)
    }

    pub(super) fn current(&self, path: &str, now: Timestamp) -> Option<&Map<String, Value>> {
        self.data(path, self.version(path), now)
    }

    pub(super) fn data(&self, path: &str, number: u64, now: Timestamp) -> Option<&Map<String, Value>> {
        let version = self.secrets.get(path)?.versions.get(&number)?;
        version.is_live(now).then_some(&version.data)
    }

    /// The path and the data of every version that can be read.
    pub(super) fn readable(&self, now: Timestamp) -> impl Iterator<Item = (&str, &Map<String, Value>)> {
        self.secrets.iter().flat_map(move |(path, secret)| {
            let live = secret.versions.values().filter(move |version| version.is_live(now));
            live.map(|version| (path.as_str(), &version.data))
        })
    }

    /// Reads a version, by default the newest. For a deleted or destroyed one, the error contains
    /// its metadata.
    pub(super) fn read(&self, path: &str, number: Option<u64>, now: Timestamp) -> Result<Value, Refusal> {
        let secret = self.secrets.get(path).ok_or(Refusal::NotFound(None))?;
        let number = number.filter(|number| *number > 0).unwrap_or(secret.current);
        let version = secret.versions.get(&number).ok_or(Refusal::NotFound(None))?;
        let metadata = secret.metadata(number, version);
        if version.is_live(now) {
            Ok(json!({"data": version.data, "metadata": metadata}))
        } else {
            Err(Refusal::NotFound(Some(json!({"data": null, "metadata": metadata}))))
        }
    }

    /// Writes a new version and returns its metadata.
    pub(super) fn write(&mut self, path: &str, write: Write, now: Timestamp) -> Result<Value, Refusal> {
        let secret = self.secrets.get(path);
        let current = secret.map_or(0, |secret| secret.current);
        let required = |settings: &Settings| settings.cas_required == Some(true);
        match write.cas {
            Some(cas) if cas != current => Err(Refusal::Invalid(
                "check-and-set parameter did not match the current version",
            )),
            None if required(&self.settings) || secret.is_some_and(|secret| required(&secret.settings)) => {
                Err(Refusal::Invalid("check-and-set parameter required for this call"))
            }
            _ => Ok(self.put(path, write.data, now)),
        }
    }

    /// Writes a new version without check-and-set.
    pub(super) fn put(&mut self, path: &str, data: Map<String, Value>, now: Timestamp) -> Value {
        let secret = self.secrets.entry(path.to_owned()).or_insert_with(|| Secret::new(now));
        let lifetimes = [self.settings.lifetime(), secret.settings.lifetime()];
        let lifetime = lifetimes.into_iter().flatten().min();
        secret.current += 1;
        secret.updated = now;
        let version = Version {
            data,
            created: now,
            deletion: lifetime.and_then(|lifetime| now.checked_add(lifetime).ok()),
            destroyed: false,
        };
        let metadata = secret.metadata(secret.current, &version);
        secret.versions.insert(secret.current, version);
        let limits = [self.settings.max_versions, secret.settings.max_versions];
        let limit = limits.into_iter().flatten().max().filter(|limit| *limit > 0);
        let deleted = secret.current.saturating_sub(limit.unwrap_or(DEFAULT_MAX_VERSIONS));
        if deleted > 0 {
            secret.versions = secret.versions.split_off(&(deleted + 1));
            secret.oldest = deleted + 1;
        }
        metadata
    }

    pub(super) fn delete_newest(&mut self, path: &str, now: Timestamp) {
        let current = self.version(path);
        self.delete(path, &[current], now);
    }

    pub(super) fn delete(&mut self, path: &str, numbers: &[u64], now: Timestamp) {
        self.change_versions(path, numbers, |version| {
            if version.is_live(now) {
                version.deletion = Some(now);
            }
        });
    }

    pub(super) fn undelete(&mut self, path: &str, numbers: &[u64]) {
        self.change_versions(path, numbers, |version| {
            if !version.destroyed {
                version.deletion = None;
            }
        });
    }

    pub(super) fn destroy(&mut self, path: &str, numbers: &[u64]) {
        self.change_versions(path, numbers, |version| {
            version.destroyed = true;
            version.data.clear();
        });
    }

    /// Deletes the secret with all versions and metadata.
    pub(super) fn delete_metadata(&mut self, path: &str) {
        self.secrets.remove(path);
    }

    pub(super) fn metadata(&self, path: &str) -> Result<Value, Refusal> {
        let secret = self.secrets.get(path).ok_or(Refusal::NotFound(None))?;
        let mut metadata = secret.settings.to_json();
        let versions = secret.versions.iter();
        let versions: Map<String, Value> = versions
            .map(|(number, version)| (number.to_string(), version.metadata().into()))
            .collect();
        for (name, value) in [
            ("created_time", secret.created.to_string().into()),
            ("updated_time", secret.updated.to_string().into()),
            ("current_version", secret.current.into()),
            ("oldest_version", secret.oldest.into()),
            ("custom_metadata", json!(secret.settings.custom_metadata)),
            ("versions", versions.into()),
        ] {
            metadata.insert(name.to_owned(), value);
        }
        Ok(metadata.into())
    }

    pub(super) fn set_metadata(&mut self, path: &str, change: Settings, now: Timestamp) {
        let secret = self.secrets.entry(path.to_owned()).or_insert_with(|| Secret::new(now));
        secret.settings.update(change);
    }

    /// The names directly below a folder; names of folders end in a slash.
    pub(super) fn list(&self, folder: &str) -> Result<Value, Refusal> {
        let keys = names_below(self.secrets.keys(), folder);
        if keys.is_empty() {
            return Err(Refusal::NotFound(None));
        }
        Ok(json!({ "keys": keys }))
    }

    fn change_versions(&mut self, path: &str, numbers: &[u64], change: impl Fn(&mut Version)) {
        if let Some(secret) = self.secrets.get_mut(path) {
            for number in numbers {
                secret.versions.get_mut(number).into_iter().for_each(&change);
            }
        }
    }
}
