//! The notification messages about the channels themselves.

use jiff::Timestamp;
use lamplighter::model::pluralize;
use lamplighter::notify::Message;

/// Returns the message about a channel that has failed since a time; `pending` is the number of
/// notifications that wait for it.
pub fn channel_broken_message(
    channel: &str,
    pending: usize,
    since: Timestamp,
    error: &str,
) -> Message {
    Message::warning(format!(
        "{} not delivered on channel {channel} since {}",
        pluralize(pending, "notification"),
        since.strftime("%H:%M UTC")
    ))
    .action("Lamplighter keeps them and retries every minute.")
    .why(format!("The last delivery failed: {error}"))
    .next("Correct the entry of this channel in the secret ChannelsSecret, or remove it.")
}

pub fn channel_recovered_message(channel: &str) -> Message {
    Message::info(format!("channel {channel} works again"))
        .why("The last delivery succeeded, or no notification is pending.")
        .next("Nothing to do.")
}

pub fn secret_invalid_message(problem: &str) -> Message {
    Message::warning("notifications go to e-mail only - ChannelsSecret can't be used")
        .action("Lamplighter reads the secret again every minute.")
        .why(format!("The secret is invalid or not readable: {problem}."))
        .next("Correct the secret ChannelsSecret.")
}

pub fn secret_valid_message() -> Message {
    Message::info("all channels of ChannelsSecret are in use again")
        .why("Lamplighter read the secret, and it is valid.")
        .next("Nothing to do.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_about_the_channels() {
        let since = Timestamp::constant(1_795_230_000, 0); // 2026-11-21T03:00:00Z
        let messages = [
            channel_broken_message(
                "ops",
                3,
                since,
                "chat.postMessage ops: invalid_auth: rejected by Slack",
            ),
            channel_recovered_message("ops"),
            secret_invalid_message("channel ops: channel is missing"),
            secret_valid_message(),
        ];
        insta::assert_snapshot!(messages.map(|message| message.to_string()).join("\n\n"));
    }
}
