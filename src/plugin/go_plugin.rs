//! The services that go-plugin's clients call beside the provider's own.

use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;
use tonic::codegen::{BoxStream, async_trait};
use tonic::{Request, Response, Status, Streaming};

use super::proto::grpc_broker_server::GrpcBroker;
use super::proto::grpc_controller_server::GrpcController;
use super::proto::grpc_stdio_server::GrpcStdio;
use super::proto::{ConnInfo, Empty, StdioData};

/// Asks the server to end when the client says so.
pub(super) struct Controller {
    pub(super) shutdown: CancellationToken,
}

#[async_trait]
impl GrpcController for Controller {
    async fn shutdown(&self, _request: Request<Empty>) -> Result<Response<Empty>, Status> {
        self.shutdown.cancel();
        Ok(Response::new(Empty {}))
    }
}

/// Opens the streams that go-plugin's clients read from, on which this plugin has nothing to say: what it prints goes to
/// the standard error itself, and it needs no connections beside the first.
pub(super) struct Silent {
    /// Ends the streams.
    pub(super) closing: CancellationToken,
}

#[async_trait]
impl GrpcStdio for Silent {
    async fn stream_stdio(&self, _request: Request<()>) -> Result<Response<BoxStream<StdioData>>, Status> {
        Ok(Response::new(self.silence()))
    }
}

#[async_trait]
impl GrpcBroker for Silent {
    async fn start_stream(
        &self,
        _request: Request<Streaming<ConnInfo>>,
    ) -> Result<Response<BoxStream<ConnInfo>>, Status> {
        Ok(Response::new(self.silence()))
    }
}

impl Silent {
    fn silence<T: Send + 'static>(&self) -> BoxStream<T> {
        Box::pin(stream::pending().take_until(self.closing.clone().cancelled_owned()))
    }
}
