//! A request as a platform's API describes it, before anything is sent.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;
use serde::Serialize;

use super::limiter::RateLimit;
use super::retry::RetrySafety;

/// Everything but RFC 3986's unreserved characters, and the colon, which has no meaning of its own in a path or a query.
/// Blanks become `%20`, which servers of every kind understand in a path and in a query alike.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// One request: what it does, where, with what, how often and how safely.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) tried: String,
    pub(super) method: Method,
    pub(super) path_and_query: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Option<Body>,
    pub(super) also_answers: Option<StatusCode>,
    pub(super) concealed: Vec<SecretString>,
    pub(super) limit: Option<&'static RateLimit>,
    pub(super) safety: RetrySafety,
    pub(super) invalid: Option<String>,
}

/// A body that does not print: requests may carry secrets, too.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) media_type: HeaderValue,
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "({} bytes)", self.bytes.len())
    }
}

impl Request {
    /// A request to the path made of `segments` below the base URL. `tried` is shown in errors, in the infinitive:
    /// `create service account "ci"`.
    ///
    /// GET, HEAD, PUT and DELETE may be repeated (RFC 9110, 9.2.2), POST and PATCH may not;
    /// [`Request::retry`] says otherwise.
    pub fn new(method: Method, tried: impl Into<String>, segments: &[&str]) -> Self {
        let safety = if method.is_idempotent() {
            RetrySafety::Safe
        } else {
            RetrySafety::Unsafe
        };
        let tried = tried.into();
        let mut request = Self {
            tried,
            method,
            path_and_query: String::new(),
            headers: Vec::new(),
            body: None,
            also_answers: None,
            concealed: Vec::new(),
            limit: None,
            safety,
            invalid: None,
        };
        for segment in segments {
            // Servers and libraries on the way resolve dots and drop empty segments, and a request for one thing
            // becomes a request for all of them.
            if matches!(*segment, "" | "." | "..") {
                request.invalid = Some(format!("{segment:?} cannot be part of a path"));
            }
            request.path_and_query.push('/');
            request.path_and_query.extend(utf8_percent_encode(segment, ESCAPED));
        }
        request
    }

    /// Ends the path with a slash, for platforms that know no other. Comes before the query.
    #[must_use]
    pub fn trailing_slash(mut self) -> Self {
        self.path_and_query.push('/');
        self
    }

    /// Adds `name=value` to the query. An empty value is refused when the request is sent: it would ask for another
    /// thing than was meant.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        if value.is_empty() {
            self.invalid = Some(format!("the {name} to ask for is empty"));
        }
        let mark = if self.path_and_query.contains('?') { '&' } else { '?' };
        let (name, value) = (utf8_percent_encode(name, ESCAPED), utf8_percent_encode(value, ESCAPED));
        // Writing to a string does not fail.
        let _ = write!(self.path_and_query, "{mark}{name}={value}");
        self
    }

    /// Adds a header. A value that no header can carry is refused when the request is sent.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::try_from(value) {
            Ok(value) => self.headers.push((name, value)),
            Err(_) => self.invalid = Some(format!("its {name} is not what a header can carry")),
        }
        self
    }

    /// Takes this status for an answer that is read, not for a failure: some servers have more to tell by a 404.
    #[must_use]
    pub fn also_answers(mut self, status: StatusCode) -> Self {
        self.also_answers = Some(status);
        self
    }

    /// Cuts a secret that the request carries out of whatever is told of its failure: an answer may quote it.
    #[must_use]
    pub fn conceal(mut self, secret: SecretString) -> Self {
        self.concealed.push(secret);
        self
    }

    /// Sends `body` as JSON.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => {
                self.body = Some(Body {
                    bytes: bytes.into(),
                    media_type: HeaderValue::from_static("application/json"),
                });
            }
            // The message could quote the body.
            Err(_) => self.invalid = Some("the request cannot be written as JSON".to_owned()),
        }
        self
    }

    /// Sends these fields as a form does.
    #[must_use]
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let text = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.body = Some(Body {
            bytes: text.into(),
            media_type: HeaderValue::from_static("application/x-www-form-urlencoded"),
        });
        self
    }

    /// Counts the request against a limit of the platform.
    #[must_use]
    pub fn limit(mut self, limit: &'static RateLimit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Says whether the request may be repeated where its effect is unknown.
    #[must_use]
    pub fn retry(mut self, safety: RetrySafety) -> Self {
        self.safety = safety;
        self
    }

    /// Refuses the request when it is sent, for this reason.
    #[must_use]
    pub fn invalid(mut self, reason: impl Into<String>) -> Self {
        self.invalid = Some(reason.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_anything() {
        for (name, encoded) in [
            ("ci-pipeline_1.0~x", "ci-pipeline_1.0~x"),
            ("a b+c&d=e", "a%20b%2Bc%26d%3De"),
            ("../../admin?x#y", "..%2F..%2Fadmin%3Fx%23y"),
            ("100%", "100%25"),
            ("srn2:role#x", "srn2:role%23x"),
            ("ü🙂\n", "%C3%BC%F0%9F%99%82%0A"),
        ] {
            let request = Request::new(Method::DELETE, "", &["thing", name])
                .query("name", name)
                .query("x", "1");
            assert_eq!(request.path_and_query, format!("/thing/{encoded}?name={encoded}&x=1"));
            assert_eq!(request.invalid, None);
        }
    }

    #[test]
    fn what_would_turn_one_into_all_is_refused() {
        for segment in ["", ".", ".."] {
            assert!(
                Request::new(Method::DELETE, "", &["tokens", segment]).invalid.is_some(),
                "{segment:?}"
            );
        }
        assert!(
            Request::new(Method::DELETE, "", &["token"])
                .query("name", "")
                .invalid
                .is_some()
        );
    }

    #[test]
    fn only_idempotent_methods_are_repeated_unasked() {
        for (method, safety) in [
            (Method::GET, RetrySafety::Safe),
            (Method::DELETE, RetrySafety::Safe),
            (Method::POST, RetrySafety::Unsafe),
            (Method::PATCH, RetrySafety::Unsafe),
        ] {
            assert_eq!(Request::new(method, "", &[]).safety, safety);
        }
    }

    #[test]
    fn a_path_may_end_in_a_slash_before_its_query() {
        let request = Request::new(Method::GET, "", &["tokens", "7"])
            .trailing_slash()
            .query("limit", "20");
        assert_eq!(request.path_and_query, "/tokens/7/?limit=20");
    }

    #[test]
    fn a_form_is_sent_as_browsers_do() {
        let request = Request::new(Method::PATCH, "", &["tokens"]).form(&[("is_active", "false"), ("a b", "c&d")]);
        let body = request.body.unwrap();
        assert_eq!(body.bytes, "is_active=false&a+b=c%26d");
        assert_eq!(body.media_type, "application/x-www-form-urlencoded");
    }

    #[test]
    fn a_body_does_not_print() {
        let request = Request::new(Method::POST, "", &["x"]).json(&serde_json::json!({"token": "s3cret"}));
        assert!(!format!("{request:?}").contains("s3cret"));
    }
}
