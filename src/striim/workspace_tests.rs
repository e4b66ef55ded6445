//! Workspaces of several resources under a Terraform in miniature: what one run's resources share.

use std::cell::RefCell;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::provider::Striim;
use super::service_account_token::ServiceAccountToken;
use super::testing::sandbox;
use crate::framework::{Model as _, Resource, Value};
use crate::platform::Parts;
use crate::platform::testing::variables;
use crate::platform::testing::workspace::{Configuration, Declared, Ended, Workspace};
use crate::rest::Transport;
use crate::sandbox::striim::{Options, Sandbox};

const LIST: (&str, &str) = ("GET", "/service-accounts");

/// One account, and a workspace that manages some of it.
struct World {
    sandbox: Sandbox,
    workspace: Workspace,
}

impl World {
    fn new() -> Self {
        let options = Options {
            quota: 20,
            ..Options::default()
        };
        Self {
            sandbox: sandbox(options),
            workspace: Workspace::default(),
        }
    }

    fn provider(&self) -> Striim {
        let sandbox = self.sandbox.clone();
        Striim::new(Parts {
            clock: self.sandbox.clock(),
            environment: variables(&[
                ("STRIIM_TOKEN", self.sandbox.admin_token().expose_secret()),
                ("STRIIM_BASE_URL", "http://127.0.0.1"),
            ]),
            transport: Box::new(move |_| Transport::new(sandbox.service())),
        })
    }

    /// `terraform apply`, which must succeed, and how many lists the plan's and the apply's process have requested.
    async fn lists(&self, declared: &Configuration) -> [usize; 2] {
        let starts = RefCell::new(Vec::new());
        let start = || {
            starts.borrow_mut().push(self.sandbox.calls(LIST.0, LIST.1));
            self.provider()
        };
        let ended = self.workspace.apply(start, declared).await;
        assert_eq!(ended, Ended::Applied, "{:#?}", self.workspace.told());
        assert_eq!(self.workspace.broken(), Vec::<String>::new());
        let total = self.sandbox.calls(LIST.0, LIST.1);
        let [plan, apply] = starts.into_inner()[..] else {
            panic!("two processes are expected");
        };
        [apply - plan, total - apply]
    }
}

/// A resource with these attributes.
fn declare<R: Resource>(attributes: &[(&str, Value)]) -> Declared {
    let attributes = attributes.iter().cloned();
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value));
    Declared::new::<R>(R::Model::from_value(&Value::Map(attributes.collect())).unwrap())
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// So many service account tokens with these attributes in common.
fn tokens(count: usize, attributes: &[(&str, Value)]) -> Configuration {
    let tokens = (0..count).map(|n| {
        let attributes = [attributes, &[("name", text(&format!("ci-{n}")))]].concat();
        let address = format!("striim_service_account_token.ci{n}");
        (address, declare::<ServiceAccountToken>(&attributes))
    });
    tokens.collect()
}

#[tokio::test(start_paused = true)]
async fn creations_request_one_list_in_the_plan_and_one_in_the_apply() {
    for count in [1, 5] {
        for adopts in [Value::Null, Value::Bool(true)] {
            let world = World::new();
            let declared = tokens(count, &[("adopt_existing", adopts)]);
            assert_eq!(world.lists(&declared).await, [1, 1], "{count}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn rotations_request_one_list_in_the_plan_and_none_in_the_apply() {
    let world = World::new();
    world.lists(&tokens(5, &[])).await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let triggers = Value::Map([("release".to_owned(), text("2"))].into());
    let rotated = tokens(5, &[("rotation_triggers", triggers)]);
    assert_eq!(world.lists(&rotated).await, [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn destroys_request_one_list_in_the_plan_and_one_each_in_the_apply() {
    let world = World::new();
    world.lists(&tokens(5, &[])).await;
    assert_eq!(world.lists(&tokens(0, &[])).await, [1, 5]);
}

#[tokio::test(start_paused = true)]
async fn replacements_request_no_more_lists_than_destroys_and_one() {
    let world = World::new();
    world.lists(&tokens(5, &[])).await;
    let described = tokens(5, &[("description", text("CI"))]);
    assert_eq!(world.lists(&described).await, [1, 6]);
}
