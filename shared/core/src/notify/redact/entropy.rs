//! Secrets that are known by their randomness alone.
//!
//! Length says little: paths, class names and digests are long too. A random token mixes upper case, lower case and digits
//! within a few characters, and has hardly any run that could be a word or a number.

use std::ops::Range;

use super::span::HiddenSpans;

/// The least characters of a random token that nothing announces.
const MIN_TOKEN: usize = 20;
/// The least characters of a random line that is nothing else: the last line of a key.
const MIN_LINE: usize = 12;
/// The length of a secret access key of AWS.
const SECRET_KEY: usize = 40;
/// The largest part of a random token, in percent, that consists of runs of one kind.
const MAX_RUNS: usize = 34;
/// The least characters of a run that counts: four letters may be a word, five digits a number.
const WORD: usize = 4;

/// Finds random tokens. A line that is nothing but one may be a part of a key.
pub(super) fn find_random_tokens(line: &str, hidden: &mut HiddenSpans) {
    for span in split_tokens(line) {
        let token = line.get(span.clone()).unwrap_or_default();
        let before = line.get(..span.start).unwrap_or_default();
        if hidden.overlaps(&span) || is_public(before, token) {
            continue;
        }
        let is_whole_line = span.len() == line.len() && (token.len() >= 40 || token.ends_with('='));
        let is_key = token.len() == SECRET_KEY && !token.contains(['-', '_']);
        let is_hidden = if is_whole_line || is_key {
            token.len() >= MIN_LINE && is_mixed(token) && !has_word(token)
        } else {
            token.len() >= MIN_TOKEN && is_random(token)
        };
        if is_hidden && !is_path(token) {
            hidden.add(span);
        }
    }
}

/// Reports whether an announced value is no word: it has digits among letters, or mixed case, or symbols.
pub(super) fn looks_random(value: &str) -> bool {
    let value = value.trim_matches(['.', ',', ';', ':', '{', '}']);
    if is_uuid(value) {
        return false;
    }
    let letters = value.chars().filter(char::is_ascii_alphabetic).count();
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let is_hex = value.len() >= 16 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_encoded = value.ends_with('=') && value.len() >= 8;
    let inner_upper = value
        .chars()
        .skip(1)
        .filter(char::is_ascii_uppercase)
        .count();
    let has_lower = value.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_mixed = letters >= 3 && digits >= 2 && value.len() >= 8;
    let is_cased =
        inner_upper >= 3 && has_lower && value.len() >= 12 && share_of_runs(value) <= MAX_RUNS;
    let is_path =
        value.starts_with(['/', '.', '<', '$', '%']) || value.contains("://") || is_path(value);
    !is_path
        && !is_date(value)
        && (is_hex || is_encoded || is_mixed && !is_version(value) || is_cased)
}

/// Returns the parts of a line that could be tokens.
fn split_tokens(line: &str) -> Vec<Range<usize>> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "+/_=-".contains(c);
    let mut spans = Vec::new();
    let mut start = None;
    for (at, character) in line.char_indices().chain([(line.len(), ' ')]) {
        match (start, is_token(character)) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                spans.push(from..at);
                start = None;
            }
            (None, false) | (Some(_), true) => {}
        }
    }
    // `name=value` is a token of its own after the sign.
    spans
        .into_iter()
        .map(|span| {
            let token = line.get(span.clone()).unwrap_or_default();
            let name = token
                .trim_end_matches('=')
                .rfind('=')
                .map_or(0, |at| at + 1);
            span.start + name..span.end
        })
        .collect()
}

/// Reports whether a token is a digest, a fingerprint, a public key or an identifier of a request.
fn is_public(before: &str, token: &str) -> bool {
    let lower = before.to_ascii_lowercase();
    let is_digest = ["sha1-", "sha256-", "sha384-", "sha512-"]
        .iter()
        .any(|start| token.starts_with(start));
    let is_announced = [
        "sha1:", "sha256:", "sha384:", "sha512:", "md5:", "h1:", "etag: \"", "etag=\"",
    ]
    .iter()
    .any(|end| lower.ends_with(end));
    let is_key =
        token.starts_with("AAAA") && lower.contains("ssh-") || lower.contains("ecdsa-sha2");
    let name = lower.trim_end_matches(['"', '\'', ' ', ':', '=']);
    let is_identifier = name.len() < lower.len()
        && ["id", "id2", "id-2", "traceparent"]
            .iter()
            .any(|end| name.ends_with(end));
    is_digest || is_announced || is_key || is_identifier
}

/// Reports whether a token is a path: its segments are words.
fn is_path(token: &str) -> bool {
    let segments: Vec<&str> = token
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let words = segments.iter().filter(|segment| has_word(segment)).count();
    segments.len() > 1 && (words * 2 >= segments.len() || token.starts_with('/') && words > 0)
}

/// Reports whether much of a text could be words in lower case.
fn has_word(text: &str) -> bool {
    let runs = text
        .as_bytes()
        .chunk_by(|a, b| a.is_ascii_lowercase() == b.is_ascii_lowercase());
    let words = runs.filter(|run| run.len() >= WORD && run.iter().all(u8::is_ascii_lowercase));
    words.map(<[u8]>::len).sum::<usize>() * 100 > text.len() * MAX_RUNS
}

/// Reports whether a token mixes upper case, lower case and digits, with hardly any words in it.
fn is_random(token: &str) -> bool {
    is_mixed(token) && share_of_runs(token) <= MAX_RUNS && !is_identifier(token)
}

/// Reports whether a token is made of short words and numbers: `PEM_read_bio_X509_AUX`.
fn is_identifier(token: &str) -> bool {
    let mut parts = token.split(['_', '-']);
    token.contains(['_', '-'])
        && parts.all(|part| {
            let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
            let tail = letters.get(1..).unwrap_or_default();
            let is_upper = letters.bytes().all(|byte| byte.is_ascii_uppercase());
            is_upper || tail.bytes().all(|byte| byte.is_ascii_lowercase())
        })
}

fn is_mixed(token: &str) -> bool {
    let upper = token.bytes().filter(u8::is_ascii_uppercase).count();
    let lower = token.bytes().filter(u8::is_ascii_lowercase).count();
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    upper >= 2 && lower >= 2 && (digits >= 2 || token.len() >= 32 && digits >= 1)
}

/// Returns how much of a text consists of runs of letters of one case, or of digits, that are long enough for a word or a
/// number, in percent.
fn share_of_runs(text: &str) -> usize {
    let kind = |byte: u8| match byte {
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        b'0'..=b'9' => 3,
        _ => 0,
    };
    let bytes = text.as_bytes();
    let runs = bytes.chunk_by(|a, b| kind(*a) == kind(*b));
    let long: usize = runs
        .filter(|run| {
            let first = run.first().copied().map_or(0, kind);
            first != 0 && run.len() >= if first == 3 { WORD + 1 } else { WORD }
        })
        .map(<[u8]>::len)
        .sum();
    100 * long / bytes.len().max(1)
}

fn is_uuid(value: &str) -> bool {
    let lengths: Vec<usize> = value.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12]
        && value
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn is_date(value: &str) -> bool {
    value
        .chars()
        .all(|c| c.is_ascii_digit() || "-:.TZ+".contains(c))
}

/// Reports whether a value is a version or a name with numbers: words and numbers between separators.
fn is_version(value: &str) -> bool {
    let mut parts = value.split(['.', '-', '_', '/', ':', '@', '+', ',']);
    parts.all(|part| {
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        let letters = part.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let is_numbered = letters.bytes().all(|byte| byte.is_ascii_digit()) && letters.len() <= 4;
        is_number || is_numbered
    })
}
