//! Which ids are good: those negotiated a moment ago, for a while, and those of connections. Bounded.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::transport::link::Link;

/// 128 random bits that stand in an address as they are.
pub(crate) fn random_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[derive(Default)]
pub(crate) struct Registry(Mutex<Ids>);

#[derive(Default)]
struct Ids {
    by_token: HashMap<Arc<str>, Entry>,
    /// Negotiations in the order in which they were made, which is that of their end.
    waiting: BTreeMap<u64, (Instant, Arc<str>)>,
    next_number: u64,
}

enum Entry {
    Negotiated { id: Box<str>, number: u64 },
    WebSocket,
    Link(Arc<Link>),
}

/// What an id stands for.
pub(crate) enum Known {
    Nothing,
    /// A negotiation, with the id of its connection. It is used up by this.
    Negotiated(Box<str>),
    WebSocket,
    Link(Arc<Link>),
}

impl Ids {
    fn forget_expired(&mut self) {
        let now = Instant::now();
        while let Some(first) = self.waiting.first_entry() {
            if first.get().0 > now {
                break;
            }
            let (_, token) = first.remove();
            self.by_token.remove(&token);
        }
    }

    fn look(&self, token: &str) -> Known {
        match self.by_token.get(token) {
            None => Known::Nothing,
            Some(Entry::Negotiated { id, .. }) => Known::Negotiated(id.clone()),
            Some(Entry::WebSocket) => Known::WebSocket,
            Some(Entry::Link(link)) => Known::Link(link.clone()),
        }
    }

    fn put(&mut self, token: &str, entry: Entry) {
        if let Some(Entry::Negotiated { number, .. }) = self.by_token.insert(token.into(), entry) {
            self.waiting.remove(&number);
        }
    }
}

impl Registry {
    /// Remembers a negotiation, unless too many wait.
    pub(crate) fn negotiate(&self, token: &str, id: &str, lifetime: Duration, most: usize) -> bool {
        let mut ids = self.0.lock();
        ids.forget_expired();
        if ids.waiting.len() >= most {
            return false;
        }
        let (number, token) = (ids.next_number, Arc::<str>::from(token));
        ids.next_number += 1;
        ids.by_token.insert(token.clone(), Entry::Negotiated { id: id.into(), number });
        ids.waiting.insert(number, (Instant::now() + lifetime, token));
        true
    }

    /// What the token stands for. A negotiation becomes a WebSocket.
    pub(crate) fn open_websocket(&self, token: &str) -> Known {
        let mut ids = self.0.lock();
        ids.forget_expired();
        let known = ids.look(token);
        if let Known::Negotiated(_) = known {
            ids.put(token, Entry::WebSocket);
        }
        known
    }

    /// What the token stands for. A negotiation becomes what is made of it.
    pub(crate) fn open_link(&self, token: &str, make: impl FnOnce(&str) -> Arc<Link>) -> Known {
        let mut ids = self.0.lock();
        ids.forget_expired();
        let known = ids.look(token);
        let Known::Negotiated(id) = &known else { return known };
        let link = make(id);
        ids.put(token, Entry::Link(link.clone()));
        Known::Link(link)
    }

    pub(crate) fn look(&self, token: &str) -> Known {
        let mut ids = self.0.lock();
        ids.forget_expired();
        ids.look(token)
    }

    /// Forgets the id of a connection that ended.
    pub(crate) fn remove(&self, token: &str) {
        let removed = self.0.lock().by_token.remove(token);
        drop(removed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(15);

    #[tokio::test(start_paused = true)]
    async fn ten_thousand_negotiations_that_nobody_uses_stay_bounded() {
        let registry = Registry::default();
        let taken = |from: usize| {
            (from..from + 10_000)
                .filter(|number| registry.negotiate(&number.to_string(), "id", LIFETIME, 100))
                .count()
        };
        assert_eq!(taken(0), 100, "no more than the limit");
        assert_eq!(registry.0.lock().by_token.len(), 100);
        tokio::time::advance(LIFETIME).await;
        assert!(matches!(registry.look("0"), Known::Nothing), "they end by themselves");
        assert!(registry.0.lock().by_token.is_empty());
        assert_eq!(taken(10_000), 100, "and make room");
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_is_used_once_and_lives_as_long_as_its_connection() {
        let registry = Registry::default();
        assert!(registry.negotiate("token", "id", LIFETIME, 1));
        assert!(matches!(registry.open_websocket("token"), Known::Negotiated(id) if *id == *"id"));
        assert!(matches!(registry.open_websocket("token"), Known::WebSocket));
        assert!(registry.negotiate("other", "id", LIFETIME, 1), "a connection takes no negotiation's room");
        tokio::time::advance(LIFETIME).await;
        assert!(matches!(registry.look("token"), Known::WebSocket));
        registry.remove("token");
        assert!(matches!(registry.look("token"), Known::Nothing));
    }

    #[test]
    fn an_id_is_22_characters_that_need_no_escape() {
        let id = random_id().unwrap();
        assert_eq!(id.len(), 22);
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
    }
}
