//! Sessions with their contents as one port.

use super::{Attachments, Forks, Messages, Sessions, Turns};

/// Sessions, messages, turns, attachments and forks.
pub trait Conversations: Sessions + Messages + Turns + Attachments + Forks {}

impl<S> Conversations for S where S: Sessions + Messages + Turns + Attachments + Forks {}
