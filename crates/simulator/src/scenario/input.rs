//! Input of a scenario: a request and the parameters of its model id.

use std::time::{Duration, SystemTime};

use crate::catalog;
use crate::prompt_cache::CachedTokens;
use crate::scenario::params::{ParameterError, Params, invalid};
use crate::scenario::text::{self, Alphabet};
use crate::script::bill::{self, Bill, CHARACTERS_PER_TOKEN, KeyOwner};
use crate::script::framing::{Frame, Framing};
use crate::script::reply::Reply;
use crate::script::{Event, Pause};
use crate::wire::request::ChatRequest;

/// Input of a scenario. Equal inputs produce equal scripts.
#[derive(Clone, Debug)]
pub(crate) struct ScenarioInput<'a> {
    pub(crate) request: &'a ChatRequest,
    /// Id that selected the scenario: the requested model or one of its fallbacks.
    pub(crate) model: String,
    pub(crate) params: Params,
    /// Number of the request among those with exactly this model id, from 1.
    pub(crate) attempt: u64,
    pub(crate) generation_id: String,
    /// Current time, used only for waits that are sent as timestamps.
    pub(crate) now: SystemTime,
    /// Creation time in the answer, in seconds since the epoch.
    pub(crate) created: u64,
    /// Default delay before each delta.
    pub(crate) typing_delay: Duration,
    pub(crate) provider: &'static str,
    /// Input tokens in the prompt cache of the provider.
    pub(crate) cached: CachedTokens,
}

impl ScenarioInput<'_> {
    /// Returns the number of input tokens.
    pub(crate) fn prompt_tokens(&self) -> Result<u64, ParameterError> {
        Ok(bill::tokens(self.request.characters(), self.characters_per_token()?))
    }

    /// Returns the text that `words`, `chars` and `letters` select, by default the given one, split into deltas.
    pub(crate) fn pieces(&self, default: impl FnOnce() -> String) -> Result<Vec<String>, ParameterError> {
        let letters =
            match self.params.choice("letters", "mixed", &["mixed", "plain", "emoji", "nul", "blank"])? {
                "plain" => Alphabet::Plain,
                "emoji" => Alphabet::Emoji,
                "nul" => Alphabet::Nul,
                "blank" => Alphabet::Blank,
                _ => Alphabet::Mixed,
            };
        let chars =
            self.params.number_up_to("chars", 16 << 20)?.and_then(|count| usize::try_from(count).ok());
        let whole = match (chars, self.params.text("words")) {
            (Some(count), _) => text::characters(count, letters),
            (None, Some(_)) => text::words(self.params.count("words", 0)?),
            (None, None) => default(),
        };
        Ok(match self.params.count("piece", 0)? {
            0 => text::by_word(&whole),
            size => text::by_characters(&whole, size),
        })
    }

    /// Returns the default answer of most scenarios: `count` words.
    pub(crate) fn words(&self, count: usize) -> Result<Reply, ParameterError> {
        Ok(Reply::of_text(self.pieces(|| text::words(count))?))
    }

    /// Returns the bill of a reply at the listed prices of the model.
    pub(crate) fn bill(&self, reply: &Reply) -> Result<Bill, ParameterError> {
        let characters_per_token = self.characters_per_token()?;
        let (output, reasoning) = reply.characters();
        let prompt = self.prompt_tokens()?;
        Ok(Bill {
            prices: catalog::prices(&self.model, prompt),
            characters_per_token,
            prompt,
            cached: self.cached.read,
            cache_write: self.cached.written,
            completion: bill::tokens(output, characters_per_token),
            reasoning: bill::tokens(reasoning, characters_per_token),
            key_owner: KeyOwner::Platform,
            cost_literal: None,
        })
    }

    /// Returns the members that all events of the answer share.
    pub(crate) fn frame(&self, framing: Framing) -> Frame {
        Frame {
            id: self.generation_id.clone(),
            created: self.created,
            model: self.served_as(),
            provider: self.provider,
            framing,
        }
    }

    /// Returns the pauses before the response head: a wait, and the gate with `gate_at=head`.
    pub(crate) fn before_head(&self) -> Result<Vec<Pause>, ParameterError> {
        let wait = self.params.millis("head_ms", Duration::ZERO)?;
        let wait = (!wait.is_zero()).then_some(Pause::Wait(wait));
        let gate = self.gate()?.filter(|gate| gate.at == GateAt::Head).map(|gate| gate.pause());
        Ok(wait.into_iter().chain(gate).collect())
    }

    /// Returns the model id in the answer.
    pub(crate) fn served_as(&self) -> String {
        self.params.text("served").map_or_else(|| catalog::served_as(&self.model), str::to_owned)
    }

    /// Returns the gate of the parameters with its position.
    pub(crate) fn gate(&self) -> Result<Option<Gate>, ParameterError> {
        let Some(name) = self.params.text("gate") else { return Ok(None) };
        let at = match self.params.text("gate_at").unwrap_or("each") {
            "each" => GateAt::Each,
            "first" => GateAt::Before(0),
            "end" => GateAt::End,
            "head" => GateAt::Head,
            number => GateAt::Before(number.parse().map_err(|_| {
                invalid("gate_at", number, "head, first, each, end or a number of deltas".to_owned())
            })?),
        };
        Ok(Some(Gate { name: name.to_owned(), at }))
    }

    pub(crate) fn characters_per_token(&self) -> Result<u64, ParameterError> {
        self.params.number("chars_per_token", CHARACTERS_PER_TOKEN)
    }
}

/// Gate with its position in the answer.
pub(crate) struct Gate {
    name: String,
    pub(crate) at: GateAt,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateAt {
    Head,
    /// Before every delta.
    Each,
    /// Before the delta with this index.
    Before(usize),
    /// After the last delta.
    End,
}

impl Gate {
    /// Returns whether the gate is before the delta with this index.
    pub(crate) fn is_before(&self, delta: usize) -> bool {
        self.at == GateAt::Each || self.at == GateAt::Before(delta)
    }

    pub(crate) fn event(&self) -> Event {
        Event::Pause(self.pause())
    }

    fn pause(&self) -> Pause {
        Pause::Gate(self.name.clone())
    }
}
