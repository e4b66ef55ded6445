//! A role's life, against the sandbox in the same process, under tokio's paused clock.

use http::StatusCode;
use secrecy::ExposeSecret;
use serde_json::json;

use super::*;
use crate::framework::testing::{Action, RunOptions, SingleResource, Workspace};
use crate::framework::{AttributePath, Severity};
use crate::platform::testing::lost_answers;
use crate::sandbox::startree::{Names, Options, Sandbox, Subject};
use crate::sandbox::{Effect, Fault};
use crate::startree::tests::{Managed, context, option_variants, sandbox};

const READER: &str = "/roles/srn2:role%23reader";

fn world(options: Options) -> (Sandbox, Managed<Role>) {
    let sandbox = sandbox(options);
    let role = Managed::new(&sandbox, "startree_role");
    (sandbox, role)
}

fn reader() -> Role {
    Role {
        name: "reader".into(),
        description: "Reads".into(),
        ..Role::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_lives_whatever_shape_the_answers_have() {
    for options in option_variants() {
        let (sandbox, mut role) = world(options);
        role.apply(&reader()).await.succeeds();
        assert_eq!(sandbox.roles()["reader"].description.as_deref(), Some("Reads"));
        assert_eq!(role.state().srn.known().unwrap(), "srn2:role#reader");
        role.assert_stable(&reader()).await;
        role.destroy().await.succeeds();
        assert!(!role.is_in_state() && !sandbox.roles().contains_key("reader"));

        role.apply(&reader()).await.succeeds();
        let deleted = role.apply_after(None, |_| sandbox.delete_role_outside("reader")).await;
        deleted.succeeds();
        assert!(!role.is_in_state(), "gone already is gone");
        role.apply(&reader()).await.succeeds();
        sandbox.delete_role_outside("reader");
        role.refresh().await.succeeds().warns("was deleted outside Terraform");
        assert!(!role.is_in_state());
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_without_a_description_rests_and_where_one_is_needed_the_platforms_word_is_told() {
    let bare = Role {
        description: Field::Null,
        ..reader()
    };
    for options in option_variants() {
        let (_, mut role) = world(options);
        role.apply(&bare).await.succeeds();
        role.assert_stable(&bare).await;
    }
    let (_, mut role) = world(Options {
        requires_description: true,
        ..Options::default()
    });
    role.apply(&bare).await.fails("The description must not be empty");
    assert!(!role.is_in_state());
}

#[tokio::test(start_paused = true)]
async fn every_change_makes_another_role() {
    let (_, mut role) = world(Options::default());
    role.apply(&reader()).await.succeeds();
    for changed in [
        Role {
            name: "writer".into(),
            ..reader()
        },
        Role {
            description: "Writes".into(),
            ..reader()
        },
    ] {
        role.plan(&changed).await.plans(Action::Replace);
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_answer_is_lost_there_is_one_role_in_the_end() {
    let another = r#"{"name": "another"}"#;
    for lost in lost_answers(another) {
        for (method, path) in [("POST", "/roles"), ("GET", "/roles")] {
            let (sandbox, mut role) = world(Options::default());
            let lost = lost.clone().on(method, path);
            let created = role.apply_after(Some(reader()), |_| sandbox.fault(lost.clone())).await;
            created.succeeds();
            assert!(sandbox.roles().contains_key("reader"), "{lost:?}");
            role.assert_stable(&reader()).await;
        }
        let (sandbox, mut role) = world(Options::default());
        role.apply(&reader()).await.succeeds();
        sandbox.fault(lost.clone().on("GET", READER));
        role.refresh().await.succeeds();
        assert!(role.is_in_state(), "{lost:?}");
        let lost = lost.on("DELETE", READER);
        let deleted = role.apply_after(None, |_| sandbox.fault(lost.clone())).await;
        deleted.succeeds();
        assert!(!role.is_in_state(), "{lost:?}");
        assert!(!sandbox.roles().contains_key("reader"), "{lost:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_that_may_be_there_is_recorded_although_nobody_could_look() {
    let (sandbox, mut role) = world(Options::default());
    let created = role.apply_after(Some(reader()), |_| {
        sandbox.fault(Fault::new(Effect::Cut).after().on("POST", "/roles"));
        sandbox.fault(Fault::answer(503).on("GET", "/roles").skip(1).times(100));
    });
    created.await.fails("Whether it has could not be found out");
    assert!(role.is_in_state());
    sandbox.clear_faults();
    role.destroy().await.succeeds();
    assert!(!role.is_in_state() && !sandbox.roles().contains_key("reader"));
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_is_said_to_be_done_and_is_not_is_told() {
    let (sandbox, mut role) = world(Options::default());
    sandbox.fault(Fault::answer(200).on("POST", "/roles").times(100));
    role.apply(&reader()).await.fails("The role \"reader\" is not there");
    sandbox.clear_faults();
    // What is recorded all the same is gone by the next refresh.
    assert!(role.is_in_state());
    role.refresh().await.succeeds();
    assert!(!role.is_in_state());
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_does_not_end_the_look_at_what_was_made() {
    let (sandbox, mut role) = world(Options::default());
    let late = Effect::Delay(jiff::SignedDuration::from_secs(5));
    sandbox.fault(Fault::new(late).on("POST", "/roles"));
    let (config, options, provider) = (reader(), RunOptions::default(), role.provider());
    let interrupt = options.interrupt.clone();
    let (_, ()) = tokio::join!(role.resource.apply_with(provider, Some(&config), &options), async {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        interrupt.cancel();
    });
    assert_eq!(sandbox.calls("POST", "/roles"), 1);
    assert!(!role.resource.object().unwrap().is_tainted);
}

#[tokio::test(start_paused = true)]
async fn somebody_elses_role_is_not_taken_for_ours() {
    for options in option_variants() {
        let (sandbox, mut role) = world(options);
        sandbox.add_role("reader", Some("theirs"));
        role.apply(&reader()).await.fails("exists already").fails("import {");
        assert!(!role.is_in_state());
        assert_eq!(sandbox.roles()["reader"].description.as_deref(), Some("theirs"));
        // It is made between our look and our creation.
        sandbox.delete_role_outside("reader");
        let created = role.apply_after(Some(reader()), |_| {
            sandbox.fault(Fault::answer(200).body("[]").on("GET", "/roles"));
            sandbox.add_role("reader", Some("theirs"));
            sandbox.set_options(|options| options.name_taken = StatusCode::CONFLICT);
        });
        created.await.fails("409");
        assert!(!role.is_in_state());
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_but_the_list_of_roles_takes_one_out_of_the_state() {
    let (sandbox, mut role) = world(Options::default());
    role.apply(&reader()).await.succeeds();
    let page = |status| {
        Fault::answer(status)
            .header("content-type", "text/html")
            .body("<html>Sign in")
    };
    let details = [401, 403, 404, 410, 500].map(Fault::answer).into_iter();
    for answer in details.chain([page(200), page(404)]) {
        sandbox.fault(answer.clone().on("GET", READER).times(100));
        assert_eq!(role.refresh().await.diagnostics.len(), 1, "{answer:?}");
        assert!(role.is_in_state(), "{answer:?}");
        sandbox.clear_faults();
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
        assert_eq!(role.refresh().await.diagnostics.len(), 1, "{answer:?}");
        assert!(role.is_in_state(), "{answer:?}");
        sandbox.clear_faults();
    }
    // Refused itself, the provider concludes nothing, whatever the list says.
    sandbox.fault(Fault::answer(403).on("GET", READER));
    role.refresh().await.fails("403");
    assert!(role.is_in_state());
    role.refresh().await.succeeds();
    assert!(!role.is_in_state());
}

#[tokio::test(start_paused = true)]
async fn a_role_that_somebody_has_is_not_deleted_and_the_error_says_who() {
    for options in option_variants() {
        let (sandbox, mut role) = world(options);
        role.apply(&reader()).await.succeeds();
        sandbox.assign_outside("reader", Subject::new("group", "data-analysts"));
        role.destroy().await.fails("data-analysts");
        assert!(role.is_in_state());
        assert_eq!(sandbox.calls("DELETE", READER), 0);
        sandbox.unassign_outside("reader", Subject::new("group", "data-analysts"));
        role.destroy().await.succeeds();
        assert!(!role.is_in_state());
    }
}

#[tokio::test(start_paused = true)]
async fn policies_in_the_way_are_named() {
    for status in [400, 409, 500] {
        let (sandbox, mut role) = world(Options {
            deletes_roles_with_policies: false,
            in_use: StatusCode::from_u16(status).unwrap(),
            ..Options::default()
        });
        role.apply(&reader()).await.succeeds();
        sandbox.add_policy("read-only", None, "{}");
        sandbox.attach_outside("reader", "read-only");
        role.destroy().await.fails("read-only");
        assert!(role.is_in_state());
    }
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_answered_is_not_taken_for_a_deletion() {
    for answer in [200, 204, 404].map(Fault::answer) {
        let (sandbox, mut role) = world(Options::default());
        role.apply(&reader()).await.succeeds();
        sandbox.fault(answer.clone().on("DELETE", READER));
        let run = role.destroy().await;
        let is_in_state = role.is_in_state();
        assert_eq!(is_in_state, sandbox.roles().contains_key("reader"), "{answer:?}");
        assert_eq!(is_in_state, run.reports(Severity::Error, "Could not delete"), "{run:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_brings_what_the_platform_tells() {
    for options in option_variants() {
        let tells = options.returns_descriptions;
        let (sandbox, mut role) = world(options);
        sandbox.add_role("reader", Some("Reads"));
        let imported = role.import("reader").await.succeeds();
        assert_eq!(imported.reports(Severity::Warning, "is not known"), !tells);
        assert_eq!(role.state().description.known().is_some(), tells);
        assert_eq!(role.plan(&reader()).await.succeeds().action != Action::Replace, tells);
        role.import("writer").await.fails("Could not read the role");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_name_is_told_before_anything_is_sent() {
    let (sandbox, mut role) = world(Options::default());
    let context = context(&sandbox);
    for text in [
        "",
        " ",
        "a/b",
        "reader/delete-assignment",
        "srn2:role#reader",
        "../policies",
    ] {
        let config = Role {
            name: text.into(),
            ..reader()
        };
        let planned = role.plan(&config).await;
        assert_eq!(planned.diagnostics[0].attribute.as_deref(), Some("name"), "{text}");
        role.import(text).await.fails("Invalid name");
        assert!(!role.is_in_state());
        let state = Role {
            id: text.into(),
            ..config.clone()
        };
        let is_on_name = |diagnostics: &Diagnostics| {
            let mut on = diagnostics.iter().filter_map(|error| error.attribute.clone());
            assert_eq!(on.next(), Some(AttributePath::from("name")), "{text}");
        };
        let created = Resource::create(&RoleResource, &context, config).await.unwrap_err();
        let read = Resource::read(&RoleResource, &context, state.clone())
            .await
            .unwrap_err();
        let deleted = Resource::delete(&RoleResource, &context, state).await.unwrap_err();
        for failed in [created, read, deleted] {
            is_on_name(&failed.diagnostics);
            assert!(failed.leaves.is_none(), "{text}");
        }
    }
    assert_eq!(sandbox.calls("GET", "/roles") + sandbox.calls("POST", "/roles"), 0);
    sandbox.set_options(|options| options.names = Names::Plain);
    let config = Role {
        name: "table readers".into(),
        ..reader()
    };
    role.apply(&config).await.fails("The name is not valid");
    assert!(!role.is_in_state());
}

#[tokio::test(start_paused = true)]
async fn who_is_not_let_in_loses_nothing() {
    let (sandbox, mut role) = world(Options::default());
    role.apply(&reader()).await.succeeds();
    let (own, stranger) = (role.bearer.clone(), sandbox.add_token().bearer());
    let deleted = role.apply_after(None, |role| role.bearer = stranger.clone()).await;
    for run in [deleted, role.refresh().await] {
        let run = run.fails("is not let in");
        assert!(!run.reports(Severity::Error, stranger.expose_secret()));
        assert!(role.is_in_state());
    }
    let mut other = Managed::<Role>::new(&sandbox, "startree_role");
    other.bearer = stranger;
    other.apply(&reader()).await.fails("is not let in");
    assert!(!other.is_in_state());

    role.bearer = own;
    let unknown = Value::Map([("token".to_owned(), Value::Unknown)].into());
    let mut waiting = SingleResource::of(Workspace::new().with_provider(unknown), "startree_role");
    let state = json!({ "id": "reader", "name": "reader", "description": "Reads", "srn": "srn2:role#reader" });
    waiting.store(0, state);
    waiting.refresh(role.provider()).await.succeeds();
    assert_eq!(waiting.state::<Role>().unwrap().name, "reader".into());
    waiting.destroy(role.provider()).await.fails("not known yet");
    assert!(waiting.object().is_some() && sandbox.roles().contains_key("reader"));
}

#[tokio::test(start_paused = true)]
async fn an_identity_in_another_environment_is_not_imported() {
    let (sandbox, _) = world(Options::default());
    let context = context(&sandbox);
    let import_id = |environment: Field<String>| {
        let identity = Identity::of(RoleIdentity {
            environment: InEnvironment { environment },
            name: "reader".into(),
        });
        Resource::import_id(&RoleResource, &context, &identity)
    };
    assert_eq!(import_id(Field::Null).unwrap(), "reader");
    assert_eq!(import_id("acme".into()).unwrap(), "reader");
    let error = import_id("other".into()).unwrap_err();
    assert!(error.summary.contains("Another environment"));
}
