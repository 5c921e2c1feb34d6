//! Forks, which copy the finished messages of a session; lists and deletion of attachments.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use causerie_domain::attachments::{Attachment, NewAttachment, StorageProvider};
use causerie_domain::messages::{Message, MessageView, NewMessage};
use causerie_domain::page::{After, PageRequest};
use causerie_domain::ports::{
    AttachmentQuery, ForkError, Lineage, MessageQuery, NewFork, NewSession, SessionError, SessionQuery,
};
use causerie_domain::sessions::{Session, SessionAction, SessionState};
use causerie_domain::{AttachmentId, Filter, SessionId};

use super::{START, Subject, TestIds};

const LATER: Duration = Duration::from_secs(60);

fn fork_of(subject: &Subject, parent: SessionId, from_seq: i64) -> NewFork {
    // The request owns its source of ids. It starts far from the ids of the test, so that they do not collide.
    let id = SessionId::next(&subject.ids);
    let ids = TestIds::after((id.as_uuid().as_u128() as u64 & 0xffff) << 32);
    NewFork {
        id,
        parent,
        allowed: Filter::Everything,
        user_id: subject.user,
        from_seq,
        title: None,
        now: START + LATER,
        ids: Arc::new(ids),
    }
}

pub(super) async fn fork(subject: &Subject, parent: SessionId, from_seq: i64) -> Result<Session> {
    let forked = subject.conversations.fork(fork_of(subject, parent, from_seq)).await;
    Ok(forked.context("the fork failed")?.session)
}

async fn views(subject: &Subject, id: SessionId) -> Result<Vec<MessageView>> {
    Ok(subject.conversations.latest_messages(id, &Filter::Everything, 1000).await?)
}

fn file(name: &str) -> NewAttachment {
    NewAttachment {
        filename: name.to_owned(),
        mime_type: "text/plain".to_owned(),
        size: None,
        storage_provider: StorageProvider::Local,
        storage_key: name.to_owned(),
        meta: Default::default(),
    }
}

/// Runs a turn whose question has attachments.
async fn exchange_with(subject: &Subject, id: SessionId, names: &[&str]) -> Result<Vec<AttachmentId>> {
    let attachments = names.iter().map(|name| file(name)).collect();
    let message = NewMessage { content: "Look".to_owned(), attachments, ..NewMessage::default() };
    let begin = subject.send_message(id, message);
    let ids = begin.ids.attachment_ids.clone();
    let running = subject.run(begin).await?;
    subject.finish(&running, "Seen").await?;
    Ok(ids)
}

fn names(files: &[Attachment]) -> Vec<&str> {
    files.iter().map(|file| file.filename.as_str()).collect()
}

pub async fn a_fork_has_copies_of_the_first_messages(subject: &Subject) -> Result<()> {
    let greeting = Some(subject.greeting("Welcome"));
    let new = NewSession { title: Some("Cats".to_owned()), greeting, ..subject.new_session() };
    let parent = subject.conversations.create_session(new).await?;
    exchange_with(subject, parent.id, &["b", "a"]).await?;
    subject.exchange(parent.id, "More", "Sure").await?;
    let before = (
        subject.conversations.session(parent.id, &Filter::Everything).await?,
        views(subject, parent.id).await?,
    );

    let session = fork(subject, parent.id, 3).await?;
    let expected = Session {
        id: session.id,
        next_seq: 4,
        parent_session_id: Some(parent.id),
        fork_from_seq: Some(3),
        started_at: START + LATER,
        last_activity_at: START + LATER,
        ..parent.clone()
    };
    assert_eq!(session, expected);
    assert_eq!(subject.conversations.session(session.id, &Filter::Everything).await?, Some(expected));
    let copies = views(subject, session.id).await?;
    assert_eq!(copies.len(), 3);
    for (copy, original) in copies.iter().zip(&before.1) {
        let (id, session_id) = (copy.message.id, session.id);
        assert_ne!(id, original.message.id);
        let same = Message { id, session_id, turn_id: None, ..original.message.clone() };
        assert_eq!((&copy.message, &copy.usage), (&same, &None));
        assert_eq!(names(&copy.attachments), names(&original.attachments));
        assert!(copy.attachments.iter().all(|file| file.message_id == id));
    }
    assert_eq!(names(&copies[1].attachments), ["b", "a"]);
    let after = (
        subject.conversations.session(parent.id, &Filter::Everything).await?,
        views(subject, parent.id).await?,
    );
    assert_eq!(after, before, "the parent is unchanged");

    let next = subject.exchange(session.id, "Another question", "Yes").await?;
    assert_eq!(next.begun.user_message.seq, 4);
    assert_eq!(views(subject, parent.id).await?.len(), 5);
    let totals = subject
        .conversations
        .totals(session.id, &Filter::Everything)
        .await?
        .context("the totals are missing")?;
    assert_eq!((totals.messages, totals.input_tokens), (5, 7), "copies have no usage");
    Ok(())
}

/// Checks that a session with more messages and attachments than one statement inserts is copied completely.
pub async fn a_long_session_is_copied_completely(subject: &Subject) -> Result<()> {
    let parent = subject.session().await?.id;
    for number in 0..255 {
        let files = ["a", "b", "c"].map(|name| format!("{name}-{number}"));
        exchange_with(subject, parent, &files.each_ref().map(String::as_str)).await?;
    }
    let session = fork(subject, parent, 510).await?;
    let contents = async |id| -> Result<Vec<(i64, String, Vec<String>)>> {
        let contents = views(subject, id).await?.into_iter().map(|view| {
            let files = names(&view.attachments).into_iter().map(str::to_owned).collect();
            (view.message.seq, view.message.content, files)
        });
        Ok(contents.collect())
    };
    let copies = contents(session.id).await?;
    assert_eq!((session.next_seq, copies.len()), (511, 510));
    assert_eq!(copies, contents(parent).await?);
    Ok(())
}

pub async fn a_fork_ends_with_a_finished_answer(subject: &Subject) -> Result<()> {
    let parent = subject.session().await?.id;
    subject.exchange(parent, "One", "1").await?;
    subject.exchange(parent, "Two", "2").await?;
    let running = subject.start(parent, "Three").await?;
    for (from_seq, copied) in [(1, 0), (2, 2), (3, 2), (4, 4), (5, 4), (6, 4)] {
        let session = fork(subject, parent, from_seq).await?;
        assert_eq!((session.next_seq, session.fork_from_seq), (copied + 1, Some(from_seq)));
        assert_eq!(views(subject, session.id).await?.len() as i64, copied, "from {from_seq}");
    }
    for from_seq in [i64::MIN, -1, 0, 7, i64::MAX] {
        let refused = subject.conversations.fork(fork_of(subject, parent, from_seq)).await;
        assert!(matches!(refused, Err(ForkError::NoSuchMessage(6))), "{from_seq}: {refused:?}");
    }
    subject.finish(&running, "3").await?;
    assert_eq!(fork(subject, parent, 6).await?.next_seq, 7);
    Ok(())
}

pub async fn a_fork_of_a_closed_session_is_active(subject: &Subject) -> Result<()> {
    for action in [SessionAction::Pause, SessionAction::Complete] {
        let parent = subject.session().await?.id;
        subject.exchange(parent, "Hello", "Hi").await?;
        subject.conversations.change_state(parent, &Filter::Everything, action, START).await?;
        let new = NewFork { title: Some("Again".to_owned()), ..fork_of(subject, parent, 2) };
        let forked = subject.conversations.fork(new).await?;
        assert!((7..1000).contains(&forked.copied_bytes), "{}", forked.copied_bytes);
        let session = forked.session;
        assert_eq!((session.state, session.ended_at), (SessionState::Active, None));
        assert_eq!(session.title.as_deref(), Some("Again"));
        subject.exchange(session.id, "Go on", "Fine").await?;
    }
    Ok(())
}

pub async fn large_messages_are_copied_completely(subject: &Subject) -> Result<()> {
    let parent = subject.session().await?.id;
    // With its parts, the largest answer is larger than a page.
    let sizes = [10, 3 << 20, 10, 1 << 20, 1 << 20];
    for size in sizes {
        subject.exchange(parent, "question", &"x".repeat(size)).await?;
    }
    let id = fork(subject, parent, 10).await?.id;
    let mut copied = Vec::new();
    for seq in 1..=10 {
        let (after_seq, before_seq) = (Some(seq - 1), Some(seq + 1));
        let query = MessageQuery {
            session_id: id,
            visible: Filter::Everything,
            without_marked: false,
            after_seq,
            before_seq,
            limit: 1,
        };
        for view in subject.conversations.messages(query).await? {
            copied.push(view.message.content.len());
        }
    }
    assert_eq!(copied, sizes.map(|size| ["question".len(), size]).concat());
    Ok(())
}

pub async fn a_session_that_the_filter_excludes_cannot_be_forked(subject: &Subject) -> Result<()> {
    let parent = subject.session().await?.id;
    subject.exchange(parent, "Hello", "Hi").await?;
    for allowed in [subject.foreign(), Filter::Nothing] {
        let refused = subject.conversations.fork(NewFork { allowed, ..fork_of(subject, parent, 2) }).await;
        assert!(matches!(refused, Err(ForkError::NotFound)), "{refused:?}");
    }
    let nowhere = subject.conversations.fork(fork_of(subject, subject.no_session(), 1)).await;
    assert!(matches!(nowhere, Err(ForkError::NotFound)));
    subject.conversations.delete_session(parent, &Filter::Everything, subject.stamp_of_user(START)).await?;
    let gone = subject.conversations.fork(fork_of(subject, parent, 2)).await;
    assert!(matches!(gone, Err(ForkError::NotFound)));
    Ok(())
}

pub async fn the_lineage_lists_ancestors_and_the_forks_list_children(subject: &Subject) -> Result<()> {
    let root = subject.session().await?.id;
    subject.exchange(root, "Hello", "Hi").await?;
    let child = fork(subject, root, 2).await?;
    let grandchild = fork(subject, child.id, 2).await?;
    let other = fork(subject, root, 2).await?;
    let lineage = async |of: SessionId, visible: Filter, limit: u32| -> Result<Vec<SessionId>> {
        let found = subject.conversations.lineage(Lineage { of, visible, limit }).await?;
        Ok(found.into_iter().map(|session| session.id).collect())
    };
    assert_eq!(lineage(grandchild.id, subject.own(), 9).await?, [child.id, root]);
    assert_eq!(lineage(grandchild.id, subject.own(), 1).await?, [child.id]);
    assert_eq!(lineage(root, subject.own(), 9).await?, []);
    assert_eq!(lineage(grandchild.id, subject.foreign(), 9).await?, []);

    let forks = async |of: SessionId, limit: u32, after| -> Result<_> {
        let list = SessionQuery {
            visible: subject.own(),
            user_id: None,
            state: None,
            tool_id: None,
            parent_session_id: Some(of),
            page: PageRequest { limit, after },
        };
        let page = subject.conversations.sessions(list).await?;
        Ok((page.rows.into_iter().map(|session| session.id).collect::<Vec<_>>(), page.next))
    };
    let (both, none) = forks(root, 9, None).await?;
    assert!(none.is_none() && both.len() == 2 && both.contains(&child.id) && both.contains(&other.id));
    let (first, next) = forks(root, 1, None).await?;
    let (second, _) = forks(root, 1, next.map(After)).await?;
    assert_eq!([first, second].concat(), both);
    assert_eq!(forks(grandchild.id, 9, None).await?.0, []);

    // The deletion of a parent does not change its forks.
    let kept = views(subject, child.id).await?;
    subject.conversations.delete_session(root, &Filter::Everything, subject.stamp_of_user(START)).await?;
    let orphan =
        subject.conversations.session(child.id, &Filter::Everything).await?.context("the fork is missing")?;
    assert_eq!((orphan.parent_session_id, orphan.fork_from_seq), (None, Some(2)));
    assert_eq!(views(subject, child.id).await?, kept);
    assert_eq!(lineage(grandchild.id, subject.own(), 9).await?, [child.id]);
    Ok(())
}

pub async fn attachments_are_listed_in_order_and_deleted(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let first = exchange_with(subject, id, &["a", "b", "c"]).await?;
    subject.exchange(id, "Nothing here", "No").await?;
    exchange_with(subject, id, &["d", "e"]).await?;
    let list = async |visible: Filter, limit: u32| -> Result<Vec<String>> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest { limit, after };
            let list = AttachmentQuery { session_id: id, visible: visible.clone(), page };
            let page = subject.conversations.attachments(list).await?;
            assert!(page.rows.len() <= limit as usize);
            found.extend(page.rows.iter().map(|file| file.filename.clone()));
            match page.next {
                Some(key) => after = Some(After(key)),
                None => return Ok(found),
            }
        }
    };
    for limit in 1..=6 {
        assert_eq!(list(subject.own(), limit).await?, ["a", "b", "c", "d", "e"], "pages of {limit}");
    }
    assert_eq!(list(subject.foreign(), 9).await?, <[String; 0]>::default());

    let conversations = &subject.conversations;
    let owner = async |visible: Filter| conversations.session_of_attachment(first[1], &visible).await;
    assert_eq!(owner(subject.own()).await?.map(|session| session.id), Some(id));
    assert_eq!(owner(subject.foreign()).await?, None);
    let foreign = conversations.delete_attachment(first[1], &subject.foreign(), START).await;
    assert!(matches!(foreign, Err(SessionError::NotFound)));
    let copy = fork(subject, id, 6).await?.id;
    conversations.delete_attachment(first[1], &subject.own(), START).await?;
    assert_eq!(list(subject.own(), 2).await?, ["a", "c", "d", "e"]);
    assert_eq!(owner(subject.own()).await?, None);
    let again = conversations.delete_attachment(first[1], &subject.own(), START).await;
    assert!(matches!(again, Err(SessionError::NotFound)));
    assert_eq!(names(&views(subject, id).await?[0].attachments), ["a", "c"]);
    assert_eq!(names(&views(subject, copy).await?[0].attachments), ["a", "b", "c"], "copies are kept");
    assert_eq!(names(&views(subject, fork(subject, id, 6).await?.id).await?[0].attachments), ["a", "c"]);
    Ok(())
}
