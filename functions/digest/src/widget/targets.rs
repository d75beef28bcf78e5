//! The rows of targets, and of incidents that belong to none.

use lamplighter::notify::Severity;
use lamplighter::notify::console_link;
use lamplighter::notify::html::escape_html;
use lamplighter::status::{BackupStatus, Condition, OtherIncident, StatusLine, TargetStatus};
use serde_json::json;

use crate::duration::format_age;
use crate::html::{
    Cell, LABEL_WIDTH, NAME_WIDTH, Theme, color_span, render_badge, render_button, render_link,
    render_row, render_section,
};
use crate::lines::list_facts;
use crate::report::DailyReport;
use crate::widget::filter::Filter;

/// The number of targets up to which healthy ones are listed without being asked for.
const FEW_TARGETS: usize = 25;
/// The number of rows.
const MAX_ROWS: usize = 200;

/// Renders the targets, the worst first. Many healthy ones are only counted, unless they are asked for.
pub fn render_targets(
    report: &DailyReport,
    filter: &Filter,
    theme: &Theme,
    endpoint: &str,
) -> String {
    if let Some(Err(word)) = &filter.state {
        let known: Vec<&str> = Condition::ALL.iter().map(|known| known.label()).collect();
        let text = format!(
            "No state is called {word}. The states are {}.",
            known.join(", ")
        );
        return format!("<p>{}</p>", color_span(theme.bad, &escape_html(&text)));
    }
    let shown: Vec<&TargetStatus> = report
        .statuses
        .iter()
        .filter(|status| filter.includes(status))
        .collect();
    let hides_healthy = filter.state.is_none() && shown.len() > FEW_TARGETS;
    let (healthy, listed): (Vec<&TargetStatus>, Vec<&TargetStatus>) = shown
        .into_iter()
        .partition(|status| hides_healthy && is_fine(status.condition));
    let others = report
        .other_incidents
        .iter()
        .filter(|_| *filter == Filter::default())
        .map(|other| render_other(report, other, theme));
    let targets = listed.iter().take(MAX_ROWS);
    let targets = targets.map(|status| render_target(report, status, theme, endpoint));
    let unlisted = listed.len().saturating_sub(MAX_ROWS);
    let notes = describe_rest(report, unlisted, healthy.len());
    let notes = notes.into_iter().map(|note| {
        let note = color_span(theme.quiet, &note);
        render_row(theme, &[Cell::wide(note)])
    });
    let mut rows: Vec<String> = others.chain(targets).chain(notes).collect();
    if rows.is_empty() {
        let text = color_span(theme.quiet, "No target matches this filter.");
        rows.push(render_row(theme, &[Cell::wide(text)]));
    }
    render_section(theme, "Targets", &rows)
}

/// Says how many targets are not listed, or that there is none at all.
fn describe_rest(report: &DailyReport, unlisted: usize, healthy: usize) -> Vec<String> {
    let nothing = report.statuses.is_empty().then(|| {
        "Nothing is managed yet: tag a service, a database or a log group lamplighter:managed = true."
            .to_owned()
    });
    let unlisted =
        (unlisted > 0).then(|| format!("{unlisted} more targets: filter by application or state."));
    let healthy = (healthy > 0).then(|| {
        format!("{healthy} more are healthy, or have findings only: filter by state to list them.")
    });
    [nothing, unlisted, healthy].into_iter().flatten().collect()
}

/// Reports whether a condition is left out of long lists.
fn is_fine(condition: Condition) -> bool {
    matches!(condition, Condition::Healthy | Condition::AtRisk)
}

fn render_target(
    report: &DailyReport,
    status: &TargetStatus,
    theme: &Theme,
    endpoint: &str,
) -> String {
    let cells = [
        Cell::narrow(LABEL_WIDTH, render_badge(status.condition, theme)),
        Cell::narrow(NAME_WIDTH, render_name(report, status, theme)),
        Cell::wide(render_lines(report, status, theme) + &offer_restore(status, endpoint)),
    ];
    render_row(theme, &cells)
}

/// Renders name, application, version, task counts and backups.
fn render_name(report: &DailyReport, status: &TargetStatus, theme: &Theme) -> String {
    let name = format!("<b>{}</b>", escape_html(&status.name));
    let name = render_link(theme, &console_link(&status.target), &name);
    let backups = status
        .backups
        .iter()
        .map(|backups| describe_backups(report, backups));
    let facts: Vec<String> = list_facts(status).into_iter().chain(backups).collect();
    let facts = escape_html(&facts.join(" · "));
    format!("{name}<br>{}", color_span(theme.quiet, &facts))
}

fn describe_backups(report: &DailyReport, backups: &BackupStatus) -> String {
    match backups.recovery_point {
        Some(at) => format!(
            "{} backups, recovery point {} old",
            backups.count,
            format_age(report, at)
        ),
        None => "no recovery point".to_owned(),
    }
}

/// Renders what is said about a target, or what was done last, and the link to its runbook.
fn render_lines(report: &DailyReport, status: &TargetStatus, theme: &Theme) -> String {
    let mut lines: Vec<String> = status
        .describe(report.now)
        .iter()
        .map(|line| render_line(line, theme))
        .collect();
    if let Some(last) = &status.last_action {
        let text = format!("last: {}, {} ago", last.what, format_age(report, last.at));
        lines.push(color_span(theme.quiet, &escape_html(&text)));
    }
    let runbook = status
        .runbook
        .as_ref()
        .filter(|_| status.condition.needs_attention());
    lines.extend(runbook.map(|address| render_link(theme, address, "runbook")));
    lines.join("<br>")
}

/// Renders the button that shows how to restore a database or cache.
fn offer_restore(status: &TargetStatus, endpoint: &str) -> String {
    let can_restore = status
        .backups
        .as_ref()
        .is_some_and(|backups| backups.recovery_point.is_some());
    if endpoint.is_empty() || !can_restore {
        return String::new();
    }
    let parameters = json!({"restore": status.target.as_str()});
    format!(
        "<div>{}</div>",
        render_button(endpoint, "Restore", &parameters)
    )
}

fn render_line(line: &StatusLine, theme: &Theme) -> String {
    let what = escape_html(&line.what);
    if line.next.is_empty() {
        return what;
    }
    format!(
        "{what}<br>{}",
        color_span(theme.quiet, &escape_html(&line.next))
    )
}

fn render_other(report: &DailyReport, other: &OtherIncident, theme: &Theme) -> String {
    let OtherIncident {
        name,
        link,
        incident,
    } = other;
    let condition = if incident.severity == Severity::Critical {
        Condition::Critical
    } else {
        Condition::Warning
    };
    let name = format!("<b>{}</b>", escape_html(name));
    let text = format!(
        "{}, {} ago",
        escape_html(&incident.title),
        format_age(report, incident.since)
    );
    let cells = [
        Cell::narrow(LABEL_WIDTH, render_badge(condition, theme)),
        Cell::narrow(NAME_WIDTH, render_link(theme, link, &name)),
        Cell::wide(text),
    ];
    render_row(theme, &cells)
}
