//! The parts of a line that are hidden.

use std::ops::Range;

/// What stands in place of a secret.
const HIDDEN: &str = "[hidden]";

/// The parts of a line that are hidden, in bytes.
#[derive(Debug, Default)]
pub(super) struct HiddenSpans(Vec<Range<usize>>);

impl HiddenSpans {
    pub(super) fn add(&mut self, span: Range<usize>) {
        if !span.is_empty() {
            self.0.push(span);
        }
    }

    /// Reports whether a part is hidden already, or overlaps one that is.
    pub(super) fn overlaps(&self, span: &Range<usize>) -> bool {
        let mut spans = self.0.iter();
        spans.any(|known| known.start < span.end && span.start < known.end)
    }

    /// Returns the line without its hidden parts.
    pub(super) fn hide(mut self, line: &str) -> String {
        self.0.sort_by_key(|span| span.start);
        let mut shown = String::new();
        let mut end = 0;
        for span in self.0 {
            if span.start >= end {
                shown.push_str(line.get(end..span.start).unwrap_or_default());
                shown.push_str(HIDDEN);
            }
            end = end.max(span.end);
        }
        shown.push_str(line.get(end..).unwrap_or_default());
        shown
    }
}
