//! A queue of work in the simulated world.

use jiff::Timestamp;
use lamplighter::model::{Backlog, QueueLoad, Series};

/// A queue and how the tasks of its service work.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    /// Messages that wait; a part of one is nearly finished.
    pub waiting: f64,
    /// Messages that a worker has in hand for longer than a minute.
    pub in_progress: u64,
    /// Messages that one task finishes in a minute.
    pub rate: f64,
    /// What was measured.
    pub measured: QueueLoad,
    /// The minute since which messages have waited.
    pub waiting_since: Option<Timestamp>,
    /// Whether CloudWatch reports nothing, as of a queue that was idle for hours.
    pub is_unmeasured: bool,
    /// Whether all tasks together finish what one does, as with one message group of a FIFO queue.
    pub is_one_group: bool,
    /// Messages that are always seen waiting while some arrive.
    pub residue: f64,
    pub delayed: u64,
    /// Seconds for which a message in hand is hidden.
    pub visibility_timeout: u64,
}

impl Queue {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count"
    )]
    pub(super) fn backlog(&self) -> Backlog {
        Backlog {
            waiting: self.waiting.round() as u64,
            in_progress: self.in_progress,
            delayed: self.delayed,
            visibility_timeout: self.visibility_timeout,
        }
    }

    /// What CloudWatch answers for a period.
    pub(super) fn load(&self, from: Timestamp, to: Timestamp) -> QueueLoad {
        if self.is_unmeasured {
            return QueueLoad::default();
        }
        let within = |series: &Series| -> Series {
            series
                .range(from..to)
                .map(|(at, value)| (*at, *value))
                .collect()
        };
        QueueLoad {
            backlog: None,
            problem: None,
            waiting: within(&self.measured.waiting),
            sent: within(&self.measured.sent),
            deleted: within(&self.measured.deleted),
            age: within(&self.measured.age),
        }
    }
}
