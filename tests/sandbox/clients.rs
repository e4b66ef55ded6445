//! The platforms' public clients work with the sandboxes: each call that concerns an endpoint of theirs succeeds, or fails
//! as the client expects.

use secrecy::ExposeSecret as _;
use serde_json::Value;
use token_providers::sandbox::{Listening, Platform, Sandbox, neuroio, quix};

use crate::support::clients::run_python;
use crate::support::node::Scripts;

const JAVASCRIPT: Scripts = Scripts {
    folder: "tests/sandbox/clients",
    packages: "the JavaScript client from npm (2 MB)",
    programs: &[],
};

async fn listen<P: Platform>(sandbox: &Sandbox<P>) -> Listening {
    sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap()
}

/// A sandbox for a client of NeuroIO.
struct NeuroIo {
    sandbox: neuroio::Sandbox,
    listening: Listening,
    token: String,
}

impl NeuroIo {
    async fn new() -> Self {
        let sandbox = neuroio::Sandbox::new(neuroio::Options::default());
        Self {
            listening: listen(&sandbox).await,
            token: sandbox
                .add_api_token(&neuroio::Realm::Account)
                .expose_secret()
                .to_owned(),
            sandbox,
        }
    }

    /// The variables of a script. Both clients have the version of the API in their paths.
    fn variables(&self) -> [(&str, &str); 2] {
        let url = self.listening.base_url.strip_suffix("/v1").unwrap();
        [("URL", url), ("TOKEN", &self.token)]
    }

    /// Checks that the token in the last answer is the only one.
    fn has_only(&self, token: &Value) {
        let key = token["key"].as_str().unwrap();
        assert!(self.sandbox.is_live(key));
        assert_eq!(self.sandbox.tokens(&neuroio::Realm::Account).len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn python_client_of_neuroio_works_with_the_sandbox() {
    let platform = NeuroIo::new().await;
    platform.has_only(&run_python("neuroio.py", &platform.variables()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn javascript_client_of_neuroio_works_with_the_sandbox() {
    let platform = NeuroIo::new().await;
    if let Some(token) = JAVASCRIPT.run("neuroio.mjs", &platform.variables()).await.unwrap() {
        platform.has_only(&token);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn python_client_of_quix_works_with_the_sandbox() {
    let others = quix::Options {
        has_certificate: false,
        errors: quix::ErrorBody::Plain,
        ..quix::Options::default()
    };
    for options in [quix::Options::default(), others] {
        let has_certificate = options.has_certificate.to_string();
        let sandbox = quix::Sandbox::new(options);
        for workspace in ["acme-shop-dev", "acme-shop-prod"] {
            sandbox.add_workspace(workspace);
        }
        let listening = listen(&sandbox).await;
        let (pat, [sdk_token, _]) = (
            sandbox.add_user(quix::Role::Admin),
            sandbox.tokens("acme-shop-dev").unwrap(),
        );
        let variables = [
            ("URL", listening.base_url.as_str()),
            ("PAT", pat.expose_secret()),
            ("SDK_TOKEN", sdk_token.expose_secret()),
            ("HAS_CERTIFICATE", &has_certificate),
        ];
        let settings = run_python("quixstreams.py", &variables).await.unwrap();
        let password = settings["password"].as_str().unwrap();
        let issued = sandbox.issued_values();
        assert!(issued.iter().any(|value| value.expose_secret() == password));
    }
}
