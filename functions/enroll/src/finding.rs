//! Builds a finding.

use lamplighter::notify::Message;
use lamplighter::plan::Finding;

pub fn build_finding(
    key: impl Into<String>,
    title: impl Into<String>,
    why: impl Into<String>,
    next: impl Into<String>,
) -> Finding {
    Finding {
        key: key.into(),
        message: Message::warning(title).why(why).next(next),
    }
}
