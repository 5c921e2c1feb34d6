//! Tools and models in memory.

use async_trait::async_trait;
use causerie_domain::model::{CatalogueModel, Model};
use causerie_domain::ports::{ModelStore, NewToolVersion, StoreError, ToolStore, ToolStoreError, ToolSync};
use causerie_domain::tool::{Tool, ToolVersion};
use causerie_domain::{Filter, Timestamp, ToolVersionId};

use super::MemoryStore;
use super::filter::admitted;

#[async_trait]
impl ToolStore for MemoryStore {
    async fn synchronise(&self, files: Vec<NewToolVersion>) -> Result<ToolSync, ToolStoreError> {
        let mut state = self.lock();
        for file in &files {
            let same = state.versions.values().find(|stored| {
                stored.version == file.version
                    && state.tools.get(&file.slug).is_some_and(|tool| tool.id == stored.tool_id)
            });
            if same.is_some_and(|stored| stored.content_hash != file.content_hash) {
                let (slug, version) = (file.slug.clone(), file.version.clone());
                return Err(ToolStoreError::VersionConflict { slug, version });
            }
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

    async fn tools(&self, visible: &Filter) -> Result<Vec<Tool>, StoreError> {
        Ok(admitted(visible, self.lock().tools.values())?.into_iter().cloned().collect())
    }

    async fn tool(&self, slug: &str, visible: &Filter) -> Result<Option<Tool>, StoreError> {
        Ok(admitted(visible, self.lock().tools.get(slug))?.pop().cloned())
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

#[async_trait]
impl ModelStore for MemoryStore {
    async fn take_over(&self, catalogue: Vec<CatalogueModel>, now: Timestamp) -> Result<(), StoreError> {
        let mut state = self.lock();
        for listed in catalogue {
            let known = state.models.remove(&listed.id);
            let model = match known {
                Some(known) => Model { catalogue: listed, listed_at: now, ..known },
                None => Model {
                    catalogue: listed,
                    enabled: true,
                    restricted: false,
                    group_id: None,
                    millichars_per_token: None,
                    listed_at: now,
                },
            };
            state.models.insert(model.catalogue.id.clone(), model);
        }
        Ok(())
    }

    async fn models(&self, visible: &Filter) -> Result<Vec<Model>, StoreError> {
        Ok(admitted(visible, self.lock().models.values())?.into_iter().cloned().collect())
    }
}

/// The tool with its new current version; a known slug keeps its id.
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
