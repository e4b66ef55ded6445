//! As much of Terraform as matters to a provider: a state, and what core does with it in one run.
//!
//! The rules are those of hashicorp/terraform, `internal/terraform/node_resource_abstract_instance.go` and
//! `internal/plans/objchange`, for resources without blocks. A provider that breaks one fails the history, where core
//! would say "Provider produced …".

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use rmpv::Value;
use tokio_util::sync::CancellationToken;

use super::declared::held_by;
use super::network::Line;
use super::provider::{self, Attributes, Plan, Provider, Start, fits};

/// What the configuration says, by address.
pub(crate) type Configuration = BTreeMap<String, Attributes>;

/// One workspace: its state, and how it starts providers.
pub(crate) struct Terraform {
    start: Start,
    /// Saved after each operation, as core does; so it is what a crash leaves.
    state: RefCell<BTreeMap<String, Object>>,
}

/// A resource in the state.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) attributes: Attributes,
    /// Its creation failed: it is replaced by the next run.
    pub(crate) tainted: bool,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Ended {
    /// Nothing was to be done.
    Unchanged,
    Applied,
    Failed,
}

/// What a run is to do with a resource.
struct Change {
    address: String,
    action: Action,
    config: Option<Attributes>,
    planned: Option<Attributes>,
    planned_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Nothing,
    Create,
    Update,
    Replace,
    Delete,
}

/// How a run is made.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) line: &'a Line,
    /// How many resources at a time (`-parallelism`).
    pub(crate) parallelism: usize,
    /// Cancelled when the user interrupts it.
    pub(crate) interrupt: &'a CancellationToken,
}

impl Terraform {
    pub(crate) fn new(start: Start) -> Self {
        Self {
            start,
            state: RefCell::default(),
        }
    }

    pub(crate) fn state(&self) -> BTreeMap<String, Object> {
        self.state.borrow().clone()
    }

    /// `terraform apply`.
    ///
    /// # Errors
    /// A rule that the provider broke.
    pub(crate) async fn apply(&self, run: Run<'_>, configuration: &Configuration) -> anyhow::Result<Ended> {
        let stopped = Cell::new(false);
        let Some(changes) = self.plan(run, configuration, &stopped).await? else {
            return Ok(Ended::Failed);
        };
        if changes.iter().all(|change| change.action == Action::Nothing) {
            return Ok(Ended::Unchanged);
        }
        let provider = self.start.provider(run.line).await?;
        let apply = stream::iter(changes)
            .map(|change| self.apply_one(&provider, change, &stopped))
            .buffer_unordered(run.parallelism)
            .try_collect::<Vec<_>>();
        let succeeded = interruptible(apply, run.interrupt, &provider, &stopped).await?;
        let succeeded = succeeded.into_iter().all(|succeeded| succeeded) && !stopped.get();
        Ok(if succeeded { Ended::Applied } else { Ended::Failed })
    }

    /// Takes over what exists under `id`, as an `import` block does. Whether there was such a thing.
    pub(crate) async fn import(&self, line: &Line, address: &str, id: &str) -> anyhow::Result<bool> {
        let provider = self.start.provider(line).await?;
        let imported = provider.import(kind_of(address), id).await?;
        let found = imported.is_some();
        if let Some(attributes) = imported {
            self.save(
                address,
                Some(Object {
                    attributes,
                    tainted: false,
                }),
            );
        }
        Ok(found)
    }

    /// Refreshes and plans everything; `None` if there was an error. What was refreshed is saved only if there was not.
    async fn plan(
        &self,
        run: Run<'_>,
        configuration: &Configuration,
        stopped: &Cell<bool>,
    ) -> anyhow::Result<Option<Vec<Change>>> {
        let provider = self.start.provider(run.line).await?;
        let state = self.state();
        let addresses: BTreeSet<_> = configuration.keys().chain(state.keys()).collect();
        let plan = stream::iter(addresses)
            .map(|address| self.plan_one(&provider, address, configuration.get(address), state.get(address)))
            .buffered(run.parallelism)
            .try_collect::<Vec<_>>();
        let planned = interruptible(plan, run.interrupt, &provider, stopped).await?;
        let planned: Option<Vec<_>> = planned.into_iter().collect();
        let Some(planned) = planned.filter(|_| !stopped.get()) else {
            return Ok(None);
        };
        let mut changes = Vec::new();
        for (refreshed, change) in planned {
            self.save(&change.address, refreshed);
            changes.push(change);
        }
        Ok(Some(changes))
    }

    /// What is there, and what is to be done with it; `None` if an error was told.
    async fn plan_one(
        &self,
        provider: &Provider,
        address: &str,
        config: Option<&Attributes>,
        prior: Option<&Object>,
    ) -> anyhow::Result<Option<(Option<Object>, Change)>> {
        let kind = kind_of(address);
        let mut prior = prior.cloned();
        if let Some(object) = &mut prior {
            let read = provider.read(kind, &object.attributes).await?;
            if !read.succeeded {
                return Ok(None);
            }
            match read.object {
                Some(attributes) => {
                    ensure!(is_known(&attributes), "{address}: read as unknown: {attributes:?}");
                    object.attributes = attributes;
                }
                None => prior = None,
            }
        }
        let change = |action, planned| Change {
            address: address.to_owned(),
            action,
            config: config.cloned(),
            planned,
            planned_at: self.start.clock.now(),
        };
        let there = prior.as_ref().map(|object| &object.attributes);
        let Some(config) = config else {
            if there.is_none() {
                return Ok(Some((None, change(Action::Nothing, None))));
            }
            let Some(plan) = provider.plan(kind, None, there, None).await? else {
                return Ok(None);
            };
            ensure!(plan.planned.is_none(), "{address}: a destruction that leaves something");
            return Ok(Some((prior, change(Action::Delete, None))));
        };
        // What is tainted is planned as if it were not there.
        let usable = prior.as_ref().filter(|object| !object.tainted);
        let usable = usable.map(|object| &object.attributes);
        let Some((mut planned, must_be_replaced)) = self.propose(provider, address, config, usable).await? else {
            return Ok(None);
        };
        let action = match (there, usable) {
            (None, _) => Action::Create,
            (Some(_), None) => Action::Replace,
            (Some(_), Some(usable)) if is_same(&planned, usable) => Action::Nothing,
            (Some(_), Some(_)) if must_be_replaced => {
                let Some((anew, _)) = self.propose(provider, address, config, None).await? else {
                    return Ok(None);
                };
                planned = anew;
                Action::Replace
            }
            (Some(_), Some(_)) => Action::Update,
        };
        let change = change(action, Some(planned));
        Ok(Some((prior, change)))
    }

    /// Has the provider plan a creation or an update, and holds the plan to the configuration.
    async fn propose(
        &self,
        provider: &Provider,
        address: &str,
        config: &Attributes,
        prior: Option<&Attributes>,
    ) -> anyhow::Result<Option<(Attributes, bool)>> {
        let kind = kind_of(address);
        let schema = provider.schema(kind)?;
        let nothing = Attributes::new();
        let before = prior.unwrap_or(&nothing);
        let whole = |value_of: &dyn Fn(&str, bool) -> Value| -> Attributes {
            let members = schema
                .iter()
                .map(|(name, attribute)| (name.clone(), value_of(name, attribute.computed)));
            members.collect()
        };
        let config = whole(&|name, _| get(config, name));
        let proposed = whole(&|name, computed| match get(&config, name) {
            Value::Nil if computed => get(before, name),
            value => value,
        });
        let plan = provider.plan(kind, Some(&config), prior, Some(&proposed)).await?;
        let Some(Plan {
            planned,
            must_be_replaced,
        }) = plan
        else {
            return Ok(None);
        };
        let planned = planned.with_context(|| format!("{address}: a plan without an object"))?;
        for (name, attribute) in schema {
            let (asked, was, will) = (get(&config, name), get(before, name), get(&planned, name));
            let fits = will == asked || (!asked.is_nil() && will == was) || (asked.is_nil() && attribute.computed);
            ensure!(fits, "{address}.{name}: {asked} is declared and {will} is planned");
        }
        Ok(Some((planned, must_be_replaced)))
    }

    /// Does what was planned. Whether it succeeded.
    async fn apply_one(&self, provider: &Provider, change: Change, stopped: &Cell<bool>) -> anyhow::Result<bool> {
        let Change {
            address,
            action,
            config,
            planned,
            planned_at,
        } = change;
        let kind = kind_of(&address);
        if action == Action::Nothing {
            return Ok(true);
        }
        if stopped.get() {
            return Ok(false);
        }
        if matches!(action, Action::Replace | Action::Delete) {
            let object = self.get(&address).context("what is deleted is in the state")?;
            let outcome = provider.apply(kind, None, Some(&object.attributes), None).await?;
            match (outcome.succeeded, outcome.object) {
                (true, None) => self.save(&address, None),
                (true, Some(_)) => anyhow::bail!("{address}: destroyed, and yet there"),
                (false, None) => return Ok(false),
                (false, Some(attributes)) => {
                    self.save(&address, Some(Object { attributes, ..object }));
                    return Ok(false);
                }
            }
        }
        let (Some(config), Some(planned)) = (config, planned) else {
            return Ok(true);
        };
        if stopped.get() {
            return Ok(false);
        }
        let prior = self.get(&address);
        let before = prior.as_ref().map(|object| &object.attributes);
        let Some((again, _)) = self.propose(provider, &address, &config, before).await? else {
            return Ok(false);
        };
        if let Err(differs) = holds(&planned, &again) {
            // Core says "inconsistent final plan". A provider cannot tell one planning from the other, so where a token ends
            // between them the second one rotates it; and nothing is done until the next run.
            let ended_meanwhile = |end: Timestamp| planned_at < end && end <= self.start.clock.now();
            let mut held = prior.iter().flat_map(|prior| held_by(&address, prior));
            let explained = held.any(|held| held.ends.is_some_and(ended_meanwhile));
            ensure!(explained, "{address}: planned otherwise at apply: {differs}");
            return Ok(false);
        }
        let outcome = provider.apply(kind, Some(&config), before, Some(&again)).await?;
        let Some(attributes) = outcome.object else {
            ensure!(!outcome.succeeded, "{address}: applied, and yet not there");
            return Ok(false);
        };
        ensure!(is_known(&attributes), "{address}: unknown after apply: {attributes:?}");
        if outcome.succeeded {
            holds(&again, &attributes).with_context(|| format!("{address}: applied otherwise than planned"))?;
        }
        let tainted = !outcome.succeeded && prior.is_none_or(|prior| prior.tainted);
        self.save(&address, Some(Object { attributes, tainted }));
        Ok(outcome.succeeded)
    }

    fn get(&self, address: &str) -> Option<Object> {
        self.state.borrow().get(address).cloned()
    }

    fn save(&self, address: &str, object: Option<Object>) {
        let mut state = self.state.borrow_mut();
        match object {
            Some(object) => state.insert(address.to_owned(), object),
            None => state.remove(address),
        };
    }
}

/// Does the work; at the interrupt nothing new begins, and the provider is asked to stop.
async fn interruptible<T>(
    work: impl Future<Output = T>,
    interrupt: &CancellationToken,
    provider: &Provider,
    stopped: &Cell<bool>,
) -> T {
    let stop = async {
        interrupt.cancelled().await;
        stopped.set(true);
        // A provider that cannot be told goes on; the work ends all the same.
        let _ = provider.stop().await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        biased;
        done = work => done,
        () = stop => unreachable!(),
    }
}

/// `striim_pat_status.this` is a `striim_pat_status`.
fn kind_of(address: &str) -> &str {
    address.split('.').next().unwrap_or_default()
}

fn get(object: &Attributes, name: &str) -> Value {
    object.get(name).cloned().unwrap_or(Value::Nil)
}

fn is_known(object: &Attributes) -> bool {
    object.values().all(provider::is_known)
}

fn is_same(one: &Attributes, other: &Attributes) -> bool {
    one.keys()
        .chain(other.keys())
        .all(|name| get(one, name) == get(other, name))
}

/// What was known before must be what is now.
fn holds(before: &Attributes, now: &Attributes) -> anyhow::Result<()> {
    for (name, was) in before {
        let is = get(now, name);
        ensure!(fits(was, &is), "{name} was {was} and is {is}");
    }
    Ok(())
}
