//! Limits on the number of client connections, over all workers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ipnet::IpNet;
use tokio::time::Instant;

use crate::clock::monotonic;
use crate::limits::network;
use crate::settings::HttpSettings;

/// Minimum interval between two log lines about refused connections.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Counts of the open connections and their limits.
#[derive(Debug)]
pub(crate) struct ConnectionLimits {
    total: Option<NonZeroUsize>,
    per_address: Option<NonZeroUsize>,
    /// Networks without a limit per address.
    trusted_proxies: Vec<IpNet>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    count: usize,
    by_address: HashMap<IpAddr, usize>,
    logged_at: Option<Instant>,
}

impl ConnectionLimits {
    pub(crate) fn new(settings: &HttpSettings) -> Arc<Self> {
        Arc::new(ConnectionLimits {
            total: settings.max_connections,
            per_address: settings.connections_per_address,
            trusted_proxies: settings.access.trusted_proxies.clone(),
            open: Mutex::default(),
        })
    }

    /// Admits a connection. Returns `None` if a limit is reached. An IPv6 address is counted by its /64 network.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<ConnectionPermit> {
        let peer = peer.to_canonical();
        let is_proxy = self.trusted_proxies.iter().any(|network| network.contains(&peer));
        let address = network(peer);
        let mut open = self.open();
        let of_address = open.by_address.get(&address).copied().unwrap_or(0);
        let refusal = if self.total.is_some_and(|limit| open.count >= limit.get()) {
            "the maximum number of client connections is reached"
        } else if !is_proxy && self.per_address.is_some_and(|limit| of_address >= limit.get()) {
            "an address has the maximum number of connections (CAUSERIE_CONNECTIONS_PER_ADDRESS)"
        } else {
            open.count += 1;
            open.by_address.insert(address, of_address + 1);
            return Some(ConnectionPermit { limits: Arc::clone(self), address });
        };
        if open.logged_at.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            open.logged_at = Some(monotonic());
            tracing::warn!(%address, connections = open.count, of_address, "connection refused: {refusal}");
        }
        None
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Permission of one connection, returned when it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    limits: Arc<ConnectionLimits>,
    address: IpAddr,
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.limits.open();
        open.count = open.count.saturating_sub(1);
        match open.by_address.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_all_addresses_together_are_limited() {
        let mut settings = HttpSettings {
            max_connections: NonZeroUsize::new(5),
            connections_per_address: NonZeroUsize::new(2),
            ..HttpSettings::default()
        };
        settings.access.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let limits = ConnectionLimits::new(&settings);
        let admit = |address: &str| limits.admit(address.parse().unwrap());
        let (one, two) = (admit("192.0.2.1").unwrap(), admit("::ffff:192.0.2.1").unwrap());
        assert!(admit("192.0.2.1").is_none());
        drop(one);
        let one = admit("192.0.2.1").unwrap();
        let proxies = [admit("10.0.0.1").unwrap(), admit("10.0.0.1").unwrap(), admit("10.0.0.1").unwrap()];
        assert!(admit("198.51.100.1").is_none() && admit("10.0.0.1").is_none());
        drop((one, two, proxies));
        assert!(limits.open().by_address.is_empty() && limits.open().count == 0);
        let _subscriber = [admit("2001:db8::1").unwrap(), admit("2001:db8::2").unwrap()];
        assert!(admit("2001:db8::3").is_none() && admit("2001:db8:0:1::1").is_some());
    }
}
