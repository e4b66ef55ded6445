//! NeuroIO's API for stream tokens, typed: every endpoint that its public clients call, but the one that deletes all tokens.
//!
//! Nothing here knows Terraform.

mod answer;
mod token_id;

use http::{Method, StatusCode};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;

use crate::rest::{Client, Error, Kind, Operation, Request, RetrySafety};

pub use token_id::{InvalidTokenId, TokenId};

/// How many tokens a page of the list has: what both clients request by default.
const PAGE: usize = 20;

/// How often the list is read anew because it changed between two of its pages.
const PASSES: usize = 5;

/// More tokens than anybody has; it bounds a list that does not end.
const MOST: usize = 10_000;

const LIST: &str = "list the stream tokens";

/// The API for the stream tokens of an account, a space or the managers: which, the platform knows by the token that the
/// client proves itself with.
///
/// Every method ends within its [`Operation`] and fails with an [`Error`] that knows whether the platform may have acted. A
/// 404 is [`Error::is_not_found`].
#[derive(Clone)]
pub struct Api {
    client: Client,
}

/// A stream token, without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamToken {
    /// Its number.
    pub id: TokenId,
    /// Whether it is accepted, as long as it has not expired.
    pub is_active: bool,
    /// When it was made, where the platform says so.
    pub created: Option<Timestamp>,
    /// When a temporary token expires. What this means of a permanent one, which "does not expire automatically", is not known.
    pub expires: Option<Timestamp>,
}

/// A stream token with its value. The platform shows it again whenever it is read.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The token.
    pub token: StreamToken,
    /// Its value, called `key` by the platform. Never empty.
    pub key: SecretString,
}

impl Api {
    /// The API behind `client`, whose base URL ends in `/v1`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Whether this is the value that the API is called with.
    pub async fn is_own_credential(&self, key: &SecretString) -> bool {
        self.client.uses_secret(key).await
    }

    /// Makes a token: `POST /streams/tokens/`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create(&self, operation: &Operation, permanent: bool) -> Result<Issued, Error> {
        let request = collection(Method::POST, "create a stream token").json(&json!({ "permanent": permanent }));
        let read = |answer| answer::token(answer, None);
        let issued = self.client.fetch(operation, &request, read).await;
        issued.inspect(|issued| self.client.redact(&issued.key))
    }

    /// Every token, or those of one kind: `GET /streams/tokens/`, page by page.
    ///
    /// A page is known to follow the one before by beginning with its last row. If it does not, another client created or deleted a
    /// token meanwhile, and one could be missed: the list is read anew.
    ///
    /// # Errors
    ///
    /// [`Error`], also if the list does not come to rest.
    pub async fn list(&self, operation: &Operation, permanent: Option<bool>) -> Result<Vec<StreamToken>, Error> {
        for _ in 0..PASSES {
            if let Some(tokens) = self.pass(operation, permanent).await? {
                return Ok(tokens);
            }
        }
        Err(unreadable(
            "the list changed between its pages, each time that it was read",
        ))
    }

    /// The list, unless it changed while it was read.
    async fn pass(&self, operation: &Operation, permanent: Option<bool>) -> Result<Option<Vec<StreamToken>>, Error> {
        let mut tokens: Vec<StreamToken> = Vec::new();
        loop {
            let offset = tokens.len().saturating_sub(1);
            let mut request = collection(Method::GET, LIST)
                .query("limit", &PAGE.to_string())
                .query("offset", &offset.to_string());
            if let Some(permanent) = permanent {
                request = request.query("permanent", &permanent.to_string());
            }
            let read = |answer| answer::page(&answer, offset);
            let (page, says_more) = self.client.fetch(operation, &request, read).await?;
            let is_last = page.len() < PAGE && !says_more;
            // The first row repeats the last one of the page before.
            if says_more && page.len() <= usize::from(!tokens.is_empty()) {
                return Err(unreadable(
                    "a page says that there are more tokens, and they do not come",
                ));
            }
            let last = tokens.pop();
            if last.is_some_and(|last| page.first().map(|first| first.id) != Some(last.id)) {
                return Ok(None);
            }
            tokens.extend(page);
            if is_last {
                return Ok(Some(tokens));
            }
            if tokens.len() > MOST {
                return Err(unreadable("the list does not end"));
            }
        }
    }

    /// A token with its value: `GET /streams/tokens/{id}/`.
    ///
    /// # Errors
    ///
    /// [`Error`]; 404 where there is no such token.
    pub async fn get(&self, operation: &Operation, id: TokenId) -> Result<Issued, Error> {
        let request = one(Method::GET, format!("read the stream token {id}"), id);
        let read = |answer| answer::token(answer, Some(id));
        let issued = self.client.fetch(operation, &request, read).await;
        issued.inspect(|issued| self.client.redact(&issued.key))
    }

    /// Activates or deactivates a token: `PATCH /streams/tokens/{id}/` with a form, as the Python client does; where that is
    /// not taken, `PUT` with JSON, as the JavaScript client does.
    ///
    /// # Errors
    ///
    /// [`Error`]; 404 where there is no such token.
    pub async fn set_active(&self, operation: &Operation, id: TokenId, is_active: bool) -> Result<(), Error> {
        let verb = if is_active { "activate" } else { "deactivate" };
        let tried = format!("{verb} the stream token {id}");
        // It sets a state, so it may be repeated.
        let patch = one(Method::PATCH, &tried, id)
            .form(&[("is_active", &is_active.to_string())])
            .retry(RetrySafety::Safe);
        match self.client.send(operation, &patch).await.map(drop) {
            Err(error) if is_not_taken(&error) => {
                let put = one(Method::PUT, &tried, id).json(&json!({ "is_active": is_active }));
                self.client.send(operation, &put).await.map(drop)
            }
            outcome => outcome,
        }
    }

    /// Deletes a token, which revokes its value: `DELETE /streams/tokens/{id}/`.
    ///
    /// # Errors
    ///
    /// [`Error`]; 404 where there is no such token.
    pub async fn delete(&self, operation: &Operation, id: TokenId) -> Result<(), Error> {
        let request = one(Method::DELETE, format!("delete the stream token {id}"), id);
        self.client.send(operation, &request).await.map(drop)
    }
}

/// A request about all tokens. Never a `DELETE`, which would delete them all.
fn collection(method: Method, tried: &str) -> Request {
    Request::new(method, tried, &["streams", "tokens"]).trailing_slash()
}

/// A request about one token.
fn one(method: Method, tried: impl Into<String>, id: TokenId) -> Request {
    Request::new(method, tried, &["streams", "tokens", &id.to_string()]).trailing_slash()
}

/// Whether the platform knows no such method, or not with such a body.
fn is_not_taken(error: &Error) -> bool {
    const NOT_TAKEN: [StatusCode; 3] = [
        StatusCode::METHOD_NOT_ALLOWED,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        StatusCode::NOT_IMPLEMENTED,
    ];
    error.status().is_some_and(|status| NOT_TAKEN.contains(&status))
}

fn unreadable(reason: &str) -> Error {
    let (status, reason) = (StatusCode::OK, reason.into());
    Error::new(LIST, Kind::Unreadable { status, reason }, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neuroio::tests::{api, id, path, sandbox};
    use crate::platform::testing::operation;
    use crate::sandbox::Fault;
    use crate::sandbox::neuroio::{Options, Order, Realm, Sandbox, Update};

    const TOKENS: &str = "/streams/tokens/";

    fn with_tokens(count: usize, options: Options) -> Sandbox {
        let sandbox = sandbox(options);
        for number in 0..count {
            sandbox.add_token(&Realm::Account, number % 2 == 0);
        }
        sandbox
    }

    fn ids(tokens: &[StreamToken]) -> Vec<u64> {
        let mut ids: Vec<u64> = tokens
            .iter()
            .map(|token| token.id.to_string().parse().unwrap())
            .collect();
        ids.sort_unstable();
        ids
    }

    #[tokio::test(start_paused = true)]
    async fn the_list_is_read_to_its_end() {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            for (count, requests) in [(0, 1), (1, 1), (19, 1), (20, 2), (21, 2), (39, 3), (40, 3), (95, 5)] {
                let sandbox = with_tokens(
                    count,
                    Options {
                        order,
                        ..Options::default()
                    },
                );
                let listed = api(&sandbox).list(&operation(), None).await.unwrap();
                assert_eq!(ids(&listed), (1..=count as u64).collect::<Vec<_>>());
                assert_eq!(sandbox.calls("GET", TOKENS), requests, "{count}");
            }
        }
        let sandbox = with_tokens(50, Options::default());
        let permanent = api(&sandbox).list(&operation(), Some(true)).await.unwrap();
        assert_eq!(ids(&permanent), (1..=50).step_by(2).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_fails_is_asked_for_again() {
        let sandbox = with_tokens(50, Options::default());
        for failing in [Fault::answer(503).times(3), Fault::answer(200).body("[{}]").times(2)] {
            sandbox.fault(failing.on("GET", TOKENS).skip(1));
            assert_eq!(api(&sandbox).list(&operation(), None).await.unwrap().len(), 50);
        }
        sandbox.fault(Fault::answer(503).on("GET", TOKENS).skip(1).times(1_000));
        assert!(
            api(&sandbox).list(&operation(), None).await.is_err(),
            "half a list is none"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn no_token_is_missed_although_others_go_while_the_list_is_read() {
        let sandbox = with_tokens(50, Options::default());
        let (api, operation) = (api(&sandbox), operation());
        // The second page is late, and by then all that the first one had has moved up.
        let late = crate::sandbox::Effect::Delay(jiff::SignedDuration::from_secs(2));
        sandbox.fault(Fault::new(late).on("GET", TOKENS).skip(1));
        let goes = async {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            (1..=10).for_each(|number| sandbox.delete_outside(number));
        };
        let (listed, ()) = tokio::join!(api.list(&operation, None), goes);
        assert_eq!(ids(&listed.unwrap()), (11..=50).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_does_not_come_to_rest_is_an_error() {
        let sandbox = with_tokens(20, Options::default());
        let full = (1..=20)
            .map(|number| format!("{{\"id\":{number}}}"))
            .collect::<Vec<_>>();
        let full = Fault::answer(200).body(&format!("[{}]", full.join(",")));
        sandbox.fault(full.on("GET", TOKENS).times(u32::MAX));
        let error = api(&sandbox).list(&operation(), None).await.unwrap_err();
        assert!(error.to_string().contains("changed between its pages"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_switched_in_either_way() {
        for (update, requests) in [
            (Update::Both, (2, 0)),
            (Update::PatchForm, (2, 0)),
            (Update::PutJson, (2, 2)),
        ] {
            let sandbox = sandbox(Options {
                update,
                ..Options::default()
            });
            let token = sandbox.add_token(&Realm::Account, true);
            let api = api(&sandbox);
            for is_active in [false, true] {
                api.set_active(&operation(), id(&token), is_active).await.unwrap();
                let read = api.get(&operation(), id(&token)).await.unwrap();
                assert_eq!(read.token.is_active, is_active);
            }
            let calls = |method| sandbox.calls(method, &path(&token));
            assert_eq!((calls("PATCH"), calls("PUT")), requests);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_not_tried_the_other_way() {
        let sandbox = with_tokens(1, Options::default());
        for status in [400, 401, 403, 404] {
            sandbox.fault(Fault::answer(status).on("PATCH", "/streams/tokens/1/"));
            let id = "1".parse().unwrap();
            assert!(api(&sandbox).set_active(&operation(), id, false).await.is_err());
        }
        assert_eq!(sandbox.calls("PUT", "/streams/tokens/1/"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_without_an_id_would_delete_all_and_no_id_makes_one() {
        // What the sandbox does with it, as a gateway that merges slashes would.
        let sandbox = with_tokens(3, Options::default());
        let api = api(&sandbox);
        let nameless = Request::new(Method::DELETE, "", &["streams", "tokens"])
            .trailing_slash()
            .trailing_slash();
        api.client.send(&operation(), &nameless).await.unwrap();
        assert!(sandbox.tokens(&Realm::Account).is_empty());
        // The smallest id there can be.
        let sandbox = with_tokens(3, Options::default());
        let api = crate::neuroio::tests::api(&sandbox);
        assert!(
            api.delete(&operation(), "0".parse().unwrap())
                .await
                .unwrap_err()
                .is_not_found()
        );
        assert_eq!(sandbox.tokens(&Realm::Account).len(), 3);
    }
}
