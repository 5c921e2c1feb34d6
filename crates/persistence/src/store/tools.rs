//! Tools. A filter that matches nothing sends no query.

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{
    NewToolVersion, StoreError, ToolError, ToolSync, ToolVersionCursor, ToolVersionQuery, Tools,
};
use causerie_domain::tools::{Tool, ToolVersion};
use causerie_domain::{Filter, ToolVersionId};

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Tools for SqlStore {
    async fn sync_tools(&self, files: Vec<NewToolVersion>) -> Result<ToolSync, ToolError> {
        transact!(self, Write, tools::sync(files))
    }

    async fn publish(
        &self,
        new: NewToolVersion,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(Tool, bool), ToolError> {
        transact!(self, Write, tools::publish((new, allowed.clone(), stamp)))
    }

    async fn disable(&self, slug: &str, allowed: &Filter, stamp: AuditStamp) -> Result<bool, StoreError> {
        if allowed.is_nothing() {
            return Ok(false);
        }
        transact!(self, Write, tools::disable((slug.to_owned(), allowed.clone(), stamp)))
    }

    async fn versions(
        &self,
        list: ToolVersionQuery,
    ) -> Result<Option<Page<ToolVersion, ToolVersionCursor>>, StoreError> {
        if list.visible.is_nothing() {
            return Ok(None);
        }
        transact!(self, Snapshot, tools::versions(list))
    }

    async fn tools(&self, visible: &Filter) -> Result<Vec<Tool>, StoreError> {
        if visible.is_nothing() {
            return Ok(Vec::new());
        }
        transact!(self, Snapshot, tools::visible(visible.clone()))
    }

    async fn tool_page(
        &self,
        visible: &Filter,
        page: PageRequest<String>,
    ) -> Result<Page<Tool, String>, StoreError> {
        if visible.is_nothing() {
            return Ok(Page::empty());
        }
        transact!(self, Snapshot, tools::page((visible.clone(), page)))
    }

    async fn tool(&self, slug: &str, visible: &Filter) -> Result<Option<Tool>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        transact!(self, Snapshot, tools::by_slug((slug.to_owned(), visible.clone())))
    }

    async fn pinned(&self, id: ToolVersionId) -> Result<Option<(Tool, ToolVersion)>, StoreError> {
        transact!(self, Read, tools::pinned(id))
    }
}
