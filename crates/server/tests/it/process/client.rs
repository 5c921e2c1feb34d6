//! Minimal HTTP/1.1 client, because a library could hide details of the responses.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::TIMEOUT;

/// Complete response.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends a request on a new connection and reads the response.
pub(crate) fn request(address: &str, line: &str, key: &str, body: &str) -> Answer {
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(TIMEOUT)).unwrap();
    send(&mut connection, line, key, body);
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Answer { status, body: if chunked { joined(body) } else { body.to_owned() } }
}

/// Writes a request.
pub(crate) fn send(connection: &mut TcpStream, line: &str, key: &str, body: &str) {
    let authorization = match key.trim() {
        "" => String::new(),
        key => format!("authorization: Bearer {key}\r\n"),
    };
    let length = body.len();
    let request = format!(
        "{line}\r\nhost: causerie\r\n{authorization}content-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    connection.write_all(request.as_bytes()).unwrap();
}

/// Joins the chunks of a body.
fn joined(mut chunks: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        body += &rest[..size];
        chunks = rest[size..].trim_start_matches("\r\n");
    }
    body
}

/// Response that is read in parts and may break off.
pub(crate) struct Stream {
    connection: TcpStream,
    /// Received bytes as text, including the headers and the chunk sizes.
    pub(crate) seen: String,
    unread: Vec<u8>,
}

impl Stream {
    pub(crate) fn open(address: &str, line: &str, headers: &str, body: &str) -> std::io::Result<Self> {
        let mut connection = TcpStream::connect(address)?;
        connection.set_read_timeout(Some(TIMEOUT))?;
        let length = body.len();
        let request = format!(
            "{line}\r\nhost: causerie\r\n{headers}content-type: application/json\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{body}"
        );
        connection.write_all(request.as_bytes())?;
        Ok(Stream { connection, seen: String::new(), unread: Vec::new() })
    }

    /// Reads available bytes. Returns `false` at the end of the connection.
    pub(crate) fn read_more(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let Ok(read @ 1..) = self.connection.read(&mut bytes) else { return false };
        self.unread.extend_from_slice(&bytes[..read]);
        let whole = match std::str::from_utf8(&self.unread) {
            Ok(text) => text.len(),
            Err(error) => error.valid_up_to(),
        };
        let rest = self.unread.split_off(whole);
        let text = String::from_utf8(std::mem::replace(&mut self.unread, rest)).unwrap();
        self.seen.push_str(&text);
        true
    }

    /// Reads until a text is received. Returns `false` if the response ends without it.
    pub(crate) fn read_to(&mut self, text: &str) -> bool {
        while !self.seen.contains(text) {
            if !self.read_more() {
                return false;
            }
        }
        true
    }
}
