use futures_util::StreamExt as _;

use super::*;
use crate::framework::{ListResource, Listed};

model! {
    pub(super) struct Filter {
        size: i64,
    }
}

/// The boxes `a`, `b` and `c`. Looking for size 0 panics, for a negative one it finds one box and then nothing.
#[async_trait]
impl ListResource for Toys {
    type Filter = Filter;

    fn filter_schema(&self) -> Schema {
        Schema::new("", [Attribute::optional("size", Type::Number, "")])
    }

    fn validate_filter(&self, filter: &Filter, diagnostics: &mut Diagnostics) {
        if filter.size.known().is_some_and(|size| *size > 9) {
            diagnostics.push(Diagnostic::error("Too large", "There are no such boxes.").on("size"));
        }
    }

    async fn list(&self, _: &Context, filter: Filter, diagnostics: &mut Diagnostics) -> Vec<Listed<Model>> {
        assert_ne!(filter.size, Field::from(0), "s3cret");
        let broken = filter.size.known().is_some_and(|size| *size < 0);
        if broken {
            diagnostics.push(Diagnostic::error("The lights went out", "Nothing more is to be seen."));
        }
        let found = ["a", "b", "c"].into_iter().take(if broken { 1 } else { 3 });
        let found = found.map(|name| Listed {
            display_name: format!("box {name}"),
            object: Model {
                key: "s3cret".into(),
                ..toy(name, filter.size, Field::Null)
            },
        });
        found.collect()
    }
}

fn filter(size: Field<i64>) -> Option<proto::DynamicValue> {
    let ty = ListResource::filter_schema(&Toys::default()).object_type();
    let msgpack = msgpack::encode(&framework::Model::into_value(Filter { size }), &ty).unwrap();
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
async fn what_is_found_comes_with_its_name_its_identity_and_if_asked_for_its_state() {
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
async fn no_more_comes_than_the_user_wants() {
    for (limit, found) in [(2, 2), (3, 3), (100, 3), (0, 0), (-1, 0)] {
        assert_eq!(listed(1.into(), limit, false).await.len(), found, "{limit}");
    }
}

#[tokio::test]
async fn what_went_wrong_is_told_after_what_was_found() {
    for (size, found, says) in [(-1, 1, "Nothing more"), (0, 0, "list_resource hit a bug")] {
        let mut events = listed(size.into(), 100, false).await;
        let last = events.pop().unwrap();
        assert_eq!(last.identity, None);
        assert!(last.diagnostic[0].detail.contains(says), "{last:?}");
        assert_eq!(events.len(), found);
    }
}

#[tokio::test]
async fn its_filter_is_judged() {
    let request = proto::validate_list_resource_config::Request {
        type_name: "toy_box".into(),
        config: filter(10.into()),
        ..Default::default()
    };
    let answer = server().validate_list_resource_config(Request::new(request)).await;
    assert_eq!(
        answer.unwrap().into_inner().diagnostics[0].attribute,
        Some(path("size"))
    );
}
