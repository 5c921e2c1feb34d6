//! Reads of messages, turns and session totals.

use anyhow::{Context, Result};
use causerie_domain::attachments::{Attachment, NewAttachment, StorageProvider};
use causerie_domain::filter::{Comparison, Predicate, Scalar};
use causerie_domain::messages::{MessageView, NewMessage};
use causerie_domain::ports::MessageQuery;
use causerie_domain::sessions::SessionTotals;
use causerie_domain::{Filter, SessionId, TurnId, Usd};

use super::{Ending, START, Subject, as_history};

fn seqs(views: &[MessageView]) -> Vec<i64> {
    views.iter().map(|view| view.message.seq).collect()
}

pub(super) fn everything(session_id: SessionId) -> MessageQuery {
    MessageQuery {
        session_id,
        visible: Filter::Everything,
        without_marked: false,
        after_seq: None,
        before_seq: None,
        limit: 100,
    }
}

pub async fn messages_are_read_in_order_between_bounds(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    for round in 0..4 {
        subject.exchange(id, &format!("question {round}"), &format!("answer {round}")).await?;
    }
    type Bounds = (Option<i64>, Option<i64>, u32);
    let cases: [(Bounds, &[i64]); 9] = [
        ((None, None, 100), &[1, 2, 3, 4, 5, 6, 7, 8]),
        ((None, None, 3), &[1, 2, 3]),
        ((Some(5), None, 100), &[6, 7, 8]),
        ((Some(2), None, 2), &[3, 4]),
        ((None, Some(4), 100), &[1, 2, 3]),
        ((None, Some(7), 2), &[5, 6]),
        ((Some(2), Some(7), 100), &[3, 4, 5, 6]),
        ((Some(2), Some(7), 2), &[3, 4]),
        ((Some(8), None, 100), &[]),
    ];
    for ((after_seq, before_seq, limit), expected) in cases {
        let list = MessageQuery { after_seq, before_seq, limit, ..everything(id) };
        let found = subject.conversations.messages(list).await?;
        assert_eq!(seqs(&found), expected, "{after_seq:?} {before_seq:?} {limit}");
    }
    let latest = subject.conversations.latest_messages(id, &Filter::Everything, 3).await?;
    assert_eq!(seqs(&latest), [6, 7, 8]);
    assert_eq!(subject.conversations.messages(everything(subject.no_session())).await?, []);
    Ok(())
}

pub async fn pages_of_messages_end_early_if_their_texts_are_large(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    // Text and parts of an answer: 3 MiB each.
    let large = "x".repeat(3 * 1024 * 1024);
    subject.exchange(id, "short", "short").await?;
    subject.exchange(id, "long", &large).await?;
    subject.exchange(id, "short", "short").await?;
    let read = async |after_seq, before_seq| {
        let list = MessageQuery { after_seq, before_seq, ..everything(id) };
        Ok::<_, anyhow::Error>(seqs(&subject.conversations.messages(list).await?))
    };
    assert_eq!(read(None, None).await?, [1, 2, 3]);
    assert_eq!(read(Some(3), None).await?, [4]);
    assert_eq!(read(Some(4), None).await?, [5, 6]);
    assert_eq!(read(None, Some(7)).await?, [5, 6]);
    assert_eq!(read(None, Some(5)).await?, [4]);
    assert_eq!(read(None, Some(4)).await?, [1, 2, 3]);
    let latest = subject.conversations.latest_messages(id, &Filter::Everything, 20).await?;
    assert_eq!(seqs(&latest), [5, 6]);
    Ok(())
}

pub async fn messages_include_attachments_and_usage(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let attachment = |name: &str| NewAttachment {
        filename: name.to_owned(),
        mime_type: "image/png".to_owned(),
        size: (name != "b.png").then_some(1024),
        storage_provider: StorageProvider::Url,
        storage_key: format!("https://example.org/{name}"),
        meta: serde_json::Map::from_iter([("alt".to_owned(), "a cat".into())]),
    };
    let attachments = vec![attachment("b.png"), attachment("a.png")];
    let message = NewMessage {
        content: "What is this?".to_owned(),
        attachments: attachments.clone(),
        ..NewMessage::default()
    };
    let begin = subject.send_message(id, message);
    let ids = begin.ids.attachment_ids.clone();
    let running = subject.run(begin).await?;
    let question = running.begun.user_message.id;
    let (_, usage) = subject.finish(&running, "A cat").await?;
    subject.exchange(id, "Sure?", "Yes").await?;

    let views = subject.conversations.messages(everything(id)).await?;
    let expected: Vec<Attachment> = attachments
        .into_iter()
        .zip(ids)
        .map(|(new, id)| Attachment {
            id,
            message_id: question,
            filename: new.filename,
            mime_type: new.mime_type,
            size: new.size,
            storage_provider: new.storage_provider,
            storage_key: new.storage_key,
            meta: new.meta,
            uploaded_at: START,
        })
        .collect();
    let attached: Vec<usize> = views.iter().map(|view| view.attachments.len()).collect();
    assert_eq!((attached.as_slice(), &views[0].attachments), ([2, 0, 0, 0].as_slice(), &expected));
    let used: Vec<bool> = views.iter().map(|view| view.usage.is_some()).collect();
    assert_eq!((used.as_slice(), &views[1].usage), ([false, true, false, true].as_slice(), &Some(usage)));

    let next = subject.start(id, "Thanks").await?;
    assert_eq!(next.begun.history, as_history(views));
    Ok(())
}

pub async fn messages_are_found_only_by_a_matching_filter(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    subject.exchange(id, "Hello", "Hi").await?;
    let text = |text: &str| Scalar::Text(text.to_owned());
    let seq = |order, value, admits_null| {
        Filter::field("seq", Predicate::Ordered { order, value: Scalar::Integer(value), admits_null })
    };
    let cases: [(Filter, &[i64]); 9] = [
        (subject.own(), &[1, 2]),
        (subject.foreign(), &[]),
        (Filter::Nothing, &[]),
        (Filter::equals("role", text("user")), &[1]),
        (Filter::negated(Filter::equals("role", text("user"))), &[2]),
        (Filter::equals("session_state", text("active")), &[1, 2]),
        (Filter::all([subject.own(), seq(Comparison::Greater, 1, false)]), &[2]),
        (seq(Comparison::AtMost, 1, true), &[1]),
        (Filter::equals("session_id", Scalar::Uuid(id.as_uuid())), &[1, 2]),
    ];
    for (visible, expected) in cases {
        let listed =
            subject.conversations.messages(MessageQuery { visible: visible.clone(), ..everything(id) });
        assert_eq!(seqs(&listed.await?), expected, "{visible:?}");
        let latest = subject.conversations.latest_messages(id, &visible, 100).await?;
        assert_eq!(seqs(&latest), expected, "{visible:?}");
    }
    Ok(())
}

pub async fn a_turn_is_found_only_by_a_filter_that_matches_its_answer(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let turn = subject.start(id, "Hello").await?.begun.turn;
    let see = async |visible: Filter| subject.conversations.turn(turn.id, &visible).await;
    assert_eq!(see(subject.own()).await?, Some(turn.clone()));
    assert_eq!(see(Filter::equals("seq", Scalar::Integer(2))).await?, Some(turn.clone()));
    assert_eq!(see(Filter::equals("seq", Scalar::Integer(1))).await?, None);
    assert_eq!(see(subject.foreign()).await?, None);
    assert_eq!(see(Filter::Nothing).await?, None);
    let unknown = TurnId::next(&subject.ids);
    assert_eq!(subject.conversations.turn(unknown, &Filter::Everything).await?, None);
    Ok(())
}

pub async fn session_totals_are_sums_over_all_attempts(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    assert_eq!(subject.conversations.totals(id, &subject.own()).await?, Some(SessionTotals::default()));
    for (cached, written, saved) in
        [(Some(0), Some(5), Some(-2)), (Some(4), None, Some(40)), (None, None, None)]
    {
        let running = subject.start(id, "Hello").await?;
        let mut end = subject.end(&running, &Ending::whole("Hi"));
        (end.usage.tokens.cached, end.usage.tokens.cache_write) = (cached, written);
        end.usage.settlement.cache_saved = saved.map(Usd::from_pico);
        let (_, usage) = subject.turns.finish_turn(end).await?;
        assert_eq!(usage.cache_saved, saved.map(Usd::from_pico));
    }
    let other = subject.session().await?.id;
    subject.exchange(other, "Another session", "Yes").await?;

    let totals = subject.conversations.totals(id, &subject.own()).await?.context("the totals are missing")?;
    let expected = SessionTotals {
        messages: 6,
        input_tokens: 21,
        output_tokens: 15,
        cached_tokens: 4,
        cache_write_tokens: 5,
        cost: Usd::from_pico(36_000_000),
        cache_saved: Usd::from_pico(38),
    };
    assert_eq!(totals, expected);
    assert_eq!(subject.conversations.totals(id, &subject.foreign()).await?, None);
    assert_eq!(subject.conversations.totals(subject.no_session(), &Filter::Everything).await?, None);
    Ok(())
}
