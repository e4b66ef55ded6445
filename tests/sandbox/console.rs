//! The console in a real browser: each view, each action, and what the page promises for all of them.

use std::path::Path;

use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use token_providers::sandbox::{neuroio, quix, startree, striim};

use crate::support::browser::drive;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// An account with a history of 100 days, and a token in most states.
fn striim() -> striim::Sandbox {
    let sandbox = striim::Sandbox::new(striim::Options {
        quota: 5,
        ..striim::Options::default()
    });
    let in_days = |days: i32| Some(sandbox.clock().now() + days * DAY);
    sandbox.add_service_account("old-import", in_days(70));
    sandbox.advance(20 * DAY);
    sandbox.add_service_account("leaked", in_days(150));
    sandbox.add_service_account("nightly-export", in_days(89));
    sandbox.advance(50 * DAY);
    sandbox.delete_outside("leaked").unwrap();
    sandbox.add_user("ada@acme.example", striim::Role::Regular);
    sandbox.add_user_token("ada@acme.example", in_days(60)).unwrap();
    sandbox.advance(30 * DAY);
    sandbox.add_service_account("ci-pipeline", in_days(150));
    sandbox
}

fn startree() -> startree::Sandbox {
    let sandbox = startree::Sandbox::new(startree::Options::default());
    sandbox.add_policy("read-tables", None, "{}");
    sandbox.add_role("table-reader", Some("Reads tables"));
    sandbox.attach_outside("table-reader", "read-tables");
    sandbox.assign_outside("table-reader", startree::Subject::new("user-email", "ada@acme.example"));
    sandbox.add_token_described("ingestion of orders");
    sandbox
}

fn quix() -> quix::Sandbox {
    let sandbox = quix::Sandbox::new(quix::Options::default());
    sandbox.add_user(quix::Role::Admin);
    for workspace in ["acme-shop-dev", "acme-shop-prod"] {
        sandbox.add_workspace(workspace);
    }
    sandbox
}

fn neuroio() -> neuroio::Sandbox {
    let sandbox = neuroio::Sandbox::new(neuroio::Options::default());
    sandbox.add_api_token(&neuroio::Realm::Account);
    for permanent in [true, false] {
        sandbox.add_token(&neuroio::Realm::Account, permanent);
    }
    sandbox
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn table_of_tokens_follows_filters_switches_and_the_clock() {
    drive(&striim(), "tokens.mjs", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn values_are_shown_once_and_then_forgotten() {
    let sandbox = striim::Sandbox::new(striim::Options::default());
    let Some(values) = drive(&sandbox, "values.mjs", &[]).await else {
        return;
    };
    for value in values.as_array().unwrap() {
        let value = value.as_str().unwrap();
        let issued = sandbox.issued_values();
        assert!(issued.iter().any(|known| known.expose_secret() == value));
        assert!(!sandbox.is_live(value));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn activity_of_other_clients_appears_live() {
    let sandbox = striim::Sandbox::new(striim::Options::default());
    let token = sandbox.admin_token();
    drive(&sandbox, "activity.mjs", &[("TOKEN", token.expose_secret())]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn roles_of_startree_are_assigned_and_removed() {
    drive(&startree(), "startree.mjs", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn streaming_tokens_of_quix_are_rotated() {
    drive(&quix(), "quix.mjs", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn tokens_of_neuroio_are_deactivated_and_activated() {
    drive(&neuroio(), "neuroio.mjs", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn page_works_with_the_keyboard_alone() {
    drive(&striim(), "keyboard.mjs", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn page_is_accessible_on_all_platforms() {
    drive(&striim(), "accessibility.mjs", &[]).await;
    drive(&startree(), "accessibility.mjs", &[]).await;
    drive(&quix(), "accessibility.mjs", &[]).await;
    drive(&neuroio(), "accessibility.mjs", &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn page_stays_responsive_with_10000_tokens() {
    let sandbox = striim::Sandbox::new(striim::Options {
        quota: 20_000,
        ..striim::Options::default()
    });
    let now = sandbox.clock().now();
    for number in 0..10_000 {
        let expiry = now + (1 + number % 360) * DAY;
        sandbox.add_service_account(&format!("service-{number:05}"), Some(expiry));
    }
    if let Some(figures) = drive(&sandbox, "many.mjs", &[]).await {
        println!("milliseconds with 10,000 tokens: {figures}");
    }
}

/// Takes the screenshots of the documentation if `UPDATE_SCREENSHOTS` is set. Otherwise checks that they can be taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn screenshots_are_taken() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = match std::env::var_os("UPDATE_SCREENSHOTS") {
        Some(_) => Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sandbox"),
        None => scratch.path().to_owned(),
    };
    let folder = folder.to_str().unwrap();
    let (striim, startree, quix) = (striim(), startree(), quix());
    let token = striim.admin_token();
    let variables = [
        ("FOLDER", folder),
        ("PLATFORM", "striim"),
        ("TOKEN", token.expose_secret()),
    ];
    drive(&striim, "screenshots.mjs", &variables).await;
    startree.advance(40 * DAY);
    let variables = [("FOLDER", folder), ("PLATFORM", "startree")];
    drive(&startree, "screenshots.mjs", &variables).await;
    quix.advance(40 * DAY);
    let variables = [("FOLDER", folder), ("PLATFORM", "quix")];
    drive(&quix, "screenshots.mjs", &variables).await;
}
