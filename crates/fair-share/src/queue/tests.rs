//! The order of the items.

use causerie_domain::{GroupId, UserId};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::testing::requester;

/// Pops all items.
fn drain<T>(queue: &mut FairQueue<T>) -> Vec<T> {
    std::iter::from_fn(|| queue.pop()).collect()
}

#[test]
fn users_are_served_in_turn_and_the_items_of_one_in_order() {
    let mut queue = FairQueue::default();
    for item in 0..4 {
        queue.push(requester(1, None), (1, item));
    }
    queue.push(requester(2, None), (2, 0));
    queue.push(requester(3, None), (3, 0));
    queue.push(requester(3, None), (3, 1));
    assert_eq!(drain(&mut queue), [(1, 0), (2, 0), (3, 0), (1, 1), (3, 1), (1, 2), (1, 3)]);
    assert!(queue.is_empty());
}

#[test]
fn groups_are_served_in_turn_before_their_users() {
    let mut queue = FairQueue::default();
    for user in 1..=3 {
        queue.push(requester(user, Some(9)), user);
        queue.push(requester(user, Some(9)), user);
    }
    queue.push(requester(4, None), 4);
    queue.push(requester(4, None), 4);
    queue.push(requester(4, None), 4);
    assert_eq!(drain(&mut queue), [1, 4, 2, 4, 3, 4, 1, 2, 3]);
}

#[test]
fn a_user_that_is_not_eligible_keeps_its_turn() {
    let mut queue = FairQueue::default();
    for user in [1, 2, 3] {
        queue.push(requester(user, None), user);
        queue.push(requester(user, None), user);
    }
    let not_first = |user| user != requester(1, None).user_id;
    assert_eq!(queue.pop_where(not_first), Some(2));
    assert_eq!(drain(&mut queue), [1, 3, 2, 1, 3]);
    queue.push(requester(1, None), 1);
    assert!(!queue.any(not_first));
    assert_eq!(queue.pop_where(not_first), None);
    assert_eq!(queue.len(), 1);
}

#[test]
fn items_that_are_not_retained_leave_the_queue() {
    let mut queue = FairQueue::default();
    for item in [1, 2, 3] {
        queue.push(requester(1, None), item);
    }
    queue.push(requester(2, None), 4);
    queue.retain(requester(1, None), |item| *item == 2);
    queue.retain(requester(2, None), |_| false);
    queue.retain(requester(7, None), |_| false);
    assert_eq!((queue.len(), drain(&mut queue)), (1, vec![2]));
}

proptest! {
    /// Checks that between two items of one requester no other requester of its group is served twice.
    #[test]
    fn no_requester_is_served_twice_while_another_waits(pushed in vec((1_u8..5, prop::option::of(7_u8..9)), 1..60)) {
        let mut queue = FairQueue::default();
        let mut waiting: HashMap<(UserId, Option<GroupId>), usize> = HashMap::new();
        for (user, group) in &pushed {
            let requester = requester(*user, *group);
            queue.push(requester, requester);
            *waiting.entry((requester.user_id, requester.group_id)).or_default() += 1;
        }
        let mut served: Vec<Requester> = Vec::new();
        while let Some(next) = queue.pop() {
            let same_group = |other: &&Requester| Party::from(**other) == Party::from(next);
            let since = served.iter().rposition(|other| *other == next).map_or(0, |index| index + 1);
            let had_a_turn_before = served.contains(&next);
            for ((user_id, group_id), count) in &waiting {
                let other = Requester { user_id: *user_id, group_id: *group_id };
                if had_a_turn_before && other != next && *count > 0 && same_group(&&other) {
                    prop_assert!(served[since..].contains(&other), "{:?} was passed over", other);
                }
            }
            *waiting.get_mut(&(next.user_id, next.group_id)).unwrap() -= 1;
            served.push(next);
        }
        prop_assert_eq!(served.len(), pushed.len());
    }
}
