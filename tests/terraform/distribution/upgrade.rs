//! Upgrading from one release to the next.

use token_providers::sandbox::striim::Account;

use super::site::Site;
use crate::support::feature::Feature;
use crate::support::striim::ci;
use crate::support::versions::{Suite, on_each_version_with};
use crate::terraform::world::{PlatformUnderTest, in_days, resources};

#[test]
fn state_of_one_release_is_used_by_the_next() {
    on_each_version_with(Feature::COMMON, Suite::Newest, async |terraform| {
        let site = Site::start().await;
        site.publish("0.1.0");
        let platform = Account::start();
        let listening = platform.listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let mut workspace = site.registry_workspace(terraform);
        let variables = Account::variables(&platform, &listening.base_url);
        workspace.environment().extend(
            variables
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into())),
        );
        workspace
            .write("token.tf", &ci(&format!("expires_at = {:?}", in_days(30))))
            .unwrap();
        let init = ["init", "-no-color"];
        workspace.run(&init).await.unwrap().success().unwrap();
        workspace.apply().await.unwrap().success().unwrap();

        site.publish("0.1.1");
        let run = workspace.run(&init).await.unwrap().success().unwrap();
        assert!(run.says("Using previously-installed"), "{run}");
        let run = workspace
            .run(&["init", "-no-color", "-upgrade"])
            .await
            .unwrap()
            .success()
            .unwrap();
        assert!(run.says("v0.1.1"), "{run}");
        let run = workspace.plan().await.unwrap();
        assert_eq!(run.code, Some(0), "{run}");
        workspace.destroy().await.unwrap().success().unwrap();
        assert!(resources(&workspace).await.is_empty());
    });
}
