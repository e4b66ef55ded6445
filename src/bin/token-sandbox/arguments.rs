//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::Timestamp;

/// Serves the token APIs of streaming platforms in memory, to try out Terraform providers and to test
/// modules.
///
/// Each platform has an address of its own, with the platform's API, a console at / that shows tokens,
/// audit log and clock, and a control API at /sandbox. All data is lost at the end, unless --state is given.
///
/// The printed lines are shell commands that configure the Terraform providers. Every program that can
/// connect to the address controls the sandbox, so keep it on the loopback interface.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Exit codes: 0 after Ctrl-C or SIGTERM, 1 after a failure, 2 for a wrong command line.\nMore with --help.",
    after_long_help = EXAMPLES
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// The platforms to serve
    #[arg(required = true, value_name = "PLATFORM")]
    pub(crate) platforms: Vec<PlatformName>,

    #[command(flatten)]
    pub(crate) account: AccountArguments,

    /// Address of the first platform; the next ones have the following ports. With port 0, each has any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// Also serve a Vault, with a KV version 2 at the mount "secret" and the clock of the first platform
    #[arg(long)]
    pub(crate) vault: bool,

    /// File that keeps accounts, tokens with their history, audit logs and clocks between runs. It contains the tokens'
    /// values. Options, faults, counts of calls and the Vault are not kept
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,

    /// Print the addresses and tokens as one line of JSON instead of shell commands
    #[arg(long)]
    pub(crate) json: bool,

    /// Serve in the background: print as soon as the sandboxes are ready, and return
    #[arg(long)]
    pub(crate) background: bool,
}

/// The beginning of an account.
#[derive(Args, Debug)]
pub(crate) struct AccountArguments {
    /// Name of the account
    #[arg(long, value_name = "NAME", default_value = "acme")]
    pub(crate) account: String,

    /// Value of the administrator's token; random by default. With several platforms: PLATFORM=VALUE
    #[arg(long, value_name = "VALUE")]
    pub(crate) token: Vec<ForPlatform>,

    /// Behaviour of the platform, such as '{"quota": 5}'; `GET /sandbox/options` returns all options. With several
    /// platforms: PLATFORM=JSON
    #[arg(long, value_name = "JSON")]
    pub(crate) options: Vec<ForPlatform>,

    /// Objects to add to a new account: YAML or JSON, with a key for each platform
    #[arg(long, value_name = "FILE")]
    pub(crate) seed: Option<PathBuf>,

    /// Initial time of the clocks, RFC 3339; by default the machine's time, or that of --state
    #[arg(long, value_name = "INSTANT")]
    pub(crate) now: Option<Timestamp>,

    /// Seed of values and ids, for reproducible runs
    #[arg(long, value_name = "NUMBER")]
    pub(crate) random: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print a script that completes this program's arguments in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// A platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlatformName {
    /// Striim Cloud
    Striim,
    /// StarTree
    Startree,
    /// NeuroIO
    Neuroio,
    /// Quix
    Quix,
}

/// A value for the only platform, or for the one before the first `=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ForPlatform {
    platform: Option<PlatformName>,
    value: String,
}

impl std::str::FromStr for ForPlatform {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let prefixed = text.split_once('=').and_then(|(name, value)| {
            let platform = PlatformName::from_str(name, false).ok()?;
            Some((platform, value))
        });
        Ok(match prefixed {
            Some((platform, value)) => Self {
                platform: Some(platform),
                value: value.to_owned(),
            },
            None => Self {
                platform: None,
                value: text.to_owned(),
            },
        })
    }
}

impl Arguments {
    /// The platforms, each once.
    pub(crate) fn platforms(&self) -> Vec<PlatformName> {
        let mut platforms = self.platforms.clone();
        platforms.sort_by_key(|name| self.platforms.iter().position(|found| found == name));
        platforms.dedup();
        platforms
    }

    /// The value for a platform among the values of an option.
    pub(crate) fn value<'a>(&self, of: &'a [ForPlatform], platform: PlatformName) -> anyhow::Result<Option<&'a str>> {
        let mut found = None;
        for given in of {
            match given.platform {
                None if self.platforms().len() > 1 => {
                    anyhow::bail!("with several platforms, write PLATFORM={}", given.value)
                }
                Some(other) if other != platform => {}
                _ => found = Some(given.value.as_str()),
            }
        }
        Ok(found)
    }
}

const EXAMPLES: &str = r#"Examples:
  Serve Striim Cloud until Ctrl-C:
      token-sandbox striim

  Test a module in CI. The variables also contain the process id:
      eval "$(token-sandbox --background --listen 127.0.0.1:0 striim)"
      terraform test
      kill "$TOKEN_SANDBOX_PID"

  Serve two platforms and a Vault, and keep the accounts for the next run:
      token-sandbox striim startree --vault --state sandbox.json

  Begin with a token that expires soon (seed.yaml):
      striim:
        service-accounts:
          - name: ci-pipeline
            token: { expires-in: 10d }
      startree:
        tokens:
          - { description: ingestion, roles: [table-reader] }
      neuroio:
        tokens:
          - { permanent: true }
      quix:
        workspaces:
          - { id: acme-shop-prod }

  Let ninety days pass:
      curl -X POST localhost:8080/sandbox/clock -d '{"advance": "90d"}'

  Lose the answer to the next creation:
      curl -X POST localhost:8080/sandbox/faults \
        -d '{"method": "POST", "path": "/service-account", "when": "after", "effect": "cut"}'

  Complete arguments in bash:
      source <(token-sandbox completions bash)

Exit codes: 0 after Ctrl-C or SIGTERM, 1 after a failure, 2 for a wrong command line.

GET /sandbox/openapi.json describes the control API."#;

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn value_is_for_named_platform_or_the_only_one() {
        let parse = |text: &str| Arguments::parse_from(text.split(' '));
        let one = parse("x striim --token a=b");
        assert_eq!(
            one.value(&one.account.token, PlatformName::Striim).unwrap(),
            Some("a=b")
        );
        let two = parse("x striim quix striim --token quix=a --token striim=b=c");
        assert_eq!(two.platforms(), [PlatformName::Striim, PlatformName::Quix]);
        assert_eq!(
            two.value(&two.account.token, PlatformName::Striim).unwrap(),
            Some("b=c")
        );
        assert_eq!(two.value(&two.account.token, PlatformName::Quix).unwrap(), Some("a"));
        let ambiguous = parse("x striim quix --token a");
        assert!(ambiguous.value(&ambiguous.account.token, PlatformName::Quix).is_err());
    }
}
