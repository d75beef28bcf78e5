//! Accepts notifications from the queue: bounds their texts and times, and limits what a sender may ask for.

use jiff::{SignedDuration, Timestamp};
use lamplighter::notify::{ACKNOWLEDGED_PREFIX, Notification};

/// The time by which the clock of a sender may be ahead.
const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);
/// Parts of the names of the functions behind links and buttons. They face the internet.
const PUBLIC_FUNCTIONS: [&str; 2] = ["-Acknowledge-", "-Interact-"];

/// Accepts a notification as it may be stored. `sender`: who put it into the queue, as SQS reports it; empty if unknown.
///
/// Returns `None` if the sender may not send it.
pub fn accept_notification(
    mut notification: Notification,
    sender: &str,
    now: Timestamp,
) -> Option<Notification> {
    let key = notification.message.key.as_deref().unwrap_or_default();
    let is_public = PUBLIC_FUNCTIONS.iter().any(|part| sender.contains(part));
    if is_public && !key.starts_with(ACKNOWLEDGED_PREFIX) {
        // Not into the dead-letter queue, from which it could be sent again by somebody who may.
        tracing::error!(
            sender,
            title = notification.message.title,
            "dropped: the sender may only acknowledge"
        );
        return None;
    }
    // The newest notification decides whether a target is silenced, so a time ahead would decide for ever.
    if notification.at > now + MAX_CLOCK_SKEW {
        tracing::warn!(at = %notification.at, target = %notification.target, "a notification from the future counts as of now");
        notification.at = now;
    }
    notification.bound_texts();
    Some(notification)
}

#[cfg(test)]
mod tests {
    use lamplighter::Function;
    use lamplighter::model::Arn;
    use lamplighter::notify::Message;
    use rstest::rstest;

    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_795_230_000, 0);
    const LINKS: &str = "AROAEXAMPLE:lamplighter-Acknowledge-1A2B3C";

    fn notification(message: Message) -> Notification {
        Notification {
            message,
            at: NOW,
            source: Function::Heal.into(),
            target: Arn::new("arn:aws:ecs:eu-west-1:123456789012:service/shop/web"),
            name: "shop/web".to_owned(),
            app: None,
            stack: "lamplighter".to_owned(),
            link: String::new(),
            runbook: None,
            silenced_until: None,
        }
    }

    #[test]
    fn a_time_ahead_counts_as_now() {
        let mut ahead = notification(Message::warning("down"));
        ahead.at = Timestamp::MAX;
        assert_eq!(accept_notification(ahead, "", NOW).unwrap().at, NOW);
        let mut skewed = notification(Message::warning("down"));
        skewed.at = NOW + SignedDuration::from_mins(3);
        let at = skewed.at;
        assert_eq!(accept_notification(skewed, "", NOW).unwrap().at, at);
    }

    /// 450 KB in a field, or in a letter of four bytes.
    #[rstest]
    #[case::letters("x")]
    #[case::wide("🔥")]
    fn texts_are_bounded(#[case] letter: &str) {
        let long = letter.repeat(450_000 / letter.len());
        let mut message = Message::warning(long.clone())
            .why(long.clone())
            .next(long.clone());
        message.action.clone_from(&long);
        let accepted = accept_notification(notification(message), "", NOW).unwrap();
        let stored = serde_json::to_string(&accepted).unwrap();
        // An incident keeps 20 lines in one item of 400 KB.
        assert!(stored.len() < 18_000, "{}", stored.len());
        assert!(accepted.message.why.ends_with("(cut)"));
    }

    #[rstest]
    #[case::acknowledgement(
        Message::acknowledgement("9f799f05ef5e-1795229940", "a link"),
        LINKS,
        true
    )]
    #[case::button(
        Message::critical("all is lost"),
        "AROAEXAMPLE:lamplighter-Interact-1A2B3C",
        false
    )]
    #[case::silence(Message::silence(NOW), LINKS, false)]
    #[case::anything_else(Message::critical("all is lost"), LINKS, false)]
    #[case::other_function(
        Message::critical("all is lost"),
        "AROAEXAMPLE:lamplighter-Heal-1A2B3C",
        true
    )]
    #[case::unknown_sender(Message::critical("all is lost"), "", true)]
    fn the_functions_behind_links_and_buttons_may_only_acknowledge(
        #[case] message: Message,
        #[case] sender: &str,
        #[case] is_accepted: bool,
    ) {
        let accepted = accept_notification(notification(message), sender, NOW);
        assert_eq!(accepted.is_some(), is_accepted, "{accepted:?}");
    }
}
