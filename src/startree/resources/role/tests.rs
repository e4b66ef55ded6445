//! Roles, against the sandbox in the same process, under tokio's paused clock.

use http::StatusCode;
use secrecy::ExposeSecret;
use serde_json::json;

use super::*;
use crate::framework::testing::{Action, RunOptions, SingleResource, Workspace};
use crate::framework::{AttributePath, DynResource, Severity};
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
async fn role_lifecycle_succeeds_for_every_response_format() {
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
        assert!(!role.is_in_state(), "deleting a deleted role succeeds");
        role.apply(&reader()).await.succeeds();
        sandbox.delete_role_outside("reader");
        role.refresh().await.succeeds().warns("was deleted outside Terraform");
        assert!(!role.is_in_state());
    }
}

#[tokio::test(start_paused = true)]
async fn role_without_description_is_stable_or_fails_with_the_platforms_error() {
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
async fn every_change_replaces_the_role() {
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
async fn role_may_be_renamed_to_the_name_of_a_destroyed_one() {
    let sandbox = sandbox(Options::default());
    sandbox.add_role("reader", Some("Reads"));
    let role = |name: &str| Role {
        name: name.into(),
        ..reader()
    };
    for is_destroyed in [true, false] {
        let context = context(&sandbox);
        if is_destroyed {
            let destroyed = (role("reader").into_value(), Value::Null);
            DynResource::plan(&RoleResource, &context, &destroyed.1, &destroyed.0, Value::Null).await;
        }
        let (prior, renamed) = (role("writer").into_value(), role("reader").into_value());
        DynResource::plan(&RoleResource, &context, &renamed, &prior, renamed.clone()).await;
        let shown = context.take_diagnostics();
        assert_eq!(shown.has_errors(), !is_destroyed, "{shown:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn lost_answers_leave_exactly_the_declared_role() {
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
async fn create_records_a_possible_role_if_the_list_cannot_be_read() {
    let (sandbox, mut role) = world(Options::default());
    let created = role.apply_after(Some(reader()), |_| {
        sandbox.fault(Fault::new(Effect::Cut).after().on("POST", "/roles"));
        sandbox.fault(Fault::answer(503).on("GET", "/roles").skip(1).times(100));
    });
    created.await.fails("Reading whether it succeeded has failed, too");
    assert!(role.is_in_state());
    sandbox.clear_faults();
    role.destroy().await.succeeds();
    assert!(!role.is_in_state() && !sandbox.roles().contains_key("reader"));
}

#[tokio::test(start_paused = true)]
async fn create_fails_if_the_list_lacks_the_role_after_success() {
    let (sandbox, mut role) = world(Options::default());
    sandbox.fault(Fault::answer(200).on("POST", "/roles").times(100));
    role.apply(&reader())
        .await
        .fails("The role \"reader\" does not exist after its creation");
    sandbox.clear_faults();
    // The state records the role, and the next refresh removes it.
    assert!(role.is_in_state());
    role.refresh().await.succeeds();
    assert!(!role.is_in_state());
}

#[tokio::test(start_paused = true)]
async fn interrupt_does_not_stop_the_read_after_a_creation() {
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
async fn existing_role_is_not_adopted() {
    for options in option_variants() {
        let (sandbox, mut role) = world(options);
        sandbox.add_role("reader", Some("theirs"));
        role.apply(&reader()).await.fails("already exists").fails("import {");
        assert!(!role.is_in_state());
        assert_eq!(sandbox.roles()["reader"].description.as_deref(), Some("theirs"));
        // Another client creates it between the check and the creation.
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
async fn only_the_list_of_roles_removes_a_role_from_the_state() {
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
    // A rejected credential does not show that the role is absent, even if the list lacks it.
    sandbox.fault(Fault::answer(403).on("GET", READER));
    role.refresh().await.fails("403");
    assert!(role.is_in_state());
    role.refresh().await.succeeds();
    assert!(!role.is_in_state());
}

#[tokio::test(start_paused = true)]
async fn assigned_role_is_not_deleted_and_the_error_lists_the_subjects() {
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
async fn failed_delete_lists_attached_policies() {
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
async fn delete_answered_by_a_proxy_does_not_count() {
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
async fn import_reads_the_description_if_reported() {
    for options in option_variants() {
        let is_reported = options.returns_descriptions;
        let (sandbox, mut role) = world(options);
        sandbox.add_role("reader", Some("Reads"));
        let imported = role.import("reader").await.succeeds();
        assert_eq!(imported.reports(Severity::Warning, "is unknown"), !is_reported);
        assert_eq!(role.state().description.known().is_some(), is_reported);
        assert_eq!(
            role.plan(&reader()).await.succeeds().action != Action::Replace,
            is_reported
        );
        role.import("writer").await.fails("Could not read the role");
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_name_is_rejected_before_any_request() {
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
async fn rejected_credential_keeps_the_state() {
    let (sandbox, mut role) = world(Options::default());
    role.apply(&reader()).await.succeeds();
    let (own, unauthorized) = (role.bearer.clone(), sandbox.add_token().bearer());
    let deleted = role.apply_after(None, |role| role.bearer = unauthorized.clone()).await;
    for run in [deleted, role.refresh().await] {
        let run = run.fails("rejected the provider's token");
        assert!(!run.reports(Severity::Error, unauthorized.expose_secret()));
        assert!(role.is_in_state());
    }
    let mut other = Managed::<Role>::new(&sandbox, "startree_role");
    other.bearer = unauthorized;
    other.apply(&reader()).await.fails("rejected the provider's token");
    assert!(!other.is_in_state());

    role.bearer = own;
    let unknown = Value::Map([("token".to_owned(), Value::Unknown)].into());
    let mut waiting = SingleResource::of(Workspace::new().with_provider(unknown), "startree_role");
    let state = json!({ "id": "reader", "name": "reader", "description": "Reads", "srn": "srn2:role#reader" });
    waiting.store(0, state);
    waiting.refresh(role.provider()).await.succeeds();
    assert_eq!(waiting.state::<Role>().unwrap().name, "reader".into());
    waiting.destroy(role.provider()).await.fails("configuration unknown");
    assert!(waiting.object().is_some() && sandbox.roles().contains_key("reader"));
}

#[tokio::test(start_paused = true)]
async fn identity_of_another_environment_is_not_imported() {
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
    assert!(error.summary.contains("another environment"));
}
