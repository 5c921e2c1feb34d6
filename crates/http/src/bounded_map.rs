//! Maps with a bounded number of entries: the memory that clients can fill is limited.

use std::collections::HashMap;
use std::hash::Hash;

/// Maximum number of entries of a bounded map.
pub(crate) const MAX_ENTRIES: usize = 10_000;

/// Makes space for another entry of a full map: removes an eighth of its entries, those with the lowest ranks.
///
/// A client that fills the map with entries of a low rank does not remove those of other clients.
pub(crate) fn evict_when_full<K: Eq + Hash, V, R: Ord>(map: &mut HashMap<K, V>, rank: impl Fn(&V) -> R) {
    if map.len() >= MAX_ENTRIES {
        evict_lowest(map, map.len() / 8, rank);
    }
}

/// Removes this number of entries, those with the lowest ranks. The time is linear in the size of the map.
pub(crate) fn evict_lowest<K: Eq + Hash, V, R: Ord>(
    map: &mut HashMap<K, V>,
    count: usize,
    rank: impl Fn(&V) -> R,
) {
    let Some(last) = count.checked_sub(1) else { return };
    if count >= map.len() {
        map.clear();
        return;
    }
    let mut ranks: Vec<R> = map.values().map(&rank).collect();
    let (lower, threshold, _) = ranks.select_nth_unstable(last);
    let mut equal = count - lower.iter().filter(|rank| *rank < threshold).count();
    map.retain(|_, value| {
        let rank = rank(value);
        let is_removed = rank < *threshold || (rank == *threshold && equal > 0);
        equal -= usize::from(is_removed && rank == *threshold);
        !is_removed
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_with_the_lowest_ranks_are_removed() {
        let check = |ranks: &[u32], count: usize, expected: &[u32]| {
            let mut map: HashMap<usize, u32> = ranks.iter().copied().enumerate().collect();
            evict_lowest(&mut map, count, |rank| *rank);
            let mut left: Vec<u32> = map.into_values().collect();
            left.sort_unstable();
            assert_eq!(left, expected, "{ranks:?} {count}");
        };
        check(&[], 0, &[]);
        check(&[], 1, &[]);
        check(&[3, 1, 2], 0, &[1, 2, 3]);
        check(&[3, 1, 2], 2, &[3]);
        check(&[3, 1, 2], 4, &[]);
        check(&[5, 5, 1, 5, 9], 3, &[5, 9]);
        check(&[5; 4], 1, &[5, 5, 5]);
    }

    #[test]
    fn a_full_map_keeps_most_of_its_entries() {
        let mut map: HashMap<usize, usize> = (0..MAX_ENTRIES).map(|number| (number, number)).collect();
        evict_when_full(&mut map, |rank| *rank);
        assert_eq!(map.len(), MAX_ENTRIES - MAX_ENTRIES / 8);
        assert!(map.contains_key(&(MAX_ENTRIES - 1)) && !map.contains_key(&0));
    }
}
