//! What the tests of this room share: an environment in the same process, under tokio's clock.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use secrecy::SecretString;

use super::api::{Api, IssuedToken};
use super::connection::{Connection, Session};
use super::pinot::Pinot;
use crate::platform::State;
use crate::platform::testing::clock;
use crate::rest::{BaseUrl, Client, Credential, Options, Transport};
use crate::sandbox::startree::{self, Sandbox};

/// After this time, a list that the provider read is read again, as by a new process.
pub(super) const A_RUN_LATER: Duration = Duration::from_secs(60);

/// An environment whose time is tokio's.
pub(super) fn sandbox(options: startree::Options) -> Sandbox {
    Sandbox::with_clock(clock(), options)
}

/// A connection with this token.
pub(super) fn connection(sandbox: &Sandbox, bearer: &SecretString) -> Connection {
    let transport = Transport::new(sandbox.service());
    let (user_agent, request_timeout) = (HeaderValue::from_static("test"), Duration::from_secs(30));
    let base_url = |text| BaseUrl::parse(text).unwrap();
    let options = Options {
        base_url: base_url("http://127.0.0.1/api/v1/rbac-manager"),
        credential: Credential::bearer(bearer.clone()).unwrap(),
        user_agent: user_agent.clone(),
        request_timeout,
    };
    let pinot = Some(Pinot {
        base_url: base_url("http://127.0.0.1"),
        transport: transport.clone(),
        user_agent,
        request_timeout,
    });
    let own = IssuedToken::of_bearer(bearer).map(|token| token.access_key);
    let api = Api::new(Client::new(options, transport));
    Connection::new(api, pinot, "acme".to_owned(), own, Duration::from_secs(300))
}

/// A session with this token.
pub(super) fn session_with(sandbox: &Sandbox, bearer: &SecretString) -> Session {
    let session = Session::new(sandbox.clock());
    session.set(State::Connected(Arc::new(connection(sandbox, bearer))));
    session
}

/// A session with an administrator's token.
pub(super) fn session(sandbox: &Sandbox) -> Session {
    session_with(sandbox, &sandbox.administrator().bearer())
}

/// Everything that the platform's pages leave open, one way and another.
pub(super) fn every_shape() -> Vec<startree::Options> {
    use http::StatusCode;
    use startree::{Again, Attached, Document, Envelope, ErrorBody, Names, Options, Srns, SubjectTypes, Success};
    vec![
        Options::default(),
        Options {
            success: Success::Precise,
            echoes: false,
            list: Envelope::Named,
            attached: Attached::PolicySrns,
            srns: Srns::Seldom,
            subject_types: SubjectTypes::Shouting,
            document: Document::Respelled,
            taken: StatusCode::BAD_REQUEST,
            in_use: StatusCode::BAD_REQUEST,
            absent: StatusCode::BAD_REQUEST,
            again: Again::Refused,
            errors: ErrorBody::Spring,
            ..Options::default()
        },
        Options {
            list: Envelope::Page,
            wraps: true,
            attached: Attached::Texts,
            srns: Srns::Encoded,
            lowers_subjects: true,
            tells_descriptions: false,
            document: Document::Json,
            keeps_description: true,
            names: Names::Plain,
            in_use: StatusCode::UNPROCESSABLE_ENTITY,
            again: Again::Refused,
            deletes_roles_with_policies: false,
            drops_assignments: false,
            assigns_unknown_tokens: true,
            errors: ErrorBody::Empty,
            ..Options::default()
        },
        Options {
            echoes: false,
            list: Envelope::Data,
            absent: StatusCode::INTERNAL_SERVER_ERROR,
            in_use: StatusCode::INTERNAL_SERVER_ERROR,
            taken: StatusCode::INTERNAL_SERVER_ERROR,
            errors: ErrorBody::Plain,
            ..Options::default()
        },
    ]
}
