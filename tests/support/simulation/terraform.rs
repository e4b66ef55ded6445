//! As much of Terraform as matters to a provider: a state, and what core does with it in one run.
//!
//! The rules are those of hashicorp/terraform, `internal/terraform/node_resource_abstract_instance.go` and
//! `internal/plans/objchange`, for resources without blocks. A provider that breaks one fails the history, where core
//! would say "Provider produced …".

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use rmpv::Value;
use tokio_util::sync::CancellationToken;

use super::network::Line;
use super::provider::{self, Attributes, Plan, Provider, Start, Warnings, fits};

/// What the configuration says, by address.
pub(crate) type Configuration = BTreeMap<String, Block>;

/// A `resource` block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Block {
    pub(crate) attributes: Attributes,
    pub(crate) lifecycle: Lifecycle,
}

impl From<Attributes> for Block {
    fn from(attributes: Attributes) -> Self {
        Self {
            attributes,
            lifecycle: Lifecycle::default(),
        }
    }
}

/// A `lifecycle` block.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Lifecycle {
    pub(crate) create_before_destroy: bool,
    /// `ignore_changes = [expires_at]`
    pub(crate) ignores_expiry: bool,
}

/// One workspace: its state, and how it starts providers.
pub(crate) struct Terraform {
    pub(crate) start: Start,
    /// Saved after each operation, as core does; so it is what a crash leaves.
    state: RefCell<BTreeMap<String, Object>>,
}

/// A resource in the state.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object {
    pub(crate) attributes: Attributes,
    /// What the provider keeps about it in addition.
    pub(crate) private: Vec<u8>,
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
    config: Option<Block>,
    planned: Option<Attributes>,
    /// The private state that the plan left.
    private: Vec<u8>,
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
    /// The address that `-replace` names.
    pub(crate) replace: Option<&'a str>,
    /// What happens between the plan and its apply.
    pub(crate) between: &'a dyn Fn(),
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
        (run.between)();
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
        if let Some((attributes, private)) = imported {
            self.save(
                address,
                Some(Object {
                    attributes,
                    private,
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
            .map(|address| {
                let (config, prior) = (configuration.get(address), state.get(address));
                self.plan_one(&provider, address, config, prior, run.replace)
            })
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
        config: Option<&Block>,
        prior: Option<&Object>,
        replace: Option<&str>,
    ) -> anyhow::Result<Option<(Option<Object>, Change)>> {
        let kind = kind_of(address);
        let mut prior = prior.cloned();
        if let Some(object) = &mut prior {
            let read = provider.read(kind, &object.attributes, &object.private).await?;
            if !read.succeeded {
                return Ok(None);
            }
            match read.object {
                Some(attributes) => {
                    ensure!(is_known(&attributes), "{address}: read as unknown: {attributes:?}");
                    object.attributes = attributes;
                    object.private = read.private;
                }
                None => prior = None,
            }
        }
        let change = |action, planned, private| Change {
            address: address.to_owned(),
            action,
            config: config.cloned(),
            planned,
            private,
        };
        let there = prior.as_ref().map(|object| &object.attributes);
        let Some(config) = config else {
            let Some(object) = &prior else {
                return Ok(Some((None, change(Action::Nothing, None, Vec::new()))));
            };
            let plan = provider.plan(kind, None, there, None, &object.private, Warnings::Shown);
            let Some(plan) = plan.await? else {
                return Ok(None);
            };
            ensure!(plan.planned.is_none(), "{address}: a destruction that leaves something");
            let change = change(Action::Delete, None, plan.private);
            return Ok(Some((prior, change)));
        };
        // What is tainted is planned as if it were not there.
        let usable = prior.as_ref().filter(|object| !object.tainted);
        let seen = config.seen_by_provider(usable);
        let first = self.propose(provider, address, &seen, usable, &[], Warnings::Shown);
        let Some((mut planned, mut plan)) = first.await? else {
            return Ok(None);
        };
        let is_replaced = plan.must_be_replaced || replace == Some(address);
        let usable = usable.map(|object| &object.attributes);
        let action = match (there, usable) {
            (None, _) => Action::Create,
            (Some(_), None) => Action::Replace,
            (Some(_), Some(_)) if is_replaced => {
                let second = self.propose(provider, address, &seen, None, &plan.private, Warnings::Dropped);
                let Some(second) = second.await? else {
                    return Ok(None);
                };
                (planned, plan) = second;
                Action::Replace
            }
            (Some(_), Some(usable)) if is_same(&planned, usable) => Action::Nothing,
            (Some(_), Some(_)) => Action::Update,
        };
        let change = change(action, Some(planned), plan.private);
        Ok(Some((prior, change)))
    }

    /// Has the provider plan a creation or an update, and checks the plan against the configuration. Without a prior object,
    /// `private` is what an earlier plan call left.
    async fn propose(
        &self,
        provider: &Provider,
        address: &str,
        config: &Attributes,
        prior: Option<&Object>,
        private: &[u8],
        warnings: Warnings,
    ) -> anyhow::Result<Option<(Attributes, Plan)>> {
        let kind = kind_of(address);
        let schema = provider.schema(kind)?;
        let nothing = Attributes::new();
        let (before, private) = match prior {
            Some(object) => (&object.attributes, object.private.as_slice()),
            None => (&nothing, private),
        };
        let prior = prior.map(|object| &object.attributes);
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
        let plan = provider.plan(kind, Some(&config), prior, Some(&proposed), private, warnings);
        let Some(mut plan) = plan.await? else {
            return Ok(None);
        };
        let planned = plan
            .planned
            .take()
            .with_context(|| format!("{address}: a plan without an object"))?;
        for (name, attribute) in schema {
            let (asked, was, will) = (get(&config, name), get(before, name), get(&planned, name));
            let fits = will == asked || (!asked.is_nil() && will == was) || (asked.is_nil() && attribute.computed);
            ensure!(fits, "{address}.{name}: {asked} is declared and {will} is planned");
        }
        Ok(Some((planned, plan)))
    }

    /// Does what was planned. Whether it succeeded.
    async fn apply_one(&self, provider: &Provider, change: Change, stopped: &Cell<bool>) -> anyhow::Result<bool> {
        let Change {
            address,
            action,
            config,
            planned,
            private,
        } = change;
        let kind = kind_of(&address);
        if action == Action::Nothing {
            return Ok(true);
        }
        if stopped.get() {
            return Ok(false);
        }
        let creates_first = config
            .as_ref()
            .is_some_and(|config| config.lifecycle.create_before_destroy);
        if action == Action::Delete || (action == Action::Replace && !creates_first) {
            let destroyed = self.destroy(provider, &address, &private).await?;
            if !destroyed || action == Action::Delete {
                return Ok(destroyed);
            }
        }
        let (Some(config), Some(planned)) = (config, planned) else {
            return Ok(true);
        };
        if stopped.get() {
            return Ok(false);
        }
        let put_aside = self.free_address(&address);
        let old = self.get(&address).filter(|_| action == Action::Replace);
        let prior = self.get(&address).filter(|_| old.is_none());
        let ignores_expiry = config.lifecycle.ignores_expiry;
        let config = config.seen_by_provider(prior.as_ref());
        let again = self.propose(provider, &address, &config, prior.as_ref(), &[], Warnings::Shown);
        let Some((again, plan)) = again.await? else {
            return Ok(false);
        };
        if let Some(old) = &old {
            self.save(&put_aside, Some(old.clone()));
            self.save(&address, None);
        }
        let before = prior.as_ref().map(|object| &object.attributes);
        if let Err(differs) = holds(&planned, &again) {
            // Core says "inconsistent final plan". What it ignores in the plan of a replacement it does not ignore in its apply.
            let is_of_core = ignores_expiry && action == Action::Replace;
            ensure!(is_of_core, "{address}: planned otherwise at apply: {differs}");
            self.restore(&address, &put_aside);
            return Ok(false);
        }
        let outcome = provider
            .apply(kind, Some(&config), before, Some(&again), &plan.private)
            .await?;
        let Some(attributes) = outcome.object else {
            ensure!(!outcome.succeeded, "{address}: applied, and yet not there");
            self.restore(&address, &put_aside);
            return Ok(false);
        };
        ensure!(is_known(&attributes), "{address}: unknown after apply: {attributes:?}");
        if outcome.succeeded {
            holds(&again, &attributes).with_context(|| format!("{address}: applied otherwise than planned"))?;
        }
        let tainted = !outcome.succeeded && prior.is_none_or(|prior| prior.tainted);
        let object = Object {
            attributes,
            private: outcome.private,
            tainted,
        };
        self.save(&address, Some(object));
        if !outcome.succeeded || old.is_none() || stopped.get() {
            return Ok(outcome.succeeded);
        }
        self.destroy_deposed(provider, &put_aside).await
    }

    /// Destroys the object of the state at this address; whether it is gone.
    async fn destroy(&self, provider: &Provider, address: &str, private: &[u8]) -> anyhow::Result<bool> {
        let object = self.get(address).context("what is deleted is in the state")?;
        let before = Some(&object.attributes);
        let outcome = provider.apply(kind_of(address), None, before, None, private).await?;
        match (outcome.succeeded, outcome.object) {
            (true, None) => self.save(address, None),
            (true, Some(_)) => anyhow::bail!("{address}: destroyed, and yet there"),
            (false, None) => {}
            (false, Some(attributes)) => {
                let left = Object {
                    attributes,
                    private: outcome.private,
                    ..object
                };
                self.save(address, Some(left));
            }
        }
        Ok(outcome.succeeded)
    }

    /// Destroys an object that a replacement has put aside. Core plans that at apply.
    async fn destroy_deposed(&self, provider: &Provider, address: &str) -> anyhow::Result<bool> {
        let object = self.get(address).context("what is deposed is in the state")?;
        let before = Some(&object.attributes);
        let plan = provider.plan(kind_of(address), None, before, None, &object.private, Warnings::Shown);
        match plan.await? {
            Some(plan) => self.destroy(provider, address, &plan.private).await,
            None => Ok(false),
        }
    }

    /// Nothing came of a replacement that creates first: the object that was put aside is the current one again.
    fn restore(&self, address: &str, put_aside: &str) {
        if let Some(old) = self.get(put_aside) {
            self.save(address, Some(old));
            self.save(put_aside, None);
        }
    }

    /// Where an object that a replacement puts aside stands until it is destroyed. No configuration has such an address, so
    /// the next run destroys what a run has left there.
    fn free_address(&self, address: &str) -> String {
        let addresses = (0..).map(|number| format!("{address} (deposed {number})"));
        let mut free = addresses.filter(|address| self.get(address).is_none());
        free.next().unwrap_or_default()
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

impl Block {
    /// The attributes that the provider sees: what is ignored is as it was.
    fn seen_by_provider(&self, prior: Option<&Object>) -> Attributes {
        let mut attributes = self.attributes.clone();
        if let Some(prior) = prior.filter(|_| self.lifecycle.ignores_expiry) {
            attributes.insert("expires_at".to_owned(), get(&prior.attributes, "expires_at"));
        }
        attributes
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
