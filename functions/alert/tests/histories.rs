//! Random histories of many incidents: nothing is lost, everything resolves and the rate limit holds, whatever happens to
//! the function, the ledger and the channels meanwhile.

#![allow(
    async_fn_in_trait,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

mod harness;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use alert::dispatcher::Alert;
use alert::notification::NotificationKind;
use harness::{CHANNELS, Kept, People, World, dispatcher, notice, run};
use jiff::{SignedDuration, Timestamp};
use lamplighter::notify::incident::IncidentId;
use lamplighter::notify::{Message, Notification};
use proptest::prelude::*;

struct Story {
    world: Rc<World>,
    alert: Alert<Kept, People>,
    queue: Vec<Notification>,
    /// Since when.
    sick: BTreeMap<u32, Timestamp>,
    /// Incidents that lasted long enough to be told, whatever failed meanwhile.
    lasted: BTreeSet<IncidentId>,
}

impl Story {
    fn new(rng: proptest::test_runner::TestRng, faults: u32) -> Self {
        let world = Rc::new(World {
            random: RefCell::new(Some(rng)),
            ..World::default()
        });
        world.faults.set(faults);
        let alert = dispatcher(&world);
        let start: Timestamp = "2026-11-21T03:00:00Z".parse().unwrap();
        world.now.set(start);
        Self {
            world,
            alert,
            queue: Vec::new(),
            sick: BTreeMap::new(),
            lasted: BTreeSet::new(),
        }
    }

    fn minute(&mut self, services: u32, falls_sick: u32, gets_well: u32) {
        let now = self.world.now.get() + SignedDuration::from_mins(1);
        self.world.now.set(now);
        for n in 0..services {
            if let Some(since) = self.sick.get(&n) {
                let minutes = if self.world.faults.get() == 0 { 1 } else { 30 };
                if now.duration_since(*since).as_mins() >= minutes {
                    self.lasted.insert(IncidentId::for_target(
                        &notice(n, now, Message::info("")).target,
                        &lamplighter::model::Cause::Health,
                    ));
                }
                if self.world.chance(gets_well) {
                    self.sick.remove(&n);
                    self.queue.push(notice(
                        n,
                        now,
                        Message::info("2/2 tasks healthy again").resolves("heal"),
                    ));
                }
            } else if self.world.chance(falls_sick) {
                self.sick.insert(n, now);
                self.queue.push(notice(
                    n,
                    now,
                    Message::warning("crashes").fires_until_resolved("heal"),
                ));
            }
        }
        if run(&self.alert, &self.queue, now) {
            // Some come twice all the same.
            let twice = self.world.chance(10);
            self.queue.retain(|_| twice);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, max_shrink_iters: 30, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_incident_is_sent_and_resolved_within_the_rate_limit(
        seed in any::<[u8; 32]>(), faults in 0_u32..8, services in 1_u32..60, falls_sick in 1_u32..10, gets_well in 3_u32..40,
    ) {
        let rng = proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &seed);
        let mut story = Story::new(rng, faults);
        let world = Rc::clone(&story.world);
        let now = world.now.get();
        let hour = |n: i64| now + SignedDuration::from_hours(n);
        world.down.borrow_mut().insert("slack", (hour(1), hour(2)));
        world.down.borrow_mut().insert("e-mail", (hour(3), hour(4)));
        for _ in 0..5 * 60 {
            story.minute(services, falls_sick, gets_well);
        }
        // Everything gets well, and what comes and goes becomes calm.
        for _ in 0..3 * 60 {
            story.minute(services, 0, 50);
        }
        for channel in CHANNELS {
            let heard = world.heard.borrow();
            let mine: Vec<_> = heard.iter().filter(|(_, name, _)| *name == channel).collect();
            let mut last: BTreeMap<&str, NotificationKind> = BTreeMap::new();
            for (_, _, about) in &mine {
                last.extend(about.iter().map(|(id, kind)| (id.as_str(), *kind)));
            }
            let lost: Vec<&IncidentId> = story.lasted.iter().filter(|id| !last.contains_key(id.as_str())).collect();
            prop_assert!(lost.is_empty(), "{channel} never heard of {lost:?}");
            let ends = |id: &&IncidentId| matches!(last.get(id.as_str()), Some(NotificationKind::Resolved | NotificationKind::Info));
            let open: Vec<&IncidentId> = story.lasted.iter().filter(|id| !ends(id)).collect();
            prop_assert!(open.is_empty(), "{channel} never heard the end of {open:?}: {last:?}");
            for (n, (at, _, _)) in mine.iter().enumerate() {
                let within = mine.iter().skip(n).take_while(|(other, _, _)| other.duration_since(*at) < SignedDuration::from_mins(1));
                // One that was killed had not written down what it sent.
                let most = if faults == 0 { 8 } else { 16 };
                prop_assert!(within.count() <= most);
            }
        }
        let kept = world.kept.borrow();
        let open: Vec<_> = kept.2.incidents.values().filter(|i| i.deliveries.values().any(|told| !told.resolved) || i.resolved_at.is_none()).collect();
        prop_assert!(open.is_empty(), "{open:?}");
    }
}
