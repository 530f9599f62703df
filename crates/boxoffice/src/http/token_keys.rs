//! Following the store's keys for tokens: commands add and revoke them while servers run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use boxoffice_engine::box_office::BoxOffice;
use boxoffice_engine::store::{StoreError, signing_key};
use tokio::sync::Mutex;

use super::auth::{Credential, Tokens};
use super::{App, Shared};

/// How often the table is read, and at most read again for a token whose key is not known.
const EVERY: Duration = Duration::from_secs(1);

/// When the table was read last. Whoever brings a token of an unknown key waits here for the one that reads.
#[derive(Debug)]
pub struct LastRead(Mutex<Instant>);

impl Default for LastRead {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

/// Reads the keys again: new ones are known and revoked ones refused from now on, and new holds get the tokens of
/// the newest that has rested.
async fn read_again(office: &BoxOffice, tokens: &Tokens) -> Result<(), StoreError> {
    let keys = office.ports().store.token_keys().await?;
    if let Some(id) = signing_key(&keys, office.now()) {
        office.sign_with(id);
    }
    tokens.replace(keys);
    Ok(())
}

/// Keeps the keys up to date until the server is gone.
pub async fn follow(app: Shared) {
    let app = Arc::downgrade(&app);
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(app) = app.upgrade() else { return };
        let mut last = app.token_keys_read.0.lock().await;
        if let Err(error) = read_again(&app.office, &app.tokens).await {
            tracing::debug!(%error, "the keys for tokens could not be read; those that are known stay");
        }
        *last = Instant::now();
    }
}

impl App {
    /// Makes sure that the key of a token is known, if there is such a key: reads the table at most once a second.
    pub async fn learn_key_of(&self, credential: &Credential) {
        let Credential::Token(token) = credential else { return };
        if self.tokens.knows_key_of(token) {
            return;
        }
        let mut last = self.token_keys_read.0.lock().await;
        if last.elapsed() < EVERY || self.tokens.knows_key_of(token) {
            return;
        }
        if let Err(error) = read_again(&self.office, &self.tokens).await {
            tracing::warn!(%error, "the keys for tokens could not be read for a token of an unknown key");
        }
        *last = Instant::now();
    }
}
