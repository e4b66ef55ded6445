//! A stream token for one run.

use secrecy::ExposeSecret as _;
use token_providers::sandbox::Fault;

use super::world::World;

const USED: &str = "ephemeral \"neuroio_stream_token\" \"run\" {}\n\
                    provider \"neuroio\" {\n  alias = \"run\"\n  api_token = ephemeral.neuroio_stream_token.run.key\n}\n\
                    data \"neuroio_stream_tokens\" \"all\" {\n  provider = neuroio.run\n}\n\
                    output \"ids\" {\n  value = data.neuroio_stream_tokens.all.tokens[*].id\n}\n";

fn made(world: &World) -> usize {
    world.sandbox.calls("POST", "/streams/tokens/")
}

#[test]
fn a_token_serves_another_provider_and_leaves_nothing_behind() {
    World::on_each_version(async |world| {
        world.configure(USED);
        world.plan().await;
        assert_eq!(made(world), 1);
        world.apply().await;
        assert!(made(world) >= 2 && world.ids().is_empty(), "each phase deletes its own");
        let files = world.files();
        for value in world.sandbox.issued_values() {
            assert!(!files.contains(value.expose_secret()), "a file holds a token's value");
        }
    });
}

#[test]
fn a_token_that_could_not_be_deleted_is_told() {
    World::on_each_version(async |world| {
        world
            .sandbox
            .fault(Fault::answer(403).on("DELETE", "/streams/tokens/1/").times(100));
        world.configure(USED);
        let run = world.plan_fails().await;
        assert!(run.says("Could not delete the stream token 1"), "{run}");
    });
}
