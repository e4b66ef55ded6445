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

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! file {
    ($name:literal, $content_type:expr) => {
        (concat!("/console/", $name), $content_type, include_str!($name))
    };
}

/// The files of the page: path, content type and content.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("index.html")),
    file!("console.css", CSS),
    file!("icon.svg", SVG),
    file!("actions.js", JAVASCRIPT),
    file!("announce.js", JAVASCRIPT),
    file!("api.js", JAVASCRIPT),
    file!("audit.js", JAVASCRIPT),
    file!("axis.js", JAVASCRIPT),
    file!("clock.js", JAVASCRIPT),
    file!("consequences.js", JAVASCRIPT),
    file!("dialog.js", JAVASCRIPT),
    file!("dom.js", JAVASCRIPT),
    file!("events.js", JAVASCRIPT),
    file!("faults.js", JAVASCRIPT),
    file!("governance.js", JAVASCRIPT),
    file!("main.js", JAVASCRIPT),
    file!("roles.js", JAVASCRIPT),
    file!("slots.js", JAVASCRIPT),
    file!("state.js", JAVASCRIPT),
    file!("time.js", JAVASCRIPT),
    file!("tokens.js", JAVASCRIPT),
];

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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::FILES;

    #[test]
    fn every_file_of_the_page_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sandbox/console");
        let names = fs::read_dir(folder).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let expected: BTreeSet<_> = names
            .filter(|name| name != "mod.rs")
            .map(|name| match name.as_str() {
                "index.html" => "/".to_owned(),
                name => format!("/console/{name}"),
            })
            .collect();
        let served = FILES.iter().map(|(path, ..)| (*path).to_owned()).collect();
        assert_eq!(expected, served);
    }
}
