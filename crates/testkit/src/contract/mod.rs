//! What every store of conversations and turns promises, as checks that each implementation runs.
//!
//! The checks take a [`Subject`]; the macros [`crate::conversations_contract`], [`crate::turns_contract`],
//! [`crate::reconciliation_contract`] and [`crate::budgets_contract`] stamp one test for each of them.

pub mod attempts;
pub mod begin;
pub mod budget_reservations;
pub mod budgets;
pub mod cancel;
pub mod entities;
pub mod finish;
pub mod flush;
pub mod forks;
pub mod messages;
pub mod races;
pub mod reap;
pub mod reconciliation;
pub mod sessions;

mod fixtures;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use causerie_domain::filter::Scalar;
use causerie_domain::ports::{Budgets, Conversations, Reconciliation, TurnLedger};
use causerie_domain::{
    ApiKeyId, Filter, GroupId, InstanceId, SessionId, Timestamp, ToolId, ToolVersionId, UserId,
};
use uuid::Uuid;

pub use fixtures::{Ending, Running, closed, text_part};

/// The instant at which every check begins.
pub const START: Timestamp = Timestamp::from_micros(1_780_000_000_000_000);

/// A store to check, empty but for two users, a group, a key and a tool.
#[derive(Debug)]
pub struct Subject {
    /// Its conversations.
    pub conversations: Arc<dyn Conversations>,
    /// Its turns.
    pub turns: Arc<dyn TurnLedger>,
    /// What learns the cost of their requests.
    pub reconciliation: Arc<dyn Reconciliation>,
    /// What they may cost.
    pub budgets: Arc<dyn Budgets>,
    /// Whose conversations are made.
    pub user: UserId,
    /// Somebody else.
    pub stranger: UserId,
    /// A group whose account requests can run on.
    pub group: GroupId,
    /// A key of the user.
    pub key: ApiKeyId,
    /// The tool of all conversations.
    pub tool: ToolId,
    /// Its version.
    pub tool_version: ToolVersionId,
    /// Where ids come from.
    pub ids: TestIds,
}

/// Ids that sort by their order of making, the same in every run.
#[derive(Debug, Default)]
pub struct TestIds {
    last: AtomicU64,
}

impl TestIds {
    /// Ids that begin after a number, so that two sources do not meet.
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
    /// What the user may see of conversations.
    pub fn own(&self) -> Filter {
        Filter::equals("user_id", Scalar::Uuid(self.user.as_uuid()))
    }

    /// What the stranger may see of conversations.
    pub fn foreign(&self) -> Filter {
        Filter::equals("user_id", Scalar::Uuid(self.stranger.as_uuid()))
    }

    /// A process that runs turns.
    pub fn instance(&self) -> InstanceId {
        InstanceId::next(&self.ids)
    }

    /// An id that names no session.
    pub fn no_session(&self) -> SessionId {
        SessionId::next(&self.ids)
    }
}

/// Stamps a test for each check of a module: `contract!(subject; begin: a_check, another_check)`.
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

/// Stamps the tests of [`Conversations`]. The argument is an `async fn() -> anyhow::Result<Option<S>>` whose `S`
/// dereferences to a [`Subject`].
#[macro_export]
macro_rules! conversations_contract {
    ($subject:path) => {
        $crate::contract_tests! { $subject;
            sessions:
                a_session_is_read_back_as_it_was_made,
                a_greeting_is_the_first_message,
                a_session_is_seen_only_through_a_filter_that_admits_it,
                a_filter_on_an_unknown_field_is_an_error,
                a_title_can_be_given_and_taken,
                every_state_answers_every_action,
                a_deleted_session_is_gone_from_every_read;
            messages:
                messages_are_read_in_order_between_bounds,
                messages_show_their_attachments_and_usage,
                messages_are_seen_only_through_a_filter_that_admits_them,
                a_turn_is_seen_only_through_a_filter_that_admits_its_answer,
                totals_are_sums_over_all_requests;
            forks:
                a_fork_has_copies_of_the_first_messages,
                a_long_session_is_copied_without_a_gap,
                a_fork_ends_with_a_finished_answer,
                a_fork_of_a_closed_session_is_active,
                what_may_not_be_forked_does_not_exist,
                lineage_goes_up_and_forks_go_down,
                attachments_are_listed_in_order_and_taken_away;
        }
    };
}

/// Stamps the tests of [`TurnLedger`], as [`conversations_contract`] does.
#[macro_export]
macro_rules! turns_contract {
    ($subject:path) => {
        $crate::contract_tests! { $subject;
            begin:
                a_turn_begins_with_its_two_messages,
                a_repeated_begin_is_answered_alike,
                the_history_is_the_last_messages_in_order,
                a_title_is_given_once,
                what_cannot_begin_is_refused_and_stores_nothing,
                a_running_turn_refuses_another,
                a_full_session_refuses_another,
                a_key_names_its_turn_in_every_state,
                an_old_key_can_be_used_again,
                a_key_belongs_to_its_session,
                an_expired_turn_makes_way;
            attempts:
                a_further_request_closes_the_last_one,
                a_further_request_of_another_owner_is_refused,
                a_repeated_further_request_changes_nothing;
            entities:
                no_field_of_an_entity_is_lost,
                no_field_of_an_entity_is_lost_in_a_fork;
            flush:
                flushed_text_is_read_from_any_position,
                a_repeated_flush_leaves_no_character_twice,
                a_late_flush_takes_nothing_away,
                several_turns_are_answered_in_their_order,
                a_flush_renews_the_lease,
                a_flush_keeps_what_was_known_before,
                a_turn_of_another_owner_is_lost,
                an_ended_turn_is_lost;
            finish:
                an_answer_is_stored_with_its_end,
                a_failed_turn_keeps_its_text_and_its_reason,
                a_turn_ends_once,
                a_repeated_end_is_answered_alike,
                the_usage_of_a_turn_is_that_of_all_its_requests,
                the_log_of_an_ended_turn_is_its_answer;
            cancel:
                a_running_turn_is_asked_to_stop,
                nothing_runs_and_nothing_is_asked,
                an_expired_turn_is_closed_instead;
            reap:
                an_expired_turn_is_closed_with_its_flushed_text,
                a_held_turn_is_left_alone,
                everything_can_be_closed,
                no_more_than_the_limit_is_closed,
                a_reaped_owner_has_lost_its_turn;
            races:
                one_of_many_sends_wins,
                one_key_makes_one_turn,
                many_sessions_count_without_gaps,
                a_finish_and_a_reap_leave_one_end,
                a_cancel_and_a_finish_leave_one_end,
                an_expired_turn_is_taken_over_once,
                activity_never_goes_back;
        }
    };
}

/// Stamps the tests of [`Reconciliation`], as [`conversations_contract`] does.
#[macro_export]
macro_rules! reconciliation_contract {
    ($subject:path) => {
        $crate::contract_tests! { $subject;
            reconciliation:
                an_interrupted_row_is_priced_once,
                a_row_that_cannot_be_looked_up_is_final_when_it_is_priced,
                a_due_row_is_claimed_by_one,
                many_claimers_share_the_rows,
                a_pending_row_is_settled_once,
                a_postponed_row_waits,
                rows_whose_time_is_over_are_listed,
                a_refused_request_does_not_weaken_the_basis,
                what_an_upstream_says_breaks_no_row;
        }
    };
}

/// Stamps the tests of [`Budgets`] and of what turns weigh on them, as [`conversations_contract`] does.
#[macro_export]
macro_rules! budgets_contract {
    ($subject:path) => {
        $crate::contract_tests! { $subject;
            budgets:
                a_begin_reserves_and_tells_what_is_left,
                history_is_reserved_for_as_far_as_it_may_be_sent,
                sends_at_once_reserve_no_more_than_the_limit,
                sends_at_once_under_several_budgets_wait_for_no_other,
                a_repeated_begin_reserves_once,
                a_window_makes_way_for_the_next,
                every_budget_that_applies_must_admit,
                an_unknown_price_is_refused_where_a_budget_applies,
                a_limit_can_be_lowered_and_raised_at_any_time,
                what_has_no_budget_cannot_lose_it;
            budget_reservations:
                an_end_puts_the_cost_in_place_of_the_reservation,
                a_further_request_takes_the_reservation_over,
                a_correction_moves_what_was_spent,
                an_interrupted_turn_keeps_its_reservation_until_it_is_priced,
                an_unknown_cost_is_not_nothing,
                what_ran_before_a_budget_counts_in_it,
                a_budget_set_while_turns_begin_and_end_misses_none,
                a_cost_beyond_reason_stops_no_turn;
        }
    };
}
