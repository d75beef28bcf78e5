//! The page in words: an e-mail that reads well on a phone. Sections in which there is nothing are left out.

use jiff::{SignedDuration, Timestamp};
use lamplighter::model::counted;

use crate::page::{Backups, Happened, Money, Page, Scaled, Spending};

/// The page in one line.
#[must_use]
pub fn title(page: &Page) -> String {
    if page.is_quiet() {
        return "a quiet day".to_owned();
    }
    let open = page
        .incidents
        .iter()
        .filter(|incident| incident.over.is_none())
        .count();
    let parts = [
        (page.incidents.len(), "incident"),
        (open, "still open"),
        (page.releases.len(), "release"),
        (page.findings.len(), "finding"),
        (page.held.len(), "held"),
        (page.expiring.len(), "ending soon"),
    ];
    let parts = parts
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| match what {
            "still open" | "held" | "ending soon" => format!("{n} {what}"),
            _ => counted(n, what),
        });
    let parts: Vec<String> = parts.collect();
    let parts = if parts.is_empty() {
        "services were scaled".to_owned()
    } else {
        parts.join(", ")
    };
    format!("the day: {parts}")
}

/// The whole page.
#[must_use]
pub fn body(page: &Page) -> String {
    let span = format!(
        "From {} to {}.",
        clock(page, page.window.from),
        clock(page, page.window.to.min(page.now))
    );
    if page.is_quiet() {
        return format!(
            "{span}\nNothing was rolled out, scaled or healed, and nothing is open.\n{}",
            looked_after(page)
        );
    }
    let at = |time: Timestamp| clock(page, time);
    let sections = [
        (
            "Incidents",
            page.incidents
                .iter()
                .map(|incident| happened(page, incident))
                .collect(),
        ),
        (
            "Releases",
            page.releases
                .iter()
                .map(|r| {
                    format!(
                        "{}: {} ({}), {}, {}",
                        r.name,
                        r.tag,
                        r.digest,
                        at(r.at),
                        r.state
                    )
                })
                .collect(),
        ),
        ("Scaling", page.scaled.iter().map(scaled).collect()),
        (
            "Backups",
            page.backups.iter().map(|of| backups(page, of)).collect(),
        ),
        (
            "Held, silenced, refused",
            page.held.iter().map(both).collect(),
        ),
        ("Ends soon", page.expiring.iter().map(both).collect()),
        ("Open findings", page.findings.iter().map(both).collect()),
        ("Cost of the last day", costs(page)),
    ];
    let sections = sections
        .into_iter()
        .filter(|(_, lines): &(_, Vec<String>)| !lines.is_empty());
    let sections = sections.map(|(name, lines)| format!("{name}\n- {}", lines.join("\n- ")));
    [span]
        .into_iter()
        .chain(sections)
        .chain([looked_after(page)])
        .collect::<Vec<_>>()
        .join("\n\n")
}

fn both((name, what): &(String, String)) -> String {
    format!("{name}: {what}")
}

fn costs(page: &Page) -> Vec<String> {
    let apps = match &page.costs {
        None => return Vec::new(),
        Some(Err(why)) => return vec![format!("not available: {why}")],
        Some(Ok(apps)) if apps.is_empty() => {
            return vec![
                "not available: lamplighter:app is no cost allocation tag, or nothing carries it"
                    .to_owned(),
            ];
        }
        Some(Ok(apps)) => apps,
    };
    let own = page
        .own_cost
        .iter()
        .map(|own| format!("this stack itself: {}", money(own)));
    apps.iter().map(spending).chain(own).collect()
}

fn spending(of: &Spending) -> String {
    let services: Vec<String> = of
        .services
        .iter()
        .map(|(service, amount)| format!("{service} {}", money(amount)))
        .collect();
    let change =
        (of.mean.0 > 0.0).then(|| format!(", {:+.0} %", 100.0 * (of.last.0 / of.mean.0 - 1.0)));
    let mean = money(&of.mean);
    format!(
        "{}: {}{} (7-day mean {mean}{}): {}",
        of.app,
        money(&of.last),
        of.late
            .map(|day| format!(" on {day}, the last that is known"))
            .unwrap_or_default(),
        change.unwrap_or_default(),
        services.join(", ")
    )
}

fn money(Money(amount, unit): &Money) -> String {
    format!("{amount:.2} {unit}")
}

fn looked_after(page: &Page) -> String {
    let what = format!(
        "{} and {} are looked after",
        counted(page.services, "service"),
        counted(page.databases, "database")
    );
    match page.oldest_recovery_point() {
        None => format!("{what}."),
        Some(Backups {
            recovery_point: None,
            name,
            ..
        }) => format!("{what}; {name} has no recovery point."),
        Some(Backups {
            recovery_point: Some(at),
            name,
            ..
        }) => {
            format!(
                "{what}; the oldest recovery point is {} old ({name}).",
                long(page.now.duration_since(*at))
            )
        }
    }
}

fn happened(page: &Page, incident: &Happened) -> String {
    let lasted = match incident.over {
        Some(over) => format!("lasted {}", long(over.duration_since(incident.since))),
        None => format!(
            "lasts for {}",
            long(page.now.duration_since(incident.since))
        ),
    };
    let since = clock(page, incident.since);
    format!(
        "[{}] {}: {} ({since}, {lasted})",
        incident.severity.as_str(),
        incident.name,
        incident.title
    )
}

fn scaled(scaled: &Scaled) -> String {
    let Scaled {
        name,
        least,
        most,
        changes,
        at_maximum,
        task_hours,
    } = scaled;
    let maximum = at_maximum
        .map(|(max, there)| format!(", {} at its maximum of {max}", long(there)))
        .unwrap_or_default();
    format!(
        "{name}: {least} to {most} tasks in {}{maximum}, {task_hours:.0} task-hours",
        counted(*changes, "change")
    )
}

fn backups(page: &Page, of: &Backups) -> String {
    let ago = |at: Timestamp| long(page.now.duration_since(at));
    let newest = of.newest.map_or("no backup".to_owned(), |at| {
        format!("newest backup {} old, {} in all", ago(at), of.count)
    });
    let point = of
        .recovery_point
        .map_or("no recovery point".to_owned(), |at| {
            format!("recovery point {}", ago(at))
        });
    let drill = match &of.drilled {
        None => "never proven".to_owned(),
        Some(drilled) if drilled.passed => {
            format!(
                "proven {} ago in {}",
                ago(drilled.began),
                long(SignedDuration::from_secs(drilled.took))
            )
        }
        Some(drilled) => format!("the drill {} ago failed", ago(drilled.began)),
    };
    format!("{}: {newest}, {point}, {drill}", of.name)
}

/// In the stack's own time zone.
#[must_use]
pub fn clock(page: &Page, at: Timestamp) -> String {
    at.to_zoned(page.window.zone.clone())
        .strftime("%a %-d %b %H:%M %Z")
        .to_string()
}

/// `12 min`, `16 h`, `3 days`.
#[must_use]
pub fn long(span: SignedDuration) -> String {
    let minutes = span.as_mins();
    match minutes {
        ..1 => format!("{} s", span.as_secs()),
        1..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}
