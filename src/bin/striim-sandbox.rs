//! An in-memory Striim Cloud API, to try out the provider and to test Terraform modules.

use std::io::Write;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::{Context, bail};
use secrecy::ExposeSecret;
use token_providers::sandbox::striim::{AdminToken, Options, Sandbox, Seed};
use token_providers::sandbox::{Listening, Vault};

const HELP: &str = "\
striim-sandbox: Striim Cloud's token API in memory. All data is lost when it exits.

Usage: striim-sandbox [OPTION VALUE]...

  --listen ADDRESS   address to listen on; with port 0, any free port [default: 127.0.0.1:8080].
                     Every client that can connect to it controls the sandbox.
  --account NAME     short name of the account [default: acme]
  --token VALUE      the administrator's token [default: random]
  --admin KIND       type of the administrator's token: service-account (named \"terraform\") or
                     personal (a PAT; disabling PATs revokes it) [default: service-account]
  --quota N          maximum number of active service accounts [default: 3]
  --vault ADDRESS    also serve a Vault at this address, with a KV version 2 at the mount \"secret\"
  --now INSTANT      initial time of the sandbox's clock, RFC 3339 [default: the machine's time]
  --random SEED      seed for reproducible token values [default: random]
  --options JSON     behaviour of the platform, such as '{\"list\": \"wrapped\", \"rate-limits\": null}';
                     GET /sandbox/options returns all options

The control API at /sandbox inspects and changes the platform. It requires no token:

  GET /sandbox                        the account, without token values
  GET, POST /sandbox/tokens           the tokens; create one as in the web console
  POST /sandbox/clock                 {\"advance\": \"90d\"} or {\"now\": \"2027-02-09T00:00:00Z\"}
  GET /sandbox/audit                  every changing request
  GET, PATCH /sandbox/options         the behaviour of the platform
  GET, POST, DELETE /sandbox/faults   {\"method\": \"POST\", \"path\": \"/service-account\", \"effect\": \"cut\"}
  GET /sandbox/values                 the token values issued, to search for leaks
  POST /sandbox/seed                  {\"service-accounts\": [{\"name\": \"ci\", \"token\": {\"expires-in\": \"30d\"}}]}

The console at / shows all of it.
";

struct Arguments {
    listen: SocketAddr,
    vault: Option<SocketAddr>,
    seed: Seed,
    options: Options,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .iter()
        .any(|argument| argument == "--help" || argument == "-h")
    {
        return print(HELP);
    }
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("striim-sandbox: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Vec<String>) -> anyhow::Result<()> {
    let Arguments {
        listen,
        vault,
        seed,
        options,
    } = parse(arguments)?;
    let account = seed.account.clone();
    let sandbox = Sandbox::seeded(seed, options);
    let listening = sandbox
        .listen(listen)
        .await
        .with_context(|| format!("cannot listen on {listen}"))?;
    let vault = match vault {
        Some(at) => Some(serve_vault(&sandbox, at).await?),
        None => None,
    };
    // The handler is installed before the output, because the parent process may send the
    // interrupt as soon as it reads the output.
    let interrupted = tokio::spawn(tokio::signal::ctrl_c());
    tokio::task::yield_now().await;
    let (base_url, token) = (&listening.base_url, sandbox.admin_token());
    let token = token.expose_secret();
    let for_vault = vault.as_ref().map_or("", |(_, export)| export.as_str());
    print(&format!(
        "Striim Cloud sandbox, account {account}\n\
         base URL     {base_url}\n\
         admin token  {token}\n\
         control      http://{}/sandbox\n\
         \n\
         export STRIIM_BASE_URL={base_url} STRIIM_TOKEN={token}\n{for_vault}",
        listening.address,
    ));
    interrupted.await?.context("cannot wait for Ctrl-C")
}

/// Serves a Vault, and returns the shell line that configures its clients.
async fn serve_vault(sandbox: &Sandbox, at: SocketAddr) -> anyhow::Result<(Listening, String)> {
    let vault = Vault::new(sandbox.clock());
    let listening = vault
        .listen(at)
        .await
        .with_context(|| format!("cannot listen on {at}"))?;
    let (address, token) = (&listening.base_url, vault.root_token());
    let export = format!("export VAULT_ADDR={address} VAULT_TOKEN={}\n", token.expose_secret());
    Ok((listening, export))
}

fn parse(arguments: Vec<String>) -> anyhow::Result<Arguments> {
    let mut parsed = Arguments {
        listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
        vault: None,
        seed: Seed::default(),
        options: Options::default(),
    };
    let mut quota = None;
    let mut arguments = arguments.into_iter();
    while let Some(option) = arguments.next() {
        let value = arguments
            .next()
            .with_context(|| format!("{option} needs a value; see --help"))?;
        let invalid = || format!("invalid value for {option}: {value}");
        match option.as_str() {
            "--listen" => parsed.listen = value.parse().with_context(invalid)?,
            "--vault" => parsed.vault = Some(value.parse().with_context(invalid)?),
            "--account" => parsed.seed.account = value,
            "--token" => parsed.seed.admin_token = Some(value.into()),
            "--admin" => parsed.seed.admin = admin(&value)?,
            "--quota" => quota = Some(value.parse().with_context(invalid)?),
            "--now" => parsed.seed.now = Some(value.parse().with_context(invalid)?),
            "--random" => parsed.seed.random = Some(value.parse().with_context(invalid)?),
            "--options" => parsed.options = serde_json::from_str(&value).with_context(invalid)?,
            _ => bail!("unknown option {option}; see --help"),
        }
    }
    parsed.options.quota = quota.unwrap_or(parsed.options.quota);
    Ok(parsed)
}

fn admin(kind: &str) -> anyhow::Result<AdminToken> {
    match kind {
        "service-account" => Ok(AdminToken::ServiceAccount("terraform".to_owned())),
        "personal" => Ok(AdminToken::Personal),
        _ => bail!("invalid value for --admin: {kind}; it must be service-account or personal"),
    }
}

/// Prints to standard output. Fails if standard output is closed.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
