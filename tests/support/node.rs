//! Scripts for Node, with the packages of a lock file, which npm downloads once to `target/clients/`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use super::clients::{packages, printed_json};
use super::terraform::download::{DOWNLOAD_LIMIT, download};
use super::terraform::process::{bounded, clean};

/// The time limit for `--version`.
const VERSION_LIMIT: Duration = Duration::from_secs(60);

/// A folder of scripts, with `package.json` and `package-lock.json`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scripts {
    /// The folder, relative to the project.
    pub(crate) folder: &'static str,
    /// The name of the packages, with the size of the download.
    pub(crate) packages: &'static str,
    /// Programs on the PATH that the scripts need in addition to Node.
    pub(crate) programs: &'static [&'static str],
}

impl Scripts {
    /// Runs a script with these environment variables, and returns the JSON that it prints.
    ///
    /// If a program is missing, prints that the script was not run, and returns `None`; in CI, that is an error.
    pub(crate) async fn run(&self, script: &str, variables: &[(&str, &str)]) -> Result<Option<Value>> {
        for program in ["node"].iter().chain(self.programs) {
            if let Err(missing) = bounded(clean(program).arg("--version"), VERSION_LIMIT).await {
                let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
                ensure!(!in_ci, "{script} needs `{program}` on the PATH: {missing:#}");
                // On standard error itself: the test's own output is captured.
                writeln!(
                    std::io::stderr(),
                    "NOT RUN: {}/{script}, because there is no `{program}`.",
                    self.folder
                )?;
                return Ok(None);
            }
        }
        let packages = self.downloaded().await?;
        let mut command = clean("node");
        command.env("PACKAGES", packages).arg(self.path().join(script));
        printed_json(command.envs(variables.iter().copied())).await.map(Some)
    }

    /// Returns the folder with the packages.
    async fn downloaded(&self) -> Result<PathBuf> {
        let lock = self.path().join("package-lock.json");
        let dir = packages("node", &lock)?;
        if !dir.exists() {
            download(&dir, self.packages, async |temporary| {
                let target = temporary.join("packages");
                fs::create_dir_all(&target)?;
                fs::copy(&lock, target.join("package-lock.json"))?;
                fs::copy(self.path().join("package.json"), target.join("package.json"))?;
                // With the caller's whole environment, which may name a proxy, a certificate or a mirror.
                let mut npm = Command::new("npm");
                npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--cache"]);
                npm.arg(temporary.join("cache")).current_dir(&target);
                bounded(&mut npm, DOWNLOAD_LIMIT).await?;
                Ok(target)
            })
            .await
            .with_context(|| format!("cannot download {}: it needs npm", self.packages))?;
        }
        Ok(dir)
    }

    fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(self.folder)
    }
}
