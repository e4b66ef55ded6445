//! Fuzz targets: one function per parser of untrusted input, each of which asserts properties that
//! must hold for any input.
//!
//! `fuzz/` runs them with libFuzzer. The test below runs the same corpora and some thousand
//! mutations of them.

#![allow(missing_docs, clippy::indexing_slicing, clippy::unwrap_used)]

use std::convert::Infallible;
use std::fmt::Debug;
use std::str::from_utf8;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

use crate::framework::{Type, Value, json, msgpack};
use crate::neuroio::api as neuroio;
use crate::quix::api as quix;
use crate::rest::{BaseUrl, Client, Credential, Error, Operation, Options, Transport};
use crate::startree::api as startree;
use crate::striim::api::{Api, NewServiceAccount, OwnToken};
use crate::token::{Expiry, Lifetime, parse_duration};

/// The bearer token of the requests. Some inputs of the corpora contain it.
const BEARER: &str = "b3arer-0f-the-pr0vider";

/// Asserts the properties of a target for an input.
pub type Check = fn(&[u8]);

/// The targets, by the name of the libFuzzer target and of the corpus.
pub const TARGETS: [(&str, Check); 7] = [
    ("msgpack", msgpack),
    ("json", json),
    ("timestamp", timestamp),
    ("duration", duration),
    ("striim_responses", striim_responses),
    ("striim_errors", striim_errors),
    ("other_platform_responses", other_platform_responses),
];

/// Values in MessagePack, as Terraform sends them. A decoded value can be encoded, and decodes to
/// itself.
pub fn msgpack(bytes: &[u8]) {
    let (ty, bytes) = typed(bytes);
    if let Ok(value) = msgpack::decode(bytes, &ty) {
        assert_round_trip(&value, &ty);
    }
}

/// Values in JSON, as in a state file. A decoded value can be encoded, and decodes to itself.
pub fn json(bytes: &[u8]) {
    let (ty, bytes) = typed(bytes);
    if let Ok(value) = json::decode(bytes, &ty) {
        assert_round_trip(&value, &ty);
    }
}

/// Timestamps in a configuration. A parsed timestamp parses to itself when formatted, and its check
/// does not panic.
pub fn timestamp(bytes: &[u8]) {
    if let Some(expiry) = from_utf8(bytes).ok().and_then(|text| Expiry::parse(text).ok()) {
        assert_eq!(Expiry::parse(&expiry.to_string()).ok(), Some(expiry));
        let _ = expiry.check(Timestamp::UNIX_EPOCH, Lifetime::Months(12));
    }
}

/// Durations in a configuration. A parsed duration has whole seconds, and parses to itself when
/// formatted in seconds.
pub fn duration(bytes: &[u8]) {
    if let Some((text, duration)) = from_utf8(bytes)
        .ok()
        .and_then(|text| Some((text, parse_duration(text).ok()?)))
    {
        assert_eq!(duration.subsec_nanos(), 0);
        let seconds = format!("{}s", duration.as_secs());
        assert_eq!(parse_duration(&seconds).ok(), Some(duration), "{text}");
    }
}

/// Successful responses of Striim Cloud. `Debug` does not show a token value, and error messages
/// are safe to display.
pub fn striim_responses(bytes: &[u8]) {
    let (first, body) = split(bytes);
    let status = [StatusCode::OK, StatusCode::CREATED, StatusCode::NO_CONTENT];
    let status = status[usize::from(first >> 4) % status.len()];
    call_striim(first, status, body);
}

/// Error responses of Striim Cloud. Error messages are safe to display.
pub fn striim_errors(bytes: &[u8]) {
    let (first, body) = split(bytes);
    let status = [400, 401, 403, 404, 409, 422, 302];
    let status = status[usize::from(first >> 4) % status.len()];
    call_striim(first, StatusCode::from_u16(status).unwrap(), body);
}

/// Responses of the other platforms, successful and not. `Debug` does not show a token value, and
/// error messages are safe to display.
pub fn other_platform_responses(bytes: &[u8]) {
    let (first, body) = split(bytes);
    let status = [200, 201, 204, 400, 404];
    let status = status[usize::from(first >> 4) % status.len()];
    call_other_platform(first % 16, StatusCode::from_u16(status).unwrap(), body);
}

/// Chooses a type by the first byte, and returns it with the other bytes.
fn typed(bytes: &[u8]) -> (Type, &[u8]) {
    let (first, rest) = split(bytes);
    let boxed = |ty: &Type| Box::new(ty.clone());
    let leaves = [Type::Bool, Type::Number, Type::String, Type::Dynamic];
    let leaf = &leaves[usize::from(first) % leaves.len()];
    let ty = match first / 4 % 6 {
        0 => leaf.clone(),
        1 => Type::List(boxed(leaf)),
        2 => Type::Set(boxed(leaf)),
        3 => Type::Map(boxed(leaf)),
        4 => Type::Tuple(vec![leaf.clone(), Type::String]),
        _ => Type::object([
            ("a", leaf.clone()),
            ("b", Type::object([("c", Type::Set(boxed(leaf)))])),
        ]),
    };
    (ty, rest)
}

fn split(bytes: &[u8]) -> (u8, &[u8]) {
    bytes.split_first().map_or((0, bytes), |(first, rest)| (*first, rest))
}

fn assert_round_trip(value: &Value, ty: &Type) {
    let written = msgpack::encode(value, ty).unwrap();
    let read = msgpack::decode(&written, ty).unwrap();
    assert!(msgpack::encode(&read, ty).unwrap() == written, "{ty:?} {value:?}");
}

/// Calls a method of Striim Cloud's API, selected by `call`, with this response.
fn call_striim(call: u8, status: StatusCode, body: &[u8]) {
    let api = Api::new(client(status, body));
    let new = NewServiceAccount {
        name: "ci-pipeline",
        description: None,
        expires_at: None,
    };
    run(async |operation| match call % 8 {
        0 => assert_displayable(api.list_service_accounts(operation).await),
        1 => assert_hidden(api.create_service_account(operation, &new).await, |issued| {
            &issued.token
        }),
        2 => assert_hidden(
            api.rotate_service_account(operation, "ci-pipeline", None, OwnToken::No)
                .await,
            |issued| &issued.token,
        ),
        3 => assert_displayable(api.user_token(operation, Some("user@acme.example")).await),
        4 => assert_hidden(
            api.rotate_user_token(operation, None, None, OwnToken::No).await,
            |issued| &issued.token,
        ),
        5 => assert_displayable(api.pat_status(operation).await),
        6 => assert_displayable(api.delete_service_account(operation, "ci-pipeline").await),
        _ => assert_displayable(api.toggle_pat_status(operation).await),
    });
}

/// Calls a method of another platform's API, selected by `call`, with this response.
fn call_other_platform(call: u8, status: StatusCode, body: &[u8]) {
    let neuroio = neuroio::Api::new(client(status, body));
    let startree = startree::Api::new(client(status, body));
    let quix = quix::Api::new(client(status, body));
    let id = "7".parse().unwrap();
    let (name, key) = ("loaders".parse().unwrap(), "Abcdefgh12345678".parse().unwrap());
    let tokens = quix::Endpoint::for_read("/tokens/{workspaceId}").unwrap();
    run(async |operation| match call % 12 {
        0 => assert_displayable(neuroio.list(operation, Some(true)).await),
        1 => assert_hidden(neuroio.get(operation, id).await, |issued| &issued.key),
        2 => assert_hidden(neuroio.create(operation, true).await, |issued| &issued.key),
        3 => assert_hidden(startree.create_service_token(operation, None).await, |issued| {
            &issued.secret_key
        }),
        4 => assert_displayable(startree.service_token(operation, &key).await),
        5 => assert_displayable(startree.roles(operation).await),
        6 => assert_displayable(startree.assignments(operation, &name).await),
        7 => assert_displayable(startree.policy(operation, &name).await),
        8 => assert_displayable(quix.workspaces(operation).await),
        9 => assert_displayable(quix.permission(operation, "Workspace", "acme-prod", "Read").await),
        10 => assert_displayable(quix.broker_config(operation, "acme-prod").await),
        _ => assert_hidden(quix.streaming_tokens(operation, &tokens, "acme-prod").await, |tokens| {
            &tokens.token_1
        }),
    });
}

/// Creates a client that receives this response to every request.
fn client(status: StatusCode, body: &[u8]) -> Client {
    let body = Bytes::copy_from_slice(body);
    let service = tower::service_fn(move |_| {
        let mut response = Response::new(Full::new(body.clone()));
        *response.status_mut() = status;
        async { Ok::<_, Infallible>(response) }
    });
    let options = Options {
        base_url: BaseUrl::parse("http://127.0.0.1/api/v1").unwrap(),
        credential: Credential::bearer(SecretString::from(BEARER)).unwrap(),
        user_agent: HeaderValue::from_static("fuzz"),
        request_timeout: Duration::from_secs(1),
    };
    Client::new(options, Transport::new(service))
}

fn run(call: impl AsyncFnOnce(&Operation)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    // Too short for a retry, because only parsing is of interest.
    let operation = Operation::new(Duration::from_millis(100), CancellationToken::new());
    runtime.unwrap().block_on(call(&operation));
}

fn assert_hidden<T: Debug>(issued: Result<T, Error>, value: impl Fn(&T) -> &SecretString) {
    if let Ok(issued) = &issued {
        let (value, shown) = (value(issued).expose_secret(), format!("{issued:?}"));
        // A short value may also occur in an id or a timestamp. Real values have at least 32
        // characters.
        assert!(value.len() < 32 || !shown.contains(value));
    }
    assert_displayable(issued);
}

fn assert_displayable<T>(outcome: Result<T, Error>) {
    if let Err(error) = outcome {
        let message = error.to_string();
        assert!(message.chars().count() < 2_000, "{message}");
        assert!(!message.contains(BEARER), "{message}");
        assert!(
            !message.contains(|char: char| char.is_control() && char != '\n'),
            "{message:?}"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use fastrand::Rng;

    use super::*;

    /// The number of mutations of each input of a corpus.
    const MUTATIONS: usize = 500;

    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpora").join(target);
        let files = fs::read_dir(folder).unwrap();
        let mut corpus: Vec<_> = files.map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
        corpus.sort();
        corpus
    }

    fn mutate(bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
        let at = rng.usize(..=bytes.len());
        match rng.u8(..5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.u8(..)),
            2 if !other.is_empty() => {
                bytes.truncate(at);
                bytes.extend_from_slice(&other[rng.usize(..other.len())..]);
            }
            3 if at < bytes.len() => drop(bytes.remove(at)),
            _ if at < bytes.len() => bytes[at] = rng.u8(..),
            _ => bytes.push(rng.u8(..)),
        }
    }

    #[test]
    fn targets_pass_for_corpora_and_mutations() {
        for (target, check) in TARGETS {
            let corpus = corpus(target);
            assert!(corpus.len() >= 5, "{target}");
            let mut rng = Rng::with_seed(1);
            for input in &corpus {
                check(input);
                for _ in 0..MUTATIONS {
                    let mut mutant = input.clone();
                    for _ in 0..rng.usize(1..4) {
                        mutate(&mut mutant, &corpus[rng.usize(..corpus.len())], &mut rng);
                    }
                    check(&mutant);
                }
            }
        }
    }
}
