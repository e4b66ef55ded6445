use jiff::Timestamp;

use super::*;
use crate::framework::{EphemeralResource, Opened, Renewed};

/// The time at which a box is renewed.
const RENEWAL: Timestamp = Timestamp::constant(1_800_000_000, 500);

/// A temporary box. A negative size fails after a partial opening, the name `reported` succeeds and
/// reports an error, and `gone` fails.
impl EphemeralResource for Toys {
    type Model = Model;
    type Client = ();

    const TYPE: &'static str = "toy_box";

    fn validate(&self, config: &Model, diagnostics: &mut Diagnostics) {
        check_size(config, diagnostics);
    }

    async fn open(&self, context: &Context<()>, config: Model) -> Outcome<Opened<Model>> {
        if config.name == Field::from("gone") {
            Err(Diagnostic::error("Gone", "The box does not exist."))?;
        }
        let is_reported = config.name == Field::from("reported");
        let is_half = config.size.known().is_some_and(|size| *size < 0);
        let opened = Opened {
            private: config.name.clone().into_known().unwrap_or_default().into(),
            renew_at: Some(RENEWAL),
            result: Model {
                label: "open".into(),
                ..config
            },
        };
        let stuck = Diagnostic::error("Half open", "The lid is stuck.");
        if is_reported {
            context.report(stuck);
            return Ok(opened);
        }
        if is_half {
            return Err(stuck).leaving(opened);
        }
        Ok(opened)
    }

    async fn renew(&self, _: &Context<()>, private: Vec<u8>) -> Result<Renewed, Diagnostics> {
        Ok(Renewed {
            private: [&private[..], b"!"].concat(),
            renew_at: None,
        })
    }

    async fn close(&self, context: &Context<()>, private: &[u8]) -> Result<(), Diagnostics> {
        assert!(!context.cancellation.is_cancelled());
        let private = String::from_utf8(private.to_vec()).unwrap();
        self.closed.lock().unwrap().push(private);
        Ok(())
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
async fn ephemeral_is_opened_renewed_and_closed_by_private_data_after_stop() {
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
async fn ephemeral_opened_with_error_is_closed_immediately() {
    for (config, left) in [
        (toy("half", Field::from(-1), Field::Null), vec!["half"]),
        (toy("reported", Field::Null, Field::Null), vec!["reported"]),
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
async fn ephemeral_configuration_is_validated() {
    let request = proto::validate_ephemeral_resource_config::Request {
        type_name: "toy_box".into(),
        config: sent(toy("a", Field::from(-1), Field::Null)),
    };
    let response = server().validate_ephemeral_resource_config(Request::new(request)).await;
    assert_eq!(
        response.unwrap().into_inner().diagnostics[0].attribute,
        Some(path("size"))
    );
}

#[tokio::test]
async fn open_ephemerals_are_closed_once_at_shutdown() {
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
    let open = server.open_ephemerals();
    open.close().await;
    open.close().await;
    let mut closed = toys.closed.lock().unwrap().clone();
    closed.sort();
    assert_eq!(closed, ["a", "b", "c"]);
}
