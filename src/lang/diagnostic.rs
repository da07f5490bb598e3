//! Diagnostics: what is wrong with a source, where, and what to do about it. Plain data; `render` draws it.

use eclvm_kernel::span::Span;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Severity {
    /// The source still compiles.
    Warning,
    /// It does not.
    Error,
}

/// A secondary span with a note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is to be said of it.
    pub message: String,
}

/// A change that would mend it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suggestion {
    /// What to replace.
    pub span: Span,
    /// With what.
    pub replacement: String,
    /// In words, e.g. "did you mean `amount`?".
    pub message: String,
}

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Stable code, `E0001` or `W0001`; the table is `codes`.
    pub code: &'static str,
    /// Error or warning.
    pub severity: Severity,
    /// Plain words, lower case, no full stop, the user's text in backticks.
    pub message: String,
    /// The place.
    pub span: Span,
    /// Other places that matter.
    pub labels: Vec<Label>,
    /// How to mend it, where that is known.
    pub suggestion: Option<Suggestion>,
}
