-- The first tables of the store. The twin for SQLite beside it has the same tables, columns and keys.
--
-- Ids are UUIDv7, times microseconds since the epoch, money whole pico-dollars, lists and records JSON text.
-- Every enumeration and every limit of the product stands here as a CHECK: the database refuses what the program
-- must never write.

CREATE TABLE users (
    id UUID NOT NULL PRIMARY KEY,
    email TEXT NOT NULL CHECK (char_length(email) BETWEEN 1 AND 320),
    -- The address in lower-case ASCII: what makes it unique.
    email_key TEXT NOT NULL CONSTRAINT users_email_key_unique UNIQUE,
    name TEXT NOT NULL CHECK (char_length(name) <= 200),
    locale TEXT CHECK (char_length(locale) <= 35),
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
    role TEXT NOT NULL CHECK (role IN ('user', 'admin')),
    -- Who an external identity provider says the user is.
    issuer TEXT,
    subject TEXT,
    created_at BIGINT NOT NULL,
    CONSTRAINT users_identity_unique UNIQUE (issuer, subject),
    CONSTRAINT users_identity_is_whole CHECK ((issuer IS NULL) = (subject IS NULL))
);

CREATE TABLE groups (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    created_at BIGINT NOT NULL
);

CREATE TABLE memberships (
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id UUID NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
    role TEXT NOT NULL CHECK (role IN ('member', 'admin')),
    status TEXT NOT NULL CHECK (status IN ('active', 'pending')),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, group_id)
);
CREATE INDEX memberships_group ON memberships (group_id);

CREATE TABLE api_keys (
    id UUID NOT NULL PRIMARY KEY,
    public_id TEXT NOT NULL CONSTRAINT api_keys_public_id_unique UNIQUE CHECK (char_length(public_id) = 12),
    secret_hash BYTEA NOT NULL CHECK (octet_length(secret_hash) = 32),
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- A key bound to a group dies with it: unbound it would open more than before.
    group_id UUID REFERENCES groups (id) ON DELETE CASCADE,
    name TEXT NOT NULL CHECK (char_length(name) <= 200),
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    last_used_at BIGINT
);
CREATE INDEX api_keys_user ON api_keys (user_id, id);
CREATE INDEX api_keys_group ON api_keys (group_id);

CREATE TABLE tools (
    id UUID NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL CONSTRAINT tools_slug_unique UNIQUE CHECK (char_length(slug) BETWEEN 1 AND 100),
    type TEXT NOT NULL CHECK (type IN ('chat', 'product')),
    origin TEXT NOT NULL CHECK (origin IN ('file', 'posted')),
    -- A tool without its group would be everyone's, so the group cannot go before it.
    group_id UUID REFERENCES groups (id) ON DELETE RESTRICT,
    owner_id UUID REFERENCES users (id) ON DELETE SET NULL,
    enabled BOOLEAN NOT NULL,
    -- The ordinal of the newest version.
    latest_ordinal BIGINT NOT NULL CHECK (latest_ordinal >= 0),
    created_at BIGINT NOT NULL
);
CREATE INDEX tools_group ON tools (group_id);
CREATE INDEX tools_owner ON tools (owner_id);

CREATE TABLE tool_versions (
    id UUID NOT NULL PRIMARY KEY,
    tool_id UUID NOT NULL REFERENCES tools (id) ON DELETE RESTRICT,
    ordinal BIGINT NOT NULL CHECK (ordinal >= 1),
    version TEXT NOT NULL CHECK (char_length(version) BETWEEN 1 AND 100),
    title TEXT NOT NULL,
    definition TEXT NOT NULL,
    content_hash TEXT NOT NULL CHECK (char_length(content_hash) = 64),
    created_by UUID REFERENCES users (id) ON DELETE SET NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT tool_versions_version_unique UNIQUE (tool_id, version),
    CONSTRAINT tool_versions_ordinal_unique UNIQUE (tool_id, ordinal)
);
CREATE INDEX tool_versions_created_by ON tool_versions (created_by);

-- Renewing a lease touches no indexed column, so with room in the page it stays in the page.
CREATE TABLE sessions (
    id UUID NOT NULL PRIMARY KEY,
    tool_id UUID NOT NULL REFERENCES tools (id) ON DELETE RESTRICT,
    tool_version_id UUID NOT NULL REFERENCES tool_versions (id) ON DELETE RESTRICT,
    user_id UUID NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    group_id UUID REFERENCES groups (id) ON DELETE SET NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'completed')),
    title TEXT CHECK (char_length(title) <= 200),
    next_seq BIGINT NOT NULL CHECK (next_seq >= 1),
    -- The lock of the running turn: whose it is, and until when on the database's clock.
    active_turn_id UUID,
    lease_until BIGINT,
    parent_session_id UUID REFERENCES sessions (id) ON DELETE SET NULL,
    fork_from_seq BIGINT CHECK (fork_from_seq >= 1),
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    last_activity_at BIGINT NOT NULL,
    deleted_at BIGINT,
    CONSTRAINT sessions_lease_is_whole CHECK ((active_turn_id IS NULL) = (lease_until IS NULL)),
    CONSTRAINT sessions_end_with_completion CHECK ((state = 'completed') = (ended_at IS NOT NULL)),
    CONSTRAINT sessions_are_not_their_parent CHECK (parent_session_id <> id),
    CONSTRAINT sessions_fork_from_a_message CHECK (parent_session_id IS NULL OR fork_from_seq IS NOT NULL)
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX sessions_active_turn ON sessions (active_turn_id) WHERE active_turn_id IS NOT NULL;
CREATE INDEX sessions_user_activity ON sessions (user_id, last_activity_at DESC, id);
CREATE INDEX sessions_group_activity ON sessions (group_id, last_activity_at DESC, id) WHERE group_id IS NOT NULL;
CREATE INDEX sessions_activity ON sessions (last_activity_at DESC, id);
CREATE INDEX sessions_tool ON sessions (tool_id);
CREATE INDEX sessions_tool_version ON sessions (tool_version_id);
CREATE INDEX sessions_parent ON sessions (parent_session_id) WHERE parent_session_id IS NOT NULL;

-- A turn names its two messages without a foreign key: they name it with one, and come after it.
CREATE TABLE turns (
    id UUID NOT NULL PRIMARY KEY,
    session_id UUID NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    user_message_id UUID NOT NULL,
    assistant_message_id UUID NOT NULL,
    assistant_seq BIGINT NOT NULL CHECK (assistant_seq >= 2),
    status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'cancelled', 'failed', 'interrupted')),
    owner UUID NOT NULL,
    model TEXT NOT NULL,
    cancel_requested BOOLEAN NOT NULL,
    failure_code TEXT CHECK (failure_code IN (
        'upstream_rate_limited', 'upstream_busy', 'upstream_unavailable', 'model_unavailable',
        'upstream_timeout', 'context_length_exceeded', 'content_moderated', 'upstream_invalid_request',
        'upstream_invalid_response', 'upstream_interrupted', 'empty_response', 'upstream_authentication',
        'upstream_payment_required', 'internal'
    )),
    failure_detail TEXT,
    failure_retry_after_us BIGINT CHECK (failure_retry_after_us >= 0),
    finish_reason TEXT,
    context TEXT,
    idempotency_key TEXT CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
    body_hash TEXT CHECK (char_length(body_hash) = 64),
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    CONSTRAINT turns_key_unique UNIQUE (session_id, idempotency_key),
    CONSTRAINT turns_key_is_whole CHECK ((idempotency_key IS NULL) = (body_hash IS NULL)),
    CONSTRAINT turns_run_until_they_end CHECK ((status = 'running') = (ended_at IS NULL)),
    CONSTRAINT turns_failure_is_whole CHECK ((failure_code IS NULL) = (failure_detail IS NULL))
);
-- The second net under the lease of the session row.
CREATE UNIQUE INDEX turns_running ON turns (session_id) WHERE status = 'running';

CREATE TABLE messages (
    id UUID NOT NULL PRIMARY KEY,
    session_id UUID NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    turn_id UUID REFERENCES turns (id) ON DELETE SET NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system')),
    seq BIGINT NOT NULL CHECK (seq >= 1),
    status TEXT NOT NULL CHECK (status IN ('pending', 'completed', 'cancelled', 'interrupted', 'failed')),
    content TEXT NOT NULL,
    parts TEXT NOT NULL,
    reasoning_details TEXT,
    meta TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT messages_seq_unique UNIQUE (session_id, seq),
    CONSTRAINT messages_only_answers_wait CHECK (role = 'assistant' OR status = 'completed')
);
CREATE INDEX messages_turn ON messages (turn_id) WHERE turn_id IS NOT NULL;

-- The text of running turns. Its position counts the characters of the turn before it.
CREATE TABLE segments (
    turn_id UUID NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    position BIGINT NOT NULL CHECK (position >= 0),
    kind TEXT NOT NULL CHECK (kind IN ('text', 'reasoning')),
    text TEXT NOT NULL,
    PRIMARY KEY (turn_id, position)
);

CREATE TABLE message_attachments (
    id UUID NOT NULL PRIMARY KEY,
    message_id UUID NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    filename TEXT NOT NULL CHECK (char_length(filename) BETWEEN 1 AND 255),
    mime_type TEXT NOT NULL CHECK (char_length(mime_type) BETWEEN 1 AND 100),
    size BIGINT NOT NULL CHECK (size >= 0),
    storage_provider TEXT NOT NULL CHECK (storage_provider IN ('local', 's3', 'gcs', 'url')),
    storage_key TEXT NOT NULL CHECK (char_length(storage_key) BETWEEN 1 AND 500),
    meta TEXT NOT NULL,
    uploaded_at BIGINT NOT NULL,
    deleted_at BIGINT
);
CREATE INDEX message_attachments_message ON message_attachments (message_id, id);
CREATE INDEX message_attachments_mime_type ON message_attachments (mime_type);
CREATE INDEX message_attachments_deleted ON message_attachments (deleted_at) WHERE deleted_at IS NOT NULL;

-- Prices are pico-dollars per token, request, image or search; an unknown one is null, never zero.
CREATE TABLE ai_models (
    id TEXT NOT NULL PRIMARY KEY CHECK (char_length(id) BETWEEN 1 AND 200),
    canonical_slug TEXT,
    name TEXT NOT NULL,
    context_length BIGINT CHECK (context_length >= 0),
    max_completion_tokens BIGINT CHECK (max_completion_tokens >= 0),
    input_modalities TEXT NOT NULL,
    output_modalities TEXT NOT NULL,
    supported_parameters TEXT NOT NULL,
    prompt_price BIGINT CHECK (prompt_price >= 0),
    completion_price BIGINT CHECK (completion_price >= 0),
    cache_read_price BIGINT CHECK (cache_read_price >= 0),
    cache_write_price BIGINT CHECK (cache_write_price >= 0),
    internal_reasoning_price BIGINT CHECK (internal_reasoning_price >= 0),
    request_price BIGINT CHECK (request_price >= 0),
    image_price BIGINT CHECK (image_price >= 0),
    web_search_price BIGINT CHECK (web_search_price >= 0),
    price_overrides TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    restricted BOOLEAN NOT NULL,
    -- A model without its group could be everyone's, so the group cannot go before it.
    group_id UUID REFERENCES groups (id) ON DELETE RESTRICT,
    millichars_per_token BIGINT CHECK (millichars_per_token > 0),
    listed_at BIGINT NOT NULL
);
CREATE INDEX ai_models_group ON ai_models (group_id) WHERE group_id IS NOT NULL;

-- The ledger: one row for each upstream request. Rows are never deleted; who and what they point at may be.
CREATE TABLE ai_usage (
    id UUID NOT NULL PRIMARY KEY,
    user_id UUID REFERENCES users (id) ON DELETE SET NULL,
    group_id UUID REFERENCES groups (id) ON DELETE SET NULL,
    tool_id UUID REFERENCES tools (id) ON DELETE SET NULL,
    session_id UUID REFERENCES sessions (id) ON DELETE SET NULL,
    turn_id UUID REFERENCES turns (id) ON DELETE SET NULL,
    message_id UUID REFERENCES messages (id) ON DELETE SET NULL,
    api_key_id UUID REFERENCES api_keys (id) ON DELETE SET NULL,
    -- Of a request without a turn: who runs it, and until when on the database's clock.
    owner UUID,
    lease_until BIGINT,
    purpose TEXT NOT NULL CHECK (purpose IN ('chat', 'completion')),
    attempt BIGINT NOT NULL CHECK (attempt >= 1),
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
    input_tokens BIGINT CHECK (input_tokens >= 0),
    output_tokens BIGINT CHECK (output_tokens >= 0),
    total_tokens BIGINT GENERATED ALWAYS AS (input_tokens + output_tokens) STORED,
    cached_tokens BIGINT CHECK (cached_tokens >= 0),
    cache_write_tokens BIGINT CHECK (cache_write_tokens >= 0),
    reasoning_tokens BIGINT CHECK (reasoning_tokens >= 0),
    estimated_input_tokens BIGINT NOT NULL CHECK (estimated_input_tokens >= 0),
    cost BIGINT,
    basis TEXT CHECK (basis IN ('reported', 'looked_up', 'calculated', 'estimated', 'pending', 'unknown')),
    reported_cost BIGINT,
    calculated_cost BIGINT,
    prices TEXT,
    time_to_first_token_us BIGINT CHECK (time_to_first_token_us >= 0),
    duration_us BIGINT CHECK (duration_us >= 0),
    created_at BIGINT NOT NULL,
    closed_at BIGINT,
    next_lookup_at BIGINT,
    lookups BIGINT NOT NULL DEFAULT 0 CHECK (lookups >= 0),
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
);
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
