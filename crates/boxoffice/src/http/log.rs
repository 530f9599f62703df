//! What is logged of requests: faults and slow ones always, a sample of the rest.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::response::Response;
use http::Method;

use crate::config::Log;

/// Decides which requests are worth a line, and writes it. Never tokens, keys, contacts or query strings.
#[derive(Debug)]
pub struct AccessLog {
    slow: Duration,
    sample: u64,
    seen: AtomicU64,
}

impl AccessLog {
    /// By the config.
    pub fn new(config: &Log) -> Self {
        Self { slow: Duration::from_millis(config.slow_ms), sample: config.sample, seen: AtomicU64::new(0) }
    }

    /// A request was answered.
    pub fn answered(
        &self,
        line: &(Method, Box<str>),
        response: &Response,
        code: Option<&str>,
        took: Duration,
    ) {
        let sampled =
            self.sample > 0 && self.seen.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.sample);
        let fault = response.status().is_server_error();
        let slow = took >= self.slow;
        if !(fault || slow || sampled) {
            return;
        }
        let (method, path) = (&line.0, &*line.1);
        let request_id = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
        let status = response.status().as_u16();
        let ms = took.as_secs_f64() * 1000.0;
        if fault {
            tracing::warn!(request_id, %method, path, status, code, ms, "request failed");
        } else if slow {
            tracing::warn!(request_id, %method, path, status, code, ms, "request was slow");
        } else {
            tracing::info!(request_id, %method, path, status, code, ms, sample = self.sample, "request");
        }
    }
}
