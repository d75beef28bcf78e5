//! Secrets that are the value of a name: `DB_PASS=…`, `"token": "…"`, `--password …`, `<password>…</password>`.

use std::ops::Range;
use std::sync::LazyLock;

use regex_lite::Regex;

use super::entropy::looks_random;
use super::names::{Secrecy, is_plain_value, is_secret_header, rate_name};
use super::span::HiddenSpans;

/// A name, with what may close its quotes or brackets, and the separator.
const FIELD: &str = r#"([A-Za-z][\w.-]*)([\\"'\])]*\s*(?:=>|:=|==|[:=])\s*)"#;
/// A name as an option of a command, and the space before its value.
const OPTION: &str = r"(?:^|\s)(--?[A-Za-z][\w-]*)(\s+)";
/// An XML element.
const ELEMENT: &str = r"<([A-Za-z][\w.:-]*)(?:\s[^<>]*)?>([^<]+)</";
/// A name and its value as two fields: `{"name": "DB_PASSWORD", "value": "…"}`, `<add key="DbPassword" value="…"/>`.
const NAME_AND_VALUE: &str = r#"(?i)\b(?:key|name)[\\"']*\s*[:=]\s*[\\"']+([\w.:-]+)[\\"']+[\s,]*["'\\]*value[\\"']*\s*[:=]\s*[\\"']+([^"'\\]*)"#;
/// An XML element that is named by an attribute: `<property name="db.password">…</property>`.
const NAMED_ELEMENT: &str = r#"<\w+\s[^<>]*?(?:name|key)="([\w.:-]+)"[^<>]*>([^<]+)</"#;
/// What replaces a value, after it: `"old" -> "new"`.
const REPLACEMENT: &str = r#"^["']\s*(?:->|=>|to)\s*["']([^"']*)"#;
/// Words before the value of a header that say how it is made.
const SCHEME: &str = r"^(?i)(?:bearer|basic|token|apikey|negotiate)\s+";

static FIELDS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(FIELD).ok());
static OPTIONS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(OPTION).ok());
static ELEMENTS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(ELEMENT).ok());
static NAMES_AND_VALUES: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(NAME_AND_VALUE).ok());
static NAMED_ELEMENTS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(NAMED_ELEMENT).ok());
static REPLACEMENTS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(REPLACEMENT).ok());
static SCHEMES: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(SCHEME).ok());

pub(super) fn find_fields(line: &str, hidden: &mut HiddenSpans) {
    find_assignments(line, hidden);
    find_options(line, hidden);
    let named = captures(&NAMES_AND_VALUES, line).chain(captures(&NAMED_ELEMENTS, line));
    for element in captures(&ELEMENTS, line).chain(named) {
        if let Some((name, value)) = element.get(1).zip(element.get(2)) {
            hide_value(line, name.as_str(), value.range(), hidden);
        }
    }
}

fn captures<'l>(
    pattern: &'static LazyLock<Option<Regex>>,
    line: &'l str,
) -> impl Iterator<Item = regex_lite::Captures<'l>> {
    let pattern = pattern.as_ref();
    pattern
        .into_iter()
        .flat_map(move |pattern| pattern.captures_iter(line))
}

fn find_assignments(line: &str, hidden: &mut HiddenSpans) {
    for field in captures(&FIELDS, line) {
        let (Some(name), Some(separator)) = (field.get(1), field.get(2)) else {
            continue;
        };
        // Within an ARN, `secret` names a kind of resource.
        let before = line.get(..name.start()).unwrap_or_default();
        let word = before
            .rfind(|c: char| c.is_whitespace() || "\"'(<=".contains(c))
            .map_or(before, |at| before.get(at + 1..).unwrap_or_default());
        // The last part of a path that an error is about.
        let is_path = before.ends_with('/') && separator.as_str().ends_with(' ');
        let value = line.get(separator.end()..).unwrap_or_default();
        if word.starts_with("arn:") || is_path || value.starts_with("//") {
            continue;
        }
        let is_header = is_secret_header(name.as_str());
        let value = find_value(line, separator.end(), is_header);
        hide_value(line, name.as_str(), value, hidden);
    }
}

fn find_options(line: &str, hidden: &mut HiddenSpans) {
    for option in captures(&OPTIONS, line) {
        let (Some(name), Some(space)) = (option.get(1), option.get(2)) else {
            continue;
        };
        let value = find_value(line, space.end(), false);
        let is_option = line
            .get(value.clone())
            .is_some_and(|value| value.starts_with('-'));
        let is_long = name.as_str().starts_with("--") || name.as_str().len() > 4;
        if is_long && !is_option && rate_name(name.as_str()) == Secrecy::Strong {
            hide_value(line, name.as_str(), value, hidden);
        }
    }
}

/// Hides a value, unless its name is no secret, or it says something about one.
fn hide_value(line: &str, name: &str, value: Range<usize>, hidden: &mut HiddenSpans) {
    let text = line.get(value.clone()).unwrap_or_default();
    let is_secret = match rate_name(name) {
        Secrecy::None => false,
        Secrecy::Weak => is_long_token(text) && looks_random(text),
        Secrecy::Strong => !is_plain_value(text) && !is_trivial_number(name, text),
    };
    if !is_secret {
        return;
    }
    let rest = line.get(value.end..).unwrap_or_default();
    for replacement in captures(&REPLACEMENTS, rest) {
        if let Some(new) = replacement.get(1) {
            hidden.add(value.end + new.start()..value.end + new.end());
        }
    }
    hidden.add(value);
}

/// Reports whether a value is long enough, and of the characters, for a token.
fn is_long_token(value: &str) -> bool {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "+/_=.~%-".contains(c);
    value.len() >= 16 && value.chars().all(is_token)
}

/// Reports whether a value is a small number, such as a position or a count. One-time passwords are numbers.
fn is_trivial_number(name: &str, value: &str) -> bool {
    let is_code = ["otp", "pin", "code"]
        .iter()
        .any(|part| name.to_ascii_lowercase().contains(part));
    !is_code && value.len() < 6 && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the value that begins at a position: within quotes and brackets, or up to where an unquoted value ends.
fn find_value(line: &str, start: usize, is_header: bool) -> Range<usize> {
    let rest = line.get(start..).unwrap_or_default();
    let opening = find_opening(rest);
    let rest = rest.get(opening..).unwrap_or_default();
    // Python writes bytes as b'…'.
    let prefix = usize::from(rest.starts_with("b'") || rest.starts_with("b\""));
    let quoted = rest.get(prefix..).unwrap_or_default();
    let escapes = quoted.len() - quoted.trim_start_matches('\\').len();
    let begin = start + opening;
    let quote = quoted.get(escapes..).and_then(|text| text.chars().next());
    if let Some(quote) = quote.filter(|quote| ['"', '\'', '`'].contains(quote)) {
        let inner = prefix + escapes + 1;
        let text = rest.get(inner..).unwrap_or_default();
        let length = find_closing_quote(text, quote, escapes);
        return begin + inner..begin + inner + length;
    }
    let length = if is_header {
        find_header_end(rest, opening > 0)
    } else {
        find_unquoted_end(rest)
    };
    let scheme = SCHEMES
        .as_ref()
        .and_then(|scheme| scheme.find(rest))
        .map_or(0, |found| found.end());
    if scheme > 0 && !is_header {
        let value = rest.get(scheme..).unwrap_or_default();
        return begin + scheme..begin + scheme + find_unquoted_end(value);
    }
    begin..begin + length
}

/// Returns the length of brackets before a value, with the name of a type before one: `Some("…")`.
fn find_opening(text: &str) -> usize {
    let name = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or_default();
    let rest = text.get(name..).unwrap_or_default();
    if name > 0 && (rest.starts_with("(\"") || rest.starts_with("('")) {
        return name + 1;
    }
    // PHP writes the type and the length: string(9) "…".
    if let Some((length, quoted)) = rest
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(") "))
        && length.bytes().all(|byte| byte.is_ascii_digit())
        && quoted.starts_with('"')
    {
        return text.len() - quoted.len();
    }
    text.len() - text.trim_start_matches(['[', '(', '{']).len()
}

/// Returns the length of a text up to the quote that closes it: one with as many backslashes before it as the opening one.
fn find_closing_quote(text: &str, quote: char, escapes: usize) -> usize {
    let mut backslashes = 0;
    for (at, character) in text.char_indices() {
        let after = text.get(at + character.len_utf8()..).unwrap_or_default();
        let is_apostrophe = after.starts_with(|c: char| c.is_ascii_alphanumeric());
        if character == quote && backslashes <= escapes && !is_apostrophe {
            return at - backslashes.min(at);
        }
        backslashes = if character == '\\' {
            backslashes + 1
        } else {
            0
        };
    }
    text.len()
}

fn find_header_end(text: &str, is_bracketed: bool) -> usize {
    let ends = |character: char| {
        ['"', '\'', '<', '>'].contains(&character) || is_bracketed && character == ']'
    };
    text.find(ends).unwrap_or(text.len())
}

/// Returns the length of an unquoted value. Passwords contain separators too, so that one ends the value only if another
/// name follows it.
fn find_unquoted_end(text: &str) -> usize {
    for (at, character) in text.char_indices() {
        let rest = text.get(at + character.len_utf8()..).unwrap_or_default();
        let ends = match character {
            '"' | '\'' | '<' | '>' | '`' => true,
            _ if character.is_whitespace() => true,
            '&' | ';' | ',' | '|' => begins_field(rest),
            ')' | ']' | '}' => {
                rest.is_empty() || rest.starts_with([' ', ',', ';', ')', ']', '}', ':'])
            }
            _ => false,
        };
        if ends {
            return at;
        }
    }
    text.trim_end_matches(['.', ',', ';']).len()
}

fn begins_field(text: &str) -> bool {
    let text = text.trim_start_matches(['"', '\'']);
    let name = text
        .find(|c: char| !c.is_ascii_alphanumeric() && !"_-. ".contains(c))
        .unwrap_or(text.len());
    name > 0
        && text
            .get(name..)
            .is_some_and(|rest| rest.starts_with(['=', ':', '"']))
        || text.is_empty()
}
