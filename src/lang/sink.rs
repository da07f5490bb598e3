//! Where diagnostics are collected: bounded, and never so full of warnings that an error is lost.

use super::diagnostic::{Diagnostic, Label, Severity, Suggestion};
use eclvm_kernel::limits::MAX_DIAGNOSTICS;
use eclvm_kernel::span::Span;

/// Up to [`MAX_DIAGNOSTICS`] errors and as many warnings; what comes later is dropped.
#[derive(Default, Debug)]
pub(crate) struct Sink {
    found: Vec<Diagnostic>,
    errors: usize,
}

impl Sink {
    /// Adds a diagnostic, if there is room for one of its severity.
    #[cold]
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        let error = diagnostic.severity == Severity::Error;
        let alike = if error { self.errors } else { self.found.len() - self.errors };
        if alike < MAX_DIAGNOSTICS {
            self.errors += usize::from(error);
            self.found.push(diagnostic);
        }
    }
    /// How many errors there are.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }
    /// Whether a further error would be dropped.
    pub(crate) fn is_full(&self) -> bool {
        self.errors >= MAX_DIAGNOSTICS
    }
    /// The diagnostics in the order of their places, at most [`MAX_DIAGNOSTICS`]: where that is too few for all,
    /// warnings go first.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        let mut room_for_warnings = MAX_DIAGNOSTICS - self.errors.min(MAX_DIAGNOSTICS);
        self.found.sort_by_key(|d| (d.span.start, d.span.end));
        self.found.retain(|d| {
            let keep = d.severity == Severity::Error || room_for_warnings > 0;
            if d.severity == Severity::Warning {
                room_for_warnings = room_for_warnings.saturating_sub(1);
            }
            keep
        });
        self.found
    }
}

/// An error, to be completed with [`Diagnostic::with_label`] and [`Diagnostic::with_suggestion`].
pub(crate) fn error(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
    new(Severity::Error, code, span, message.into())
}

/// A warning, likewise.
pub(crate) fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Diagnostic {
    new(Severity::Warning, code, span, message.into())
}

fn new(severity: Severity, code: &'static str, span: Span, message: String) -> Diagnostic {
    Diagnostic { code, severity, message, span, labels: Vec::new(), suggestion: None }
}

impl Diagnostic {
    /// With a note at another place.
    pub fn with_label(mut self, span: Span, message: impl Into<String>) -> Diagnostic {
        self.labels.push(Label { span, message: message.into() });
        self
    }
    /// With a change that would mend it.
    pub fn with_suggestion(
        mut self,
        span: Span,
        replacement: impl Into<String>,
        message: impl Into<String>,
    ) -> Diagnostic {
        self.suggestion = Some(Suggestion { span, replacement: replacement.into(), message: message.into() });
        self
    }
}
