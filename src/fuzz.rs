//! What reads bytes from outside, one function a kind, each held to its promises whatever the bytes are.
//!
//! libFuzzer drives them from `fuzz/`; the tests below run the same corpora, and some thousand mutations of them.

#![allow(missing_docs, clippy::indexing_slicing, clippy::unwrap_used)]

use std::convert::Infallible;
use std::str::from_utf8;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

use crate::framework::{Type, Value, json, msgpack};
use crate::rest::{BaseUrl, Client, Credential, Error, Operation, Options, Transport};
use crate::striim::api::{Api, IssuedToken, NewServiceAccount, Own};
use crate::token::{Expiry, Lifetime, parse_duration};

/// The bearer of the requests whose answers are made up: corpora know it.
const BEARER: &str = "b3arer-0f-the-pr0vider";

/// Holds a kind to its promises.
pub type Check = fn(&[u8]);

/// Every kind, by the name of its target and of its corpus.
pub const KINDS: [(&str, Check); 6] = [
    ("msgpack", msgpack),
    ("json", json),
    ("instant", instant),
    ("duration", duration),
    ("answer", answer),
    ("refusal", refusal),
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

/// Makes a call that gets this answer.
fn ask(call: u8, status: StatusCode, body: &[u8]) {
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
    let api = Api::new(Client::new(options, Transport::new(service)));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.unwrap().block_on(async {
        // Too short for a second attempt: only the reading is of interest.
        let operation = Operation::new(Duration::from_millis(100), CancellationToken::new());
        let new = NewServiceAccount {
            name: "ci-pipeline",
            description: None,
            expires_at: None,
        };
        match call % 8 {
            0 => shows(api.list_service_accounts(&operation).await),
            1 => hides(api.create_service_account(&operation, &new).await),
            2 => hides(
                api.rotate_service_account(&operation, "ci-pipeline", None, Own::No)
                    .await,
            ),
            3 => shows(api.user_token(&operation, Some("user@acme.example")).await),
            4 => hides(api.rotate_user_token(&operation, None, None, Own::No).await),
            5 => shows(api.pat_status(&operation).await),
            6 => shows(api.delete_service_account(&operation, "ci-pipeline").await),
            _ => shows(api.toggle_pat_status(&operation).await),
        }
    });
}

fn hides(issued: Result<IssuedToken, Error>) {
    if let Ok(issued) = &issued {
        let (value, told) = (issued.token.expose_secret(), format!("{issued:?}"));
        // A short one may stand in the number or in an instant, too.
        assert!(value.len() < 40 || !told.contains(value));
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
