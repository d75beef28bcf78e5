//! Divides a long report into pages, each of which fits into one notification.

use lamplighter::notify::MAX_REPORT_BYTES;

/// The number of bytes of a page, with room for a last sentence.
const PAGE_SIZE: usize = MAX_REPORT_BYTES - 500;
/// The number of pages. Each is a message, and a channel gets 8 a minute.
const MAX_PAGES: usize = 5;

/// A page: the suffix of its title, and its text.
pub type Page = (String, String);

/// Divides a text between its lines. A text of one page has no suffix.
#[must_use]
pub fn divide_into_pages(text: &str) -> Vec<Page> {
    let mut pages: Vec<String> = vec![String::new()];
    for line in text.lines() {
        let is_full = pages
            .last()
            .is_some_and(|page| !page.is_empty() && page.len() + line.len() + 1 > PAGE_SIZE);
        if is_full {
            pages.push(String::new());
        }
        if let Some(page) = pages.last_mut() {
            if !page.is_empty() {
                page.push('\n');
            }
            page.push_str(line);
        }
    }
    let omitted: usize = pages
        .iter()
        .skip(MAX_PAGES)
        .map(|page| page.lines().count())
        .sum();
    pages.truncate(MAX_PAGES);
    if let Some(last) = pages.last_mut().filter(|_| omitted > 0) {
        *last = format!(
            "{last}\n\n{omitted} more lines are left out. Invoke the function of the output DigestFunction to read them."
        );
    }
    let count = pages.len();
    pages
        .into_iter()
        .zip(1..)
        .map(|(page, number)| match count {
            1 => (String::new(), page),
            _ => (format!(" (page {number} of {count})"), page),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::short(3, 1)]
    #[case::all_services_of_a_large_account(3_000, 4)]
    fn pages_hold_the_whole_text(#[case] lines: usize, #[case] at_least: usize) {
        let text: Vec<String> = (0..lines)
            .map(|n| format!("- shop/service-{n}: {}", "x".repeat(60)))
            .collect();
        let text = text.join("\n");
        let pages = divide_into_pages(&text);
        assert!(pages.len() >= at_least, "{}", pages.len());
        assert!(pages.iter().all(|(_, page)| page.len() <= MAX_REPORT_BYTES));
        let whole: Vec<&str> = pages.iter().map(|(_, page)| page.as_str()).collect();
        assert_eq!(whole.join("\n"), text);
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let text = "- a line of a report\n".repeat(20_000);
        let pages = divide_into_pages(&text);
        let kept: usize = pages
            .iter()
            .map(|(_, page)| page.matches("- a line").count())
            .sum();
        let (title, last) = pages.last().unwrap();
        assert_eq!(title, " (page 5 of 5)");
        assert!(
            last.contains(&format!("{} more lines are left out", 20_000 - kept)),
            "{last}"
        );
    }
}
