use super::*;

fn locked() -> Model {
    Model {
        key: "s3cret".into(),
        ..toy("a", Field::Null, Field::Null)
    }
}

#[tokio::test]
async fn write_only_value_is_null_in_every_response() {
    let planned = plan(null(), locked(), locked()).await;
    assert!(received(planned.planned_state).get("key").is_null());
    let planned = plan(sent(toy("a", Field::Null, "made".into())), locked(), locked()).await;
    assert!(received(planned.planned_state).get("key").is_null());
    assert_eq!(planned.requires_replace, []);
    let request = proto::read_resource::Request {
        type_name: "toy_box".into(),
        current_state: sent(locked()),
        ..Default::default()
    };
    let read = server()
        .read_resource(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert!(received(read.new_state).get("key").is_null());
}

#[tokio::test]
async fn create_receives_write_only_value_of_configuration() {
    let request = proto::apply_resource_change::Request {
        type_name: "toy_box".into(),
        prior_state: null(),
        planned_state: sent(toy("a", Field::Null, Field::Unknown)),
        config: sent(locked()),
        ..Default::default()
    };
    let made = server()
        .apply_resource_change(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    let made = received(made.new_state);
    assert!(*made.get("label") == text("made, locked by s3cret"));
    assert!(made.get("key").is_null());
}

#[tokio::test]
async fn write_only_value_is_rejected_if_terraform_would_store_it() {
    for (config, allowed, errors) in [
        (locked(), true, 0),
        (locked(), false, 1),
        (toy("a", Field::Null, Field::Null), false, 0),
    ] {
        let request = proto::validate_resource_config::Request {
            type_name: "toy_box".into(),
            config: sent(config),
            client_capabilities: allowed.then(|| proto::ClientCapabilities {
                write_only_attributes_allowed: true,
                ..Default::default()
            }),
        };
        let validated = server()
            .validate_resource_config(Request::new(request))
            .await
            .unwrap()
            .into_inner();
        assert_eq!(validated.diagnostics.len(), errors, "{validated:?}");
        for error in validated.diagnostics {
            assert_eq!(error.attribute, Some(path("key")));
            assert!(error.detail.contains("Terraform 1.11"), "{error:?}");
        }
    }
}
