//! Tool definitions of the tests.

/// Tool with a greeting.
pub(crate) const GREETING: &str = "
name: greeting
version: 1.0.0
type: chat
title: Greeting
behavior: Be kind.
greeting: How can I help?
model: sim/echo
";

/// Tool whose history is limited to three messages.
pub(crate) const LIMITED_HISTORY: &str = "
name: forgetful
version: 1.0.0
type: chat
title: Forgetful
behavior: Be kind.
model: sim/echo
history: {max_messages: 3}
";

/// Tool with all settings of a request.
pub(crate) const ALL_SETTINGS: &str = "
name: explicit
version: 2.1.0
type: chat
title: Explicit
behavior: \"  Be kind.\\n\"
model: sim/no-endpoints
fallback_models: [sim/echo]
parameters: {temperature: 0.3, top_p: 1, max_output_tokens: 64, seed: 7, stop: [END], reasoning: {effort: low}}
";

/// Tool with a low limit of input.
pub(crate) const LIMITED_INPUT: &str = "
name: narrow
version: 1.0.0
type: chat
title: Narrow
behavior: Be kind.
model: sim/echo
limits: {max_input_chars: 10, max_messages_per_session: 4}
";
