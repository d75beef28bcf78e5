//! The real dispatcher with a store in memory, and channels that record what they get.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
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
use lamplighter::notify::{Message, Notification, Severity};
use lamplighter::ports::incidents::{Changes, DispatcherState, IncidentStore};
use lamplighter::ports::ledger::LedgerError;
use proptest::prelude::Rng as _;

/// When each message was sent, on which channel, and about which incidents.
pub type Heard = Vec<(Timestamp, &'static str, Vec<(String, NotificationKind)>)>;

#[derive(Default)]
pub struct World {
    pub now: Cell<Timestamp>,
    pub random: RefCell<Option<proptest::test_runner::TestRng>>,
    pub heard: RefCell<Heard>,
    pub kept: RefCell<(u64, Option<Timestamp>, DispatcherState)>,
    /// In a hundred calls, how many fail, and at how many the function is killed.
    pub faults: Cell<u32>,
    /// When a channel takes nothing.
    pub down: RefCell<BTreeMap<&'static str, (Timestamp, Timestamp)>>,
}

impl World {
    pub fn chance(&self, of_a_hundred: u32) -> bool {
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

pub struct Kept(pub Rc<World>);

impl IncidentStore for Kept {
    async fn add_notifications(
        &self,
        notices: &[Notification],
        _now: Timestamp,
    ) -> Result<(), AwsError> {
        self.0.fate().await?;
        let by_key = notices.iter().map(|notice| {
            let title = &notice.message.title;
            (
                format!("{}{}{title}", notice.at, notice.target),
                notice.clone(),
            )
        });
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
        kept.2.silences.clone_from(&desk.silences);
        Ok(())
    }
}

pub struct People(pub Rc<World>);

pub const CHANNELS: [&str; 2] = ["e-mail", "slack"];

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
            shows_acknowledgements: false,
            has_buttons: false,
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

pub fn notice(n: u32, at: Timestamp, message: Message) -> Notification {
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
pub fn run(alert: &Alert<Kept, People>, notices: &[Notification], now: Timestamp) -> bool {
    let deadline = now + SignedDuration::from_secs(50);
    let turn = pin!(alert.dispatch_notifications(notices, "me", deadline));
    matches!(
        turn.poll(&mut Context::from_waker(Waker::noop())),
        Poll::Ready(Ok(_))
    )
}

/// The dispatcher of a world.
pub fn dispatcher(world: &Rc<World>) -> Alert<Kept, People> {
    let clock = Rc::clone(world);
    Alert {
        incidents: Kept(Rc::clone(world)),
        notifier: People(Rc::clone(world)),
        stack: "lamplighter".into(),
        topic: Arn::new("arn:aws:sns:eu-west-1:123456789012:topic"),
        clock: Box::new(move || clock.now.get()),
    }
}
