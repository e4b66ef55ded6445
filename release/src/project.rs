//! The package whose programs are released, as Cargo describes it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use cargo_metadata::{Metadata, MetadataCommand, Package};
use semver::Version;

/// What the names of the programs begin with.
const PROGRAM: &str = "terraform-provider-";

/// The package with the providers.
#[derive(Debug)]
pub struct Project {
    root: PathBuf,
    target_directory: PathBuf,
    /// Where Cargo unpacks the sources of dependencies.
    source_directories: BTreeSet<PathBuf>,
    package: Package,
}

impl Project {
    /// Reads the project that contains the current directory.
    pub fn find() -> Result<Self> {
        let metadata = MetadataCommand::new()
            .other_options(["--locked".to_owned()])
            .exec()
            .context("cannot read Cargo.toml. Run this in the project.")?;
        let source_directories = source_directories(&metadata);
        let root = metadata.workspace_root.clone().into_std_path_buf();
        let mut packages = metadata.packages.into_iter();
        let package = packages
            .find(|package| package.manifest_path.parent().is_some_and(|parent| parent == root))
            .context("the workspace has no package at its root")?;
        Ok(Self {
            root,
            target_directory: metadata.target_directory.into(),
            source_directories,
            package,
        })
    }

    /// The directory of the project.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target directory.
    pub(crate) fn target_directory(&self) -> &Path {
        &self.target_directory
    }

    /// The directories that contain the sources of dependencies, each in its own directory.
    pub(crate) fn source_directories(&self) -> impl Iterator<Item = &Path> {
        self.source_directories.iter().map(PathBuf::as_path)
    }

    /// The package's name.
    pub(crate) fn package(&self) -> &str {
        &self.package.name
    }

    /// The URL of the repository with the sources.
    pub(crate) fn repository(&self) -> Result<&str> {
        let repository = self.package.repository.as_deref();
        repository.context("Cargo.toml names no `repository`, which generated pages link to")
    }

    /// The version of all providers.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.package.version
    }

    /// The names of all providers: those with a program.
    #[must_use]
    pub fn providers(&self) -> Vec<&str> {
        let programs = self.package.targets.iter().filter(|target| target.is_bin());
        programs
            .filter_map(|program| program.name.strip_prefix(PROGRAM))
            .collect()
    }

    /// Returns the arguments that make Cargo build the program of a provider with only the features that it needs.
    pub(crate) fn program_arguments(&self, provider: &str) -> Result<Vec<String>> {
        let name = format!("{PROGRAM}{provider}");
        let mut programs = self.package.targets.iter().filter(|target| target.is_bin());
        let Some(program) = programs.find(|program| program.name == name) else {
            bail!("there is no provider {provider}, only {}", self.providers().join(", "));
        };
        Ok(vec![
            "--no-default-features".to_owned(),
            format!("--features={}", program.required_features.join(",")),
        ])
    }

    /// A call of the Cargo that runs this program.
    pub(crate) fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
        cargo.current_dir(&self.root);
        // Cargo describes the package of this program to it. Build scripts that read the same variables would run again.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if name == "OUT_DIR" || name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_") {
                cargo.env_remove(&*name);
            }
        }
        cargo
    }
}

fn source_directories(metadata: &Metadata) -> BTreeSet<PathBuf> {
    let foreign = metadata.packages.iter().filter(|package| package.source.is_some());
    let parents = foreign.filter_map(|package| package.manifest_path.parent()?.parent());
    parents.map(|parent| parent.to_owned().into()).collect()
}

/// Returns the Rust target of this machine.
pub fn host_target() -> Result<String> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc")));
    let version = output(rustc.arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

/// Runs a command that must succeed, and returns its standard output. Its standard error is shown.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(output.status.success(), "{program} failed: {}", output.status);
    String::from_utf8(output.stdout).with_context(|| format!("{program} printed what is not UTF-8"))
}
