//! Requests that the upstream refuses: which user messages are withheld, and which count as accepted.

use causerie_domain::completion::{CompletionErrorKind, ContentPart};
use causerie_domain::messages::MessageRole;
use causerie_runtime::Settings;

use crate::support::scripted_gateway::{Step, fail, finish, reasoning, text};
use crate::support::{World, first_delta, read_all, user, world};

fn settings() -> Settings {
    Settings { max_retries: 0, ..Settings::default() }
}

/// Returns the marks of the user messages: accepted, and the number from which the message is withheld.
async fn marks(
    world: &World,
    anna: &causerie_domain::principal::Principal,
    id: causerie_domain::SessionId,
) -> Vec<(bool, Option<i64>)> {
    let messages = world.messages(anna, id).await;
    let questions = messages.iter().filter(|view| view.message.role == MessageRole::User);
    questions.map(|view| (view.message.accepted, view.message.withheld_from)).collect()
}

#[tokio::test]
async fn an_answer_of_any_kind_accepts_a_message_and_a_refusal_withholds_it() {
    let (accepted, withheld, unmarked) = ((true, None), (false, Some(2)), (false, None));
    let too_long = CompletionErrorKind::ContextLength { limit: None, requested: None };
    for (script, expected) in [
        (vec![text("a"), finish()], accepted),
        (vec![text("a"), fail(CompletionErrorKind::Moderated)], accepted),
        (vec![reasoning("a"), fail(CompletionErrorKind::InvalidRequest)], accepted),
        (vec![fail(CompletionErrorKind::Empty)], accepted),
        (vec![fail(CompletionErrorKind::InvalidRequest)], withheld),
        (vec![fail(CompletionErrorKind::Moderated)], withheld),
        (vec![fail(CompletionErrorKind::Unavailable)], unmarked),
        (vec![fail(CompletionErrorKind::RateLimited)], unmarked),
        (vec![fail(CompletionErrorKind::PaymentRequired)], unmarked),
        (vec![fail(CompletionErrorKind::ModelUnavailable)], unmarked),
        (vec![fail(too_long)], unmarked),
    ] {
        let world = world(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        world.upstream.enqueue(script.clone());
        world.send_and_read(&anna, session, "Hi").await;
        assert_eq!(marks(&world, &anna, session).await, [expected], "{script:?}");
        assert_eq!(world.upstream.requests().len(), 1, "{script:?}");
    }
}

#[tokio::test]
async fn a_message_whose_turn_is_cancelled_is_accepted_once_it_has_text() {
    for (script, expected) in [(vec![Step::Gate], (false, None)), (vec![text("a"), Step::Gate], (true, None))]
    {
        let world = world(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        let has_text = script.len() > 1;
        world.upstream.enqueue(script);
        let mut sent = world.send(&anna, session, "Hi").await.unwrap();
        if has_text {
            first_delta(&mut sent.reader).await;
        }
        world.runtime.cancel(&anna, session).await.unwrap();
        read_all(sent.reader).await;
        assert_eq!(marks(&world, &anna, session).await, [expected]);
    }
}

#[tokio::test]
async fn a_refused_request_is_repeated_once_without_messages_that_were_never_accepted() {
    let world = world(settings()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    let sent = || {
        let request = world.upstream.requests().pop().unwrap();
        let texts = request.messages.iter().map(|message| match message.content.first() {
            Some(ContentPart::Text(text)) => text.clone(),
            _ => String::new(),
        });
        texts.collect::<Vec<_>>()
    };
    world.upstream.enqueue(vec![fail(CompletionErrorKind::Unavailable)]);
    world.send_and_read(&anna, session, "One").await;

    // The repetition fails for a reason that is no refusal.
    world.upstream.enqueue(vec![fail(CompletionErrorKind::InvalidRequest)]);
    world.upstream.enqueue(vec![fail(CompletionErrorKind::Unavailable)]);
    world.send_and_read(&anna, session, "Two").await;
    assert_eq!(sent(), ["Help.", "Two"]);
    assert_eq!(marks(&world, &anna, session).await, [(false, None), (false, None)]);

    // It is refused as well, so the new message is the reason.
    world.upstream.enqueue(vec![fail(CompletionErrorKind::Moderated)]);
    world.upstream.enqueue(vec![fail(CompletionErrorKind::InvalidRequest)]);
    let lines = world.send_and_read(&anna, session, "Three").await;
    assert_eq!(lines.last().map(String::as_str), Some("failed upstream_invalid_request"));
    let unmarked = (false, None);
    assert_eq!(marks(&world, &anna, session).await, [unmarked, unmarked, (false, Some(6))]);

    // It is accepted, so the messages that it leaves out are withheld.
    world.upstream.enqueue(vec![fail(CompletionErrorKind::InvalidRequest)]);
    world.send_and_read(&anna, session, "Four").await;
    assert_eq!(sent(), ["Help.", "Four"]);
    let expected = [(false, Some(8)), (false, Some(8)), (false, Some(6)), (true, None)];
    assert_eq!(marks(&world, &anna, session).await, expected);

    // An accepted request accepts all of its messages.
    world.upstream.enqueue(vec![fail(CompletionErrorKind::Unavailable)]);
    world.send_and_read(&anna, session, "Five").await;
    world.send_and_read(&anna, session, "Six").await;
    assert_eq!(sent(), ["Help.", "Four", "ok", "Five\n\nSix"]);
    assert_eq!(marks(&world, &anna, session).await[4..], [(true, None), (true, None)]);
}
