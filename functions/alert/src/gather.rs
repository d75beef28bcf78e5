//! Notices become incidents: what belongs together is put together, whatever the order it comes in and however often.

use jiff::{SignedDuration, Timestamp};
use lamplighter::notify::incident::{Id, Incident, Line};
use lamplighter::notify::{ACKNOWLEDGED, ALARM, DOWN, Notice, SILENCE, Severity};
use lamplighter::ports::incidents::Desk;

/// After this long without a word something that lasts is taken as over. Whoever told it tells it again every day.
pub const HEARD_WITHIN: SignedDuration = SignedDuration::from_hours(27);
/// The same of what AWS says, which it says once.
const SAID_WITHIN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A job or a deployment of others that failed, which AWS says once.
pub const FAILED: &str = "failed:";
/// An alarm of the stack itself, which is on until CloudWatch says that it is off.
pub const OWN_ALARM: &str = "own alarm:";
/// How long an incident is remembered after it was over, so that one which comes back is the same.
pub const LINGERS: SignedDuration = SignedDuration::from_hours(1);
/// Lines that are kept of one incident.
const LINES_KEPT: usize = 20;

/// Puts a notice where it belongs. One that was taken before changes nothing.
pub fn take(desk: &mut Desk, notice: &Notice) {
    if !notice.is_of_aws() {
        let silence = desk.silences.entry(notice.target.clone()).or_default();
        // What comes late says how it was.
        *silence = (notice.at, notice.silenced_until).max(*silence);
    }
    let key = notice.message.key.as_deref().unwrap_or_default();
    if let Some(token) = key.strip_prefix(ACKNOWLEDGED) {
        let meant = desk
            .incidents
            .values_mut()
            .filter(|incident| incident.token() == token);
        meant.for_each(|incident| incident.acknowledged = true);
    }
    if key.starts_with(ACKNOWLEDGED) || key.starts_with(SILENCE) {
        return;
    }
    let id = Id::of(&notice.target, notice.cause());
    let ends = notice.is_of_aws() && notice.message.ends.is_some();
    if ends
        && desk
            .incidents
            .get(&id)
            .is_none_or(|incident| incident.over.is_some())
    {
        // An alarm that goes off without having been on, and a database that is back without having been away.
        if notice.message.ends.as_deref() != Some(DOWN) {
            return;
        }
    }
    hear(
        desk.incidents
            .entry(id)
            .or_insert_with(|| Incident::of(notice)),
        notice,
    );
}

fn hear(incident: &mut Incident, notice: &Notice) {
    let line = Line::of(notice);
    if incident.lines.contains(&line) {
        return;
    }
    let message = &notice.message;
    let begins = message
        .begins
        .as_ref()
        .filter(|what| !is_late(incident, what, notice.at));
    if begins.is_none() && message.begins.is_some() {
        // It was over before it was heard of.
        return;
    }
    if begins.is_some() && incident.over.is_some() {
        begin_again(incident, notice);
    }
    // An alarm's incident knows its application once one of our own speaks of it.
    if let (None, Some(_)) = (&incident.app, &notice.app) {
        incident.app.clone_from(&notice.app);
    }
    incident.severity = incident.severity.max(message.severity);
    if let Some(what) = &message.ends {
        incident.lasting.retain(|lasts, _| !is_part(lasts, what));
        incident.ended.insert(what.clone(), notice.at);
    }
    // Whoever tells it every day that it lasts says nothing new.
    let lasts = begins.is_some_and(|what| incident.lasting.contains_key(what));
    if !lasts || incident.lines.iter().all(|known| known.title != line.title) {
        say(incident, line);
    }
    if let Some(what) = begins {
        incident.lasting.insert(what.clone(), notice.at);
        incident.lasted = true;
        incident.over = None;
    } else if incident.lasting.is_empty() {
        incident.over = incident.over.max(Some(notice.at));
    }
}

/// What was over comes back, or something else begins: a release after a release.
fn begin_again(incident: &mut Incident, notice: &Notice) {
    if incident.lasted && incident.severity.min(notice.message.severity) > Severity::Info {
        incident.returns.push(notice.at);
    } else {
        // What nobody has heard yet stays, and is told with it.
        let known = incident
            .told
            .values()
            .map(|told| told.said)
            .min()
            .unwrap_or_default();
        let untold = usize::try_from(incident.said.saturating_sub(known)).unwrap_or_default();
        let worst = incident
            .lines
            .iter()
            .rev()
            .take(untold)
            .map(|line| line.severity)
            .max();
        incident.severity = worst
            .max(Some(notice.message.severity))
            .unwrap_or(notice.message.severity);
        (incident.since, incident.lasted, incident.acknowledged) = (notice.at, false, false);
        incident.returns.clear();
        for told in incident.told.values_mut() {
            (told.over, told.severity, told.thread) = (false, None, None);
        }
    }
}

/// Whether `lasts` ends with `what`: it is the same, or a part of it.
fn is_part(lasts: &str, what: &str) -> bool {
    lasts
        .strip_prefix(what)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// It was over before this was heard.
fn is_late(incident: &Incident, what: &str, at: Timestamp) -> bool {
    incident
        .ended
        .iter()
        .any(|(ended, over)| is_part(what, ended) && at < *over)
}

fn say(incident: &mut Incident, line: Line) {
    incident.lines.push(line);
    incident.said += 1;
    let surplus = incident.lines.len().saturating_sub(LINES_KEPT);
    // The first says what it began with.
    incident.lines.drain(1..=surplus);
}

/// Ends what nobody speaks of any more.
pub fn age(desk: &mut Desk, now: Timestamp) {
    for incident in desk.incidents.values_mut() {
        incident.lasting.retain(|what, heard| {
            let once = what == DOWN || what.starts_with(ALARM) || what.starts_with(FAILED);
            what.starts_with(OWN_ALARM)
                || now.duration_since(*heard) < if once { SAID_WITHIN } else { HEARD_WITHIN }
        });
        if incident.lasting.is_empty() && incident.over.is_none() {
            incident.over = Some(now);
            if incident.severity > Severity::Info {
                say(incident, silent(now));
            }
        }
        let comes_back = |at: &Timestamp| now.duration_since(*at) < LINGERS;
        incident.returns.retain(comes_back);
    }
}

fn silent(now: Timestamp) -> Line {
    Line {
        at: now,
        severity: Severity::Info,
        operation: "alert".to_owned(),
        title: "is taken as over".to_owned(),
        why: "Nothing was heard of it for longer than whoever says it waits: a day, or a week of what AWS says."
            .to_owned(),
        next: "Look whether it is well; it is told again if not.".to_owned(),
        begins: None,
    }
}
