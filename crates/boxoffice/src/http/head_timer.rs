//! The timer of a connection's heads. hyper asks for a new sleep before each request and drops it when the head is
//! there; the runtime would file each one away and take it out again. Here a connection has one sleep of the runtime
//! for its whole life: it is moved on when it fires too early, which is once in a timeout and not once in a request.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};
use parking_lot::Mutex;

/// The sleep that the runtime has, once there is one.
type Filed = Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>;

/// The timer of one connection.
#[derive(Default)]
pub(super) struct HeadTimer(Filed);

struct HeadSleep {
    until: tokio::time::Instant,
    filed: Filed,
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(Instant::now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HeadSleep { until: deadline.into(), filed: Arc::clone(&self.0) })
    }
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut filed = self.filed.lock();
        let filed = filed.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(self.until)));
        if filed.deadline() > self.until {
            filed.as_mut().reset(self.until);
        }
        loop {
            ready!(filed.as_mut().poll(context));
            if filed.deadline() >= self.until {
                return Poll::Ready(());
            }
            filed.as_mut().reset(self.until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_sleep_ends_at_its_own_time() {
        let timer = HeadTimer::default();
        let start = tokio::time::Instant::now();
        let after = |ms| (start + Duration::from_millis(ms)).into_std();
        let passed = || start.elapsed().as_millis();
        let first = timer.sleep_until(after(100));
        assert!(tokio::time::timeout(Duration::from_millis(50), first).await.is_err());
        let second = timer.sleep_until(after(150));
        second.await;
        assert_eq!(passed(), 150, "the first one's end, at 100, is passed over");
        let third = timer.sleep_until(after(400));
        assert!(tokio::time::timeout(Duration::from_millis(10), third).await.is_err());
        timer.sleep_until(after(200)).await;
        assert_eq!(passed(), 200, "a sooner one brings it forward");
        timer.sleep_until(after(190)).await;
        assert_eq!(passed(), 200, "what is over is over");
    }
}
