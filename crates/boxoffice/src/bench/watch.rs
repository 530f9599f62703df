//! Watching showtimes by the thousand: connections that read what the live seat map tells, and see to it that nothing
//! is missing. Light enough to stand beside the server on the same cores.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use compact_str::CompactString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::answers::SeatMap;
use super::client::{Ask, Client, Target};
use super::stage::Run;

/// How many connect at once.
const AT_ONCE: usize = 128;
/// How long one may take to be told where it stands.
const OPENING: Duration = Duration::from_secs(30);
/// How long the last change may take to reach everybody.
const LAST: Duration = Duration::from_secs(30);
/// How often a watcher looks up whether the run is over.
const LOOK_UP: Duration = Duration::from_secs(1);
/// How many keep the whole map, to compare it in the end.
const SAMPLE: usize = 50;
/// What ends a record of SignalR.
const RECORD_END: u8 = 0x1e;

/// How the watchers are connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// The native WebSocket.
    Native,
    /// The hub: SignalR in JSON over a WebSocket.
    Hub,
}

/// What all watchers of a run share.
pub(super) struct Watching {
    run: &'static Run,
    door: Door,
    /// When the change that leads to a revision was asked for, in microseconds from `origin`; 0 if unknown.
    asked: Vec<AtomicU64>,
    origin: Instant,
    /// For each showtime its last revision, once the run is over.
    last: Vec<AtomicU64>,
}

/// Each seat that ever changed, with its status and version.
type Map = BTreeMap<CompactString, (CompactString, u64)>;

/// Watchers that are connected.
pub(super) struct Watchers {
    shared: Arc<Watching>,
    tasks: JoinSet<io::Result<(usize, Option<Map>)>>,
    /// How many they are.
    pub(super) count: usize,
}

impl Watchers {
    /// Opens so many, in turn for each showtime, and waits until each was told where it stands.
    pub(super) async fn open(
        run: &'static Run,
        count: usize,
        door: Door,
        changes: usize,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(Watching {
            run,
            door,
            asked: (0..=changes).map(|_| AtomicU64::new(0)).collect(),
            origin: Instant::now(),
            last: run.showtimes.iter().map(|_| AtomicU64::new(u64::MAX)).collect(),
        });
        let (mut opening, mut tasks) = (JoinSet::new(), JoinSet::new());
        for number in 0..count + AT_ONCE {
            if number < count {
                let shared = Arc::clone(&shared);
                opening
                    .spawn(async move { tokio::time::timeout(OPENING, Watcher::open(shared, number)).await });
            }
            if number >= AT_ONCE
                && let Some(opened) = opening.join_next().await
            {
                let told = || format!("not all of {count} watchers were told where they stand");
                let watcher = opened.context("a watcher failed")?.with_context(told)?.with_context(told)?;
                tasks.spawn(watcher.follow());
            }
        }
        Ok(Self { shared, tasks, count })
    }

    /// The change that leads to this revision of the first showtime is asked for now.
    pub(super) fn asked(&self, revision: u64) {
        let now = self.shared.origin.elapsed().as_micros() as u64;
        if let Some(asked) = self.shared.asked.get(revision as usize) {
            asked.store(now.max(1), Ordering::Release);
        }
    }

    /// Waits until everybody was told all, and compares what a few of them know with the server's maps. Returns what is
    /// wrong.
    pub(super) async fn end(mut self, changes: u64) -> anyhow::Result<Vec<String>> {
        let run = self.shared.run;
        let mut client = Client::new(Arc::clone(&run.target));
        let mut maps = Vec::new();
        for showtime in &run.showtimes {
            let answer = client.send(Ask::get(&showtime.seats)).await?;
            let map: SeatMap<'_> =
                serde_json::from_slice(answer.body).context("a seat map cannot be read")?;
            let changed = map.seats.iter().filter(|seat| seat.version > 0);
            let seats: Map = changed
                .map(|seat| (seat.seat.into(), (seat.status.into(), u64::from(seat.version))))
                .collect();
            maps.push((map.revision, seats));
        }
        for (last, (revision, _)) in self.shared.last.iter().zip(&maps) {
            last.store(*revision, Ordering::Release);
        }
        let deadline = tokio::time::Instant::now() + LAST;
        let (mut lost, mut different) = (0, 0);
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, self.tasks.join_next()).await {
            match ended.context("a watcher failed")? {
                Ok((showtime, map)) => {
                    different += usize::from(map.is_some_and(|map| map != maps[showtime].1));
                }
                Err(_) => lost += 1,
            }
        }
        let behind = self.tasks.len();
        let mut wrong = Vec::new();
        let (told, due) = (run.recorder.told(), changes * self.count as u64);
        if changes > 0 && told != due {
            wrong.push(format!(
                "of {changes} changes {} watchers were told {told} times, not {due}",
                self.count
            ));
        }
        for (count, what) in [
            (behind, "were not told the last change"),
            (lost, "lost their connection or were told what does not fit"),
            (different, "have another map than the server"),
        ] {
            if count > 0 {
                wrong.push(format!("{count} of {} watchers {what}", self.count));
            }
        }
        Ok(wrong)
    }
}

struct Watcher {
    shared: Arc<Watching>,
    showtime: usize,
    stream: TcpStream,
    /// What was read of a frame that is not whole.
    rest: Vec<u8>,
    revision: Option<u64>,
    map: Option<Map>,
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

impl Watcher {
    async fn open(shared: Arc<Watching>, number: usize) -> io::Result<Self> {
        let run = shared.run;
        let showtime = number % run.showtimes.len();
        let id = &run.showtimes[showtime].id;
        let target: &Target = &run.target;
        let path = match shared.door {
            Door::Native => format!("/v1/showtimes/{id}/live"),
            Door::Hub => "/hubs/seats".to_owned(),
        };
        let mut stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let request = format!(
            "GET {}{path} HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: d2F0Y2hlcnMgd2F0Y2ghIQ==\r\n\r\n",
            target.base, target.host
        );
        stream.write_all(request.as_bytes()).await?;
        let mut rest = Vec::new();
        let head = loop {
            if let Some(end) = rest.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut rest).await? == 0 || rest.len() > 16 * 1024 {
                return Err(broken("no answer to the handshake"));
            }
        };
        if !rest.starts_with(b"HTTP/1.1 101") {
            return Err(broken("the handshake was refused"));
        }
        rest.drain(..head);
        if shared.door == Door::Hub {
            let join = format!(
                "{{\"protocol\":\"json\",\"version\":1}}\u{1e}{{\"type\":1,\"invocationId\":\"1\",\"target\":\
                 \"JoinShowtime\",\"arguments\":[\"{id}\"]}}\u{1e}"
            );
            stream.write_all(&masked(Data::Text, join.as_bytes())).await?;
        }
        let map = (number < SAMPLE).then(BTreeMap::new);
        let mut watcher = Self { shared, showtime, stream, rest, revision: None, map };
        watcher.take_frames()?;
        while watcher.revision.is_none() {
            watcher.read().await?;
        }
        Ok(watcher)
    }

    /// Reads until the run is over and it knows all.
    async fn follow(mut self) -> io::Result<(usize, Option<Map>)> {
        while self.revision < Some(self.shared.last[self.showtime].load(Ordering::Acquire)) {
            // Looks up now and then whether the run is over.
            if let Ok(read) = tokio::time::timeout(LOOK_UP, self.read()).await {
                read?;
            }
        }
        Ok((self.showtime, self.map))
    }

    async fn read(&mut self) -> io::Result<()> {
        self.stream.readable().await?;
        // Thousands are read in a row, on a machine that has something else to do meanwhile.
        std::thread::yield_now();
        let mut buffer = [0; 8192];
        let count = match self.stream.try_read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        self.rest.extend_from_slice(&buffer[..count]);
        self.take_frames()?;
        if self.rest.is_empty() {
            self.rest = Vec::new();
        }
        Ok(())
    }

    /// Takes in all frames that are whole.
    fn take_frames(&mut self) -> io::Result<()> {
        loop {
            let mut cursor = io::Cursor::new(&self.rest);
            let header = FrameHeader::parse(&mut cursor).map_err(|error| broken(&error.to_string()))?;
            let Some((header, length)) = header else { return Ok(()) };
            let (start, end) = (cursor.position() as usize, cursor.position() as usize + length as usize);
            if self.rest.len() < end {
                return Ok(());
            }
            let frame: Vec<u8> = self.rest.drain(..end).skip(start).collect();
            match header.opcode {
                OpCode::Data(_) => {
                    for record in frame.split(|byte| *byte == RECORD_END).filter(|record| !record.is_empty())
                    {
                        self.take(record)?;
                    }
                }
                OpCode::Control(Control::Close) => return Err(io::ErrorKind::ConnectionAborted.into()),
                OpCode::Control(_) => {}
            }
        }
    }

    /// Takes in one message: a snapshot, or a delta that goes on from where this watcher is.
    fn take(&mut self, record: &[u8]) -> io::Result<()> {
        let text = std::str::from_utf8(record).map_err(|_| broken("not a text"))?;
        let is_snapshot = text.contains("\"type\":\"snapshot\"");
        if !is_snapshot && !text.contains("\"type\":\"delta\"") {
            let known = ["\"type\":\"heartbeat\"", "\"type\":\"changed\"", "{}", "\"type\":6"];
            return known.iter().any(|known| text.contains(known)).then_some(()).ok_or_else(|| broken(text));
        }
        let revision = number(text, "\"revision\":").ok_or_else(|| broken("no revision"))?;
        if let Some(map) = &mut self.map {
            let start = text.find("{\"type\":\"").unwrap_or(0);
            let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<SeatMap<'_>>();
            let seats = values.next().and_then(Result::ok).ok_or_else(|| broken("no seats"))?.seats;
            for seat in seats {
                map.insert(seat.seat.into(), (seat.status.into(), u64::from(seat.version)));
            }
        }
        if is_snapshot {
            self.revision = Some(revision);
            return Ok(());
        }
        let from = number(text, "\"from\":").ok_or_else(|| broken("no beginning"))?;
        if self.revision != Some(from) {
            return Err(broken("a gap"));
        }
        self.revision = Some(revision);
        if self.showtime == 0 {
            let now = self.shared.origin.elapsed().as_micros() as u64;
            for asked in (from + 1..=revision).filter_map(|at| self.shared.asked.get(at as usize)) {
                let asked = asked.load(Ordering::Acquire);
                if asked > 0 {
                    let took = Duration::from_micros(now.saturating_sub(asked));
                    self.shared.run.recorder.finished("told", took);
                }
            }
        }
        Ok(())
    }
}

fn number(text: &str, name: &str) -> Option<u64> {
    let rest = &text[text.find(name)? + name.len()..];
    rest[..rest.find(|digit: char| !digit.is_ascii_digit())?].parse().ok()
}

/// A client's frame, masked with zeros.
fn masked(data: Data, payload: &[u8]) -> Vec<u8> {
    let header = FrameHeader { opcode: OpCode::Data(data), mask: Some([0; 4]), ..FrameHeader::default() };
    let mut out = Vec::with_capacity(payload.len() + 14);
    // Writing into memory does not fail.
    let _ = header.format(payload.len() as u64, &mut out);
    out.extend_from_slice(payload);
    out
}

/// Changes the first showtime at a steady rate for so long: two seats are held, and given back by the next change.
/// Returns how many changes were made.
pub(super) async fn change(
    watchers: &Watchers,
    mut shop: super::shop::Shop<'static>,
    rate: f64,
    duration: Duration,
) -> anyhow::Result<u64> {
    use super::shop::Said;
    let run = shop.run;
    let start = run.recorder.begin();
    let (mut revision, mut held) = (0, None);
    for number in 0.. {
        let due = start + Duration::from_secs_f64(f64::from(number) / rate);
        if due >= start + duration || run.stop.is_asked() {
            break;
        }
        run.stop.sleep_until(due).await;
        run.recorder.lagged(due.elapsed());
        watchers.asked(revision + 1);
        let done = match held.take() {
            None => match shop.hold(0, &[0, 1]).await {
                Said::Yes(place) => {
                    held = Some(place);
                    true
                }
                _ => false,
            },
            Some(place) => matches!(shop.release(place).await, Said::Yes(())),
        };
        if !done {
            bail!("a change was refused: {:?}", run.recorder.measured().refusals);
        }
        revision += 1;
    }
    Ok(revision)
}
