//! Installing from the mirror.

use super::site::{Site, archives, h1, locked, platforms};
use crate::support::versions::on_every_version;

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
