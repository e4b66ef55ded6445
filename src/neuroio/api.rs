//! A typed client of NeuroIO's API for stream tokens.
//!
//! It has every endpoint that NeuroIO's public clients call, except the one that deletes all
//! tokens. It does not depend on Terraform.

mod answer;
mod token_id;

use http::{Method, StatusCode};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::json;

use crate::rest::{Client, Error, Kind, Operation, Request, RetrySafety};

pub use token_id::{InvalidTokenId, TokenId};

/// The number of tokens per page of the list. Both public clients request this many by default.
const PAGE_SIZE: usize = 20;

/// The maximum number of times the list is read, because it may change between two pages.
const MAX_READS: usize = 5;

/// The length at which a list is considered endless. Real lists are far shorter.
const MAX_TOKENS: usize = 10_000;

const LIST: &str = "list the stream tokens";

/// The API for the stream tokens of an account, of a space or of the managers. The platform selects
/// which of them by the API token that the client sends.
///
/// Every method finishes within its [`Operation`]. An [`Error`] knows whether the platform may have
/// acted on the request; for the status 404, [`Error::is_not_found`] is true.
#[derive(Clone)]
pub struct Api {
    client: Client,
}

/// A stream token without its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamToken {
    /// The platform's number for the token.
    pub id: TokenId,
    /// Whether the token is accepted until it expires.
    pub is_active: bool,
    /// When the token was created, if the platform reports it.
    pub created: Option<Timestamp>,
    /// When a temporary token expires. The platform may report this for a permanent token, too,
    /// although that "does not expire automatically"; the meaning is not documented.
    pub expires: Option<Timestamp>,
}

/// A stream token with its value. The platform returns the value whenever the token is read.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The token.
    pub token: StreamToken,
    /// The token's value, which the platform calls `key`. Never empty.
    pub key: SecretString,
}

impl Api {
    /// Creates the API on top of `client`, whose base URL ends in `/v1`.
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Whether the client authenticates with this value.
    pub async fn is_own_credential(&self, key: &SecretString) -> bool {
        self.client.uses_secret(key).await
    }

    /// Authenticates with a new token from now on, after a request with it has succeeded: the token
    /// reads itself.
    ///
    /// # Errors
    ///
    /// [`Error`]: the platform does not accept the new token, and the client still authenticates
    /// with its previous one.
    pub async fn switch_credential(&self, operation: &Operation, issued: &Issued) -> Result<(), Error> {
        let id = issued.token.id;
        let probe = token_request(Method::GET, format!("authenticate with the new stream token {id}"), id);
        self.client.switch_credential(operation, &issued.key, &probe).await
    }

    /// Creates a token: `POST /streams/tokens/`.
    ///
    /// # Errors
    ///
    /// [`Error`].
    pub async fn create(&self, operation: &Operation, permanent: bool) -> Result<Issued, Error> {
        let request = collection_request(Method::POST, "create a stream token");
        let request = request.json(&json!({ "permanent": permanent }));
        let read = |answer| answer::token(answer, None);
        let issued = self.client.fetch(operation, &request, read).await;
        issued.inspect(|issued| self.client.redact(&issued.key))
    }

    /// Lists all tokens, or those of one kind, page by page: `GET /streams/tokens/`.
    ///
    /// Each page begins with the last token of the page before. If it does not, another client
    /// created or deleted a token meanwhile, and the pages may miss one. The list is then read
    /// again from the start.
    ///
    /// # Errors
    ///
    /// [`Error`], also if the list changes during every read.
    pub async fn list(&self, operation: &Operation, permanent: Option<bool>) -> Result<Vec<StreamToken>, Error> {
        for _ in 0..MAX_READS {
            if let Some(tokens) = self.list_once(operation, permanent).await? {
                return Ok(tokens);
            }
        }
        Err(unreadable("the list changed between its pages during every read"))
    }

    /// Reads the list once. Returns `None` if the list changed meanwhile.
    async fn list_once(
        &self,
        operation: &Operation,
        permanent: Option<bool>,
    ) -> Result<Option<Vec<StreamToken>>, Error> {
        let mut tokens: Vec<StreamToken> = Vec::new();
        loop {
            let offset = tokens.len().saturating_sub(1);
            let mut request = collection_request(Method::GET, LIST)
                .query("limit", &PAGE_SIZE.to_string())
                .query("offset", &offset.to_string());
            if let Some(permanent) = permanent {
                request = request.query("permanent", &permanent.to_string());
            }
            let read = |answer| answer::page(&answer, offset);
            let (page, has_more) = self.client.fetch(operation, &request, read).await?;
            let is_last = page.len() < PAGE_SIZE && !has_more;
            // The first token repeats the last one of the previous page.
            if has_more && page.len() <= usize::from(!tokens.is_empty()) {
                return Err(unreadable("a page announces more tokens, but the next one has none"));
            }
            let last = tokens.pop();
            if last.is_some_and(|last| page.first().map(|first| first.id) != Some(last.id)) {
                return Ok(None);
            }
            tokens.extend(page);
            if is_last {
                return Ok(Some(tokens));
            }
            if tokens.len() > MAX_TOKENS {
                return Err(unreadable("the list has no end"));
            }
        }
    }

    /// Reads a token with its value: `GET /streams/tokens/{id}/`.
    ///
    /// # Errors
    ///
    /// [`Error`]; 404 if the token does not exist.
    pub async fn get(&self, operation: &Operation, id: TokenId) -> Result<Issued, Error> {
        let request = token_request(Method::GET, format!("read the stream token {id}"), id);
        let read = |answer| answer::token(answer, Some(id));
        let issued = self.client.fetch(operation, &request, read).await;
        issued.inspect(|issued| self.client.redact(&issued.key))
    }

    /// Activates or deactivates a token: `PATCH /streams/tokens/{id}/` with a form, as the Python
    /// client does. If the platform does not support that, `PUT` with JSON, as the JavaScript
    /// client does.
    ///
    /// # Errors
    ///
    /// [`Error`]; 404 if the token does not exist.
    pub async fn set_active(&self, operation: &Operation, id: TokenId, is_active: bool) -> Result<(), Error> {
        let verb = if is_active { "activate" } else { "deactivate" };
        let action = format!("{verb} the stream token {id}");
        // Setting a value is idempotent.
        let patch = token_request(Method::PATCH, &action, id)
            .form(&[("is_active", &is_active.to_string())])
            .retry(RetrySafety::Safe);
        match self.client.send(operation, &patch).await.map(drop) {
            Err(error) if is_unsupported(&error) => {
                let put = token_request(Method::PUT, &action, id).json(&json!({ "is_active": is_active }));
                self.client.send(operation, &put).await.map(drop)
            }
            outcome => outcome,
        }
    }

    /// Deletes a token, which revokes its value: `DELETE /streams/tokens/{id}/`.
    ///
    /// # Errors
    ///
    /// [`Error`]; 404 if the token does not exist.
    pub async fn delete(&self, operation: &Operation, id: TokenId) -> Result<(), Error> {
        let request = token_request(Method::DELETE, format!("delete the stream token {id}"), id);
        self.client.send(operation, &request).await.map(drop)
    }
}

/// Builds a request about all tokens. Never use it with `DELETE`, which deletes all of them.
fn collection_request(method: Method, action: &str) -> Request {
    Request::new(method, action, &["streams", "tokens"]).trailing_slash()
}

/// Builds a request about one token.
fn token_request(method: Method, action: impl Into<String>, id: TokenId) -> Request {
    Request::new(method, action, &["streams", "tokens", &id.to_string()]).trailing_slash()
}

/// Whether the platform does not support the method, or not with such a body.
fn is_unsupported(error: &Error) -> bool {
    const UNSUPPORTED: [StatusCode; 3] = [
        StatusCode::METHOD_NOT_ALLOWED,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        StatusCode::NOT_IMPLEMENTED,
    ];
    error.status().is_some_and(|status| UNSUPPORTED.contains(&status))
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
    async fn list_reads_all_pages() {
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
    async fn list_retries_a_failed_page() {
        let sandbox = with_tokens(50, Options::default());
        for failing in [Fault::answer(503).times(3), Fault::answer(200).body("[{}]").times(2)] {
            sandbox.fault(failing.on("GET", TOKENS).skip(1));
            assert_eq!(api(&sandbox).list(&operation(), None).await.unwrap().len(), 50);
        }
        sandbox.fault(Fault::answer(503).on("GET", TOKENS).skip(1).times(1_000));
        assert!(
            api(&sandbox).list(&operation(), None).await.is_err(),
            "an incomplete list is an error"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn list_misses_no_token_while_others_are_deleted() {
        let sandbox = with_tokens(50, Options::default());
        let (api, operation) = (api(&sandbox), operation());
        // Tokens of the first page are deleted before the second is read, so that its rows move up.
        let delay = crate::sandbox::Effect::Delay(jiff::SignedDuration::from_secs(2));
        sandbox.fault(Fault::new(delay).on("GET", TOKENS).skip(1));
        let deletions = async {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            (1..=10).for_each(|number| sandbox.delete_outside(number));
        };
        let (listed, ()) = tokio::join!(api.list(&operation, None), deletions);
        assert_eq!(ids(&listed.unwrap()), (11..=50).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn list_that_keeps_changing_is_an_error() {
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
    async fn set_active_falls_back_to_put() {
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
    async fn rejected_set_active_does_not_fall_back_to_put() {
        let sandbox = with_tokens(1, Options::default());
        for status in [400, 401, 403, 404] {
            sandbox.fault(Fault::answer(status).on("PATCH", "/streams/tokens/1/"));
            let id = "1".parse().unwrap();
            assert!(api(&sandbox).set_active(&operation(), id, false).await.is_err());
        }
        assert_eq!(sandbox.calls("PUT", "/streams/tokens/1/"), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn token_id_never_addresses_all_tokens() {
        // The sandbox treats an empty id as a gateway that merges slashes does.
        let sandbox = with_tokens(3, Options::default());
        let api = api(&sandbox);
        let without_id = Request::new(Method::DELETE, "", &["streams", "tokens"])
            .trailing_slash()
            .trailing_slash();
        api.client.send(&operation(), &without_id).await.unwrap();
        assert!(sandbox.tokens(&Realm::Account).is_empty());
        // The smallest possible id.
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
