//! Which server has which slots: fixed for a single server, asked for where there is a Cluster or Sentinel.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, RedisResult, TlsCertificates, Value};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::address::{Address, Host, Kind};
use crate::lane::{Lane, describe};
use crate::slot::SLOTS;

/// How often it is asked whether the map is still right, and how often while something is wrong.
const LOOK: Duration = Duration::from_secs(5);
const LOOK_IN_TROUBLE: Duration = Duration::from_millis(500);
/// The shortest time between two looks.
const LOOK_PAUSE: Duration = Duration::from_millis(100);
/// How long one server may take to answer where everything is.
const PATIENCE: Duration = Duration::from_secs(1);
/// No server has the slot.
const NOBODY: u16 = u16::MAX;

/// How Redis is used.
#[derive(Debug, Clone)]
pub struct Options {
    /// What the names of keys and channels begin with, so that several installations can share a Redis.
    pub prefix: String,
    /// How long the gate waits for an answer.
    pub timeout: Duration,
    /// After which time a claim ends that nobody let go of: twice the time that a commit may take.
    pub claim: Duration,
    /// Certificates (PEM) that servers' certificates must be signed by, instead of the system's.
    pub ca: Option<Vec<u8>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            prefix: "boxoffice".into(),
            timeout: Duration::from_millis(50),
            claim: Duration::from_secs(10),
            ca: None,
        }
    }
}

/// The servers, and which of them has which slots.
#[derive(Default, Clone)]
pub(crate) struct Map {
    pub(crate) lanes: Vec<Arc<Lane>>,
    /// For each slot the place of its server among the lanes. Empty: the first has all.
    slots: Vec<u16>,
}

impl Map {
    /// The place among the lanes of the server that has a slot.
    pub(crate) fn place(&self, slot: u16) -> Option<usize> {
        let place = self.slots.get(usize::from(slot)).map_or(0, |place| usize::from(*place));
        (place < self.lanes.len()).then_some(place)
    }
}

/// All servers of an address.
pub(crate) struct Shards {
    pub(crate) address: Address,
    pub(crate) options: Options,
    map: ArcSwap<Map>,
    changed: watch::Sender<()>,
    trouble: Mutex<Option<String>>,
    wake: Arc<Notify>,
}

impl Shards {
    /// Begins to look for the servers, and keeps at it until it is dropped.
    pub(crate) fn start(address: Address, options: Options) -> RedisResult<Arc<Self>> {
        let shards = Self {
            map: ArcSwap::default(),
            changed: watch::Sender::new(()),
            trouble: Mutex::default(),
            wake: Arc::new(Notify::new()),
            address,
            options,
        };
        // What is wrong with the certificates is said at the start.
        for host in &shards.address.hosts {
            shards.client(shards.address.server(host)?)?;
        }
        let shards = Arc::new(shards);
        match &shards.address.kind {
            Kind::Single => {
                let lane = shards.lane_to(&shards.address.hosts[0])?;
                shards.map.store(Arc::new(Map { lanes: vec![lane], slots: Vec::new() }));
            }
            _ => {
                *shards.trouble.lock() = Some("no server has been found yet".into());
                tokio::spawn(look_around(Arc::downgrade(&shards)));
            }
        }
        Ok(shards)
    }

    /// A client of one server.
    pub(crate) fn client(&self, info: ConnectionInfo) -> RedisResult<Client> {
        if !self.address.is_tls() {
            return Client::open(info);
        }
        // Another part of the process may have chosen a provider before.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let certificates = TlsCertificates { client_tls: None, root_cert: self.options.ca.clone() };
        Client::build_with_tls(info, certificates)
    }

    fn lane_to(&self, host: &Host) -> RedisResult<Arc<Lane>> {
        let client = self.client(self.address.server(host)?)?;
        Ok(Lane::start(host.clone(), client, self.options.timeout))
    }

    /// The servers as they are known now.
    pub(crate) fn map(&self) -> Arc<Map> {
        self.map.load_full()
    }

    /// The server that has a slot.
    pub(crate) fn lane(&self, slot: u16) -> Option<Arc<Lane>> {
        let map = self.map.load();
        Some(Arc::clone(&map.lanes[map.place(slot)?]))
    }

    /// Tells of each new map.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Something was not where the map says: it is asked for anew. There is no other than a single server.
    pub(crate) fn look_again(&self) {
        if let (Kind::Single, [lane]) = (&self.address.kind, &self.map.load().lanes[..]) {
            lane.note_refusal(
                "it is a replica, or one node of a Cluster, of which several must be named".into(),
            );
        }
        self.wake.notify_one();
    }

    /// What is wrong, if something is.
    pub(crate) fn trouble(&self) -> Option<String> {
        let (found, map) = (self.trouble.lock().clone(), self.map());
        let of_lanes = map.lanes.iter().filter_map(|lane| lane.trouble());
        let troubles: Vec<_> = found.into_iter().chain(of_lanes).collect();
        (!troubles.is_empty()).then(|| troubles.join("; "))
    }

    /// Asks one server after another where everything is, until one knows.
    async fn look(&self) -> Result<(), String> {
        let mut last = "no server knows".to_owned();
        let known = self.map().lanes.iter().map(|lane| lane.host.clone()).collect::<Vec<_>>();
        let given = self.address.hosts.iter().filter(|host| !known.contains(host)).cloned();
        let asked: Vec<_> = match self.address.kind {
            Kind::Cluster => known.iter().cloned().chain(given).collect(),
            _ => self.address.hosts.clone(),
        };
        for host in &asked {
            match timeout(2 * PATIENCE, self.ask(host)).await {
                Ok(Ok(found)) if !found.is_empty() => return self.take(found),
                Ok(Ok(_)) => last = format!("{host}: it knows of no master"),
                Ok(Err(error)) => last = format!("{host}: {}", describe(&error)),
                Err(_) => last = format!("{host}: no answer in time"),
            }
        }
        Err(last)
    }

    async fn connect(&self, info: ConnectionInfo) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        self.client(info)?.get_multiplexed_async_connection_with_config(&config).await
    }

    /// What one server says of who has which slots.
    async fn ask(&self, host: &Host) -> RedisResult<Vec<Range>> {
        match &self.address.kind {
            Kind::Sentinel(master) => {
                let mut connection = self.connect(self.address.sentinel(host)?).await?;
                let mut question = redis::cmd("SENTINEL");
                question.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
                let found: Option<(String, u16)> = question.query_async(&mut connection).await?;
                let found =
                    found.map(|(name, port)| Range { first: 0, last: LAST, host: Host { name, port } });
                Ok(found.into_iter().collect())
            }
            _ => {
                let mut connection = self.connect(self.address.server(host)?).await?;
                let answer: Value = redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await?;
                Ok(read_slots(&answer, &host.name))
            }
        }
    }

    /// Makes a map of what was found, with the lanes that there are already.
    fn take(&self, found: Vec<Range>) -> Result<(), String> {
        let before = self.map();
        let mut lanes: BTreeMap<Host, Arc<Lane>> = BTreeMap::new();
        for Range { host, .. } in &found {
            if !lanes.contains_key(host) {
                let known = before.lanes.iter().find(|lane| lane.host == *host).cloned();
                let lane = known.map_or_else(|| self.lane_to(host), Ok).map_err(|error| describe(&error))?;
                lanes.insert(host.clone(), lane);
            }
        }
        let mut slots = vec![NOBODY; SLOTS];
        let places: Vec<&Host> = lanes.keys().collect();
        for Range { first, last, host } in &found {
            let place = places.binary_search(&host).map_or(NOBODY, |place| place as u16);
            slots[usize::from(*first)..=usize::from(*last)].fill(place);
        }
        let missing = slots.iter().filter(|place| **place == NOBODY).count();
        let map = Map { lanes: lanes.into_values().collect(), slots };
        let same = map.slots == before.slots
            && map.lanes.len() == before.lanes.len()
            && map.lanes.iter().zip(&before.lanes).all(|(now, then)| Arc::ptr_eq(now, then));
        if !same {
            self.map.store(Arc::new(map));
            self.changed.send_replace(());
        }
        if missing == 0 { Ok(()) } else { Err(format!("{missing} of {SLOTS} slots have no server")) }
    }
}

/// Slots that one server has.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    first: u16,
    last: u16,
    host: Host,
}

const LAST: u16 = SLOTS as u16 - 1;

/// Reads the answer of `CLUSTER SLOTS`: for each range its first and last slot and its master. A server that does not
/// name itself is the one that was asked.
fn read_slots(answer: &Value, asked: &str) -> Vec<Range> {
    let number = |value: &Value| match value {
        Value::Int(number) => u16::try_from(*number).ok(),
        _ => None,
    };
    let text = |value: &Value| match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    };
    let range = |value: &Value| {
        let [first, last, master, ..] = value.as_sequence()? else { return None };
        let [name, port, ..] = master.as_sequence()? else { return None };
        let name = text(name).filter(|name| !name.is_empty() && name != "?");
        let host = Host { name: name.unwrap_or_else(|| asked.to_owned()), port: number(port)? };
        let (first, last) = (number(first)?, number(last)?);
        (first <= last && last <= LAST).then_some(Range { first, last, host })
    };
    answer.as_sequence().unwrap_or_default().iter().filter_map(range).collect()
}

async fn look_around(shards: Weak<Shards>) {
    loop {
        let Some(looking) = shards.upgrade() else { return };
        let found = looking.look().await;
        let pause = {
            let mut trouble = looking.trouble.lock();
            match (&*trouble, &found) {
                (None, Err(why)) => tracing::warn!(address = %looking.address, why, "Redis is not whole"),
                (Some(_), Ok(())) => tracing::info!(address = %looking.address, "Redis is whole"),
                _ => {}
            }
            *trouble = found.err();
            trouble.is_some()
        } || looking.map.load().lanes.iter().any(|lane| lane.trouble().is_some());
        let wake = Arc::clone(&looking.wake);
        drop(looking);
        tokio::time::sleep(LOOK_PAUSE).await;
        tokio::select! { biased;
            () = wake.notified() => {}
            () = tokio::time::sleep(if pause { LOOK_IN_TROUBLE } else { LOOK }) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_is_read_as_the_servers_tell_it() {
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let node = |name: Value, port| Value::Array(vec![name, Value::Int(port), text("id")]);
        let answer = Value::Array(vec![
            Value::Array(vec![Value::Int(0), Value::Int(5), node(text("a"), 1), node(text("replica"), 9)]),
            Value::Array(vec![Value::Int(6), Value::Int(16_383), node(Value::Nil, 2)]),
            Value::Array(vec![Value::Int(6), Value::Int(16_384), node(text("beyond"), 2)]),
        ]);
        let host = |name: &str, port| Host { name: name.into(), port };
        let found = read_slots(&answer, "asked");
        assert_eq!(
            found,
            [
                Range { first: 0, last: 5, host: host("a", 1) },
                Range { first: 6, last: LAST, host: host("asked", 2) }
            ]
        );
    }
}
