use futures_util::StreamExt as _;

use super::*;
use crate::framework::{ListItem, ListResource};

#[derive(framework::Model, Clone, Debug, Default)]
pub(super) struct Filter {
    #[attribute(optional)]
    size: Field<i64>,
}

/// Lists the boxes `a`, `b` and `c`. Size 0 panics, and a negative size fails after one box.
impl ListResource for Toys {
    type Filter = Filter;

    fn validate_filter(&self, filter: &Filter, diagnostics: &mut Diagnostics) {
        if filter.size.known().is_some_and(|size| *size > 9) {
            diagnostics.push(Diagnostic::error("Too large", "There are no such boxes.").on("size"));
        }
    }

    async fn list(&self, context: &Context<()>, filter: Filter) -> Result<Vec<ListItem<Model>>, Diagnostics> {
        assert_ne!(filter.size, Field::from(0), "s3cret");
        let broken = filter.size.known().is_some_and(|size| *size < 0);
        if broken {
            context.report(Diagnostic::error("The lights went out", "The list is incomplete."));
        }
        let found = ["a", "b", "c"].into_iter().take(if broken { 1 } else { 3 });
        let found = found.map(|name| ListItem {
            display_name: format!("box {name}"),
            object: Model {
                key: "s3cret".into(),
                ..toy(name, filter.size, Field::Null)
            },
        });
        Ok(found.collect())
    }
}

fn filter(size: Field<i64>) -> Option<proto::DynamicValue> {
    let ty = Filter::schema().object_type();
    let msgpack = msgpack::encode(&Filter { size }.into_value(), &ty).unwrap();
    Some(proto::DynamicValue {
        msgpack,
        json: Vec::new(),
    })
}

async fn listed(size: Field<i64>, limit: i64, include_resource_object: bool) -> Vec<proto::list_resource::Event> {
    let request = proto::list_resource::Request {
        type_name: "toy_box".into(),
        config: filter(size),
        include_resource_object,
        limit,
    };
    let events = server()
        .list_resource(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    events.map(Result::unwrap).collect().await
}

#[tokio::test]
async fn list_returns_names_identities_and_requested_states() {
    let events = listed(2.into(), 100, true).await;
    let names: Vec<_> = events.iter().map(|event| event.display_name.as_str()).collect();
    assert_eq!(names, ["box a", "box b", "box c"]);
    let first = events.into_iter().next().unwrap();
    assert!(*identity::received(first.identity).get("name") == text("a"));
    let state = received(first.resource_object);
    assert!(*state.get("size") == Value::Number(Number::Integer(2)));
    assert!(state.get("key").is_null(), "a write-only value");

    let events = listed(2.into(), 100, false).await;
    assert!(
        events
            .iter()
            .all(|event| event.resource_object.is_none() && event.identity.is_some())
    );
}

#[tokio::test]
async fn list_returns_at_most_limit() {
    for (limit, found) in [(2, 2), (3, 3), (100, 3), (0, 0), (-1, 0)] {
        assert_eq!(listed(1.into(), limit, false).await.len(), found, "{limit}");
    }
}

#[tokio::test]
async fn failed_list_reports_error_after_found_objects() {
    for (size, found, says) in [(-1, 1, "The list is incomplete"), (0, 0, "list_resource panicked")] {
        let mut events = listed(size.into(), 100, false).await;
        let last = events.pop().unwrap();
        assert_eq!(last.identity, None);
        assert!(last.diagnostic[0].detail.contains(says), "{last:?}");
        assert_eq!(events.len(), found);
    }
}

#[tokio::test]
async fn list_filter_is_validated() {
    let request = proto::validate_list_resource_config::Request {
        type_name: "toy_box".into(),
        config: filter(10.into()),
        ..Default::default()
    };
    let response = server().validate_list_resource_config(Request::new(request)).await;
    assert_eq!(
        response.unwrap().into_inner().diagnostics[0].attribute,
        Some(path("size"))
    );
}
