//! What ties nodes together, as the config has it: a gate on Redis, a bus on Redis or PostgreSQL, or none for one node.
//! The only place that names Redis.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use boxoffice_engine::bus::{Bus, InProcessBus};
use boxoffice_engine::gate::{Gate, LocalGate};
use boxoffice_engine::store::Store;
use boxoffice_postgres::PostgresBus;
use boxoffice_redis::{Address, OnFailure, Options, RedisBus, RedisGate};

use crate::config::{self, Config};

/// What stands for no server at all.
const MEMORY: &str = "memory";

/// What is wrong with the address of a bus, if something is. It never repeats the address.
pub(crate) fn bus_fault(address: &str) -> Option<String> {
    if address.is_empty() {
        return None;
    }
    if config::is_postgres(address) {
        return boxoffice_postgres::Address::parse(address).err().map(|fault| fault.to_string());
    }
    fault(address).map(|fault| fault.replace("of a Redis", "of a Redis or a PostgreSQL"))
}

/// What is wrong with the address of a gate, if something is. It never repeats the address.
pub(crate) fn fault(address: &str) -> Option<String> {
    let fault = address.parse::<Address>().err().filter(|_| address != MEMORY)?;
    Some(format!("it must be memory or the address of a Redis: {fault}"))
}

/// Whether names of keys and channels can begin with it.
pub(crate) fn is_prefix(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(plain)
}

/// Begins to connect to what the config names. Nothing is waited for: a node starts without them.
pub(crate) fn open(config: &Config, store: &Arc<dyn Store>) -> anyhow::Result<(Arc<dyn Gate>, Arc<dyn Bus>)> {
    let gate = config.main.gate.as_str();
    let bus = match config.main.bus.as_str() {
        "" if gate == MEMORY && !store.is_exclusive() => config.main.store.as_str(),
        "" => gate,
        given => given,
    };
    if store.is_exclusive() && (gate, bus) != (MEMORY, MEMORY) {
        tracing::warn!(
            "this store has one node, which needs neither gate nor bus: each hold asks Redis for nothing"
        );
    }
    let redis = &config.redis;
    let ca = match redis.ca_file.as_str() {
        "" => None,
        file => Some(std::fs::read(file).with_context(|| format!("redis.ca_file: {file} cannot be read"))?),
    };
    let options = Options {
        prefix: redis.prefix.clone(),
        timeout: Duration::from_millis(redis.gate_timeout_ms),
        ca,
        ..Options::default()
    };
    let on_failure = if redis.gate_on_failure == "refuse" { OnFailure::Refuse } else { OnFailure::Admit };
    let gate: Arc<dyn Gate> = match gate {
        MEMORY => Arc::new(LocalGate),
        address => {
            let address: Address = address.parse().context("gate")?;
            tracing::info!(%address, "the gate");
            Arc::new(RedisGate::start(address, options.clone(), on_failure).context("gate")?)
        }
    };
    let bus: Arc<dyn Bus> = match bus {
        MEMORY => Arc::new(InProcessBus::default()),
        address => {
            let store = Arc::clone(store);
            let epoch = Arc::new(move || store.epoch());
            if config::is_postgres(address) {
                let address = boxoffice_postgres::Address::parse(address).context("bus")?;
                tracing::info!(%address, "the bus");
                Arc::new(PostgresBus::start(address, epoch).context("bus")?)
            } else {
                let address: Address = address.parse().context("bus")?;
                tracing::info!(%address, "the bus");
                Arc::new(RedisBus::start(address, options, epoch).context("bus")?)
            }
        }
    };
    Ok((gate, bus))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_memory_or_redis() {
        for good in ["memory", "redis://a", "rediss://me:secret@a,b:7000", "redis+sentinel://tickets@a"] {
            assert_eq!(fault(good), None, "{good}");
        }
        for bad in ["", "redis", "postgres://me:secret@a", "redis://me:se/cret@a"] {
            assert!(fault(bad).is_some_and(|why| !why.contains("secret")), "{bad}");
        }
        for good in ["", "memory", "redis://a", "postgres://me:secret@a,b/sales?sslmode=require"] {
            assert_eq!(bus_fault(good), None, "{good}");
        }
        for bad in ["nats://a", "postgres://me:secret@a/sales?sslmode=often"] {
            assert!(bus_fault(bad).is_some_and(|why| !why.contains("secret")), "{bad}");
        }
        assert!(is_prefix("boxoffice") && is_prefix("chain-1:test"));
        assert!(!is_prefix("") && !is_prefix("a{b}") && !is_prefix("a b"));
    }
}
