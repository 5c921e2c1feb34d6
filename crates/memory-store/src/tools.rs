//! Tools and their versions. Changes are not recorded as audit events.

use std::collections::btree_map::Entry;

use async_trait::async_trait;
use causerie_domain::audit_events::AuditStamp;
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{
    NewToolVersion, StoreError, ToolError, ToolSync, ToolVersionCursor, ToolVersionQuery, Tools,
};
use causerie_domain::tools::{Tool, ToolVersion};
use causerie_domain::{Filter, ToolVersionId};

use super::MemoryStore;
use super::filter::matching;
use super::state::State;

#[async_trait]
impl Tools for MemoryStore {
    async fn sync_tools(&self, files: Vec<NewToolVersion>) -> Result<ToolSync, ToolError> {
        let mut state = self.lock();
        for file in &files {
            if state.tools.get(&file.slug).is_some_and(|tool| tool.owner_id.is_some()) {
                return Err(ToolError::SlugTaken { slug: file.slug.clone() });
            }
            is_stored(&state, file)?;
        }
        let mut sync = ToolSync::default();
        for tool in state.tools.values_mut().filter(|tool| tool.owner_id.is_none() && tool.group_id.is_none())
        {
            let gone = files.iter().all(|file| file.slug != tool.slug);
            if gone && std::mem::replace(&mut tool.enabled, false) {
                sync.disabled.push(tool.slug.clone());
            }
        }
        for file in files {
            let known = state.tools.get(&file.slug).is_some_and(|tool| tool.current.version == file.version);
            if known {
                state.tools.entry(file.slug).and_modify(|tool| tool.enabled = true);
                continue;
            }
            sync.updated.push(file.slug.clone());
            let tool = tool_of(file, state.tools.values());
            state.versions.insert(tool.current.id, tool.current.clone());
            state.tools.insert(tool.slug.clone(), tool);
        }
        Ok(sync)
    }

    async fn publish(
        &self,
        new: NewToolVersion,
        allowed: &Filter,
        _: AuditStamp,
    ) -> Result<(Tool, bool), ToolError> {
        let mut state = self.lock();
        if let Some(tool) = state.tools.get(&new.slug) {
            let is_free = tool.owner_id.is_some() && tool.group_id == new.group_id;
            if !is_free || matching(allowed, [tool])?.is_empty() {
                return Err(ToolError::SlugTaken { slug: new.slug });
            }
        }
        let slug = new.slug.clone();
        let is_new = !is_stored(&state, &new)?;
        if is_new {
            let owner_id = state.tools.get(&slug).map_or(new.owner_id, |tool| tool.owner_id);
            let tool = Tool { owner_id, ..tool_of(new, state.tools.values()) };
            state.versions.insert(tool.current.id, tool.current.clone());
            state.tools.insert(slug.clone(), tool);
        }
        let tool = state.tools.entry(slug.clone()).and_modify(|tool| tool.enabled = true);
        match tool {
            Entry::Occupied(tool) => Ok((tool.get().clone(), is_new)),
            Entry::Vacant(_) => Err(ToolError::SlugTaken { slug }),
        }
    }

    async fn disable(&self, slug: &str, allowed: &Filter, _: AuditStamp) -> Result<bool, StoreError> {
        let mut state = self.lock();
        let is_allowed = !matching(allowed, state.tools.get(slug))?.is_empty();
        if let Some(tool) = state.tools.get_mut(slug).filter(|_| is_allowed) {
            tool.enabled = false;
        }
        Ok(is_allowed)
    }

    async fn versions(
        &self,
        list: ToolVersionQuery,
    ) -> Result<Option<Page<ToolVersion, ToolVersionCursor>>, StoreError> {
        let state = self.lock();
        let Some(tool) = matching(&list.visible, state.tools.get(&list.slug))?.pop() else { return Ok(None) };
        let mut versions: Vec<ToolVersion> =
            state.versions.values().filter(|version| version.tool_id == tool.id).cloned().collect();
        versions.sort_by_key(|version| version.id);
        let mut rows: Vec<(i64, ToolVersion)> = (1..).zip(versions).collect();
        rows.reverse();
        rows.retain(|(number, _)| list.page.after.as_ref().is_none_or(|After(last)| *number < last.0));
        let more = rows.len() > list.page.limit as usize;
        rows.truncate(list.page.limit as usize);
        let next = rows.last().filter(|_| more).map(|(number, _)| ToolVersionCursor(*number));
        Ok(Some(Page { rows: rows.into_iter().map(|(_, version)| version).collect(), next }))
    }

    async fn tools(&self, visible: &Filter) -> Result<Vec<Tool>, StoreError> {
        let without_definition = |tool: &Tool| {
            let current = ToolVersion { definition: String::new(), ..tool.current.clone() };
            Tool { current, ..tool.clone() }
        };
        Ok(matching(visible, self.lock().tools.values())?.into_iter().map(without_definition).collect())
    }

    async fn tool_page(
        &self,
        visible: &Filter,
        page: PageRequest<String>,
    ) -> Result<Page<Tool, String>, StoreError> {
        let mut tools = self.tools(visible).await?;
        tools.retain(|tool| page.after.as_ref().is_none_or(|After(last)| tool.slug > *last));
        tools.sort_by(|one, other| one.slug.cmp(&other.slug));
        Ok(Page::cut(tools, page.limit, |tool| tool.slug.clone()))
    }

    async fn tool(&self, slug: &str, visible: &Filter) -> Result<Option<Tool>, StoreError> {
        Ok(matching(visible, self.lock().tools.get(slug))?.pop().cloned())
    }

    async fn pinned(&self, id: ToolVersionId) -> Result<Option<(Tool, ToolVersion)>, StoreError> {
        let state = self.lock();
        let version = state.versions.get(&id);
        let found = version.and_then(|version| {
            let tool = state.tools.values().find(|tool| tool.id == version.tool_id)?;
            Some((tool.clone(), version.clone()))
        });
        Ok(found)
    }
}

/// Returns whether a version is stored with the same content.
fn is_stored(state: &State, new: &NewToolVersion) -> Result<bool, ToolError> {
    let same = state.versions.values().find(|stored| {
        stored.version == new.version
            && state.tools.get(&new.slug).is_some_and(|tool| tool.id == stored.tool_id)
    });
    match same {
        Some(stored) if stored.content_hash != new.content_hash => {
            let (slug, version) = (new.slug.clone(), new.version.clone());
            Err(ToolError::VersionConflict { slug, version })
        }
        same => Ok(same.is_some()),
    }
}

/// Returns the tool with its new current version. An existing slug keeps its id.
fn tool_of<'a>(file: NewToolVersion, mut known: impl Iterator<Item = &'a Tool>) -> Tool {
    let tool_id = known.find(|tool| tool.slug == file.slug).map_or(file.tool_id, |tool| tool.id);
    let current = ToolVersion {
        id: file.version_id,
        tool_id,
        version: file.version,
        title: file.title,
        definition: file.definition,
        content_hash: file.content_hash,
        created_by: file.owner_id,
        created_at: file.created_at,
    };
    Tool {
        id: tool_id,
        slug: file.slug,
        tool_type: file.tool_type,
        group_id: file.group_id,
        owner_id: file.owner_id,
        enabled: true,
        current,
    }
}
