//! The plan as a text: a runbook whose commands can be pasted into a shell.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::restore::origin::{Origin, Place};
use crate::restore::plan::{RestorePlan, RestoreWay};
use crate::restore::step::{Guard, RestoreStep};

/// The variable of the shell with the name of what was restored.
const RESTORED: &str = "RESTORED";

impl RestorePlan {
    /// Writes the plan as a text. All that is no command is a comment of the shell.
    #[must_use]
    pub fn render(&self, now: Timestamp) -> String {
        let mut text = format!(
            "# Restore {} ({})\n",
            self.database.display_name(),
            self.engine
        );
        if self.ways.is_empty() {
            text.push_str("# Nothing can be restored: there is no snapshot, no copy, and no point-in-time recovery.\n");
            return text;
        }
        text.push_str(
            "# It comes back beside the old one. Nothing is changed in place before the last step, whose commands are comments.\n\
             # Paste one step after the other into one shell, and read each answer. A step ends at the first command that fails,\n\
             # and runs only after the restore above it: in another shell, set RESTORED to the name of what is restored first.\n",
        );
        if let Some(drill) = &self.drill {
            let result = if drill.passed { "passed" } else { "failed" };
            let minutes = drill.took.max(0) / 60;
            let day = drill.began.strftime("%F");
            let _ = writeln!(
                text,
                "# The last drill {result} on {day}: it was available after {minutes} min."
            );
        }
        text.push_str("#\n# Choose one:\n");
        for (n, way) in self.ways.iter().enumerate() {
            let _ = writeln!(text, "#   {}. {}", letter(n), describe_way(way, now));
        }
        for (n, way) in self.ways.iter().enumerate() {
            render_way(&mut text, n, way, now);
        }
        text
    }
}

fn render_way(text: &mut String, n: usize, way: &RestoreWay, now: Timestamp) {
    let _ = writeln!(text, "\n# ---- {}. {}", letter(n), describe_way(way, now));
    for loss in &way.losses {
        let _ = writeln!(text, "# {loss}");
    }
    for (n, step) in way.steps.iter().enumerate() {
        render_step(text, n + 1, step);
    }
}

fn render_step(text: &mut String, n: usize, step: &RestoreStep) {
    let end = if step.commands.is_empty() { "." } else { ":" };
    let _ = writeln!(text, "\n# {n}. {}{end}", step.title);
    let mut commands: Vec<String> = step.commands.iter().map(ToString::to_string).collect();
    if !commands.is_empty() {
        guard_commands(&mut commands, &step.guard);
    }
    // The shell goes on with the next command only after a good one.
    for line in commands.join(" &&\n").lines() {
        let comment = if step.is_commented { "# " } else { "" };
        let _ = writeln!(text, "{comment}{line}");
    }
}

/// Adds what binds a step to the restore that it belongs to.
fn guard_commands(commands: &mut Vec<String>, guard: &Guard) {
    match guard {
        Guard::None => {}
        Guard::Restores(name) => {
            commands.insert(1, format!("{RESTORED}={name}"));
            commands.insert(0, format!("unset {RESTORED}"));
        }
        Guard::Needs(name) => commands.insert(0, format!("test \"${{{RESTORED}:?}}\" = {name}")),
    }
}

/// Returns the letter of a way: A, B, ….
fn letter(n: usize) -> char {
    u8::try_from(n)
        .ok()
        .and_then(|n| b'A'.checked_add(n))
        .map_or('?', char::from)
}

fn describe_way(way: &RestoreWay, now: Timestamp) -> String {
    let earlier = if way.is_earlier {
        ", of an earlier database of this name"
    } else {
        ""
    };
    format!("{}{earlier}", describe_origin(&way.origin, now))
}

fn describe_origin(origin: &Origin, now: Timestamp) -> String {
    let time = origin.time().map_or_else(
        || "of unknown time".to_owned(),
        |at| {
            format!(
                "{}, {} ago",
                at.strftime("%F %H:%M UTC"),
                describe_age(at, now)
            )
        },
    );
    match origin {
        Origin::PointInTime { .. } => {
            format!("To the latest point in time: {time}")
        }
        Origin::Snapshot { snapshot, place } => {
            let verified = if snapshot.is_verified() {
                ", proven by a drill"
            } else {
                ""
            };
            let place = match place {
                Place::Here => String::new(),
                Place::OtherRegion => format!(" in {}", snapshot.arn.region()),
                Place::Vault => " in the vault".to_owned(),
            };
            format!(
                "From the snapshot {}{place}: {time}{verified}",
                snapshot.arn.display_name()
            )
        }
    }
}

fn describe_age(at: Timestamp, now: Timestamp) -> String {
    let minutes = now.duration_since(at).as_mins().max(0);
    match minutes {
        0..120 => format!("{minutes} min"),
        120..2880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}
