//! The filters of the widget: by application and by state.

use std::collections::BTreeMap;

use lamplighter::notify::html::escape_html;
use lamplighter::status::{Condition, TargetStatus};
use serde_json::{Value, json};

use crate::html::render_button;
use crate::report::DailyReport;

/// The number of applications that get a button. Others can be chosen by the widget's parameter.
const MAX_APPS: usize = 15;

/// The targets that a widget shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub app: Option<String>,
    /// The condition, or the word that is none.
    pub state: Option<Result<Condition, String>>,
}

impl Filter {
    /// Parses the parameters of a widget, or those of a button.
    pub fn from_payload(payload: &Value) -> Self {
        let read = |key: &str| {
            let text = payload.get(key)?.as_str()?.trim();
            (!text.is_empty()).then(|| text.to_owned())
        };
        Self {
            app: read("app"),
            state: read("state").map(|word| Condition::parse(&word).ok_or(word)),
        }
    }

    pub fn includes(&self, status: &TargetStatus) -> bool {
        let has_app = self.app.is_none() || self.app == status.app;
        let has_state = match &self.state {
            None => true,
            Some(state) => *state == Ok(status.condition),
        };
        has_app && has_state
    }

    /// Reports whether a target of this name is shown.
    pub fn includes_name(&self, report: &DailyReport, name: &str) -> bool {
        *self == Self::default()
            || report
                .statuses
                .iter()
                .any(|status| status.name == name && self.includes(status))
    }

    fn to_parameters(&self) -> Value {
        let state = self.state.as_ref().map(|state| match state {
            Ok(condition) => condition.label(),
            Err(word) => word.as_str(),
        });
        json!({"app": self.app, "state": state})
    }
}

/// Renders how many targets are in each state and in each application, as buttons if the function's ARN is known.
pub fn render_filters(report: &DailyReport, filter: &Filter, endpoint: &str) -> String {
    let of_app: Vec<&TargetStatus> = report
        .statuses
        .iter()
        .filter(|status| filter.app.is_none() || filter.app == status.app)
        .collect();
    let states = Condition::ALL.into_iter().filter_map(|condition| {
        let count = of_app
            .iter()
            .filter(|status| status.condition == condition)
            .count();
        let label = format!("{count} {}", condition.label());
        let chosen = Filter {
            state: Some(Ok(condition)),
            ..filter.clone()
        };
        (count > 0).then_some((label, chosen))
    });
    let mut apps: BTreeMap<&str, usize> = BTreeMap::new();
    for status in &report.statuses {
        if let Some(app) = &status.app {
            *apps.entry(app).or_default() += 1;
        }
    }
    let is_worth_it = apps.len() > 1;
    let apps = apps.into_iter().filter(|_| is_worth_it).take(MAX_APPS);
    let apps = apps.map(|(app, count)| {
        let chosen = Filter {
            app: Some(app.to_owned()),
            ..filter.clone()
        };
        (format!("{app} ({count})"), chosen)
    });
    let all = (*filter != Filter::default()).then(|| ("all targets".to_owned(), Filter::default()));
    let states: Vec<(String, Filter)> = all.into_iter().chain(states).collect();
    let apps: Vec<(String, Filter)> = apps.collect();
    [states, apps]
        .iter()
        .filter(|choices| !choices.is_empty())
        .map(|choices| render_choices(choices, filter, endpoint))
        .collect()
}

fn render_choices(choices: &[(String, Filter)], filter: &Filter, endpoint: &str) -> String {
    let choices: Vec<String> = choices
        .iter()
        .map(|(label, chosen)| {
            let label = escape_html(label);
            let label = if chosen == filter {
                format!("<b>{label}</b>")
            } else {
                label
            };
            if endpoint.is_empty() {
                label
            } else {
                render_button(endpoint, &label, &chosen.to_parameters())
            }
        })
        .collect();
    let separator = if endpoint.is_empty() { " · " } else { " " };
    format!(
        "<div style=\"margin-bottom:4px\">{}</div>",
        choices.join(separator)
    )
}
