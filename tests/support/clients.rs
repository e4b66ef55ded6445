//! The platforms' public clients for Python, for the tests that compare the sandboxes with them.
//!
//! pip downloads them once to `target/clients/`, with the versions and hashes of the requirements in
//! `tests/sandbox/clients/`. The scripts there call the clients.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::terraform::download::{DOWNLOAD_LIMIT, Once, download, once, pip, python, target};
use super::terraform::process::{bounded, clean, output};

/// The time limit for one script.
const RUN_LIMIT: Duration = Duration::from_secs(120);

/// Runs a Python script with these environment variables, and returns the JSON that it prints.
pub(crate) async fn run_python(script: &str, variables: &[(&str, &str)]) -> Result<Value> {
    let (python, packages) = python_packages().await?;
    let mut command = clean(python);
    // Without the script's folder in the search path: the scripts have the names of the packages.
    command.env("PYTHONPATH", packages).arg("-P").arg(folder().join(script));
    printed_json(command.envs(variables.iter().copied())).await
}

/// Runs a script, and returns the JSON that it prints.
pub(crate) async fn printed_json(command: &mut Command) -> Result<Value> {
    let output = output(command, RUN_LIMIT).await?;
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    ensure!(output.status.success(), "the script failed\n{stdout}\n{stderr}");
    serde_json::from_str(&stdout).with_context(|| format!("the script printed no JSON: {stdout}"))
}

/// Returns the Python interpreter, and the folder with the packages for it.
async fn python_packages() -> Result<&'static (OsString, PathBuf)> {
    static READY: Once<(OsString, PathBuf)> = OnceCell::const_new();
    let ready = once(&READY, async || {
        let python = python().await?;
        let mut version = clean(&python);
        version.args([
            "-c",
            "import sys; print('{}.{}'.format(*sys.version_info)); assert sys.version_info >= (3, 11)",
        ]);
        let version = bounded(&mut version, RUN_LIMIT).await?;
        let version = String::from_utf8(version.stdout)?;
        let requirements = folder().join("requirements.txt");
        let dir = packages(&format!("python-{}", version.trim()), &requirements)?;
        if !dir.exists() {
            download(&dir, "the Python clients from PyPI (27 MB)", async |temporary| {
                let target = temporary.join("packages");
                let mut pip = pip(&python, temporary)?;
                pip.args(["install", "--quiet", "--no-deps", "--no-cache-dir", "--no-compile"]);
                pip.args(["--only-binary", ":all:", "--require-hashes", "--target"])
                    .arg(&target);
                bounded(pip.arg("--requirement").arg(&requirements), DOWNLOAD_LIMIT).await?;
                Ok(target)
            })
            .await?;
        }
        Ok((python, dir))
    });
    ready
        .await
        .context("no Python clients: they need Python 3.11 or later, with pip")
}

/// The folder in `target/` for the packages of this lock file.
pub(crate) fn packages(name: &str, lock: &Path) -> Result<PathBuf> {
    let hash = ring::digest::digest(&ring::digest::SHA256, &fs::read(lock)?);
    let hash: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(target()?.join("clients").join(format!("{name}-{hash}")))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox/clients")
}
