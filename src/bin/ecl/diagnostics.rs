//! Diagnostics as people and as programs read them.

use eclvm::kernel::span::Span;
use eclvm::lang::diagnostic::Diagnostic;
use eclvm::lang::render;
use serde_json::Value;

/// A source, and what the compiler has to say about it.
#[derive(Debug)]
pub(crate) struct Rejected {
    /// The file, as it is called in messages.
    pub(crate) name: String,
    /// Its text.
    pub(crate) source: String,
    /// The findings.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

impl Rejected {
    /// Drawn, with styles.
    pub(crate) fn text(&self) -> String {
        text(&self.name, &self.source, &self.diagnostics)
    }
    /// As objects.
    pub(crate) fn json(&self) -> Vec<Value> {
        json(&self.name, &self.source, &self.diagnostics)
    }
}

/// Diagnostics drawn, with styles; `output` takes them out where nobody sees them.
pub(crate) fn text(name: &str, source: &str, diagnostics: &[Diagnostic]) -> String {
    render::render(source, name, diagnostics, true)
}

/// Diagnostics as objects, each with its `file`.
pub(crate) fn json(name: &str, source: &str, diagnostics: &[Diagnostic]) -> Vec<Value> {
    let object = |diagnostic| {
        let mut object = render::to_json(source, diagnostic);
        if let Some(fields) = object.as_object_mut() {
            fields.insert("file".to_owned(), name.into());
        }
        object
    };
    diagnostics.iter().map(object).collect()
}

/// A span as JSON: bytes, end exclusive.
pub(crate) fn span_json(span: Span) -> [u32; 2] {
    [span.start, span.end]
}
