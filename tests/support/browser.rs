//! The console of a sandbox in a real browser: chromium, driven by the scripts in `tests/sandbox/console/`.

use serde_json::Value;
use token_providers::sandbox::{Platform, Sandbox};
use tokio::sync::Semaphore;

use super::node::Scripts;

/// More browsers at a time would reach their time limits on a small machine.
static BROWSERS: Semaphore = Semaphore::const_new(2);

const SCRIPTS: Scripts = Scripts {
    folder: "tests/sandbox/console",
    packages: "playwright-core and axe-core from npm (4 MB)",
    programs: &["chromium"],
};

/// Runs a script on the console of the sandbox at this base URL, with these additional variables. Returns the JSON that it
/// prints, or `None` where a program is missing.
pub(crate) async fn drive_at(base_url: &str, script: &str, variables: &[(&str, &str)]) -> Option<Value> {
    let _permit = BROWSERS.acquire().await.unwrap();
    let host = base_url.split('/').nth(2).unwrap();
    let url = format!("http://{host}");
    let common = [("URL", url.as_str()), ("BASE_URL", base_url)];
    SCRIPTS.run(script, &[&common, variables].concat()).await.unwrap()
}

/// Serves a sandbox and runs a script on its console; see [`drive_at`].
pub(crate) async fn drive<P: Platform>(
    sandbox: &Sandbox<P>,
    script: &str,
    variables: &[(&str, &str)],
) -> Option<Value> {
    let listening = sandbox.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
    drive_at(&listening.base_url, script, variables).await
}
