//! Secrets that are known by the words around them: in addresses, headers, statements and commands.

use std::sync::LazyLock;

use regex_lite::Regex;

use super::entropy::looks_random;
use super::names::is_plain_value;
use super::span::HiddenSpans;

/// Patterns whose first group is a secret, whatever it looks like.
const CERTAIN: [&str; 23] = [
    // The third argument of a connection in PHP.
    r"(?:PDO|mysqli|connect)\S*?\('[^']*',\s*'[^']*',\s*'([^']+)'",
    // SQL.
    r"(?i)\b(?:user|role|grant)\b.*\bidentified\s+(?:with\s+\S+\s+)?by\s+(?:password\s+)?'([^']*)'",
    r"(?i)\bpassword\s*(?:=\s*|\(\s*)?'([^']+)'",
    r"(?i)\bidentified\s+by\s+\x22([^\x22]+)\x22",
    // Data sources: user:password@tcp(host)/db, and Oracle's user/password@host.
    r"\b[\w.-]+:(\S+)@(?:tcp|udp|unix|cloudsql)\(",
    r"(?i)\bthin:[^\s/]+/([^\s@]+)@",
    // Commands.
    r"(?i)\b(?:mysql\w*|mariadb\w*)\b.*?\s['\x22]?-p([^\s'\x22]+)",
    r"(?i)\b(?:add_user|change_password|authenticate_user)\s+\S+\s+(\S+)",
    r"(?i)\bredis-cli\b.*?\s-a\s+(\S+)",
    r"(?i)\bsshpass\s+-p\s*(\S+)",
    r"(?i)\b(?:curl|wget|http)\b.*?\s(?:-u|--user|-U)\s*=?\s*['\x22]?[^\s:'\x22]+:([^\s'\x22]+)",
    r"(?i)\b(?:docker|helm|podman)\b.*?\s-p\s+(\S+)",
    r"(?i)\bldap\w+\b.*?\s-w\s+(\S+)",
    r"(?i)\bopenssl\b.*?\bpass:(\S+)",
    r"(?i)\b(?:requirepass|masterauth|masteruser-password)\s+['\x22]?([^\s'\x22]+)",
    // Files and protocols.
    r"[\w.*-]+:(?:\d{3,5}|\*):[^:\s]+:[^:\s]+:(\S+)",
    r"(?i)\b(?:verification|security|confirmation|login|access|one-time|2fa|otp|reset)\s+(?:code|password|pin|token)\s*(?:is|:|=)?\s*(\d{4,10})\b",
    r"(?i)\blogin\s+\S+\s+password\s+(\S+)",
    r"(?i)\bauth\s+(?:plain|login|xoauth2|cram-md5|digest-md5)\s+(\S+)",
    r"(?i)\x22auth\x22\s+(?:\x22[\w.-]+\x22\s+)?\x22([^\x22]+)\x22$",
    r"(?i)\bdigest\b.*?\bresponse=\x22?([0-9a-f]{16,})",
    r"(?i)\b_auth(?:token)?\s*=\s*(\S+)",
    r"(?i)\b(?:htpasswd|basic_auth)\b.*?[\s:]\w+:(\$?\S{8,})",
];
/// Patterns whose first group is a secret if it looks random.
const LIKELY: [&str; 4] = [
    r"(?i)\b(?:bearer|basic|token|apikey|negotiate|splunk|sso-key|genie ?key|hawk)\s+['\x22]?([a-z0-9._~+/=:-]{6,})",
    r"(?i)\b(?:password|passphrase|passcode|secret|token|pin|otp|key|code|credential)s?\s+(?:is|was|set to|provided|used|=|\()?:?\s*['\x22(]?([^\s'\x22()]{4,})",
    r"(?i)\bAUTH\s+(?:[\w.-]+\s+)?(\S{6,})$",
    r"://([^\s/:@]{12,})@",
];
/// The user name and the beginning of the password in an address.
const USER_INFO: &str = r"://([^\s/:@?#'\x22<>]*:)([^\s'\x22<>]+)";
/// A user name and password before a host, without a scheme.
const BARE_USER_INFO: &str =
    r"(?:^|[\s'\x22=(,])[A-Za-z][\w.-]*:([^\s:@/'\x22]{3,})@([\w.-]+)(:\d+|/)";

static CERTAINLY: LazyLock<Vec<Regex>> = LazyLock::new(|| compile(&CERTAIN));
static LIKELY_ONES: LazyLock<Vec<Regex>> = LazyLock::new(|| compile(&LIKELY));
static ADDRESSES: LazyLock<Vec<Regex>> = LazyLock::new(|| compile(&[USER_INFO, BARE_USER_INFO]));

fn compile(patterns: &[&str]) -> Vec<Regex> {
    patterns
        .iter()
        .filter_map(|pattern| Regex::new(pattern).ok())
        .collect()
}

pub(super) fn find_phrases(line: &str, hidden: &mut HiddenSpans) {
    for pattern in CERTAINLY.iter() {
        for found in pattern.captures_iter(line) {
            if let Some(secret) = found.get(1).filter(|found| !is_plain_value(found.as_str())) {
                hidden.add(secret.range());
            }
        }
    }
    for pattern in LIKELY_ONES.iter() {
        for found in pattern.captures_iter(line) {
            // A name and its value are a field.
            let is_field = |text: &str| text.trim_end_matches('=').contains('=');
            let is_secret =
                |text: &str| looks_random(text) && !is_plain_value(text) && !is_field(text);
            if let Some(secret) = found.get(1).filter(|found| is_secret(found.as_str())) {
                hidden.add(secret.range());
            }
        }
    }
    find_user_info(line, hidden);
}

fn find_user_info(line: &str, hidden: &mut HiddenSpans) {
    let [with_scheme, bare] = ADDRESSES.as_slice() else {
        return;
    };
    for found in with_scheme.captures_iter(line) {
        if let Some((user, rest)) = found.get(1).zip(found.get(2))
            && let Some(length) = find_password_end(rest.as_str())
        {
            hidden.add(user.start()..rest.start() + length);
        }
    }
    for found in bare.captures_iter(line) {
        // An image: name:tag@sha256:digest.
        let is_image = found
            .get(2)
            .is_some_and(|host| host.as_str().starts_with("sha"));
        if let Some(secret) = found.get(1).filter(|_| !is_image) {
            hidden.add(secret.range());
        }
    }
}

/// Returns where the password of an address ends: before the last `@` that a host follows. `None` if the text is a port.
fn find_password_end(text: &str) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let after = text.get(digits..).unwrap_or_default();
    let is_port =
        digits > 0 && (after.is_empty() || after.starts_with(['/', '?', '#', ',', ')', ']']));
    if is_port {
        return None;
    }
    let mut ends = text.rmatch_indices('@').map(|(at, _)| at);
    ends.find(|at| is_host(text.get(at + 1..).unwrap_or_default()))
}

/// Reports whether a text begins with a host that ends as one.
fn is_host(text: &str) -> bool {
    let length = text
        .find(|c: char| !c.is_ascii_alphanumeric() && !".-_[]".contains(c))
        .unwrap_or(text.len());
    let rest = text.get(length..).unwrap_or_default();
    length > 0
        && (rest.is_empty() || rest.starts_with([':', '/', '?', '#', ',', ';', ')', '}', '(']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert_eq!(CERTAINLY.len(), CERTAIN.len());
        assert_eq!(LIKELY_ONES.len(), LIKELY.len());
        assert_eq!(ADDRESSES.len(), 2);
    }
}
