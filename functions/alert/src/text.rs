//! Subject and body of a message, as a phone shows them.

use lamplighter::notice::{Notice, Severity};

/// SNS refuses subjects of 100 characters and more.
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>
const SUBJECT_LENGTH: usize = 99;

/// One line of ASCII, under 100 characters, that begins with how bad it is where it is bad.
#[must_use]
pub fn subject(notice: &Notice) -> String {
    let prefix = match notice.message.severity {
        Severity::Info => String::new(),
        Severity::Warning | Severity::Critical => format!("[{}] ", notice.message.severity.as_str()),
    };
    let text = ascii(&format!("{prefix}{}: {}", notice.name, notice.message.title));
    if text.len() <= SUBJECT_LENGTH {
        return text;
    }
    let kept: String = text.chars().take(SUBJECT_LENGTH - 3).collect();
    format!("{}...", kept.trim_end())
}

/// What happened, why, what happens next, and where to look.
#[must_use]
pub fn body(notice: &Notice) -> String {
    let message = &notice.message;
    let app = notice.app.as_ref().map(|app| format!(" of {app}")).unwrap_or_default();
    format!(
        "{}: {}\n\nWhy: {}\nNext: {}\n\n{}\n\n{} · {}{app} · {} · stack {}\n",
        notice.name,
        message.title,
        message.why,
        message.next,
        notice.link,
        message.severity.as_str(),
        notice.operation,
        notice.at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        notice.stack,
    )
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

#[cfg(test)]
mod tests {
    use lamplighter::model::Arn;
    use lamplighter::notice::{Message, console_link};

    use super::*;

    fn notice(message: Message) -> Notice {
        let target = Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web");
        Notice {
            message,
            at: "2026-11-21T03:00:12Z".parse().unwrap(),
            operation: "deploy".into(),
            name: target.name(),
            app: Some("shop".into()),
            stack: "lamplighter".into(),
            link: console_link(&target),
            target,
        }
    }

    #[test]
    fn a_rollout_reads_well() {
        let notice = notice(
            Message::info("rolling out RC_1.4.2 (sha256:ab12cd34) — was RC_1.4.1; pushed 12 s ago")
                .why("The service follows RC_x.x.x in shop/web, and RC_1.4.2 is what that names now.")
                .next("ECS replaces the tasks; if they do not start, its circuit breaker goes back to shop-web:41."),
        );
        insta::assert_snapshot!(subject(&notice), @"shop/web: rolling out RC_1.4.2 (sha256:ab12cd34) - was RC_1.4.1; pushed 12 s ago");
        insta::assert_snapshot!(body(&notice), @r"
        shop/web: rolling out RC_1.4.2 (sha256:ab12cd34) — was RC_1.4.1; pushed 12 s ago

        Why: The service follows RC_x.x.x in shop/web, and RC_1.4.2 is what that names now.
        Next: ECS replaces the tasks; if they do not start, its circuit breaker goes back to shop-web:41.

        https://eu-west-1.console.aws.amazon.com/ecs/v2/clusters/shop/services/web/health?region=eu-west-1

        info · deploy of shop · 2026-11-21 03:00:12 UTC · stack lamplighter
        ");
    }

    #[test]
    fn a_subject_is_one_short_line_of_ascii() {
        let subject = subject(&notice(Message::critical("é\n".repeat(200))));
        assert!(subject.starts_with("[CRITICAL] shop/web: "), "{subject}");
        assert!(subject.len() < 100 && subject.is_ascii() && !subject.contains('\n') && subject.ends_with("..."));
    }
}
