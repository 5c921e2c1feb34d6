//! One request on its way to a scenario: what was asked, and what its parameters say.

use std::time::{Duration, SystemTime};

use crate::bill::{self, Bill, CHARACTERS_PER_TOKEN, Payer};
use crate::catalogue;
use crate::frame::{Frame, Framing};
use crate::params::{ParameterError, Params, invalid};
use crate::reply::Reply;
use crate::script::{Event, Pause};
use crate::text::{self, Letters};
use crate::wire::request::ChatRequest;

pub(crate) const PROVIDER: &str = "Simulated Provider";

/// Everything a scenario may look at; the same call always gives the same script.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) request: &'a ChatRequest,
    /// The id that picked the scenario: the model asked for, or one of its fallbacks.
    pub(crate) model: String,
    pub(crate) params: Params,
    /// 1 for the first request with exactly this model id.
    pub(crate) attempt: u64,
    pub(crate) generation_id: String,
    /// Only for the waits that are told as a point in time.
    pub(crate) now: SystemTime,
    /// Seconds since the epoch, as the answer gives them.
    pub(crate) created: u64,
    /// The pause before each delta where neither the scenario nor the request sets one.
    pub(crate) typing_delay: Duration,
}

impl Call<'_> {
    /// The tokens of the input.
    pub(crate) fn prompt_tokens(&self) -> Result<u64, ParameterError> {
        Ok(bill::tokens(self.request.characters(), self.characters_per_token()?))
    }

    /// The text that `words`, `chars` and `letters` ask for, else the scenario's own, cut into deltas.
    pub(crate) fn pieces(&self, own: impl FnOnce() -> String) -> Result<Vec<String>, ParameterError> {
        let letters = match self.params.choice("letters", "mixed", &["mixed", "plain", "emoji", "nul"])? {
            "plain" => Letters::Plain,
            "emoji" => Letters::Emoji,
            "nul" => Letters::Nul,
            _ => Letters::Mixed,
        };
        let chars =
            self.params.number_up_to("chars", 16 << 20)?.and_then(|count| usize::try_from(count).ok());
        let whole = match (chars, self.params.text("words")) {
            (Some(count), _) => text::characters(count, letters),
            (None, Some(_)) => text::words(self.params.count("words", 0)?),
            (None, None) => own(),
        };
        Ok(match self.params.count("piece", 0)? {
            0 => text::by_word(&whole),
            size => text::by_characters(&whole, size),
        })
    }

    /// The ordinary answer of most scenarios: `count` words.
    pub(crate) fn words(&self, count: usize) -> Result<Reply, ParameterError> {
        Ok(Reply::of_text(self.pieces(|| text::words(count))?))
    }

    /// What the reply costs, at the catalogue's prices for the model.
    pub(crate) fn bill(&self, reply: &Reply) -> Result<Bill, ParameterError> {
        let characters_per_token = self.characters_per_token()?;
        let (said, thought) = reply.characters();
        let prompt = self.prompt_tokens()?;
        Ok(Bill {
            prices: catalogue::prices(&self.model, prompt),
            characters_per_token,
            prompt,
            cached: 0,
            cache_write: 0,
            completion: bill::tokens(said, characters_per_token),
            reasoning: bill::tokens(thought, characters_per_token),
            payer: Payer::Platform,
            cost_literal: None,
        })
    }

    /// What all events of the answer share.
    pub(crate) fn frame(&self, framing: Framing) -> Frame {
        Frame {
            id: self.generation_id.clone(),
            created: self.created,
            model: self.served_as(),
            provider: PROVIDER,
            framing,
        }
    }

    /// The wait before the head, and the gate if it stands there.
    pub(crate) fn before_head(&self) -> Result<Vec<Pause>, ParameterError> {
        let wait = self.params.millis("head_ms", Duration::ZERO)?;
        let wait = (!wait.is_zero()).then_some(Pause::Wait(wait));
        let gate = self.gate()?.filter(|gate| gate.at == GateAt::Head).map(|gate| gate.pause());
        Ok(wait.into_iter().chain(gate).collect())
    }

    /// The model id that the answer carries.
    pub(crate) fn served_as(&self) -> String {
        self.params.text("served").map_or_else(|| catalogue::served_as(&self.model), str::to_owned)
    }

    /// The gate that the request names, with its place.
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

    fn characters_per_token(&self) -> Result<u64, ParameterError> {
        self.params.number("chars_per_token", CHARACTERS_PER_TOKEN)
    }
}

/// A gate and the place where it stands.
pub(crate) struct Gate {
    name: String,
    pub(crate) at: GateAt,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum GateAt {
    Head,
    /// Before every delta.
    Each,
    /// After so many deltas, before the next one.
    Before(usize),
    /// After the last delta.
    End,
}

impl Gate {
    pub(crate) fn holds(&self, delta: usize) -> bool {
        self.at == GateAt::Each || self.at == GateAt::Before(delta)
    }

    pub(crate) fn event(&self) -> Event {
        Event::Pause(self.pause())
    }

    fn pause(&self) -> Pause {
        Pause::Gate(self.name.clone())
    }
}
