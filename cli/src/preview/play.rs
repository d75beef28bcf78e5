//! Plays the past minute by minute: the real operation `scale` decides, and its tasks share the work that was done.

use jiff::{SignedDuration, Timestamp};
use lamplighter::Error;
use lamplighter::engine::{Engine, Invocation, PauseCache};
use lamplighter::notify::Notification;
use lamplighter::policy::StackDefaults;
use scale::Scale;
use serde_json::{Value, json};

use super::past::Past;
use super::read::list_alarms;
use super::replay::{Conditions, Replay};
use super::service::PlayedService;

/// How long an invocation may take in its own time, in which nothing passes.
const DEADLINE: SignedDuration = SignedDuration::from_mins(5);

/// A past that was played.
#[derive(Debug)]
pub struct Played {
    pub services: Vec<PlayedService>,
    pub notifications: Vec<Notification>,
}

/// Plays a past.
///
/// # Errors
/// [`Error`] if a decision fails.
pub async fn play(past: Past, conditions: Conditions) -> Result<Played, Error> {
    let period = past.period;
    let services = past.services.into_iter().map(|service| {
        let alarms = list_alarms(&service.service, &service.groups).unwrap_or_default();
        PlayedService::new(service, alarms, period)
    });
    let replay = Replay::new(services.collect(), period, conditions);
    let clock = replay.clone();
    let engine = Engine {
        cloud: replay.clone(),
        ledger: replay.clone(),
        outbox: replay.clone(),
        defaults: StackDefaults::default(),
        clock: Box::new(move || clock.now()),
        metrics: |_| {},
        pauses: PauseCache::default(),
    };
    for minute in 0..period.minutes {
        replay.begin_minute(minute);
        if minute >= conditions.lead {
            let now = period.start_of(minute);
            let invocation = Invocation {
                request_id: format!("minute-{minute}"),
                function_arn: String::new(),
                deadline: now + DEADLINE,
            };
            engine
                .handle_payload(&Scale, sweep_at(now), &invocation)
                .await?;
        }
        replay.end_minute();
    }
    let (services, notifications) = replay.finish();
    Ok(Played {
        services,
        notifications,
    })
}

/// The event of the schedule of `scale`.
fn sweep_at(now: Timestamp) -> Value {
    json!({
        "version": "0", "id": format!("sweep-{}", now.as_second()), "detail-type": "Scheduled Event", "source": "aws.events",
        "account": "", "region": "", "time": now.to_string(), "resources": [], "detail": {},
    })
}
