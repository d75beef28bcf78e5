//! The page, as a phone shows it.

use lamplighter::notify::html::escape;
use lamplighter_aws::signed_link::Followed;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}\
    button{font:inherit;padding:.6rem 1.2rem}";

/// A heading and a sentence.
pub fn says(heading: &str, text: &str) -> String {
    page(heading, &format!("<p>{}</p>", escape(text)))
}

/// The question, with its button. The form goes to where the page came from.
pub fn asks(link: &Followed) -> String {
    let form = format!(
        "<p>That it gets worse, changes or is over is told all the same.</p>\
         <form method=\"post\"><button>Stop the reminders</button></form><p><small>Incident {}. This link is good once, \
         until {}.</small></p>",
        escape(&link.incident),
        link.until.strftime("%Y-%m-%d %H:%M UTC"),
    );
    page(&format!("Stop the reminders of {}?", link.name), &form)
}

/// It is on its way.
pub fn done(link: &Followed) -> String {
    says(
        &format!("No more reminders of {}", link.name),
        "That it gets worse, changes or is over is told all the same. It takes a minute to have its effect.",
    )
}

/// Somebody was here before.
pub fn used(link: &Followed) -> String {
    says(
        &format!("The reminders of {} were stopped", link.name),
        "This link was used already. Nothing was changed now.",
    )
}

/// AWS did not take it.
pub fn later() -> String {
    says(
        "Not now",
        "It could not be written down. Reload this page in a minute, or use the tag that the message names.",
    )
}

fn page(heading: &str, body: &str) -> String {
    let heading = escape(heading);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{heading}</title><style>{STYLE}</style><h1>{heading}</h1>{body}</html>"
    )
}
