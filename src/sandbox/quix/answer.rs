//! The answers to successful requests, in the layout that the options select.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::options::{Options, Tokens};
use super::state::Workspace;

impl Options {
    /// A workspace, with its broker's password.
    pub(super) fn workspace(&self, id: &str, workspace: &Workspace) -> Value {
        json!({
            "workspaceId": id,
            "name": id,
            "status": "Ready",
            "brokerType": "SharedKafka",
            "broker": {
                "address": "kafka-1.sandbox:9093,kafka-2.sandbox:9093",
                "securityMode": "SaslSsl",
                "sslPassword": "",
                "saslMechanism": "ScramSha256",
                "username": id,
                "password": workspace.password.expose_secret(),
                "hasCertificate": self.has_certificate,
            },
            "workspaceClassId": "Standard",
            "storageClassId": "Standard",
            "createdAt": format!("{:.3}", workspace.created),
            "brokerSettings": {"brokerType": "SharedKafka", "syncTopics": false},
            "repositoryId": "00000000-0000-4000-8000-000000000001",
            "branch": "main",
            "environmentName": id,
            "version": 2,
            "branchProtected": false,
        })
    }

    /// The streaming tokens of a workspace.
    pub(super) fn tokens(&self, tokens: &[SecretString; 2]) -> Value {
        let [one, two] = tokens.each_ref().map(ExposeSecret::expose_secret);
        match self.tokens {
            Tokens::Published => json!({"current": one, "next": two}),
            Tokens::Named => json!({"token1": one, "token2": two}),
            Tokens::Strings => json!([one, two]),
            Tokens::Objects => json!([{ "token": one }, { "token": two }]),
            Tokens::Wrapped => json!({"tokens": [{ "value": one }, { "value": two }]}),
        }
    }
}
