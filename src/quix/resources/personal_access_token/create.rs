//! Creates a personal access token without leaving an unreported orphan, even if an answer is lost.
//!
//! The API has no idempotency key, and a name need not be unique. The fraction of a second of the
//! requested expiry serves as a mark: the provider chooses it at random ([`mark`]), and the
//! platform lists it.
//!
//! # Flow
//! - List the tokens, then create one. An answer with a value completes the creation.
//! - If the answer is lost, list the tokens again:
//!   - No token of that name is new: repeat the creation.
//!   - A new token has the name and the exact expiry of the request: it is the one that was created,
//!     and its value is lost. Delete it, and repeat the creation.
//!   - Any other new token of that name may be the one that was created, or another client's: fail
//!     with an error that names it.
//! - If the platform rejects a second token of the same name, a rotation adds a number to the name.
//!
//! # Guarantees
//! - Only a token that is new, and has the name and the exact expiry of the request, is deleted.
//! - If the platform can be reached before the deadline, every created token is returned, deleted,
//!   or named in a diagnostic. An interrupt stops the repetitions, but not the list after a lost
//!   answer.
//!
//! # Assumptions
//! - A creation whose answer was lost takes effect, and is listed, before the last list that follows
//!   it, or never.
//! - Two clients do not create tokens of the same name and the same expiry at the same time, one of
//!   them with a lost answer and both with the same random millisecond, one of 999.

use std::time::Duration;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use super::delete::delete;
use super::diagnostics::{create_failed, create_outcome_unknown, create_rejected, possible_orphans};
use crate::framework::{Diagnostic, Diagnostics};
use crate::quix::api::{IssuedPersonalAccessToken, NewPersonalAccessToken, PersonalAccessToken, TokenId};
use crate::quix::connection::Connection;
use crate::quix::errors::request_failed;
use crate::rest::{Error, Operation};

/// The maximum number of repetitions of a creation.
const MAX_REPETITIONS: u32 = 2;

/// A token to create.
#[derive(Clone, Debug)]
pub(in crate::quix) struct Creation<'a> {
    pub(in crate::quix) name: &'a str,
    /// The expiry with its [mark](mark); `None` for the platform's default.
    pub(in crate::quix) expires_at: Option<Timestamp>,
    /// The scopes; `None` for the platform's default.
    pub(in crate::quix) scopes: Option<&'a [String]>,
    /// Whether the name may be extended by a number if it is taken.
    pub(in crate::quix) may_extend_name: bool,
}

/// Adds a random fraction of a second to an expiry in whole seconds, which then identifies the
/// token of this request.
pub(in crate::quix) fn mark(expiry: Timestamp) -> Timestamp {
    let fraction = SignedDuration::from_millis(fastrand::i64(1..1_000));
    expiry.checked_add(fraction).unwrap_or(expiry)
}

/// Subtracts a random fraction of a second from the end of a lifetime, which then identifies the
/// token of this request and does not exceed the lifetime.
pub(in crate::quix) fn mark_within(end: Timestamp) -> Timestamp {
    let fraction = SignedDuration::from_millis(fastrand::i64(1..1_000));
    let whole_millisecond = Timestamp::from_millisecond(end.as_millisecond()).unwrap_or(end);
    whole_millisecond.checked_sub(fraction).unwrap_or(end)
}

/// Creates a token.
///
/// # Errors
/// No token was created, or the outcome is unknown. The error names the tokens that may be orphans.
pub(in crate::quix) async fn create(
    connection: &Connection,
    operation: &Operation,
    new: &Creation<'_>,
    diagnostics: &mut Diagnostics,
) -> Result<IssuedPersonalAccessToken, Diagnostic> {
    let _lock = connection.creating.lock().await;
    let created = Attempts::start(connection, operation, new)
        .await?
        .run(diagnostics)
        .await;
    connection.invalidate_personal_access_tokens();
    created
}

/// The pause before the list after lost answer number `n`, counted from 0. It leaves time for a
/// delayed creation to take effect, and for a list that lags behind.
fn pause(n: u32) -> Duration {
    Duration::from_secs(5 << n.min(3))
}

/// The attempts to create one token.
struct Attempts<'a> {
    connection: &'a Connection,
    operation: &'a Operation,
    new: &'a Creation<'a>,
    /// The tokens before the first attempt.
    before: Vec<PersonalAccessToken>,
    /// The names of the attempts.
    names: Vec<String>,
    /// The number of lost answers.
    lost: u32,
}

impl<'a> Attempts<'a> {
    async fn start(
        connection: &'a Connection,
        operation: &'a Operation,
        new: &'a Creation<'a>,
    ) -> Result<Self, Diagnostic> {
        let before = connection.fetch_personal_access_tokens(operation).await;
        Ok(Self {
            connection,
            operation,
            new,
            before: before.map_err(|error| request_failed(&error))?.to_vec(),
            names: vec![new.name.to_owned()],
            lost: 0,
        })
    }

    async fn run(mut self, diagnostics: &mut Diagnostics) -> Result<IssuedPersonalAccessToken, Diagnostic> {
        loop {
            let error = match self.attempt().await {
                Ok(issued) => {
                    if self.lost > 0 {
                        diagnostics.extend(self.clean_up_after(&issued).await);
                    }
                    return Ok(issued);
                }
                Err(error) => error,
            };
            if !error.is_ambiguous() {
                if let Some(name) = self.other_name(&error) {
                    tracing::info!("{error}; trying the name {name:?}");
                    self.names.push(name);
                    continue;
                }
                let new = match self.lost {
                    0 => Vec::new(),
                    _ => self
                        .delete_proved()
                        .await
                        .map_err(|unread| create_outcome_unknown(&error, &unread))?,
                };
                return Err(create_rejected(&error, &self.before, &new));
            }
            let unproved = self.delete_proved().await;
            let unproved = unproved.map_err(|unread| create_outcome_unknown(&error, &unread))?;
            let may_repeat = unproved.is_empty() && self.lost < MAX_REPETITIONS;
            if !may_repeat || self.operation.cancellation.is_cancelled() || self.operation.remaining().is_zero() {
                return Err(create_failed(&error, &unproved));
            }
            tracing::warn!("{error}; repeating the creation");
            self.lost += 1;
        }
    }

    async fn attempt(&self) -> Result<IssuedPersonalAccessToken, Error> {
        let new = NewPersonalAccessToken {
            name: self.names.last().map_or(self.new.name, String::as_str),
            expires_at: self.new.expires_at,
            scopes: self.new.scopes,
        };
        self.connection
            .api
            .create_personal_access_token(self.operation, new)
            .await
    }

    /// Returns another name to try if the platform may have rejected the present one because it is
    /// taken.
    fn other_name(&self, error: &Error) -> Option<String> {
        let may_be_taken = matches!(
            error.status(),
            Some(StatusCode::BAD_REQUEST | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY)
        );
        let is_taken = |name: &str| self.before.iter().any(|token| token.name.as_deref() == Some(name));
        let may_extend = self.new.may_extend_name && self.names.len() == 1 && may_be_taken && is_taken(self.new.name);
        let mut numbered = (2..).map(|number| extended(self.new.name, number));
        may_extend.then(|| numbered.find(|name| !is_taken(name)))?
    }

    /// Pauses, and lists the tokens. Deletes those that were proved to be created by a lost attempt,
    /// and returns the other new ones of the same name. An interrupt does not stop this, because it
    /// would leave an unreported orphan.
    async fn delete_proved(&self) -> Result<Vec<PersonalAccessToken>, Diagnostic> {
        // The deadline may have passed, and the creation may take effect late.
        let operation = self.connection.cleanup_operation();
        let _ = operation.pause(pause(self.lost)).await;
        let (proved, unproved) = self.new_tokens(&operation, None).await?;
        for token in &proved {
            delete(self.connection, &self.connection.cleanup_operation(), &token.id).await?;
        }
        Ok(unproved)
    }

    /// Deletes the tokens that earlier attempts created, and returns a warning about those that they
    /// may have created.
    async fn clean_up_after(&self, issued: &IssuedPersonalAccessToken) -> Option<Diagnostic> {
        let operation = self.connection.cleanup_operation();
        let (proved, mut rest) = match self.new_tokens(&operation, Some(&issued.token.id)).await {
            Ok(found) => found,
            Err(unread) => return Some(possible_orphans(&[], Some(&unread))),
        };
        for token in proved {
            if delete(self.connection, &operation, &token.id).await.is_err() {
                rest.push(token);
            }
        }
        (!rest.is_empty()).then(|| possible_orphans(&rest, None))
    }

    /// Lists the tokens that are new and have the name of an attempt: those that were proved to be
    /// created by one, and the others.
    async fn new_tokens(
        &self,
        operation: &Operation,
        except: Option<&TokenId>,
    ) -> Result<(Vec<PersonalAccessToken>, Vec<PersonalAccessToken>), Diagnostic> {
        self.connection.invalidate_personal_access_tokens();
        let tokens = self.connection.fetch_personal_access_tokens(operation).await;
        let tokens = tokens.map_err(|error| request_failed(&error))?;
        let is_new = |token: &&PersonalAccessToken| {
            let existed = self.before.iter().any(|before| before.id == token.id);
            let has_name = token.name.as_ref().is_none_or(|name| self.names.contains(name));
            !existed && has_name && except != Some(&token.id)
        };
        let is_proved = |token: &PersonalAccessToken| {
            token.name.is_some() && self.new.expires_at.is_some() && token.expires_at == self.new.expires_at
        };
        Ok(tokens.iter().filter(is_new).cloned().partition(is_proved))
    }
}

/// The name of a token whose plain name is taken.
fn extended(name: &str, number: u32) -> String {
    format!("{name} ({number})")
}

/// Returns the name without the number that a rotation added.
pub(super) fn without_number(name: &str) -> Option<&str> {
    let (name, number) = name.strip_suffix(')')?.rsplit_once(" (")?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(name)
}
