//! Listening sockets of the upstream and of the reference proxies.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context as _, Result};

/// Connections that wait until the process accepts them: more than any scenario opens at once.
const BACKLOG: i32 = 4096;

/// Opens a socket on a free port and prints its address as the first line of the output.
#[expect(clippy::print_stdout, reason = "the process that started this one reads the address")]
pub(crate) fn listen() -> Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
    // A second call replaces the length of the queue that the standard library chose.
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    println!("http://{}", listener.local_addr()?);
    Ok(listener)
}
