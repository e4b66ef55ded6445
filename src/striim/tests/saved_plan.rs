//! Saved plans that are applied after a token became due: the apply executes the plan, and the next run rotates.

use std::time::Duration;

use crate::framework::Model;
use crate::framework::testing::SingleResource;
use crate::platform::rotation_policy::RotationPolicy;
use crate::sandbox::striim::{AuditAction, Options, Role, Sandbox};
use crate::striim::resources::personal_access_token::PersonalAccessToken;
use crate::striim::resources::service_account_token::ServiceAccountToken;
use crate::striim::resources::service_account_token_pair::ServiceAccountTokenPair;
use crate::striim::tests::{provider, sandbox};

const DAY: Duration = Duration::from_secs(24 * 3_600);
const USER: &str = "ann@acme.example";

/// Returns the number of values that the platform has issued.
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

/// Applies `first`, saves a plan of `second` after `planned_on` days, and applies it after `applied_on` days.
async fn applied_late<M: Model + Clone>(ty: &str, first: &M, second: &M, planned_on: u32, applied_on: u32) {
    let sandbox = with_user();
    let start = || provider(&sandbox);
    let mut workspace = SingleResource::new(ty);
    workspace.apply(start, Some(first)).await.succeeds();
    let before = issued(&sandbox);
    tokio::time::advance(DAY * planned_on).await;
    let plan = workspace.save_plan(start, Some(second)).await;
    tokio::time::advance(DAY * (applied_on - planned_on)).await;
    let run = workspace.apply_saved(start, &plan).await;
    assert!(run.is_change());
    run.succeeds().warns("is due, and the next run changes it");
    assert_eq!(issued(&sandbox), before, "what was not planned is not done");
    workspace
        .apply(start, Some(second))
        .await
        .succeeds()
        .warns("will be rotated");
    assert_eq!(issued(&sandbox), before + 1);
    workspace.apply(start, Some(second)).await.changes_nothing();
}

fn token() -> ServiceAccountToken {
    ServiceAccountToken {
        name: "ci-pipeline".into(),
        token: RotationPolicy {
            expires_in: "90d".into(),
            rotate_before: "14d".into(),
            ..RotationPolicy::default()
        }
        .into(),
        ..Default::default()
    }
}

const TOKEN: &str = "striim_service_account_token";

#[tokio::test(start_paused = true)]
async fn token_saved_plan_applied_when_overdue_does_not_rotate() {
    for changed in [
        ServiceAccountToken {
            token: RotationPolicy {
                rotate_before: "20d".into(),
                ..token().token.policy
            }
            .into(),
            ..token()
        },
        ServiceAccountToken {
            adopt_existing: true.into(),
            ..token()
        },
    ] {
        // At the apply, the token is due or has expired.
        for applied_on in [80, 200] {
            applied_late(TOKEN, &token(), &changed, 10, applied_on).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pat_saved_plan_applied_when_overdue_does_not_rotate() {
    let declared = |before: &str| PersonalAccessToken {
        email: USER.into(),
        token: RotationPolicy {
            expires_in: "30d".into(),
            rotate_before: before.into(),
            ..RotationPolicy::default()
        }
        .into(),
        ..Default::default()
    };
    let ty = "striim_personal_access_token";
    for applied_on in [24, 40] {
        applied_late(ty, &declared("7d"), &declared("10d"), 5, applied_on).await;
    }
}

#[tokio::test(start_paused = true)]
async fn pair_saved_plan_applied_when_overdue_does_not_rotate() {
    let declared = |every: &str| ServiceAccountTokenPair {
        name: "ci".into(),
        expires_in: "90d".into(),
        rotate_every: every.into(),
        ..Default::default()
    };
    let ty = "striim_service_account_token_pair";
    for applied_on in [41, 95] {
        applied_late(ty, &declared("30d"), &declared("40d"), 5, applied_on).await;
    }
}

#[tokio::test(start_paused = true)]
async fn declaration_that_makes_token_due_rotates_in_next_run() {
    let sandbox = with_user();
    let start = || provider(&sandbox);
    let mut workspace = SingleResource::new(TOKEN);
    workspace.apply(start, Some(&token())).await.succeeds();
    tokio::time::advance(DAY * 60).await;
    let sooner = ServiceAccountToken {
        token: RotationPolicy {
            rotate_before: "45d".into(),
            ..token().token.policy
        }
        .into(),
        ..token()
    };
    let before = issued(&sandbox);
    let run = workspace.apply(start, Some(&sooner)).await.succeeds();
    assert!(run.is_change());
    run.warns("is due, and the next run changes it");
    assert_eq!(issued(&sandbox), before);
    workspace
        .apply(start, Some(&sooner))
        .await
        .succeeds()
        .warns("within rotate_before = 45 days");
    assert_eq!(issued(&sandbox), before + 1);
}
