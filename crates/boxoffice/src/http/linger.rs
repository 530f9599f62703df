//! A connection that is closed so that nothing is lost: while the server drains, the other side first hears that no
//! more answers come, and only when it has understood, the socket goes.
//!
//! A socket that is closed while a request is on its way to it answers with a reset, and a proxy that gets a reset
//! cannot know what became of the request. A plain end without an answer it may try again elsewhere.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;

use super::Shared;
use super::metrics::count;
use super::outside::instead_of;

/// How long to wait for the other side to close too.
const PATIENCE: Duration = Duration::from_secs(1);

/// Counts a connection as open for as long as it lives.
pub struct Open {
    open: Arc<AtomicUsize>,
    app: Shared,
}

impl Open {
    /// Counts one more; nothing if there are as many as may be.
    pub(super) fn enter(open: &Arc<AtomicUsize>, app: &Shared) -> Option<Self> {
        if open.fetch_add(1, Ordering::AcqRel) >= app.config.http.max_connections {
            open.fetch_sub(1, Ordering::AcqRel);
            count(&app.metrics.connections_full);
            return None;
        }
        count(&app.metrics.connections);
        Some(Self { open: Arc::clone(open), app: Arc::clone(app) })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.app.metrics.connections.fetch_sub(1, Ordering::Relaxed);
        self.open.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A socket with such an end.
pub struct Lingering(Option<(TcpStream, Open)>);

impl Lingering {
    /// An open one.
    pub(super) fn new(stream: TcpStream, open: Open) -> Self {
        Self(Some((stream, open)))
    }

    /// The socket and its count, for who speaks another protocol from now on.
    pub fn into_parts(mut self) -> (TcpStream, Open) {
        self.0.take().expect("a socket until it is dropped")
    }

    fn stream(&mut self) -> Pin<&mut TcpStream> {
        // It is taken only when this is dropped.
        Pin::new(&mut self.0.as_mut().expect("a socket until it is dropped").0)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some((mut stream, open)) = self.0.take() else { return };
        if !open.app.draining.load(Ordering::Acquire) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            let end = async {
                stream.shutdown().await?;
                let mut rest = [0; 1024];
                while stream.read(&mut rest).await? > 0 {}
                io::Result::Ok(())
            };
            // Whoever does not close in time, or has gone, loses nothing by it that was answered.
            let _ = tokio::time::timeout(PATIENCE, end).await;
            drop(open);
        });
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, into)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some((stream, open)) = &self.0
            && let Some(better) = instead_of(&open.app, bytes)
            && stream.try_write(&better).is_ok_and(|written| written == better.len())
        {
            return Poll::Ready(Ok(bytes.len()));
        }
        self.stream().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}
