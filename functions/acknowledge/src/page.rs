//! Renders the pages for small screens.

use lamplighter::notify::html::escape_html;
use lamplighter_aws::signed_link::VerifiedLink;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;color-scheme:light dark}\
    button{font:inherit;padding:.6rem 1.2rem}";

/// The notifications that an acknowledgement leaves.
const STILL_NOTIFIED: &str =
    "You are still notified when the incident gets worse, changes or is resolved.";

/// Renders the confirmation with its button. The form posts to the page's own address.
pub fn render_confirmation(link: &VerifiedLink) -> String {
    let form = format!(
        "<p>{STILL_NOTIFIED}</p>\
         <form method=\"post\"><button>Stop the reminders</button></form><p><small>Incident {}. This link works once, \
         until {}.</small></p>",
        escape_html(&link.incident),
        link.until.strftime("%Y-%m-%d %H:%M UTC"),
    );
    render_page(&format!("Stop the reminders for {}?", link.name), &form)
}

/// Renders the page after a successful acknowledgement.
pub fn render_success(link: &VerifiedLink) -> String {
    render_message(
        &format!("Reminders for {} are stopped", link.name),
        &format!("{STILL_NOTIFIED} This takes effect within a minute."),
    )
}

/// Renders the page for a link that was used before.
pub fn render_already_used(link: &VerifiedLink) -> String {
    render_message(
        &format!("Reminders for {} are stopped", link.name),
        "This link was already used. Nothing was changed now.",
    )
}

/// Renders the page for a request that changes nothing.
pub fn render_rejected(reason: &str) -> String {
    render_message("Nothing was changed", reason)
}

/// Renders the page for a failed request to AWS.
pub fn render_unavailable() -> String {
    render_message(
        "The reminders are not stopped",
        "The acknowledgement could not be saved. Reload this page in a minute, or set the tag that the message names.",
    )
}

/// Renders a page with a heading and a sentence.
fn render_message(heading: &str, text: &str) -> String {
    render_page(heading, &format!("<p>{}</p>", escape_html(text)))
}

fn render_page(heading: &str, body: &str) -> String {
    let heading = escape_html(heading);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{heading}</title><style>{STYLE}</style><h1>{heading}</h1>{body}</html>"
    )
}
