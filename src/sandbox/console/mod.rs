//! The console: a page at `/` that shows the account and changes it through the control API.
//!
//! The page is plain HTML, CSS and ES modules, embedded in the program, so that it works offline
//! and needs no build step. Names and descriptions come from clients of the API. The page inserts
//! them as text only, and the content security policy enforces that.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;

/// What the page may load: its own files. `require-trusted-types-for` rejects all assignments of
/// text as HTML, such as `innerHTML`.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// The files of the page: path, content type and content.
const FILES: [(&str, &str, &str); 2] = [
    ("/", HTML, include_str!("index.html")),
    ("/console/console.css", CSS, include_str!("console.css")),
];

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";

/// The page and its files.
pub(super) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES
        .iter()
        .fold(Router::new(), |router, &(path, content_type, content)| {
            router.route(path, get(async move || answer(content_type, content)))
        })
}

fn answer(content_type: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // The next program at this address may have other files.
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, content).into_response()
}
