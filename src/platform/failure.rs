//! Failed requests as diagnostics: what was tried, what the platform answered, and what to do.

use crate::framework::Diagnostic;
use crate::rest::Error;

/// The diagnostic for a request that did not succeed. `advice` is what the platform's documentation lets one do about it.
pub(crate) fn failure(error: &Error, advice: impl FnOnce(&Error) -> Option<&'static str>) -> Diagnostic {
    let mut detail = format!("{}.", error.kind());
    if let Some(first) = detail.get(..1).map(str::to_uppercase) {
        detail.replace_range(..1, &first);
    }
    let afterwards = error
        .is_ambiguous()
        .then_some("The platform may have done it all the same, although its answer was lost.");
    for sentence in [advice(error), afterwards].into_iter().flatten() {
        detail.push_str("\n\n");
        detail.push_str(sentence);
    }
    Diagnostic::error(format!("Could not {}", error.tried()), detail)
}
