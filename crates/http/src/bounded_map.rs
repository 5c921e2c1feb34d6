//! Maps with a bounded number of entries: the memory that clients can fill is limited.

use std::collections::HashMap;
use std::hash::Hash;

/// Maximum number of entries of a bounded map.
pub(crate) const MAX_ENTRIES: usize = 10_000;

/// Makes space for another entry of a full map: removes the entries for which `keep` is false, or all entries if
/// the map is still full.
pub(crate) fn evict_when_full<K: Eq + Hash, V>(map: &mut HashMap<K, V>, keep: impl Fn(&V) -> bool) {
    if map.len() >= MAX_ENTRIES {
        map.retain(|_, value| keep(value));
    }
    if map.len() >= MAX_ENTRIES {
        map.clear();
    }
}
