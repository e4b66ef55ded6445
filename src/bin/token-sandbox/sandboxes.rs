//! The sandboxes that this program serves.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use token_providers::sandbox::control::{History, OtherSandbox, Start, TokenManagement};
use token_providers::sandbox::neuroio::NeuroIo;
use token_providers::sandbox::quix::Portal;
use token_providers::sandbox::startree::Environment;
use token_providers::sandbox::striim::Account;
use token_providers::sandbox::{Listening, Sandbox, Vault};
use tokio::sync::watch;

use super::arguments::{Arguments, PlatformName};
use super::ready::{Ready, ReadySandbox, ReadyVault};
use super::state_file::StateFile;

/// The running sandboxes. Dropping it stops them.
pub(crate) struct Sandboxes {
    platforms: Vec<Box<dyn Running>>,
    vault: Option<RunningVault>,
}

/// A running sandbox of any platform.
trait Running {
    fn name(&self) -> &'static str;
    fn ready(&self) -> ReadySandbox;
    fn other(&self) -> OtherSandbox;
    fn set_others(&self, others: Vec<OtherSandbox>);
    fn changes(&self) -> watch::Receiver<u64>;
    fn state(&self) -> anyhow::Result<Value>;
    fn vault(&self) -> Vault;
}

struct RunningPlatform<P: TokenManagement> {
    sandbox: Sandbox<P>,
    account: String,
    token: SecretString,
    listening: Listening,
}

struct RunningVault {
    vault: Vault,
    listening: Listening,
}

/// A platform in the state file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct PlatformState {
    account: String,
    /// How far the clock is ahead of the machine's.
    clock_ahead: SignedDuration,
    /// The administrator's token.
    token: String,
    contents: Value,
    /// Absent in files of earlier versions.
    #[serde(default)]
    history: History,
}

/// The time within which several changes are written once.
const COALESCING: Duration = Duration::from_millis(200);

impl Sandboxes {
    /// Starts the sandboxes.
    pub(crate) async fn start(arguments: &Arguments, state: Option<&StateFile>) -> anyhow::Result<Self> {
        if let Some(seed) = arguments.account.random {
            // Of the platforms that have no generator of their own.
            fastrand::seed(seed);
        }
        let seeds = Seeds::read(arguments.account.seed.as_deref())?;
        let starter = Starter {
            arguments,
            state,
            seeds,
        };
        let mut platforms: Vec<Box<dyn Running>> = Vec::new();
        for name in arguments.platforms() {
            let at = address(arguments.listen, platforms.len())?;
            platforms.push(match name {
                PlatformName::Striim => Box::new(starter.start::<Account>(name, at).await?),
                PlatformName::Startree => Box::new(starter.start::<Environment>(name, at).await?),
                PlatformName::Neuroio => Box::new(starter.start::<NeuroIo>(name, at).await?),
                PlatformName::Quix => Box::new(starter.start::<Portal>(name, at).await?),
            });
        }
        for this in &platforms {
            let others = platforms.iter().filter(|other| other.name() != this.name());
            this.set_others(others.map(|other| other.other()).collect());
        }
        let vault = match platforms.first().filter(|_| arguments.vault) {
            Some(first) => Some(RunningVault::start(first.vault(), address(arguments.listen, platforms.len())?).await?),
            None => None,
        };
        Ok(Self { platforms, vault })
    }

    /// The message that the sandboxes are ready.
    pub(crate) fn ready(&self) -> Ready {
        Ready {
            pid: std::process::id(),
            sandboxes: self.platforms.iter().map(|platform| platform.ready()).collect(),
            vault: self.vault.as_ref().map(RunningVault::ready),
        }
    }

    /// The state of each platform.
    pub(crate) fn states(&self) -> anyhow::Result<Vec<(&'static str, Value)>> {
        self.platforms
            .iter()
            .map(|platform| Ok((platform.name(), platform.state()?)))
            .collect()
    }

    /// Waits for a change, and for others shortly after it.
    pub(crate) async fn changed(&self) {
        let changes = self.platforms.iter().map(|platform| {
            let mut changes = platform.changes();
            Box::pin(async move {
                // An error would mean that the sandbox is gone.
                let _ = changes.changed().await;
            })
        });
        futures_util::future::select_all(changes).await;
        tokio::time::sleep(COALESCING).await;
    }
}

/// The address of the platform with this number: the next port, or any free one.
fn address(first: SocketAddr, number: usize) -> anyhow::Result<SocketAddr> {
    let offset = if first.port() == 0 { 0 } else { number };
    let port = u16::try_from(offset)
        .ok()
        .and_then(|offset| first.port().checked_add(offset));
    let port = port.with_context(|| format!("--listen: there is no port after {}", first.port()))?;
    Ok(SocketAddr::new(first.ip(), port))
}

/// The seed file: contents by platform.
struct Seeds(Map<String, Value>);

impl Seeds {
    fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            return Ok(Self(Map::new()));
        };
        let invalid = || format!("cannot read the seed {}", path.display());
        let text = std::fs::read_to_string(path).with_context(invalid)?;
        // JSON is YAML.
        let seeds: Map<String, Value> = yaml_serde::from_str(&text).with_context(invalid)?;
        let names = [Account::NAME, Environment::NAME, NeuroIo::NAME, Portal::NAME];
        match seeds.keys().find(|name| !names.contains(&name.as_str())) {
            Some(name) => Err(anyhow!("there is no platform \"{name}\"")).with_context(invalid),
            None => Ok(Self(seeds)),
        }
    }

    fn platform<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let seed = self.0.get(name).cloned().map(serde_json::from_value).transpose();
        seed.with_context(|| format!("the seed of {name} is not valid"))
    }
}

struct Starter<'a> {
    arguments: &'a Arguments,
    state: Option<&'a StateFile>,
    seeds: Seeds,
}

impl Starter<'_> {
    async fn start<P: TokenManagement>(
        &self,
        name: PlatformName,
        at: SocketAddr,
    ) -> anyhow::Result<RunningPlatform<P>> {
        let account = &self.arguments.account;
        let invalid = |what: &str| format!("{what} of {} is not valid", P::TITLE);
        let options = self.arguments.value(&account.options, name).context("--options")?;
        let options = options.map(serde_json::from_str).transpose();
        let options = options
            .with_context(|| invalid("--options: the behaviour"))?
            .unwrap_or_default();
        let token = self
            .arguments
            .value(&account.token, name)
            .context("--token")?
            .map(SecretString::from);
        let kept = self.state.and_then(|state| state.platform(P::NAME));
        let kept: Option<PlatformState> = kept
            .cloned()
            .map(serde_json::from_value)
            .transpose()
            .context("--state")?;
        let is_new = kept.is_none();
        let mut history = None;
        let start = match kept {
            None => Start {
                account: account.account.clone(),
                token,
                options,
                contents: None,
                ahead: SignedDuration::ZERO,
                random: account.random,
            },
            Some(kept) => {
                history = Some(kept.history);
                Start {
                    account: kept.account,
                    token: token.or_else(|| Some(kept.token.into())),
                    options,
                    contents: Some(
                        serde_json::from_value(kept.contents).with_context(|| invalid("--state: the account"))?,
                    ),
                    ahead: kept.clock_ahead,
                    random: account.random,
                }
            }
        };
        let ahead = account
            .now
            .map_or(start.ahead, |now| now.duration_since(Timestamp::now()));
        let account = start.account.clone();
        let (sandbox, token) = P::start(Start { ahead, ..start }).with_context(|| invalid("the account"))?;
        if let Some(seed) = self.seeds.platform(P::NAME)?.filter(|_| is_new) {
            sandbox.seed(seed).with_context(|| invalid("--seed: the account"))?;
        }
        if let Some(history) = history {
            sandbox.restore_history(history);
        }
        let listening = sandbox
            .listen(at)
            .await
            .with_context(|| format!("cannot listen on {at}"))?;
        Ok(RunningPlatform {
            sandbox,
            account,
            token,
            listening,
        })
    }
}

impl<P: TokenManagement> RunningPlatform<P> {
    fn console(&self) -> String {
        format!("http://{}/", self.listening.address)
    }
}

impl<P: TokenManagement> Running for RunningPlatform<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn ready(&self) -> ReadySandbox {
        let base_url = self.listening.base_url.clone();
        let environment = P::environment(&base_url, &self.token).into_iter();
        ReadySandbox {
            platform: P::NAME.to_owned(),
            title: P::TITLE.to_owned(),
            account: self.account.clone(),
            console: self.console(),
            control: format!("http://{}/sandbox", self.listening.address),
            environment: environment.map(|(name, value)| (name.to_owned(), value)).collect(),
            base_url,
        }
    }

    fn other(&self) -> OtherSandbox {
        OtherSandbox {
            platform: P::NAME,
            title: P::TITLE,
            url: self.console(),
        }
    }

    fn set_others(&self, others: Vec<OtherSandbox>) {
        self.sandbox.set_others(others);
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.sandbox.changes()
    }

    fn state(&self) -> anyhow::Result<Value> {
        let state = PlatformState {
            account: self.account.clone(),
            clock_ahead: self.sandbox.clock_ahead(),
            token: self.token.expose_secret().to_owned(),
            contents: serde_json::to_value(self.sandbox.contents())?,
            history: self.sandbox.history(),
        };
        Ok(serde_json::to_value(state)?)
    }

    fn vault(&self) -> Vault {
        Vault::new(self.sandbox.clock())
    }
}

impl RunningVault {
    async fn start(vault: Vault, at: SocketAddr) -> anyhow::Result<Self> {
        let listening = vault
            .listen(at)
            .await
            .with_context(|| format!("cannot listen on {at}"))?;
        Ok(Self { vault, listening })
    }

    fn ready(&self) -> ReadyVault {
        ReadyVault {
            environment: [
                ("VAULT_ADDR".to_owned(), self.listening.base_url.clone()),
                (
                    "VAULT_TOKEN".to_owned(),
                    self.vault.root_token().expose_secret().to_owned(),
                ),
            ]
            .into(),
        }
    }
}
