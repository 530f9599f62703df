//! The hub without its type, so that nothing but the hub is compiled anew for it.

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::Extensions;

use crate::connection::Connection;
use crate::hub::{Answer, Close, Ending, Failure, Hub, Invocation, SlowReader};
use crate::opening::Opening;

#[allow(clippy::result_large_err, reason = "the refusal is an HTTP answer")]
pub(crate) trait ErasedHub: Send + Sync + 'static {
    fn on_request(&self, opening: &Opening<'_>) -> Result<Extensions, axum::response::Response>;
    fn on_connect<'a>(&'a self, connection: &'a Connection) -> BoxFuture<'a, Result<(), Close>>;
    fn on_invoke<'a>(
        &'a self,
        connection: &'a Connection,
        call: Invocation,
    ) -> BoxFuture<'a, Result<Answer, Failure>>;
    fn on_disconnect<'a>(&'a self, connection: &'a Connection, ending: &'a Ending) -> BoxFuture<'a, ()>;
    fn on_slow_reader(&self, connection: &Connection) -> SlowReader;
}

impl<H: Hub> ErasedHub for H {
    fn on_request(&self, opening: &Opening<'_>) -> Result<Extensions, axum::response::Response> {
        Hub::on_request(self, opening)
    }

    fn on_connect<'a>(&'a self, connection: &'a Connection) -> BoxFuture<'a, Result<(), Close>> {
        Hub::on_connect(self, connection).boxed()
    }

    fn on_invoke<'a>(
        &'a self,
        connection: &'a Connection,
        call: Invocation,
    ) -> BoxFuture<'a, Result<Answer, Failure>> {
        Hub::on_invoke(self, connection, call).boxed()
    }

    fn on_disconnect<'a>(&'a self, connection: &'a Connection, ending: &'a Ending) -> BoxFuture<'a, ()> {
        Hub::on_disconnect(self, connection, ending).boxed()
    }

    fn on_slow_reader(&self, connection: &Connection) -> SlowReader {
        Hub::on_slow_reader(self, connection)
    }
}
