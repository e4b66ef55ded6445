//! The declarations of a workspace, and its configuration.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use token_providers::framework::Value as Attribute;
use token_providers::framework::testing::{Configuration, Object, ResourceBlock};
use token_providers::sandbox::Vault;

use crate::simulation::storage::{Storage, stored_value, undelivered};

pub(crate) const TOKEN: &str = "striim_service_account_token";
pub(crate) const PAIR: &str = "striim_service_account_token_pair.relay";
pub(crate) const PAT: &str = "striim_personal_access_token";
pub(crate) const TOGGLE: &str = "striim_pat_status.this";

/// The service account that the providers work with.
pub(crate) const OWN: &str = "terraform";

/// The name of the pair, the prefix of the names of its service accounts.
pub(crate) const RELAY: &str = "relay";

/// The service accounts of the pair.
pub(crate) const RELAYS: [&str; 2] = ["relay-a", "relay-b"];

/// The users whose personal access tokens may be declared. The first has one from the beginning.
pub(crate) const USERS: [&str; 2] = ["ann@acme.example", "bob@acme.example"];

/// The maximum number of service accounts that a workspace declares in addition to the pair. The last place is for
/// [`OWN`].
pub(crate) const PLACES: usize = 4;

/// The declarations of one workspace.
#[derive(Clone, Default)]
pub(crate) struct Declared {
    pub(crate) places: [Option<Token>; PLACES],
    pub(crate) pair: Option<Pair>,
    pub(crate) pats: [Option<Pat>; 2],
    pub(crate) toggle: Option<bool>,
}

/// A `lifecycle` block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Lifecycle {
    pub(crate) create_before_destroy: bool,
    /// `ignore_changes = [expires_at]`
    pub(crate) ignores_expiry: bool,
}

impl Lifecycle {
    fn apply(self, mut block: ResourceBlock) -> ResourceBlock {
        if self.create_before_destroy {
            block = block.create_before_destroy();
        }
        if self.ignores_expiry {
            block = block.ignore_changes(&["expires_at"]);
        }
        block
    }
}

/// A service account's token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) name: &'static str,
    pub(crate) description: Option<&'static str>,
    pub(crate) ends: Ends,
    pub(crate) trigger: Option<u8>,
    pub(crate) adopt: bool,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) storage: Storage,
}

/// The pair [`RELAY`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pair {
    pub(crate) hours: i64,
    pub(crate) rotate_every: Option<i64>,
    pub(crate) trigger: Option<u8>,
    pub(crate) storage: Storage,
}

/// A user's personal access token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pat {
    pub(crate) ends: Ends,
    pub(crate) trigger: Option<u8>,
    pub(crate) storage: Storage,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ends {
    ByDefault,
    /// `expires_at`, this number of days after the declaration.
    InDays(i64),
    /// `expires_at`
    At(Timestamp),
    /// `expires_in` and `rotate_before`.
    After {
        hours: i64,
        rotate_before: Option<i64>,
    },
    /// `expires_in`: it may expire during a run.
    AfterSeconds(i64),
}

impl Ends {
    /// Returns the expiry with an absolute time, if it is declared at `now`.
    pub(crate) fn from(self, now: Timestamp) -> Self {
        match self {
            Self::InDays(days) => Self::At(now + SignedDuration::from_hours(24 * days)),
            others => others,
        }
    }

    /// Moves a fixed expiry that has passed, and removes short lifetimes.
    fn mend(&mut self, now: Timestamp) {
        match self {
            Self::At(end) if *end < now + SignedDuration::from_hours(1) => *self = Self::InDays(60).from(now),
            Self::AfterSeconds(_) => {
                *self = Self::After {
                    hours: 24,
                    rotate_before: None,
                }
            }
            _ => {}
        }
    }

    fn attributes(self) -> Vec<(&'static str, Value)> {
        match self {
            Self::ByDefault | Self::InDays(_) => Vec::new(),
            Self::At(end) => vec![("expires_at", end.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into())],
            Self::AfterSeconds(seconds) => vec![("expires_in", format!("{seconds}s").into())],
            Self::After { hours, rotate_before } => {
                let mut attributes = vec![("expires_in", in_hours(hours))];
                attributes.extend(rotate_before.map(|hours| ("rotate_before", in_hours(hours))));
                attributes
            }
        }
    }
}

impl Declared {
    pub(crate) fn configuration(&self) -> Configuration {
        let places = self.places.iter().enumerate();
        let tokens = places.filter_map(|(place, token)| Some((address(place), token.as_ref()?.block())));
        let pats = (0..).zip(&self.pats);
        let pats = pats.filter_map(|(user, pat)| {
            let block = ResourceBlock::new(pat.as_ref()?.attributes(user));
            Some((pat_address(user), block))
        });
        let pair = self.pair.iter();
        let pair = pair.map(|pair| (PAIR.to_owned(), ResourceBlock::new(pair.attributes())));
        let toggle = self.toggle.map(|enabled| {
            let block = ResourceBlock::new(json!({ "enabled": enabled }));
            (TOGGLE.to_owned(), block)
        });
        tokens.chain(pats).chain(pair).chain(toggle).collect()
    }

    /// A name that stood at another place has moved.
    pub(crate) fn declare(&mut self, place: usize, token: Option<Token>) {
        let name = token.as_ref().map(|token| token.name);
        for other in &mut self.places {
            other.take_if(|other| Some(other.name) == name);
        }
        self.places[place] = token;
    }

    /// Moves fixed expiries that have passed, and removes short lifetimes and `ignore_changes`.
    pub(crate) fn mend(&mut self, now: Timestamp) {
        for token in self.places.iter_mut().flatten() {
            token.lifecycle = Lifecycle::default();
        }
        let tokens = self.places.iter_mut().flatten().map(|token| &mut token.ends);
        let pats = self.pats.iter_mut().flatten().map(|pat| &mut pat.ends);
        tokens.chain(pats).for_each(|ends| ends.mend(now));
    }

    /// Removes declarations beyond the quota. Returns how many places are free.
    pub(crate) fn fit(&mut self, mut places: usize) -> usize {
        self.pair.take_if(|_| places < 2);
        places -= 2 * usize::from(self.pair.is_some());
        for token in &mut self.places {
            let Some(name) = token.as_ref().map(|token| token.name) else {
                continue;
            };
            match places.checked_sub(usize::from(name != OWN)) {
                Some(left) => places = left,
                None => *token = None,
            }
        }
        places
    }

    /// The names that its service accounts must have, and those that they may have.
    pub(crate) fn names(&self) -> (BTreeSet<&str>, BTreeSet<&str>) {
        let must: BTreeSet<_> = self.places.iter().flatten().map(|token| token.name).collect();
        let mut may = must.clone();
        may.extend(self.pair.iter().flat_map(|_| RELAYS));
        (must, may)
    }
}

impl Token {
    fn block(&self) -> ResourceBlock {
        self.lifecycle.apply(ResourceBlock::new(self.attributes()))
    }

    fn attributes(&self) -> Value {
        let mut attributes = vec![("name", self.name.into())];
        attributes.extend(self.description.map(|text| ("description", text.into())));
        attributes.extend(self.ends.attributes());
        attributes.extend(triggers(self.trigger));
        attributes.extend(self.adopt.then(|| ("adopt_existing", true.into())));
        attributes.extend(self.storage.arguments(self.name));
        named(attributes)
    }
}

impl Pair {
    fn attributes(&self) -> Value {
        let mut attributes = vec![("name", RELAY.into()), ("expires_in", in_hours(self.hours))];
        attributes.extend(self.rotate_every.map(|hours| ("rotate_every", in_hours(hours))));
        attributes.extend(triggers(self.trigger));
        attributes.extend(self.storage.arguments(RELAY));
        named(attributes)
    }
}

impl Pat {
    fn attributes(&self, user: usize) -> Value {
        let mut attributes = vec![("email", USERS[user].into())];
        attributes.extend(self.ends.attributes());
        attributes.extend(triggers(self.trigger));
        attributes.extend(self.storage.arguments(&format!("user{user}")));
        named(attributes)
    }
}

pub(crate) fn address(place: usize) -> String {
    format!("{TOKEN}.place{place}")
}

pub(crate) fn pat_address(user: usize) -> String {
    format!("{PAT}.user{user}")
}

/// The service accounts of an object in a state.
pub(crate) fn accounts_of(address: &str, object: &Object) -> Vec<String> {
    if address.starts_with(&format!("{TOKEN}.")) {
        text(object.get("name")).into_iter().collect()
    } else if address == PAIR {
        let slots = ["current", "previous"].into_iter();
        slots.filter_map(|slot| text(object.get(slot).get("name"))).collect()
    } else {
        Vec::new()
    }
}

/// A token in an object of a state.
pub(crate) struct StoredValue {
    pub(crate) value: Option<String>,
    pub(crate) ends: Option<Timestamp>,
}

/// The tokens of an object in a state, wherever their values are stored; of a pair, the current one first.
pub(crate) fn stored_values(vault: &Vault, address: &str, object: &Object) -> Vec<StoredValue> {
    let destination = object.get("vault");
    let held = |of: &Attribute| StoredValue {
        value: stored_value(vault, destination, of),
        ends: text(of.get("expires_at")).and_then(|end| end.parse().ok()),
    };
    if address == PAIR {
        let slots = ["current", "previous"].into_iter();
        let slots = slots.map(|slot| object.get(slot)).filter(|slot| !slot.is_null());
        slots.map(held).collect()
    } else if address == TOGGLE {
        Vec::new()
    } else {
        vec![held(object.value())]
    }
}

/// The values of an object of a state, wherever they are stored.
pub(crate) fn values_of(vault: &Vault, address: &str, object: &Object) -> impl Iterator<Item = String> + use<> {
    let held = stored_values(vault, address, object).into_iter();
    held.filter_map(|held| held.value)
}

/// How Vault differs from what an object of a state says.
pub(crate) fn undelivered_value(vault: &Vault, object: &Object) -> Option<&'static str> {
    let places = [object.value(), object.get("current"), object.get("previous")];
    let mut problems = places
        .into_iter()
        .filter_map(|of| undelivered(vault, object.get("vault"), of));
    problems.next()
}

fn text(value: &Attribute) -> Option<String> {
    match value {
        Attribute::String(text) => Some(text.clone()),
        _ => None,
    }
}

fn in_hours(hours: i64) -> Value {
    format!("{hours}h").into()
}

fn triggers(trigger: Option<u8>) -> Option<(&'static str, Value)> {
    Some(("rotation_triggers", json!({ "release": trigger?.to_string() })))
}

fn named(attributes: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let attributes = attributes.into_iter();
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
    Value::Object(attributes.collect::<Map<_, _>>())
}
