//! A tiny chat: `cargo run -p boxoffice-signalr --example chat`, then connect any SignalR client to
//! `http://127.0.0.1:5000/chat`.

use std::time::Duration;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use boxoffice_signalr::{
    Answer, Close, Config, Connection, Ending, Event, Failure, Hub, Invocation, Opening, Payload, SignalR,
};
use futures_util::StreamExt as _;
use http::{Extensions, StatusCode};
use serde_json::{Value, json};

/// The chat's hub. It has no state of its own: rooms are groups, and names stay with their connections.
pub struct Chat;

/// What somebody calls themselves: `?name=` when connecting.
#[derive(Clone)]
struct Name(String);

impl Hub for Chat {
    fn on_request(&self, opening: &Opening<'_>) -> Result<Extensions, Response> {
        if opening.access_token().as_deref() == Some("banned") {
            return Err(StatusCode::UNAUTHORIZED.into_response());
        }
        let mut data = Extensions::new();
        data.insert(Name(opening.query("name").unwrap_or_else(|| "somebody".to_owned())));
        Ok(data)
    }

    async fn on_connect(&self, connection: &Connection) -> Result<(), Close> {
        let welcome = Event::new("Welcome", [json!(name(connection)).into()]);
        connection.send(&welcome).map_err(|error| Close::error(error.to_string()))
    }

    async fn on_invoke(&self, connection: &Connection, call: Invocation) -> Result<Answer, Failure> {
        let clients = connection.clients();
        if call.is("Enter") {
            clients.join(&call.argument::<String>(0)?, connection);
            Ok(Answer::Void)
        } else if call.is("Leave") {
            clients.leave(&call.argument::<String>(0)?, connection);
            Ok(Answer::Void)
        } else if call.is("Say") {
            let (room, text): (String, String) = call.arguments()?;
            let said = json!({"room": room, "name": name(connection), "text": text});
            // Encoded once for each protocol, however many are in the room.
            clients.send_group(&room, &Event::new("Said", [said.into()]));
            Ok(Answer::Void)
        } else if call.is("Echo") {
            Ok(call.argument::<Value>(0)?.into())
        } else if call.is("Count") {
            let numbers = (1..=call.argument::<u32>(0)?).map(|number| Ok(Payload::from(json!(number))));
            Ok(Answer::Stream(futures_util::stream::iter(numbers).boxed()))
        } else if call.is("Tick") {
            let pause = Duration::from_millis(call.argument(0)?);
            let ticks = futures_util::stream::unfold(0_u32, move |number| async move {
                tokio::time::sleep(pause).await;
                Some((Ok(json!(number).into()), number + 1))
            });
            Ok(Answer::Stream(ticks.boxed()))
        } else if call.is("Shout") {
            Err(Failure::Told("no shouting".to_owned()))
        } else if call.is("Kick") {
            connection.close(Close { error: None, allow_reconnect: call.argument(0)? });
            Ok(Answer::Void)
        } else {
            Err(Failure::UnknownMethod)
        }
    }

    async fn on_disconnect(&self, connection: &Connection, _: &Ending) {
        let left = Event::new("Left", [json!(name(connection)).into()]);
        connection.clients().send_all(&left);
    }
}

fn name(connection: &Connection) -> String {
    connection.with_data(|data| data.get::<Name>().map(|name| name.0.clone())).unwrap_or_default()
}

/// The whole application.
pub fn application(config: Config) -> (SignalR, Router) {
    let server = SignalR::new(Chat, config);
    let router = Router::new().nest("/chat", server.router());
    (server, router)
}

#[tokio::main(flavor = "current_thread")]
#[allow(dead_code, reason = "tests include this file for the rest of it")]
async fn main() -> std::io::Result<()> {
    let (server, router) = application(Config::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:5000").await?;
    axum::serve(listener, router)
        .with_graceful_shutdown(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                server.drain(&Close::reconnect("The server restarts."));
                server.drained().await;
            }
        })
        .await
}
