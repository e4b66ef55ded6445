//! What reads bytes from outside, one function a kind, each held to its promises whatever the bytes are.
//!
//! libFuzzer drives them from `fuzz/`; the tests below run the same corpora, and some thousand mutations of them.

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
use crate::striim::api::{Api, NewServiceAccount, Own};
use crate::token::{Expiry, Lifetime, parse_duration};

/// The bearer of the requests whose answers are made up: corpora know it.
const BEARER: &str = "b3arer-0f-the-pr0vider";

/// Holds a kind to its promises.
pub type Check = fn(&[u8]);

/// Every kind, by the name of its target and of its corpus.
pub const KINDS: [(&str, Check); 7] = [
    ("msgpack", msgpack),
    ("json", json),
    ("instant", instant),
    ("duration", duration),
    ("answer", answer),
    ("refusal", refusal),
    ("others", others),
];

/// Terraform's values on the wire: what is read can be written, and is read back the same.
pub fn msgpack(bytes: &[u8]) {
    let (ty, bytes) = typed(bytes);
    if let Ok(value) = msgpack::decode(bytes, &ty) {
        is_stable(&value, &ty);
    }
}

/// States as Terraform stores them: the same.
pub fn json(bytes: &[u8]) {
    let (ty, bytes) = typed(bytes);
    if let Ok(value) = json::decode(bytes, &ty) {
        is_stable(&value, &ty);
    }
}

/// Instants as users write them: what is read is written so that it is read back the same, and can be judged.
pub fn instant(bytes: &[u8]) {
    if let Some(expiry) = from_utf8(bytes).ok().and_then(|text| Expiry::parse(text).ok()) {
        assert_eq!(Expiry::parse(&expiry.to_string()).ok(), Some(expiry));
        let _ = expiry.check(Timestamp::UNIX_EPOCH, Lifetime::Months(12));
    }
}

/// Durations as users write them: one more second cannot be written shorter.
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

/// The platform's answers of success: a value that is read prints nowhere, an error is fit to be shown.
pub fn answer(bytes: &[u8]) {
    let (first, body) = split(bytes);
    let status = [StatusCode::OK, StatusCode::CREATED, StatusCode::NO_CONTENT];
    let status = status[usize::from(first >> 4) % status.len()];
    ask(first, status, body);
}

/// The platform's refusals: an error is fit to be shown.
pub fn refusal(bytes: &[u8]) {
    let (first, body) = split(bytes);
    let status = [400, 401, 403, 404, 409, 422, 302];
    let status = status[usize::from(first >> 4) % status.len()];
    ask(first, StatusCode::from_u16(status).unwrap(), body);
}

/// The other platforms' answers, of success and refusal.
pub fn others(bytes: &[u8]) {
    let (first, body) = split(bytes);
    let status = [200, 201, 204, 400, 404];
    let status = status[usize::from(first >> 4) % status.len()];
    ask_others(first % 16, StatusCode::from_u16(status).unwrap(), body);
}

/// A type of those that schemas have, by the first byte, and the rest.
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

fn is_stable(value: &Value, ty: &Type) {
    let written = msgpack::encode(value, ty).unwrap();
    let read = msgpack::decode(&written, ty).unwrap();
    assert!(msgpack::encode(&read, ty).unwrap() == written, "{ty:?} {value:?}");
}

/// Makes a call of Striim Cloud's API that gets this answer.
fn ask(call: u8, status: StatusCode, body: &[u8]) {
    let api = Api::new(client(status, body));
    let new = NewServiceAccount {
        name: "ci-pipeline",
        description: None,
        expires_at: None,
    };
    run(async |operation| match call % 8 {
        0 => shows(api.list_service_accounts(operation).await),
        1 => hides(api.create_service_account(operation, &new).await, |issued| {
            &issued.token
        }),
        2 => hides(
            api.rotate_service_account(operation, "ci-pipeline", None, Own::No)
                .await,
            |issued| &issued.token,
        ),
        3 => shows(api.user_token(operation, Some("user@acme.example")).await),
        4 => hides(api.rotate_user_token(operation, None, None, Own::No).await, |issued| {
            &issued.token
        }),
        5 => shows(api.pat_status(operation).await),
        6 => shows(api.delete_service_account(operation, "ci-pipeline").await),
        _ => shows(api.toggle_pat_status(operation).await),
    });
}

/// Makes a call of another platform's API that gets this answer.
fn ask_others(call: u8, status: StatusCode, body: &[u8]) {
    let neuroio = neuroio::Api::new(client(status, body));
    let startree = startree::Api::new(client(status, body));
    let quix = quix::Api::new(client(status, body));
    let id = "7".parse().unwrap();
    let (name, key) = ("loaders".parse().unwrap(), "Abcdefgh12345678".parse().unwrap());
    let tokens = quix::Endpoint::of_reading("/tokens/{workspaceId}").unwrap();
    run(async |operation| match call % 12 {
        0 => shows(neuroio.list(operation, Some(true)).await),
        1 => hides(neuroio.get(operation, id).await, |issued| &issued.key),
        2 => hides(neuroio.create(operation, true).await, |issued| &issued.key),
        3 => hides(startree.create_service_token(operation, None).await, |issued| {
            &issued.secret_key
        }),
        4 => shows(startree.service_token(operation, &key).await),
        5 => shows(startree.roles(operation).await),
        6 => shows(startree.assignments(operation, &name).await),
        7 => shows(startree.policy(operation, &name).await),
        8 => shows(quix.workspaces(operation).await),
        9 => shows(quix.permission(operation, "Workspace", "acme-prod", "Read").await),
        10 => shows(quix.broker_config(operation, "acme-prod").await),
        _ => hides(quix.streaming_tokens(operation, &tokens, "acme-prod").await, |tokens| {
            &tokens.token_1
        }),
    });
}

/// A client whose every request gets this answer.
fn client(status: StatusCode, body: &[u8]) -> Client {
    let body = Bytes::copy_from_slice(body);
    let service = tower::service_fn(move |_| {
        let mut answer = Response::new(Full::new(body.clone()));
        *answer.status_mut() = status;
        async { Ok::<_, Infallible>(answer) }
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
    // Too short for a second attempt: only the reading is of interest.
    let operation = Operation::new(Duration::from_millis(100), CancellationToken::new());
    runtime.unwrap().block_on(call(&operation));
}

fn hides<T: Debug>(issued: Result<T, Error>, value: impl Fn(&T) -> &SecretString) {
    if let Ok(issued) = &issued {
        let (value, told) = (value(issued).expose_secret(), format!("{issued:?}"));
        // A short one may stand in the number or in an instant, too; the shortest that a platform makes has 32 characters.
        assert!(value.len() < 32 || !told.contains(value));
    }
    shows(issued);
}

fn shows<T>(outcome: Result<T, Error>) {
    if let Err(error) = outcome {
        let told = error.to_string();
        assert!(told.chars().count() < 2_000, "{told}");
        assert!(!told.contains(BEARER), "{told}");
        assert!(
            !told.contains(|char: char| char.is_control() && char != '\n'),
            "{told:?}"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use fastrand::Rng;

    use super::*;

    /// How many mutations are made of each piece of a corpus.
    const MUTATIONS: usize = 3_000;

    fn corpus(kind: &str) -> Vec<Vec<u8>> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpora").join(kind);
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
    fn every_corpus_and_what_is_made_of_it_keeps_the_promises() {
        for (kind, check) in KINDS {
            let corpus = corpus(kind);
            assert!(corpus.len() >= 5, "{kind}");
            let mut rng = Rng::with_seed(1);
            for piece in &corpus {
                check(piece);
                for _ in 0..MUTATIONS {
                    let mut mutant = piece.clone();
                    for _ in 0..rng.usize(1..4) {
                        mutate(&mut mutant, &corpus[rng.usize(..corpus.len())], &mut rng);
                    }
                    check(&mutant);
                }
            }
        }
    }
}
