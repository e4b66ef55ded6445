//! The HTTP client: sends requests, waits for rate limits, retries, and reads bounded answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::RwLock;
use tokio::time::{Instant, timeout_at};
use url::Url;
use zeroize::Zeroize;

use super::base_url::BaseUrl;
use super::connect_error::{BoxError, ConnectError};
use super::credential::{Credential, InvalidCredential};
use super::error::{Error, Kind, Unreadable};
use super::error_body::{self, ErrorBody};
use super::limiter::{Limiter, NoTurn};
use super::operation::{Cancelled, Operation, after};
use super::request::Request;
use super::retry::{Next, RetrySafety, backoff, date_of, next, retry_after};
use super::sanitise::Sanitiser;
use super::transport::{Body, Transport, is_not_http};
use crate::redaction::KnownSecrets;
use crate::token::Clock;

/// The longest body that is read. The longest expected answer is a list of tokens with a few
/// hundred bytes each.
const BODY_LIMIT: usize = 8 * 1024 * 1024;

/// The longest body of an error answer that is searched for a message.
const ERROR_BODY_LIMIT: usize = 64 * 1024;

/// The configuration of a [`Client`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The base URL of the API.
    pub base_url: BaseUrl,
    /// The credential that authenticates each request.
    pub credential: Credential,
    /// The `User-Agent` header, such as `terraform-provider-striim/0.1.0`.
    pub user_agent: HeaderValue,
    /// The time limit of one request, from connecting to the last byte of the answer.
    pub request_timeout: Duration,
}

/// An HTTP client for one platform. Clones share connections, credential and rate limits.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    /// The clock that the `Date` header of each answer corrects.
    clock: Option<Clock>,
    /// The secrets that are redacted from every message.
    secrets: KnownSecrets,
}

struct Shared {
    base_url: BaseUrl,
    credential: RwLock<Credential>,
    user_agent: HeaderValue,
    request_timeout: Duration,
    transport: Transport,
    limiter: Limiter,
}

/// A successful (2xx) answer, or one with the status that [`Request::accept_status`] allows.
///
/// Its `Debug` output omits the body, which may contain a token.
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// One failed attempt.
struct Failure {
    kind: Kind,
    retry_after: Option<Duration>,
    may_have_acted: bool,
}

impl Client {
    /// Creates a client that sends its requests through `transport`.
    pub fn new(options: Options, transport: Transport) -> Self {
        let Options {
            base_url,
            credential,
            user_agent,
            request_timeout,
        } = options;
        let secrets = KnownSecrets::default();
        secrets.add(credential.secret());
        let (credential, limiter) = (RwLock::new(credential), Limiter::default());
        let shared = Arc::new(Shared {
            base_url,
            credential,
            user_agent,
            request_timeout,
            transport,
            limiter,
        });
        Self {
            shared,
            clock: None,
            secrets,
        }
    }

    /// Shares `secrets` with the client: errors redact all of them, and the client adds its
    /// credentials.
    #[must_use]
    pub fn with_secrets(self, secrets: &KnownSecrets) -> Self {
        secrets.add_all(&self.secrets);
        Self {
            secrets: secrets.clone(),
            ..self
        }
    }

    /// Registers a secret, such as a token value from an answer, so that every error redacts it.
    pub fn redact(&self, secret: &SecretString) {
        self.secrets.add(secret);
    }

    /// Corrects `clock` by the `Date` header of each answer.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self {
            clock: Some(clock),
            ..self
        }
    }

    /// The base URL of the API.
    pub fn base_url(&self) -> &BaseUrl {
        &self.shared.base_url
    }

    /// Sends a request whose answer has no relevant body.
    ///
    /// The body may even fail to arrive; it is empty then. An HTML page is an error, because a
    /// sign-in gate answers 200 without having executed the request.
    ///
    /// # Errors
    ///
    /// Returns [`Error`] when the retries that are safe, and for which the operation has time, are
    /// used up.
    pub async fn send(&self, operation: &Operation, request: &Request) -> Result<Answer, Error> {
        let read = |answer: Answer| answer.reject_page().map(|()| answer);
        self.run(operation, request, false, read, None).await
    }

    /// Sends a request and parses the body of its successful answer. An answer that `read` rejects
    /// counts as a failure and is retried where that is safe.
    ///
    /// # Errors
    ///
    /// See [`Client::send`].
    pub async fn fetch<T>(
        &self,
        operation: &Operation,
        request: &Request,
        read: impl Fn(Answer) -> Result<T, Unreadable>,
    ) -> Result<T, Error> {
        self.run(operation, request, true, read, None).await
    }

    /// Sends a request that invalidates the credential it is sent with, and switches this client
    /// and its clones to the one in the answer.
    ///
    /// The switch holds a write lock: requests in flight finish first, and later ones wait for the
    /// new credential. No request is therefore rejected because of the old one.
    ///
    /// When it is unknown whether the platform invalidated the old credential, pass `probe`: it is
    /// sent with the old one, and the client switches only if the platform answers 401.
    ///
    /// # Errors
    ///
    /// See [`Client::send`].
    pub async fn rotate_credential<T>(
        &self,
        operation: &Operation,
        request: &Request,
        read: impl Fn(Answer) -> Result<T, Unreadable>,
        new_secret: impl Fn(&T) -> &SecretString,
        probe: Option<&Request>,
    ) -> Result<T, Error> {
        let unsent = |kind| Error::new(&request.action, kind, false);
        let mut credential = within(operation, self.shared.credential.write())
            .await
            .map_err(unsent)?;
        let value = self.run(operation, request, true, read, Some(&credential)).await?;
        if let Some(probe) = probe {
            let probed = self.run(operation, probe, false, |_| Ok(()), Some(&credential)).await;
            if probed.err().and_then(|error| error.status()) != Some(StatusCode::UNAUTHORIZED) {
                return Ok(value);
            }
        }
        self.secrets.add(new_secret(&value));
        match credential.with_secret(new_secret(&value).clone()) {
            Ok(replaced) => *credential = replaced,
            // The caller still receives the value; only this client cannot use it.
            Err(error) => tracing::error!("the new credential {error}"),
        }
        Ok(value)
    }

    /// Switches this client and its clones to another secret after a request, `probe`, succeeded
    /// with it.
    ///
    /// # Errors
    ///
    /// See [`Client::send`]. The client keeps its credential on an error.
    pub async fn switch_credential(
        &self,
        operation: &Operation,
        secret: &SecretString,
        probe: &Request,
    ) -> Result<(), Error> {
        self.secrets.add(secret);
        let current = within(operation, self.shared.credential.read()).await;
        let next_credential = current.map(|credential| credential.with_secret(secret.clone()));
        let unsent = |kind| Error::new(&probe.action, kind, false);
        let next_credential = next_credential.map_err(unsent)?.map_err(|error| {
            let problem = format!("the new credential {error}");
            unsent(Kind::Invalid(problem.into()))
        })?;
        let read = |answer: Answer| answer.reject_page();
        self.run(operation, probe, false, read, Some(&next_credential)).await?;
        *within(operation, self.shared.credential.write())
            .await
            .map_err(unsent)? = next_credential;
        Ok(())
    }

    /// Replaces the secret of this client and its clones, once requests in flight are finished.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidCredential`] if the secret is not valid in a header.
    pub async fn set_secret(&self, secret: &SecretString) -> Result<(), InvalidCredential> {
        self.secrets.add(secret);
        let mut credential = self.shared.credential.write().await;
        *credential = credential.with_secret(secret.clone())?;
        Ok(())
    }

    /// The current credential.
    pub async fn credential(&self) -> Credential {
        self.shared.credential.read().await.clone()
    }

    /// Whether `secret` is the client's current credential.
    pub async fn uses_secret(&self, secret: &SecretString) -> bool {
        self.shared.credential.read().await.secret().expose_secret() == secret.expose_secret()
    }

    async fn run<T>(
        &self,
        operation: &Operation,
        request: &Request,
        needs_body: bool,
        read: impl Fn(Answer) -> Result<T, Unreadable>,
        locked: Option<&Credential>,
    ) -> Result<T, Error> {
        let mut pauses = backoff();
        let (mut attempts, mut failures) = (0_u32, 0_u32);
        let mut ambiguous = false;
        loop {
            let error = |kind, ambiguous| Error::new(&request.action, kind, ambiguous && !request.method.is_safe());
            if let Err(kind) = self.wait_for_turn(operation, request).await {
                return Err(error(kind, ambiguous));
            }
            attempts += 1;
            // The read lock lasts as long as the request, so that a rotation of the credential
            // waits for it.
            let answer = match locked {
                Some(credential) => self.attempt(operation, request, attempts, needs_body, credential).await,
                None => match within(operation, self.shared.credential.read()).await {
                    Ok(credential) => {
                        self.attempt(operation, request, attempts, needs_body, &credential)
                            .await
                    }
                    Err(kind) => return Err(error(kind, ambiguous)),
                },
            };
            let failure = match answer {
                Ok(answer) => {
                    let status = answer.status;
                    match read(answer) {
                        Ok(value) => return Ok(value),
                        Err(Unreadable(reason)) => Kind::Unreadable {
                            status,
                            reason: self.sanitiser(request).sanitise(&reason).into(),
                        }
                        .into(),
                    }
                }
                Err(failure) => failure,
            };
            ambiguous |= failure.may_have_acted;
            let Failure { kind, retry_after, .. } = failure;
            let wait = match next(request.safety, &kind, retry_after, failures) {
                Next::GiveUp => return Err(error(kind, ambiguous)),
                Next::After(wait) => wait,
                Next::BackOff => pauses.next().unwrap_or_default(),
            };
            let left = operation.remaining();
            if wait >= left {
                let last = Some(Arc::new(kind));
                return Err(error(Kind::WouldExceedDeadline { wait, left, last }, ambiguous));
            }
            tracing::info!(
                "could not {}: {kind}; trying again in {:.0}s",
                request.action,
                wait.as_secs_f64().ceil()
            );
            failures += u32::from(!kind.is_rate_limit());
            if let Err(Cancelled) = operation.wait_until(after(wait)).await {
                return Err(error(Kind::Cancelled, ambiguous));
            }
        }
    }

    /// Waits for the request's turn under its rate limit, or returns why it must not be sent.
    async fn wait_for_turn(&self, operation: &Operation, request: &Request) -> Result<(), Kind> {
        if let Some(reason) = &request.invalid {
            return Err(Kind::Invalid(reason.as_str().into()));
        }
        if operation.cancellation.is_cancelled() {
            return Err(Kind::Cancelled);
        }
        if operation.remaining().is_zero() {
            return Err(Kind::WouldExceedDeadline {
                wait: Duration::ZERO,
                left: Duration::ZERO,
                last: None,
            });
        }
        let Some(limit) = request.limit else { return Ok(()) };
        self.shared
            .limiter
            .turn(limit, operation)
            .await
            .map_err(|no_turn| match no_turn {
                NoTurn::Cancelled => Kind::Cancelled,
                NoTurn::WouldWait(wait) => Kind::WouldExceedDeadline {
                    wait,
                    left: operation.remaining(),
                    last: None,
                },
            })
    }

    /// Sends the request once. A request that is not safe to repeat runs to completion even if the
    /// operation is cancelled.
    async fn attempt(
        &self,
        operation: &Operation,
        request: &Request,
        attempt: u32,
        needs_body: bool,
        credential: &Credential,
    ) -> Result<Answer, Failure> {
        let start = Instant::now();
        let until = after(self.shared.request_timeout);
        let result = match request.safety {
            RetrySafety::Unsafe => self.exchange(request, until, needs_body, credential).await,
            RetrySafety::Safe => tokio::select! {
                biased;
                result = self.exchange(request, until.min(operation.deadline), needs_body, credential) => result,
                () = operation.cancellation.cancelled() => {
                    Err(Failure { kind: Kind::Cancelled, retry_after: None, may_have_acted: true })
                }
            },
        };
        let outcome: &dyn fmt::Display = match &result {
            Ok(answer) => &answer.status.as_u16(),
            Err(failure) => &failure.kind,
        };
        tracing::debug!(
            method = %request.method,
            path = %request.path_and_query,
            attempt,
            milliseconds = start.elapsed().as_millis(),
            "{outcome}"
        );
        result
    }

    async fn exchange(
        &self,
        request: &Request,
        until: Instant,
        needs_body: bool,
        credential: &Credential,
    ) -> Result<Answer, Failure> {
        let start = Instant::now();
        let sent = self.clock.as_ref().map(Clock::machine);
        let timeout = |_| Failure::from(Kind::Timeout(until - start));
        let secrets = self.sanitiser(request).with(credential.secret());
        let message = self.message(request, credential)?;
        let response = timeout_at(until, self.shared.transport.send(message))
            .await
            .map_err(timeout)?;
        let response = response.map_err(|error| Failure::from(self.transport_failure(error, &secrets)))?;
        let status = response.status();
        let observed = self.clock.as_ref().zip(sent).and_then(|(clock, sent)| {
            let date = date_of(response.headers())?;
            Some((clock, date, sent, clock.machine()))
        });
        let observe = |is_page: bool| {
            // The `Date` of a gateway error or an HTML page is not the platform's.
            if let Some((clock, date, sent, received)) = observed
                && (status.is_success() || status.is_client_error())
                && !is_page
            {
                clock.observe(date, sent, received);
            }
        };
        if !status.is_success() && request.accepted_status != Some(status) {
            let failure = read_failure(response, until, &secrets).await;
            observe(matches!(failure.kind, Kind::Status { page: true, .. }));
            return Err(failure);
        }
        let headers = response.headers().clone();
        let body = timeout_at(until, bytes_of(response.into_body(), BODY_LIMIT, &secrets)).await;
        match body.map_err(timeout).and_then(|body| body.map_err(Failure::from)) {
            Ok(body) => {
                observe(error_body::is_page(&body));
                Ok(Answer { status, headers, body })
            }
            Err(_) if !needs_body => Ok(Answer {
                status,
                headers,
                body: Bytes::new(),
            }),
            Err(failure) => Err(failure),
        }
    }

    /// The sanitiser for messages about this request.
    fn sanitiser<'a>(&'a self, request: &'a Request) -> Sanitiser<'a> {
        Sanitiser::new(&self.secrets, format!("{} {}", request.action, request.path_and_query))
            .with_all(&request.redacted)
    }

    fn transport_failure(&self, error: BoxError, secrets: &Sanitiser<'_>) -> Kind {
        let text = chain(&*error, secrets);
        let Some(connect) = error.downcast_ref::<ConnectError>() else {
            return if is_not_http(&*error) {
                Kind::NotHttp(text)
            } else {
                Kind::Interrupted(text)
            };
        };
        let reason = format!("{}: {text}", self.shared.base_url.host()).into();
        match connect.advice() {
            Some(advice) => Kind::Unreachable { reason, advice },
            None => Kind::Connect(reason),
        }
    }

    fn message(&self, request: &Request, credential: &Credential) -> Result<http::Request<Bytes>, Failure> {
        let invalid = |reason: String| Failure::from(Kind::Invalid(reason.into()));
        let authentication = credential
            .header()
            .map_err(|error| invalid(format!("the token {error}")))?;
        let mut message = http::Request::builder()
            .method(request.method.clone())
            .uri(format!("{}{}", self.shared.base_url.as_str(), request.path_and_query))
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, &self.shared.user_agent);
        if let Some((name, secret)) = authentication {
            message = message.header(name, secret);
        }
        for (name, value) in &request.headers {
            message = message.header(name, value);
        }
        let mut body = Bytes::new();
        if let Some(sent) = &request.body {
            message = message.header(header::CONTENT_TYPE, sent.media_type.clone());
            body = sent.bytes.clone();
        }
        message.body(body).map_err(|error| invalid(error.to_string()))
    }
}

/// Waits for a local resource until the operation's deadline or its cancellation.
pub(crate) async fn within<T>(operation: &Operation, wait: impl Future<Output = T>) -> Result<T, Kind> {
    tokio::select! {
        biased;
        done = wait => Ok(done),
        waited = operation.wait_until(operation.deadline) => Err(match waited {
            Err(Cancelled) => Kind::Cancelled,
            Ok(()) => Kind::WouldExceedDeadline { wait: Duration::ZERO, left: Duration::ZERO, last: None },
        }),
    }
}

/// Reads an answer other than 2xx. Its body is only searched for a message: errors and timeouts
/// while reading it are ignored.
async fn read_failure(response: Response<Body>, until: Instant, secrets: &Sanitiser<'_>) -> Failure {
    let (parts, body) = response.into_parts();
    let content = if parts.status.is_redirection() {
        parts
            .headers
            .get(header::LOCATION)
            .map_or(ErrorBody::Nothing, |location| ErrorBody::Message(redirect_to(location)))
    } else {
        match timeout_at(until, bytes_of(body, ERROR_BODY_LIMIT, secrets)).await {
            Ok(Ok(body)) => error_body::content(&body),
            _ => ErrorBody::Nothing,
        }
    };
    let page = content == ErrorBody::Page;
    let message = match content {
        ErrorBody::Message(message) => Some(secrets.sanitise(&message)).filter(|message| !message.is_empty()),
        ErrorBody::Nothing | ErrorBody::Page => None,
    };
    let kind = Kind::Status {
        status: parts.status,
        message: message.map(Into::into),
        page,
    };
    Failure {
        retry_after: retry_after(&parts.headers, Timestamp::now),
        ..kind.into()
    }
}

/// Reads a whole body of at most `limit` bytes.
async fn bytes_of(mut body: Body, limit: usize, secrets: &Sanitiser<'_>) -> Result<Bytes, Kind> {
    // Large enough for an answer with a token: growing the buffer would leave copies of the token
    // in freed memory.
    let mut bytes = BytesMut::with_capacity(4096);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Kind::Interrupted(chain(&*error, secrets)))?;
        if let Some(data) = frame.data_ref() {
            if data.len() > limit - bytes.len() {
                return Err(Kind::TooLarge(limit));
            }
            bytes.extend_from_slice(data);
        }
    }
    Ok(bytes.freeze())
}

/// Describes a redirect by its origin only: the rest of the URL may contain secrets.
fn redirect_to(location: &HeaderValue) -> String {
    let url = location.to_str().ok().and_then(|text| Url::parse(text).ok());
    let target = url.map_or("another path".to_owned(), |url| url.origin().ascii_serialization());
    format!("a redirect to {target}, which is not followed, because it would send the token there; check the base URL")
}

/// An error and its causes in one line, outermost first, each text once.
fn chain(error: &(dyn std::error::Error + 'static), secrets: &Sanitiser<'_>) -> Arc<str> {
    /// Texts of the HTTP stack's own layers, which do not describe the cause.
    const NOISE: [&str; 3] = [
        "error sending request",
        "client error (Connect)",
        "client error (SendRequest)",
    ];
    let mut text = String::new();
    for cause in std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string) {
        if !NOISE.contains(&cause.as_str()) && !text.contains(&cause) {
            text.push_str(if text.is_empty() { "" } else { ": " });
            text.push_str(&cause);
        }
    }
    secrets.sanitise(&text).into()
}

impl From<Kind> for Failure {
    fn from(kind: Kind) -> Self {
        Self {
            may_have_acted: kind.may_have_acted(),
            kind,
            retry_after: None,
        }
    }
}

impl Answer {
    /// Parses the body as JSON.
    ///
    /// # Errors
    ///
    /// Returns [`Unreadable`] with the position of the problem. It does not quote the body.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, Unreadable> {
        self.reject_page()?;
        serde_json::from_slice(&self.body).map_err(|error| {
            Unreadable(if self.body.trim_ascii().is_empty() {
                "its body is empty".to_owned()
            } else {
                // Not `{error}`: it quotes values.
                let what = if error.is_data() {
                    "not the expected JSON"
                } else {
                    "not JSON"
                };
                format!("its body is {what} (line {}, column {})", error.line(), error.column())
            })
        })
    }

    fn reject_page(&self) -> Result<(), Unreadable> {
        if error_body::is_page(&self.body) {
            let reason = "its body is an HTML page; check the base URL, and whether a proxy answered";
            return Err(Unreadable(reason.to_owned()));
        }
        Ok(())
    }
}

/// Zeroizes the body, which may contain a token, unless it is shared with other holders.
impl Drop for Answer {
    fn drop(&mut self) {
        if let Ok(mut body) = std::mem::take(&mut self.body).try_into_mut() {
            body.as_mut().zeroize();
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({})", self.shared.base_url)
    }
}

#[cfg(test)]
mod tests;
