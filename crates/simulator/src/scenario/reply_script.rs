//! Scripts of complete answers, streamed or as one document.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::scenario::input::{Gate, GateAt, ScenarioInput};
use crate::scenario::params::ParameterError;
use crate::script::GenerationPlan;
use crate::script::bill::Bill;
use crate::script::framing::Framing;
use crate::script::reply::{Delta, Finish, Reply};
use crate::script::{ChunkKind, Event, HEARTBEAT, Head, Pause, Script};
use crate::wire;
use crate::wire::chunk::{Choice, ChunkBody};
use crate::wire::completion::Completion;
use crate::wire::usage::UsageMember;

/// Position and form of `usage`, as recorded from the upstream at different times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UsageShape {
    /// May to August 2026: an event that repeats the choice with the same finish reason.
    RepeatedChoice,
    /// March 2026: `choices` is empty.
    EmptyChoices,
    /// Until February 2026: a choice with finish reason null.
    NullFinish,
    /// October 2025: like `NullFinish`, and usage has three counts only.
    Legacy,
    /// In the only event with the finish reason.
    WithFinish,
    /// Omitted.
    Absent,
    /// `"usage": null`
    Null,
    /// `"usage": {}`
    Empty,
}

impl ScenarioInput<'_> {
    /// Builds the script of a reply in the form of August 2026.
    pub(crate) fn answer(&self, reply: Reply) -> Result<Script, ParameterError> {
        self.answer_with_usage(reply, UsageShape::RepeatedChoice)
    }

    /// Builds the script of a reply with `usage` in the given form.
    pub(crate) fn answer_with_usage(
        &self,
        reply: Reply,
        shape: UsageShape,
    ) -> Result<Script, ParameterError> {
        let bill = self.bill(&reply)?;
        self.answer_with_bill(reply, shape, bill)
    }

    /// Builds the script of a reply with the given bill.
    pub(crate) fn answer_with_bill(
        &self,
        reply: Reply,
        shape: UsageShape,
        bill: Bill,
    ) -> Result<Script, ParameterError> {
        let plan = GenerationPlan {
            id: self.generation_id.clone(),
            model: self.served_as(),
            provider: self.provider,
            created: self.created,
            streamed: self.request.stream,
            finish: reply.finish,
            bill,
            misses: self.params.number("misses", 0)?,
        };
        let (content_type, events) = if self.request.stream {
            ("text/event-stream", self.stream(reply, shape, &plan.bill)?)
        } else {
            ("application/json", self.document(&reply, shape, &plan)?)
        };
        let head = Head::Answer { status: 200, content_type, headers: Vec::new() };
        let script =
            Script { frame: self.frame(Framing::default()), plan: Some(plan), ..Script::new(head, events) };
        Ok(script
            .with_header("X-Generation-Id", self.generation_id.clone())
            .with_header("Cache-Control", "no-cache"))
    }

    fn stream(
        &self,
        reply: Reply,
        shape: UsageShape,
        bill: &Bill,
    ) -> Result<VecDeque<Event>, ParameterError> {
        let gate = self.gate()?;
        let delay = self.params.millis("delay_ms", self.typing_delay)?;
        let comments = self.params.count("keepalives", 1)?;
        let mut events: VecDeque<Event> = (0..comments).map(|_| Event::Comment).collect();
        let finish = reply.finish;
        for (number, delta) in reply.deltas.into_iter().enumerate() {
            if !delay.is_zero() {
                events.push_back(Event::Pause(Pause::Wait(delay)));
            }
            events.extend(gate.iter().filter(|gate| gate.is_before(number)).map(Gate::event));
            events.push_back(Event::Delta(delta));
        }
        events.extend(gate.iter().filter(|gate| gate.at == GateAt::End).map(Gate::event));
        events.extend(closing(finish, shape, bill));
        events.push_back(Event::Done);
        Ok(events)
    }

    fn document(
        &self,
        reply: &Reply,
        shape: UsageShape,
        plan: &GenerationPlan,
    ) -> Result<VecDeque<Event>, ParameterError> {
        let deltas = u32::try_from(reply.deltas.len()).unwrap_or(u32::MAX);
        let wait = self.params.millis("delay_ms", self.typing_delay)?.saturating_mul(deltas);
        let gate = self.gate()?.filter(|gate| gate.at != GateAt::Head);
        let beats = self.params.count("keepalives", 1)?;
        let completion = Completion {
            id: plan.id.clone(),
            object: "chat.completion",
            created: plan.created,
            model: plan.model.clone(),
            provider: plan.provider,
            system_fingerprint: None,
            service_tier: None,
            choices: [reply.choice()],
            usage: usage(shape, &plan.bill),
        };
        let mut events: VecDeque<Event> =
            (0..beats).map(|_| Event::Raw(Bytes::from_static(HEARTBEAT))).collect();
        events.extend((!wait.is_zero()).then_some(Event::Pause(Pause::Wait(wait))));
        events.extend(gate.iter().map(Gate::event));
        events.push_back(Event::Body(wire::json(&completion).into()));
        Ok(events)
    }
}

/// Returns the events between the last delta and `[DONE]`.
fn closing(finish: Option<Finish>, shape: UsageShape, bill: &Bill) -> Vec<Event> {
    let choice = |finish: Option<Finish>| Choice {
        finish_reason: finish.map(|finish| finish.reason),
        native_finish_reason: finish.map(|finish| finish.native),
        ..Delta::Text(String::new()).into()
    };
    let with_choice = |choice: Choice| ChunkBody { choices: vec![choice], ..ChunkBody::default() };
    let end = match shape {
        UsageShape::WithFinish => None,
        _ => finish.map(|_| Event::Chunk(Box::new(with_choice(choice(finish))), ChunkKind::Finish)),
    };
    let last = usage(shape, bill).map(|usage| {
        let choices = match shape {
            UsageShape::EmptyChoices => Vec::new(),
            UsageShape::NullFinish | UsageShape::Legacy => vec![choice(None)],
            _ => vec![choice(finish)],
        };
        // Recordings that repeat the choice contain the service tier here, null unless the request sets one.
        let service_tier = (shape == UsageShape::RepeatedChoice).then_some(serde_json::Value::Null);
        let body = ChunkBody { service_tier, choices, usage: Some(usage), ..ChunkBody::default() };
        Event::Chunk(Box::new(body), ChunkKind::Usage)
    });
    end.into_iter().chain(last).collect()
}

fn usage(shape: UsageShape, bill: &Bill) -> Option<UsageMember> {
    Some(match shape {
        UsageShape::Absent => return None,
        UsageShape::Null => UsageMember::Null,
        UsageShape::Empty => UsageMember::Empty,
        UsageShape::Legacy => UsageMember::Full(Box::new(bill.legacy_usage())),
        _ => UsageMember::Full(Box::new(bill.usage())),
    })
}
