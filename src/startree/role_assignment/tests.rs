//! An assignment's life, against the sandbox in the same process, under tokio's paused clock.

use jiff::SignedDuration;
use secrecy::ExposeSecret;

use super::*;
use crate::framework::Severity;
use crate::platform::testing::driven::Driven;
use crate::platform::testing::losses;
use crate::rest::Credential;
use crate::sandbox::startree::{self, Again, Options, Sandbox};
use crate::sandbox::{Effect, Fault};
use crate::startree::testing::{A_RUN_LATER, every_shape, sandbox, session, session_with};

const ASSIGNMENTS: &str = "/roles/srn2:role%23reader/assignments";
const ASSIGN: &str = "/roles/srn2:role%23reader/create-assignment";
const UNASSIGN: &str = "/roles/srn2:role%23reader/delete-assignment";

fn world(options: Options) -> (Sandbox, Driven<RoleAssignment>) {
    let sandbox = sandbox(options);
    sandbox.add_role("reader", None);
    let assignment = Driven::new(RoleAssignment::new(session(&sandbox)));
    (sandbox, assignment)
}

fn to(subject_type: &str, subject: &str) -> Model {
    Model {
        role: "reader".into(),
        subject_type: subject_type.into(),
        subject: subject.into(),
        ..Model::default()
    }
}

fn analysts() -> Model {
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
async fn an_assignment_to_anybody_lives_whatever_shape_the_answers_have() {
    for options in every_shape() {
        let (sandbox, assignment) = world(options);
        let token = sandbox.add_token();
        for (subject_type, subject) in [
            ("user-email", "Ann.Lee@Acme.com"),
            ("group", "Data/Analysts: all"),
            ("domain", "Acme.com"),
            ("service-token", token.access_key.as_str()),
        ] {
            let config = to(subject_type, subject);
            let state = assignment.create(&config).await.state();
            assert_eq!(subjects(&sandbox).len(), 1);
            assignment.rests(&config, &state).await;
            let imported = assignment.import(state.id.known().unwrap()).await.state();
            assert_eq!(format!("{imported:?}"), format!("{state:?}"));
            assert!(assignment.delete(&state).await.state.is_none());
            assert!(subjects(&sandbox).is_empty(), "{subject_type}");
            assert!(assignment.read(&state).await.state.is_none());
            assert!(
                assignment.delete(&state).await.state.is_none(),
                "ended already is ended"
            );
            assert!(
                assignment
                    .import(state.id.known().unwrap())
                    .await
                    .fails("No such assignment")
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_let_in_once_the_platform_knows() {
    let (sandbox, assignment) = world(Options {
        propagation: SignedDuration::from_mins(50),
        ..Options::default()
    });
    let token = sandbox.add_token();
    let connection = assignment.resource.session.connected().unwrap();
    let lets_in = async || {
        let operation = connection.operation(&Context::default());
        let bearer = Credential::bearer(token.bearer()).unwrap();
        connection
            .pinot
            .as_ref()
            .unwrap()
            .lets_in(&operation, bearer)
            .await
            .unwrap()
    };
    let state = assignment.create(&to("service-token", &token.access_key)).await.state();
    assert!(!lets_in().await);
    sandbox.advance(SignedDuration::from_mins(50));
    assert!(lets_in().await);
    assignment.delete(&state).await;
    assert!(lets_in().await);
    sandbox.advance(SignedDuration::from_mins(50));
    assert!(!lets_in().await);
}

#[tokio::test(start_paused = true)]
async fn whatever_answer_is_lost_the_subject_has_the_role_as_declared() {
    for again in [Again::Accepted, Again::Refused] {
        for lost in losses(r#"[{"subject": "another", "subjectType": "group"}]"#) {
            for (method, path) in [("POST", ASSIGN), ("POST", UNASSIGN)] {
                let (sandbox, assignment) = world(Options {
                    again,
                    ..Options::default()
                });
                sandbox.fault(lost.clone().on(method, path));
                let state = assignment.create(&analysts()).await.state();
                assert_eq!(subjects(&sandbox), ["data-analysts"], "{lost:?}");
                assert!(assignment.delete(&state).await.state.is_none(), "{lost:?}");
                assert!(subjects(&sandbox).is_empty(), "{lost:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn another_spelling_of_a_subject_takes_nothing_from_it() {
    for lowers_subjects in [true, false] {
        let (sandbox, assignment) = world(Options {
            lowers_subjects,
            ..Options::default()
        });
        let state = assignment.create(&to("user-email", "Ann@Acme.com")).await.state();
        let other = to("user-email", "ann@acme.com");
        let state = assignment.update(&other, &state).await.state();
        assert_eq!(subjects(&sandbox).len(), 1);
        assignment.rests(&other, &state).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_has_the_role_already_keeps_it() {
    for options in every_shape() {
        let (sandbox, assignment) = world(options);
        sandbox.assign_outside("reader", startree::Subject::new("group", "data-analysts"));
        let state = assignment.create(&analysts()).await.state();
        assert_eq!(sandbox.calls("POST", ASSIGN), 0);
        assignment.rests(&analysts(), &state).await;
    }
    // Somebody else is the faster.
    let (sandbox, assignment) = world(Options {
        again: Again::Refused,
        ..Options::default()
    });
    sandbox.assign_outside("reader", startree::Subject::new("group", "data-analysts"));
    sandbox.fault(Fault::answer(200).body("[]").on("GET", ASSIGNMENTS));
    assignment.create(&analysts()).await.state();
}

#[tokio::test(start_paused = true)]
async fn what_may_have_power_is_recorded_although_nobody_could_look() {
    let (sandbox, assignment) = world(Options::default());
    sandbox.fault(Fault::new(Effect::Hang).after().on("POST", ASSIGN));
    sandbox.fault(Fault::answer(503).on("GET", ASSIGNMENTS).skip(1).times(100));
    let outcome = assignment.create(&analysts()).await;
    assert!(
        outcome.fails("Whether it has could not be found out"),
        "{:?}",
        outcome.told
    );
    let state = outcome.state.unwrap();
    sandbox.heal();
    assert!(assignment.delete(&state).await.state.is_none() && subjects(&sandbox).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_and_nothing_is_recorded() {
    for options in every_shape()
        .into_iter()
        .filter(|options| !options.assigns_unknown_tokens)
    {
        let (_, assignment) = world(options);
        let nobody = to("service-token", "AAAAAAAAAAAAAAAA");
        let outcome = assignment.create(&nobody).await;
        assert!(
            outcome.fails("Could not assign the role \"reader\""),
            "{:?}",
            outcome.told
        );
        let elsewhere = Model {
            role: "writer".into(),
            ..analysts()
        };
        assert!(assignment.create(&elsewhere).await.fails("Could not assign"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_role_is_the_end_of_its_assignments() {
    for options in every_shape() {
        let (sandbox, assignment) = world(options);
        let state = assignment.create(&analysts()).await.state();
        sandbox.delete_role_outside("reader");
        assert!(assignment.delete(&state).await.state.is_none());
        tokio::time::advance(std::time::Duration::from_secs(60)).await;
        assert!(assignment.read(&state).await.state.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_but_a_list_takes_an_assignment_out_of_the_state() {
    let (sandbox, assignment) = world(Options::default());
    let state = assignment.create(&analysts()).await.state();
    for answer in [
        Fault::answer(401),
        Fault::answer(403),
        Fault::answer(404),
        Fault::answer(500),
        Fault::answer(200).body("{}"),
        Fault::answer(200).body(r#"{"assignments": [], "hasMore": true}"#),
        Fault::answer(200).body("<html>Sign in"),
    ] {
        tokio::time::advance(A_RUN_LATER).await;
        sandbox.fault(answer.clone().on("GET", ASSIGNMENTS).times(100));
        let outcome = assignment.read(&state).await;
        assert!(outcome.state.is_some() && outcome.told.len() == 1, "{answer:?}");
        let outcome = assignment.delete(&state).await;
        assert!(outcome.state.is_some(), "{answer:?}");
        sandbox.heal();
        sandbox.assign_outside("reader", startree::Subject::new("group", "data-analysts"));
    }
    sandbox.unassign_outside("reader", startree::Subject::new("group", "data-analysts"));
    tokio::time::advance(A_RUN_LATER).await;
    assert!(assignment.read(&state).await.state.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_refresh_of_many_asks_once_per_role() {
    let (sandbox, assignment) = world(Options::default());
    let states: Vec<_> = (0..20).map(|number| to("group", &format!("group-{number}"))).collect();
    for state in &states {
        sandbox.assign_outside(
            "reader",
            startree::Subject::new("group", state.subject.known().unwrap()),
        );
    }
    let read = states.iter().map(|state| assignment.read(state));
    for outcome in futures_util::future::join_all(read).await {
        outcome.state();
    }
    assert_eq!(sandbox.calls("GET", ASSIGNMENTS), 1);
}

#[tokio::test(start_paused = true)]
async fn the_providers_own_token_does_not_lose_a_role() {
    let sandbox = sandbox(Options::default());
    let own = sandbox.administrator();
    let assignment = Driven::new(RoleAssignment::new(session_with(&sandbox, &own.bearer())));
    let id = format!("system-admin/service-token/{}", own.access_key);
    let state = assignment.import(&id).await.state();
    let mut diagnostics = Diagnostics::default();
    let context = Context::default();
    assignment
        .resource
        .plan_destroy(&context, &state, &mut diagnostics)
        .await;
    assert_eq!(
        diagnostics.iter().map(|told| told.severity).collect::<Vec<_>>(),
        [Severity::Warning]
    );
    let outcome = assignment.delete(&state).await;
    assert!(outcome.state.is_some() && outcome.fails("the token that the provider works with"));
    assert!(sandbox.is_live(own.bearer().expose_secret()));
}

#[tokio::test(start_paused = true)]
async fn a_whole_token_is_refused_and_not_quoted() {
    let (sandbox, assignment) = world(Options::default());
    let bearer = sandbox.add_token().bearer();
    let config = to("service-token", bearer.expose_secret());
    let mut diagnostics = Diagnostics::default();
    assignment.resource.validate(&config, &mut diagnostics);
    let told: Vec<_> = diagnostics.into_iter().collect();
    assert_eq!(told[0].attribute, Some("subject"));
    let imported = assignment
        .import(&format!("reader/service-token/{}", bearer.expose_secret()))
        .await;
    let created = assignment.create(&config).await;
    assert!(imported.state.is_none() && created.state.is_none());
    for told in told.iter().chain(&imported.told).chain(&created.told) {
        assert!(!told.to_string().contains(bearer.expose_secret()));
    }
    for id in [
        "",
        "reader",
        "reader/group",
        "reader/group/",
        "reader/person/x",
        "/group/x",
    ] {
        assert!(assignment.import(id).await.fails("Not the id of an assignment"), "{id}");
    }
    let mut diagnostics = Diagnostics::default();
    let unknown = Model {
        subject: Field::Unknown,
        ..to("email", "")
    };
    assignment.resource.validate(&unknown, &mut diagnostics);
    assert_eq!(diagnostics.iter().next().unwrap().attribute, Some("subject_type"));
}

#[tokio::test(start_paused = true)]
async fn another_subject_gets_the_role_before_the_one_before_loses_it() {
    for options in every_shape() {
        let (sandbox, assignment) = world(options);
        let [old, new] = [(); 2].map(|()| sandbox.add_token());
        let state = assignment.create(&to("service-token", &old.access_key)).await.state();
        // While its access key is not known yet.
        let unknown = Model {
            subject: Field::Unknown,
            ..to("service-token", "")
        };
        let planned = assignment.plan(&unknown, Some(&state)).await;
        assert!(planned.replaces.is_empty() && planned.model.id.is_unknown());

        // The new one cannot get it: the old one keeps it.
        sandbox.fault(Fault::answer(400).on("POST", ASSIGN));
        let config = to("service-token", &new.access_key);
        let outcome = assignment.update(&config, &state).await;
        assert!(outcome.fails("400") && subjects(&sandbox) == [old.access_key.as_str()]);
        // It cannot be taken from the old one: the next apply does it.
        sandbox.fault(Fault::answer(400).on("POST", UNASSIGN));
        let outcome = assignment.update(&config, &outcome.state.unwrap()).await;
        assert!(outcome.fails("400") && subjects(&sandbox).len() == 2);
        let state = assignment.update(&config, &outcome.state.unwrap()).await.state();
        assert_eq!(subjects(&sandbox), [new.access_key.as_str()]);
        assignment.rests(&config, &state).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_rotated_in_this_run_keeps_its_role_as_long_as_the_rotation_lets_it() {
    let (sandbox, assignment) = world(Options::default());
    let [old, new] = [(); 2].map(|()| sandbox.add_token());
    let state = assignment.create(&to("service-token", &old.access_key)).await.state();
    let connection = assignment.resource.session.connected().unwrap();
    let [predecessor, successor] = [&old, &new].map(|token| token.access_key.parse().unwrap());
    let predecessor = Predecessor {
        access_key: predecessor,
        overlaps: true,
    };
    connection.tokens.follows(successor, Some(predecessor));
    assignment
        .update(&to("service-token", &new.access_key), &state)
        .await
        .state();
    assert_eq!(subjects(&sandbox).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn another_role_makes_another_assignment() {
    let (_, assignment) = world(Options::default());
    let state = assignment.create(&analysts()).await.state();
    let elsewhere = Model {
        role: "writer".into(),
        ..analysts()
    };
    assert_eq!(assignment.plan(&elsewhere, Some(&state)).await.replaces, ["role"]);
}
