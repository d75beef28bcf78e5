//! Characters of log lines that must not reach a message as they are.

/// The most characters that are read of one line. Messages show fewer.
const MAX_READ: usize = 2_000;

/// Returns a line in which nothing can begin a new line or turn the direction of writing. A long one is cut.
#[must_use]
pub(super) fn clean_line(raw: &str) -> String {
    let mut line = String::new();
    for (n, character) in raw.trim().chars().enumerate() {
        if n >= MAX_READ {
            // A secret that is cut may not be recognized any more. A line of one word is shown at its beginning.
            if let Some(whole) = line.rfind(char::is_whitespace) {
                line.truncate(whole);
            }
            return line;
        }
        if is_invisible(character) {
            continue;
        }
        let breaks = character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
        line.push(if breaks { ' ' } else { character });
    }
    line.trim().to_owned()
}

/// Reports whether a character only changes how others are shown: bidirectional controls, joiners, the byte order mark and
/// tags. Source: <https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing>
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{061C}'
            | '\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{2069}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}'
    )
}
