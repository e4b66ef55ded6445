//! The endpoints of streaming tokens. The platform's documentation omits them: the defaults are
//! those of Quix's Postman collection, and the user can configure others.

use std::fmt;

use http::Method;

use crate::rest::Request;

/// The placeholder for the environment's id.
const PLACEHOLDER: &str = "{workspaceId}";

/// The path that reads streaming tokens, in Quix's own Postman collection of the Portal API
/// (quixio/quix-samples, `python/postman/quix-postman.json`, 2023, removed in February 2024).
pub const READ_PATH: &str = "/workspaces/{workspaceId}/sdktokens";

/// The path that rotates streaming tokens by POST, in the same collection.
pub const ROTATE_PATH: &str = "/workspaces/{workspaceId}/sdktokens/rotate";

/// The method and path of a request, such as `PUT /some/path/{workspaceId}`.
///
/// The path or query always contains the environment's id. Without it, a request could apply to
/// another environment, or to all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    method: Method,
    segments: Vec<String>,
    query: Vec<(String, String)>,
}

/// The reason why a text is not an [`Endpoint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEndpoint {
    /// The path is a URL or relative.
    #[error("must be a path below the Portal API's address, beginning with a slash")]
    NotAPath,
    /// `{workspaceId}` is missing.
    #[error("must contain the environment's id: `{{workspaceId}}` stands for it")]
    NoWorkspace,
    /// The method is unknown or does not change anything.
    #[error("may begin with POST, PUT or PATCH and a space, and with no other method")]
    Method,
    /// The path or query has an empty or relative segment, or a reserved character.
    #[error(
        "must consist of segments of letters, digits and -._~ between single slashes, and may end in a query such as \
         `?name=value`"
    )]
    Characters,
}

impl Endpoint {
    /// Parses an endpoint for reading: a path. The method is GET.
    ///
    /// # Errors
    ///
    /// [`InvalidEndpoint`].
    pub fn for_read(text: &str) -> Result<Self, InvalidEndpoint> {
        Self::parse(Method::GET, text)
    }

    /// Parses an endpoint for rotating: a path, optionally with a method before it. The default
    /// method is POST.
    ///
    /// # Errors
    ///
    /// [`InvalidEndpoint`].
    pub fn for_rotation(text: &str) -> Result<Self, InvalidEndpoint> {
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

    /// Builds the request for an environment.
    pub(super) fn request(&self, action: impl Into<String>, workspace: &str) -> Request {
        if workspace.is_empty() {
            return Request::new(self.method.clone(), action, &[]).invalid("the environment's id is empty");
        }
        let filled = |text: &String| text.replace(PLACEHOLDER, workspace);
        let segments: Vec<_> = self.segments.iter().map(filled).collect();
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        let request = Request::new(self.method.clone(), action, &segments);
        self.query
            .iter()
            .fold(request, |request, (name, value)| request.query(name, &filled(value)))
    }
}

/// Whether no client, proxy or server interprets or rewrites a segment, name or value.
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
    fn path_names_the_environment_in_a_segment_or_the_query() {
        for (text, shown) in [
            ("/a/{workspaceId}/b", "POST /a/{workspaceId}/b"),
            ("POST /{workspaceId}", "POST /{workspaceId}"),
            ("PUT /a/ws-{workspaceId}", "PUT /a/ws-{workspaceId}"),
            ("PATCH /a?x=1&id={workspaceId}", "PATCH /a?x=1&id={workspaceId}"),
        ] {
            assert_eq!(Endpoint::for_rotation(text).unwrap().to_string(), shown);
        }
        assert_eq!(
            Endpoint::for_read("/{workspaceId}").unwrap().to_string(),
            "GET /{workspaceId}"
        );
    }

    #[test]
    fn ambiguous_endpoint_is_rejected() {
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
            assert_eq!(Endpoint::for_rotation(text), Err(why), "{text:?}");
        }
        assert_eq!(Endpoint::for_read("POST /{workspaceId}"), Err(NotAPath));
    }
}
