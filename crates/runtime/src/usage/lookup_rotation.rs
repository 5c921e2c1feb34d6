//! Order of the look-ups of costs: groups in turn, and in each group its users.
//!
//! The waiting rows are in the store, so the order is a list of those that had their turn. A user without a group counts
//! as a group.

use std::collections::{BTreeMap, BTreeSet};

use causerie_domain::ports::ServedRequesters;
use causerie_domain::usage::PendingUsage;
use causerie_domain::{GroupId, UserId};

/// Maximum number of users that are remembered. Beyond it, all turns start again.
const MAX_SERVED: usize = 1_000;

/// Users and groups that had their turn.
#[derive(Debug, Default)]
pub(crate) struct LookupRotation {
    /// Groups that had their turn in the current round of the groups.
    groups: BTreeSet<GroupId>,
    /// Users without a group that had their turn in this round.
    alone: BTreeSet<UserId>,
    /// Users that had their turn in the current round of their group.
    users: BTreeMap<UserId, GroupId>,
}

/// Step of a search for the next row. Each step leaves out less than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SearchStep {
    /// A user of a group, neither of which had its turn.
    NewGroupAndUser,
    /// A group that had no turn, all of whose waiting users had theirs.
    NewGroup,
    /// Every group had its turn: a new round of the groups.
    NewUser,
    /// Every user had its turn.
    Anyone,
}

impl LookupRotation {
    /// Returns the steps of a search with what they leave out. Steps that would repeat an earlier one are skipped.
    pub(crate) fn search(&self) -> Vec<(SearchStep, ServedRequesters)> {
        let groups: Vec<GroupId> = self.groups.iter().copied().collect();
        let alone = || self.alone.iter().copied();
        let users = || self.users.keys().copied();
        let steps = [
            (
                SearchStep::NewGroupAndUser,
                ServedRequesters { users: alone().chain(users()).collect(), groups: groups.clone() },
            ),
            (SearchStep::NewGroup, ServedRequesters { users: alone().collect(), groups }),
            (SearchStep::NewUser, ServedRequesters { users: users().collect(), groups: Vec::new() }),
            (SearchStep::Anyone, ServedRequesters::default()),
        ];
        let mut search: Vec<(SearchStep, ServedRequesters)> = Vec::with_capacity(steps.len());
        for (step, served) in steps {
            if search.iter().all(|(_, earlier)| *earlier != served) {
                search.push((step, served));
            }
        }
        search
    }

    /// Records the turn of the row that a step has found.
    pub(crate) fn record(&mut self, step: SearchStep, row: &PendingUsage) {
        match step {
            SearchStep::NewGroupAndUser => {}
            SearchStep::NewGroup => self.users.retain(|_, group| Some(*group) != row.group_id),
            SearchStep::NewUser => {
                self.groups.clear();
                self.alone.clear();
            }
            SearchStep::Anyone => *self = LookupRotation::default(),
        }
        if self.users.len() + self.alone.len() + self.groups.len() >= MAX_SERVED {
            *self = LookupRotation::default();
        }
        match (row.user_id, row.group_id) {
            (user, Some(group)) => {
                self.groups.insert(group);
                self.users.extend(user.map(|user| (user, group)));
            }
            (Some(user), None) => _ = self.alone.insert(user),
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use causerie_domain::usage::{CostBasis, Settlement, TokenCounts, UsageOutcome};
    use causerie_domain::{Timestamp, UsageId};

    use super::*;
    use crate::SystemIds;

    fn row(user: UserId, group: Option<GroupId>) -> PendingUsage {
        PendingUsage {
            id: UsageId::next(&SystemIds),
            user_id: Some(user),
            group_id: group,
            model: String::new(),
            outcome: UsageOutcome::Failed,
            generation_id: None,
            estimated_input_tokens: 0,
            prices: None,
            tokens: TokenCounts::default(),
            settlement: Settlement {
                cost: None,
                basis: CostBasis::Pending,
                reported: None,
                calculated: None,
                cache_saved: None,
            },
            created_at: Timestamp::from_micros(0),
            closed_at: Timestamp::from_micros(0),
            lookups: 0,
            next_lookup_at: None,
        }
    }

    /// Returns the order in which rows are looked up, as the first letters of their users.
    fn order(mut waiting: Vec<(char, PendingUsage)>) -> String {
        let mut rotation = LookupRotation::default();
        let mut order = String::new();
        while !waiting.is_empty() {
            let found = rotation.search().into_iter().find_map(|(step, served)| {
                let at = waiting.iter().position(|(_, row)| !served.contains(row.user_id, row.group_id))?;
                Some((step, at))
            });
            let (step, at) = found.expect("the last step leaves out no row");
            let (name, row) = waiting.remove(at);
            rotation.record(step, &row);
            order.push(name);
        }
        order
    }

    #[test]
    fn users_without_a_group_take_turns() {
        let ids = SystemIds;
        let (a, b, c) = (UserId::next(&ids), UserId::next(&ids), UserId::next(&ids));
        let mut waiting: Vec<_> = (0..60).map(|_| ('a', row(a, None))).collect();
        waiting.extend((0..2).map(|_| ('b', row(b, None))));
        waiting.push(('c', row(c, None)));
        assert!(order(waiting).starts_with("abcaba"));
    }

    #[test]
    fn groups_take_turns_and_their_users_within_them() {
        let ids = SystemIds;
        let group = Some(GroupId::next(&ids));
        let (a, b, c) = (UserId::next(&ids), UserId::next(&ids), UserId::next(&ids));
        let mut waiting: Vec<_> = (0..20).map(|_| ('a', row(a, group))).collect();
        waiting.extend((0..20).map(|_| ('b', row(b, group))));
        waiting.extend((0..20).map(|_| ('c', row(c, None))));
        let order = order(waiting);
        let count = |name: char| order[..24].chars().filter(|one| *one == name).count();
        assert!((11..=13).contains(&count('c')), "{order}");
        assert!(count('a').abs_diff(count('b')) <= 1, "{order}");
    }

    #[test]
    fn the_number_of_served_users_is_bounded() {
        let mut rotation = LookupRotation::default();
        for _ in 0..3 * MAX_SERVED {
            rotation.record(SearchStep::NewGroupAndUser, &row(UserId::next(&SystemIds), None));
            assert!(rotation.alone.len() <= MAX_SERVED);
        }
    }
}
