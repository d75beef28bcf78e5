//! Subject and body of a message, as a phone shows them.

use jiff::{SignedDuration, Timestamp};
use lamplighter::notify::Severity;
use lamplighter::notify::incident::{Incident, Line};
use lamplighter::policy;
use lamplighter_aws::signed_link::Links;

use crate::due::Kind;

/// SNS refuses subjects of 100 characters and more.
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const SUBJECT_LENGTH: usize = 99;
/// Earlier lines that are listed.
const EARLIER: usize = 10;
/// New lines that are written out.
const WRITTEN_OUT: usize = 4;
/// Incidents that one message lists by name.
pub const LISTED: usize = 40;

/// What a message is made of.
#[derive(Debug, Clone, Copy)]
pub struct Telling<'a> {
    pub incident: &'a Incident,
    pub kind: Kind,
    /// How many lines people know already.
    pub known: u32,
    pub stack: &'a str,
    pub now: Timestamp,
    /// What makes links that stop reminders, where there are any.
    pub links: Option<&'a Links>,
}

/// Many incidents in one message.
#[derive(Debug, Clone)]
pub struct Listing<'a> {
    pub incidents: Vec<(&'a Incident, Kind)>,
    pub stack: &'a str,
    pub now: Timestamp,
}

impl<'a> Telling<'a> {
    /// What this message is about, in one line without the target's name.
    #[must_use]
    pub fn title(&self) -> String {
        let title = self
            .subject_line()
            .map(|line| line.title.as_str())
            .unwrap_or_default();
        match self.kind {
            Kind::Lasts => format!("still: {title}"),
            Kind::Flaps => format!("comes and goes: {title}"),
            Kind::Begins | Kind::News | Kind::Goes | Kind::Over => title.to_owned(),
        }
    }

    /// `[CRITICAL]`, `[over]`; nothing for what is good to know.
    #[must_use]
    pub fn mark(&self) -> Option<&'static str> {
        let severity = match self.kind {
            Kind::Over => return (self.incident.severity > Severity::Info).then_some("over"),
            Kind::News => self
                .subject_line()
                .map_or(Severity::Info, |line| line.severity),
            Kind::Begins | Kind::Goes | Kind::Lasts | Kind::Flaps => self
                .incident
                .headline()
                .map_or(self.incident.severity, |line| line.severity),
        };
        (severity > Severity::Info).then(|| severity.as_str())
    }

    /// The new lines that are written out, the worst first.
    #[must_use]
    pub fn news(&self) -> Vec<&'a Line> {
        let mut fresh: Vec<&Line> = match self.kind {
            Kind::Lasts | Kind::Flaps => self.incident.headline().into_iter().collect(),
            Kind::Begins | Kind::News | Kind::Goes | Kind::Over => self.fresh().iter().collect(),
        };
        // Of what is over, the end comes first; of several that are equally bad, the newest.
        fresh.reverse();
        if self.kind != Kind::Over {
            fresh.sort_by_key(|line| std::cmp::Reverse(line.severity));
        }
        fresh.truncate(WRITTEN_OUT);
        fresh
    }

    fn subject_line(&self) -> Option<&'a Line> {
        self.news()
            .first()
            .copied()
            .or_else(|| self.incident.lines.last())
    }

    fn fresh(&self) -> &'a [Line] {
        let lines = &self.incident.lines;
        let fresh =
            usize::try_from(self.incident.said.saturating_sub(self.known)).unwrap_or_default();
        lines
            .get(lines.len().saturating_sub(fresh.max(1))..)
            .unwrap_or_default()
    }

    /// What was said and is not written out, the oldest first.
    #[must_use]
    pub fn earlier(&self) -> Vec<&'a Line> {
        let news = self.news();
        let rest: Vec<&Line> = self
            .incident
            .lines
            .iter()
            .filter(|line| !news.contains(line))
            .collect();
        rest.iter()
            .skip(rest.len().saturating_sub(EARLIER))
            .copied()
            .collect()
    }

    /// How long it lasts or lasted, where that is worth a line.
    #[must_use]
    pub fn span(&self) -> Option<String> {
        let (since, count) = (clock(self.incident.since), self.incident.returns.len());
        match self.kind {
            Kind::Over if self.incident.severity > Severity::Info => {
                let over = self.incident.over.unwrap_or(self.now);
                Some(format!(
                    "It lasted {}, since {since}.",
                    long(over.duration_since(self.incident.since))
                ))
            }
            Kind::Lasts => Some(format!(
                "It has lasted {}, since {since}.",
                long(self.now.duration_since(self.incident.since))
            )),
            Kind::Flaps => Some(format!(
                "It was over and came back {count} times within an hour. No more is told until it has been calm for 30 min."
            )),
            Kind::Begins | Kind::News | Kind::Goes | Kind::Over => None,
        }
    }

    /// Whether somebody can still stop reminders.
    fn reminds(&self) -> bool {
        let incident = self.incident;
        let is_bad =
            incident.lasted && incident.over.is_none() && incident.severity > Severity::Info;
        is_bad && !incident.acknowledged
    }

    /// How to stop reminders by a tag, where there will be some.
    #[must_use]
    pub fn reminders(&self) -> Option<String> {
        let incident = self.incident;
        let has_tags =
            incident.target.ecs_service().is_some() || incident.target.database().is_some();
        (self.reminds() && has_tags).then(|| {
            format!(
                "You are reminded every 4 h. Not any more with the tag {} = {}",
                policy::ACK,
                incident.token()
            )
        })
    }

    /// The link that stops reminders, where there will be some, and until when it is good.
    #[must_use]
    pub fn link(&self) -> Option<(String, String)> {
        let links = self.links.filter(|_| self.reminds())?;
        let (link, until) = links.link(&self.incident.token(), &self.incident.name, self.now);
        Some((link, clock(until)))
    }

    /// Severity, who says it, of what application, when, and by which stack.
    #[must_use]
    pub fn footer(&self) -> String {
        let line = self.subject_line();
        let app = self
            .incident
            .app
            .as_ref()
            .map(|app| format!(" of {app}"))
            .unwrap_or_default();
        let (severity, operation, at) = line.map_or((Severity::Info, "alert", self.now), |line| {
            (line.severity, line.operation.as_str(), line.at)
        });
        let at = at.strftime("%Y-%m-%d %H:%M:%S UTC");
        format!(
            "{} · {operation}{app} · {at} · stack {}",
            severity.as_str(),
            self.stack
        )
    }

    /// One line of ASCII, under 100 characters, that begins with how bad it is where it is bad.
    #[must_use]
    pub fn subject(&self) -> String {
        let mark = self
            .mark()
            .map(|mark| format!("[{mark}] "))
            .unwrap_or_default();
        short(&format!("{mark}{}: {}", self.incident.name, self.title()))
    }

    /// What happened, why, what happens next, what was before, and where to look.
    #[must_use]
    pub fn body(&self) -> String {
        let mut parts = Vec::new();
        for (n, line) in self.news().into_iter().enumerate() {
            let title = if n == 0 {
                self.title()
            } else {
                line.title.clone()
            };
            parts.push(format!(
                "{}: {title}\n\n{}",
                self.incident.name,
                explained(line)
            ));
        }
        parts.extend(self.span());
        let earlier: Vec<String> = self
            .earlier()
            .into_iter()
            .map(|line| format!("{}  {}", clock(line.at), line.title))
            .collect();
        if !earlier.is_empty() {
            parts.push(format!("What was told before:\n{}", earlier.join("\n")));
        }
        parts.extend(self.reminders());
        parts
            .extend(self.link().map(|(link, until)| {
                format!("No more reminders of this (until {until}):\n{link}")
            }));
        parts.push(self.incident.link.clone());
        format!("{}\n\n{}\n", parts.join("\n\n"), self.footer())
    }
}

impl Listing<'_> {
    /// One line of ASCII.
    #[must_use]
    pub fn subject(&self) -> String {
        let worst = self
            .incidents
            .iter()
            .map(|(incident, _)| incident.severity)
            .max()
            .unwrap_or(Severity::Info);
        let count = self.incidents.len();
        short(&format!(
            "[{}] {}: {count} incidents at once",
            worst.as_str(),
            self.stack
        ))
    }

    /// All of them, a line each, the worst first.
    #[must_use]
    pub fn body(&self) -> String {
        let rest = self.incidents.len().saturating_sub(LISTED);
        let rest = if rest > 0 {
            format!("\nand {rest} more, which the journal has")
        } else {
            String::new()
        };
        format!(
            "{} incidents have something new, more than are told one by one. The worst first:\n\n{}{rest}\n\nWhat comes of \
             each is told by itself when there are fewer. All of it is in the journal.\n\nstack {} · {}\n",
            self.incidents.len(),
            self.lines().join("\n"),
            self.stack,
            self.now.strftime("%Y-%m-%d %H:%M:%S UTC"),
        )
    }

    /// The first of them, a line each.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let lines = self.incidents.iter().take(LISTED).map(|(incident, kind)| {
            let line = if *kind == Kind::Over {
                incident.lines.last()
            } else {
                incident.headline()
            };
            let mark = if *kind == Kind::Over {
                "over"
            } else {
                incident.severity.as_str()
            };
            let title = line.map(|line| line.title.as_str()).unwrap_or_default();
            format!(
                "[{mark}] {}: {title} (since {})",
                incident.name,
                clock(incident.since)
            )
        });
        lines.collect()
    }
}

/// Why and what next; a text that is a page of its own stands as it is.
fn explained(line: &Line) -> String {
    if line.next.is_empty() {
        line.why.clone()
    } else {
        format!("Why: {}\nNext: {}", line.why, line.next)
    }
}

fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `40 s`, `14 min`, `5 h 20 min`, `3 days`.
#[must_use]
pub fn long(span: SignedDuration) -> String {
    let minutes = span.as_mins();
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{} s", span.as_secs()),
        (0, minutes) => format!("{minutes} min"),
        (hours, _) if hours >= 48 => format!("{} days", hours / 24),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn short(text: &str) -> String {
    let text = ascii(text);
    if text.len() <= SUBJECT_LENGTH {
        return text;
    }
    let kept: String = text.chars().take(SUBJECT_LENGTH - 3).collect();
    format!("{}...", kept.trim_end())
}

/// Dashes, quotes and arithmetic as ASCII has them, `?` for what it lacks, a blank for a line break.
fn ascii(text: &str) -> String {
    let mut ascii = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '—' | '–' => ascii.push('-'),
            '→' => ascii.push_str("->"),
            '÷' => ascii.push('/'),
            '×' => ascii.push('x'),
            '’' | '‘' => ascii.push('\''),
            '“' | '”' => ascii.push('"'),
            c if c.is_ascii_graphic() => ascii.push(c),
            c if c.is_whitespace() || c.is_control() => ascii.push(' '),
            _ => ascii.push('?'),
        }
    }
    ascii
}
