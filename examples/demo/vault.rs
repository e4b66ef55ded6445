//! Where the token goes: Vault's KV v2 at `$VAULT_ADDR`, or a stand-in that lives as long as the demo.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

/// The secret's place: mount `secret`, which a development server of Vault has from the start.
const PATH: &str = "striim/ci-pipeline";

/// A KV v2 that the demo writes to.
pub(crate) struct Vault {
    address: String,
    token: String,
    http: reqwest::Client,
    /// Which one it is, for the narration.
    pub(crate) name: String,
}

impl Vault {
    /// `$VAULT_ADDR` with `$VAULT_TOKEN`, else a stand-in.
    pub(crate) async fn open(http: reqwest::Client) -> Result<Self> {
        match std::env::var("VAULT_ADDR") {
            Ok(address) => {
                let token = std::env::var("VAULT_TOKEN").context("VAULT_ADDR is set, VAULT_TOKEN is not")?;
                let name = format!("the Vault at {address}");
                Ok(Self {
                    address: address.trim_end_matches('/').to_owned(),
                    token,
                    http,
                    name,
                })
            }
            Err(_) => {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
                let address = format!("http://{}", listener.local_addr()?);
                tokio::spawn(async move { axum::serve(listener, stand_in()).await });
                Ok(Self {
                    address,
                    token: "stand-in".to_owned(),
                    http,
                    name: "a stand-in for Vault".to_owned(),
                })
            }
        }
    }

    /// Writes the value as a new version.
    pub(crate) async fn put(&self, value: &str) -> Result<()> {
        let request = self.http.post(format!("{}/v1/secret/data/{PATH}", self.address));
        let body = json!({"data": {"token": value}}).to_string();
        let response = request.header("X-Vault-Token", &self.token).body(body).send().await?;
        response.error_for_status().context("Vault does not take the token")?;
        Ok(())
    }

    /// The number of the secret's newest version; 0 where there is none. Reads metadata only.
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

/// The secrets by their path, each with all its versions.
type Secrets = Arc<Mutex<HashMap<String, Vec<Value>>>>;

/// As much of KV v2 as the demo needs.
fn stand_in() -> Router {
    Router::new()
        .route("/v1/secret/data/{*path}", post(write))
        .route("/v1/secret/metadata/{*path}", get(metadata))
        .with_state(Secrets::default())
}

async fn write(
    State(secrets): State<Secrets>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, StatusCode> {
    headers.get("X-Vault-Token").ok_or(StatusCode::FORBIDDEN)?;
    let mut request: Value = serde_json::from_str(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let data = request
        .get_mut("data")
        .map(Value::take)
        .ok_or(StatusCode::BAD_REQUEST)?;
    let mut secrets = secrets.lock().unwrap_or_else(PoisonError::into_inner);
    let versions = secrets.entry(path).or_default();
    versions.push(data);
    Ok(Json(json!({"data": {"version": versions.len()}})))
}

async fn metadata(State(secrets): State<Secrets>, Path(path): Path<String>) -> Result<Json<Value>, StatusCode> {
    let secrets = secrets.lock().unwrap_or_else(PoisonError::into_inner);
    let versions = secrets.get(&path).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({"data": {"current_version": versions.len()}})))
}
