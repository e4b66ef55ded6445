//! An in-memory Striim Cloud API, for trying the provider out and for tests of Terraform modules.

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

  --listen ADDRESS   the address to listen on [127.0.0.1:8080]; port 0 takes a free one.
                     Every client that can reach the address controls the sandbox.
  --account NAME     the account's short name [acme]
  --token VALUE      the administrator's token [random]
  --admin KIND       the kind of that token: service-account [the default, named \"terraform\"]
                     or personal (a PAT, which is revoked when PATs are disabled)
  --quota N          the number of service accounts that may be active [3]
  --vault ADDRESS    also serve a Vault at this address, for deliveries: KV version 2 at the mount \"secret\"
  --now INSTANT      the initial time of its clock, RFC 3339 [the present]
  --random SEED      a seed that makes token values reproducible
  --options JSON     the behaviour of the platform, e.g. '{\"list\": \"wrapped\", \"rate-limits\": null}';
                     GET /sandbox/options shows all

In addition to the API, the control API at /sandbox lets a test inspect and change the platform, without a token:

  GET /sandbox                        the account, without token values
  POST /sandbox/clock                 {\"advance\": \"90d\"} or {\"now\": \"2027-02-09T00:00:00Z\"}
  GET /sandbox/audit                  all operations on tokens
  GET, DELETE /sandbox/calls          the number of calls of each endpoint
  GET, PATCH /sandbox/options         the behaviour of the platform
  GET, POST, DELETE /sandbox/faults   {\"method\": \"POST\", \"path\": \"/service-account\", \"times\": 1, \"skip\": 0,
                                      \"when\": \"before\" or \"after\" the platform acts, \"effect\": one of
                                      {\"answer\": {\"status\": 503, \"headers\": {}, \"body\": \"\"}},
                                      \"cut\", \"truncate\", \"hang\", {\"delay\": \"5s\"}}
  GET /sandbox/values                 every token value ever issued, to search for leaks
  POST /sandbox/service-account       {\"name\", \"description\", \"expires-at\", \"token\"}: bypassing the rules
  POST /sandbox/user                  {\"email\", \"role\": \"admin\" or \"regular\"}
  POST /sandbox/user-token            {\"email\", \"expires-at\", \"token\"}: a PAT bypassing the rules
  any /sandbox/console/...            an endpoint of the API, called as an administrator in the web console
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
    // The handler is installed before the output, because a reader of it may send the interrupt at
    // once.
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
        let wrong = || format!("{option} {value}");
        match option.as_str() {
            "--listen" => parsed.listen = value.parse().with_context(wrong)?,
            "--vault" => parsed.vault = Some(value.parse().with_context(wrong)?),
            "--account" => parsed.seed.account = value,
            "--token" => parsed.seed.admin_token = Some(value.into()),
            "--admin" => parsed.seed.admin = admin(&value)?,
            "--quota" => quota = Some(value.parse().with_context(wrong)?),
            "--now" => parsed.seed.now = Some(value.parse().with_context(wrong)?),
            "--random" => parsed.seed.random = Some(value.parse().with_context(wrong)?),
            "--options" => parsed.options = serde_json::from_str(&value).with_context(wrong)?,
            _ => bail!("there is no {option}; see --help"),
        }
    }
    parsed.options.quota = quota.unwrap_or(parsed.options.quota);
    Ok(parsed)
}

fn admin(kind: &str) -> anyhow::Result<AdminToken> {
    match kind {
        "service-account" => Ok(AdminToken::ServiceAccount("terraform".to_owned())),
        "personal" => Ok(AdminToken::Personal),
        _ => bail!("--admin is service-account or personal, not {kind}"),
    }
}

/// Prints to standard output; fails if its reader is gone.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
