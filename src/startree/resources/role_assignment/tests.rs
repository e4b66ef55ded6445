//! Role assignments, against the sandbox in the same process, under tokio's paused clock.

use std::sync::Arc;

use jiff::SignedDuration;
use secrecy::ExposeSecret;

use super::*;
use crate::framework::Severity;
use crate::framework::testing::Action;
use crate::platform::testing::lost_answers;
use crate::rest::Credential;
use crate::sandbox::startree::{self, Options, Repeated, Sandbox};
use crate::sandbox::{Effect, Fault};
use crate::startree::tests::{Managed, connection, context, option_variants, sandbox};

const ASSIGNMENTS: &str = "/roles/srn2:role%23reader/assignments";
const ASSIGN: &str = "/roles/srn2:role%23reader/create-assignment";
const UNASSIGN: &str = "/roles/srn2:role%23reader/delete-assignment";

fn world(options: Options) -> (Sandbox, Managed<RoleAssignment>) {
    let sandbox = sandbox(options);
    sandbox.add_role("reader", None);
    let assignment = Managed::new(&sandbox, "startree_role_assignment");
    (sandbox, assignment)
}

fn to(subject_type: &str, subject: &str) -> RoleAssignment {
    RoleAssignment {
        role: "reader".into(),
        subject_type: subject_type.into(),
        subject: subject.into(),
        ..RoleAssignment::default()
    }
}

fn analysts() -> RoleAssignment {
    to("group", "data-analysts")
}

fn subjects(sandbox: &Sandbox) -> Vec<String> {
    let roles = sandbox.roles();
    roles["reader"]
        .subjects()
        .map(|subject| subject.subject.clone())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn assignment_lifecycle_succeeds_for_every_subject_and_response_format() {
    for options in option_variants() {
        let (sandbox, mut assignment) = world(options);
        let token = sandbox.add_token();
        for (subject_type, subject) in [
            ("user-email", "Ann.Lee@Acme.com"),
            ("group", "Data/Analysts: all"),
            ("domain", "Acme.com"),
            ("service-token", token.access_key.as_str()),
        ] {
            let config = to(subject_type, subject);
            assignment.apply(&config).await.succeeds();
            assert_eq!(subjects(&sandbox).len(), 1);
            assignment.assert_stable(&config).await;
            let state = assignment.state();
            let id = state.id.known().unwrap();
            assignment.import(id).await.succeeds();
            assert_eq!(format!("{:?}", assignment.state()), format!("{state:?}"));
            assignment.destroy().await.succeeds();
            assert!(!assignment.is_in_state());
            assert!(subjects(&sandbox).is_empty(), "{subject_type}");
            assignment.import(id).await.fails("Assignment not found");

            let outside = startree::Subject::new(subject_type, subject);
            assignment.apply(&config).await.succeeds();
            let gone = assignment.apply_after(None, |_| sandbox.unassign_outside("reader", outside.clone()));
            gone.await.succeeds();
            assert!(!assignment.is_in_state(), "revoking a revoked role succeeds");
            assignment.apply(&config).await.succeeds();
            sandbox.unassign_outside("reader", outside);
            assignment.refresh().await.succeeds();
            assert!(!assignment.is_in_state() && subjects(&sandbox).is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn token_is_accepted_after_the_propagation_delay() {
    let (sandbox, mut assignment) = world(Options {
        propagation: SignedDuration::from_mins(50),
        ..Options::default()
    });
    let token = sandbox.add_token();
    let connection = connection(&sandbox, &assignment.bearer);
    let is_accepted = async || {
        let operation = connection.operation(&Context::default());
        let bearer = Credential::bearer(token.bearer()).unwrap();
        connection
            .pinot
            .as_ref()
            .unwrap()
            .accepts(&operation, bearer)
            .await
            .unwrap()
    };
    assignment
        .apply(&to("service-token", &token.access_key))
        .await
        .succeeds();
    assert!(!is_accepted().await);
    sandbox.advance(SignedDuration::from_mins(50));
    assert!(is_accepted().await);
    assignment.destroy().await.succeeds();
    assert!(is_accepted().await);
    sandbox.advance(SignedDuration::from_mins(50));
    assert!(!is_accepted().await);
}

#[tokio::test(start_paused = true)]
async fn lost_answers_leave_the_role_assigned_as_declared() {
    for repeated in [Repeated::Accepted, Repeated::Rejected] {
        for lost in lost_answers(r#"[{"subject": "another", "subjectType": "group"}]"#) {
            let (sandbox, mut assignment) = world(Options {
                repeated,
                ..Options::default()
            });
            sandbox.fault(lost.clone().on("POST", ASSIGN));
            assignment.apply(&analysts()).await.succeeds();
            assert_eq!(subjects(&sandbox), ["data-analysts"], "{lost:?}");
            sandbox.fault(lost.clone().on("POST", UNASSIGN));
            assignment.destroy().await.succeeds();
            assert!(!assignment.is_in_state(), "{lost:?}");
            assert!(subjects(&sandbox).is_empty(), "{lost:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn changed_case_of_a_subject_keeps_its_role() {
    for lowercases_subjects in [true, false] {
        let (sandbox, mut assignment) = world(Options {
            lowercases_subjects,
            ..Options::default()
        });
        assignment.apply(&to("user-email", "Ann@Acme.com")).await.succeeds();
        let other = to("user-email", "ann@acme.com");
        assignment.apply(&other).await.plans(Action::Update);
        assert_eq!(subjects(&sandbox).len(), 1);
        assignment.assert_stable(&other).await;
    }
}

#[tokio::test(start_paused = true)]
async fn existing_assignment_is_adopted() {
    for options in option_variants() {
        let (sandbox, mut assignment) = world(options);
        sandbox.assign_outside("reader", startree::Subject::new("group", "data-analysts"));
        assignment.apply(&analysts()).await.succeeds();
        assert_eq!(sandbox.calls("POST", ASSIGN), 0);
        assignment.assert_stable(&analysts()).await;
    }
    // Another client assigns it between the check and the request.
    let (sandbox, mut assignment) = world(Options {
        repeated: Repeated::Rejected,
        ..Options::default()
    });
    sandbox.assign_outside("reader", startree::Subject::new("group", "data-analysts"));
    sandbox.fault(Fault::answer(200).body("[]").on("GET", ASSIGNMENTS));
    assignment.apply(&analysts()).await.succeeds();
    assert_eq!(sandbox.calls("POST", ASSIGN), 1);
}

#[tokio::test(start_paused = true)]
async fn create_records_a_possible_assignment_if_the_list_cannot_be_read() {
    let (sandbox, mut assignment) = world(Options::default());
    sandbox.fault(Fault::new(Effect::Hang).after().on("POST", ASSIGN));
    sandbox.fault(Fault::answer(503).on("GET", ASSIGNMENTS).skip(1).times(100));
    assignment
        .apply(&analysts())
        .await
        .fails("Reading whether it succeeded has failed, too");
    assert!(assignment.is_in_state());
    sandbox.clear_faults();
    assignment.destroy().await.succeeds();
    assert!(!assignment.is_in_state() && subjects(&sandbox).is_empty());
}

#[tokio::test(start_paused = true)]
async fn rejected_create_records_nothing() {
    for options in option_variants()
        .into_iter()
        .filter(|options| !options.assigns_unknown_tokens)
    {
        let (sandbox, mut assignment) = world(options);
        let unknown = to("service-token", "AAAAAAAAAAAAAAAA");
        assignment
            .apply(&unknown)
            .await
            .fails("Could not assign the role \"reader\"");
        let elsewhere = RoleAssignment {
            role: "writer".into(),
            ..analysts()
        };
        let mut assignment = Managed::<RoleAssignment>::new(&sandbox, "startree_role_assignment");
        assignment.apply(&elsewhere).await.fails("Could not assign");
    }
}

#[tokio::test(start_paused = true)]
async fn deleting_the_role_deletes_its_assignments() {
    for options in option_variants() {
        let (sandbox, mut assignment) = world(options);
        assignment.apply(&analysts()).await.succeeds();
        let gone = assignment.apply_after(None, |_| sandbox.delete_role_outside("reader"));
        gone.await.succeeds();
        assert!(!assignment.is_in_state());
        sandbox.add_role("reader", None);
        assignment.apply(&analysts()).await.succeeds();
        sandbox.delete_role_outside("reader");
        assignment.refresh().await.succeeds();
        assert!(!assignment.is_in_state());
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_list_removes_an_assignment_from_the_state() {
    let (sandbox, mut assignment) = world(Options::default());
    assignment.apply(&analysts()).await.succeeds();
    for answer in [
        Fault::answer(401),
        Fault::answer(403),
        Fault::answer(404),
        Fault::answer(500),
        Fault::answer(200).body("{}"),
        Fault::answer(200).body(r#"{"assignments": [], "hasMore": true}"#),
        Fault::answer(200).body("<html>Sign in"),
    ] {
        let answer = answer.on("GET", ASSIGNMENTS).times(100);
        sandbox.fault(answer.clone());
        assert_eq!(assignment.refresh().await.diagnostics.len(), 1, "{answer:?}");
        assert!(assignment.is_in_state(), "{answer:?}");
        sandbox.clear_faults();
        assignment.apply_after(None, |_| sandbox.fault(answer.clone())).await;
        assert!(assignment.is_in_state(), "{answer:?}");
        sandbox.clear_faults();
        sandbox.assign_outside("reader", startree::Subject::new("group", "data-analysts"));
    }
    sandbox.unassign_outside("reader", startree::Subject::new("group", "data-analysts"));
    assignment.refresh().await.succeeds();
    assert!(!assignment.is_in_state());
}

#[tokio::test(start_paused = true)]
async fn refresh_of_many_assignments_sends_one_request_per_role() {
    let (sandbox, _) = world(Options::default());
    let states: Vec<_> = (0..20).map(|number| to("group", &format!("group-{number}"))).collect();
    for state in &states {
        sandbox.assign_outside(
            "reader",
            startree::Subject::new("group", state.subject.known().unwrap()),
        );
    }
    let context = context(&sandbox);
    let read = states
        .iter()
        .map(|state| Resource::read(&RoleAssignmentResource, &context, state.clone()));
    for outcome in futures_util::future::join_all(read).await {
        assert!(outcome.unwrap().is_some());
    }
    assert_eq!(sandbox.calls("GET", ASSIGNMENTS), 1);
}

#[tokio::test(start_paused = true)]
async fn role_of_the_providers_own_token_is_not_revoked() {
    let (sandbox, mut assignment) = world(Options::default());
    let own = sandbox.add_administrator();
    assignment.bearer = own.bearer();
    let id = format!("system-admin/service-token/{}", own.access_key);
    assignment.import(&id).await.succeeds();
    let run = assignment.destroy().await.fails("the token that the provider uses");
    let severities: Vec<_> = run.diagnostics.iter().map(|shown| shown.severity).collect();
    assert_eq!(severities, [Severity::Warning, Severity::Error]);
    assert!(assignment.is_in_state());
    assert!(sandbox.is_live(own.bearer().expose_secret()));
}

#[tokio::test(start_paused = true)]
async fn whole_token_is_rejected_and_not_quoted() {
    let (sandbox, mut assignment) = world(Options::default());
    let bearer = sandbox.add_token().bearer();
    let config = to("service-token", bearer.expose_secret());
    let planned = assignment.plan(&config).await;
    assert_eq!(planned.diagnostics[0].attribute.as_deref(), Some("subject"));
    let imported = assignment
        .import(&format!("reader/service-token/{}", bearer.expose_secret()))
        .await;
    let created = Resource::create(&RoleAssignmentResource, &context(&sandbox), config).await;
    let Failed { diagnostics, leaves } = created.unwrap_err();
    assert!(!assignment.is_in_state() && leaves.is_none());
    let shown = planned.diagnostics.iter().chain(&imported.diagnostics);
    let shown = shown.map(ToString::to_string);
    for text in shown.chain(diagnostics.iter().map(ToString::to_string)) {
        assert!(!text.contains(bearer.expose_secret()));
    }
    for id in [
        "",
        "reader",
        "reader/group",
        "reader/group/",
        "reader/person/x",
        "/group/x",
    ] {
        assignment.import(id).await.fails("Invalid import id");
    }
    let unknown = RoleAssignment {
        subject: Field::Unknown,
        ..to("email", "")
    };
    let planned = assignment.plan(&unknown).await;
    assert_eq!(planned.diagnostics[0].attribute.as_deref(), Some("subject_type"));
}

#[tokio::test(start_paused = true)]
async fn role_is_assigned_to_new_subject_before_it_is_revoked_from_old_one() {
    for options in option_variants() {
        let (sandbox, mut assignment) = world(options);
        let [old, new] = [(); 2].map(|()| sandbox.add_token());
        assignment.apply(&to("service-token", &old.access_key)).await.succeeds();
        // The access key may be unknown in the plan.
        let unknown = RoleAssignment {
            subject: Field::Unknown,
            ..to("service-token", "")
        };
        let planned = assignment.plan(&unknown).await.plans(Action::Update);
        assert!(RoleAssignment::from_value(&planned.planned).unwrap().id.is_unknown());

        // If assigning fails, the old subject keeps the role.
        sandbox.fault(Fault::answer(400).on("POST", ASSIGN));
        let config = to("service-token", &new.access_key);
        assignment.apply(&config).await.fails("400");
        assert_eq!(subjects(&sandbox), [old.access_key.as_str()]);
        // If revoking fails, the next apply retries it.
        sandbox.fault(Fault::answer(400).on("POST", UNASSIGN));
        assignment.apply(&config).await.fails("400");
        assert_eq!(subjects(&sandbox).len(), 2);
        assignment.apply(&config).await.succeeds();
        assert_eq!(subjects(&sandbox), [new.access_key.as_str()]);
        assignment.assert_stable(&config).await;
    }
}

#[tokio::test(start_paused = true)]
async fn predecessor_keeps_its_role_during_the_overlap() {
    let (sandbox, mut assignment) = world(Options::default());
    let [old, new] = [(); 2].map(|()| sandbox.add_token());
    assignment.apply(&to("service-token", &old.access_key)).await.succeeds();
    let connection = Arc::new(connection(&sandbox, &assignment.bearer));
    let [predecessor, successor] = [&old, &new].map(|token| token.access_key.parse().unwrap());
    let predecessor = Predecessor {
        access_key: predecessor,
        overlaps: true,
    };
    connection.tokens.record_predecessor(successor, Some(predecessor));
    let context = Context::with_client(connection);
    let planned = to("service-token", &new.access_key);
    let updated = Resource::update(&RoleAssignmentResource, &context, assignment.state(), planned).await;
    assert!(updated.is_ok() && !context.has_errors());
    assert_eq!(subjects(&sandbox).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn changed_role_replaces_the_assignment() {
    let (_, mut assignment) = world(Options::default());
    assignment.apply(&analysts()).await.succeeds();
    let elsewhere = RoleAssignment {
        role: "writer".into(),
        ..analysts()
    };
    assignment.plan(&elsewhere).await.plans(Action::Replace);
}
