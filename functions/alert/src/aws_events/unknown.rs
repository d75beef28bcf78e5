//! Passes on AWS events of an unknown type.

use lamplighter::notify::Message;

use super::envelope::{AwsEvent, shorten_text};
use super::translation::TranslatedEvent;

/// Translates an event of an unknown type by passing on its details.
pub fn translate_unknown_event(event: &AwsEvent) -> TranslatedEvent {
    let target = event.first_resource();
    let name = if target.display_name().is_empty() {
        event.source.clone()
    } else {
        target.display_name()
    };
    let message = Message::info(format!("{} from {}", event.detail_type, event.source))
        .action("Lamplighter does not know this type of event and forwards it unchanged.")
        .why(format!(
            "Event detail: {}",
            shorten_text(&event.detail.to_string())
        ))
        .next("Check whether the event needs action.");
    TranslatedEvent {
        message,
        target,
        name,
        app: None,
        link: None,
    }
}
