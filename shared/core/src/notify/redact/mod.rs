//! Redaction of application log lines for messages: short, printable and without likely secrets.
//!
//! A secret is found by the shape that its provider gives it, by the name or the words beside it, or by its randomness. Each
//! detector reads the whole line once. Length alone hides nothing: paths, class names, digests and ARNs stay.

mod clean;
mod entropy;
mod fields;
mod names;
mod phrases;
mod providers;
mod span;
#[cfg(test)]
mod tests;

use clean::clean_line;
use entropy::find_random_tokens;
use fields::find_fields;
use phrases::find_phrases;
use providers::find_shapes;
use span::HiddenSpans;

/// The maximum length of a redacted line, in characters.
const MAX_CHARS: usize = 200;
/// What stands in place of a line of a private key.
const HIDDEN_LINE: &str = "[hidden]";

/// Redacts lines that follow each other. A private key over several lines is hidden as a whole.
#[must_use]
pub fn redact_lines(lines: &[String]) -> Vec<String> {
    let mut is_in_key = false;
    let mut redacted = Vec::new();
    for line in lines {
        if line.contains("-----END") {
            is_in_key = false;
        }
        let shown = redact_line(line);
        let is_key_line = is_in_key && is_base64(line);
        redacted.push(if is_key_line {
            HIDDEN_LINE.to_owned()
        } else {
            shown.clone()
        });
        let begins = line.contains("-----BEGIN") && !line.contains("-----END");
        // The beginning of the key may be further back than the lines that were read.
        is_in_key = begins || is_key_line || is_base64(line) && shown == HIDDEN_LINE;
    }
    redacted
}

/// Reports whether a line is nothing but a part of a key.
fn is_base64(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty()
        && line
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "+/=".contains(c))
}

/// Redacts one line.
#[must_use]
pub fn redact_line(raw: &str) -> String {
    let line = redact_whole(raw);
    if line.chars().count() <= MAX_CHARS {
        return line;
    }
    line.chars().take(MAX_CHARS).chain(['…']).collect()
}

/// Redacts one line, and doesn't cut it to the length of messages.
#[must_use]
pub fn redact_whole(raw: &str) -> String {
    let line = clean_line(raw);
    let mut hidden = HiddenSpans::default();
    hide_key_block(&line, &mut hidden);
    find_shapes(&line, &mut hidden);
    find_fields(&line, &mut hidden);
    find_phrases(&line, &mut hidden);
    find_random_tokens(&line, &mut hidden);
    hidden.hide(&line)
}

/// Hides a private key that is on one line, with its line breaks escaped or as spaces.
fn hide_key_block(line: &str, hidden: &mut HiddenSpans) {
    let Some(begin) = line.find("-----BEGIN") else {
        return;
    };
    let header = line.get(begin..).unwrap_or_default();
    if !header.contains("PRIVATE KEY") {
        return;
    }
    let start = header
        .find("KEY-----")
        .map_or(begin, |at| begin + at + "KEY-----".len());
    let rest = line.get(start..).unwrap_or_default();
    let end = rest.find("-----END").unwrap_or(rest.len());
    hidden.add(start..start + end);
}
