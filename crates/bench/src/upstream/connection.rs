//! A connection to the upstream: bytes that have arrived, bytes that wait to be sent, and the answer in progress.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use crate::answer::Answer;

/// Size of one read.
const READ_BYTES: usize = 64 * 1024;

/// A connection of a client.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) received: Vec<u8>,
    to_send: Vec<u8>,
    sent: usize,
    /// The socket has refused bytes, and an event is requested for the time when it accepts more.
    pub(super) is_blocked: bool,
    pub(super) pace: Option<Pace>,
}

/// An answer whose chunks are sent one by one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) answer: Answer,
    /// Number of the response, which also identifies its entries in the schedule.
    pub(super) number: u64,
    pub(super) sent: u32,
}

impl Pace {
    /// Returns the time from the chunk that was sent last to the next one.
    ///
    /// The second chunk comes earlier, by a part of the delay that differs between responses: the chunks of answers
    /// that start together do not fall into the same instant. The end follows the last chunk at once.
    pub(super) fn delay_us(self) -> u64 {
        /// Golden ratio in millionths: multiples of it are spread evenly.
        const SPREAD: u64 = 618_034;
        let delay = u64::from(self.answer.delay_ms) * 1000;
        match self.sent {
            sent if sent == self.answer.chunks => 0,
            1 => delay * (self.number * SPREAD % 1_000_000) / 1_000_000,
            _ => delay,
        }
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            received: Vec::new(),
            to_send: Vec::new(),
            sent: 0,
            is_blocked: false,
            pace: None,
        })
    }

    /// Reads what has arrived. Returns whether the connection is still open.
    pub(super) fn receive(&mut self, scratch: &mut Vec<u8>) -> io::Result<bool> {
        scratch.resize(READ_BYTES, 0);
        loop {
            match self.stream.read(scratch) {
                Ok(0) => return Ok(false),
                Ok(length) => {
                    self.received.extend_from_slice(&scratch[..length]);
                    if length < scratch.len() {
                        return Ok(true);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the buffer of the bytes to send, to append to it.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.to_send
    }

    /// Sends as much as the socket accepts. Returns whether all is sent.
    pub(super) fn send(&mut self) -> io::Result<bool> {
        while self.sent < self.to_send.len() {
            match self.stream.write(&self.to_send[self.sent..]) {
                Ok(length) => self.sent += length,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.sent = 0;
        self.to_send.clear();
        // A long answer does not keep its memory.
        self.to_send.shrink_to(READ_BYTES);
        Ok(true)
    }
}
