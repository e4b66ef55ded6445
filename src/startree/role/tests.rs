//! A role's life, against the sandbox in the same process, under tokio's paused clock.

use http::StatusCode;
use secrecy::ExposeSecret;

use super::*;
use crate::framework::Severity;
use crate::platform::State;
use crate::platform::testing::driven::Driven;
use crate::platform::testing::losses;
use crate::sandbox::startree::{Names, Options, Sandbox, Subject};
use crate::sandbox::{Effect, Fault};
use crate::startree::testing::{A_RUN_LATER, every_shape, sandbox, session, session_with};

const READER: &str = "/roles/srn2:role%23reader";

fn world(options: Options) -> (Sandbox, Driven<Role>) {
    let sandbox = sandbox(options);
    let role = Driven::new(Role::new(session(&sandbox)));
    (sandbox, role)
}

fn reader() -> Model {
    Model {
        name: "reader".into(),
        description: "Reads".into(),
        ..Model::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_lives_whatever_shape_the_answers_have() {
    for options in every_shape() {
        let (sandbox, role) = world(options);
        let state = role.create(&reader()).await.state();
        assert_eq!(sandbox.roles()["reader"].description.as_deref(), Some("Reads"));
        assert_eq!(state.srn.known().unwrap(), "srn2:role#reader");
        role.rests(&reader(), &state).await;
        assert!(role.delete(&state).await.state.is_none());
        assert!(!sandbox.roles().contains_key("reader"));
        assert!(role.read(&state).await.state.is_none());
        assert!(role.delete(&state).await.state.is_none(), "gone already is gone");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_without_a_description_rests_and_where_one_is_needed_the_platforms_word_is_told() {
    let bare = Model {
        description: Field::Null,
        ..reader()
    };
    for options in every_shape() {
        let (_, role) = world(options);
        let state = role.create(&bare).await.state();
        role.rests(&bare, &state).await;
    }
    let (_, role) = world(Options {
        needs_description: true,
        ..Options::default()
    });
    let outcome = role.create(&bare).await;
    assert!(outcome.state.is_none() && outcome.fails("The description must not be empty"));
}

#[tokio::test(start_paused = true)]
async fn every_change_makes_another_role() {
    let (_, role) = world(Options::default());
    let state = role.create(&reader()).await.state();
    for (changed, attribute) in [
        (
            Model {
                name: "writer".into(),
                ..reader()
            },
            "name",
        ),
        (
            Model {
                description: "Writes".into(),
                ..reader()
            },
            "description",
        ),
    ] {
        assert_eq!(role.plan(&changed, Some(&state)).await.replaces, [attribute]);
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_answer_is_lost_there_is_one_role_in_the_end() {
    let another = r#"{"name": "another"}"#;
    for lost in losses(another) {
        for (method, path) in [
            ("POST", "/roles"),
            ("GET", READER),
            ("GET", "/roles"),
            ("DELETE", READER),
        ] {
            let (sandbox, role) = world(Options::default());
            sandbox.fault(lost.clone().on(method, path));
            let state = role.create(&reader()).await.state();
            assert!(sandbox.roles().contains_key("reader"), "{lost:?} {method}");
            let state = role.read(&state).await.state();
            assert!(role.delete(&state).await.state.is_none(), "{lost:?} {method}");
            assert!(!sandbox.roles().contains_key("reader"), "{lost:?} {method}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_may_be_there_is_recorded_although_nobody_could_look() {
    let (sandbox, role) = world(Options::default());
    sandbox.fault(Fault::new(Effect::Cut).after().on("POST", "/roles"));
    sandbox.fault(Fault::answer(503).on("GET", "/roles").skip(1).times(100));
    let outcome = role.create(&reader()).await;
    assert!(
        outcome.fails("Whether it has could not be found out"),
        "{:?}",
        outcome.told
    );
    let state = outcome.state.unwrap();
    sandbox.heal();
    assert!(role.delete(&state).await.state.is_none() && !sandbox.roles().contains_key("reader"));
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_is_said_to_be_done_and_is_not_is_told() {
    let (sandbox, role) = world(Options::default());
    sandbox.fault(Fault::answer(200).on("POST", "/roles").times(100));
    let outcome = role.create(&reader()).await;
    assert!(outcome.fails("The role \"reader\" is not there"), "{:?}", outcome.told);
    sandbox.heal();
    // What is recorded all the same is gone by the next refresh.
    assert!(role.read(&outcome.state.unwrap()).await.state.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_does_not_end_the_look_at_what_was_made() {
    let (sandbox, role) = world(Options::default());
    let late = Effect::Delay(jiff::SignedDuration::from_secs(5));
    sandbox.fault(Fault::new(late).on("POST", "/roles"));
    let config = reader();
    let (outcome, ()) = tokio::join!(role.create(&config), async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        role.context.cancellation.cancel();
    });
    outcome.state();
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_role_is_not_taken_for_ours() {
    for options in every_shape() {
        let (sandbox, role) = world(options);
        sandbox.add_role("reader", Some("theirs"));
        let outcome = role.create(&reader()).await;
        assert!(outcome.state.is_none() && outcome.fails("exists already") && outcome.fails("import {"));
        assert_eq!(sandbox.roles()["reader"].description.as_deref(), Some("theirs"));
        // It is made between our look and our creation.
        tokio::time::advance(A_RUN_LATER).await;
        sandbox.delete_role_outside("reader");
        sandbox.fault(Fault::answer(200).body("[]").on("GET", "/roles"));
        sandbox.add_role("reader", Some("theirs"));
        sandbox.set_options(|options| options.taken = StatusCode::CONFLICT);
        let outcome = role.create(&reader()).await;
        assert!(outcome.state.is_none() && outcome.fails("409"), "{:?}", outcome.told);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_but_the_list_of_roles_takes_one_out_of_the_state() {
    let (sandbox, role) = world(Options::default());
    let state = role.create(&reader()).await.state();
    let page = |status| {
        Fault::answer(status)
            .header("content-type", "text/html")
            .body("<html>Sign in")
    };
    for answer in [401, 403, 404, 410, 500]
        .map(Fault::answer)
        .into_iter()
        .chain([page(200), page(404)])
    {
        sandbox.fault(answer.clone().on("GET", READER).times(100));
        let outcome = role.read(&state).await;
        assert!(outcome.state.is_some() && outcome.told.len() == 1, "{answer:?}");
        sandbox.heal();
    }
    sandbox.delete_role_outside("reader");
    for answer in [
        Fault::answer(503),
        Fault::answer(404),
        Fault::answer(200),
        Fault::answer(200).body("{}"),
        Fault::answer(200).body(r#"{"roles": [], "totalElements": 7}"#),
        page(200),
    ] {
        sandbox.fault(answer.clone().on("GET", "/roles").times(100));
        let outcome = role.read(&state).await;
        assert!(outcome.state.is_some() && outcome.told.len() == 1, "{answer:?}");
        sandbox.heal();
    }
    // Refused itself, the provider concludes nothing, whatever the list says.
    sandbox.fault(Fault::answer(403).on("GET", READER));
    assert!(role.read(&state).await.state.is_some());
    assert!(role.read(&state).await.state.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_role_that_somebody_has_is_not_deleted_and_the_error_says_who() {
    for options in every_shape() {
        let (sandbox, role) = world(options);
        let state = role.create(&reader()).await.state();
        sandbox.assign_outside("reader", Subject::new("group", "data-analysts"));
        let outcome = role.delete(&state).await;
        assert!(
            outcome.state.is_some() && outcome.fails("data-analysts"),
            "{:?}",
            outcome.told
        );
        assert_eq!(sandbox.calls("DELETE", READER), 0);
        sandbox.unassign_outside("reader", Subject::new("group", "data-analysts"));
        assert!(role.delete(&state).await.state.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn policies_in_the_way_are_named() {
    for status in [400, 409, 500] {
        let (sandbox, role) = world(Options {
            deletes_roles_with_policies: false,
            in_use: StatusCode::from_u16(status).unwrap(),
            ..Options::default()
        });
        let state = role.create(&reader()).await.state();
        sandbox.add_policy("read-only", None, "{}");
        sandbox.attach_outside("reader", "read-only");
        let outcome = role.delete(&state).await;
        assert!(
            outcome.state.is_some() && outcome.fails("read-only"),
            "{:?}",
            outcome.told
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_answered_is_not_taken_for_a_deletion() {
    for answer in [200, 204, 404].map(Fault::answer) {
        let (sandbox, role) = world(Options::default());
        let state = role.create(&reader()).await.state();
        sandbox.fault(answer.clone().on("DELETE", READER));
        let outcome = role.delete(&state).await;
        assert_eq!(
            outcome.state.is_some(),
            sandbox.roles().contains_key("reader"),
            "{answer:?}"
        );
        assert_eq!(
            outcome.state.is_some(),
            outcome.fails("Could not delete"),
            "{:?}",
            outcome.told
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_brings_what_the_platform_tells() {
    for options in every_shape() {
        let tells = options.tells_descriptions;
        let (sandbox, role) = world(options);
        sandbox.add_role("reader", Some("Reads"));
        let imported = role.import("reader").await;
        assert_eq!(imported.says(Severity::Warning, "is not known"), !tells);
        let state = imported.state();
        assert_eq!(state.description.known().is_some(), tells);
        assert_eq!(role.plan(&reader(), Some(&state)).await.replaces.is_empty(), tells);
        assert!(role.import("writer").await.fails("Could not read the role"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_name_is_told_before_anything_is_sent() {
    let (sandbox, role) = world(Options::default());
    for text in [
        "",
        " ",
        "a/b",
        "reader/delete-assignment",
        "srn2:role#reader",
        "../policies",
    ] {
        let mut diagnostics = Diagnostics::default();
        let config = Model {
            name: text.into(),
            ..reader()
        };
        Resource::validate(&role.resource, &config, &mut diagnostics);
        assert_eq!(diagnostics.iter().next().unwrap().attribute, Some("name"), "{text}");
        assert!(role.create(&config).await.state.is_none() && role.import(text).await.state.is_none());
        let state = Model {
            id: text.into(),
            ..config
        };
        assert!(role.read(&state).await.state.is_some() && role.delete(&state).await.state.is_some());
    }
    assert_eq!(sandbox.calls("GET", "/roles") + sandbox.calls("POST", "/roles"), 0);
    sandbox.set_options(|options| options.names = Names::Plain);
    let config = Model {
        name: "table readers".into(),
        ..reader()
    };
    let outcome = role.create(&config).await;
    assert!(
        outcome.state.is_none() && outcome.fails("The name is not valid"),
        "{:?}",
        outcome.told
    );
}

#[tokio::test(start_paused = true)]
async fn who_is_not_let_in_loses_nothing() {
    let (sandbox, role) = world(Options::default());
    let state = role.create(&reader()).await.state();
    let stranger = sandbox.add_token().bearer();
    let locked_out = Driven::new(Role::new(session_with(&sandbox, &stranger)));
    for outcome in [locked_out.read(&state).await, locked_out.delete(&state).await] {
        assert!(
            outcome.state.is_some() && outcome.fails("is not let in"),
            "{:?}",
            outcome.told
        );
        assert!(!outcome.fails(stranger.expose_secret()));
    }
    assert!(locked_out.create(&reader()).await.state.is_none());
    role.resource.session.set(State::Waiting("token"));
    assert!(role.read(&state).await.state().name == state.name);
    assert!(role.delete(&state).await.state.is_some());
}

#[tokio::test(start_paused = true)]
async fn an_identity_in_another_environment_is_not_imported() {
    let (_, role) = world(Options::default());
    let identity = |environment: Field<String>| Identity {
        environment,
        name: "reader".into(),
    };
    let import_id = |environment| Resource::import_id(&role.resource, identity(environment));
    assert_eq!(import_id(Field::Null).unwrap(), "reader");
    assert_eq!(import_id("acme".into()).unwrap(), "reader");
    assert!(
        import_id("other".into())
            .unwrap_err()
            .summary
            .contains("Another environment")
    );
}
