//! The upstream: one thread that sends prepared bytes at once, or chunk by chunk to the microsecond.
//!
//! It waits on epoll and a timer of the system, because the timers of tokio have a resolution of a millisecond.

mod catalog;
mod connection;
mod control;
mod prepared;
mod request;
mod schedule;

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;

use anyhow::Result;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

pub(crate) use self::control::finish_slow_answers;

use self::connection::{Connection, Pace};
use self::prepared::Prepared;
use self::request::Request;
use self::schedule::{Due, Schedule};
use crate::answer::Answer;
use crate::{clock, listen};

const LISTENER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
/// State of the timer after its time: it reports an event until it is set again.
const EXPIRED: u64 = 0;
/// Events that one wait returns.
const MAX_EVENTS: usize = 512;
const EMPTY: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";
const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

/// Serves until the process is killed.
pub(crate) fn run() -> Result<()> {
    let mut server = Server::open(listen::listen()?)?;
    loop {
        server.turn()?;
    }
}

/// Bytes of a paced answer.
#[derive(Debug)]
struct PacedBytes {
    head: Prepared,
    delta: Prepared,
}

#[derive(Debug)]
struct Server {
    epoll: OwnedFd,
    timer: OwnedFd,
    /// Time for which the timer is set; `None` if it is not.
    timer_at: Option<u64>,
    listener: TcpListener,
    /// Connections by number. The number of a closed one is used again.
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    schedule: Schedule,
    responses: BTreeMap<Answer, Prepared>,
    paced: BTreeMap<Answer, PacedBytes>,
    next_number: u64,
    /// Number of the first response that started after the last request to finish.
    endless_from: u64,
    scratch: Vec<u8>,
}

impl Server {
    fn open(listener: TcpListener) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        epoll::add(&epoll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
        Ok(Server {
            epoll,
            timer,
            timer_at: None,
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            schedule: Schedule::default(),
            responses: BTreeMap::new(),
            paced: BTreeMap::new(),
            next_number: 1,
            endless_from: 0,
            scratch: Vec::new(),
        })
    }

    /// Waits for events and handles them.
    fn turn(&mut self) -> io::Result<()> {
        self.set_timer()?;
        let mut events = Vec::with_capacity(MAX_EVENTS);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events {
            match event.data.u64() {
                LISTENER => self.accept()?,
                // The chunks that are due follow below.
                TIMER => self.timer_at = Some(EXPIRED),
                number => {
                    let index = usize::try_from(number).unwrap_or(usize::MAX);
                    self.serve(index);
                }
            }
        }
        let now = clock::micros();
        while let Some(due) = self.schedule.pop(now) {
            self.send_due(due);
        }
        Ok(())
    }

    /// Sets the timer to the next chunk, or clears it.
    fn set_timer(&mut self) -> io::Result<()> {
        let next = self.schedule.next_at();
        if next != self.timer_at {
            let zero = clock::timespec(0);
            let at = Itimerspec { it_interval: zero, it_value: next.map_or(zero, clock::timespec) };
            timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &at)?;
            self.timer_at = next;
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let index = self.free.pop().unwrap_or(self.connections.len());
            if index == self.connections.len() {
                self.connections.push(None);
            }
            let connection = Connection::new(stream)?;
            let flags = EventFlags::IN | EventFlags::RDHUP;
            epoll::add(&self.epoll, &connection.stream, EventData::new_u64(index as u64), flags)?;
            self.connections[index] = Some(connection);
        }
    }

    /// Handles an event of a connection, and closes it if it has failed or ended.
    fn serve(&mut self, index: usize) {
        let Some(mut connection) = self.connections.get_mut(index).and_then(Option::take) else { return };
        let is_open = connection.receive(&mut self.scratch).unwrap_or_default();
        self.answer_requests(index, &mut connection);
        let is_kept = is_open && self.send(index, &mut connection).is_ok();
        self.put_back(index, connection, is_kept);
    }

    fn put_back(&mut self, index: usize, connection: Connection, is_kept: bool) {
        if is_kept {
            self.connections[index] = Some(connection);
        } else {
            // Closing the socket removes it from the events.
            self.free.push(index);
        }
    }

    /// Sends what waits, and asks for an event if the socket does not accept all of it.
    fn send(&self, index: usize, connection: &mut Connection) -> io::Result<()> {
        let is_blocked = !connection.send()?;
        if is_blocked != connection.is_blocked {
            let mut flags = EventFlags::IN | EventFlags::RDHUP;
            flags.set(EventFlags::OUT, is_blocked);
            epoll::modify(&self.epoll, &connection.stream, EventData::new_u64(index as u64), flags)?;
            connection.is_blocked = is_blocked;
        }
        Ok(())
    }

    fn answer_requests(&mut self, index: usize, connection: &mut Connection) {
        while let Some((request, length)) = request::parse(&connection.received) {
            connection.received.drain(..length);
            match request {
                Request::Completion(answer) => self.start_answer(index, connection, answer),
                Request::Models => connection.buffer().extend(catalog::response(&Answer::all())),
                Request::Finish => {
                    self.endless_from = self.next_number;
                    connection.buffer().extend_from_slice(EMPTY);
                }
                Request::Unknown => connection.buffer().extend_from_slice(NOT_FOUND),
            }
        }
    }

    fn start_answer(&mut self, index: usize, connection: &mut Connection, answer: Answer) {
        let number = self.next_number;
        self.next_number += 1;
        let now = clock::micros();
        if answer.delay_ms == 0 {
            let response = self.responses.entry(answer).or_insert_with(|| Prepared::response(answer));
            response.write(number, now, connection.buffer());
            return;
        }
        let bytes = self
            .paced
            .entry(answer)
            .or_insert_with(|| PacedBytes { head: Prepared::head(), delta: Prepared::delta(answer) });
        bytes.head.write(number, now, connection.buffer());
        connection.pace = Some(Pace { answer, number, sent: 0 });
        // The first chunk leaves at once, with the head.
        self.schedule.push(Due { at: now, connection: index, number });
    }

    /// Sends the next chunk of an answer, or its end.
    fn send_due(&mut self, due: Due) {
        let Some(mut connection) = self.connections.get_mut(due.connection).and_then(Option::take) else {
            return;
        };
        let Some(mut pace) = connection.pace.filter(|pace| pace.number == due.number) else {
            self.connections[due.connection] = Some(connection);
            return;
        };
        let is_over = pace.sent == pace.answer.chunks
            || (pace.answer.chunks == u32::MAX && due.number < self.endless_from);
        if is_over {
            let tail = Prepared::tail(pace.answer, pace.sent);
            tail.write(due.number, clock::micros(), connection.buffer());
            connection.pace = None;
        } else if let Some(bytes) = self.paced.get(&pace.answer) {
            bytes.delta.write(due.number, clock::micros(), connection.buffer());
            pace.sent += 1;
            connection.pace = Some(pace);
            let delay = pace.delay_us();
            self.schedule.push(Due { at: due.at + delay, ..due });
        }
        let is_kept = self.send(due.connection, &mut connection).is_ok();
        self.put_back(due.connection, connection, is_kept);
    }
}
