//! Answers of the upstream: number and pace of their chunks, which the name of the model states.

use serde::{Deserialize, Serialize};

/// An answer, as the name of its model describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) chunks: u32,
    /// Time between two chunks. Zero: the whole answer is one write.
    pub(crate) delay_ms: u32,
}

impl Answer {
    /// Answer of an ordinary turn.
    pub(crate) const TURN: Answer = Answer { chunks: 32, delay_ms: 0 };
    /// Answer with a chunk every two seconds that ends when the upstream is asked to finish.
    pub(crate) const SLOW: Answer = Answer { chunks: u32::MAX, delay_ms: 2000 };
    /// Answer of the scenario with many chunks in one answer.
    pub(crate) const LONG: Answer = Answer { chunks: 100_000, delay_ms: 0 };

    /// Returns an answer of a number of chunks, 5 ms apart.
    pub(crate) const fn paced(chunks: u32) -> Self {
        Answer { chunks, delay_ms: 5 }
    }

    /// Returns an answer whose chunks are so far apart that each is handled alone, also under an emulator.
    pub(crate) const fn alone(chunks: u32) -> Self {
        Answer { chunks, delay_ms: 20 }
    }

    /// Returns every answer of the scenarios: each is a model of the upstream, and a tool.
    pub(crate) const fn all() -> [Answer; 7] {
        [
            Answer::TURN,
            Answer::paced(200),
            Answer::paced(1000),
            Answer::alone(250),
            Answer::alone(1000),
            Answer::SLOW,
            Answer::LONG,
        ]
    }

    /// Returns the name of the model that gives the answer.
    pub(crate) fn model(self) -> String {
        format!("bench/{}x{}", self.chunks, self.delay_ms)
    }

    /// Returns the name of the tool whose model gives the answer.
    pub(crate) fn tool(self) -> String {
        format!("bench-{}x{}", self.chunks, self.delay_ms)
    }

    /// Reads the name of a model.
    pub(crate) fn parse(model: &str) -> Option<Self> {
        let (chunks, delay_ms) = model.strip_prefix("bench/")?.split_once('x')?;
        Some(Answer { chunks: chunks.parse().ok()?, delay_ms: delay_ms.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_model_states_the_answer() {
        for answer in [Answer::TURN, Answer::SLOW, Answer::LONG, Answer::paced(200)] {
            assert_eq!(Answer::parse(&answer.model()), Some(answer));
        }
        for model in ["bench/32", "bench/x5", "bench/32x-1", "other/32x5"] {
            assert_eq!(Answer::parse(model), None, "{model}");
        }
    }
}
