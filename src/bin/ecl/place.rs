//! Lines and columns of a source, both counted from 1; columns count characters.

use eclvm::kernel::span::Span;

/// Where the lines of a text begin.
pub(crate) struct Places<'s> {
    text: &'s str,
    starts: Vec<usize>,
}

impl<'s> Places<'s> {
    pub(crate) fn new(text: &'s str) -> Places<'s> {
        let breaks = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        Places { text, starts: std::iter::once(0).chain(breaks).collect() }
    }
    /// Line and column of a byte.
    pub(crate) fn of(&self, byte: u32) -> (usize, usize) {
        let byte = (byte as usize).min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let before = self.text.get(start..byte).map_or(byte - start, |text| text.chars().count());
        (line, before + 1)
    }
    /// The text of a line, without its end; empty where there is none.
    pub(crate) fn line(&self, line: usize) -> &'s str {
        let start =
            line.checked_sub(1).and_then(|at| self.starts.get(at)).copied().unwrap_or(self.text.len());
        let end = self.starts.get(line).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or("").trim_end_matches(['\n', '\r'])
    }
    /// The text of a span on one line, cut to at most `most` characters.
    pub(crate) fn excerpt(&self, span: Span, most: usize) -> String {
        let text = self.text.get(span.start as usize..span.end as usize).unwrap_or("");
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match words.char_indices().nth(most) {
            Some((cut, _)) => format!("{}...", words.get(..cut).unwrap_or("")),
            None => words,
        }
    }
}
