//! The limit of open files of the process, and the part of it that client connections may use.

use std::num::NonZeroUsize;

use super::store::StoreSettings;
use super::upstream::UpstreamSettings;

/// Files of the store per reader: the database, its log and its shared memory.
const FILES_PER_READER: usize = 3;
/// Files of a worker of the HTTP server: its event queue, wake-up and timer.
const FILES_PER_WORKER: usize = 4;
/// Standard streams, listener, lock, writer of the store, tool definitions, and a margin.
const OTHER_FILES: usize = 64;

/// Returns the limit of open files of the process; `None` if there is none.
pub(super) fn open_file_limit() -> Option<usize> {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
        usize::try_from(limit).ok()
    }
    #[cfg(not(unix))]
    None
}

/// Returns the default of `CAUSERIE_CONNECTIONS_PER_ADDRESS`: half of the limit of open files.
pub(super) fn connections_per_address(limit: Option<usize>) -> Option<NonZeroUsize> {
    limit.map(|limit| NonZeroUsize::new(limit / 2).unwrap_or(NonZeroUsize::MIN))
}

/// Returns the maximum number of client connections: the limit of open files without those that store, upstream and
/// workers need, but at least five eighths of the limit.
pub(super) fn max_connections(limit: Option<usize>, reserved: usize) -> Option<NonZeroUsize> {
    limit.map(|limit| {
        let most = limit - limit / 8 * 3;
        NonZeroUsize::new(limit.saturating_sub(reserved).max(most)).unwrap_or(NonZeroUsize::MIN)
    })
}

/// Returns the number of files that are kept for the store, the upstream and the workers.
pub(super) fn reserved_files(store: &StoreSettings, upstream: &UpstreamSettings, workers: usize) -> usize {
    let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let of_store = match store.database.url.expose().starts_with("sqlite://") {
        true => count(store.database.readers).saturating_mul(FILES_PER_READER),
        false => count(store.database.connections),
    };
    OTHER_FILES
        .saturating_add(of_store)
        .saturating_add(count(upstream.limits.max_concurrent_streams.get()))
        .saturating_add(workers.saturating_mul(FILES_PER_WORKER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_the_files_that_are_left_and_one_address_half_of_all() {
        let check = |limit: Option<usize>, reserved: usize, total: Option<usize>, address: Option<usize>| {
            assert_eq!(max_connections(limit, reserved).map(NonZeroUsize::get), total, "{limit:?}");
            assert_eq!(connections_per_address(limit).map(NonZeroUsize::get), address, "{limit:?}");
        };
        check(Some(1024), 150, Some(874), Some(512));
        check(Some(256), 150, Some(160), Some(128));
        check(Some(1), 150, Some(1), Some(1));
        check(Some(0), 150, Some(1), Some(1));
        check(None, 150, None, None);
    }
}
