//! Texts for Slack.

/// Escapes a text for Slack, so that nothing in it becomes a link, a mention or a command.
///
/// Source: <https://docs.slack.dev/messaging/formatting-message-text/>
#[must_use]
pub fn escape_mrkdwn(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
