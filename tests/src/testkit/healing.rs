//! What tests of `heal` have in common: a world with a scheduler, whose events reach `heal` as they happen.

use heal::Heal;
use jiff::SignedDuration;
use lamplighter::model::Arn;
use rollout::Rollout;
use serde_json::Value;

use crate::testkit::world::World;
use crate::testkit::world::tasks::{Conduct, Fleet};

/// A world and its scheduler.
pub struct HealWorld {
    pub world: World,
    pub fleet: Fleet,
}

impl Default for HealWorld {
    fn default() -> Self {
        Self::new()
    }
}

impl HealWorld {
    #[must_use]
    pub fn new() -> Self {
        let world = World::new();
        let fleet = Fleet::new(&world);
        Self { world, fleet }
    }

    /// A service that runs, with a target group, and so much of `lamplighter:heal`.
    ///
    /// # Panics
    /// Never: the service was just made.
    pub fn service(&mut self, name: &str, tasks: i32, heal: &str) -> Arn {
        let arn = self
            .world
            .service(name, &format!("shop/{name}"), "RC_1.0.0", "tag=RC_x.x.x");
        {
            let mut state = self.world.state_mut();
            let group = format!(
                "arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/{name}/0123456789abcdef"
            );
            let service = state.services.get_mut(&arn).expect("a service");
            (service.desired_count, service.target_groups) = (tasks, vec![group]);
            // Its revision is no news.
            for deployment in &mut service.deployments {
                deployment.created_at = deployment
                    .created_at
                    .map(|at| at - SignedDuration::from_hours(48));
            }
            let tags = state.tags.get_mut(&arn).expect("its tags");
            tags.insert("lamplighter:heal".to_owned(), heal.to_owned());
        }
        self.fleet.minute();
        arn
    }

    pub fn tag(&self, arn: &Arn, key: &str, value: &str) {
        let mut state = self.world.state_mut();
        state
            .tags
            .entry(arn.clone())
            .or_default()
            .insert(key.to_owned(), value.to_owned());
    }

    /// So many minutes of ECS and of `heal`. `deliver`: what becomes of the events of a minute. Answers the invocations
    /// that failed or were killed.
    pub fn minutes_with(
        &mut self,
        minutes: u32,
        mut deliver: impl FnMut(Vec<Value>) -> Vec<Value>,
    ) -> Vec<String> {
        let mut failed = Vec::new();
        for _ in 0..minutes {
            self.world.advance(SignedDuration::from_mins(1));
            self.fleet.minute();
            let mut ends = Vec::new();
            for event in deliver(std::mem::take(&mut self.fleet.events)) {
                ends.push(self.world.invoke(&Heal, event));
            }
            ends.push(self.world.sweep(&Rollout));
            ends.push(self.world.sweep(&Heal));
            failed.extend(ends.into_iter().filter_map(|end| match end {
                Some(Ok(_)) => None,
                Some(Err(error)) => Some(error.to_string()),
                None => Some("killed".to_owned()),
            }));
        }
        failed
    }

    /// # Panics
    /// Where an invocation fails.
    pub fn minutes(&mut self, minutes: u32) {
        let failed = self.minutes_with(minutes, |events| events);
        assert!(failed.is_empty(), "{failed:?}");
    }

    /// The titles of all notifications about a target, oldest first.
    #[must_use]
    pub fn told(&self, about: &str) -> Vec<String> {
        let state = self.world.state();
        let about = state.notices.iter().filter(|notice| notice.name == about);
        about.map(|notice| notice.message.title.clone()).collect()
    }

    /// The actions of all notifications about a target, oldest first.
    #[must_use]
    pub fn actions(&self, about: &str) -> Vec<String> {
        let state = self.world.state();
        let about = state.notices.iter().filter(|notice| notice.name == about);
        about.map(|notice| notice.message.action.clone()).collect()
    }

    /// The reason of the last notification about a target.
    #[must_use]
    pub fn last_why(&self, about: &str) -> String {
        let state = self.world.state();
        let last = state
            .notices
            .iter()
            .rev()
            .find(|notice| notice.name == about);
        last.map(|notice| notice.message.why.clone())
            .unwrap_or_default()
    }

    pub fn set(&mut self, service: &Arn, conduct: Conduct) {
        self.fleet.set(service, conduct);
    }
}
