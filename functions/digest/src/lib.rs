//! `digest`: a page a day of what was done and why, how old the backups are, and what is open.
//!
//! It only reads: the journal, the incidents, what is remembered of each target, and the backups. What it finds is one
//! notice, which goes the way of all notices, so that it is told wherever messages are told.

// One invocation at a time on one thread: futures need not be `Send`.
#![allow(async_fn_in_trait)]

pub mod found;
pub mod page;
pub mod text;
pub mod widget;

use std::rc::Rc;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use lamplighter::engine::Invocation;
use lamplighter::model::Arn;
use lamplighter::notify::{Message, Notice, Outbox, console_link};
use lamplighter::policy::{Mode, StackDefaults};
use lamplighter::ports::cloud::{Cloud, ReadOnly};
use lamplighter::ports::costs::Costs;
use lamplighter::ports::ledger::History;
use lamplighter::{Error, MalformedEvent};
use lamplighter_aws::lambda;
use lamplighter_aws::{Aws, CostExplorer, DynamoLedger, NoticeQueue, config};
use serde_json::{Value, json};

use found::Found;
use page::Page;

/// The whole of the function's `main`.
///
/// # Errors
/// What ends the process at its start.
pub fn serve() -> Result<(), lambda::Failure> {
    lambda::serve(|defaults| {
        defaults.require(&["table", "notices", "topic"])?;
        let config = config()?;
        let digest = Rc::new(Digest {
            cloud: Aws::<ReadOnly>::new(config.clone()),
            ledger: DynamoLedger::new(config.clone(), &defaults.table),
            costs: CostExplorer::new(config.clone()),
            outbox: NoticeQueue::new(config, &defaults.notices),
            defaults,
            clock: Box::new(lambda::clock),
        });
        Ok(move |payload, _: Invocation| {
            let digest = Rc::clone(&digest);
            async move { digest.answer(&payload).await }
        })
    })
}

/// The function behind its door.
pub struct Digest<C, L, M, O> {
    pub cloud: C,
    pub ledger: L,
    pub costs: M,
    pub outbox: O,
    pub defaults: StackDefaults,
    pub clock: Box<dyn Fn() -> Timestamp>,
}

/// The day until an hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
    pub zone: TimeZone,
}

impl<C: Cloud, L: History, M: Costs, O: Outbox> Digest<C, L, M, O> {
    /// A dashboard asks with `describe` or `widgetContext` and gets a text. Every hour: at the stack's hour the day is told, otherwise nothing is. By hand, `{"day": "2026-11-21"}`: the day
    /// until that hour of that date, whatever hour it is now.
    ///
    /// # Errors
    /// [`Error`] where something can't be read or handed over; the event comes again.
    pub async fn answer(&self, payload: &Value) -> Result<Value, Error> {
        let now = (self.clock)();
        if self.defaults.mode == Mode::Off {
            return Ok(json!({"mode": "off"}));
        }
        if payload.get("describe").is_some() {
            return Ok(json!(widget::DESCRIPTION));
        }
        if let Some(window) = widget::window(payload, now, &self.defaults.time_zone) {
            return self.widget(payload, &window, now).await;
        }
        let window = match asked_for(payload)? {
            Some(day) => Window::until(day, &self.defaults)?,
            None => match Window::now(now, &self.defaults)? {
                Some(window) => window,
                None => return Ok(json!({"reason": "it is not the hour of the digest"})),
            },
        };
        if window.from > now {
            return Err(MalformedEvent("day is in the future".to_owned()).into());
        }
        let found = Found::read(
            (&self.cloud, &self.ledger, &self.costs),
            &window,
            now,
            &self.defaults,
        )
        .await?;
        let page = Page::of(&found, &window, now, &self.defaults);
        let notice = self.notice(&page, &window);
        self.outbox
            .send(vec![notice])
            .await
            .map_err(|unsent| unsent.error)?;
        Ok(json!({"title": text::title(&page), "text": text::body(&page)}))
    }

    /// What a dashboard shows. It costs no request of Cost Explorer, however often it is looked at.
    async fn widget(
        &self,
        payload: &Value,
        window: &Window,
        now: Timestamp,
    ) -> Result<Value, Error> {
        let defaults = StackDefaults {
            costs: false,
            ..self.defaults.clone()
        };
        let found = Found::read(
            (&self.cloud, &self.ledger, &self.costs),
            window,
            now,
            &defaults,
        )
        .await?;
        let page = Page::of(&found, window, now, &defaults);
        Ok(json!(widget::html(&page, &found, payload)))
    }

    fn notice(&self, page: &Page, window: &Window) -> Notice {
        let target = Arn::new(&self.defaults.topic);
        Notice {
            message: Message::info(text::title(page)).why(text::body(page)),
            // The same day is the same page, however often it is told.
            at: window.to,
            operation: "digest".to_owned(),
            name: self.defaults.stack.clone(),
            app: None,
            stack: self.defaults.stack.clone(),
            link: console_link(&target),
            silenced_until: None,
            target,
        }
    }
}

/// The day that somebody asks for by hand.
fn asked_for(payload: &Value) -> Result<Option<Date>, MalformedEvent> {
    let Some(day) = payload.get("day") else {
        return Ok(None);
    };
    let wrong = || MalformedEvent(format!("day {day} is no date such as \"2026-11-21\""));
    day.as_str()
        .and_then(|day| day.parse().ok())
        .map(Some)
        .ok_or_else(wrong)
}

impl Window {
    /// The day that ends now, if this is the hour of the digest.
    fn now(now: Timestamp, defaults: &StackDefaults) -> Result<Option<Self>, MalformedEvent> {
        let local = now.to_zoned(defaults.time_zone.clone());
        let is_it = u32::try_from(local.hour()).ok() == Some(defaults.digest_hour);
        is_it
            .then(|| Self::until(local.date(), defaults))
            .transpose()
    }

    fn until(day: Date, defaults: &StackDefaults) -> Result<Self, MalformedEvent> {
        let wrong = |error: jiff::Error| MalformedEvent(format!("day {day}: {error}"));
        let hour = i8::try_from(defaults.digest_hour).unwrap_or_default();
        let time = Time::new(hour, 0, 0, 0).map_err(wrong)?;
        let to = day
            .to_datetime(time)
            .to_zoned(defaults.time_zone.clone())
            .map_err(wrong)?;
        // A day has 23 or 25 hours where the clocks change.
        let from = to.checked_sub(1.day()).map_err(wrong)?;
        Ok(Self {
            from: from.timestamp(),
            to: to.timestamp(),
            zone: defaults.time_zone.clone(),
        })
    }
}
