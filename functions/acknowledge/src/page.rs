//! Renders the pages for small screens.

use lamplighter::notify::html::escape_html;
use lamplighter_aws::signed_link::VerifiedLink;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}\
    button{font:inherit;padding:.6rem 1.2rem}";

/// Renders a page with a heading and a sentence.
pub fn render_message(heading: &str, text: &str) -> String {
    render_page(heading, &format!("<p>{}</p>", escape_html(text)))
}

/// Renders the confirmation with its button. The form posts to the page's own address.
pub fn render_confirmation(link: &VerifiedLink) -> String {
    let form = format!(
        "<p>That it gets worse, changes or is over is told all the same.</p>\
         <form method=\"post\"><button>Stop the reminders</button></form><p><small>Incident {}. This link is good once, \
         until {}.</small></p>",
        escape_html(&link.incident),
        link.until.strftime("%Y-%m-%d %H:%M UTC"),
    );
    render_page(&format!("Stop the reminders of {}?", link.name), &form)
}

/// Renders the page after a successful acknowledgement.
pub fn render_success(link: &VerifiedLink) -> String {
    render_message(
        &format!("No more reminders of {}", link.name),
        "That it gets worse, changes or is over is told all the same. It takes a minute to have its effect.",
    )
}

/// Renders the page for a link that was used before.
pub fn render_already_used(link: &VerifiedLink) -> String {
    render_message(
        &format!("The reminders of {} were stopped", link.name),
        "This link was used already. Nothing was changed now.",
    )
}

/// Renders the page for a failed request to AWS.
pub fn render_unavailable() -> String {
    render_message(
        "Not now",
        "It could not be written down. Reload this page in a minute, or use the tag that the message names.",
    )
}

fn render_page(heading: &str, body: &str) -> String {
    let heading = escape_html(heading);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{heading}</title><style>{STYLE}</style><h1>{heading}</h1>{body}</html>"
    )
}
