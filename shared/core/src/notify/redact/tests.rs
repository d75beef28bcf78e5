//! Two sets of lines: secrets that must be hidden, and lines that must stay. Both were written without knowledge of the rules,
//! but for forty of each.
//!
//! In `secrets.txt` each secret stands between ⟦ and ⟧. A ¦ within it keeps scanners of the repository quiet. Both are taken out.

use rstest::rstest;

use super::*;

const SECRETS: &str = include_str!("secrets.txt");
const USEFUL: &str = include_str!("useful.txt");
/// The largest part of each set, in percent, that may be wrong.
const MAX_WRONG: usize = 5;

/// Returns a line as an application writes it, and the secrets in it.
fn read_case(case: &str) -> (String, Vec<String>) {
    let case = case.replace('¦', "");
    let secrets = case
        .split('⟦')
        .skip(1)
        .filter_map(|rest| rest.split('⟧').next().map(str::to_owned));
    let secrets = secrets.collect();
    (case.replace(['⟦', '⟧'], ""), secrets)
}

/// Fails if too many lines are wrong, with all of them.
fn check_share(wrong: &[String], all: usize) {
    assert!(all >= 150, "{all} lines");
    assert!(
        wrong.len() * 100 <= all * MAX_WRONG,
        "{} of {all} lines:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn at_most_five_percent_of_secrets_are_missed() {
    let mut missed = Vec::new();
    for case in SECRETS.lines() {
        let (line, secrets) = read_case(case);
        // Whole, however long: what a message cuts away is no success.
        let shown = redact_whole(&line);
        if secrets.iter().any(|secret| shown.contains(secret.as_str())) {
            missed.push(format!("{line}\n  -> {shown}"));
        }
    }
    check_share(&missed, SECRETS.lines().count());
}

#[test]
fn at_most_five_percent_of_useful_lines_are_damaged() {
    let mut damaged = Vec::new();
    for line in USEFUL.lines() {
        let shown = redact_whole(line);
        if shown != line {
            damaged.push(format!("{line}\n  -> {shown}"));
        }
    }
    check_share(&damaged, USEFUL.lines().count());
}

#[rstest]
#[case(
    "DB_PASSWORD=hunter2 is not accepted",
    "DB_PASSWORD=[hidden] is not accepted"
)]
#[case(
    "postgres://shop:hunter2@db:5432/shop refused",
    "postgres://[hidden]@db:5432/shop refused"
)]
#[case("Authorization: Bearer abcdef0123456789", "Authorization: [hidden]")]
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
#[case(
    "panicked at src/main.rs:12:5:\u{1b}[0m",
    "panicked at src/main.rs:12:5: [0m"
)]
#[case(
    "first\u{2028}Lamplighter: all is well",
    "first Lamplighter: all is well"
)]
#[case("a\u{202e}txt.exe\u{200b}", "atxt.exe")]
fn what_is_around_a_secret_stays(#[case] raw: &str, #[case] shown: &str) {
    assert_eq!(redact_line(raw), shown);
}

#[test]
fn a_key_over_several_lines_is_hidden_to_its_end() {
    let lines = [
        "loading key",
        "-----BEGIN RSA PRIVATE KEY-----",
        "MIIEpAIBAAKCAQEAxqJ0vB8b7tq1nYh2S4dU3lZb9w6KpRfX0mT5eQcVg1HsLjNa",
        "k3Qd9w==",
        "-----END RSA PRIVATE KEY-----",
        "ready",
    ]
    .map(str::to_owned);
    let expected = [
        "loading key",
        "-----BEGIN RSA PRIVATE KEY-----",
        "[hidden]",
        "[hidden]",
        "-----END RSA PRIVATE KEY-----",
        "ready",
    ];
    assert_eq!(redact_lines(&lines), expected);
    // Its beginning may not have been read.
    assert_eq!(redact_lines(&lines[2..]), expected[2..]);
}

#[test]
fn a_long_line_is_cut() {
    let cut = redact_line(&"ab ".repeat(200));
    assert_eq!(cut.chars().count(), MAX_CHARS + 1);
    // A secret at the end of what is read is dropped with its word.
    let long = format!("{} password=hunter{}", "word ".repeat(398), "x".repeat(100));
    assert!(!redact_whole(&long).contains("hunter"));
}
