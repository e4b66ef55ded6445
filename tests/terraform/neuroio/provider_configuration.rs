//! The `provider` block.

use secrecy::ExposeSecret as _;
use token_providers::sandbox::neuroio::Realm;

use super::world::{CAMERA, World, camera};

#[test]
fn provider_block_manages_the_tokens_of_its_space() {
    World::on_each_version(async |world| {
        let space = Realm::Space("lobby".to_owned());
        let token = world.sandbox.add_api_token(&space);
        world.set_env("TF_VAR_lobby", token.expose_secret());
        world.configure(&format!(
            "variable \"lobby\" {{\n  sensitive = true\n}}\n\
             provider \"neuroio\" {{\n  alias = \"lobby\"\n  api_token = var.lobby\n}}\n{}{}",
            camera("permanent = true"),
            camera("permanent = true\n  provider = neuroio.lobby").replace("camera", "lobby"),
        ));
        world.apply().await;
        assert_eq!((world.ids().len(), world.sandbox.tokens(&space).len()), (1, 1));
        assert!(world.accepts(&world.attributes(CAMERA).await["key"]));
        world.plans_nothing().await;
        world.destroy().await;
    });
}
