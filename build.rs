//! Compiles `proto/` into Rust, with protox, so that no `protoc` is needed.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = ["proto/tfplugin6.proto", "proto/go_plugin.proto"];
    for file in files {
        println!("cargo::rerun-if-changed={file}");
    }
    tonic_prost_build::configure()
        // An RPC that is not served answers Unimplemented.
        .generate_default_stubs(true)
        // Only the tests are clients, and they bring their own transport.
        .build_transport(false)
        .compile_fds(protox::compile(files, ["proto"])?)?;
    Ok(())
}
