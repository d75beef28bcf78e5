//! Random histories of many incidents: nothing is lost, everything resolves and the rate limit holds, whatever happens to
//! the function, the ledger and the channels meanwhile.

#![allow(
    async_fn_in_trait,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a failed expectation ends the test"
)]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use alert::dispatcher::Alert;
use alert::notification::NotificationKind;
use alert::notifier::{Notifier, Outgoing, SendError};
use alert::rate_limit::Route;
use jiff::{SignedDuration, Timestamp};
use lamplighter::AwsError;
use lamplighter::model::Arn;
use lamplighter::notify::incident::IncidentId;
use lamplighter::notify::{Message, Notification, Severity};
use lamplighter::ports::incidents::{Changes, DispatcherState, IncidentStore};
use lamplighter::ports::ledger::LedgerError;
use proptest::prelude::*;

/// When each message was sent, on which channel, and about which incidents.
type Heard = Vec<(Timestamp, &'static str, Vec<(String, NotificationKind)>)>;

#[derive(Default)]
struct World {
    now: Cell<Timestamp>,
    random: RefCell<Option<proptest::test_runner::TestRng>>,
    heard: RefCell<Heard>,
    kept: RefCell<(u64, Option<Timestamp>, DispatcherState)>,
    /// In a hundred calls, how many fail, and at how many the function is killed.
    faults: Cell<u32>,
    /// When a channel takes nothing.
    down: RefCell<BTreeMap<&'static str, (Timestamp, Timestamp)>>,
}

impl World {
    fn chance(&self, of_a_hundred: u32) -> bool {
        let mut random = self.random.borrow_mut();
        random.as_mut().unwrap().next_u32() % 100 < of_a_hundred
    }

    /// Goes well, fails, or is the last thing that the function does.
    async fn fate(&self) -> Result<(), AwsError> {
        if self.chance(self.faults.get()) {
            pending::<()>().await;
        }
        if self.chance(self.faults.get()) {
            Err(trouble())
        } else {
            Ok(())
        }
    }
}

fn trouble() -> AwsError {
    let (target, code, message) = ("it".into(), "InternalError".into(), "try again".into());
    AwsError {
        call: "Anything",
        target,
        code,
        message,
        refused: false,
    }
}

struct Kept(Rc<World>);

impl IncidentStore for Kept {
    async fn add_notifications(
        &self,
        notices: &[Notification],
        _now: Timestamp,
    ) -> Result<(), AwsError> {
        self.0.fate().await?;
        let by_key = notices
            .iter()
            .map(|notice| (format!("{}{}", notice.at, notice.target), notice.clone()));
        self.0.kept.borrow_mut().2.inbox.extend(by_key);
        self.0.fate().await
    }

    async fn has_inbox_items(&self) -> Result<bool, AwsError> {
        self.0.fate().await?;
        Ok(!self.0.kept.borrow().2.inbox.is_empty())
    }

    async fn acquire_lease(
        &self,
        _holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<DispatcherState, LedgerError> {
        self.0.fate().await?;
        let mut kept = self.0.kept.borrow_mut();
        if kept.1.is_some_and(|held| now <= held) {
            return Err(LedgerError::Busy {
                holder: "another".into(),
                until: String::new(),
            });
        }
        kept.0 += 1;
        kept.1 = Some(until);
        Ok(DispatcherState {
            fence: kept.0,
            ..kept.2.clone()
        })
    }

    async fn write_changes(
        &self,
        desk: &DispatcherState,
        changes: &Changes,
        _now: Timestamp,
    ) -> Result<(), LedgerError> {
        self.0.fate().await?;
        let mut kept = self.0.kept.borrow_mut();
        assert_eq!(kept.0, desk.fence);
        for incident in &changes.written {
            kept.2.incidents.insert(incident.id(), incident.clone());
        }
        kept.2
            .incidents
            .retain(|id, _| !changes.expired.contains(id));
        kept.2
            .inbox
            .retain(|key, _| !changes.ingested.contains(key));
        Ok(())
    }

    async fn release_lease(&self, desk: &DispatcherState) -> Result<(), LedgerError> {
        self.0.fate().await?;
        let mut kept = self.0.kept.borrow_mut();
        kept.1 = None;
        kept.2.channels.clone_from(&desk.channels);
        Ok(())
    }
}

struct People(Rc<World>);

const CHANNELS: [&str; 2] = ["e-mail", "slack"];

impl Notifier for People {
    async fn load_channels(&self) -> Option<String> {
        None
    }

    fn routes(&self) -> Vec<Route> {
        let interval = SignedDuration::from_mins(5);
        let route = |name: &str| Route {
            channel: name.to_owned(),
            interval,
            messages_per_minute: 8,
            min_severity: Severity::Info,
            apps: Vec::new(),
            escalates_after: None,
            quiet: Vec::new(),
        };
        CHANNELS.iter().map(|name| route(name)).collect()
    }

    async fn send(
        &self,
        channel: &str,
        message: &Outgoing<'_>,
    ) -> Result<Option<String>, SendError> {
        let now = self.0.now.get();
        let name = CHANNELS.into_iter().find(|name| *name == channel).unwrap();
        if self
            .0
            .down
            .borrow()
            .get(name)
            .is_some_and(|(from, to)| (*from..*to).contains(&now))
        {
            return Err(SendError::Failed(trouble()));
        }
        let about = match message {
            Outgoing::Single(single) => {
                vec![(single.incident.id().as_str().to_owned(), single.kind)]
            }
            Outgoing::Summary(list) => list
                .incidents
                .iter()
                .map(|(incident, kind)| (incident.id().as_str().to_owned(), *kind))
                .collect(),
        };
        self.0.heard.borrow_mut().push((now, name, about));
        // The function may be killed when it is sent and nobody has written that down.
        self.0.fate().await.map_err(SendError::Failed)?;
        Ok(None)
    }
}

fn notice(n: u32, at: Timestamp, message: Message) -> Notification {
    let target = Arn::new(format!(
        "arn:aws:ecs:eu-west-1:123456789012:service/shop/s{n:02}"
    ));
    Notification {
        runbook: None,
        message,
        at,
        source: lamplighter::Function::Heal.into(),
        name: target.display_name(),
        app: None,
        stack: "lamplighter".into(),
        link: String::new(),
        silenced_until: None,
        target,
    }
}

/// Polls once: whatever waits was killed.
fn run(alert: &Alert<Kept, People>, notices: &[Notification], now: Timestamp) -> bool {
    let deadline = now + SignedDuration::from_secs(50);
    let turn = pin!(alert.dispatch_notifications(notices, "me", deadline));
    matches!(
        turn.poll(&mut Context::from_waker(Waker::noop())),
        Poll::Ready(Ok(_))
    )
}

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
        let clock = Rc::clone(&world);
        let alert = Alert {
            incidents: Kept(Rc::clone(&world)),
            notifier: People(Rc::clone(&world)),
            stack: "lamplighter".into(),
            topic: Arn::new("arn:aws:sns:eu-west-1:123456789012:topic"),
            clock: Box::new(move || clock.now.get()),
        };
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
