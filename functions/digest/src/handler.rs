//! Handles the events of the `digest` function.

use jiff::Timestamp;
use jiff::civil::Date;
use lamplighter::model::{Arn, Cause};
use lamplighter::notify::{Message, Notification, Outbox, console_link};
use lamplighter::policy::{Mode, StackDefaults};
use lamplighter::ports::costs::Costs;
use lamplighter::ports::ledger::JournalReader;
use lamplighter::{Error, Function, MalformedEvent};
use serde_json::{Value, json};

use crate::inputs::ReportInputs;
use crate::pages::divide_into_pages;
use crate::query::Query;
use crate::reads::Reads;
use crate::report::DailyReport;
use crate::restore::plan_restore;
use crate::text;
use crate::widget;
use crate::window::Window;

/// The `digest` function without its Lambda entry point.
pub struct Digest<C, L, M, O> {
    pub cloud: C,
    pub ledger: L,
    pub costs: M,
    pub outbox: O,
    pub defaults: StackDefaults,
    pub clock: Box<dyn Fn() -> Timestamp>,
}

impl<C: Reads, L: JournalReader, M: Costs, O: Outbox> Digest<C, L, M, O> {
    /// Handles one Lambda event. `function_arn`: the ARN of the function, which the buttons of the widget call.
    ///
    /// - A dashboard's `describe` or `widgetContext`: returns a text for the widget.
    /// - The hourly schedule: sends the report at the stack's digest hour, and otherwise does
    ///   nothing.
    /// - Manually, `{"restore": "orders"}`, or by a button of the widget: returns how to restore that database or cache.
    /// - Manually, `{"query": {"status": {}}}`: answers the question, as the command `lamplighter` asks it.
    /// - Manually, `{"day": "2026-11-21"}`: sends the report that ends at the digest hour of that
    ///   date.
    ///
    /// # Errors
    /// [`Error`] if something cannot be read or the notification cannot be queued; Lambda then
    /// retries the event.
    pub async fn handle_request(
        &self,
        payload: &Value,
        function_arn: &str,
    ) -> Result<Value, Error> {
        let now = (self.clock)();
        // It only reads, and is needed most when everything else is off.
        if let Some(name) = payload.get("restore") {
            return self.render_restore(name, payload, now, function_arn).await;
        }
        if let Some(query) = Query::parse(payload)? {
            let sources = (&self.cloud, &self.ledger);
            return query.answer(sources, now, &self.defaults).await;
        }
        if self.defaults.mode == Mode::Off {
            return Ok(json!({"mode": "off"}));
        }
        if payload.get("describe").is_some() {
            return Ok(json!(widget::DESCRIPTION));
        }
        if let Some(window) = widget::parse_window(payload, now, &self.defaults.time_zone) {
            return self
                .render_widget(payload, &window, now, function_arn)
                .await;
        }
        let window = match parse_requested_day(payload)? {
            Some(day) => Window::for_day(day, &self.defaults)?,
            None => match Window::for_digest_hour(now, &self.defaults)? {
                Some(window) => window,
                None => return Ok(json!({"reason": "it is not the digest hour"})),
            },
        };
        if window.from > now {
            return Err(MalformedEvent("day is in the future".to_owned()).into());
        }
        let inputs = ReportInputs::read_all(
            (&self.cloud, &self.ledger, &self.costs),
            &window,
            now,
            &self.defaults,
        )
        .await?;
        let report = DailyReport::from_inputs(&inputs, &window, now, &self.defaults);
        self.outbox
            .send(self.build_notifications(&report, &window))
            .await
            .map_err(|unsent| unsent.error)?;
        Ok(json!({"title": text::render_title(&report), "text": text::render_body(&report)}))
    }

    /// Returns the restore plan of a database or cache: as HTML for the widget, otherwise as a text.
    async fn render_restore(
        &self,
        name: &Value,
        payload: &Value,
        now: Timestamp,
        function_arn: &str,
    ) -> Result<Value, Error> {
        let name = name.as_str().filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| {
            MalformedEvent("restore is not the name or ARN of a database or cache".to_owned())
        })?;
        let plan = plan_restore(name, (&self.cloud, &self.ledger), &self.defaults).await?;
        let text = plan.render(now);
        if payload.get("widgetContext").is_some() {
            return Ok(json!(widget::render_restore(&text, payload, function_arn)));
        }
        Ok(json!({"text": text}))
    }

    /// Returns the widget's HTML. It makes no Cost Explorer requests, however often a dashboard
    /// refreshes.
    async fn render_widget(
        &self,
        payload: &Value,
        window: &Window,
        now: Timestamp,
        function_arn: &str,
    ) -> Result<Value, Error> {
        let defaults = StackDefaults {
            costs: false,
            ..self.defaults.clone()
        };
        let inputs = ReportInputs::read_all(
            (&self.cloud, &self.ledger, &self.costs),
            window,
            now,
            &defaults,
        )
        .await?;
        let report = DailyReport::from_inputs(&inputs, window, now, &defaults);
        Ok(json!(widget::render_html(
            &report,
            &inputs,
            payload,
            function_arn,
            &defaults
        )))
    }

    /// Builds one notification for each page of the report.
    fn build_notifications(&self, report: &DailyReport, window: &Window) -> Vec<Notification> {
        let target = Arn::new(&self.defaults.topic);
        let title = text::render_title(report);
        let pages = divide_into_pages(&text::render_body(report));
        pages
            .into_iter()
            .zip(1..)
            .map(|((suffix, page), number)| Notification {
                runbook: None,
                message: Message::info(format!("{title}{suffix}"))
                    .why(page)
                    .caused_by(Cause::Report(number)),
                // The time makes the report of a day idempotent, however often it is sent.
                at: window.to,
                source: Function::Digest.into(),
                name: self.defaults.stack.clone(),
                app: None,
                stack: self.defaults.stack.clone(),
                link: console_link(&target),
                silenced_until: None,
                target: target.clone(),
            })
            .collect()
    }
}

/// Parses the day of a manual invocation; `None` if the event names none.
///
/// # Errors
/// [`MalformedEvent`] if the day is not a date.
fn parse_requested_day(payload: &Value) -> Result<Option<Date>, MalformedEvent> {
    let Some(day) = payload.get("day") else {
        return Ok(None);
    };
    day.as_str()
        .and_then(|day| day.parse().ok())
        .map(Some)
        .ok_or_else(|| MalformedEvent(format!("day {day} is not a date such as \"2026-11-21\"")))
}
