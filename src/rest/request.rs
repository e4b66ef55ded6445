//! The description of a request.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;
use serde::Serialize;

use super::limiter::RateLimit;
use super::retry::RetrySafety;

/// The characters that are percent-encoded: all but RFC 3986's unreserved ones and the colon, which
/// has no special meaning in a path or a query. A blank becomes `%20`, which every server
/// understands in both.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b':');

/// A request: its action, method, address and body, its rate limit, and whether it may be retried.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) action: String,
    pub(super) method: Method,
    pub(super) path_and_query: String,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Option<Body>,
    pub(super) accepted_status: Option<StatusCode>,
    pub(super) redacted: Vec<SecretString>,
    pub(super) limit: Option<&'static RateLimit>,
    pub(super) safety: RetrySafety,
    pub(super) invalid: Option<String>,
}

/// A body that `Debug` does not print, because it may contain secrets.
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
    /// Creates a request to the path of `segments` below the base URL. `action` appears in errors,
    /// in the infinitive: `create service account "ci"`.
    ///
    /// GET, HEAD, PUT and DELETE may be repeated (RFC 9110, 9.2.2), POST and PATCH may not.
    /// [`Request::retry`] overrides that.
    pub fn new(method: Method, action: impl Into<String>, segments: &[&str]) -> Self {
        let safety = if method.is_idempotent() {
            RetrySafety::Safe
        } else {
            RetrySafety::Unsafe
        };
        let action = action.into();
        let mut request = Self {
            action,
            method,
            path_and_query: String::new(),
            headers: Vec::new(),
            body: None,
            accepted_status: None,
            redacted: Vec::new(),
            limit: None,
            safety,
            invalid: None,
        };
        for segment in segments {
            // Servers and libraries resolve dots and drop empty segments, which would turn a
            // request for one object into a request for all of them.
            if matches!(*segment, "" | "." | "..") {
                request.invalid = Some(format!("{segment:?} cannot be part of a path"));
            }
            request.path_and_query.push('/');
            request.path_and_query.extend(utf8_percent_encode(segment, ESCAPED));
        }
        request
    }

    /// Appends a slash to the path, for platforms that require one. Call it before
    /// [`Request::query`].
    #[must_use]
    pub fn trailing_slash(mut self) -> Self {
        self.path_and_query.push('/');
        self
    }

    /// Adds `name=value` to the query. An empty value is rejected when the request is sent, because
    /// it would select something else.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        if value.is_empty() {
            self.invalid = Some(format!("the query parameter {name} is empty"));
        }
        let mark = if self.path_and_query.contains('?') { '&' } else { '?' };
        let (name, value) = (utf8_percent_encode(name, ESCAPED), utf8_percent_encode(value, ESCAPED));
        // Writing to a string does not fail.
        let _ = write!(self.path_and_query, "{mark}{name}={value}");
        self
    }

    /// Adds a header. A value that is invalid in a header is rejected when the request is sent.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::try_from(value) {
            Ok(value) => self.headers.push((name, value)),
            Err(_) => self.invalid = Some(format!("its {name} header contains invalid characters")),
        }
        self
    }

    /// Treats this status as a successful answer. Some servers return details with a 404.
    #[must_use]
    pub fn accept_status(mut self, status: StatusCode) -> Self {
        self.accepted_status = Some(status);
        self
    }

    /// Redacts a secret that the request contains from its errors, because an answer may quote it.
    #[must_use]
    pub fn redact(mut self, secret: SecretString) -> Self {
        self.redacted.push(secret);
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(bytes) => {
                self.body = Some(Body {
                    bytes: bytes.into(),
                    media_type: HeaderValue::from_static("application/json"),
                });
            }
            // The error message could quote the body.
            Err(_) => self.invalid = Some("the request cannot be written as JSON".to_owned()),
        }
        self
    }

    /// Sets a form body (`application/x-www-form-urlencoded`).
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

    /// Counts the request against a rate limit of the platform.
    #[must_use]
    pub fn limit(mut self, limit: &'static RateLimit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Sets whether the request may be repeated when its effect is unknown.
    #[must_use]
    pub fn retry(mut self, safety: RetrySafety) -> Self {
        self.safety = safety;
        self
    }

    /// Rejects the request with this reason when it is sent.
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
    fn path_and_query_escape_any_name() {
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
    fn empty_or_dot_segment_is_rejected() {
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
    fn only_idempotent_methods_are_retried_by_default() {
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
    fn trailing_slash_precedes_query() {
        let request = Request::new(Method::GET, "", &["tokens", "7"])
            .trailing_slash()
            .query("limit", "20");
        assert_eq!(request.path_and_query, "/tokens/7/?limit=20");
    }

    #[test]
    fn form_body_is_url_encoded() {
        let request = Request::new(Method::PATCH, "", &["tokens"]).form(&[("is_active", "false"), ("a b", "c&d")]);
        let body = request.body.unwrap();
        assert_eq!(body.bytes, "is_active=false&a+b=c%26d");
        assert_eq!(body.media_type, "application/x-www-form-urlencoded");
    }

    #[test]
    fn debug_omits_body() {
        let request = Request::new(Method::POST, "", &["x"]).json(&serde_json::json!({"token": "s3cret"}));
        assert!(!format!("{request:?}").contains("s3cret"));
    }
}
