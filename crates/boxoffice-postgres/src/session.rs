//! Sessions with the database: how they begin, and that none waits for ever.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::Instant;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, Connection, Notification, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::Address;
use crate::error::Failure;

/// How long a read may take before it is given up.
pub(crate) const READ: Duration = Duration::from_secs(5);
/// How long a step of a batch may take before its connection is given up: a little more than the server's own limit,
/// which is heard of in words.
pub(crate) const STEP: Duration = Duration::from_secs(4);
/// How long the answer to COMMIT is waited for; a synchronous standby may take its time.
pub(crate) const COMMIT: Duration = Duration::from_secs(10);
/// How long a step of a change of the catalogue may take: a showtime goes with all its rows.
pub(crate) const ERRAND: Duration = Duration::from_secs(35);

/// Begins a batch. The limits hold for this transaction alone, so that nothing is left in a session that a pooler gives
/// to somebody else, and are set by one statement, which costs a fifth of several; a cut wire does not keep a showtime
/// locked for longer. What is read under a lock must be seen as it is then, whatever the database's default is. What
/// writes is sent without waiting for an answer to this, and refuses to be done where this was not.
pub(crate) const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; \
     SELECT set_config('statement_timeout', '3s', true), set_config('lock_timeout', '2s', true), \
     set_config('idle_in_transaction_session_timeout', '3s', true), set_config('boxoffice.batch', 'on', true)";

/// For a batch that is written statement by statement: it goes from its rows to those of the tables by their keys, one
/// after the other. A planner that thinks the tables small, or knows nothing of them yet, would read a whole one for
/// each batch.
pub(crate) const BY_KEY: &str = "SELECT set_config('enable_hashjoin', 'off', true), \
     set_config('enable_mergejoin', 'off', true), set_config('enable_seqscan', 'off', true), \
     set_config('enable_bitmapscan', 'off', true), set_config('enable_material', 'off', true), \
     set_config('jit', 'off', true)";

/// Begins what is done once, maybe by several nodes that start together.
pub(crate) const BEGIN_ONCE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// Begins a change of the catalogue.
pub(crate) const BEGIN_ERRAND: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL statement_timeout = '30s'; \
     SET LOCAL lock_timeout = '5s'; SET LOCAL idle_in_transaction_session_timeout = '5s'";

/// Commits. Were the wait for a synchronous standby cut short by a timeout, PostgreSQL would report success for what a
/// failover may still lose.
pub(crate) const END: &str = "SET LOCAL statement_timeout = 0; COMMIT";

/// Opens a connection, which closes when the client is dropped.
pub(crate) async fn connect(address: &Address) -> Result<Client, Failure> {
    let (client, connection) = begin(address).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = crate::error::words(&error), "a connection to the database ended");
        }
    });
    Ok(client)
}

/// Opens a connection whose notifications are heard: `hear` is dropped when the connection has ended.
pub(crate) async fn connect_hearing(
    address: &Address,
    mut hear: impl FnMut(Notification) + Send + 'static,
) -> Result<Client, Failure> {
    let (client, mut connection) = begin(address).await?;
    let mut messages = futures_util::stream::poll_fn(move |context| connection.poll_message(context));
    tokio::spawn(async move {
        while let Some(message) = messages.next().await {
            match message {
                Ok(AsyncMessage::Notification(notification)) => hear(notification),
                Ok(_) => {}
                Err(error) => {
                    let error = crate::error::words(&error);
                    tracing::debug!(error, "the connection that listens ended");
                    return;
                }
            }
        }
    });
    Ok(client)
}

type Wire = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

async fn begin(address: &Address) -> Result<(Client, Wire), Failure> {
    let limit = address.config.get_connect_timeout().map_or(READ, |timeout| *timeout * 2);
    // Boxed: it is large, and rare.
    let connecting = Box::pin(address.config.connect(address.tls.clone()));
    within(limit, async { Ok(connecting.await?) }).await
}

/// Waits for an answer, but not for ever. What comes after the limit belongs to nobody: the connection is to be given up.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let late = |_| Err(Failure::Lost(format!("the database did not answer within {} s", limit.as_secs())));
    tokio::time::timeout(limit, work).await.unwrap_or_else(late)
}

/// As [`within`], until a moment that several steps share.
pub(crate) async fn before<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let late = |_| Err(Failure::Lost("the database did not answer in time".into()));
    tokio::time::timeout_at(deadline, work).await.unwrap_or_else(late)
}
