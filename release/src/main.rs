//! `cargo release`: makes the files of a release.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};
use release::ReleaseFiles;

/// Makes the files of a release.
#[derive(Parser)]
#[command(bin_name = "cargo release")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Writes the manifest and the checksums of the archives in a directory.
    Sign {
        /// The directory with the archives of one provider.
        directory: PathBuf,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Sign { directory } => ReleaseFiles::read(&directory)?.write_checksums(),
    }
}
