//! Runs a test on several versions of Terraform, and says on which it fails.

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
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

/// Runs `test` on each version of the suite that has `feature`, several versions concurrently.
pub(crate) fn on_each_version_with(feature: Feature, suite: Suite, test: impl AsyncFn(&Terraform) + Sync) {
    let all = runtime().block_on(Terraform::suite()).unwrap();
    let older = if suite == Suite::Newest { all.len() - 1 } else { 0 };
    let suite = all[older..].iter().filter(|terraform| has(terraform, feature));
    run_on(&suite.collect::<Vec<_>>(), &|terraform| block_on(test(terraform)));
}

/// Whether this version has `feature`.
pub(crate) fn has(terraform: &Terraform, feature: Feature) -> bool {
    terraform.is_at_least(feature.terraform, feature.tofu)
}

/// Runs `test` on every version of Terraform and OpenTofu, several versions concurrently.
pub(crate) fn on_every_version(test: impl AsyncFn(&Terraform) + Sync) {
    let matrix = runtime().block_on(Terraform::matrix()).unwrap();
    run_on(&matrix.iter().collect::<Vec<_>>(), &|terraform| {
        block_on(test(terraform))
    });
}

/// Runs `test` on these versions, several concurrently.
fn run_on(versions: &[&Terraform], test: &(dyn Fn(&Terraform) + Sync)) {
    let (next, failed) = (Mutex::new(versions.iter()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some(terraform) = next.lock().unwrap().next() else {
                return;
            };
            println!("on {terraform}");
            if catch_unwind(AssertUnwindSafe(|| test(terraform))).is_err() {
                println!("fails on {terraform}");
                failed.lock().unwrap().push(terraform.to_string());
            }
        }
    };
    // Terraform and the provider wait for each other, and for retries.
    let at_a_time = thread::available_parallelism().map_or(1, NonZero::get).max(2);
    thread::scope(|scope| {
        for _ in 0..at_a_time.min(versions.len()) {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "fails on {}", failed.join(" and "));
}

/// Runs a test on a runtime of its own.
fn block_on(test: impl Future<Output = ()>) {
    // As a trait object, so that the runtime is not compiled for each test.
    let test: Pin<&mut dyn Future<Output = ()>> = pin!(test);
    runtime().block_on(test);
}

fn runtime() -> Runtime {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap()
}
