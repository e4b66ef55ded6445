//! The release build of a provider's program: static, and the same bytes in any directory.

use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use cargo_metadata::Message;

use crate::Project;

/// Builds the program of a provider for a Rust target, and returns its path.
pub fn build(project: &Project, provider: &str, target: &str) -> Result<PathBuf> {
    let mut cargo = project.cargo();
    cargo
        .args(["build", "--release", "--locked", "--package", project.package()])
        .args(["--bin", &format!("terraform-provider-{provider}"), "--target", target])
        .args(project.program_arguments(provider)?)
        .arg("--message-format=json-render-diagnostics")
        // Flags from the environment or Cargo's configuration would change the program.
        .env("CARGO_ENCODED_RUSTFLAGS", rustflags(project, target).join("\u{1f}"))
        .env("CARGO_INCREMENTAL", "0");
    let mut build = cargo.stdout(Stdio::piped()).spawn().context("cannot run Cargo")?;
    let stdout = build.stdout.take().context("the output of Cargo")?;
    let mut program = None;
    for message in Message::parse_stream(BufReader::new(stdout)) {
        if let Message::CompilerArtifact(artifact) = message? {
            program = artifact.executable.or(program);
        }
    }
    let status = build.wait()?;
    ensure!(
        status.success(),
        "the build of {provider} for {target} failed: {status}"
    );
    Ok(program.context("Cargo built no program")?.into())
}

/// The flags of the compiler.
fn rustflags(project: &Project, target: &str) -> Vec<String> {
    let mut flags = Vec::new();
    // macOS has no static C library; it is part of the system.
    if !target.contains("-apple-") {
        flags.push("-Ctarget-feature=+crt-static".to_owned());
    }
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    flags.push(remap(project.root(), "/token-providers"));
    flags.push(remap(project.target_directory(), "/target"));
    flags.extend(
        project
            .source_directories()
            .map(|directory| remap(directory, "/crates")),
    );
    flags
}
