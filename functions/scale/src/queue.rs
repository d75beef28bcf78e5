//! The number of tasks that a queue of work needs.
//!
//! A task finishes a measured number of messages a minute. The tasks must keep up with the messages that arrive, and work off
//! those that wait within the latency that the tag allows.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::{Load, QueueLoad, Series};
use lamplighter::state::{NoGain, Scaling, TargetState};

use crate::history::{MINUTE, TaskHistory};
use crate::observed::{HISTORY, Observed};

/// The share of the tasks that is kept if none of them was ever measured at work. What fewer of them can do shows then.
const UNMEASURED_SHARE: f64 = 0.8;
/// Minutes in which messages wait and none is finished, after which more tasks wouldn't help.
const STUCK_MINUTES: u64 = 5;
/// Minutes by which messages may be counted later than CPU utilization.
const LAG: SignedDuration = SignedDuration::from_mins(2);
/// The time after which values are too old to say anything about the present.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(5);
/// The time in which added tasks start and are measured.
const START: SignedDuration = SignedDuration::from_mins(3);
/// Minutes with messages that pile up, before and after tasks were added, that are compared.
const COMPARED_MINUTES: usize = 2;
/// The gain in finished messages from which added tasks help.
const GAIN: f64 = 1.1;

/// The tasks of a queue, as the last 15 minutes show them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Performance {
    /// Messages that one task finishes in a minute.
    pub rate: Option<f64>,
    /// Whether the tasks finish nothing although messages wait.
    pub is_stuck: bool,
    /// Tasks that were added in vain.
    pub no_gain: Option<NoGain>,
}

/// A queue with the tasks that work through it.
pub struct QueueWork<'a> {
    pub queue: &'a QueueLoad,
    pub load: &'a Load,
    pub history: &'a TaskHistory<'a>,
    pub state: &'a TargetState,
    /// Seconds that a message may wait.
    pub latency: u32,
    pub now: Timestamp,
}

impl QueueWork<'_> {
    /// Returns the messages that one task finishes in a minute, over the minutes in which none was idle: at least as many
    /// messages still waited as were finished. `None` without such a minute.
    #[must_use]
    fn measure_rate(&self) -> Option<f64> {
        let busy = self
            .queue
            .waiting
            .keys()
            .filter(|at| self.is_saturated(**at));
        let (mut deleted, mut tasks) = (0.0, 0.0);
        for minute in busy {
            deleted += self.deleted_at(*minute);
            tasks += self.history.tasks_at(*minute);
        }
        (deleted > 0.0 && tasks > 0.0).then(|| deleted / tasks)
    }

    /// Judges the tasks. Their rate is the one that is measured now, or was when it last could be.
    #[must_use]
    pub fn judge_tasks(&self) -> Performance {
        Performance {
            rate: self.measure_rate().or(self.state.scaling.task_rate),
            is_stuck: self.is_stuck(),
            no_gain: self.find_no_gain(),
        }
    }

    /// Reports whether running tasks have finished nothing for minutes although messages wait: a failure of theirs, against
    /// which more of them don't help. A message may be in work for as long as the queue hides it from others.
    #[must_use]
    fn is_stuck(&self) -> bool {
        let hidden = self
            .queue
            .backlog
            .map_or(0, |backlog| backlog.visibility_timeout);
        let minutes = usize::try_from(STUCK_MINUTES.max(hidden.div_ceil(60))).unwrap_or(usize::MAX);
        let newest: Vec<Timestamp> = self
            .queue
            .waiting
            .keys()
            .rev()
            .take(minutes)
            .copied()
            .collect();
        newest.len() == minutes
            && newest
                .first()
                .is_some_and(|at| self.now.duration_since(*at) <= MAX_AGE)
            && newest.into_iter().all(|minute| {
                self.is_running(minute)
                    && self.waiting_at(minute) >= 1.0
                    && self.deleted_at(minute) < 1.0
            })
    }

    /// Returns the tasks that were added in vain, as with a FIFO queue of one message group: all together finish no more than before.
    /// It holds until messages no longer pile up, or the finished messages change.
    #[must_use]
    fn find_no_gain(&self) -> Option<NoGain> {
        let newest = self.mean_deleted(self.now - START - MINUTE..self.now)?;
        if let Some(known) = self.state.scaling.no_gain {
            return is_same(known.finished, newest).then_some(known);
        }
        let mut steps = self.state.scaling.scalings.iter();
        steps.find_map(|step| self.judge_step(step, newest))
    }

    /// Compares what was finished in the minutes before tasks were added, and at present.
    fn judge_step(&self, step: &Scaling, newest: f64) -> Option<NoGain> {
        let is_measured = self.now.duration_since(step.at) >= START * 2;
        if step.to <= step.from || step.from == 0 || !is_measured {
            return None;
        }
        let before = self.mean_deleted(step.at - START - MINUTE..step.at)?;
        is_same(before, newest).then_some(NoGain {
            tasks: step.from,
            finished: newest,
        })
    }

    /// Returns the messages that were finished in a minute, by the saturated ones of a time in which any were; `None` if there
    /// are too few.
    fn mean_deleted(&self, time: std::ops::Range<Timestamp>) -> Option<f64> {
        let minutes = self.queue.waiting.keys().copied();
        let deleted: Vec<f64> = minutes
            .filter(|at| time.contains(at) && self.is_saturated(*at))
            .map(|at| self.deleted_at(at))
            .filter(|deleted| *deleted >= 1.0)
            .collect();
        let count = u32::try_from(deleted.len()).map(f64::from).ok()?;
        (deleted.len() >= COMPARED_MINUTES).then(|| deleted.into_iter().sum::<f64>() / count)
    }

    /// Returns the tasks that each of the last 15 minutes needed, and the present one; nothing if the queue can't be read.
    ///
    /// CloudWatch reports nothing of a queue that was idle for hours. A minute without a value counts as zero if other metrics
    /// of the service prove that values arrive.
    #[must_use]
    pub fn list_needs(&self, performance: Performance) -> Series {
        if self.queue.backlog.is_none() {
            return Series::new();
        }
        let settled = self.newest_value().map(|newest| newest - LAG);
        let present = start_of_minute(self.now);
        let minutes = (1..=HISTORY.as_mins())
            .map(|n| present - MINUTE * i32::try_from(n).unwrap_or(i32::MAX))
            .filter(|at| self.queue.waiting.contains_key(at) || Some(*at) <= settled);
        let mut needed: Series = minutes
            .map(|minute| {
                let sent = self.queue.sent.get(&minute).copied().unwrap_or_default();
                (minute, self.tasks_for(minute, sent, performance))
            })
            .collect();
        let present = self.tasks_for(self.now, self.arriving(), performance);
        needed.insert(self.now, present);
        needed
    }

    /// Returns the newest minute of any metric of the queue or of the tasks.
    fn newest_value(&self) -> Option<Timestamp> {
        let series = [&self.queue.waiting, &self.queue.sent, &self.load.cpu];
        series
            .into_iter()
            .filter_map(|series| series.last_key_value())
            .map(|(at, _)| *at)
            .max()
    }

    /// Returns the messages that arrive in a minute, by the newest two measured ones. A service that runs nothing waits until
    /// a message can be received: one that was sent may be delayed.
    fn arriving(&self) -> f64 {
        if self.history.service.desired_count == 0 && self.waiting_at(self.now) < 1.0 {
            return 0.0;
        }
        let newest = self.queue.sent.range(self.now - MAX_AGE..).rev().take(2);
        newest.map(|(_, sent)| *sent).fold(0.0, f64::max)
    }

    /// Returns the messages that waited in a minute, or that wait now.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "SQS counts approximately")]
    pub fn waiting_at(&self, minute: Timestamp) -> f64 {
        match self.queue.backlog {
            Some(backlog) if minute == self.now => backlog.waiting as f64,
            Some(_) | None => self.queue.waiting.get(&minute).copied().unwrap_or_default(),
        }
    }

    fn deleted_at(&self, minute: Timestamp) -> f64 {
        self.queue.deleted.get(&minute).copied().unwrap_or_default()
    }

    fn is_saturated(&self, minute: Timestamp) -> bool {
        self.waiting_at(minute) >= self.deleted_at(minute).max(1.0) && self.is_running(minute)
    }

    /// Reports whether a task was measured in a minute.
    fn is_running(&self, minute: Timestamp) -> bool {
        let tasks = self.load.tasks.get(&minute);
        tasks.is_some_and(|tasks| *tasks >= 1.0)
    }

    fn tasks_for(&self, minute: Timestamp, sent: f64, performance: Performance) -> f64 {
        let waiting = self.waiting_at(minute);
        // The sweep looks once a minute, so that less can't be kept.
        let minutes_allowed = (f64::from(self.latency) / 60.0).max(1.0);
        let due = sent + waiting / minutes_allowed;
        let tasks = self.history.tasks_at(minute);
        let needed = match performance.rate {
            _ if due <= 0.0 => 0.0,
            Some(rate) => due / rate,
            // One more task than there are shows what one can do.
            None if waiting >= 1.0 => tasks + 1.0,
            None => (tasks * UNMEASURED_SHARE).min(tasks - 1.0).max(1.0),
        };
        match performance.no_gain {
            _ if performance.is_stuck => needed.min(tasks),
            Some(no_gain) => needed.min(f64::from(no_gain.tasks)),
            None => needed,
        }
    }
}

/// Reports whether as many messages were finished at one time as at another.
fn is_same(one: f64, other: f64) -> bool {
    (one / GAIN..=one * GAIN).contains(&other)
}

fn start_of_minute(at: Timestamp) -> Timestamp {
    let second = at.as_second();
    Timestamp::from_second(second - second.rem_euclid(60)).unwrap_or(at)
}

/// Keeps what the last 15 minutes showed of the tasks: their rate, and whether more of them help.
pub fn learn(state: &mut TargetState, observed: &Observed, now: Timestamp) {
    let (Some(queue), Some(service)) = (&observed.load.queue, &observed.service) else {
        return;
    };
    let history = TaskHistory::new(&observed.load.tasks, service, state);
    let work = QueueWork {
        queue,
        load: &observed.load,
        history: &history,
        state,
        latency: 0,
        now,
    };
    let performance = work.judge_tasks();
    state.scaling.task_rate = performance.rate;
    state.scaling.no_gain = performance.no_gain;
}
