//! Contracts of the ports of conversations, turns, completions, reconciliation and budgets, as checks that each implementation runs.
//!
//! The checks take a [`Subject`]; the macros [`crate::conversations_contract`], [`crate::turns_contract`],
//! [`crate::completions_contract`], [`crate::reconciliation_contract`] and [`crate::budgets_contract`] create one test for each check.

pub mod attempts;
pub mod begin;
pub mod budget_reservations;
pub mod budgets;
pub mod cancel;
pub mod completions;
pub mod entities;
pub mod finish;
pub mod flush;
pub mod forks;
pub mod messages;
pub mod preview;
pub mod races;
pub mod reap;
pub mod reconciliation;
pub mod regeneration;
pub mod sessions;
pub mod turn_requests;
pub mod withheld;

mod fixtures;
mod sql_subject;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use causerie_domain::filter::Scalar;
use causerie_domain::ports::{Budgets, CompletionStore, Conversations, Reconciliation, TurnStore};
use causerie_domain::{
    ApiKeyId, Filter, GroupId, InstanceId, SessionId, Timestamp, ToolId, ToolVersionId, UserId,
};
use uuid::Uuid;

pub use fixtures::{Ending, Running, as_history, closed, text_part};
pub use sql_subject::{SqlSubject, tool_version};

/// Start time of each check.
pub const START: Timestamp = Timestamp::from_micros(1_780_000_000_000_000);

/// Store under test. It contains two users, a group, an API key and a tool.
#[derive(Debug)]
pub struct Subject {
    pub conversations: Arc<dyn Conversations>,
    pub turns: Arc<dyn TurnStore>,
    pub reconciliation: Arc<dyn Reconciliation>,
    pub budgets: Arc<dyn Budgets>,
    pub completions: Arc<dyn CompletionStore>,
    /// Owner of the sessions.
    pub user: UserId,
    /// User without access to these sessions.
    pub stranger: UserId,
    /// Group that usage can be charged to.
    pub group: GroupId,
    /// API key of the user.
    pub key: ApiKeyId,
    /// Tool of all sessions.
    pub tool: ToolId,
    pub tool_version: ToolVersionId,
    pub ids: TestIds,
}

/// Source of ids that increase and are the same in every run.
#[derive(Debug, Default)]
pub struct TestIds {
    last: AtomicU64,
}

impl TestIds {
    /// Creates a source whose ids begin after a number, so that the ids of two sources do not collide.
    pub fn after(number: u64) -> Self {
        TestIds { last: AtomicU64::new(number) }
    }
}

impl causerie_domain::ports::Ids for TestIds {
    fn next(&self) -> Uuid {
        let count = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 | u128::from(count))
    }
}

impl Subject {
    /// Returns the filter of the sessions of the user.
    pub fn own(&self) -> Filter {
        Filter::equals("user_id", Scalar::Uuid(self.user.as_uuid()))
    }

    /// Returns the filter of the sessions of the stranger.
    pub fn foreign(&self) -> Filter {
        Filter::equals("user_id", Scalar::Uuid(self.stranger.as_uuid()))
    }

    /// Returns the id of a new instance.
    pub fn instance(&self) -> InstanceId {
        InstanceId::next(&self.ids)
    }

    /// Returns an id without a session.
    pub fn no_session(&self) -> SessionId {
        SessionId::next(&self.ids)
    }
}

/// Creates a test for each check of a module: `contract_tests!(subject; begin: a_check, another_check;)`.
#[macro_export]
macro_rules! contract_tests {
    ($subject:path; $($module:ident: $($check:ident),+;)+) => { $(
        mod $module {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() -> $crate::anyhow::Result<()> {
                    match $subject().await? {
                        Some(subject) => $crate::contract::$module::$check(&subject).await,
                        None => Ok(()),
                    }
                }
            )+
        }
    )+ };
}

/// Creates the tests of [`Conversations`]. The argument is an `async fn() -> anyhow::Result<Option<S>>` whose `S`
/// dereferences to a [`Subject`]; without a subject the tests pass.
#[macro_export]
macro_rules! conversations_contract {
    ($subject:path) => {
        $crate::contract_tests! { $subject;
            sessions:
                a_session_is_read_as_it_was_created,
                a_greeting_is_the_first_message,
                a_chosen_id_creates_one_session,
                a_session_is_found_only_by_a_matching_filter,
                a_filter_on_an_unknown_field_is_an_error,
                a_title_can_be_set_and_removed,
                every_action_has_a_result_in_every_state,
                no_read_finds_a_deleted_session;
            messages:
                messages_are_read_in_order_between_bounds,
                pages_of_messages_end_early_if_their_texts_are_large,
                messages_include_attachments_and_usage,
                messages_are_found_only_by_a_matching_filter,
                a_turn_is_found_only_by_a_filter_that_matches_its_answer,
                session_totals_are_sums_over_all_attempts;
            forks:
                a_fork_has_copies_of_the_first_messages,
                a_long_session_is_copied_completely,
                large_messages_are_copied_completely,
                a_fork_ends_with_a_finished_answer,
                a_fork_of_a_closed_session_is_active,
                a_session_that_the_filter_excludes_cannot_be_forked,
                the_lineage_lists_ancestors_and_the_forks_list_children,
                attachments_are_listed_in_order_and_deleted;
        }
    };
}

/// Creates the tests of [`TurnStore`]; the argument is that of [`conversations_contract`].
#[macro_export]
macro_rules! turns_contract {
    ($subject:path) => {
        $crate::contract_tests! { $subject;
            begin:
                a_turn_begins_with_two_messages,
                a_repeated_begin_returns_the_same_result,
                the_history_is_the_last_messages_in_order,
                the_history_has_a_maximum_size,
                texts_of_the_history_are_whole,
                the_history_begins_at_the_last_cut,
                files_take_no_room_of_the_history,
                a_title_is_set_once,
                a_refused_begin_stores_nothing,
                a_session_with_a_running_turn_refuses_a_second_one,
                a_full_session_refuses_a_turn,
                an_idempotency_key_identifies_its_turn_in_every_state,
                an_expired_idempotency_key_can_be_reused,
                an_idempotency_key_belongs_to_one_session,
                a_begin_closes_an_expired_turn;
            preview:
                a_preview_has_the_history_of_the_turn,
                a_preview_begins_at_the_cut_of_blocks,
                a_preview_shows_an_abandoned_answer_as_the_reaper_stores_it,
                a_preview_has_the_refusals_of_the_turn_and_changes_nothing,
                a_preview_has_the_budget_that_refuses_the_turn,
                a_preview_has_the_lengths_of_the_tools_answers;
            turn_requests:
                requests_are_recorded_by_flushes_and_at_the_end,
                later_marks_do_not_change_the_requests_of_a_turn,
                messages_are_omitted_for_a_reason,
                requests_are_found_through_the_filter_of_messages;
            attempts:
                the_next_attempt_closes_the_previous_one,
                an_attempt_of_another_owner_is_refused,
                a_repeated_attempt_changes_nothing;
            entities:
                no_field_of_an_entity_is_lost,
                no_field_of_an_entity_is_lost_in_a_fork;
            flush:
                flushed_text_is_read_from_any_position,
                a_log_is_read_in_pages,
                a_flushed_file_takes_one_position,
                a_repeated_flush_duplicates_no_text,
                a_late_flush_removes_no_text,
                the_results_of_a_flush_have_the_order_of_its_turns,
                a_flush_renews_the_lease,
                a_flush_without_new_values_keeps_the_stored_ones,
                a_flush_of_another_owner_reports_a_lost_lease,
                a_flush_of_an_ended_turn_reports_a_lost_lease;
            finish:
                the_end_of_a_turn_stores_the_answer,
                a_failed_turn_keeps_its_text_and_its_failure,
                a_turn_ends_once,
                a_repeated_finish_returns_the_same_result,
                a_large_answer_is_stored_by_its_owner_only,
                the_usage_of_a_turn_is_the_sum_of_its_attempts,
                turns_are_visible_as_far_as_their_answers_are,
                the_log_of_an_ended_turn_is_its_answer;
            cancel:
                a_cancel_is_recorded_for_a_running_turn,
                a_cancel_without_a_running_turn_changes_nothing,
                a_cancel_closes_an_expired_turn;
            reap:
                an_expired_turn_is_closed_with_its_flushed_text,
                a_turn_with_a_valid_lease_is_not_reaped,
                a_turn_that_the_caller_runs_is_not_reaped,
                all_running_turns_can_be_reaped,
                a_reap_closes_at_most_its_limit,
                the_owner_of_a_reaped_turn_has_lost_its_lease;
            regeneration:
                a_message_is_answered_again,
                a_fork_copies_the_marks_of_replaced_answers,
                a_session_without_a_user_message_has_no_last_question;
            withheld:
                marks_of_user_messages_change_with_the_end_of_a_turn,
                a_reaped_turn_with_text_has_an_accepted_message,
                a_fork_copies_the_marks_of_user_messages,
                a_list_can_leave_out_marked_messages;
            races:
                one_of_many_concurrent_sends_begins_a_turn,
                concurrent_sends_with_one_key_begin_one_turn,
                concurrent_turns_number_messages_without_gaps,
                a_concurrent_finish_and_reap_end_a_turn_once,
                a_concurrent_cancel_and_finish_end_a_turn_once,
                concurrent_sends_close_an_expired_turn_once,
                the_last_activity_never_decreases;
        }
    };
}

/// Creates the tests of [`CompletionStore`]; the argument is that of [`conversations_contract`].
#[macro_export]
macro_rules! completions_contract {
    ($subject:path) => {
        $crate::contract_tests! { $subject;
            completions:
                a_completion_reserves_and_its_end_counts_the_cost,
                the_next_attempt_of_a_completion_inherits_the_reservation,
                a_key_identifies_a_completion_of_its_user,
                an_expired_completion_is_closed_and_priced_once,
                a_completion_of_another_owner_is_not_closed;
        }
    };
}

/// Creates the tests of [`Reconciliation`]; the argument is that of [`conversations_contract`].
#[macro_export]
macro_rules! reconciliation_contract {
    ($subject:path) => {
        $crate::contract_tests! { $subject;
            reconciliation:
                an_interrupted_row_is_priced_once,
                a_row_without_a_lookup_is_final_when_it_is_priced,
                a_due_row_is_claimed_once,
                a_claim_leaves_out_the_rows_of_served_users,
                concurrent_claims_take_different_rows,
                a_pending_row_is_settled_once,
                a_postponed_row_is_due_later,
                rows_with_an_expired_lookup_period_are_listed,
                a_refused_attempt_does_not_change_the_basis,
                nul_characters_of_an_upstream_are_replaced;
        }
    };
}

/// Creates the tests of [`Budgets`] and of the reservations of turns; the argument is that of
/// [`conversations_contract`].
#[macro_export]
macro_rules! budgets_contract {
    ($subject:path) => {
        $crate::contract_tests! { $subject;
            budgets:
                a_begin_reserves_and_returns_the_remaining_budget,
                the_reservation_includes_the_history_up_to_its_limit,
                concurrent_sends_reserve_at_most_the_limit,
                concurrent_sends_with_several_budgets_do_not_deadlock,
                a_repeated_begin_reserves_once,
                a_new_window_starts_without_spending,
                every_applicable_budget_must_have_enough_left,
                a_budget_refuses_an_unknown_price,
                a_limit_can_be_lowered_and_raised_at_any_time,
                an_absent_budget_cannot_be_deleted;
            budget_reservations:
                the_end_of_a_turn_replaces_the_reservation_by_the_cost,
                the_next_attempt_inherits_the_reservation,
                a_settled_cost_corrects_the_spending,
                an_interrupted_turn_keeps_its_reservation_until_it_is_priced,
                an_unknown_cost_keeps_the_reservation,
                usage_before_a_budget_was_set_counts_in_it,
                a_budget_set_while_turns_run_counts_all_of_them,
                an_overflowing_cost_does_not_fail_a_turn;
        }
    };
}
