//! A web site with a mirror and a registry, to which releases are published.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use axum::Router;
use axum::response::IntoResponse;
use http::{StatusCode, Uri, header};
use release::{
    Archive, Entry, Files, Mirror, NAMESPACE, PUBLIC_REGISTRIES, Platform, PublicKey, Registry, ReleaseFiles,
    SigningKey,
};
use secrecy::SecretString;
use tempfile::TempDir;

use crate::support::https::Https;
use crate::support::terraform::{Terraform, Workspace};

/// The site, and the workspace that installs from it.
pub(super) struct Site {
    /// The key of its releases.
    pub(super) key: SigningKey,
    server: Https,
    dir: TempDir,
}

impl Site {
    /// Starts a site without releases.
    pub(super) async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("site");
        fs::create_dir(&folder).unwrap();
        let serve = move |uri: Uri| async move { answer(&folder, uri.path()) };
        Self {
            key: new_key(),
            server: Https::serve(Router::new().fallback(serve)).await,
            dir,
        }
    }

    /// Publishes a release.
    pub(super) fn publish(&self, version: &str) -> ReleaseFiles {
        let release = self.pack(version, "Apache-2.0\n");
        self.add(&release);
        release
    }

    /// Publishes a release with other contents in place of a published one.
    pub(super) fn replace(&self, version: &str) {
        fs::remove_dir_all(self.folder()).unwrap();
        self.add(&self.pack(
            version,
            "Another license
",
        ));
    }

    fn add(&self, release: &ReleaseFiles) {
        release.sign(&self.key).unwrap();
        let public = PublicKey::parse(&self.key.public_key().unwrap()).unwrap();
        let registry = Registry::new(&self.folder(), Files::Copied);
        registry.add(release, &public).unwrap();
        let hosts = PUBLIC_REGISTRIES.map(str::to_owned);
        Mirror::new(&self.mirror(), &hosts).add(release).unwrap();
    }

    /// Packs a release.
    ///
    /// Its program is a script that runs the program just built, which is too large to be packed and unpacked in each test.
    fn pack(&self, version: &str, license: &str) -> ReleaseFiles {
        let directory = self.dir.path().join("dist").join(version);
        fs::create_dir_all(&directory).unwrap();
        let script = format!(
            "#!/bin/sh\nexec {:?} \"$@\"\n",
            env!("CARGO_BIN_EXE_terraform-provider-striim")
        );
        let version = version.parse().unwrap();
        for platform in platforms() {
            let program = Entry {
                name: Archive::program_name("striim", &version, &platform),
                contents: format!("{script}# {platform}\n").into_bytes(),
                executable: true,
            };
            let license = Entry {
                name: "LICENSE".to_owned(),
                contents: license.as_bytes().to_vec(),
                executable: false,
            };
            Archive::pack(&directory, "striim", &version, &platform, &[program, license]).unwrap();
        }
        let release = ReleaseFiles::read(&directory).unwrap();
        release.write_checksums().unwrap();
        release
    }

    /// The site's folder.
    pub(super) fn folder(&self) -> PathBuf {
        self.dir.path().join("site")
    }

    /// The mirror's folder.
    pub(super) fn mirror(&self) -> PathBuf {
        self.folder().join("mirror")
    }

    /// The URL of the mirror.
    pub(super) fn mirror_url(&self) -> String {
        format!("https://{}/mirror/", self.host())
    }

    /// The folders of the provider in the mirror.
    pub(super) fn in_mirror(&self) -> [PathBuf; 2] {
        PUBLIC_REGISTRIES.map(|host| self.mirror().join(host).join(NAMESPACE).join("striim"))
    }

    /// The folder of the provider's version in the registry.
    pub(super) fn in_registry(&self, version: &str) -> PathBuf {
        let folder = self.folder().join("v1/providers").join(NAMESPACE);
        folder.join("striim").join(version)
    }

    /// The host in the provider's address in the registry.
    pub(super) fn host(&self) -> String {
        format!("localhost:{}", self.server.port)
    }

    /// A workspace that installs from the registry.
    pub(super) fn registry_workspace(&self, terraform: &Terraform) -> Workspace {
        let source = format!("{}/{NAMESPACE}/striim", self.host());
        self.workspace(terraform, "  direct {}\n", &source)
    }

    /// A workspace that installs from the mirror's folder.
    pub(super) fn mirror_folder_workspace(&self, terraform: &Terraform) -> Workspace {
        self.workspace_with_mirror(
            terraform,
            &format!("filesystem_mirror {{\n    path = {:?}", self.mirror()),
        )
    }

    /// A workspace that installs from the mirror's URL.
    pub(super) fn mirror_workspace(&self, terraform: &Terraform) -> Workspace {
        self.workspace_with_mirror(
            terraform,
            &format!("network_mirror {{\n    url = {:?}", self.mirror_url()),
        )
    }

    /// A workspace whose mirror is that of the one namespace, as docs/DEVELOPING.md shows.
    fn workspace_with_mirror(&self, terraform: &Terraform, mirror: &str) -> Workspace {
        let ours = format!("[\"{NAMESPACE}/*\"]");
        let blocks = format!("  {mirror}\n    include = {ours}\n  }}\n  direct {{\n    exclude = {ours}\n  }}\n");
        self.workspace(terraform, &blocks, &format!("{NAMESPACE}/striim"))
    }

    fn workspace(&self, terraform: &Terraform, installation: &str, source: &str) -> Workspace {
        let dir = tempfile::tempdir_in(self.dir.path()).unwrap().keep();
        let authority = self.dir.path().join("authority.pem");
        fs::write(&authority, &self.server.authority).unwrap();
        let workspace = Workspace::installing(terraform.clone(), &dir, installation)
            .unwrap()
            .env("SSL_CERT_FILE", authority);
        let required =
            format!("terraform {{\n  required_providers {{\n    striim = {{ source = {source:?} }}\n  }}\n}}\n");
        workspace.write("main.tf", &required).unwrap();
        workspace
    }
}

/// This machine's platform, and another.
pub(super) fn platforms() -> [Platform; 2] {
    let this = Platform::of_target(&format!("{}-unknown-linux-gnu", std::env::consts::ARCH)).unwrap();
    let other = Platform {
        os: "darwin".to_owned(),
        arch: "arm64".to_owned(),
    };
    [this, other]
}

/// The archives for [`platforms`].
pub(super) fn archives(release: &ReleaseFiles) -> [&Archive; 2] {
    platforms().map(|platform| {
        let mut archives = release.archives().iter();
        archives.find(|archive| archive.platform == platform).unwrap()
    })
}

/// Answers as GitHub Pages and most web servers do: the content type depends on the name's extension.
fn answer(folder: &Path, path: &str) -> impl IntoResponse + use<> {
    let content_type = if path.ends_with(".json") {
        "application/json"
    } else {
        "application/octet-stream"
    };
    match fs::read(folder.join(path.trim_start_matches('/'))) {
        Ok(file) => (StatusCode::OK, [(header::CONTENT_TYPE, content_type)], file),
        Err(_) => (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/html")], Vec::new()),
    }
}

/// The hashes in the lock file of a workspace that begin with `scheme`.
pub(super) fn locked(workspace: &Workspace, scheme: &str) -> BTreeSet<String> {
    let file = fs::read_to_string(workspace.dir().join(".terraform.lock.hcl")).unwrap();
    let quoted = file.split('"').skip(1).step_by(2);
    quoted
        .filter(|text| text.starts_with(scheme))
        .map(str::to_owned)
        .collect()
}

/// The `h1:` hashes of archives.
pub(super) fn h1(archives: &[&Archive]) -> BTreeSet<String> {
    archives.iter().map(|archive| archive.h1.clone()).collect()
}

/// The `zh:` hashes of archives.
pub(super) fn zh(archives: &[&Archive]) -> BTreeSet<String> {
    archives
        .iter()
        .map(|archive| format!("zh:{}", archive.sha256))
        .collect()
}

/// A new key that signs releases. It is RSA, because the Terraform Registry accepts no other.
pub(super) fn new_key() -> SigningKey {
    let home = tempfile::tempdir().unwrap();
    let gpg = |arguments: &[&str]| {
        let mut gpg = Command::new("gpg");
        gpg.args(["--batch", "--quiet", "--homedir"]).arg(home.path());
        let output = gpg.args(arguments).output();
        let output = output.expect("these tests need GnuPG on the PATH");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        SecretString::from(String::from_utf8(output.stdout).unwrap())
    };
    let user = "Releases <releases@example.com>";
    gpg(&["--passphrase", "", "--quick-generate-key", user, "rsa2048", "sign"]);
    SigningKey::import(&gpg(&["--armor", "--export-secret-keys"]), None).unwrap()
}
