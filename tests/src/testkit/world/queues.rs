//! Queues of work in the simulated world: messages arrive, tasks finish them, CloudWatch counts both.

use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::model::{Arn, Backlog};
use lamplighter::ports::Queues;

use super::queue::Queue;
use super::{State, World};

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

impl Queues for World {
    async fn count_backlog(&self, _: &Arn, queue: &str) -> Result<Option<Backlog>, AwsError> {
        self.call("GetQueueAttributes", queue).await?;
        Ok(self.state().queues.get(queue).map(Queue::backlog))
    }
}

impl World {
    /// Makes a service without a load balancer that works through a queue.
    pub fn worker(&self, name: &str, scale: &str, queue: &str, rate: f64) -> Arn {
        let arn = self.scaled(name, scale);
        let mut state = self.state_mut();
        if let Some(service) = state.services.get_mut(&arn) {
            service.target_groups.clear();
        }
        let made = Queue {
            rate,
            ..Queue::default()
        };
        state.queues.insert(queue.to_owned(), made);
        drop(state);
        arn
    }

    /// A minute in which so many messages are sent. Tasks that were asked for at its beginning run at its end.
    pub fn work_a_minute(&self, service: &Arn, queue: &str, sent: f64) {
        let mut state = self.state_mut();
        let begun = state.now;
        let running = f64::from(state.services[service].running_count);
        if running > 0.0 {
            let is_busy = sent > 0.0 || state.queues[queue].waiting >= 1.0;
            let load = state.loads.entry(service.clone()).or_default();
            load.cpu.insert(begun, if is_busy { 99.0 } else { 0.3 });
            load.memory.insert(begun, 40.0);
            load.tasks.insert(begun, running);
        }
        state.work(queue, running, sent, begun);
        state.now += MINUTE;
        for service in state.services.values_mut() {
            service.running_count = service.desired_count;
        }
    }
}

impl State {
    fn work(&mut self, queue: &str, running: f64, sent: f64, minute: Timestamp) {
        let Some(queue) = self.queues.get_mut(queue) else {
            return;
        };
        queue.waiting += sent;
        let able = if queue.is_one_group {
            running.min(1.0)
        } else {
            running
        };
        let done = queue.waiting.min(able * queue.rate);
        queue.waiting -= done;
        queue.waiting_since = match queue.waiting_since {
            _ if queue.waiting < 1.0 => None,
            since => since.or(Some(minute)),
        };
        let age = queue.waiting_since.map_or(0.0, |since| {
            (minute.duration_since(since) + MINUTE).as_secs_f64()
        });
        let seen = if sent > 0.0 { queue.residue } else { 0.0 };
        queue.measured.waiting.insert(minute, queue.waiting + seen);
        queue.measured.sent.insert(minute, sent);
        queue.measured.deleted.insert(minute, done);
        queue.measured.age.insert(minute, age);
    }
}
