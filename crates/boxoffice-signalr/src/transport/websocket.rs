//! The WebSocket transport: one message for each batch of whole records.

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::SplitSink;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::timeout;

use crate::connection::Connection;
use crate::protocol::Fault;
use crate::pump::{Batch, Pump};
use crate::session;

/// Answers the upgrade and leads the connection. `token` is held as long as the connection lives.
pub(crate) fn upgrade(
    upgrade: WebSocketUpgrade,
    connection: Connection,
    token: impl Send + 'static,
) -> Response {
    let config = &connection.0.server.config;
    // More than a record may have, so that one that is somewhat too long is still read, and its sender told why the
    // connection ends.
    let max_message_bytes = 2 * config.max_message_bytes;
    // The defaults cost more than 128 KiB for each connection. Batches are joined already: nothing is gained by
    // gathering them once more.
    let upgrade = upgrade
        .read_buffer_size(1024)
        .write_buffer_size(0)
        .max_write_buffer_size((512 * 1024).max(2 * config.max_send_bytes))
        .max_message_size(max_message_bytes)
        .max_frame_size(max_message_bytes);
    upgrade.on_upgrade(move |socket| async move {
        serve(socket, connection).await;
        drop(token);
    })
}

async fn serve(socket: WebSocket, connection: Connection) {
    let (sink, stream) = socket.split();
    let max_message_bytes = connection.0.server.config.max_message_bytes;
    let mut input =
        Box::pin(stream.filter_map(move |message| std::future::ready(piece(message, max_message_bytes))));
    let mut session = Box::pin(session::run(connection.clone(), &mut input));
    let mut writing = Box::pin(write(sink, &connection));
    let close_timeout = connection.0.server.config.close_timeout;
    tokio::select! {
        biased;
        _ = &mut writing => {
            connection.0.outbox.lose();
            session.await;
            return;
        }
        () = &mut session => {}
    }
    drop(session);
    // What waits, the last words among it, and then the closing handshake.
    let closing = async {
        let mut sink = writing.await;
        let frame = CloseFrame { code: close_code::NORMAL, reason: Utf8Bytes::default() };
        if sink.send(Message::Close(Some(frame))).await.is_ok() {
            while input.next().await.is_some_and(|piece| piece.is_ok()) {}
        }
    };
    let _ = timeout(close_timeout, closing).await;
    connection.0.outbox.lose();
}

/// Writes until there is nothing more to write, or nothing can be written.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    connection: &Connection,
) -> SplitSink<WebSocket, Message> {
    let mut pump = Pump::new(connection.clone(), true);
    while let Some(batch) = pump.next().await {
        let written = timeout(connection.0.server.config.write_timeout, sink.send(message(batch))).await;
        if !matches!(written, Ok(Ok(()))) {
            connection.0.outbox.lose();
            break;
        }
    }
    sink
}

fn message(batch: Batch) -> Message {
    if batch.is_text
        && let Ok(text) = Utf8Bytes::try_from(batch.bytes.clone())
    {
        return Message::Text(text);
    }
    Message::Binary(batch.bytes)
}

/// The bytes of a message: handshakes are text also before binary records, so its kind says nothing. Pings of the
/// WebSocket itself do not count as a sign of life; they are answered below.
fn piece(message: Result<Message, axum::Error>, max_message_bytes: usize) -> Option<Result<Bytes, Fault>> {
    match message {
        Ok(Message::Text(text)) => Some(Ok(text.into())),
        Ok(Message::Binary(bytes)) => Some(Ok(bytes)),
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_)) => None,
        Err(error) => fault(&error, max_message_bytes).map(Err),
    }
}

/// What the client is told of an error, if it can still be told anything.
fn fault(error: &axum::Error, max_message_bytes: usize) -> Option<Fault> {
    error.to_string().contains("Space limit exceeded").then_some(Fault::TooLong(max_message_bytes))
}
