//! Protection against web pages: a page of another site that the user visits must not control the
//! sandbox. The `Origin` of its requests names that site, and the `Host` does, if the site's name
//! resolves to this machine (DNS rebinding).

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::rejection::Rejection;

/// Rejects requests that a web page of another site may have sent.
pub(super) async fn require_same_site(request: Request, next: Next) -> Response {
    match check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(message) => Rejection::new(StatusCode::FORBIDDEN, message).into_response(),
    }
}

fn check(headers: &HeaderMap) -> Result<(), &'static str> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    // Browsers send a host with every request; other clients in this process may omit it.
    let Some(host) = text(header::HOST) else {
        return Ok(());
    };
    if !host.parse().is_ok_and(|host: Authority| is_local_name(host.host())) {
        return Err("address the control API by localhost or an IP address; other names may belong to another site");
    }
    match text(header::ORIGIN) {
        Some(origin) if origin.strip_prefix("http://") != Some(host) => {
            Err("a web page of another site must not use the control API")
        }
        _ => Ok(()),
    }
}

/// Whether no other site can have this name.
fn is_local_name(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    address.parse::<IpAddr>().is_ok() || host.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_the_sandbox_are_allowed() {
        for (host, origin, allowed) in [
            (None, None, true),
            (Some("localhost:8080"), None, true),
            (Some("127.0.0.1:8080"), Some("http://127.0.0.1:8080"), true),
            (Some("[::1]:8080"), Some("http://[::1]:8080"), true),
            (Some("192.168.0.7"), None, true),
            (Some("127.0.0.1:8080"), Some("http://127.0.0.1:9090"), false),
            (Some("127.0.0.1:8080"), Some("https://127.0.0.1:8080"), false),
            (Some("127.0.0.1:8080"), Some("null"), false),
            (Some("localhost:8080"), Some("http://attacker.example"), false),
            (
                Some("attacker.example:8080"),
                Some("http://attacker.example:8080"),
                false,
            ),
            (Some("localhost.attacker.example"), None, false),
            (Some(""), None, false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [(header::HOST, host), (header::ORIGIN, origin)] {
                headers.extend(value.map(|value| (name, value.parse().unwrap())));
            }
            assert_eq!(check(&headers).is_ok(), allowed, "{host:?} {origin:?}");
        }
    }
}
