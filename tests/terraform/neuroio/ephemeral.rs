//! Ephemeral stream tokens.

use secrecy::ExposeSecret as _;
use token_providers::sandbox::Fault;

use super::world::{CAMERA, World, camera};

const CONFIGURATION: &str = "ephemeral \"neuroio_stream_token\" \"run\" {}\n\
                    provider \"neuroio\" {\n  alias = \"run\"\n  api_token = ephemeral.neuroio_stream_token.run.key\n}\n\
                    data \"neuroio_stream_tokens\" \"all\" {\n  provider = neuroio.run\n}\n\
                    output \"ids\" {\n  value = data.neuroio_stream_tokens.all.tokens[*].id\n}\n";

/// The number of creations.
fn creations(world: &World) -> usize {
    world.sandbox.calls("POST", "/streams/tokens/")
}

#[test]
fn ephemeral_token_authenticates_another_provider_and_leaves_no_orphan() {
    World::on_each_version(async |world| {
        world.configure(CONFIGURATION);
        world.plan().await;
        assert_eq!(creations(world), 1);
        world.apply().await;
        assert!(
            creations(world) >= 2 && world.ids().is_empty(),
            "plan and apply delete their tokens"
        );
        let files = world.files();
        for value in world.sandbox.issued_values() {
            assert!(!files.contains(value.expose_secret()), "a file holds a token's value");
        }
    });
}

#[test]
fn failed_close_is_reported() {
    World::on_each_version(async |world| {
        world
            .sandbox
            .fault(Fault::answer(403).on("DELETE", "/streams/tokens/1/").times(100));
        world.configure(CONFIGURATION);
        let run = world.plan_fails().await;
        assert!(run.says("Could not delete the stream token 1"), "{run}");
    });
}

#[test]
fn value_of_a_managed_token_is_read_in_the_run_that_creates_or_rotates_it() {
    World::on_each_version(async |world| {
        let configuration = |release: u32| {
            let token = camera(&format!(
                "permanent = true\n  rotation_triggers = {{ release = {release} }}"
            ));
            format!(
                "{token}ephemeral \"neuroio_stream_token\" \"camera\" {{\n  id = {CAMERA}.id\n}}\n\
                 provider \"neuroio\" {{\n  alias = \"camera\"\n  \
                 api_token = ephemeral.neuroio_stream_token.camera.key\n}}\n\
                 data \"neuroio_stream_token\" \"camera\" {{\n  provider = neuroio.camera\n  id = {CAMERA}.id\n}}\n\
                 output \"active\" {{\n  value = data.neuroio_stream_token.camera.is_active\n}}\n"
            )
        };
        for release in 1..=2 {
            world.configure(&configuration(release));
            world.apply().await;
            assert_eq!(world.ids(), [u64::from(release)]);
            assert_eq!(world.workspace.output("active").await.unwrap(), "true");
            world.plans_nothing().await;
        }
        assert_eq!(creations(world), 2, "reading creates no token");
    });
}
