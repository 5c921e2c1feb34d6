//! Strongly connected components and shortest cycles of a small directed graph.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The nodes that each node has an edge to.
pub(super) type Graph<N> = BTreeMap<N, BTreeSet<N>>;

/// Returns the components with more than one node: the sets in which each node can reach every other.
///
/// Reachability from every node is computed in full; a crate has a few hundred files.
pub(super) fn components<N: Ord + Copy>(graph: &Graph<N>) -> Vec<BTreeSet<N>> {
    let reachable: BTreeMap<N, BTreeSet<N>> =
        graph.keys().map(|node| (*node, predecessors(graph, *node).into_keys().collect())).collect();
    let mut seen: BTreeSet<N> = BTreeSet::new();
    let mut components = Vec::new();
    for (node, reached) in &reachable {
        if seen.contains(node) {
            continue;
        }
        let returns = |other: &&N| reachable.get(other).is_some_and(|back| back.contains(node));
        let component: BTreeSet<N> = reached.iter().filter(returns).copied().collect();
        seen.extend(&component);
        if component.len() > 1 {
            components.push(component);
        }
    }
    components
}

/// Returns the shortest cycle that uses an edge for which `counts` holds; the first node is not repeated at the end.
pub(super) fn shortest_cycle<N: Ord + Copy>(
    graph: &Graph<N>,
    counts: impl Fn(N, N) -> bool,
) -> Option<Vec<N>> {
    let edges = graph.iter().flat_map(|(from, targets)| targets.iter().map(move |to| (*from, *to)));
    let cycles = edges.filter(|(from, to)| counts(*from, *to)).filter_map(|(from, to)| path(graph, to, from));
    cycles.min_by_key(Vec::len)
}

/// Returns the shortest path between two nodes, both included; `None` if there is none.
fn path<N: Ord + Copy>(graph: &Graph<N>, from: N, to: N) -> Option<Vec<N>> {
    let previous = predecessors(graph, from);
    let mut path = vec![to];
    let mut node = to;
    while node != from {
        node = (*previous.get(&node)?)?;
        path.push(node);
    }
    path.reverse();
    Some(path)
}

/// Returns every node that can be reached, the first one included, with the node before it on a shortest path.
fn predecessors<N: Ord + Copy>(graph: &Graph<N>, from: N) -> BTreeMap<N, Option<N>> {
    let mut previous = BTreeMap::from([(from, None)]);
    let mut queue = VecDeque::from([from]);
    while let Some(node) = queue.pop_front() {
        for next in graph.get(&node).into_iter().flatten() {
            if !previous.contains_key(next) {
                previous.insert(*next, Some(node));
                queue.push_back(*next);
            }
        }
    }
    previous
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(char, char)]) -> Graph<char> {
        let mut graph = Graph::new();
        for (from, to) in edges {
            graph.entry(*from).or_insert_with(BTreeSet::new).insert(*to);
            graph.entry(*to).or_insert_with(BTreeSet::new);
        }
        graph
    }

    #[test]
    fn components_are_maximal_and_have_several_nodes() {
        let graph =
            graph(&[('a', 'b'), ('b', 'c'), ('c', 'a'), ('c', 'd'), ('e', 'f'), ('f', 'e'), ('d', 'e')]);
        let found: Vec<String> =
            components(&graph).into_iter().map(|component| component.into_iter().collect()).collect();
        assert_eq!(found, ["abc", "ef"]);
    }

    #[test]
    fn the_shortest_cycle_uses_an_edge_that_counts() {
        let graph = graph(&[('a', 'b'), ('b', 'a'), ('a', 'c'), ('c', 'd'), ('d', 'a')]);
        let cycle = |counts: fn(char, char) -> bool| shortest_cycle(&graph, counts).map(String::from_iter);
        assert_eq!(cycle(|_, _| true).as_deref(), Some("ba"));
        assert_eq!(cycle(|from, _| from == 'c').as_deref(), Some("dac"));
        assert_eq!(cycle(|_, _| false), None);
    }
}
