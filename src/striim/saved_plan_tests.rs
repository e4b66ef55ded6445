//! Plans that are applied after a token fell due: what was planned is what is applied, and the next run rotates.

use std::time::Duration;

use crate::framework::{AnyResource, Model};
use crate::platform::testing::workspace::lone::Lone;
use crate::sandbox::striim::{AuditAction, Options, Role, Sandbox};
use crate::striim::testing::{sandbox, session};
use crate::striim::{personal_access_token, service_account_token, service_account_token_pair};

const DAY: Duration = Duration::from_secs(24 * 3_600);
const USER: &str = "ann@acme.example";

type Start = fn(&Sandbox) -> Box<dyn AnyResource>;

/// How many values the platform has issued.
fn issued(sandbox: &Sandbox) -> usize {
    let issues = [
        AuditAction::CreateServiceAccount,
        AuditAction::RotateServiceAccount,
        AuditAction::RotatePat,
    ];
    let audit = sandbox.audit();
    audit.iter().filter(|entry| issues.contains(&entry.action)).count()
}

fn with_user() -> Sandbox {
    let sandbox = sandbox(Options::default());
    sandbox.add_user(USER, Role::Regular);
    sandbox.add_user_token(USER, None).unwrap();
    sandbox
}

/// Applies `first`, saves a plan of `second` after so many days, and applies it so many days later.
async fn applied_late<M: Model + Clone>(start: Start, first: &M, second: &M, planned_on: u32, applied_on: u32) {
    let sandbox = with_user();
    let process = || start(&sandbox);
    let mut workspace = Lone::new();
    workspace.apply(process, Some(first)).await.succeeds();
    let before = issued(&sandbox);
    tokio::time::advance(DAY * planned_on).await;
    let plan = workspace.save_plan(process, Some(second)).await;
    tokio::time::advance(DAY * (applied_on - planned_on)).await;
    let run = workspace.apply_saved(process, Some(second), &plan).await;
    assert!(run.changed);
    run.succeeds().warns("is due, and the next run changes it");
    assert_eq!(issued(&sandbox), before, "what was not planned is not done");
    workspace
        .apply(process, Some(second))
        .await
        .succeeds()
        .warns("is to be rotated");
    assert_eq!(issued(&sandbox), before + 1);
    workspace.apply(process, Some(second)).await.changes_nothing();
}

fn token() -> service_account_token::Model {
    service_account_token::Model {
        name: "ci-pipeline".into(),
        expires_in: "90d".into(),
        rotate_before: "14d".into(),
        ..Default::default()
    }
}

fn start_token(sandbox: &Sandbox) -> Box<dyn AnyResource> {
    Box::new(service_account_token::ServiceAccountToken::new(session(sandbox)))
}

#[tokio::test(start_paused = true)]
async fn token_saved_plan_applied_after_it_fell_due_only_records() {
    for changed in [
        service_account_token::Model {
            rotate_before: "20d".into(),
            ..token()
        },
        service_account_token::Model {
            adopt_existing: true.into(),
            ..token()
        },
    ] {
        // Due, and expired.
        for applied_on in [80, 200] {
            applied_late(start_token, &token(), &changed, 10, applied_on).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn personal_access_token_saved_plan_applied_after_it_fell_due_only_records() {
    let declared = |before: &str| personal_access_token::Model {
        email: USER.into(),
        expires_in: "30d".into(),
        rotate_before: before.into(),
        ..Default::default()
    };
    let start: Start = |sandbox| Box::new(personal_access_token::PersonalAccessToken::new(session(sandbox)));
    for applied_on in [24, 40] {
        applied_late(start, &declared("7d"), &declared("10d"), 5, applied_on).await;
    }
}

#[tokio::test(start_paused = true)]
async fn pair_saved_plan_applied_after_it_fell_due_only_records() {
    let declared = |every: &str| service_account_token_pair::Model {
        name: "ci".into(),
        expires_in: "90d".into(),
        rotate_every: every.into(),
        ..Default::default()
    };
    let start: Start = |sandbox| {
        Box::new(service_account_token_pair::ServiceAccountTokenPair::new(session(
            sandbox,
        )))
    };
    for applied_on in [41, 95] {
        applied_late(start, &declared("30d"), &declared("40d"), 5, applied_on).await;
    }
}

#[tokio::test(start_paused = true)]
async fn declaration_that_makes_a_token_due_is_recorded_first_and_rotates_in_the_next_run() {
    let sandbox = with_user();
    let process = || start_token(&sandbox);
    let mut workspace = Lone::new();
    workspace.apply(process, Some(&token())).await.succeeds();
    tokio::time::advance(DAY * 60).await;
    let sooner = service_account_token::Model {
        rotate_before: "45d".into(),
        ..token()
    };
    let before = issued(&sandbox);
    let run = workspace.apply(process, Some(&sooner)).await.succeeds();
    assert!(run.changed);
    run.warns("is due, and the next run changes it");
    assert_eq!(issued(&sandbox), before);
    workspace
        .apply(process, Some(&sooner))
        .await
        .succeeds()
        .warns("within rotate_before = 45 days");
    assert_eq!(issued(&sandbox), before + 1);
}
