//! The tables, once for both databases; `cargo xtask check` compares them with what the migrations make.

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    users (id) {
        id -> Uid,
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

    use crate::types::Uid;

    groups (id) {
        id -> Uid,
        name -> Text,
        created_at -> BigInt,
        requests_per_minute -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    memberships (user_id, group_id) {
        user_id -> Uid,
        group_id -> Uid,
        role -> Text,
        status -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    api_keys (id) {
        id -> Uid,
        public_id -> Text,
        secret_hash -> Binary,
        user_id -> Uid,
        group_id -> Nullable<Uid>,
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

    use crate::types::Uid;

    tools (id) {
        id -> Uid,
        slug -> Text,
        #[sql_name = "type"]
        tool_type -> Text,
        origin -> Text,
        group_id -> Nullable<Uid>,
        owner_id -> Nullable<Uid>,
        enabled -> Bool,
        latest_ordinal -> BigInt,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    tool_versions (id) {
        id -> Uid,
        tool_id -> Uid,
        ordinal -> BigInt,
        version -> Text,
        title -> Text,
        definition -> Text,
        content_hash -> Text,
        created_by -> Nullable<Uid>,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    sessions (id) {
        id -> Uid,
        tool_id -> Uid,
        tool_version_id -> Uid,
        user_id -> Uid,
        group_id -> Nullable<Uid>,
        state -> Text,
        title -> Nullable<Text>,
        next_seq -> BigInt,
        active_turn_id -> Nullable<Uid>,
        lease_until -> Nullable<BigInt>,
        parent_session_id -> Nullable<Uid>,
        fork_from_seq -> Nullable<BigInt>,
        started_at -> BigInt,
        ended_at -> Nullable<BigInt>,
        last_activity_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    turns (id) {
        id -> Uid,
        session_id -> Uid,
        user_message_id -> Uid,
        assistant_message_id -> Uid,
        assistant_seq -> BigInt,
        status -> Text,
        owner -> Uid,
        model -> Text,
        cancel_requested -> Bool,
        failure_code -> Nullable<Text>,
        failure_detail -> Nullable<Text>,
        failure_retry_after_us -> Nullable<BigInt>,
        finish_reason -> Nullable<Text>,
        context -> Nullable<Text>,
        idempotency_key -> Nullable<Text>,
        body_hash -> Nullable<Text>,
        started_at -> BigInt,
        ended_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    messages (id) {
        id -> Uid,
        session_id -> Uid,
        turn_id -> Nullable<Uid>,
        role -> Text,
        seq -> BigInt,
        status -> Text,
        content -> Text,
        parts -> Text,
        reasoning_details -> Nullable<Text>,
        meta -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    segments (turn_id, position) {
        turn_id -> Uid,
        position -> BigInt,
        kind -> Text,
        text -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    message_attachments (id) {
        id -> Uid,
        message_id -> Uid,
        filename -> Text,
        mime_type -> Text,
        size -> BigInt,
        storage_provider -> Text,
        storage_key -> Text,
        meta -> Text,
        uploaded_at -> BigInt,
        deleted_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

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
        group_id -> Nullable<Uid>,
        millichars_per_token -> Nullable<BigInt>,
        listed_at -> BigInt,
        further_prices -> Text,
    }
}

mod narrow {
    diesel::table! {
        use diesel::sql_types::*;

        use crate::types::Uid;

        ai_usage (id) {
            id -> Uid,
            user_id -> Nullable<Uid>,
            group_id -> Nullable<Uid>,
            tool_id -> Nullable<Uid>,
            session_id -> Nullable<Uid>,
            turn_id -> Nullable<Uid>,
            message_id -> Nullable<Uid>,
            api_key_id -> Nullable<Uid>,
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

/// A table of more than 32 columns: the last ones are declared apart.
pub(crate) mod ai_usage {
    use diesel::sql_types::{BigInt, Nullable, Text};

    pub(crate) use super::narrow::ai_usage::*;
    use crate::types::Uid;

    crate::wide::further_columns! {
        ai_usage (id) {
            owner -> Nullable<Uid>,
            lease_until -> Nullable<BigInt>,
            failure_code -> Nullable<Text>,
            total_tokens -> Nullable<BigInt>,
            time_to_first_token_us -> Nullable<BigInt>,
            duration_us -> Nullable<BigInt>,
        }
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    stream_tickets (hash) {
        hash -> Binary,
        session_id -> Uid,
        user_id -> Uid,
        api_key_id -> Nullable<Uid>,
        turn_id -> Nullable<Uid>,
        created_at -> BigInt,
        expires_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    group_rules (group_id, position) {
        group_id -> Uid,
        position -> BigInt,
        rule -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    user_rules (user_id, position) {
        user_id -> Uid,
        position -> BigInt,
        rule -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    invitations (group_id, email_key) {
        group_id -> Uid,
        email_key -> Text,
        email -> Text,
        role -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    audit_events (id) {
        id -> Uid,
        created_at -> BigInt,
        actor_id -> Nullable<Uid>,
        api_key_id -> Nullable<Uid>,
        action -> Text,
        subject_type -> Text,
        subject_id -> Text,
        detail -> Text,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    budgets (id) {
        id -> Uid,
        user_id -> Nullable<Uid>,
        group_id -> Nullable<Uid>,
        api_key_id -> Nullable<Uid>,
        period -> Text,
        amount -> BigInt,
    }
}

diesel::table! {
    use diesel::sql_types::*;

    use crate::types::Uid;

    budget_windows (budget_id, starts_at) {
        budget_id -> Uid,
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

diesel::allow_tables_to_appear_in_same_query!(
    users,
    groups,
    memberships,
    api_keys,
    tools,
    tool_versions,
    sessions,
    turns,
    messages,
    segments,
    message_attachments,
    ai_models,
    ai_usage,
    stream_tickets,
    group_rules,
    user_rules,
    invitations,
    audit_events,
    budgets,
    budget_windows,
);
