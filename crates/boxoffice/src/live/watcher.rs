//! One native WebSocket: its socket, its cursor, and what could not be written to it yet.
//!
//! Nearly always a pass of the broadcast writes to it and its own task sleeps. The task wakes when the client says
//! something, and when a write did not go through: then it alone writes until the client is level again.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::SEND_BUFFER_BYTES;
use super::audience::{Audience, Written};
use super::broadcast::Block;
use super::frame::{self, Answer, CloseCode, Reader};
use super::message::Message;

/// How many frames may wait beyond what an update needs: pongs, for a client that pings without reading.
const MAX_WAITING: usize = 64;
/// How long to wait for the client's half of closing.
const CLOSING: Duration = Duration::from_secs(2);
/// How many bytes are read at once.
const READ_BYTES: usize = 1024;
/// How often a client that goes on sending is read from before others get their turn.
const READS: usize = 8;

/// A watcher over a WebSocket.
pub(super) struct Watcher {
    socket: TcpStream,
    sees_hidden: bool,
    state: Mutex<State>,
    /// Its task has something to do.
    woken: Notify,
    /// Where it stands among those who are written to.
    block: OnceLock<(Arc<Block>, usize)>,
}

#[derive(Default)]
struct State {
    /// Up to which revision the client knows the seats, once what waits is written.
    cursor: u64,
    /// What could not be written yet; of the first, the rest.
    waiting: VecDeque<Bytes>,
    /// Nothing is queued any more.
    closing: bool,
    /// The socket is of no use.
    lost: bool,
}

/// The update that the watcher before needed, and from where.
pub(super) type Last = Option<(u64, Arc<Written>)>;

impl Watcher {
    /// A watcher who is told this first.
    pub(super) fn new(socket: TcpStream, sees_hidden: bool, audience: &Audience, first: &Written) -> Self {
        let watcher = Self {
            socket,
            sees_hidden,
            state: Mutex::default(),
            woken: Notify::new(),
            block: OnceLock::new(),
        };
        watcher.queue(&mut watcher.state.lock(), audience, first);
        watcher
    }

    /// It was taken in by a block.
    pub(super) fn is_in(&self, block: Arc<Block>, key: usize) {
        // It is admitted once.
        let _ = self.block.set((block, key));
    }

    /// Writes what the client has to be told, or leaves it to the watcher's task. Returns the bytes written.
    pub(super) fn offer_update(&self, audience: &Audience, last: &mut Last) -> usize {
        let mut state = self.state.lock();
        if !state.waiting.is_empty() || state.closing || state.lost {
            return 0;
        }
        let from = state.cursor;
        let written = match last {
            Some((known, written)) if *known == from => Arc::clone(written),
            _ => {
                let written = audience.since(Some(from));
                *last = Some((from, Arc::clone(&written)));
                written
            }
        };
        self.queue(&mut state, audience, &written);
        self.write(&mut state)
    }

    /// Writes a sign of life to a client that is level, or whatever it has to be told.
    pub(super) fn offer_heartbeat(&self, audience: &Audience, heartbeat: &Message, last: &mut Last) -> usize {
        if self.state.lock().cursor != audience.board().revision() {
            return self.offer_update(audience, last);
        }
        let mut state = self.state.lock();
        if !state.waiting.is_empty() || state.closing || state.lost {
            return 0;
        }
        state.waiting.push_back(heartbeat.frame().clone());
        self.write(&mut state)
    }

    /// Tells the client to come back, perhaps to another node.
    pub(super) fn send_away(&self, audience: &Audience) -> usize {
        let mut state = self.state.lock();
        if state.closing || state.lost {
            return 0;
        }
        state.waiting.push_back(audience.bye("draining").frame().clone());
        state.close(CloseCode::GoingAway);
        let bytes = self.write(&mut state);
        self.woken.notify_one();
        bytes
    }

    /// Queues an update, and the last words if there is nothing to come after it.
    fn queue(&self, state: &mut State, audience: &Audience, written: &Written) {
        // The first thing that a client is told is where it stands, news or not.
        if written.to != state.cursor || self.block.get().is_none() {
            state.waiting.extend(written.messages.iter().map(|message| message.frame().clone()));
        }
        state.cursor = written.to;
        if let Some(last) = audience.last_words(written, self.sees_hidden) {
            state.waiting.push_back(last.frame().clone());
            state.close(if last.is_bye() { CloseCode::TryAgainLater } else { CloseCode::Normal });
        }
    }

    /// Writes what waits, as much as goes at once. What is left is for the watcher's task. Returns the bytes written.
    fn write(&self, state: &mut State) -> usize {
        let mut bytes = 0;
        while let Some(first) = state.waiting.front_mut() {
            match self.socket.try_write(first) {
                Ok(count) => {
                    bytes += count;
                    first.advance(count);
                    if first.is_empty() {
                        state.waiting.pop_front();
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    state.lost = true;
                    break;
                }
            }
        }
        if state.waiting.is_empty() {
            // An idle watcher keeps nothing.
            state.waiting = VecDeque::new();
        }
        if !state.waiting.is_empty() || state.closing || state.lost {
            self.woken.notify_one();
        }
        bytes
    }

    /// The watcher's task: lives as long as the connection. `rest` is what came with the request for it.
    pub(super) async fn run(self: Arc<Self>, audience: Arc<Audience>, rest: Bytes, mut reader: Reader) {
        self.heed(&audience, &mut reader, &rest);
        loop {
            if self.has_to_write() && !Box::pin(self.write_all(&audience)).await {
                break;
            }
            tokio::select! { biased;
                () = self.woken.notified() => {}
                ready = self.socket.readable() => {
                    if ready.is_err() || !self.read(&audience, &mut reader) {
                        break;
                    }
                }
            }
        }
        if let Some((block, key)) = self.block.get() {
            block.leave(*key);
        }
        if self.state.lock().closing {
            Box::pin(finish(&self.socket)).await;
        }
    }

    fn has_to_write(&self) -> bool {
        let state = self.state.lock();
        !state.waiting.is_empty() || state.closing || state.lost
    }

    /// Writes until the client is level. False: the connection is at its end.
    async fn write_all(&self, audience: &Audience) -> bool {
        let patience = Duration::from_secs(audience.app().config.feed.write_timeout_s);
        loop {
            {
                let mut state = self.state.lock();
                let bytes = self.write(&mut state);
                audience.live().note_bytes(bytes);
                if state.lost {
                    return false;
                }
                if state.waiting.is_empty() {
                    if state.closing {
                        return false;
                    }
                    if audience.last_told().revision <= state.cursor {
                        return true;
                    }
                    let written = audience.since(Some(state.cursor));
                    self.queue(&mut state, audience, &written);
                    continue;
                }
            }
            match timeout(patience, self.socket.writable()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return false,
                Err(_) => {
                    audience.live().note_cut_off();
                    return false;
                }
            }
        }
    }

    /// Reads what the client says. False: there is nobody any more.
    fn read(&self, audience: &Audience, reader: &mut Reader) -> bool {
        let mut buffer = [0; READ_BYTES];
        for _ in 0..READS {
            match self.socket.try_read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => self.heed(audience, reader, &buffer[..count]),
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }

    /// Does what the client's frames call for.
    fn heed(&self, audience: &Audience, reader: &mut Reader, input: &[u8]) {
        let mut answers = Vec::new();
        reader.read(input, &mut answers);
        if answers.is_empty() {
            return;
        }
        let mut state = self.state.lock();
        for answer in answers {
            match answer {
                _ if state.closing => {}
                Answer::Pong(pong) if state.waiting.len() < MAX_WAITING => state.waiting.push_back(pong),
                Answer::Pong(_) => {}
                Answer::Close(code) => {
                    if matches!(code, CloseCode::TooBig) {
                        audience.live().note_long_message();
                    }
                    state.close(code);
                }
            }
        }
        let bytes = self.write(&mut state);
        audience.live().note_bytes(bytes);
    }
}

impl State {
    fn close(&mut self, code: CloseCode) {
        if !self.closing {
            self.waiting.push_back(frame::close(code));
            self.closing = true;
        }
    }
}

/// Bounds what the system keeps for a client that does not read, and has it notice one that is gone.
pub(super) fn prepare(socket: &TcpStream, write_timeout: Duration) {
    let socket = SockRef::from(socket);
    // A system that refuses one of them still works.
    let _ = socket.set_send_buffer_size(SEND_BUFFER_BYTES);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(write_timeout));
}

/// Says one thing to a client whom nobody will tell more, and ends.
pub(super) async fn say(socket: &TcpStream, message: &Message, code: CloseCode) {
    let said = async {
        for mut frame in [message.frame().clone(), frame::close(code)] {
            while !frame.is_empty() {
                socket.writable().await?;
                match socket.try_write(&frame) {
                    Ok(count) => frame.advance(count),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    };
    // Whoever does not listen, or is gone, is not told.
    let _ = timeout(CLOSING, said).await;
    finish(socket).await;
}

/// The end: everything was written, or nothing can be. Waits for the client's half for a moment, or the system would
/// throw away what the client has not read yet.
async fn finish(socket: &TcpStream) {
    // A socket that is gone already needs no end.
    let _ = SockRef::from(socket).shutdown(std::net::Shutdown::Write);
    let rest = async {
        let mut buffer = [0; READ_BYTES];
        while socket.readable().await.is_ok() {
            match socket.try_read(&mut buffer) {
                Ok(0) => return,
                Err(error) if error.kind() != ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    };
    let _ = timeout(CLOSING, rest).await;
}
