//! The destination of the token: Vault's KV version 2 at `$VAULT_ADDR`, or a sandbox that lasts as
//! long as the demo.

use anyhow::{Context as _, Result};
use http::StatusCode;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use token_providers::sandbox::{Listening, Vault as Sandbox};

use token_providers::token::Clock;

/// The path of the secret in the mount `secret`, which a development server of Vault has from the
/// start.
const PATH: &str = "striim/ci-pipeline";

/// A KV version 2 that the demo writes to.
pub(crate) struct Vault {
    address: String,
    token: String,
    http: reqwest::Client,
    /// The name of the server in the output.
    pub(crate) name: String,
    _sandbox: Option<Listening>,
}

impl Vault {
    /// Connects to `$VAULT_ADDR` with `$VAULT_TOKEN`, or starts a sandbox.
    pub(crate) async fn open(http: reqwest::Client) -> Result<Self> {
        let Ok(address) = std::env::var("VAULT_ADDR") else {
            let vault = Sandbox::new(Clock::system());
            let sandbox = vault.listen(([127, 0, 0, 1], 0).into()).await?;
            return Ok(Self {
                address: sandbox.base_url.clone(),
                token: vault.root_token().expose_secret().to_owned(),
                http,
                name: "a sandbox of Vault".to_owned(),
                _sandbox: Some(sandbox),
            });
        };
        Ok(Self {
            address: address.trim_end_matches('/').to_owned(),
            token: std::env::var("VAULT_TOKEN").context("VAULT_ADDR is set, VAULT_TOKEN is not")?,
            http,
            name: format!("the Vault at {address}"),
            _sandbox: None,
        })
    }

    /// Writes the value as a new version.
    pub(crate) async fn put(&self, value: &str) -> Result<()> {
        let request = self.http.post(format!("{}/v1/secret/data/{PATH}", self.address));
        let body = json!({"data": {"token": value}}).to_string();
        let response = request.header("X-Vault-Token", &self.token).body(body).send().await?;
        response.error_for_status().context("Vault does not accept the token")?;
        Ok(())
    }

    /// The number of the secret's newest version; 0 if the secret does not exist. Reads metadata
    /// only.
    pub(crate) async fn version(&self) -> Result<i64> {
        let request = self.http.get(format!("{}/v1/secret/metadata/{PATH}", self.address));
        let response = request.header("X-Vault-Token", &self.token).send().await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(0);
        }
        let metadata: Value = serde_json::from_slice(&response.error_for_status()?.bytes().await?)?;
        metadata
            .pointer("/data/current_version")
            .and_then(Value::as_i64)
            .context("metadata without a version")
    }
}
