//! A queue that serves groups in turn, and in each group its users in turn.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use causerie_domain::{GroupId, Requester, UserId};

/// Queue of items that belong to requesters.
///
/// Items of one user leave in the order of their arrival. Between the users of a group, and between the groups, each
/// one that waits gets one item in turn, however many items it has. A requester without a group counts as a group of
/// its own.
///
/// Pushing costs constant time. Popping takes constant time for each requester that is passed over.
#[derive(Debug)]
pub struct FairQueue<T> {
    groups: Rotation<Party, Rotation<UserId, VecDeque<T>>>,
    len: usize,
}

/// Group of a requester, or the user if there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Party {
    Group(GroupId),
    User(UserId),
}

impl From<Requester> for Party {
    fn from(requester: Requester) -> Self {
        requester.group_id.map_or(Party::User(requester.user_id), Party::Group)
    }
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        FairQueue { groups: Rotation::default(), len: 0 }
    }
}

impl<T> FairQueue<T> {
    /// Returns the number of items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the queue has no item.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends an item to those of its requester.
    pub fn push(&mut self, requester: Requester, item: T) {
        self.groups.entry(requester.into()).entry(requester.user_id).push_back(item);
        self.len += 1;
    }

    /// Removes and returns the next item.
    pub fn pop(&mut self) -> Option<T> {
        self.pop_where(|_| true)
    }

    /// Removes and returns the next item of a user that is eligible. The other users keep their turn.
    pub fn pop_where(&mut self, is_eligible: impl Fn(UserId) -> bool) -> Option<T> {
        let item = self
            .groups
            .next(|_, users| users.next(|user, items| is_eligible(*user).then(|| items.pop_front())?))?;
        self.len -= 1;
        Some(item)
    }

    /// Returns whether an item belongs to a user that is eligible.
    pub fn any(&self, is_eligible: impl Fn(UserId) -> bool) -> bool {
        self.groups.members.values().any(|users| users.order.iter().any(|user| is_eligible(*user)))
    }

    /// Removes the items of a requester that do not satisfy a predicate.
    pub fn retain(&mut self, requester: Requester, keep: impl FnMut(&T) -> bool) {
        let party = requester.into();
        let Some(users) = self.groups.members.get_mut(&party) else { return };
        let Some(items) = users.members.get_mut(&requester.user_id) else { return };
        let before = items.len();
        items.retain(keep);
        self.len -= before - items.len();
        users.remove_if_empty(&requester.user_id);
        self.groups.remove_if_empty(&party);
    }
}

/// Members that are served in turn. A member that is empty leaves the rotation.
#[derive(Debug)]
struct Rotation<K, V> {
    members: HashMap<K, V>,
    /// Keys of all members; the first one is served next.
    order: VecDeque<K>,
}

impl<K, V> Default for Rotation<K, V> {
    fn default() -> Self {
        Rotation { members: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Copy + Eq + Hash, V: Default + Empty> Rotation<K, V> {
    fn entry(&mut self, key: K) -> &mut V {
        self.members.entry(key).or_insert_with(|| {
            self.order.push_back(key);
            V::default()
        })
    }

    /// Serves the first member for which `serve` returns something, and moves that member to the end.
    fn next<T>(&mut self, serve: impl Fn(&K, &mut V) -> Option<T>) -> Option<T> {
        let (index, served) = self.order.iter().enumerate().find_map(|(index, key)| {
            let served = serve(key, self.members.get_mut(key)?)?;
            Some((index, served))
        })?;
        if let Some(key) = self.order.remove(index) {
            if self.members.get(&key).is_some_and(V::is_empty) {
                self.members.remove(&key);
            } else {
                self.order.push_back(key);
            }
        }
        Some(served)
    }

    fn remove_if_empty(&mut self, key: &K) {
        if self.members.get(key).is_some_and(V::is_empty) {
            self.members.remove(key);
            self.order.retain(|other| other != key);
        }
    }
}

trait Empty {
    fn is_empty(&self) -> bool;
}

impl<T> Empty for VecDeque<T> {
    fn is_empty(&self) -> bool {
        VecDeque::is_empty(self)
    }
}

impl<K, V> Empty for Rotation<K, V> {
    fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

#[cfg(test)]
mod tests;
