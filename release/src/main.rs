//! `cargo release`: makes the files of a release.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Parser, Subcommand};
use release::{
    Archive, Files, Mirror, PUBLIC_REGISTRIES, Platform, Project, PublicKey, Registry, ReleaseFiles, SigningKey,
    contents, host_target, program, repository, sbom,
};
use secrecy::SecretString;

/// Makes the files of a release: archives, checksums, signatures, and the providers' repositories.
///
/// A release on many machines: each runs `build`, then one collects the files in one directory and runs `sign` and `docs`.
/// On one machine, `all` does everything for its own platform.
#[derive(Parser)]
#[command(bin_name = "cargo release")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Builds the programs, static and reproducible, and packs each in an archive with its SBOM.
    Build {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        target: Target,
    },
    /// Writes the registry's manifests and the checksums of all archives, and signs the checksums.
    Sign {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        key: Key,
    },
    /// Writes the repository of each provider that the Terraform Registry reads: documentation and examples.
    Docs {
        #[command(flatten)]
        output: Output,
    },
    /// Adds the releases to a mirror: a folder from which Terraform installs providers instead of from their registry.
    ///
    /// In a CLI configuration, the folder is a `filesystem_mirror`, and the URL of a server of it a `network_mirror`. What is in
    /// the folder is kept.
    Mirror {
        #[command(flatten)]
        output: Output,
        /// The folder of the mirror.
        #[arg(long, value_name = "DIRECTORY")]
        to: PathBuf,
        /// The host of a registry that the mirror replaces. Can be repeated. Default: the public registries of Terraform and of
        /// OpenTofu.
        #[arg(long = "host", value_name = "NAME", default_values = PUBLIC_REGISTRIES)]
        hosts: Vec<String>,
    },
    /// Adds the signed releases to a registry of static files, which any web server can serve.
    ///
    /// The folder is the root of a host: a provider at https://example.com has the source `example.com/token-providers/striim`.
    /// What is in the folder is kept.
    Registry {
        #[command(flatten)]
        output: Output,
        /// The folder of the registry.
        #[arg(long, value_name = "DIRECTORY")]
        to: PathBuf,
        /// The file with the public key of the releases, as `gpg --armor --export` prints it.
        #[arg(long, value_name = "FILE")]
        public_key: PathBuf,
        /// Where the files of the releases are, such as
        /// `https://github.com/token-providers/terraform-provider-{provider}/releases/download/v{version}`. Default: they are
        /// copied to the registry.
        #[arg(long, value_name = "URL")]
        files_at: Option<String>,
    },
    /// Runs build, sign and docs.
    All {
        #[command(flatten)]
        output: Output,
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        key: Key,
    },
}

#[derive(Args)]
struct Output {
    /// A provider, such as `striim`. Can be repeated. Default: all.
    #[arg(long = "provider", value_name = "NAME")]
    providers: Vec<String>,
    /// The directory for the files. Each provider has its own in it.
    #[arg(long, value_name = "DIRECTORY", default_value = "dist")]
    out: PathBuf,
}

#[derive(Args)]
struct Target {
    /// The Rust target, such as `x86_64-unknown-linux-musl`, which releases for Linux use. Default: this machine's.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

#[derive(Args)]
struct Key {
    /// A secret key in GnuPG's keyring: its fingerprint, id or email address.
    ///
    /// Without it, the key is read from the environment variable GPG_PRIVATE_KEY (as `gpg --armor --export-secret-keys`
    /// prints it), and its passphrase, if it has one, from GPG_PASSPHRASE.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Signs nothing. Terraform installs unsigned files from a mirror only.
    #[arg(long, conflicts_with = "key")]
    unsigned: bool,
}

impl Output {
    /// Returns the names of the selected providers.
    fn providers<'a>(&'a self, project: &'a Project) -> Result<Vec<&'a str>> {
        let all = project.providers();
        if self.providers.is_empty() {
            return Ok(all);
        }
        for name in &self.providers {
            ensure!(
                all.contains(&name.as_str()),
                "there is no provider {name}, only {}",
                all.join(", ")
            );
        }
        Ok(self.providers.iter().map(String::as_str).collect())
    }

    /// The directory with the release of a provider.
    fn directory(&self, provider: &str) -> PathBuf {
        self.out.join(provider)
    }

    /// The built files of a provider, which must be of the project's version.
    fn release(&self, project: &Project, provider: &str) -> Result<ReleaseFiles> {
        let release = ReleaseFiles::read(&self.directory(provider))?;
        ensure!(
            (release.provider(), release.version()) == (provider, project.version()),
            "{} contains archives of {} {}, not of {provider} {}. Delete them, and run `cargo release build`.",
            release.directory().display(),
            release.provider(),
            release.version(),
            project.version()
        );
        Ok(release)
    }
}

impl Target {
    /// The target.
    fn triple(self) -> Result<String> {
        self.target.map_or_else(host_target, Ok)
    }
}

impl Key {
    /// The key to sign with; none if nothing is to be signed.
    fn find(self) -> Result<Option<SigningKey>> {
        if self.unsigned {
            return Ok(None);
        }
        if let Some(name) = self.key {
            return SigningKey::find(&name).map(Some);
        }
        let secret = |name| {
            std::env::var(name)
                .ok()
                .filter(|value| !value.is_empty())
                .map(SecretString::from)
        };
        let exported = secret("GPG_PRIVATE_KEY")
            .context("there is no key to sign with: pass --key or --unsigned, or set GPG_PRIVATE_KEY")?;
        SigningKey::import(&exported, secret("GPG_PASSPHRASE")).map(Some)
    }
}

/// Builds the programs, and packs each. Its SBOM is also a file of its own, for scanners.
fn build(project: &Project, output: &Output, target: &str) -> Result<()> {
    let platform = Platform::of_target(target)?;
    for provider in output.providers(project)? {
        let program = program::build(project, provider, target)?;
        let program = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
        let sbom = sbom::of_program(project, provider, target)?;
        let entries = contents(project, provider, &platform, program, &sbom)?;
        let directory = output.directory(provider);
        fs::create_dir_all(&directory)?;
        let archive = Archive::pack(&directory, provider, project.version(), &platform, &entries)?;
        fs::write(directory.join(archive.sbom_name()), sbom)?;
        eprintln!("Packed {}.", directory.join(archive.file_name).display());
    }
    Ok(())
}

fn sign(project: &Project, output: &Output, key: Option<&SigningKey>) -> Result<()> {
    for provider in output.providers(project)? {
        let files = output.release(project, provider)?;
        files.write_checksums()?;
        if let Some(key) = key {
            files.sign(key)?;
        }
        let did = if key.is_some() { "Signed" } else { "Wrote" };
        eprintln!("{did} {}.", files.checksums().display());
    }
    Ok(())
}

fn docs(project: &Project, output: &Output) -> Result<()> {
    for provider in output.providers(project)? {
        let directory = output
            .out
            .join("repositories")
            .join(format!("terraform-provider-{provider}"));
        repository::write(project, provider, &directory)?;
        eprintln!("Wrote {}.", directory.display());
    }
    Ok(())
}

fn mirror(project: &Project, output: &Output, to: &Path, hosts: &[String]) -> Result<()> {
    let mirror = Mirror::new(to, hosts);
    for provider in output.providers(project)? {
        mirror.add(&output.release(project, provider)?)?;
        eprintln!("Added {provider} {} to {}.", project.version(), to.display());
    }
    Ok(())
}

fn registry(project: &Project, output: &Output, to: &Path, key: &Path, files: Files) -> Result<()> {
    let (registry, key) = (Registry::new(to, files), PublicKey::read(key)?);
    for provider in output.providers(project)? {
        registry.add(&output.release(project, provider)?, &key)?;
        eprintln!("Added {provider} {} to {}.", project.version(), to.display());
    }
    Ok(())
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let project = Project::find()?;
    match arguments.command {
        Command::Build { output, target } => build(&project, &output, &target.triple()?),
        Command::Sign { output, key } => sign(&project, &output, key.find()?.as_ref()),
        Command::Docs { output } => docs(&project, &output),
        Command::Mirror { output, to, hosts } => mirror(&project, &output, &to, &hosts),
        Command::Registry {
            output,
            to,
            public_key,
            files_at,
        } => {
            let files = files_at.map_or(Files::Copied, Files::At);
            registry(&project, &output, &to, &public_key, files)
        }
        Command::All { output, target, key } => {
            // A missing key fails before the long build.
            let key = key.find()?;
            build(&project, &output, &target.triple()?)?;
            sign(&project, &output, key.as_ref())?;
            docs(&project, &output)
        }
    }
}
