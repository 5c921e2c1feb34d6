//! Audit events that changes write in their own transaction.

use causerie_domain::Filter;
use causerie_domain::audit_events::{AuditAction, AuditEvent, AuditStamp};
use causerie_domain::page::PageRequest;
use causerie_domain::ports::{
    AuditEventQuery, AuditEvents, DirectoryError, RuleOwner, Rules, RulesChange, SessionError, Sessions,
};
use causerie_testkit::anyhow::{Context, Result};
use causerie_testkit::contract::{START, SqlSubject};
use tokio::task::JoinSet;

causerie_testkit::store_tests!(
    a_deletion_of_a_foreign_session_has_an_audit_event,
    a_deletion_that_fails_has_no_audit_event,
    replaced_rules_are_those_that_the_transaction_replaced,
);

async fn events_of(subject: &SqlSubject, id: impl ToString) -> Result<Vec<AuditEvent>> {
    let page = PageRequest { limit: 100, after: None };
    let query = AuditEventQuery { actor_id: None, subject_id: Some(id.to_string()), page };
    Ok(subject.store().audit_events(query).await?.rows)
}

fn stamp_of_stranger(subject: &SqlSubject) -> AuditStamp {
    AuditStamp { actor_id: Some(subject.stranger), ..subject.stamp(START) }
}

async fn a_deletion_of_a_foreign_session_has_an_audit_event(subject: &SqlSubject) -> Result<()> {
    let (own, foreign) = (subject.session().await?.id, subject.session().await?.id);
    let all = Filter::Everything;
    subject.store().delete_session(own, &all, subject.stamp_of_user(START)).await?;
    assert_eq!(events_of(subject, own).await?, []);
    let stamp = stamp_of_stranger(subject);
    subject.store().delete_session(foreign, &all, stamp).await?;
    let events = events_of(subject, foreign).await?;
    let event = events.first().context("the deletion has no event")?;
    assert_eq!((events.len(), event.action, event.id), (1, AuditAction::SessionDelete, stamp.event_id));
    assert_eq!((event.actor_id, event.at), (Some(subject.stranger), START));
    Ok(())
}

async fn a_deletion_that_fails_has_no_audit_event(subject: &SqlSubject) -> Result<()> {
    let id = subject.session().await?.id;
    let refused = subject.store().delete_session(id, &subject.foreign(), stamp_of_stranger(subject)).await;
    assert!(matches!(refused, Err(SessionError::NotFound)), "{refused:?}");
    assert_eq!(events_of(subject, id).await?, []);
    // An event whose id exists cannot be stored: the session is not deleted either.
    let used = stamp_of_stranger(subject);
    let other = subject.session().await?.id;
    subject.store().delete_session(other, &Filter::Everything, used).await?;
    assert!(subject.store().delete_session(id, &Filter::Everything, used).await.is_err());
    assert!(subject.store().session(id, &Filter::Everything).await?.is_some());
    Ok(())
}

async fn replaced_rules_are_those_that_the_transaction_replaced(subject: &SqlSubject) -> Result<()> {
    let owner = RuleOwner::User(subject.stranger);
    let mut writers = JoinSet::new();
    for number in 0..10 {
        let (store, stamp) = (subject.store().clone(), subject.stamp(START));
        let rule = format!("{{\"action\":\"read\",\"subject\":\"Session\",\"reason\":\"{number}\"}}");
        writers.spawn(async move {
            loop {
                let expected = store.stored_rules(owner).await?;
                let change = RulesChange { expected, rules: vec![rule.clone(); 2] };
                if store.replace_rules(owner, &Filter::Everything, change, stamp).await? {
                    return Ok::<_, DirectoryError>(());
                }
            }
        });
    }
    while let Some(written) = writers.join_next().await {
        written??;
    }
    // A decision about rules that are no longer stored changes and records nothing.
    let before = subject.store().stored_rules(owner).await?;
    let stale = RulesChange { expected: Vec::new(), rules: Vec::new() };
    assert!(!subject.store().replace_rules(owner, &Filter::Everything, stale, subject.stamp(START)).await?);
    assert_eq!(subject.store().stored_rules(owner).await?, before);
    let mut details = Vec::new();
    for event in events_of(subject, subject.stranger).await? {
        if event.action == AuditAction::RulesReplace {
            details.push(serde_json::from_str::<serde_json::Value>(&event.detail)?);
        }
    }
    assert_eq!(details.len(), 10);
    // Each list was replaced once; the first change replaced nothing, and the last list is the stored one.
    let stored = subject.store().stored_rules(owner).await?;
    let stored: Vec<serde_json::Value> =
        stored.iter().map(|rule| serde_json::from_str(rule)).collect::<Result<_, _>>()?;
    let mut replaced: Vec<String> = details.iter().map(|detail| detail["replaced"].to_string()).collect();
    replaced.push(serde_json::Value::from(stored).to_string());
    let mut written: Vec<String> = details.iter().map(|detail| detail["rules"].to_string()).collect();
    written.push("[]".to_owned());
    replaced.sort();
    written.sort();
    assert_eq!(replaced, written);
    Ok(())
}
