//! Pages end early if their rows are large, and no row is left out.

use causerie_domain::attachments::{NewAttachment, StorageProvider};
use causerie_domain::messages::NewMessage;
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{
    ApiKeys, AttachmentQuery, Attachments, AuditEventQuery, AuditEvents, Messages, Models, NewToolVersion,
    ToolVersionQuery, Tools,
};
use causerie_domain::{Filter, SessionId, ToolVersionId};
use causerie_testkit::anyhow::{Context, Result};
use causerie_testkit::contract::{START, SqlSubject, tool_version};
use causerie_testkit::database::RawConnection;

use crate::api_keys::api_key;
use crate::models::model;

causerie_testkit::store_tests!(
    versions_of_a_tool,
    api_keys,
    audit_events,
    attachments_of_a_session,
    models,
    tools,
);

/// Larger than half of a page.
const LARGE: usize = 3 * 1024 * 1024;

/// Reads all pages of a list and returns the number of rows of each.
async fn lengths<T, K>(
    mut page: impl AsyncFnMut(PageRequest<K>) -> Result<Page<T, K>>,
) -> Result<Vec<usize>> {
    let mut lengths = Vec::new();
    let mut after = None;
    loop {
        let Page { rows, next } = page(PageRequest { limit: 100, after }).await?;
        lengths.push(rows.len());
        match next {
            Some(key) => after = Some(After(key)),
            None => return Ok(lengths),
        }
    }
}

async fn versions_of_a_tool(subject: &SqlSubject) -> Result<()> {
    for (number, size) in [10, 10, LARGE, LARGE, 10].into_iter().enumerate() {
        let version = tool_version(&subject.ids, "large", &format!("1.{number}.0"));
        let definition = format!("\"{}\"", "x".repeat(size));
        let content_hash = format!("{number:064}");
        let new = NewToolVersion {
            definition,
            content_hash,
            version_id: ToolVersionId::next(&subject.ids),
            ..version
        };
        subject.store().publish(new, &Filter::Everything, subject.stamp(START)).await?;
    }
    let found = lengths(async |page| {
        let query = ToolVersionQuery { slug: "large".to_owned(), visible: Filter::Everything, page };
        subject.store().versions(query).await?.context("the tool is missing")
    });
    assert_eq!(found.await?, [2, 3]);
    Ok(())
}

async fn models(subject: &SqlSubject) -> Result<()> {
    let ids = ["a/small", "b/large", "b/large-2", "c/small"];
    let catalog = ids.iter().map(|id| model(id, None)).collect::<Result<_>>()?;
    subject.store().replace_catalog(catalog, START).await?;
    let mut raw = RawConnection::open(subject.database()).await?;
    let parameters = format!("[\"{}\"]", "x".repeat(LARGE));
    raw.run(&format!("UPDATE ai_models SET supported_parameters = '{parameters}' WHERE id LIKE 'b/%'"))
        .await?;
    let mut listed = Vec::new();
    let found = lengths(async |page| {
        let page = subject.store().model_page(&Filter::Everything, page).await?;
        listed.extend(page.rows.iter().map(|model| model.catalog.id.clone()));
        Ok(page)
    });
    assert_eq!(found.await?, [2, 2]);
    assert_eq!(listed, ids);
    Ok(())
}

async fn tools(subject: &SqlSubject) -> Result<()> {
    let before = subject.store().tools(&Filter::Everything).await?.len();
    for number in 0..3 {
        let new = tool_version(&subject.ids, &format!("tool-{number}"), "1.0.0");
        subject.store().publish(new, &Filter::Everything, subject.stamp(START)).await?;
    }
    let (mut slugs, mut after) = (Vec::new(), None);
    loop {
        let request = PageRequest { limit: 1, after };
        let page = subject.store().tool_page(&Filter::Everything, request).await?;
        assert_eq!(page.rows.len(), 1);
        slugs.extend(page.rows.into_iter().map(|tool| tool.slug));
        match page.next {
            Some(slug) => after = Some(After(slug)),
            None => break,
        }
    }
    let all = subject.store().tools(&Filter::Everything).await?;
    assert_eq!((slugs.len(), all.len()), (before + 3, before + 3));
    assert_eq!(slugs, all.into_iter().map(|tool| tool.slug).collect::<Vec<_>>());
    Ok(())
}

async fn api_keys(subject: &SqlSubject) -> Result<()> {
    // The subject has a key already.
    for number in 0..3 {
        let new = api_key(&subject.ids, subject.user, &format!("large-{number:06}"));
        subject.store().add_api_key(new, subject.stamp(START)).await?;
    }
    let mut raw = RawConnection::open(subject.database()).await?;
    let scopes = format!("[\"{}\"]", "x".repeat(LARGE));
    raw.run(&format!("UPDATE api_keys SET scopes = '{scopes}' WHERE public_id LIKE 'large-%'")).await?;
    let found = lengths(async |page| Ok(subject.store().api_keys(&Filter::Everything, page).await?));
    assert_eq!(found.await?, [2, 1, 1]);
    Ok(())
}

async fn audit_events(subject: &SqlSubject) -> Result<()> {
    let mut raw = RawConnection::open(subject.database()).await?;
    raw.run("DELETE FROM audit_events").await?;
    for number in 0..4 {
        let new = api_key(&subject.ids, subject.user, &format!("event-{number:06}"));
        subject.store().add_api_key(new, subject.stamp(START)).await?;
    }
    let detail = format!("{{\"x\":\"{}\"}}", "x".repeat(LARGE));
    raw.run(&format!("UPDATE audit_events SET detail = '{detail}'")).await?;
    let found = lengths(async |page| {
        let query = AuditEventQuery { actor_id: None, subject_id: None, page };
        Ok(subject.store().audit_events(query).await?)
    });
    assert_eq!(found.await?, [1, 1, 1, 1]);
    Ok(())
}

/// Sends a message with attachments.
async fn attach(subject: &SqlSubject, session: SessionId, names: &[&str]) -> Result<()> {
    let attachment = |name: &&str| NewAttachment {
        filename: (*name).to_owned(),
        mime_type: "image/png".to_owned(),
        size: Some(1),
        storage_provider: StorageProvider::Url,
        storage_key: format!("https://example.org/{name}"),
        meta: serde_json::Map::new(),
    };
    let message = NewMessage {
        content: "Look".to_owned(),
        attachments: names.iter().map(attachment).collect(),
        ..NewMessage::default()
    };
    let running = subject.run(subject.send_message(session, message)).await?;
    subject.finish(&running, "Yes").await?;
    Ok(())
}

async fn attachments_of_a_session(subject: &SqlSubject) -> Result<()> {
    let session_id = subject.session().await?.id;
    attach(subject, session_id, &["small", "large-1", "large-2"]).await?;
    attach(subject, session_id, &["large-3", "tiny"]).await?;
    let mut raw = RawConnection::open(subject.database()).await?;
    let meta = format!("{{\"x\":\"{}\"}}", "x".repeat(LARGE));
    raw.run(&format!("UPDATE message_attachments SET meta = '{meta}' WHERE filename LIKE 'large%'")).await?;
    let found = lengths(async |page| {
        let query = AttachmentQuery { session_id, visible: Filter::Everything, page };
        Ok(subject.store().attachments(query).await?)
    });
    assert_eq!(found.await?, [2, 1, 2]);
    // A page of messages counts its attachments.
    let latest = subject.store().latest_messages(session_id, &Filter::Everything, 100).await?;
    assert_eq!(latest.len(), 3);
    Ok(())
}
