//! A TCP connection with clocks.

use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::clock::ConnectionClock;
use super::limits::ConnectionPermit;
use super::transfer_timeout::TransferTimeout;
use crate::clock::monotonic;

/// A client connection that fails when the head of a request, or the reading of a response, takes too long.
#[derive(Debug)]
pub(crate) struct ClientStream {
    connection: TcpStream,
    clock: Rc<ConnectionClock>,
    head_timer: Timer,
    write_timer: Timer,
    delivery_timer: Timer,
    transfer_timeout: TransferTimeout,
    /// Time since which the client accepts no data.
    blocked_since: Option<Instant>,
    _permit: ConnectionPermit,
}

impl ClientStream {
    pub(crate) fn new(
        connection: TcpStream,
        idle_timeout: Duration,
        write_timeout: Duration,
        permit: ConnectionPermit,
    ) -> Self {
        ClientStream {
            connection,
            clock: ConnectionClock::new(idle_timeout),
            head_timer: Timer::default(),
            write_timer: Timer::default(),
            delivery_timer: Timer::default(),
            transfer_timeout: TransferTimeout::new(write_timeout),
            blocked_since: None,
            _permit: permit,
        }
    }

    pub(crate) fn clock(&self) -> Rc<ConnectionClock> {
        Rc::clone(&self.clock)
    }

    /// Applies the clock of responses to the result of a write.
    fn timed_write(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = written {
            if let Ok(bytes) = &result {
                self.clock.wrote();
                let waited = self.blocked_since.take().map_or(Duration::ZERO, |since| since.elapsed());
                self.transfer_timeout.progressed(waited, *bytes);
            }
            return Poll::Ready(result);
        }
        let since = *self.blocked_since.get_or_insert_with(monotonic);
        self.clock.is_writing();
        ready!(self.write_timer.poll(since + self.transfer_timeout.remaining(), cx));
        Poll::Ready(Err(timed_out("the client does not read the response")))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut self.connection).poll_read(cx, buffer) {
            if buffer.filled().len() > before {
                self.clock.received();
            }
            return Poll::Ready(result);
        }
        if let Some(deadline) = self.clock.delivery_deadline()
            && self.delivery_timer.poll(deadline, cx).is_ready()
        {
            self.clock.complete_delivery();
        }
        let Some(deadline) = self.clock.deadline() else { return Poll::Pending };
        ready!(self.head_timer.poll(deadline, cx));
        Poll::Ready(Err(timed_out("the client sends no complete head of a request")))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write(cx, data);
        self.timed_write(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.connection).poll_write_vectored(cx, data);
        self.timed_write(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.connection.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }
}

fn timed_out(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

/// A timer whose deadline changes.
#[derive(Debug, Default)]
struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Waits until the deadline.
    fn poll(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() != deadline {
            sleep.as_mut().reset(deadline);
        }
        sleep.as_mut().poll(cx)
    }
}
