//! `digest`: sends the daily report of actions and their reasons, backup ages and open incidents.
//!
//! It only reads: the journal, the incidents, the target states and the backups. The report is one
//! notification and takes the way of all others, so every configured channel can receive it.

// The function runs one invocation at a time on one thread, so futures need not be `Send`.
#![allow(async_fn_in_trait)]

pub mod inputs;
mod reads;
pub mod report;
pub mod text;
pub mod widget;

use lamplighter::Function;
use std::rc::Rc;

use crate::reads::Reads;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use lamplighter::engine::Invocation;
use lamplighter::model::Arn;
use lamplighter::notify::{Message, Notification, Outbox, console_link};
use lamplighter::policy::{Mode, StackDefaults};
use lamplighter::ports::capability::ReadOnly;
use lamplighter::ports::costs::Costs;
use lamplighter::ports::ledger::JournalReader;
use lamplighter::{Error, MalformedEvent};
use lamplighter_aws::lambda;
use lamplighter_aws::{Aws, CostExplorer, DynamoLedger, NotificationQueue, build_sdk_config};
use serde_json::{Value, json};

use inputs::ReportInputs;
use report::DailyReport;

/// Runs the Lambda function; `main` only calls it.
///
/// # Errors
/// [`lambda::Failure`] if the process cannot start.
pub fn serve() -> Result<(), lambda::StartupError> {
    lambda::serve_handler(|defaults| {
        defaults.require_parts(&["table", "notices", "topic"])?;
        let config = build_sdk_config()?;
        let digest = Rc::new(Digest {
            cloud: Aws::<ReadOnly>::new(config.clone()),
            ledger: DynamoLedger::new(config.clone(), &defaults.table),
            costs: CostExplorer::new(config.clone()),
            outbox: NotificationQueue::new(config, &defaults.notices),
            defaults,
            clock: Box::new(lambda::read_clock),
        });
        Ok(move |payload, _: Invocation| {
            let digest = Rc::clone(&digest);
            async move { digest.handle_request(&payload).await }
        })
    })
}

/// The `digest` function without its Lambda entry point.
pub struct Digest<C, L, M, O> {
    pub cloud: C,
    pub ledger: L,
    pub costs: M,
    pub outbox: O,
    pub defaults: StackDefaults,
    pub clock: Box<dyn Fn() -> Timestamp>,
}

/// The period that a report covers, and the time zone it is shown in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
    pub zone: TimeZone,
}

impl<C: Reads, L: JournalReader, M: Costs, O: Outbox> Digest<C, L, M, O> {
    /// Handles one Lambda event.
    ///
    /// - A dashboard's `describe` or `widgetContext`: returns a text for the widget.
    /// - The hourly schedule: sends the report at the stack's digest hour, and otherwise does
    ///   nothing.
    /// - Manually, `{"day": "2026-11-21"}`: sends the report that ends at the digest hour of that
    ///   date.
    ///
    /// # Errors
    /// [`Error`] if something cannot be read or the notification cannot be queued; Lambda then
    /// retries the event.
    pub async fn handle_request(&self, payload: &Value) -> Result<Value, Error> {
        let now = (self.clock)();
        if self.defaults.mode == Mode::Off {
            return Ok(json!({"mode": "off"}));
        }
        if payload.get("describe").is_some() {
            return Ok(json!(widget::DESCRIPTION));
        }
        if let Some(window) = widget::parse_window(payload, now, &self.defaults.time_zone) {
            return self.render_widget(payload, &window, now).await;
        }
        let window = match parse_requested_day(payload)? {
            Some(day) => Window::for_day(day, &self.defaults)?,
            None => match Window::for_digest_hour(now, &self.defaults)? {
                Some(window) => window,
                None => return Ok(json!({"reason": "it is not the hour of the digest"})),
            },
        };
        if window.from > now {
            return Err(MalformedEvent("day is in the future".to_owned()).into());
        }
        let found = ReportInputs::read_all(
            (&self.cloud, &self.ledger, &self.costs),
            &window,
            now,
            &self.defaults,
        )
        .await?;
        let page = DailyReport::from_inputs(&found, &window, now, &self.defaults);
        let notice = self.build_notification(&page, &window);
        self.outbox
            .send(vec![notice])
            .await
            .map_err(|unsent| unsent.error)?;
        Ok(json!({"title": text::render_title(&page), "text": text::render_body(&page)}))
    }

    /// Returns the widget's HTML. It makes no Cost Explorer requests, however often a dashboard
    /// refreshes.
    async fn render_widget(
        &self,
        payload: &Value,
        window: &Window,
        now: Timestamp,
    ) -> Result<Value, Error> {
        let defaults = StackDefaults {
            costs: false,
            ..self.defaults.clone()
        };
        let found = ReportInputs::read_all(
            (&self.cloud, &self.ledger, &self.costs),
            window,
            now,
            &defaults,
        )
        .await?;
        let page = DailyReport::from_inputs(&found, window, now, &defaults);
        Ok(json!(widget::render_html(&page, &found, payload)))
    }

    fn build_notification(&self, page: &DailyReport, window: &Window) -> Notification {
        let target = Arn::new(&self.defaults.topic);
        Notification {
            message: Message::info(text::render_title(page)).why(text::render_body(page)),
            // The time makes the report of a day idempotent, however often it is sent.
            at: window.to,
            source: Function::Digest.into(),
            name: self.defaults.stack.clone(),
            app: None,
            stack: self.defaults.stack.clone(),
            link: console_link(&target),
            silenced_until: None,
            target,
        }
    }
}

/// Parses the day of a manual invocation; `None` if the event names none.
///
/// # Errors
/// [`MalformedEvent`] if the day is no date.
fn parse_requested_day(payload: &Value) -> Result<Option<Date>, MalformedEvent> {
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
    /// Returns the day that ends now, if this is the digest hour.
    ///
    /// # Errors
    /// [`MalformedEvent`] if the day is out of range.
    fn for_digest_hour(
        now: Timestamp,
        defaults: &StackDefaults,
    ) -> Result<Option<Self>, MalformedEvent> {
        let local = now.to_zoned(defaults.time_zone.clone());
        let is_it = u32::try_from(local.hour()).ok() == Some(defaults.digest_hour);
        is_it
            .then(|| Self::for_day(local.date(), defaults))
            .transpose()
    }

    fn for_day(day: Date, defaults: &StackDefaults) -> Result<Self, MalformedEvent> {
        let wrong = |error: jiff::Error| MalformedEvent(format!("day {day}: {error}"));
        let hour = i8::try_from(defaults.digest_hour).unwrap_or_default();
        let time = Time::new(hour, 0, 0, 0).map_err(wrong)?;
        let to = day
            .to_datetime(time)
            .to_zoned(defaults.time_zone.clone())
            .map_err(wrong)?;
        // A day has 23 or 25 hours when daylight saving time changes.
        let from = to.checked_sub(1.day()).map_err(wrong)?;
        Ok(Self {
            from: from.timestamp(),
            to: to.timestamp(),
            zone: defaults.time_zone.clone(),
        })
    }
}
