//! The program `striim-sandbox`.

use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::Command;

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_striim-sandbox"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

#[tokio::test]
async fn output_contains_environment_variables_of_provider() {
    let mut sandbox = program(&[
        "--listen",
        "127.0.0.1:0",
        "--account",
        "globex",
        "--token",
        "my-token",
        "--quota",
        "5",
    ])
    .spawn()
    .unwrap();
    let mut lines = BufReader::new(sandbox.stdout.take().unwrap()).lines();
    let mut export = None;
    while export.is_none() {
        let line = lines.next_line().await.unwrap().expect("the program is running");
        export = line.strip_prefix("export STRIIM_BASE_URL=").map(str::to_owned);
    }
    let (base_url, token) = export.as_ref().unwrap().split_once(" STRIIM_TOKEN=").unwrap();
    assert_eq!(token, "my-token");
    let address = base_url
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/api/v1")
        .unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection
        .write_all(b"GET /sandbox HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut account = String::new();
    connection.read_to_string(&mut account).await.unwrap();
    assert!(
        account.contains(r#""account":"globex""#) && account.contains(r#""limit":5"#),
        "{account}"
    );
    sandbox.kill().await.unwrap();
}

#[tokio::test]
async fn vault_option_serves_vault() {
    let arguments = ["--listen", "127.0.0.1:0", "--vault", "127.0.0.1:0"];
    let mut sandbox = program(&arguments).spawn().unwrap();
    let mut lines = BufReader::new(sandbox.stdout.take().unwrap()).lines();
    let mut export = None;
    while export.is_none() {
        let line = lines.next_line().await.unwrap().expect("the program is running");
        export = line.strip_prefix("export VAULT_ADDR=http://").map(str::to_owned);
    }
    let (address, token) = export.as_ref().unwrap().split_once(" VAULT_TOKEN=").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!("host: vault\r\nconnection: close\r\nx-vault-token: {token}");
    let read = format!("GET /v1/secret/data/nothing HTTP/1.1\r\n{head}\r\n\r\n");
    connection.write_all(read.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 404") && answer.ends_with(r#"{"errors":[]}"#),
        "{answer}"
    );
    sandbox.kill().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn interrupt_exits_program_successfully() {
    let mut sandbox = program(&["--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut lines = BufReader::new(sandbox.stdout.take().unwrap()).lines();
    lines
        .next_line()
        .await
        .unwrap()
        .expect("the program prints after it has started to serve");
    let interrupted = Command::new("kill")
        .args(["-INT", &sandbox.id().unwrap().to_string()])
        .status()
        .await
        .unwrap();
    assert!(interrupted.success());
    assert_eq!(sandbox.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn help_and_argument_errors_are_printed() {
    for (arguments, code, expected) in [
        (&["--help"][..], 0, "--listen ADDRESS"),
        (&["--listen"], 1, "--listen needs a value"),
        (&["--port", "80"], 1, "unknown option --port"),
        (&["--quota", "many"], 1, "invalid value for --quota: many"),
        (&["--vault", "here"], 1, "invalid value for --vault: here"),
        (&["--now", "noon"], 1, "invalid value for --now: noon"),
        (&["--admin", "me"], 1, "invalid value for --admin: me"),
        (&["--options", r#"{"quotta": 1}"#], 1, "unknown field `quotta`"),
    ] {
        let Output { status, stdout, stderr } = program(arguments).output().await.unwrap();
        let output = String::from_utf8([stdout, stderr].concat()).unwrap();
        assert_eq!(status.code(), Some(code), "{arguments:?}: {output}");
        assert!(output.contains(expected), "{arguments:?}: {output}");
    }
}
