//! Diagnostics for failed requests.

use crate::framework::Diagnostic;
use crate::rest::Error;

/// Describes a failed request: the attempted action in the summary, the platform's answer and
/// `advice` in the detail.
pub(crate) fn request_failed(error: &Error, advice: impl FnOnce(&Error) -> Option<&'static str>) -> Diagnostic {
    let mut detail = format!("{}.", error.kind());
    if let Some(first) = detail.get(..1).map(str::to_uppercase) {
        detail.replace_range(..1, &first);
    }
    let lost_answer = error
        .is_ambiguous()
        .then_some("The platform may have executed the request nevertheless: its answer was lost.");
    for sentence in [advice(error), lost_answer].into_iter().flatten() {
        detail.push_str("\n\n");
        detail.push_str(sentence);
    }
    Diagnostic::error(format!("Could not {}", error.action()), detail)
}
