-- Limits of what a user, a group or an API key may spend, and what was spent.

-- One for each subject, under the subject's own id.
CREATE TABLE budgets (
    id UUID NOT NULL PRIMARY KEY,
    user_id UUID REFERENCES users (id) ON DELETE CASCADE,
    group_id UUID REFERENCES groups (id) ON DELETE CASCADE,
    api_key_id UUID REFERENCES api_keys (id) ON DELETE CASCADE,
    period TEXT NOT NULL CHECK (period IN ('day', 'month')),
    amount BIGINT NOT NULL CHECK (amount BETWEEN 0 AND 1000000000000000000),
    CONSTRAINT budgets_have_one_subject CHECK (
        (CASE WHEN user_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN group_id IS NULL THEN 0 ELSE 1 END)
            + (CASE WHEN api_key_id IS NULL THEN 0 ELSE 1 END) = 1
        AND id = COALESCE(user_id, group_id, api_key_id)
    )
);
CREATE INDEX budgets_user ON budgets (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX budgets_group ON budgets (group_id) WHERE group_id IS NOT NULL;
CREATE INDEX budgets_api_key ON budgets (api_key_id) WHERE api_key_id IS NOT NULL;

-- What the requests of a day or month cost, and what is held back for those without a cost.
CREATE TABLE budget_windows (
    budget_id UUID NOT NULL REFERENCES budgets (id) ON DELETE CASCADE,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL CHECK (ends_at > starts_at),
    spent BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    PRIMARY KEY (budget_id, starts_at)
);

-- What was reserved for the request, where a budget applied. It is held back while the row has no cost.
ALTER TABLE ai_usage ADD COLUMN reserved BIGINT CHECK (reserved >= 0);
