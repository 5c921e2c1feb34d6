//! Requests of a run to its upstream.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Result, ensure};

/// Ends all slow answers that run; each ends when its next chunk is due.
pub(crate) fn finish_slow_answers(upstream: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect(upstream)?;
    stream.write_all(b"POST /finish HTTP/1.1\r\nhost: upstream\r\n\r\n")?;
    let mut response = [0; 12];
    stream.read_exact(&mut response)?;
    ensure!(&response == b"HTTP/1.1 204", "the upstream refuses to finish");
    Ok(())
}
