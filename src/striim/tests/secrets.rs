//! Redaction of state values that the platform repeats in error messages.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretString};

use crate::framework::{Configured, Context, DynResource, Model, Provider};
use crate::platform::Runtime;
use crate::platform::testing::variables;
use crate::rest::Transport;
use crate::sandbox::Fault;
use crate::sandbox::striim::Options;
use crate::striim::provider::Striim;
use crate::striim::resources::service_account_token::{ServiceAccountToken, ServiceAccountTokenResource};
use crate::striim::tests::sandbox;

#[tokio::test(start_paused = true)]
async fn error_of_platform_shows_no_value_of_the_state() {
    let sandbox = sandbox(Options::default());
    let transport = sandbox.clone();
    let provider = Striim::new(Runtime {
        clock: sandbox.clock(),
        environment: variables(&[
            ("STRIIM_TOKEN", sandbox.admin_token().expose_secret()),
            ("STRIIM_BASE_URL", "http://127.0.0.1"),
        ]),
        transport: Box::new(move |_| Transport::new(transport.service())),
    });
    let configured = provider
        .configure(&Context::default(), Default::default(), "1.14.0")
        .await;
    let Ok(Configured::Ready(connection)) = configured else {
        panic!("the provider is configured")
    };
    let context = Context::with_client(connection);
    let value = "a-value-Th4t-only-the-state-Kn0ws";
    let mut state = ServiceAccountToken {
        name: "ci-pipeline".into(),
        ..Default::default()
    };
    state.token.delivery.token = SecretString::from(value).into();
    let state = state.into_value();
    let resource = ServiceAccountTokenResource::new(provider.session().clone());
    let hexadecimal: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    for spelling in [
        value.to_owned(),
        value[4..].to_owned(),
        BASE64_STANDARD.encode(value),
        hexadecimal,
    ] {
        let message = format!("{{\"message\":\"what is {spelling}?\"}}");
        sandbox.fault(Fault::answer(400).body(&message).on("GET", "/service-accounts"));
        // The plugin server registers the secrets of each state in this way.
        let read = DynResource::read(&resource, &context, state.clone());
        provider.secrets().collecting(read).await;
        let shown: Vec<_> = context.take_diagnostics().iter().map(ToString::to_string).collect();
        assert!(shown.iter().any(|shown| shown.contains("400")), "{shown:?}");
        assert!(!shown.concat().contains("what is"), "{shown:?}");
        tokio::time::advance(Duration::from_secs(60)).await;
    }
}
