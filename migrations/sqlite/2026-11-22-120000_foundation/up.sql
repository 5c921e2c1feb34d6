-- The first tables of the store. The twin for PostgreSQL beside it has the same tables, columns and keys.
--
-- Ids are UUIDv7, times microseconds since the epoch, money whole pico-dollars, lists and records JSON text.
-- Every enumeration and every limit of the product stands here as a CHECK: the database refuses what the program
-- must never write.

CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    email TEXT NOT NULL CHECK (length(email) BETWEEN 1 AND 320),
    -- The address in lower-case ASCII: what makes it unique.
    email_key TEXT NOT NULL CONSTRAINT users_email_key_unique UNIQUE,
    name TEXT NOT NULL CHECK (length(name) <= 200),
    locale TEXT CHECK (length(locale) <= 35),
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    role TEXT NOT NULL CHECK (role IN ('user', 'admin')),
    -- Who an external identity provider says the user is.
    issuer TEXT,
    subject TEXT,
    created_at INTEGER NOT NULL,
    CONSTRAINT users_identity_unique UNIQUE (issuer, subject),
    CONSTRAINT users_identity_is_whole CHECK ((issuer IS NULL) = (subject IS NULL))
) STRICT;

CREATE TABLE groups (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE memberships (
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id BLOB NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('member', 'admin')),
    status TEXT NOT NULL CHECK (status IN ('active', 'pending')),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_group ON memberships (group_id);

CREATE TABLE api_keys (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    public_id TEXT NOT NULL CONSTRAINT api_keys_public_id_unique UNIQUE CHECK (length(public_id) = 12),
    secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- A key bound to a group dies with it: unbound it would open more than before.
    group_id BLOB REFERENCES groups (id) ON DELETE CASCADE,
    name TEXT NOT NULL CHECK (length(name) <= 200),
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT;
CREATE INDEX api_keys_user ON api_keys (user_id, id);
CREATE INDEX api_keys_group ON api_keys (group_id);

CREATE TABLE tools (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    slug TEXT NOT NULL CONSTRAINT tools_slug_unique UNIQUE CHECK (length(slug) BETWEEN 1 AND 100),
    type TEXT NOT NULL CHECK (type IN ('chat', 'product')),
    origin TEXT NOT NULL CHECK (origin IN ('file', 'posted')),
    -- A tool without its group would be everyone's, so the group cannot go before it.
    group_id BLOB REFERENCES groups (id) ON DELETE RESTRICT,
    owner_id BLOB REFERENCES users (id) ON DELETE SET NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    -- The ordinal of the newest version.
    latest_ordinal INTEGER NOT NULL CHECK (latest_ordinal >= 0),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX tools_group ON tools (group_id);
CREATE INDEX tools_owner ON tools (owner_id);

CREATE TABLE tool_versions (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    tool_id BLOB NOT NULL REFERENCES tools (id) ON DELETE RESTRICT,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    version TEXT NOT NULL CHECK (length(version) BETWEEN 1 AND 100),
    title TEXT NOT NULL,
    definition TEXT NOT NULL,
    content_hash TEXT NOT NULL CHECK (length(content_hash) = 64),
    created_by BLOB REFERENCES users (id) ON DELETE SET NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT tool_versions_version_unique UNIQUE (tool_id, version),
    CONSTRAINT tool_versions_ordinal_unique UNIQUE (tool_id, ordinal)
) STRICT;
CREATE INDEX tool_versions_created_by ON tool_versions (created_by);

CREATE TABLE sessions (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    tool_id BLOB NOT NULL REFERENCES tools (id) ON DELETE RESTRICT,
    tool_version_id BLOB NOT NULL REFERENCES tool_versions (id) ON DELETE RESTRICT,
    user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id BLOB REFERENCES groups (id) ON DELETE SET NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'completed')),
    title TEXT CHECK (length(title) <= 200),
    next_seq INTEGER NOT NULL CHECK (next_seq >= 1),
    -- The lock of the running turn: whose it is, and until when on the database's clock.
    active_turn_id BLOB,
    lease_until INTEGER,
    parent_session_id BLOB REFERENCES sessions (id) ON DELETE SET NULL,
    fork_from_seq INTEGER CHECK (fork_from_seq >= 1),
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    last_activity_at INTEGER NOT NULL,
    deleted_at INTEGER,
    CONSTRAINT sessions_lease_is_whole CHECK ((active_turn_id IS NULL) = (lease_until IS NULL)),
    CONSTRAINT sessions_end_with_completion CHECK ((state = 'completed') = (ended_at IS NOT NULL)),
    CONSTRAINT sessions_are_not_their_parent CHECK (parent_session_id <> id),
    CONSTRAINT sessions_fork_from_a_message CHECK (parent_session_id IS NULL OR fork_from_seq IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX sessions_active_turn ON sessions (active_turn_id) WHERE active_turn_id IS NOT NULL;
CREATE INDEX sessions_user_activity ON sessions (user_id, last_activity_at DESC, id);
CREATE INDEX sessions_group_activity ON sessions (group_id, last_activity_at DESC, id) WHERE group_id IS NOT NULL;
CREATE INDEX sessions_activity ON sessions (last_activity_at DESC, id);
CREATE INDEX sessions_tool ON sessions (tool_id);
CREATE INDEX sessions_tool_version ON sessions (tool_version_id);
CREATE INDEX sessions_parent ON sessions (parent_session_id) WHERE parent_session_id IS NOT NULL;

-- A turn names its two messages without a foreign key: they name it with one, and come after it.
CREATE TABLE turns (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_message_id BLOB NOT NULL,
    assistant_message_id BLOB NOT NULL,
    assistant_seq INTEGER NOT NULL CHECK (assistant_seq >= 2),
    status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'cancelled', 'failed', 'interrupted')),
    owner BLOB NOT NULL,
    model TEXT NOT NULL,
    cancel_requested INTEGER NOT NULL CHECK (cancel_requested IN (0, 1)),
    failure_code TEXT CHECK (failure_code IN (
        'upstream_rate_limited', 'upstream_busy', 'upstream_unavailable', 'model_unavailable',
        'upstream_timeout', 'context_length_exceeded', 'content_moderated', 'upstream_invalid_request',
        'upstream_invalid_response', 'upstream_interrupted', 'empty_response', 'upstream_authentication',
        'upstream_payment_required', 'internal'
    )),
    failure_detail TEXT,
    failure_retry_after_us INTEGER CHECK (failure_retry_after_us >= 0),
    finish_reason TEXT,
    context TEXT,
    idempotency_key TEXT CHECK (length(idempotency_key) BETWEEN 1 AND 255),
    body_hash TEXT CHECK (length(body_hash) = 64),
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    CONSTRAINT turns_key_unique UNIQUE (session_id, idempotency_key),
    CONSTRAINT turns_key_is_whole CHECK ((idempotency_key IS NULL) = (body_hash IS NULL)),
    CONSTRAINT turns_run_until_they_end CHECK ((status = 'running') = (ended_at IS NULL)),
    CONSTRAINT turns_failure_is_whole CHECK ((failure_code IS NULL) = (failure_detail IS NULL))
) STRICT;
-- The second net under the lease of the session row.
CREATE UNIQUE INDEX turns_running ON turns (session_id) WHERE status = 'running';

CREATE TABLE messages (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    session_id BLOB NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    turn_id BLOB REFERENCES turns (id) ON DELETE SET NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system')),
    seq INTEGER NOT NULL CHECK (seq >= 1),
    status TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'cancelled', 'interrupted', 'failed')),
    content TEXT NOT NULL,
    parts TEXT NOT NULL,
    reasoning_details TEXT,
    meta TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    CONSTRAINT messages_seq_unique UNIQUE (session_id, seq),
    CONSTRAINT messages_only_answers_wait CHECK (role = 'assistant' OR status = 'completed')
) STRICT;
CREATE INDEX messages_turn ON messages (turn_id) WHERE turn_id IS NOT NULL;

-- The text of running turns. Its position counts the characters of the turn before it.
CREATE TABLE segments (
    turn_id BLOB NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    position INTEGER NOT NULL CHECK (position >= 0),
    kind TEXT NOT NULL CHECK (kind IN ('text', 'reasoning')),
    text TEXT NOT NULL,
    PRIMARY KEY (turn_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE message_attachments (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    message_id BLOB NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    filename TEXT NOT NULL CHECK (length(filename) BETWEEN 1 AND 255),
    mime_type TEXT NOT NULL CHECK (length(mime_type) BETWEEN 1 AND 100),
    size INTEGER NOT NULL CHECK (size >= 0),
    storage_provider TEXT NOT NULL CHECK (storage_provider IN ('local', 's3', 'gcs', 'url')),
    storage_key TEXT NOT NULL CHECK (length(storage_key) BETWEEN 1 AND 500),
    meta TEXT NOT NULL,
    uploaded_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE INDEX message_attachments_message ON message_attachments (message_id, id);
CREATE INDEX message_attachments_mime_type ON message_attachments (mime_type);
CREATE INDEX message_attachments_deleted ON message_attachments (deleted_at) WHERE deleted_at IS NOT NULL;

-- Prices are pico-dollars per token, request, image or search; an unknown one is null, never zero.
CREATE TABLE ai_models (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 200),
    canonical_slug TEXT,
    name TEXT NOT NULL,
    context_length INTEGER CHECK (context_length >= 0),
    max_completion_tokens INTEGER CHECK (max_completion_tokens >= 0),
    input_modalities TEXT NOT NULL,
    output_modalities TEXT NOT NULL,
    supported_parameters TEXT NOT NULL,
    prompt_price INTEGER CHECK (prompt_price >= 0),
    completion_price INTEGER CHECK (completion_price >= 0),
    cache_read_price INTEGER CHECK (cache_read_price >= 0),
    cache_write_price INTEGER CHECK (cache_write_price >= 0),
    internal_reasoning_price INTEGER CHECK (internal_reasoning_price >= 0),
    request_price INTEGER CHECK (request_price >= 0),
    image_price INTEGER CHECK (image_price >= 0),
    web_search_price INTEGER CHECK (web_search_price >= 0),
    price_overrides TEXT NOT NULL,
    enabled INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    restricted INTEGER NOT NULL CHECK (restricted IN (0, 1)),
    -- A model without its group could be everyone's, so the group cannot go before it.
    group_id BLOB REFERENCES groups (id) ON DELETE RESTRICT,
    millichars_per_token INTEGER CHECK (millichars_per_token > 0),
    listed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ai_models_group ON ai_models (group_id) WHERE group_id IS NOT NULL;

-- The ledger: one row for each upstream request. Rows are never deleted; who and what they point at may be.
CREATE TABLE ai_usage (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    user_id BLOB REFERENCES users (id) ON DELETE SET NULL,
    group_id BLOB REFERENCES groups (id) ON DELETE SET NULL,
    tool_id BLOB REFERENCES tools (id) ON DELETE SET NULL,
    session_id BLOB REFERENCES sessions (id) ON DELETE SET NULL,
    turn_id BLOB REFERENCES turns (id) ON DELETE SET NULL,
    message_id BLOB REFERENCES messages (id) ON DELETE SET NULL,
    api_key_id BLOB REFERENCES api_keys (id) ON DELETE SET NULL,
    -- Of a request without a turn: who runs it, and until when on the database's clock.
    owner BLOB,
    lease_until INTEGER,
    purpose TEXT NOT NULL CHECK (purpose IN ('chat', 'completion')),
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    model TEXT NOT NULL,
    model_served TEXT,
    provider TEXT,
    generation_id TEXT,
    state TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    outcome TEXT CHECK (outcome IN ('completed', 'cancelled', 'failed', 'interrupted')),
    failure_code TEXT CHECK (failure_code IN (
        'upstream_rate_limited', 'upstream_busy', 'upstream_unavailable', 'model_unavailable',
        'upstream_timeout', 'context_length_exceeded', 'content_moderated', 'upstream_invalid_request',
        'upstream_invalid_response', 'upstream_interrupted', 'empty_response', 'upstream_authentication',
        'upstream_payment_required', 'internal'
    )),
    input_tokens INTEGER CHECK (input_tokens >= 0),
    output_tokens INTEGER CHECK (output_tokens >= 0),
    total_tokens INTEGER GENERATED ALWAYS AS (input_tokens + output_tokens) STORED,
    cached_tokens INTEGER CHECK (cached_tokens >= 0),
    cache_write_tokens INTEGER CHECK (cache_write_tokens >= 0),
    reasoning_tokens INTEGER CHECK (reasoning_tokens >= 0),
    estimated_input_tokens INTEGER NOT NULL CHECK (estimated_input_tokens >= 0),
    cost INTEGER,
    basis TEXT CHECK (basis IN ('reported', 'looked_up', 'calculated', 'estimated', 'pending', 'unknown')),
    reported_cost INTEGER,
    calculated_cost INTEGER,
    prices TEXT,
    time_to_first_token_us INTEGER CHECK (time_to_first_token_us >= 0),
    duration_us INTEGER CHECK (duration_us >= 0),
    created_at INTEGER NOT NULL,
    closed_at INTEGER,
    next_lookup_at INTEGER,
    lookups INTEGER NOT NULL DEFAULT 0 CHECK (lookups >= 0),
    CONSTRAINT ai_usage_lease_is_whole CHECK ((owner IS NULL) = (lease_until IS NULL)),
    CONSTRAINT ai_usage_closes_whole CHECK (
        (state = 'closed') = (closed_at IS NOT NULL)
        AND (state = 'closed') = (outcome IS NOT NULL)
        AND (state = 'closed') = (basis IS NOT NULL)
    ),
    -- Unknown is never zero, and what is known has an amount.
    CONSTRAINT ai_usage_basis_fits_cost CHECK (
        basis IS NULL OR basis = 'pending' OR (basis = 'unknown') = (cost IS NULL)
    ),
    CONSTRAINT ai_usage_pending_is_looked_up CHECK (next_lookup_at IS NULL OR basis = 'pending')
) STRICT;
CREATE INDEX ai_usage_created ON ai_usage (created_at, id);
CREATE INDEX ai_usage_user ON ai_usage (user_id, created_at) WHERE user_id IS NOT NULL;
CREATE INDEX ai_usage_group ON ai_usage (group_id, created_at) WHERE group_id IS NOT NULL;
CREATE INDEX ai_usage_tool ON ai_usage (tool_id, created_at) WHERE tool_id IS NOT NULL;
CREATE INDEX ai_usage_model ON ai_usage (model, created_at);
CREATE INDEX ai_usage_session ON ai_usage (session_id, created_at) WHERE session_id IS NOT NULL;
CREATE INDEX ai_usage_turn ON ai_usage (turn_id) WHERE turn_id IS NOT NULL;
CREATE INDEX ai_usage_message ON ai_usage (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX ai_usage_api_key ON ai_usage (api_key_id, created_at) WHERE api_key_id IS NOT NULL;
CREATE INDEX ai_usage_lookup ON ai_usage (next_lookup_at) WHERE next_lookup_at IS NOT NULL;
CREATE INDEX ai_usage_open ON ai_usage (created_at) WHERE state = 'open';
