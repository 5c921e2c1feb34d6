//! Leases as flushes leave them.

use std::time::Duration;

use causerie_domain::InstanceId;
use causerie_domain::ports::{LeaseStatus, TurnStore as _};
use causerie_testkit::anyhow::{Result, bail};
use causerie_testkit::contract::SqlSubject;
use causerie_testkit::database::RawConnection;

const ENDS: &str = "SELECT CAST(lease_until AS TEXT) AS line FROM sessions";

/// Checks that a flush writes the lease only if it is due, since text is flushed many times a second.
#[tokio::test]
async fn a_flush_leaves_a_lease_of_which_most_is_left() -> Result<()> {
    for subject in [SqlSubject::sqlite().await?, SqlSubject::postgres().await?].into_iter().flatten() {
        let running = subject.start(subject.session().await?.id, "Hello").await?;
        let mut raw = RawConnection::open(subject.database()).await?;
        let hour = Duration::from_secs(3600);
        let mut ends = Vec::new();
        raw.run("UPDATE sessions SET lease_until = 0").await?;
        // Of the third lease more than five sixths are left, of the others less.
        for (number, lease) in [hour / 2, hour, hour, hour * 3 / 2].into_iter().enumerate() {
            let flush = running.text_at(u64::try_from(number)?, "x");
            let leases = subject.store().flush(running.owner, lease, vec![flush]).await?;
            assert_eq!(leases, [LeaseStatus::Held { turn_id: running.id(), cancel_requested: false }]);
            let [end] = &raw.lines(ENDS).await?[..] else { bail!("one session has a lease") };
            ends.push(end.parse::<u64>()?);
        }
        let [first, second, third, fourth] = ends[..] else { bail!("{ends:?}") };
        assert!(first < second && second == third && third < fourth, "{ends:?}");
        // Another owner locks nothing, and renews nothing.
        let other = InstanceId::next(&subject.ids);
        let lost = subject.store().flush(other, hour * 9, vec![running.text_at(4, "x")]).await?;
        assert_eq!(lost, [LeaseStatus::Lost { turn_id: running.id() }]);
        assert_eq!(raw.lines(ENDS).await?, [fourth.to_string()]);
    }
    Ok(())
}
