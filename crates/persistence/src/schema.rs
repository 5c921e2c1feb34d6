//! The tables of both databases. `cargo xtask check` compares them with the result of the migrations.

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    users (id) {
        id -> SqlId,
        email -> Text,
        email_key -> Text,
        name -> Text,
        locale -> Nullable<Text>,
        status -> Text,
        role -> Text,
        issuer -> Nullable<Text>,
        subject -> Nullable<Text>,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    groups (id) {
        id -> SqlId,
        name -> Text,
        created_at -> BigInt,
        requests_per_minute -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    memberships (user_id, group_id) {
        user_id -> SqlId,
        group_id -> SqlId,
        role -> Text,
        status -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    api_keys (id) {
        id -> SqlId,
        public_id -> Text,
        secret_hash -> Binary,
        user_id -> SqlId,
        group_id -> Nullable<SqlId>,
        name -> Text,
        scopes -> Text,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        last_used_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    tools (id) {
        id -> SqlId,
        slug -> Text,
        #[sql_name = "type"]
        tool_type -> Text,
        origin -> Text,
        group_id -> Nullable<SqlId>,
        owner_id -> Nullable<SqlId>,
        enabled -> Bool,
        latest_ordinal -> BigInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    tool_versions (id) {
        id -> SqlId,
        tool_id -> SqlId,
        ordinal -> BigInt,
        version -> Text,
        title -> Text,
        definition -> Text,
        content_hash -> Text,
        created_by -> Nullable<SqlId>,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    sessions (id) {
        id -> SqlId,
        tool_id -> SqlId,
        tool_version_id -> SqlId,
        user_id -> SqlId,
        group_id -> Nullable<SqlId>,
        state -> Text,
        title -> Nullable<Text>,
        next_seq -> BigInt,
        active_turn_id -> Nullable<SqlId>,
        lease_until -> Nullable<BigInt>,
        parent_session_id -> Nullable<SqlId>,
        fork_from_seq -> Nullable<BigInt>,
        started_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        last_activity_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
        history_from_seq -> BigInt,
        last_request -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    turns (id) {
        id -> SqlId,
        session_id -> SqlId,
        user_message_id -> SqlId,
        assistant_message_id -> SqlId,
        assistant_seq -> BigInt,
        status -> Text,
        owner -> SqlId,
        model -> Text,
        cancel_requested -> Bool,
        failure_code -> Nullable<Text>,
        failure_detail -> Nullable<Text>,
        failure_retry_after_us -> Nullable<BigInt>,
        failure_retryable -> Nullable<Bool>,
        finish_reason -> Nullable<Text>,
        context -> Nullable<Text>,
        idempotency_key -> Nullable<Text>,
        body_hash -> Nullable<Text>,
        started_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        requests -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    messages (id) {
        id -> SqlId,
        session_id -> SqlId,
        turn_id -> Nullable<SqlId>,
        role -> Text,
        seq -> BigInt,
        status -> Text,
        content -> Text,
        parts -> Text,
        reasoning_details -> Nullable<Text>,
        meta -> Text,
        superseded_by -> Nullable<BigInt>,
        created_at -> BigInt,
        withheld_from -> Nullable<BigInt>,
        accepted -> Bool,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    segments (turn_id, position) {
        turn_id -> SqlId,
        position -> BigInt,
        kind -> Text,
        text -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    message_attachments (id) {
        id -> SqlId,
        message_id -> SqlId,
        filename -> Text,
        mime_type -> Text,
        size -> Nullable<BigInt>,
        storage_provider -> Text,
        storage_key -> Text,
        meta -> Text,
        uploaded_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    ai_models (id) {
        id -> Text,
        canonical_slug -> Nullable<Text>,
        name -> Text,
        context_length -> Nullable<BigInt>,
        max_completion_tokens -> Nullable<BigInt>,
        input_modalities -> Text,
        output_modalities -> Text,
        supported_parameters -> Text,
        prompt_price -> Nullable<BigInt>,
        completion_price -> Nullable<BigInt>,
        cache_read_price -> Nullable<BigInt>,
        cache_write_price -> Nullable<BigInt>,
        internal_reasoning_price -> Nullable<BigInt>,
        request_price -> Nullable<BigInt>,
        image_price -> Nullable<BigInt>,
        web_search_price -> Nullable<BigInt>,
        price_overrides -> Text,
        enabled -> Bool,
        restricted -> Bool,
        group_id -> Nullable<SqlId>,
        millichars_per_token -> Nullable<BigInt>,
        listed_at -> BigInt,
        further_prices -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    /// Sums of the ledger rows of a period.
    usage_summaries (id) {
        id -> BigInt,
        created_at -> BigInt,
        user_id -> Nullable<SqlId>,
        group_id -> Nullable<SqlId>,
        tool_id -> Nullable<SqlId>,
        model -> Text,
        basis -> Nullable<Text>,
        requests -> BigInt,
        with_cost -> BigInt,
        with_tokens -> BigInt,
        with_estimates -> BigInt,
        cost_high -> BigInt,
        cost_low -> BigInt,
        input_tokens_high -> BigInt,
        input_tokens_low -> BigInt,
        output_tokens_high -> BigInt,
        output_tokens_low -> BigInt,
        cached_tokens_high -> BigInt,
        cached_tokens_low -> BigInt,
        cache_write_tokens_high -> BigInt,
        cache_write_tokens_low -> BigInt,
        reasoning_tokens_high -> BigInt,
        reasoning_tokens_low -> BigInt,
        cache_saved_high -> BigInt,
        cache_saved_low -> BigInt,
        compared -> BigInt,
        reported_cost_high -> BigInt,
        reported_cost_low -> BigInt,
        calculated_cost_high -> BigInt,
        calculated_cost_low -> BigInt,
    }
}

diesel::table! {
    /// End of the summaries; one row.
    usage_summary_end (ends_at) {
        ends_at -> BigInt,
    }
}

diesel::table! {
    /// Periods whose rows have changed since they were summarized.
    stale_usage_periods (starts_at) {
        starts_at -> BigInt,
    }
}

mod first_32_columns {
    diesel::table! {
        use diesel::sql_types::*;

        use crate::types::SqlId;

        ai_usage (id) {
            id -> SqlId,
            user_id -> Nullable<SqlId>,
            group_id -> Nullable<SqlId>,
            tool_id -> Nullable<SqlId>,
            session_id -> Nullable<SqlId>,
            turn_id -> Nullable<SqlId>,
            message_id -> Nullable<SqlId>,
            api_key_id -> Nullable<SqlId>,
            purpose -> Text,
            attempt -> BigInt,
            model -> Text,
            model_served -> Nullable<Text>,
            provider -> Nullable<Text>,
            generation_id -> Nullable<Text>,
            state -> Text,
            outcome -> Nullable<Text>,
            input_tokens -> Nullable<BigInt>,
            output_tokens -> Nullable<BigInt>,
            cached_tokens -> Nullable<BigInt>,
            cache_write_tokens -> Nullable<BigInt>,
            reasoning_tokens -> Nullable<BigInt>,
            estimated_input_tokens -> BigInt,
            cost -> Nullable<BigInt>,
            basis -> Nullable<Text>,
            reported_cost -> Nullable<BigInt>,
            calculated_cost -> Nullable<BigInt>,
            prices -> Nullable<Text>,
            created_at -> BigInt,
            closed_at -> Nullable<BigInt>,
            next_lookup_at -> Nullable<BigInt>,
            lookups -> BigInt,
            reserved -> Nullable<BigInt>,
        }
    }
}

/// Usage ledger. It has more than 32 columns, so the others are declared separately.
pub(crate) mod ai_usage {
    use diesel::sql_types::{BigInt, Nullable, Text};

    pub(crate) use super::first_32_columns::ai_usage::*;
    use crate::types::SqlId;

    crate::extra_columns::extra_columns! {
        ai_usage (id) {
            owner -> Nullable<SqlId>,
            lease_until -> Nullable<BigInt>,
            failure_code -> Nullable<Text>,
            total_tokens -> Nullable<BigInt>,
            time_to_first_token_us -> Nullable<BigInt>,
            duration_us -> Nullable<BigInt>,
            idempotency_key -> Nullable<Text>,
            body_hash -> Nullable<Text>,
            cache_saved -> Nullable<BigInt>,
            cache_miss -> Nullable<Text>,
        }
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    stream_tickets (hash) {
        hash -> Binary,
        session_id -> SqlId,
        user_id -> SqlId,
        api_key_id -> Nullable<SqlId>,
        turn_id -> Nullable<SqlId>,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    group_rules (group_id, position) {
        group_id -> SqlId,
        position -> BigInt,
        rule -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    user_rules (user_id, position) {
        user_id -> SqlId,
        position -> BigInt,
        rule -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    invitations (group_id, email_key) {
        group_id -> SqlId,
        email_key -> Text,
        email -> Text,
        role -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    audit_events (id) {
        id -> SqlId,
        created_at -> BigInt,
        actor_id -> Nullable<SqlId>,
        api_key_id -> Nullable<SqlId>,
        action -> Text,
        subject_type -> Text,
        subject_id -> Text,
        detail -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    budgets (id) {
        id -> SqlId,
        user_id -> Nullable<SqlId>,
        group_id -> Nullable<SqlId>,
        api_key_id -> Nullable<SqlId>,
        period -> Text,
        amount -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::SqlId;

    budget_windows (budget_id, starts_at) {
        budget_id -> SqlId,
        starts_at -> BigInt,
        ends_at -> BigInt,
        spent -> BigInt,
        reserved -> BigInt,
    }
}

diesel::joinable!(api_keys -> users (user_id));
diesel::joinable!(invitations -> groups (group_id));
diesel::joinable!(memberships -> groups (group_id));
diesel::joinable!(stream_tickets -> api_keys (api_key_id));
diesel::joinable!(stream_tickets -> users (user_id));
diesel::joinable!(tool_versions -> tools (tool_id));
diesel::joinable!(turns -> sessions (session_id));
diesel::joinable!(messages -> sessions (session_id));
diesel::joinable!(message_attachments -> messages (message_id));

// Only the tables that meet in a query: a list of all tables would have 190 pairs.
diesel::allow_tables_to_appear_in_same_query!(memberships, groups, users);
diesel::allow_tables_to_appear_in_same_query!(invitations, groups);
diesel::allow_tables_to_appear_in_same_query!(invitations, users);
diesel::allow_tables_to_appear_in_same_query!(stream_tickets, api_keys, users);
diesel::allow_tables_to_appear_in_same_query!(tool_versions, tools, sessions);
diesel::allow_tables_to_appear_in_same_query!(turns, sessions);
diesel::allow_tables_to_appear_in_same_query!(turns, segments);
diesel::allow_tables_to_appear_in_same_query!(users, sessions);
diesel::allow_tables_to_appear_in_same_query!(message_attachments, messages, sessions);
