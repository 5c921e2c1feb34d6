//! What a request shows to say who makes it: one credential, in the one place where it may stand.

use std::fmt;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, web};
use causerie_domain::Secret;
use causerie_domain::ports::TicketTarget;
use sha2::{Digest as _, Sha256};

use super::cache::CredentialHash;
use super::key::{ShownKey, is_ticket};
use super::unauthenticated;
use crate::error::Problem;

/// The query parameter of a stream ticket.
pub(crate) const TICKET: &str = "ticket";
/// The routes that take one.
pub(crate) const TICKET_ROUTES: [&str; 2] = ["/sessions/{id}/stream", "/turns/{id}/stream"];

/// What a request shows to say who makes it.
pub(crate) enum Shown {
    /// A key or a token, as `Authorization: Bearer`.
    Bearer(Secret),
    /// A ticket, and the stream it is shown for.
    Ticket(Secret, TicketTarget),
    /// Nothing at all.
    Nothing,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shown::Bearer(_) => "Bearer(***)",
            Shown::Ticket(..) => "Ticket(***)",
            Shown::Nothing => "Nothing",
        })
    }
}

impl Shown {
    /// The credential of a request.
    ///
    /// # Errors `unauthenticated`, where there is more than one, one of another kind, or a key or token in the
    /// query string: addresses end up in logs and histories, so such a credential is as good as published.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let query = Parameters::of(request.query_string());
        if query.hold_a_credential() {
            return Err(unauthenticated());
        }
        let ticket = match ticket_for(request) {
            Some(wanted) => query.get(TICKET).map(|ticket| Shown::Ticket(Secret::new(ticket), wanted)),
            None => None,
        };
        match (bearer(request.headers())?, ticket) {
            (None, None) => Ok(Shown::Nothing),
            (None, Some(ticket)) => Ok(ticket),
            (Some(bearer), None) => Ok(Shown::Bearer(bearer)),
            (Some(_), Some(_)) => Err(unauthenticated()),
        }
    }
}

/// What a credential is remembered by.
pub(crate) fn hash(credential: &Secret) -> CredentialHash {
    Sha256::digest(credential.expose().as_bytes()).into()
}

fn bearer(headers: &HeaderMap) -> Result<Option<Secret>, Problem> {
    let mut lines = headers.get_all(header::AUTHORIZATION);
    let line = match (lines.next(), lines.next()) {
        (None, _) => return Ok(None),
        (Some(line), None) => line,
        (Some(_), Some(_)) => return Err(unauthenticated()),
    };
    match line.to_str().ok().and_then(|line| line.split_once(' ')) {
        Some((scheme, credential)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Some(Secret::new(credential.trim())))
        }
        _ => Err(unauthenticated()),
    }
}

/// The stream that a ticket in this request would be for.
fn ticket_for(request: &HttpRequest) -> Option<TicketTarget> {
    let pattern = request.match_pattern()?;
    let place = TICKET_ROUTES.iter().position(|route| *route == pattern)?;
    let id = request.match_info().get("id")?;
    match place {
        0 => id.parse().ok().map(TicketTarget::Session),
        _ => id.parse().ok().map(TicketTarget::Turn),
    }
}

/// The parameters of a query string.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(query: &str) -> Self {
        let decoded = web::Query::<Vec<(String, String)>>::from_query(query).map(web::Query::into_inner);
        // What cannot be decoded is looked at as it stands.
        let as_it_stands = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        };
        Parameters(decoded.unwrap_or_else(|_| query.split('&').map(as_it_stands).collect()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    fn hold_a_credential(&self) -> bool {
        let texts = self.0.iter().flat_map(|(name, value)| [name, value]);
        let mut words = texts.flat_map(|text| text.split_whitespace());
        words.any(is_lasting)
    }
}

/// Whether a text has the form of a credential that opens more than one stream: of a key, or of a token.
pub(crate) fn is_lasting(text: &str) -> bool {
    ShownKey::read(text).is_some() || is_like_a_token(text)
}

/// Whether a text has the form of a JWT: three parts in base64url, of which the first is a JSON object.
pub(super) fn is_like_a_token(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let is_base64url = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    match parts.as_slice() {
        [header, claims, _] => header.starts_with("eyJ") && is_base64url(header) && is_base64url(claims),
        _ => false,
    }
}

/// The hash by which a ticket is stored, if the text has the form of one.
pub(super) fn ticket_hash(ticket: &Secret) -> Option<[u8; 32]> {
    is_ticket(ticket.expose()).then(|| hash(ticket))
}
