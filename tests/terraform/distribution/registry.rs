//! Installing from the registry.

use super::site::{Site, archives, h1, locked, platforms, zh};
use crate::support::versions::on_every_version;

#[test]
fn provider_is_installed_and_its_signature_verified() {
    on_every_version(async |terraform| {
        let site = Site::start().await;
        let release = site.publish("0.1.0");
        let [installed, other] = archives(&release);
        let workspace = site.registry_workspace(terraform);
        let run = workspace.run(&["init", "-no-color"]).await.unwrap().success().unwrap();
        assert!(run.says(&format!("signed, key ID {}", site.key.id())), "{run}");
        assert_eq!(locked(&workspace, "h1:"), h1(&[installed]));
        let signed = locked(&workspace, "zh:");
        assert!(signed.is_superset(&zh(&[installed, other])), "{signed:?}");

        let [this, that] = platforms().map(|platform| format!("-platform={platform}"));
        let arguments = ["providers", "lock", "-no-color", &this, &that];
        workspace.run(&arguments).await.unwrap().success().unwrap();
        assert_eq!(locked(&workspace, "h1:"), h1(&[installed, other]));
    });
}
