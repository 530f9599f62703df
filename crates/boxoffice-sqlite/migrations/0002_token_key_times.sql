-- made_at_ms: 0 for the first key of an empty store. revoked_at_ms: set when its tokens are no longer taken; the
-- secret stays, so that a repeated answer is the first one again.
ALTER TABLE token_key ADD COLUMN made_at_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE token_key ADD COLUMN revoked_at_ms INTEGER;
