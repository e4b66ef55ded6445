//! The errors and warnings of a role assignment.

use crate::framework::Diagnostic;
use crate::startree::api::{InvalidSubject, Name, Subject};

/// The error for an invalid subject.
pub(super) fn invalid_subject(error: InvalidSubject) -> Diagnostic {
    let mut invalid = Diagnostic::invalid("subject", error);
    if error == InvalidSubject::AccessKey {
        invalid
            .detail
            .push_str(" The rest of a token is a secret, which must not be in a configuration or a state.");
    }
    invalid
}

/// The warning of a plan that revokes the role from both tokens of an overlap.
pub(super) fn revoked_from_both(role: &Name, subject: &Subject, other: &Subject) -> Diagnostic {
    Diagnostic::warning(
        format!("The role {:?} is revoked from both tokens", role.as_str()),
        format!(
            "The service token {} overlaps with {}, and both have the role by this assignment. Clients that still use the \
             previous token also lose the access that the role grants.",
            subject.as_str(),
            other.as_str()
        ),
    )
}

/// The warning where the role could be assigned to the current token, but not to its predecessor.
pub(super) fn predecessor_lacks_role(
    role: &Name,
    subject: &Subject,
    predecessor: &Subject,
    cause: &Diagnostic,
) -> Diagnostic {
    Diagnostic::warning(
        format!(
            "The role {:?} could not be assigned to the previous token {}",
            role.as_str(),
            predecessor.as_str()
        ),
        format!(
            "The current token, {}, has the role. The previous one is still valid (`overlap`) and may not have it. {}: {}",
            subject.as_str(),
            cause.summary,
            cause.detail
        ),
    )
}

/// The error of an import whose id does not name an assignment.
pub(super) fn invalid_id() -> Diagnostic {
    Diagnostic::error(
        "Invalid import id",
        "Import an assignment by `<role>/<subject_type>/<subject>`, such as `reader/group/data-analysts`. For a service \
         token, the subject is its access key, never the whole token.",
    )
}

/// The error of an import whose role is not assigned to its subject.
pub(super) fn not_assigned(role: &Name, subject: &Subject) -> Diagnostic {
    Diagnostic::error(
        "Assignment not found",
        format!("The role {:?} is not assigned to the {subject}.", role.as_str()),
    )
}
