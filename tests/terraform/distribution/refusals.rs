//! What was changed after its publication is not installed.

use std::fs;

use super::site::{Site, archives, new_key};
use crate::support::feature::Feature;
use crate::support::terraform::{Run, Workspace};
use crate::support::versions::{Suite, on_each_version_with};

/// A change of a file in the registry.
struct Tampering {
    /// The end of the file's name.
    file: &'static str,
    change: fn(Vec<u8>) -> Vec<u8>,
    error: &'static str,
}

const TAMPERINGS: [Tampering; 5] = [
    Tampering {
        file: "linux_amd64.zip",
        change: appended,
        error: "archive has incorrect checksum",
    },
    Tampering {
        file: "SHA256SUMS",
        change: appended,
        error: "error checking signature",
    },
    Tampering {
        file: "SHA256SUMS",
        change: with_other_hashes,
        error: "checksum list has unexpected SHA-256 hash",
    },
    Tampering {
        file: "SHA256SUMS",
        change: |_| Vec::new(),
        error: "checksum list has no SHA-256 hash",
    },
    Tampering {
        file: "SHA256SUMS.sig",
        change: |_| b"no signature".to_vec(),
        error: "error checking signature",
    },
];

fn appended(mut file: Vec<u8>) -> Vec<u8> {
    file.push(b'\n');
    file
}

fn with_other_hashes(sums: Vec<u8>) -> Vec<u8> {
    let lines = String::from_utf8(sums).unwrap();
    let lines = lines.lines().map(|line| format!("{}{}\n", "0".repeat(64), &line[64..]));
    lines.collect::<String>().into_bytes()
}

#[test]
fn tampered_release_in_registry_is_refused() {
    on_each_version_with(Feature::COMMON, Suite::Newest, async |terraform| {
        let site = Site::start().await;
        site.publish("0.1.0");
        for Tampering { file, change, error } in TAMPERINGS {
            let path = site
                .in_registry("0.1.0")
                .join(format!("terraform-provider-striim_0.1.0_{file}"));
            let published = fs::read(&path).unwrap();
            fs::write(&path, change(published.clone())).unwrap();
            let run = init_fails(&site.registry_workspace(terraform)).await;
            assert!(run.says(error), "{file}: {run}");
            fs::write(&path, published).unwrap();
        }
    });
}

#[test]
fn signature_by_another_key_is_refused() {
    on_each_version_with(Feature::COMMON, Suite::Newest, async |terraform| {
        let site = Site::start().await;
        let release = site.publish("0.1.0");
        release.sign(&new_key()).unwrap();
        let name = release.signature().file_name().unwrap().to_owned();
        fs::copy(release.signature(), site.in_registry("0.1.0").join(name)).unwrap();
        let run = init_fails(&site.registry_workspace(terraform)).await;
        assert!(run.says("authentication signature from unknown issuer"), "{run}");
    });
}

#[test]
fn archive_in_mirror_that_is_not_the_listed_one_is_refused() {
    on_each_version_with(Feature::COMMON, Suite::Newest, async |terraform| {
        let site = Site::start().await;
        let release = site.publish("0.1.0");
        let [this, other] = archives(&release);
        for folder in site.in_mirror() {
            fs::copy(release.archive_path(other), folder.join(&this.file_name)).unwrap();
        }
        let run = init_fails(&site.mirror_workspace(terraform)).await;
        assert!(run.says("expected checksum"), "{run}");
    });
}

#[test]
fn release_with_other_contents_than_the_locked_one_is_refused() {
    on_each_version_with(Feature::COMMON, Suite::Newest, async |terraform| {
        let site = Site::start().await;
        site.publish("0.1.0");
        let workspaces = [
            site.registry_workspace(terraform),
            site.mirror_workspace(terraform),
            site.mirror_folder_workspace(terraform),
        ];
        for workspace in &workspaces {
            workspace.run(&["init", "-no-color"]).await.unwrap().success().unwrap();
            fs::remove_dir_all(workspace.dir().join(".terraform")).unwrap();
        }
        site.replace("0.1.0");
        for workspace in &workspaces {
            let run = init_fails(workspace).await;
            assert!(
                run.says("checksums previously recorded in the dependency lock file"),
                "{run}"
            );
        }
    });
}

async fn init_fails(workspace: &Workspace) -> Run {
    let run = workspace.run(&["init", "-no-color"]).await.unwrap();
    assert_eq!(run.code, Some(1), "{run}");
    run
}
