//! Properties of consecutive requests of a session: until a cut, each begins with the messages of the last answered one.

use causerie_domain::messages::{MessageStatus, MessageView};
use proptest::prelude::*;

use super::tests::{input_with, message, one_token_per_char};
use super::*;

/// Limits of the history in a test.
#[derive(Debug, Clone, Copy)]
struct Limits {
    messages: u32,
    tokens: Option<u64>,
    /// Tokens of history that the context length allows besides the longest new message.
    room: u64,
    /// Messages that the store loads at most, as if the others exceeded the maximum size.
    loaded: usize,
}

/// Session whose turns are run as in production: the store loads the history from the beginning of the last request, and
/// keeps a declared cut.
struct Conversation {
    /// Messages that are not superseded.
    stored: Vec<MessageView>,
    next_seq: i64,
    history_from_seq: i64,
    trim: HistoryTrim,
    limits: Limits,
}

/// Question, answer, and status of a turn.
type TurnSpec = (usize, usize, MessageStatus);

const SYSTEM: &str = "be";
const MAX_QUESTION: usize = 12;

impl Conversation {
    fn new(trim: HistoryTrim, limits: Limits) -> Self {
        Conversation { stored: Vec::new(), next_seq: 1, history_from_seq: 1, trim, limits }
    }

    /// Runs a turn and returns its context.
    fn run(&mut self, (question, answer, status): TurnSpec) -> Context {
        let seq = self.next_seq;
        let content = format!("{seq}{}", "q".repeat(question));
        self.next_seq += 1;
        let mut view = message(seq, MessageRole::User, &content, MessageStatus::Completed);
        view.message.accepted = false;
        self.ask(view, answer, status)
    }

    /// Answers the last question again and returns the context.
    fn run_again(&mut self, answer: usize) -> Context {
        self.stored.pop();
        let question = self.stored.pop().expect("a question");
        self.ask(question, answer, MessageStatus::Completed)
    }

    /// Asks a question. Without an answer, some questions are withheld as if the upstream had refused them, unless it has
    /// accepted them before.
    fn ask(&mut self, mut question: MessageView, answer: usize, status: MessageStatus) -> Context {
        let (seq, content) = (question.message.seq, question.message.content.clone());
        let from_seq = if self.trim == HistoryTrim::Block { self.history_from_seq } else { 1 };
        let begin = self.stored.iter().position(|view| view.message.seq >= from_seq);
        let available = &self.stored[begin.unwrap_or(self.stored.len())..];
        let loaded = available.len().min(self.limits.messages as usize).min(self.limits.loaded);
        let input = ContextInput {
            earlier_messages: self.stored.len() as u64,
            new_seq: seq,
            content: content.clone(),
            max_history_messages: self.limits.messages,
            trim: self.trim,
            history_from_seq: self.history_from_seq,
            ..input_with(&available[available.len() - loaded..], self.limits.tokens)
        };
        // More than any system message and new message of these tests, whose digits count more than letters.
        let fixed_tokens = (SYSTEM.len() + 3 + MAX_QUESTION + 20) as u64;
        let budget = TokenBudget {
            input_tokens: causerie_usage::with_margin(fixed_tokens + self.limits.room),
            max_output_tokens: 1,
            context_length_assumed: false,
        };
        let fixed = fixed_prompt(SYSTEM, &content, 0, budget, one_token_per_char()).unwrap();
        let context = build(&input, fixed);
        if context.report.is_cut {
            self.history_from_seq = context.report.first_seq.unwrap();
        }
        if answer > 0 {
            (question.message.accepted, question.message.withheld_from) = (true, None);
        } else if !question.message.accepted && content.len() % 3 == 0 {
            question.message.withheld_from = Some(self.next_seq);
        }
        self.stored.push(question);
        let answer = "a".repeat(answer);
        self.stored.push(message(self.next_seq, MessageRole::Assistant, &answer, status));
        self.next_seq += 1;
        context
    }
}

fn any_turns() -> impl Strategy<Value = Vec<TurnSpec>> {
    let statuses = prop::sample::select(vec![
        MessageStatus::Completed,
        MessageStatus::Completed,
        MessageStatus::Cancelled,
        MessageStatus::Interrupted,
        MessageStatus::Failed,
    ]);
    prop::collection::vec((0..=MAX_QUESTION, 0usize..40, statuses), 1..60)
}

fn any_limits() -> impl Strategy<Value = Limits> {
    (0u32..30, prop::option::of(0u64..400), 0u64..600, 1usize..40)
        .prop_map(|(messages, tokens, room, loaded)| Limits { messages, tokens, room, loaded })
}

proptest! {
    #[test]
    fn a_request_begins_with_the_messages_of_the_last_answered_one_until_a_declared_cut(
        turns in any_turns(),
        limits in any_limits(),
        trim in prop::sample::select(vec![HistoryTrim::Block, HistoryTrim::Sliding]),
        again in prop::collection::vec(prop::bool::weighted(0.2), 60),
    ) {
        let mut conversation = Conversation::new(trim, limits);
        let mut answered: Option<Context> = None;
        let mut has_question = false;
        for (turn, again) in turns.into_iter().zip(again) {
            let is_again = again && has_question;
            let context = match is_again {
                true => conversation.run_again(turn.1),
                false => conversation.run(turn),
            };
            has_question = true;
            answered = answered.filter(|_| !context.report.is_cut);
            if let Some(answered) = &answered {
                prop_assert!(
                    context.messages.starts_with(&answered.messages),
                    "{:?} does not begin with {:?}", context.messages, answered.messages
                );
            }
            match turn.1 {
                // Another answer that failed leaves no answer, so the question is merged with the next one.
                0 if is_again => answered = None,
                0 => {}
                _ => answered = Some(context),
            }
        }
    }

    #[test]
    fn a_block_cut_happens_only_beyond_a_limit_and_leaves_at_most_half_of_it(
        turns in any_turns(),
        limits in any_limits(),
    ) {
        let mut conversation = Conversation::new(HistoryTrim::Block, limits);
        for turn in turns {
            let before = conversation.history_from_seq;
            let all: Vec<MessageView> =
                conversation.stored.iter().filter(|view| view.message.seq >= before).cloned().collect();
            let context = conversation.run(turn);
            let first = context.report.first_seq.unwrap();
            let tokens = |views: &[MessageView]| -> u64 {
                let is_sent = |view: &&MessageView| {
                    !view.message.content.is_empty() && view.message.withheld_from.is_none()
                };
                let tokens = |view: &MessageView| message_tokens(&view.message.content, one_token_per_char());
                views.iter().filter(is_sent).map(tokens).sum()
            };
            let sent = u64::from(context.report.messages_sent) - 1;
            prop_assert!(sent <= limits.messages.into());
            prop_assert!(tokens(&all[all.len() - conversation_tail(&all, first)..]) <= limits.tokens.unwrap_or(u64::MAX));
            if !context.report.is_cut {
                prop_assert_eq!(first, before);
                continue;
            }
            prop_assert!(first > before, "a block cut moves forward");
            let exceeds = all.len() > limits.messages as usize
                || all.len() > limits.loaded
                || tokens(&all) > limits.tokens.unwrap_or(u64::MAX)
                || tokens(&all) > limits.room;
            prop_assert!(exceeds, "nothing exceeds a limit: {:?}", all.len());
            let kept = &all[all.len() - conversation_tail(&all, first)..];
            // Only the last turn can be more than half.
            if kept.len() > 2 {
                prop_assert!(kept.len() <= limits.messages as usize / 2);
                prop_assert!(tokens(kept) <= limits.tokens.unwrap_or(u64::MAX) / 2);
            }
        }
    }
}

/// Returns the number of messages from a sequence number on.
fn conversation_tail(all: &[MessageView], first: i64) -> usize {
    all.iter().filter(|view| view.message.seq >= first).count()
}

#[test]
fn twenty_messages_are_cut_to_ten() {
    let limits = Limits { messages: 20, tokens: None, room: 1_000_000, loaded: 1000 };
    let mut conversation = Conversation::new(HistoryTrim::Block, limits);
    let sent: Vec<u32> =
        (0..18).map(|_| conversation.run((1, 1, MessageStatus::Completed)).report.messages_sent).collect();
    assert_eq!(sent, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 11, 13, 15, 17, 19, 21, 11]);
}

#[test]
fn the_last_turn_is_kept_if_it_fits_a_limit_whose_half_it_exceeds() {
    let limits = Limits { messages: 20, tokens: Some(60), room: 1_000_000, loaded: 1000 };
    let mut conversation = Conversation::new(HistoryTrim::Block, limits);
    let sent: Vec<u32> = [30, 30, 30, 70, 1]
        .map(|answer| conversation.run((1, answer, MessageStatus::Completed)).report.messages_sent)
        .into();
    assert_eq!(sent, [1, 3, 3, 3, 1], "an answer beyond the limit is not sent");
}

#[test]
fn a_session_of_an_earlier_version_is_cut_at_once() {
    let limits = Limits { messages: 6, tokens: None, room: 1_000_000, loaded: 1000 };
    let mut conversation = Conversation::new(HistoryTrim::Sliding, limits);
    for _ in 0..9 {
        conversation.run((1, 1, MessageStatus::Completed));
    }
    conversation.trim = HistoryTrim::Block;
    conversation.history_from_seq = 1;
    let context = conversation.run((1, 1, MessageStatus::Completed));
    assert_eq!((context.report.messages_sent, context.report.is_cut), (3, true));
    assert_eq!(context.report.messages_dropped, 16);
}
