//! The platforms that Terraform names, and Rust's targets for them.

use std::fmt;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// An operating system and a processor architecture by Terraform's names, which are those of Go: `linux_amd64`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub struct Platform {
    /// The operating system: `linux`, `darwin` or `windows`.
    pub os: String,
    /// The architecture: `amd64` or `arm64`.
    pub arch: String,
}

impl Platform {
    /// Returns the platform of a Rust target such as `x86_64-unknown-linux-musl`.
    pub fn of_target(target: &str) -> Result<Self> {
        let parts: Vec<_> = target.split('-').collect();
        let arch = match parts.first() {
            Some(&"x86_64") => "amd64",
            Some(&"aarch64") => "arm64",
            _ => bail!("{target}: no release is made for this architecture. Add it in release/src/platform.rs."),
        };
        let os = match parts.get(2) {
            Some(&("linux" | "darwin" | "windows")) => parts.get(2).copied().unwrap_or_default(),
            _ => bail!("{target}: no release is made for this operating system. Add it in release/src/platform.rs."),
        };
        Ok(Self {
            os: os.to_owned(),
            arch: arch.to_owned(),
        })
    }

    /// What the names of programs end with: `.exe` on Windows.
    #[must_use]
    pub fn program_suffix(&self) -> &'static str {
        if self.os == "windows" { ".exe" } else { "" }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.os, self.arch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_have_the_platforms_of_terraform() {
        for (target, platform) in [
            ("x86_64-unknown-linux-gnu", "linux_amd64"),
            ("aarch64-unknown-linux-musl", "linux_arm64"),
            ("aarch64-apple-darwin", "darwin_arm64"),
            ("x86_64-pc-windows-msvc", "windows_amd64"),
        ] {
            assert_eq!(Platform::of_target(target).unwrap().to_string(), platform);
        }
        for unsupported in [
            "",
            "wasm32-wasip1",
            "x86_64-unknown-none",
            "armv7-unknown-linux-gnueabihf",
        ] {
            let error = Platform::of_target(unsupported).unwrap_err();
            assert!(error.to_string().contains("no release is made"), "{error}");
        }
    }
}
