//! The static program in an empty root directory, as in a container image without a C library.
//!
//! The directory contains only the program, the certificate authorities and `/etc/resolv.conf`. The test runs itself again in
//! a network of its own, where it is the server for names and for HTTPS. Both need Linux's user namespaces.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use rcgen::CertificateParams;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use token_providers::framework::testing::{PluginProgram, Workspace};
use token_providers::sandbox::striim::{Options, Sandbox};
use tokio::net::UdpSocket;

use crate::support::https::Https;

/// The host of the platform, which only the name server of the test knows.
const HOST: &str = "api.striim.example";

/// The variable with the static program, set when the test runs in its own network.
const PROGRAM: &str = "EMPTY_ROOT_PROGRAM";

/// The variable with a static program to test instead of the one built here, such as that of a release.
const CHOSEN: &str = "STATIC_PROVIDER";

#[tokio::test]
async fn static_program_needs_no_files_but_authorities_and_resolver() {
    if let Some(program) = std::env::var_os(PROGRAM) {
        return reads_a_data_source_over_https(Path::new(&program)).await;
    }
    let namespaces = ["--user", "--map-root-user", "--net"];
    let loopback = "ip link set lo up && exec \"$0\" \"$@\"";
    let enters = Command::new("unshare")
        .args(namespaces)
        .args(["sh", "-c", loopback, "true"])
        .output();
    if !enters.as_ref().is_ok_and(|output| output.status.success()) {
        assert!(
            std::env::var_os("CI").is_none(),
            "user namespaces, unshare and ip are needed: {enters:?}"
        );
        // `eprintln!` would be captured.
        writeln!(
            std::io::stderr(),
            "Not run: the test in an empty root directory. {enters:?}"
        )
        .unwrap();
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let chosen = std::env::var_os(CHOSEN).map(|program| std::path::absolute(program).unwrap());
    let program = chosen.unwrap_or_else(|| static_program(temporary.path()));
    let output = Command::new("unshare")
        .args(namespaces)
        .args(["sh", "-c", loopback])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "protocol::empty_root::static_program_needs_no_files_but_authorities_and_resolver",
        ])
        .env(PROGRAM, program)
        .output()
        .unwrap();
    let [stdout, stderr] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let passed = output.status.success() && stdout.contains("1 passed");
    assert!(passed, "{stdout}\n{stderr}");
}

/// Links Striim's provider statically with the libraries that this test uses, which takes seconds. Another build would take
/// minutes.
fn static_program(directory: &Path) -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Cargo describes this package to its tests. Build scripts that read the same variables would run again.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name == "OUT_DIR" || name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_") {
            cargo.env_remove(&*name);
        }
    }
    let listing = cargo
        .args([
            "test",
            "--no-run",
            "--locked",
            "--test=integration",
            "--message-format=json",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let listing = String::from_utf8(listing.stdout).unwrap();
    let library = listing.lines().find_map(|line| {
        let artifact: Value = serde_json::from_str(line).unwrap();
        let is_library =
            artifact["target"]["name"] == "token_providers" && artifact["target"]["kind"] == json!(["lib"]);
        let files = artifact["filenames"].as_array().filter(|_| is_library)?;
        let mut files = files.iter().filter_map(Value::as_str);
        files.find(|file| file.ends_with(".rlib")).map(PathBuf::from)
    });
    let library = library.expect("Cargo lists the library");
    let program = directory.join("terraform-provider-striim");
    let rustc = Command::new("rustc")
        .args([
            "--edition=2024",
            "-Ctarget-feature=+crt-static",
            "src/bin/terraform-provider-striim.rs",
        ])
        .arg(format!("-Ldependency={}", library.parent().unwrap().display()))
        .arg(format!("--extern=token_providers={}", library.display()))
        .arg("-o")
        .arg(&program)
        .env("CARGO_PKG_VERSION", env!("CARGO_PKG_VERSION"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(rustc.status.success(), "{}", String::from_utf8_lossy(&rustc.stderr));
    program
}

async fn reads_a_data_source_over_https(program: &Path) {
    let sandbox = Sandbox::new(Options::default());
    let certificate = CertificateParams::new([HOST.to_owned()]).unwrap();
    let platform = Https::serve_with(certificate, sandbox.router()).await;
    let asked = name_server().await;

    let root = tempfile::tempdir().unwrap();
    let root = fs::canonicalize(root.path()).unwrap();
    for (file, contents) in [
        ("etc/resolv.conf", b"nameserver 127.0.0.1\n".as_slice()),
        ("etc/ssl/certs/ca-certificates.crt", &platform.authority),
        ("tmp/.keep", b""),
    ] {
        fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
        fs::write(root.join(file), contents).unwrap();
    }
    fs::copy(program, root.join("program")).unwrap();
    // The path of the plugin's socket is the same inside and outside.
    let outside = root.join(root.strip_prefix("/").unwrap());
    fs::create_dir_all(outside.parent().unwrap()).unwrap();
    symlink("/", outside).unwrap();

    let program = PluginProgram::new("chroot")
        .with_argument(&root)
        .with_argument("/program")
        .with("PATH", std::env::var_os("PATH").unwrap_or_default())
        .with("TMPDIR", root.join("tmp"));
    let workspace = Workspace::new().with_provider(json!({
        "base_url": format!("https://{HOST}:{}", platform.port),
        "token": sandbox.admin_token().expose_secret(),
    }));
    let read = workspace
        .read_data_source(program, "striim_service_account_tokens", json!({}))
        .await;
    read.succeeds();
    assert!(asked.lock().unwrap().iter().any(|name| name == HOST), "{asked:?}");
}

/// Starts a name server that knows [`HOST`] alone, and returns the list of names that it is asked for.
async fn name_server() -> Arc<Mutex<Vec<String>>> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let socket = UdpSocket::bind("127.0.0.1:53").await.unwrap();
    let names = asked.clone();
    tokio::spawn(async move {
        let mut query = [0; 512];
        loop {
            let (length, client) = socket.recv_from(&mut query).await.unwrap();
            let (name, answer) = answer(&query[..length]);
            names.lock().unwrap().push(name);
            socket.send_to(&answer, client).await.unwrap();
        }
    });
    asked
}

/// The name that a DNS query asks for, and the answer: 127.0.0.1, or that there is none.
fn answer(query: &[u8]) -> (String, Vec<u8>) {
    const HEADER: usize = 12;
    const ADDRESS: [u8; 2] = [0, 1];
    let mut labels = Vec::new();
    let mut at = HEADER;
    while query[at] != 0 {
        let end = at + 1 + usize::from(query[at]);
        labels.push(String::from_utf8_lossy(&query[at + 1..end]).into_owned());
        at = end;
    }
    let question = &query[HEADER..at + 5];
    let name = labels.join(".");
    let is_found = name == HOST && question[question.len() - 4..][..2] == ADDRESS;
    // The query's id; an answer without an error; one question, and perhaps one answer.
    let mut answer = query[..2].to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_found), 0, 0, 0, 0]);
    answer.extend(question);
    if is_found {
        // The name of the question, type A, class IN, valid for a minute, four bytes.
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
    }
    (name, answer)
}
