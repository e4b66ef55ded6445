//! The shell pipe in the README.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::examples::take;
use super::world::{World, in_days};

/// Creates a program with this name from a shell command.
fn program(dir: &Path, name: &str, line: &str) {
    let file = dir.join(name);
    fs::write(&file, format!("#!/bin/sh\n{line}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn pipe_in_the_readme_delivers_only_the_value() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let pipe = readme.lines().find(|line| line.starts_with("terraform output -raw "));
    let pipe = pipe.unwrap().to_owned();
    let (_, taker) = pipe.split_once(" | vault ").unwrap();
    World::on_each_version(async |world| {
        take(
            world,
            &in_days(90),
            &[World::examples_folder().join("quick-start/main.tf")],
        );
        world.apply().await;

        let dir = tempfile::tempdir().unwrap();
        let terraform = world.workspace.terraform().command_line();
        let path = std::env::var("PATH").unwrap();
        // Skips this program, which comes first.
        program(
            dir.path(),
            "terraform",
            &format!("PATH={path:?} exec {terraform} \"$@\""),
        );
        // Vault reads a field `-` from standard input.
        let received = dir.path().join("received");
        let test = format!("[ \"$*\" = {taker:?} ] && cat > {received:?}");
        program(dir.path(), "vault", &test);
        let path = format!("{}:{path}", dir.path().display());
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-c", &pipe]).current_dir(world.workspace.dir());
        let output = shell
            .envs(world.workspace.environment())
            .env("PATH", path)
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(
            output.stdout.is_empty() && output.stderr.is_empty(),
            "it shows something"
        );
        let received = fs::read_to_string(received).unwrap();
        assert!(world.sandbox.is_live(&received), "not the value, or not it alone");
    });
}
