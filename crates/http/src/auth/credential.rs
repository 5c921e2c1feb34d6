//! The credential of a request: one key or token in the header `Authorization`, or one stream ticket in the query.

use std::fmt;

use actix_web::http::header::{self, HeaderMap};
use actix_web::{HttpRequest, web};
use causerie_domain::Secret;
use causerie_domain::ports::TicketTarget;
use sha2::{Digest as _, Sha256};

use super::cache::CredentialHash;
use super::key_format::{PresentedKey, has_ticket_format};
use crate::error::Problem;

/// The query parameter of a stream ticket.
pub(crate) const TICKET: &str = "ticket";
/// The routes that accept a ticket.
pub(crate) const TICKET_ROUTES: [&str; 2] = ["/sessions/{id}/stream", "/turns/{id}/stream"];

/// The credential of a request.
pub(crate) enum PresentedCredential {
    /// A key or a token, as `Authorization: Bearer`.
    Bearer(Secret),
    /// A ticket, and the stream for which it is used.
    Ticket(Secret, TicketTarget),
    None,
}

impl fmt::Debug for PresentedCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PresentedCredential::Bearer(_) => "Bearer(***)",
            PresentedCredential::Ticket(..) => "Ticket(***)",
            PresentedCredential::None => "None",
        })
    }
}

impl PresentedCredential {
    /// Reads the credential of a request.
    ///
    /// # Errors
    /// `unauthenticated` if there are several credentials, one with another scheme, or a key or token in the query
    /// string: URLs are written to logs and histories, so such a credential must be treated as leaked.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let query = Parameters::of(request.query_string());
        if query.contains_credential() {
            return Err(Problem::unauthenticated());
        }
        let ticket = match ticket_for(request) {
            Some(target) => {
                query.get(TICKET).map(|ticket| PresentedCredential::Ticket(Secret::new(ticket), target))
            }
            None => None,
        };
        match (bearer(request.headers())?, ticket) {
            (None, None) => Ok(PresentedCredential::None),
            (None, Some(ticket)) => Ok(ticket),
            (Some(bearer), None) => Ok(PresentedCredential::Bearer(bearer)),
            (Some(_), Some(_)) => Err(Problem::unauthenticated()),
        }
    }
}

/// Returns the hash of a credential, which is its key in the cache.
pub(crate) fn hash(credential: &Secret) -> CredentialHash {
    Sha256::digest(credential.expose().as_bytes()).into()
}

fn bearer(headers: &HeaderMap) -> Result<Option<Secret>, Problem> {
    let mut lines = headers.get_all(header::AUTHORIZATION);
    let line = match (lines.next(), lines.next()) {
        (None, _) => return Ok(None),
        (Some(line), None) => line,
        (Some(_), Some(_)) => return Err(Problem::unauthenticated()),
    };
    match line.to_str().ok().and_then(|line| line.split_once(' ')) {
        Some((scheme, credential)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Some(Secret::new(credential.trim())))
        }
        _ => Err(Problem::unauthenticated()),
    }
}

/// Returns the stream to which a ticket of this request refers.
fn ticket_for(request: &HttpRequest) -> Option<TicketTarget> {
    let pattern = request.match_pattern()?;
    let route = TICKET_ROUTES.iter().position(|route| *route == pattern)?;
    let id = request.match_info().get("id")?;
    match route {
        0 => id.parse().ok().map(TicketTarget::Session),
        _ => id.parse().ok().map(TicketTarget::Turn),
    }
}

/// The parameters of a query string.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(query: &str) -> Self {
        let decoded = web::Query::<Vec<(String, String)>>::from_query(query).map(web::Query::into_inner);
        // A query that cannot be decoded is searched without decoding.
        let undecoded = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (name.to_owned(), value.to_owned())
        };
        Parameters(decoded.unwrap_or_else(|_| query.split('&').map(undecoded).collect()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    fn contains_credential(&self) -> bool {
        let texts = self.0.iter().flat_map(|(name, value)| [name, value]);
        let mut parts = texts.flat_map(|text| text.split_whitespace());
        parts.any(is_reusable_credential)
    }
}

/// Returns whether a text has the format of a reusable credential: a key or a token.
pub(crate) fn is_reusable_credential(text: &str) -> bool {
    PresentedKey::parse(text).is_some() || has_token_format(text)
}

/// Returns whether a text has the format of a JWT: three parts in base64url, of which the first is a JSON object.
pub(super) fn has_token_format(text: &str) -> bool {
    let parts: Vec<&str> = text.split('.').collect();
    let is_base64url = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    match parts.as_slice() {
        [header, claims, _] => header.starts_with("eyJ") && is_base64url(header) && is_base64url(claims),
        _ => false,
    }
}

/// Returns the hash with which a ticket is stored, if the text has the format of a ticket.
pub(super) fn ticket_hash(ticket: &Secret) -> Option<[u8; 32]> {
    has_ticket_format(ticket.expose()).then(|| hash(ticket))
}
