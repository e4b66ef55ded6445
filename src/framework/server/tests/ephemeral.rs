use jiff::Timestamp;

use super::*;
use crate::framework::{EphemeralResource, Opened, Renewed};

/// When a box is renewed.
const RENEWAL: Timestamp = Timestamp::constant(1_800_000_000, 500);

/// A box that is there for a moment. One of a negative size opens with an error, and `gone` not at all.
#[async_trait]
impl EphemeralResource for Toys {
    type Model = Model;

    const TYPE: &'static str = "toy_box";

    fn schema(&self) -> Schema {
        schema()
    }

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        Resource::validate(self, config, diagnostics);
    }

    async fn open(&self, _: &Context, config: Model, diagnostics: &mut Diagnostics) -> Option<Opened<Model>> {
        if config.name == Field::from("gone") {
            diagnostics.push(Diagnostic::error("Gone", "There is none."));
            return None;
        }
        if config.size.known().is_some_and(|size| *size < 0) {
            diagnostics.push(Diagnostic::error("Half open", "The lid is stuck."));
        }
        Some(Opened {
            private: config.name.clone().into_known().unwrap_or_default().into(),
            renew_at: Some(RENEWAL),
            result: Model {
                label: "open".into(),
                ..config
            },
        })
    }

    async fn renew(&self, _: &Context, private: Vec<u8>, _: &mut Diagnostics) -> Renewed {
        Renewed {
            private: [&private[..], b"!"].concat(),
            renew_at: None,
        }
    }

    async fn close(&self, context: &Context, private: &[u8], _: &mut Diagnostics) {
        assert!(!context.cancellation.is_cancelled());
        let private = String::from_utf8(private.to_vec()).unwrap();
        self.closed.lock().unwrap().push(private);
    }
}

fn named(config: Model) -> proto::open_ephemeral_resource::Request {
    proto::open_ephemeral_resource::Request {
        type_name: "toy_box".into(),
        config: sent(config),
        client_capabilities: None,
    }
}

#[tokio::test]
async fn it_is_opened_renewed_and_closed_by_its_private_data_even_after_a_stop() {
    let toys = Toys::default();
    let server = Server::new(toys.clone());
    let opened = server.open_ephemeral_resource(Request::new(named(toy("a", 1.into(), Field::Null))));
    let opened = opened.await.unwrap().into_inner();
    assert!(*received(opened.result).get("label") == text("open"));
    let renewal = opened.renew_at.unwrap();
    assert_eq!((renewal.seconds, renewal.nanos), (1_800_000_000, 500));

    let request = proto::renew_ephemeral_resource::Request {
        type_name: "toy_box".into(),
        private: opened.private.clone(),
    };
    let renewed = server
        .renew_ephemeral_resource(Request::new(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(renewed.private.as_deref(), Some(&b"a!"[..]));
    assert_eq!(renewed.renew_at, None);

    server.stop_provider(Request::new(Default::default())).await.unwrap();
    let request = proto::close_ephemeral_resource::Request {
        type_name: "toy_box".into(),
        private: opened.private,
    };
    server.close_ephemeral_resource(Request::new(request)).await.unwrap();
    assert_eq!(*toys.closed.lock().unwrap(), ["a"]);
}

#[tokio::test]
async fn what_was_made_is_closed_again_where_terraform_would_not() {
    for (config, left) in [
        (toy("half", Field::from(-1), Field::Null), vec!["half"]),
        (toy("gone", Field::Null, Field::Null), vec![]),
    ] {
        let toys = Toys::default();
        let server = Server::new(toys.clone());
        let opened = server.open_ephemeral_resource(Request::new(named(config)));
        let opened = opened.await.unwrap().into_inner();
        assert_eq!(opened.result, None);
        assert_eq!(opened.diagnostics.len(), 1);
        assert_eq!(*toys.closed.lock().unwrap(), left);
    }
}

#[tokio::test]
async fn its_configuration_is_judged() {
    let request = proto::validate_ephemeral_resource_config::Request {
        type_name: "toy_box".into(),
        config: sent(toy("a", Field::from(-1), Field::Null)),
    };
    let answer = server().validate_ephemeral_resource_config(Request::new(request)).await;
    assert_eq!(
        answer.unwrap().into_inner().diagnostics[0].attribute,
        Some(path("size"))
    );
}

#[tokio::test]
async fn what_terraform_did_not_close_is_closed_at_the_end_and_nothing_twice() {
    let toys = Toys::default();
    let server = Server::new(toys.clone());
    let mut private = Vec::new();
    for name in ["a", "b", "c"] {
        let opened = server.open_ephemeral_resource(Request::new(named(toy(name, Field::Null, Field::Null))));
        private.push(opened.await.unwrap().into_inner().private);
    }
    let request = proto::close_ephemeral_resource::Request {
        type_name: "toy_box".into(),
        private: private.remove(1),
    };
    server.close_ephemeral_resource(Request::new(request)).await.unwrap();
    let still_open = server.still_open();
    still_open.close().await;
    still_open.close().await;
    let mut closed = toys.closed.lock().unwrap().clone();
    closed.sort();
    assert_eq!(closed, ["a", "b", "c"]);
}
