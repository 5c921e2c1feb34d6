//! Stored rules.

use causerie_domain::Filter;
use causerie_domain::audit_events::AuditStamp;
use causerie_domain::ports::{DirectoryError, RuleOwner, Rules, StoreError};

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
        rules: Vec<String>,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        transact!(self, Write, rules::replace((owner, allowed.clone(), rules, stamp)))
    }
}
