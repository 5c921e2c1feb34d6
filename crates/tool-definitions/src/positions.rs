//! Positions of the nodes of a text, from one pass over it.
//!
//! The deserializers of the two formats do not expose positions, so the text is read a second time if there are errors:
//! YAML by a parser whose events have positions, JSON by its few structural characters.

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

use super::error::Position;
use super::path::PathSegment;

/// Positions of the nodes of the first document of a text.
#[derive(Debug, Default)]
pub(super) struct Positions {
    /// The nodes in the order of the text; the first one is the document.
    nodes: Vec<Located>,
}

#[derive(Debug)]
struct Located {
    at: Position,
    /// Indices of the items of a list, or of keys and values of a mapping in turn.
    children: Vec<usize>,
}

impl Positions {
    /// Reads the positions of a valid JSON text.
    pub(super) fn of_json(text: &str) -> Self {
        let mut reader = Reader::new(text);
        let mut at = Position::START;
        let mut state = JsonState::Between;
        for character in text.chars() {
            state = match (state, character) {
                (JsonState::Escape, _) => JsonState::Text,
                (JsonState::Text, '\\') => JsonState::Escape,
                (JsonState::Text, '"') => JsonState::Between,
                (JsonState::Text, _) => JsonState::Text,
                (_, '"') => {
                    reader.add(0, at);
                    JsonState::Text
                }
                (_, '[' | '{') => {
                    let node = reader.add(0, at);
                    reader.open.push(node);
                    JsonState::Between
                }
                (_, ']' | '}') => {
                    reader.open.pop();
                    JsonState::Between
                }
                (_, ',' | ':' | ' ' | '\t' | '\r' | '\n') => JsonState::Between,
                (JsonState::Between, _) => {
                    reader.add(0, at);
                    JsonState::Literal
                }
                (JsonState::Literal, _) => JsonState::Literal,
            };
            at = after(at, character);
        }
        reader.positions
    }

    /// Reads the positions of a YAML text. If the parser cannot read all of it, the positions before its error are known.
    pub(super) fn of_yaml(text: &str) -> Self {
        let mut reader = Reader::new(text);
        for event in Parser::new_from_str(text) {
            let Ok((event, span)) = event else { break };
            match event {
                Event::Scalar(_, style, anchor, _) => {
                    let at = reader.start_of_scalar(style, span);
                    reader.add(anchor, at);
                }
                Event::SequenceStart(anchor, _) => {
                    let at = reader.start_of_list(span);
                    let node = reader.add(anchor, at);
                    reader.open.push(node);
                }
                Event::MappingStart(anchor, _) => {
                    let node = reader.add(anchor, position(span.start));
                    reader.open.push(node);
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    reader.open.pop();
                }
                Event::Alias(anchor) => reader.repeat(anchor, span),
                Event::DocumentEnd => break,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
            }
            reader.last_end = span.end;
        }
        reader.positions
    }

    /// Returns the position of a node, or of its nearest parent that is known.
    pub(super) fn find(&self, path: &[PathSegment]) -> Position {
        let Some(mut node) = self.nodes.first() else { return Position::START };
        for segment in path {
            let child = match segment {
                PathSegment::Item(index) => *index,
                PathSegment::Key(entry) => 2 * entry,
                PathSegment::Value(entry) => 2 * entry + 1,
            };
            match node.children.get(child).and_then(|child| self.nodes.get(*child)) {
                Some(child) => node = child,
                None => break,
            }
        }
        node.at
    }
}

/// Builder of [`Positions`].
#[derive(Debug)]
struct Reader {
    characters: Vec<char>,
    /// End of the previous event.
    last_end: Marker,
    positions: Positions,
    /// Lists and mappings that have not ended.
    open: Vec<usize>,
    /// Nodes by the id of their anchor.
    anchors: HashMap<usize, usize>,
}

/// Place in a JSON text.
#[derive(Debug, Clone, Copy)]
enum JsonState {
    /// Between values.
    Between,
    /// In a number, `true`, `false` or `null`.
    Literal,
    /// In a text.
    Text,
    /// After a backslash in a text.
    Escape,
}

impl Reader {
    fn new(text: &str) -> Self {
        Reader {
            characters: text.chars().collect(),
            last_end: Marker::new(0, 1, 0),
            positions: Positions::default(),
            open: Vec::new(),
            anchors: HashMap::new(),
        }
    }

    /// Returns the start of a scalar. The parser reports the content of a block scalar, which follows its indicator, and
    /// the character before an empty scalar.
    fn start_of_scalar(&self, style: ScalarStyle, span: Span) -> Position {
        let at = position(span.start);
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            return self.find_before(span, &['|', '>']).unwrap_or(at);
        }
        match self.characters.get(span.start.index()) {
            Some(':' | '-' | '?') if span.is_empty() => Position { column: at.column + 1, ..at },
            _ => at,
        }
    }

    /// Returns the start of a list. The parser reports the first item of a list with the indentation of its key.
    fn start_of_list(&self, span: Span) -> Position {
        let at = position(span.start);
        match self.characters.get(span.start.index()) {
            Some('[' | '-' | '&' | '!') => at,
            _ => self.find_before(span, &['-']).unwrap_or(at),
        }
    }

    /// Returns the position of the first of these indicators between the previous event and an event.
    fn find_before(&self, event: Span, indicators: &[char]) -> Option<Position> {
        let mut at = position(self.last_end);
        for character in self.characters.get(self.last_end.index()..event.start.index())? {
            if indicators.contains(character) {
                return Some(at);
            }
            at = after(at, *character);
        }
        None
    }

    /// Adds a node to the current list or mapping and returns its index. Anchor 0 is no anchor.
    fn add(&mut self, anchor: usize, at: Position) -> usize {
        let node = self.positions.nodes.len();
        self.positions.nodes.push(Located { at, children: Vec::new() });
        if anchor > 0 {
            self.anchors.insert(anchor, node);
        }
        self.append(node);
        node
    }

    /// Adds the node of an anchor again.
    fn repeat(&mut self, anchor: usize, span: Span) {
        match self.anchors.get(&anchor) {
            Some(node) => self.append(*node),
            None => {
                self.add(0, position(span.start));
            }
        }
    }

    fn append(&mut self, node: usize) {
        if let Some(parent) = self.open.last().and_then(|parent| self.positions.nodes.get_mut(*parent)) {
            parent.children.push(node);
        }
    }
}

/// Returns the position after a character.
fn after(at: Position, character: char) -> Position {
    match character {
        '\n' => Position { line: at.line + 1, column: 1 },
        _ => Position { column: at.column + 1, ..at },
    }
}

fn position(mark: Marker) -> Position {
    Position { line: mark.line().max(1), column: mark.col() + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PathSegment::{Item, Key, Value};

    #[test]
    fn every_node_has_its_position() {
        let check = |text: &str, path: &[PathSegment], line: usize, column: usize| {
            assert_eq!(Positions::of_yaml(text).find(path), Position { line, column }, "{text:?} {path:?}");
        };
        check("a: 1\nbü: [x, {c: 2}]\n", &[], 1, 1);
        check("a: 1\nbü: [x, {c: 2}]\n", &[Key(1)], 2, 1);
        check("a: 1\nbü: [x, {c: 2}]\n", &[Value(1), Item(1)], 2, 9);
        check("a: 1\nbü: [x, {c: 2}]\n", &[Value(1), Item(1), Value(0)], 2, 13);
        check("a: &a {b: 1}\nc: *a\n", &[Value(1), Value(0)], 1, 11);
        // The nearest parent that is known.
        check("a: [1, 2]\n", &[Value(0), Item(7)], 1, 4);
        check("", &[Value(0)], 1, 1);
        // Empty and block scalars.
        check("a:\nb: 1\n", &[Value(0)], 1, 3);
        check("a: 1\nb: |\n  text\n", &[Value(1)], 2, 4);
        check("- a\n- >-\n\n  text\n", &[Item(1)], 2, 3);
        // A list with the indentation of its key.
        check("a:\n- 1\n", &[Value(0)], 2, 1);
    }

    #[test]
    fn every_node_of_json_has_its_position() {
        let check = |text: &str, path: &[PathSegment], line: usize, column: usize| {
            assert_eq!(Positions::of_json(text).find(path), Position { line, column }, "{text:?} {path:?}");
        };
        let text = "{\n\t\"ä]\\\"\": [true, 1.5e-3,{\"b\":null}],\n \"c\" : \"x\" }";
        check(text, &[], 1, 1);
        check(text, &[Key(0)], 2, 2);
        check(text, &[Value(0)], 2, 10);
        check(text, &[Value(0), Item(1)], 2, 17);
        check(text, &[Value(0), Item(2), Value(0)], 2, 29);
        check(text, &[Value(1)], 3, 8);
    }
}
