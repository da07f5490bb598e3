//! Diagnostics for people (drawn over the source) and for programs (JSON).
//!
//! Both are bounded whatever the source is: of a long line only a window around the place is drawn, of far-apart places
//! only their own lines. Spans that do not fit the source are moved to where they do; nothing panics.

use super::diagnostic::{Diagnostic, Severity};
use eclvm_kernel::span::Span;
use serde_json::{Value, json};

/// Longest stretch of source that is drawn as it stands.
const MAX_REGION_BYTES: usize = 4 << 10;
/// Longest line that is drawn whole, in bytes.
const MAX_LINE_BYTES: usize = 240;
/// Bytes drawn before a place in a longer line.
const BEFORE: usize = 80;

/// Line and column of a byte, both from 1 on, the column in characters. Only LF ends a line.
pub fn position(source: &str, offset: u32) -> (usize, usize) {
    let at = boundary(source, offset as usize);
    let before = source.get(..at).unwrap_or("");
    let line = memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1;
    let column = before.get(line_start(source, at)..).unwrap_or("").chars().count() + 1;
    (line, column)
}

/// A diagnostic as JSON: `{code, severity, message, span: [start, end], line, column, labels, suggestion}`, spans in
/// bytes, `labels` a list of `{span, line, column, message}`, `suggestion` null or `{span, replacement, message}`.
pub fn to_json(source: &str, diagnostic: &Diagnostic) -> Value {
    let (line, column) = position(source, diagnostic.span.start);
    let labels: Vec<Value> = diagnostic
        .labels
        .iter()
        .map(|label| {
            let (line, column) = position(source, label.span.start);
            json!({ "span": pair(label.span), "line": line, "column": column, "message": label.message })
        })
        .collect();
    let suggestion = diagnostic
        .suggestion
        .as_ref()
        .map(|s| json!({ "span": pair(s.span), "replacement": s.replacement, "message": s.message }));
    json!({
        "code": diagnostic.code,
        "severity": match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        "message": diagnostic.message,
        "span": pair(diagnostic.span),
        "line": line,
        "column": column,
        "labels": labels,
        "suggestion": suggestion,
    })
}

fn pair(span: Span) -> [u32; 2] {
    [span.start, span.end]
}

/// The nearest character boundary at or before a byte.
fn boundary(source: &str, at: usize) -> usize {
    let mut at = at.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Where the line of the byte at a boundary starts.
fn line_start(source: &str, at: usize) -> usize {
    let before = source.as_bytes().get(..at).unwrap_or(&[]);
    memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1)
}

/// Where the line of the byte at a boundary ends, its line feed left out.
fn line_end(source: &str, at: usize) -> usize {
    let after = source.as_bytes().get(at..).unwrap_or(&[]);
    memchr::memchr(b'\n', after).map_or(source.len(), |newline| at + newline)
}

#[cfg(feature = "cli")]
pub use drawing::render;
#[cfg(all(test, feature = "cli"))]
mod tests;

#[cfg(feature = "cli")]
mod drawing {
    use super::{BEFORE, MAX_LINE_BYTES, MAX_REGION_BYTES, boundary, line_end, line_start, position};
    use crate::lang::diagnostic::{Diagnostic, Severity, Suggestion};
    use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Patch, Renderer, Snippet};
    use eclvm_kernel::span::Span;
    use std::ops::Range;

    /// The diagnostics over their source, each with its place in `path`, with an empty line between two; with colours for
    /// a terminal, or without.
    pub fn render(source: &str, path: &str, diagnostics: &[Diagnostic], colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        // Sources and messages are cleaned where they are drawn; paths are not.
        let path: String = path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let mut out = String::new();
        for diagnostic in diagnostics {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(&renderer.render(&report(source, &path, diagnostic)));
            out.push('\n');
        }
        out
    }

    /// A mark in the source: a place, and what is to be said of it.
    struct Mark<'a> {
        place: Range<usize>,
        note: Option<&'a str>,
        kind: AnnotationKind,
    }

    fn report<'a>(source: &'a str, path: &'a str, diagnostic: &'a Diagnostic) -> Vec<Group<'a>> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code);
        let primary =
            Mark { place: place(source, diagnostic.span), note: None, kind: AnnotationKind::Primary };
        let marks: Vec<Mark<'a>> = std::iter::once(primary)
            .chain(diagnostic.labels.iter().map(|label| Mark {
                place: place(source, label.span),
                note: Some(label.message.as_str()),
                kind: AnnotationKind::Context,
            }))
            .collect();
        let mut groups = vec![match region(source, marks.iter().map(|mark| &mark.place)) {
            Some(region) => title.element(snippet(source, &region, &marks).path(path)),
            None => lone_lines(source, title, path, diagnostic.span.start, &marks),
        }];
        if let Some(suggestion) = &diagnostic.suggestion {
            groups.push(help(source, suggestion));
        }
        groups
    }

    /// A span as a range of whole characters in the source.
    fn place(source: &str, span: Span) -> Range<usize> {
        let start = boundary(source, span.start as usize);
        start..boundary(source, span.end as usize).max(start)
    }

    /// The lines that hold all the places, if they are few and short enough to be drawn as they stand.
    fn region<'p>(source: &str, places: impl Iterator<Item = &'p Range<usize>>) -> Option<Range<usize>> {
        let (start, end) = places.fold((source.len(), 0), |(s, e), p| (s.min(p.start), e.max(p.end)));
        let region = line_start(source, start)..line_end(source, end);
        let text = source.get(region.clone())?;
        let fits = region.len() <= MAX_REGION_BYTES && text.lines().all(|line| line.len() <= MAX_LINE_BYTES);
        fits.then_some(region)
    }

    fn snippet<'a>(
        source: &'a str,
        region: &Range<usize>,
        marks: &[Mark<'a>],
    ) -> Snippet<'a, Annotation<'a>> {
        let text = source.get(region.clone()).unwrap_or("");
        let line = position(source, region.start as u32).0;
        marks.iter().fold(Snippet::source(text).line_start(line), |snippet, mark| {
            let (start, end) = (mark.place.start - region.start, mark.place.end - region.start);
            snippet.annotation(mark.kind.span(start..end).label(mark.note))
        })
    }

    /// Each mark on its own line, of which a window is drawn: for lines that are long, and places that are far apart.
    fn lone_lines<'a>(
        source: &'a str,
        title: annotate_snippets::Title<'a>,
        path: &'a str,
        offset: u32,
        marks: &[Mark<'a>],
    ) -> Group<'a> {
        let (line, column) = position(source, offset);
        let mut group = title.element(Origin::path(path).line(line).char_column(column));
        for mark in marks {
            let line_start = line_start(source, mark.place.start);
            let start = boundary(source, mark.place.start.saturating_sub(BEFORE)).max(line_start);
            let end = boundary(source, start + MAX_LINE_BYTES).min(line_end(source, mark.place.start));
            // What is marked beyond the window, or on further lines, is marked to the window's end.
            let place = mark.place.start..mark.place.end.clamp(mark.place.start, end.max(mark.place.start));
            let window = Mark { place, note: mark.note, kind: mark.kind };
            group = group.element(snippet(source, &(start..end), &[window]));
        }
        group
    }

    fn help<'a>(source: &'a str, suggestion: &'a Suggestion) -> Group<'a> {
        let place = place(source, suggestion.span);
        let title = Level::HELP.secondary_title(suggestion.message.as_str());
        let short = suggestion.replacement.len() <= MAX_LINE_BYTES;
        match region(source, std::iter::once(&place)).filter(|_| short) {
            Some(region) => {
                let text = source.get(region.clone()).unwrap_or("");
                let patch = Patch::new(
                    place.start - region.start..place.end - region.start,
                    suggestion.replacement.as_str(),
                );
                let line = position(source, region.start as u32).0;
                title.element(Snippet::source(text).line_start(line).patch(patch))
            }
            None => Group::with_title(title),
        }
    }
}
