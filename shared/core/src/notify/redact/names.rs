//! Names whose values are secret, and values that are none.

/// Words that make a name secret if they end it.
const SECRET_WORDS: &str = "pass password passwd passwort pwd pw passphrase passcode secret token apikey apitoken accesskey secretkey \
    privatekey credential credentials creds authorization cookie cookies jwt otp totp pin sig sessid phpsessid \
    jsessionid requirepass masterauth hmac dsn";
/// Pairs of words that make a name secret if they end it: `API_KEY`.
const SECRET_PAIRS: &str = "key-data api-key access-key secret-key private-key encryption-key encrypt-key signing-key shared-key account-key \
    master-key license-key auth-key session-key webhook-key app-key application-key subscription-key ssh-key aes-key \
    data-key session-id session-cookie verification-code auth-code recovery-code x-signature";
/// Endings of words that are written without a separator: `PGPASSWORD`.
const SECRET_ENDINGS: &str = "password passwd passphrase secret token apikey secretkey sessionid";
/// Words after the secret one that change nothing: `password_hash`, `TOKEN_2`.
const SUFFIXES: &str = "base hash value old new base64 b64 hex current previous raw plain string";
/// Names that are secret only with a value that looks random.
const WEAK_WORDS: &str = "auth signature session sid code nonce salt key";
/// Values that say something about a secret.
const PLAIN_VALUES: &str = "unbound permission variable connection unsupported deprecated exceeded already still never only returned \
    received provided given supplied present stale blank length format algorithm scope audience issuer command \
    lookup validation verification generation creation update refresh exchange secret password token key credentials \
    cookie null none nil undefined true false yes no on off empty missing required optional invalid expired revoked \
    rejected denied disabled enabled unset set default redacted hidden masked unknown unauthorized forbidden failed \
    failure error ok valid verified not is was has must cannot could should will may can does did the a an no-store \
    mismatch authentication incorrect wrong bad too absent found malformed unable unexpected rotated changed \
    refreshed string str number object function type reset for of in from to by with and or got expected please \
    check see use access timeout rotation";

/// Reports whether a list of words, divided by spaces, has this one.
fn lists_word(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|known| known == word)
}

/// How sure it is that a name's value is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrecy {
    None,
    /// If the value looks random.
    Weak,
    Strong,
}

/// Rates a name: `DB_PASSWORD`, `clientSecret`, `x-api-key`.
pub(super) fn rate_name(name: &str) -> Secrecy {
    let mut words = split_words(name);
    while words.len() > 1 && words.last().is_some_and(|word| lists_word(SUFFIXES, word)) {
        words.pop();
    }
    let Some(last) = words.pop() else {
        return Secrecy::None;
    };
    let before = words.last().map(String::as_str).unwrap_or_default();
    let is_pair = lists_word(SECRET_PAIRS, &format!("{before}-{last}"));
    let is_ending = SECRET_ENDINGS
        .split_whitespace()
        .any(|ending| last.ends_with(ending));
    if is_pair || is_ending || lists_word(SECRET_WORDS, &last) {
        Secrecy::Strong
    } else if lists_word(WEAK_WORDS, &last) {
        Secrecy::Weak
    } else {
        Secrecy::None
    }
}

/// Reports whether a name is a header whose whole value is secret.
pub(super) fn is_secret_header(name: &str) -> bool {
    let words = split_words(name);
    let last = words.last().map(String::as_str).unwrap_or_default();
    ["authorization", "cookie"].contains(&last)
}

/// Splits a name into lower-case words at separators and at changes of case.
fn split_words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for character in name.chars() {
        let is_separator = !character.is_ascii_alphanumeric();
        if is_separator
            || character.is_ascii_digit()
            || (was_lower && character.is_ascii_uppercase())
        {
            words.push(String::new());
        }
        was_lower = character.is_ascii_lowercase();
        if !is_separator
            && !character.is_ascii_digit()
            && let Some(word) = words.last_mut()
        {
            word.push(character.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Reports whether a value says something about a secret, or only refers to one.
pub(super) fn is_plain_value(value: &str) -> bool {
    let word = value.trim_matches(|c: char| !c.is_alphanumeric());
    let is_short = value.chars().count() < 3;
    let is_masked = value.chars().all(|c| "*xX•.-_#".contains(c));
    let is_reference = is_reference(value);
    is_short
        || is_masked
        || is_reference
        || lists_word(PLAIN_VALUES, &word.to_ascii_lowercase())
        || is_secret_reference(value)
}

/// Reports whether a value only refers to another one, by its whole shape: `$NAME`, `${NAME}`, `{{ name }}`, `<name>`, `%s`.
fn is_reference(value: &str) -> bool {
    let is_name = |text: &str| {
        let is_part = |c: char| c.is_ascii_alphanumeric() || "_.: -".contains(c);
        !text.is_empty() && text.chars().all(is_part)
    };
    let is_variable = |text: &str| {
        text.chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let brackets = [
        ("${", "}"),
        ("$(", ")"),
        ("{{", "}}"),
        ("<", ">"),
        ("[", "]"),
        ("(", ")"),
        ("%(", ")s"),
    ];
    let is_bracketed = brackets.iter().any(|(open, close)| {
        let inner = value.strip_prefix(open);
        let inner = inner.and_then(|rest| rest.strip_suffix(close));
        inner.is_some_and(is_name)
    });
    let is_format = ["%s", "%d", "%v", "%+v", "%@", "{}", "{:?}"].contains(&value);
    let is_place = value.starts_with("arn:") || value.starts_with("/run/secrets/");
    is_bracketed || is_format || is_place || value.strip_prefix('$').is_some_and(is_variable)
}

/// Reports whether a value is the name of a secret in Secrets Manager: `shop/db-AbCdEf`.
fn is_secret_reference(value: &str) -> bool {
    let Some((name, suffix)) = value.rsplit_once('-') else {
        return false;
    };
    let has_suffix = suffix.len() == 6 && suffix.chars().all(|c| c.is_ascii_alphanumeric());
    has_suffix && name.contains('/') && !name.contains("//")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("DB_PASS", Secrecy::Strong)]
    #[case("PGPASSWORD", Secrecy::Strong)]
    #[case("clientSecret", Secrecy::Strong)]
    #[case("x-api-key", Secrecy::Strong)]
    #[case("password_hash", Secrecy::Strong)]
    #[case("TOKEN_2", Secrecy::Strong)]
    #[case("auth", Secrecy::Weak)]
    #[case("bypass", Secrecy::None)]
    #[case("max_tokens", Secrecy::None)]
    #[case("passwordResetRequested", Secrecy::None)]
    #[case("secretArn", Secrecy::None)]
    #[case("author", Secrecy::None)]
    fn names_are_rated_by_their_last_words(#[case] name: &str, #[case] expected: Secrecy) {
        assert_eq!(rate_name(name), expected);
    }
}
