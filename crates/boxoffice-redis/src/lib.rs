//! The gate and the bus between nodes, on Redis 7 or newer: a single server, Sentinel or a Cluster.
//!
//! Neither is ever the truth, and neither ever keeps a sale waiting. The gate sheds load: who is refused by it would
//! have lost a conflict in the store. The bus is quick: what it loses, the comparison with the store's heads finds.
//! Both start without their servers and find them when they come.

mod address;
mod bus;
mod gate;
mod lane;
mod listener;
mod shards;
mod slot;

pub use address::{Address, BadAddress};
pub use bus::RedisBus;
pub use gate::{OnFailure, RedisGate};
pub use shards::Options;
