//! Stored rules.

use causerie_domain::Filter;
use causerie_domain::audit_events::AuditStamp;
use causerie_domain::ports::{DirectoryError, RuleOwner, Rules, RulesChange, StoreError};

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Rules for SqlStore {
    async fn stored_rules(&self, owner: RuleOwner) -> Result<Vec<String>, StoreError> {
        transact!(self, Read, rules::of_owner(owner))
    }

    async fn replace_rules(
        &self,
        owner: RuleOwner,
        allowed: &Filter,
        change: RulesChange,
        stamp: AuditStamp,
    ) -> Result<bool, DirectoryError> {
        transact!(self, Write, rules::replace((owner, allowed.clone(), change, stamp)))
    }
}
