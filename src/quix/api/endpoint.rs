//! Where an operation is that the platform has and its public documents do not tell: the user says it.

use std::fmt;

use http::Method;

use crate::rest::Request;

/// Stands for the environment's id.
const PLACEHOLDER: &str = "{workspaceId}";

/// An endpoint that the user has set, such as `PUT /some/path/{workspaceId}`.
///
/// It always names the environment: without its id, a request would be about another one, or about all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    method: Method,
    segments: Vec<String>,
    query: Vec<(String, String)>,
}

/// Why a text is not an [`Endpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// A URL, or a relative path.
    #[error("must be a path below the Portal API's address, beginning with a slash")]
    NotAPath,
    /// No `{workspaceId}`.
    #[error("must say where the environment's id belongs: `{{workspaceId}}` stands for it")]
    NoWorkspace,
    /// A method that does not change anything, or is none.
    #[error("may begin with POST, PUT or PATCH and a blank, and with no other method")]
    Method,
    /// An empty segment, a dot, or a character that has a meaning in URLs.
    #[error(
        "must be made of segments of letters, digits and -._~ between single slashes, and may end in a query such as \
         `?name=value`"
    )]
    Characters,
}

impl Endpoint {
    /// Where something is read: a path, and GET.
    ///
    /// # Errors
    ///
    /// [`InvalidEndpoint`].
    pub fn of_reading(text: &str) -> Result<Self, InvalidEndpoint> {
        Self::parse(Method::GET, text)
    }

    /// Where something is done: a path, and POST unless another method stands before it.
    ///
    /// # Errors
    ///
    /// [`InvalidEndpoint`].
    pub fn of_action(text: &str) -> Result<Self, InvalidEndpoint> {
        let Some((method, path)) = text.split_once(' ') else {
            return Self::parse(Method::POST, text);
        };
        let methods = [Method::POST, Method::PUT, Method::PATCH];
        let method = methods.into_iter().find(|known| known.as_str() == method);
        Self::parse(method.ok_or(InvalidEndpoint::Method)?, path)
    }

    fn parse(method: Method, text: &str) -> Result<Self, InvalidEndpoint> {
        let path = text.strip_prefix('/').ok_or(InvalidEndpoint::NotAPath)?;
        if !text.contains(PLACEHOLDER) {
            return Err(InvalidEndpoint::NoWorkspace);
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let segments: Vec<_> = path.split('/').map(str::to_owned).collect();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query: Vec<_> = pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let texts = query.iter().flat_map(|(name, value)| [name, value]);
        if !segments.iter().chain(texts).all(|text| is_plain(text)) {
            return Err(InvalidEndpoint::Characters);
        }
        Ok(Self {
            method,
            segments,
            query,
        })
    }

    /// The request about this environment.
    pub(super) fn request(&self, tried: impl Into<String>, workspace: &str) -> Request {
        if workspace.is_empty() {
            return Request::new(self.method.clone(), tried, &[]).invalid("the environment's id is empty");
        }
        let filled = |text: &String| text.replace(PLACEHOLDER, workspace);
        let segments: Vec<_> = self.segments.iter().map(filled).collect();
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        let request = Request::new(self.method.clone(), tried, &segments);
        self.query
            .iter()
            .fold(request, |request, (name, value)| request.query(name, &filled(value)))
    }
}

/// Whether a part of a path or query means itself, wherever it passes.
fn is_plain(text: &str) -> bool {
    let text = text.replace(PLACEHOLDER, "id");
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !matches!(text.as_str(), "" | "." | "..") && text.bytes().all(unreserved)
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} /{}", self.method, self.segments.join("/"))?;
        let pairs: Vec<_> = self
            .query
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if pairs.is_empty() {
            return Ok(());
        }
        write!(f, "?{}", pairs.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_the_environment_in_its_segments_or_its_query() {
        for (text, shown) in [
            ("/a/{workspaceId}/b", "POST /a/{workspaceId}/b"),
            ("POST /{workspaceId}", "POST /{workspaceId}"),
            ("PUT /a/ws-{workspaceId}", "PUT /a/ws-{workspaceId}"),
            ("PATCH /a?x=1&id={workspaceId}", "PATCH /a?x=1&id={workspaceId}"),
        ] {
            assert_eq!(Endpoint::of_action(text).unwrap().to_string(), shown);
        }
        assert_eq!(
            Endpoint::of_reading("/{workspaceId}").unwrap().to_string(),
            "GET /{workspaceId}"
        );
    }

    #[test]
    fn what_could_mean_something_else_is_refused() {
        use InvalidEndpoint::{Characters, Method, NoWorkspace, NotAPath};
        for (text, why) in [
            ("", NotAPath),
            ("a/{workspaceId}", NotAPath),
            ("https://example.com/{workspaceId}", NotAPath),
            ("/a/b", NoWorkspace),
            ("/a/{workspaceid}", NoWorkspace),
            ("GET /a/{workspaceId}", Method),
            ("DELETE /a/{workspaceId}", Method),
            ("put /a/{workspaceId}", Method),
            ("/a b/{workspaceId}", Method),
            ("//{workspaceId}", Characters),
            ("/{workspaceId}/", Characters),
            ("/a/../{workspaceId}", Characters),
            ("/{workspaceId}#a", Characters),
            ("/%2e%2e/{workspaceId}", Characters),
            ("/a?id={workspaceId}?b", Characters),
            ("/a?={workspaceId}", Characters),
            ("/{workspaceId}?a", Characters),
            ("/{a}/{workspaceId}", Characters),
        ] {
            assert_eq!(Endpoint::of_action(text), Err(why), "{text:?}");
        }
        assert_eq!(Endpoint::of_reading("POST /{workspaceId}"), Err(NotAPath));
    }
}
