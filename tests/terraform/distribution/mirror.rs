//! Installing from the mirror.

use std::fs;
use std::path::Path;

use release::{Mirror, NAMESPACE};
use serde_json::Value;

use super::site::{Site, archives, h1, locked, platforms};
use crate::support::feature::Feature;
use crate::support::versions::{Suite, on_each_version_with, on_every_version};

#[test]
fn provider_is_installed_from_folder_and_from_server() {
    on_every_version(async |terraform| {
        let site = Site::start().await;
        let release = site.publish("0.1.0");
        let [installed, other] = archives(&release);
        let [this, that] = platforms().map(|platform| format!("-platform={platform}"));
        for (workspace, mirror) in [
            (
                site.mirror_folder_workspace(terraform),
                format!("-fs-mirror={}", site.mirror().display()),
            ),
            (
                site.mirror_workspace(terraform),
                format!("-net-mirror={}", site.mirror_url()),
            ),
        ] {
            workspace.run(&["init", "-no-color"]).await.unwrap().success().unwrap();
            assert_eq!(locked(&workspace, "h1:"), h1(&[installed]), "{mirror}");
            let arguments = ["providers", "lock", "-no-color", &mirror, &this, &that];
            workspace.run(&arguments).await.unwrap().success().unwrap();
            assert_eq!(locked(&workspace, "h1:"), h1(&[installed, other]), "{mirror}");
        }
    });
}

#[test]
fn layout_is_that_of_terraform_providers_mirror() {
    on_each_version_with(Feature::COMMON, Suite::Newest, async |terraform| {
        let site = Site::start().await;
        let release = site.publish("0.1.0");
        let workspace = site.registry_workspace(terraform);
        let [this, that] = platforms().map(|platform| format!("-platform={platform}"));
        let arguments = ["providers", "mirror", &this, &that, "terraforms"];
        workspace.run(&arguments).await.unwrap().success().unwrap();
        let theirs = workspace.dir().join("terraforms");
        let ours = workspace.dir().join("ours");
        Mirror::new(&ours, &[site.host()]).add(&release).unwrap();

        let [theirs, ours] = [theirs, ours].map(|mirror| mirror.join(site.host()).join(NAMESPACE).join("striim"));
        assert_eq!(names(&ours), names(&theirs));
        assert_eq!(json(&ours.join("index.json")), json(&theirs.join("index.json")));
        let mut version = json(&ours.join("0.1.0.json"));
        for platform in platforms() {
            // Terraform does not write the second hash.
            let hashes = &mut version["archives"][platform.to_string()]["hashes"];
            hashes.as_array_mut().unwrap().truncate(1);
        }
        assert_eq!(version, json(&theirs.join("0.1.0.json")));
    });
}

/// The names of the files in a folder.
fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    let mut names: Vec<_> = files.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}
