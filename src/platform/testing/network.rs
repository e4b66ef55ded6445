//! The network from a run's providers to the platform.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tokio_util::sync::CancellationToken;
use tower::{ServiceExt, service_fn};

use super::lock;
use crate::rest::{BoxError, Transport};
use crate::sandbox::{ConnectionCut, Platform, Sandbox, When};

/// Where a run is killed: at its `request`th request, on its way there or back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    pub(crate) request: u32,
    pub(crate) when: When,
}

/// What another client does during a run. Returns a line that describes it.
pub(crate) type ConcurrentAction = Box<dyn FnOnce() -> String + Send>;

/// The network to the platform: it takes time, and what was sent arrives even if the client has stopped waiting for the answer.
pub(crate) struct Network<P> {
    platform: Sandbox<P>,
    /// How late a request may arrive that is overtaken by its timeout.
    latest: Duration,
    kill: Option<Kill>,
    passing: Arc<Mutex<Passing>>,
    /// Cancelled when the run is to be killed.
    pub(crate) killed: CancellationToken,
}

struct Passing {
    random: Rng,
    sent: u32,
    /// At which request what is done.
    meanwhile: Option<(u32, ConcurrentAction)>,
    trace: Vec<String>,
}

impl<P> Clone for Network<P> {
    fn clone(&self) -> Self {
        Self {
            platform: self.platform.clone(),
            passing: self.passing.clone(),
            killed: self.killed.clone(),
            ..*self
        }
    }
}

impl<P: Platform> Network<P> {
    pub(crate) fn new(
        platform: &Sandbox<P>,
        random: Rng,
        kill: Option<Kill>,
        meanwhile: Option<(u32, ConcurrentAction)>,
    ) -> Self {
        // Where others act as well, what is lost has acted by the look that follows.
        let latest = if meanwhile.is_some() { 34 } else { 38 };
        Self {
            platform: platform.clone(),
            latest: Duration::from_secs(latest),
            kill,
            passing: Arc::new(Mutex::new(Passing {
                random,
                sent: 0,
                meanwhile,
                trace: Vec::new(),
            })),
            killed: CancellationToken::new(),
        }
    }

    /// What was sent, and what became of it.
    pub(crate) fn trace(&self) -> Vec<String> {
        lock(&self.passing).trace.clone()
    }

    pub(crate) fn transport(&self) -> Transport {
        let network = self.clone();
        Transport::new(service_fn(move |request| {
            let carried = tokio::spawn(network.clone().carry(request));
            async move { Ok::<_, BoxError>(carried.await??) }
        }))
    }

    async fn carry(
        self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<impl Body<Data = Bytes, Error: Into<BoxError>> + use<P>>, ConnectionCut> {
        let (number, meanwhile) = self.count();
        let is_killed = |when| {
            self.kill
                .is_some_and(|kill| kill.request == number && kill.when == when)
        };
        if is_killed(When::Before) {
            self.killed.cancel();
            std::future::pending::<()>().await;
        }
        let what = format!("{number} {} {}", request.method(), request.uri());
        self.take_a_while(20).await;
        if let Some(meanwhile) = meanwhile {
            let line = meanwhile();
            lock(&self.passing).trace.push(line);
        }
        let answer = self.platform.service().oneshot(request).await;
        let outcome = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        lock(&self.passing).trace.push(format!("{what} -> {outcome}"));
        if is_killed(When::After) {
            self.killed.cancel();
        }
        self.take_a_while(0).await;
        answer
    }

    /// The number of one more request, and what is done while it is under way.
    fn count(&self) -> (u32, Option<ConcurrentAction>) {
        let mut passing = lock(&self.passing);
        passing.sent += 1;
        let number = passing.sent;
        let meanwhile = passing.meanwhile.take_if(|(at, _)| *at == number);
        (number, meanwhile.map(|(_, meanwhile)| meanwhile))
    }

    /// Mostly a moment; once in so many times longer than a request may take.
    async fn take_a_while(&self, once_in: u32) {
        let time = {
            let random = &mut lock(&self.passing).random;
            let late = once_in > 0 && random.u32(..once_in) == 0;
            let latest = u64::try_from(self.latest.as_millis()).unwrap();
            random.u64(if late { 29_000..latest } else { 1..200 })
        };
        tokio::time::sleep(Duration::from_millis(time)).await;
    }
}
