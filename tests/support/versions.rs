//! Runs a test on several versions of Terraform, and says on which it fails.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use tokio::runtime::Runtime;

use super::feature::Feature;
use super::terraform::Terraform;

/// The part of the suite that a test runs on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Suite {
    Each,
    Newest,
}

/// Runs `test` on each version of the suite that has `feature`.
pub(crate) fn on_each_version_with(feature: Feature, suite: Suite, test: impl AsyncFn(&Terraform)) {
    let all = runtime().block_on(Terraform::suite()).unwrap();
    let older = if suite == Suite::Newest { all.len() - 1 } else { 0 };
    let suite = all[older..].iter().filter(|terraform| has(terraform, feature));
    report(suite.filter(|terraform| !passes(terraform, &test)).collect());
}

/// Whether this version has `feature`.
pub(crate) fn has(terraform: &Terraform, feature: Feature) -> bool {
    terraform.is_at_least(feature.terraform, feature.tofu)
}

/// Runs `test` on every version of Terraform and OpenTofu, several versions concurrently.
pub(crate) fn on_every_version(test: impl AsyncFn(&Terraform) + Sync) {
    let matrix = runtime().block_on(Terraform::matrix()).unwrap();
    let (next, failed) = (Mutex::new(matrix.iter()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some(terraform) = next.lock().unwrap().next() else {
                return;
            };
            if !passes(terraform, &test) {
                failed.lock().unwrap().push(terraform);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(work);
        }
    });
    report(failed.into_inner().unwrap());
}

fn passes(terraform: &Terraform, test: impl AsyncFn(&Terraform)) -> bool {
    println!("on {terraform}");
    let passed = catch_unwind(AssertUnwindSafe(|| runtime().block_on(test(terraform)))).is_ok();
    if !passed {
        println!("fails on {terraform}");
    }
    passed
}

fn report(failed: Vec<&Terraform>) {
    let failed: Vec<String> = failed.into_iter().map(Terraform::to_string).collect();
    assert!(failed.is_empty(), "fails on {}", failed.join(" and "));
}

fn runtime() -> Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap()
}
