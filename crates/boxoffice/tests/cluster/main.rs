//! A whole cluster with real servers: three nodes over one PostgreSQL and one Redis Cluster, what breaks in it, and what
//! must hold all the same. Left out where a server is missing.

mod buyers;
mod faults;
mod follower;
mod herd;
mod nodes;
mod rolling;
mod round_robin;
mod script;
#[path = "../server/support.rs"]
mod server;
mod servers;
mod wire;
