//! Redaction of application log lines for messages: short, printable and without likely secrets.

use std::sync::LazyLock;

use regex_lite::{Captures, Regex};

/// The maximum length of a redacted line, in characters.
const MAX_CHARS: usize = 200;

/// Patterns of likely secrets. A group of each matches the secret itself.
const SECRETS: [&str; 8] = [
    // Access keys of AWS, and of services with similar prefixes.
    r"\b((?:AKIA|ASIA)[A-Z0-9]{16})\b",
    r"\b((?:sk|pk|rk|ghp|gho|ghs|xox[abp]|glpat)[_-][A-Za-z0-9_-]{8,})",
    // JSON Web Tokens.
    r"\b(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)?)",
    // A user name and password in a URL.
    r"://([^\s/:@]*:[^\s/@]+)@",
    // Headers, to the end of the line.
    r"(?i)\b(?:authorization|cookie|set-cookie)\s*[:=]\s*(.+)",
    r"(?i)\b(?:bearer|basic)\s+([a-z0-9._~+/=-]{8,})",
    // A value in quotes, which may be escaped, or up to the next space.
    r#"(?i)(?:passw(?:or)?d|passwd|pwd|secret|token|api[_-]?key|credential)[a-z_-]*[\\"']*\s*[:=]\s*[\\]*(?:["']([^"'\\]{3,})|([^\s"'\\]{3,}))"#,
    // A long token that is not a word.
    r"\b([A-Za-z0-9+/_-]{40,}={0,2})",
];

static PATTERNS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    SECRETS
        .iter()
        .filter_map(|pattern| Regex::new(pattern).ok())
        .collect()
});

/// Redacts one line.
///
/// # Panics
/// Never: the patterns are constant, and tested.
#[must_use]
pub fn redact_line(raw: &str) -> String {
    let plain: String = raw
        .trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let mut line = plain;
    for pattern in PATTERNS.iter() {
        let hidden = pattern.replace_all(&line, |found: &Captures<'_>| {
            let whole = found.get(0).map_or("", |all| all.as_str());
            let secret = found
                .get(1)
                .or(found.get(2))
                .map_or("", |group| group.as_str());
            whole.replace(secret, "[hidden]")
        });
        line = hidden.into_owned();
    }
    if line.chars().count() <= MAX_CHARS {
        return line;
    }
    line.chars().take(MAX_CHARS).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_pattern_compiles() {
        assert!(SECRETS.iter().all(|pattern| Regex::new(pattern).is_ok()));
    }

    #[rstest]
    #[case("key AKIAIOSFODNN7EXAMPLE is wrong", "key [hidden] is wrong")]
    #[case(
        "postgres://shop:hunter2@db:5432/shop refused",
        "postgres://[hidden]@db:5432/shop refused"
    )]
    #[case("Authorization: Bearer abcdef0123456789", "Authorization: [hidden]")]
    #[case(
        "DB_PASSWORD=hunter2 is not accepted",
        "DB_PASSWORD=[hidden] is not accepted"
    )]
    #[case(
        r#"{"api_key": "xyz-123", "level": "error"}"#,
        r#"{"api_key": "[hidden]", "level": "error"}"#
    )]
    #[case(
        r#"{"body":"{\"password\":\"hunter2\"}"}"#,
        r#"{"body":"{\"password\":\"[hidden]\"}"}"#
    )]
    #[case("password=abc,def;ghi was wrong", "password=[hidden] was wrong")]
    #[case("Cookie: theme=dark; session=0123", "Cookie: [hidden]")]
    #[case("key sk_live_51H8xQ2eZvKYlo2C is revoked", "key [hidden] is revoked")]
    #[case(
        "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc expired",
        "token [hidden] expired"
    )]
    #[case("secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY9", "secret [hidden]")]
    #[case(
        "ERROR: relation \"orders\" does not exist",
        "ERROR: relation \"orders\" does not exist"
    )]
    #[case(
        "panicked at src/main.rs:12:5:\u{1b}[0m",
        "panicked at src/main.rs:12:5: [0m"
    )]
    fn a_likely_secret_is_hidden(#[case] raw: &str, #[case] shown: &str) {
        assert_eq!(redact_line(raw), shown);
    }

    #[test]
    fn a_long_line_is_cut() {
        assert_eq!(
            redact_line(&"ab ".repeat(200)).chars().count(),
            MAX_CHARS + 1
        );
    }
}
