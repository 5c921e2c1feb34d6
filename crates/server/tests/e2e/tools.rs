//! Tool definitions with more to them than a model.

/// Speaks first.
pub(crate) const GREETING: &str = "
name: greeting
version: 1.0.0
type: chat
title: Greeting
behavior: Be kind.
greeting: What shall we talk about?
model: sim/echo
";

/// Sends three earlier messages at most.
pub(crate) const FORGETFUL: &str = "
name: forgetful
version: 1.0.0
type: chat
title: Forgetful
behavior: Be kind.
model: sim/echo
history: {max_messages: 3}
";

/// Says everything that a definition can say about a request.
pub(crate) const EXPLICIT: &str = "
name: explicit
version: 2.1.0
type: chat
title: Explicit
behavior: \"  Be kind.\\n\"
model: sim/no-endpoints
fallback_models: [sim/echo]
parameters: {temperature: 0.3, top_p: 1, max_output_tokens: 64, seed: 7, stop: [END], reasoning: {effort: low}}
";

/// Takes little.
pub(crate) const NARROW: &str = "
name: narrow
version: 1.0.0
type: chat
title: Narrow
behavior: Be kind.
model: sim/echo
limits: {max_input_chars: 10, max_messages_per_session: 4}
";
