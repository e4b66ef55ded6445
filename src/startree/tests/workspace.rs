//! Configurations of several resources, applied to the sandbox by the in-memory Terraform, under
//! tokio's paused clock.

mod concurrent;
mod environment;
mod names;
mod overlap;
mod requests;
mod role_names;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use secrecy::ExposeSecret;
use tower::{ServiceExt, service_fn};

use super::sandbox;
use crate::framework::testing::Diagnostic;
use crate::framework::testing::{Configuration, ResourceBlock, RunOptions, RunOutcome, Workspace};
use crate::framework::{Field, Severity};
use crate::platform::Runtime;
use crate::platform::testing::variables;
use crate::rest::{BoxError, Transport};
use crate::sandbox::startree::{Options, Sandbox, Subject};
use crate::startree::StarTree;
use crate::startree::resources::service_token::{self, RotationPolicy};
use crate::startree::resources::{role, role_assignment};

/// The duration of a request, so that concurrent operations interleave.
const LATENCY: Duration = Duration::from_millis(5);

/// An environment, and a workspace that manages it.
struct World {
    sandbox: Sandbox,
    workspace: Workspace,
    bearer: String,
    /// The scheme and the host of the provider's base URL. All lead to the sandbox.
    host: &'static str,
    /// The number of requests that the providers sent.
    sent: Arc<AtomicUsize>,
}

/// The result of a run: its outcome, its diagnostics and its number of requests.
#[derive(Debug)]
struct Run {
    ended: RunOutcome,
    diagnostics: Vec<Diagnostic>,
    requests: usize,
}

impl Run {
    #[track_caller]
    fn succeeds(self) -> Self {
        assert_ne!(self.ended, RunOutcome::Failed, "{self:#?}");
        self
    }

    #[track_caller]
    fn changes_nothing(self) -> Self {
        assert_eq!(self.ended, RunOutcome::Unchanged, "{self:#?}");
        self
    }

    fn warns(&self, phrase: &str) -> bool {
        let warnings = self
            .diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.severity == Severity::Warning);
        warnings
            .map(ToString::to_string)
            .any(|warning| warning.contains(phrase))
    }
}

impl World {
    fn new(options: Options) -> Self {
        let sandbox = sandbox(options);
        Self {
            bearer: sandbox.add_administrator().bearer().expose_secret().to_owned(),
            sandbox,
            workspace: Workspace::default(),
            host: "http://127.0.0.1",
            sent: Arc::default(),
        }
    }

    fn start(&self) -> StarTree {
        let (sandbox, sent) = (self.sandbox.clone(), self.sent.clone());
        let given = [("STARTREE_BASE_URL", self.host), ("STARTREE_TOKEN", &*self.bearer)];
        StarTree::new(Runtime {
            clock: sandbox.clock(),
            environment: variables(&given),
            transport: Box::new(move |_| {
                let (sandbox, sent) = (sandbox.clone(), sent.clone());
                Transport::new(service_fn(move |request: Request<Full<Bytes>>| {
                    sent.fetch_add(1, Ordering::SeqCst);
                    let service = sandbox.service();
                    async move {
                        tokio::time::sleep(LATENCY).await;
                        service.oneshot(request).await.map_err(BoxError::from)
                    }
                }))
            }),
        })
    }

    /// Runs `terraform apply`: plan and apply, each with a separate provider process.
    async fn apply(&self, declared: &Configuration) -> Run {
        self.apply_with(declared, &RunOptions::default()).await
    }

    async fn apply_with(&self, declared: &Configuration, options: &RunOptions) -> Run {
        let before = self.sent.load(Ordering::SeqCst);
        let ended = self.workspace.apply_with(|| self.start(), declared, options).await;
        assert_eq!(self.workspace.violations(), Vec::<String>::new());
        Run {
            ended,
            diagnostics: self.workspace.take_diagnostics(),
            requests: self.sent.load(Ordering::SeqCst) - before,
        }
    }

    /// Returns the subjects that a role is assigned to.
    fn holders(&self, role: &str) -> Vec<String> {
        let roles = self.sandbox.roles();
        let subjects = roles.get(role).into_iter().flat_map(|role| role.subjects());
        subjects.map(|subject| subject.subject.clone()).collect()
    }

    /// Returns the access keys of all service tokens but the provider's.
    fn keys(&self) -> Vec<String> {
        let tokens = self.sandbox.tokens().into_iter();
        let others = tokens.filter(|token| token.bearer().expose_secret() != self.bearer);
        others.map(|token| token.access_key).collect()
    }

    fn token(&self, label: &str) -> service_token::ServiceToken {
        self.workspace.state()[&format!("startree_service_token.{label}")].model()
    }

    fn key(&self, label: &str) -> String {
        self.token(label).access_key.into_known().unwrap()
    }
}

fn role(name: &str) -> ResourceBlock {
    ResourceBlock::new(role::Role {
        name: name.into(),
        ..role::Role::default()
    })
}

fn token(description: &str, release: &str, overlap: Option<&str>) -> ResourceBlock {
    let triggers = BTreeMap::from([("release".to_owned(), Field::from(release))]);
    ResourceBlock::new(service_token::ServiceToken {
        description: description.into(),
        rotation: RotationPolicy {
            rotation_triggers: triggers.into(),
            overlap: overlap.map(str::to_owned).into(),
            ..RotationPolicy::default()
        },
        ..service_token::ServiceToken::default()
    })
}

/// Declares the assignment of the role at one address to the token at another.
fn assignment(role: &str, token: &str) -> ResourceBlock {
    let config = role_assignment::RoleAssignment {
        subject_type: "service-token".into(),
        ..role_assignment::RoleAssignment::default()
    };
    ResourceBlock::new(config)
        .referring("role", role, "id")
        .referring("subject", token, "access_key")
}
