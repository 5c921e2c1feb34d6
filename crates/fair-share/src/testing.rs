//! Requesters for tests.

use causerie_domain::{GroupId, Requester, UserId};

/// Creates a requester with small numbers as ids.
pub(crate) fn requester(user: u8, group: Option<u8>) -> Requester {
    let id = |number: u8| format!("00000000-0000-7000-8000-0000000000{number:02x}");
    Requester {
        user_id: id(user).parse::<UserId>().unwrap(),
        group_id: group.map(|group| id(group).parse::<GroupId>().unwrap()),
    }
}
