//! The checker: what every name means, which type everything has, what folds, what is wrong.
//!
//! One walk over the tree, in evaluation order. Input types that are not written down are unknowns that uses fill in
//! (`types`); null tests are facts with an undo log (`scope`, `narrow`); constants fold on the way up (`fold`). The walk
//! recurses with the nesting that the parser has bounded, never with the length of anything.

mod calls;
mod chain;
mod constants;
mod expect;
mod expr;
mod fold;
mod fold_expr;
mod hints;
mod names;
mod narrow;
mod operators;
mod resolve;
mod scope;
mod signatures;
mod stmt;
mod suggest;
#[cfg(test)]
mod tests;
mod types;
mod ways;

use super::ast::{Ast, ExprId, ItemKind, Range, Symbol};
use super::checked::{Body, BodyId, BodyKind, Checked, ConstId, ExprInfo, LocalId, StdMask};
use super::diagnostic::{Diagnostic, Label, Severity, Suggestion};
use eclvm_kernel::limits::{MAX_DIAGNOSTICS, MAX_POLICIES};
use eclvm_kernel::program::{EffectKind, Input};
use eclvm_kernel::span::Span;
use eclvm_kernel::types::Ty;
use fold::Constants;
use names::{Global, Names};
use scope::{Declared, Scopes};
use smallvec::SmallVec;
use types::{It, Unifier};

/// Checks a parsed file. Adds to `diagnostics`; None where there is an error, of the parser or of its own.
pub fn check(source: &str, ast: &Ast, diagnostics: &mut Vec<Diagnostic>) -> Option<Checked> {
    check_in(Checked::default(), source, ast, diagnostics)
}

/// The same in the room of what another check has found out.
pub(crate) fn check_in(
    room: Checked,
    source: &str,
    ast: &Ast,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Checked> {
    let mut checker = Checker::new(room, source, ast, diagnostics);
    checker.items();
    checker.finish()
}

/// A function or policy as far as it has been checked.
struct Draft {
    kind: BodyKind,
    item: u32,
    params: Range,
    locals: SmallVec<[It; 4]>,
    result: It,
    inputs: SmallVec<[(Symbol, It, Span); 4]>,
    mentions: StdMask,
    /// The first mention of `trust`.
    trust_at: Option<Span>,
    effect: EffectKind,
    calls: Vec<BodyId>,
}

/// Something to look at again when all types are known.
#[derive(Clone, Copy)]
enum Pending {
    /// `+`: number or string.
    Addition(It, Span),
    /// A value for the store: string, number or bool.
    Storable(It, Span),
    /// An empty list or a null by itself.
    Literal(It, Span),
}

/// A constant of a block.
#[derive(Clone, Copy)]
struct BlockConstant {
    id: ConstId,
    ty: It,
    /// The blocks around it: two of a name in the same one are one too many.
    depth: u32,
    used: bool,
}

struct Checker<'a> {
    source: &'a str,
    ast: &'a Ast,
    diagnostics: &'a mut Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    /// What is known of each expression. Types that are not final are in `open`.
    exprs: Vec<ExprInfo>,
    /// Expressions whose types are to be found out, and those whose types are in error.
    open: Vec<(ExprId, It)>,
    stmts: Vec<Option<LocalId>>,
    /// Filled at the end.
    bodies: Vec<Body>,
    constants: Constants,
    types: Unifier,
    scopes: Scopes,
    names: Names,
    drafts: Vec<Draft>,
    /// The body that is being checked.
    current: usize,
    /// Whether a free name is an input.
    infers: bool,
    loops: u32,
    /// The blocks around what is being checked.
    depth: u32,
    declared: SmallVec<[Declared; 8]>,
    used: SmallVec<[bool; 32]>,
    pending: SmallVec<[Pending; 8]>,
    /// Values and types of the constants of blocks.
    block_constants: Vec<BlockConstant>,
    /// Whether a constant was mentioned that has no value, or a name that was not declared well, which has been said.
    met_bad_constant: bool,
    /// For each function, the body that was last seen to call it.
    called: SmallVec<[Option<u32>; 8]>,
}

impl<'a> Checker<'a> {
    /// Always inlined: a checker is large, and is to be made where it stays.
    #[inline(always)]
    fn new(
        mut room: Checked,
        source: &'a str,
        ast: &'a Ast,
        diagnostics: &'a mut Vec<Diagnostic>,
    ) -> Checker<'a> {
        room.clear();
        room.exprs.resize(ast.exprs.len(), ExprInfo::NOTHING);
        room.stmts.resize(ast.stmts.len(), None);
        room.bodies.reserve(ast.items.len());
        let errors = diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
        let warnings = diagnostics.len() - errors;
        let symbols = ast.symbols.len();
        Checker {
            source,
            ast,
            diagnostics,
            errors,
            warnings,
            exprs: room.exprs,
            open: Vec::new(),
            stmts: room.stmts,
            bodies: room.bodies,
            constants: Constants::new(room.constants, source.len()),
            types: Unifier::default(),
            scopes: Scopes::new(symbols),
            names: Names::new(ast),
            drafts: Vec::with_capacity(ast.items.len()),
            current: 0,
            infers: false,
            loops: 0,
            depth: 0,
            declared: SmallVec::new(),
            used: SmallVec::new(),
            pending: SmallVec::new(),
            block_constants: Vec::new(),
            met_bad_constant: false,
            called: SmallVec::from_elem(None, ast.items.len()),
        }
    }

    fn items(&mut self) {
        self.declare();
        self.global_constants();
        for body in 0..self.drafts.len() {
            self.current = body;
            self.body();
        }
    }

    /// Functions may be used before they stand, so all of them are known first.
    fn declare(&mut self) {
        let mut policies: SmallVec<[(Symbol, Span); 4]> = SmallVec::new();
        for (index, item) in (0u32..).zip(&self.ast.items) {
            let draft = |kind, params, result| Draft {
                kind,
                item: index,
                params,
                locals: SmallVec::new(),
                result,
                inputs: SmallVec::new(),
                mentions: StdMask::default(),
                trust_at: None,
                effect: EffectKind::Pure,
                calls: Vec::new(),
            };
            let id = BodyId(self.drafts.len() as u32);
            match item.kind {
                ItemKind::Const(value) => {
                    self.not_builtin(item.name, item.name_span);
                    if self.names.global(item.name).is_some() {
                        self.duplicate("constant", item.name, item.name_span);
                    } else {
                        let global = Global::Unknown { value, at: item.name_span, open: false };
                        self.names.set_global(item.name, global);
                    }
                }
                ItemKind::Fn { params, result, .. } => {
                    self.not_builtin(item.name, item.name_span);
                    if self.names.function(item.name).is_some() {
                        self.duplicate("function", item.name, item.name_span);
                    } else {
                        self.names.set_function(item.name, id);
                    }
                    self.drafts.push(draft(BodyKind::Function, params, result.into()));
                }
                ItemKind::Policy { .. } => {
                    policies.push((item.name, item.name_span));
                    self.drafts.push(draft(BodyKind::Policy, Range::default(), Ty::BOOL.into()));
                }
                ItemKind::Expression(_) => {
                    self.drafts.push(draft(BodyKind::Expression, Range::default(), It::ERROR));
                }
            }
        }
        if let Some((_, span)) = policies.get(MAX_POLICIES).copied() {
            self.error(
                super::codes::E0136,
                span,
                format!("too many policies in one file: at most {MAX_POLICIES}"),
            );
        }
        policies.sort_unstable();
        for pair in policies.windows(2) {
            if let [(a, _), (b, span)] = pair
                && a == b
            {
                self.duplicate("policy", *b, *span);
            }
        }
    }

    fn duplicate(&mut self, what: &str, name: Symbol, span: Span) {
        let name = self.ast.symbol(name);
        self.error(super::codes::E0101, span, format!("there are two of the {what} `{name}`"));
    }

    /// No binding may take a builtin's name.
    fn not_builtin(&mut self, name: Symbol, span: Span) {
        if self.names.builtin(name).is_some() {
            let name = self.ast.symbol(name);
            self.error(
                super::codes::E0102,
                span,
                format!("`{name}` is a builtin function; choose another name"),
            );
        }
    }

    fn draft(&mut self) -> Option<&mut Draft> {
        self.drafts.get_mut(self.current)
    }
    fn info(&self, id: ExprId) -> &ExprInfo {
        self.exprs.get(id.0 as usize).unwrap_or(&ExprInfo::NOTHING)
    }
    fn span(&self, id: ExprId) -> Span {
        self.ast.expr(id).span
    }

    // Diagnostics.

    fn report(&mut self, diagnostic: Diagnostic) {
        let count =
            if diagnostic.severity == Severity::Error { &mut self.errors } else { &mut self.warnings };
        *count += 1;
        if *count <= MAX_DIAGNOSTICS && self.diagnostics.len() < MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic);
        } else if diagnostic.severity == Severity::Error
            && let Some(slot) = self.diagnostics.iter_mut().rev().find(|d| d.severity == Severity::Warning)
        {
            // Warnings make room for errors.
            *slot = diagnostic;
        }
    }
    /// Whether one more error would be seen; spares the work of wording those that would not.
    fn has_room(&self) -> bool {
        self.errors < MAX_DIAGNOSTICS
    }
    fn error(&mut self, code: &'static str, span: Span, message: String) {
        self.error_with(code, span, message, Vec::new(), None);
    }
    fn error_with(
        &mut self,
        code: &'static str,
        span: Span,
        message: String,
        labels: Vec<Label>,
        suggestion: Option<Suggestion>,
    ) {
        self.report(Diagnostic { code, severity: Severity::Error, message, span, labels, suggestion });
    }
    fn warn(&mut self, code: &'static str, span: Span, message: String) {
        if self.warnings < MAX_DIAGNOSTICS {
            let severity = Severity::Warning;
            self.report(Diagnostic { code, severity, message, span, labels: Vec::new(), suggestion: None });
        }
    }
    /// A type as users write it; `?` where it is not known.
    fn show(&mut self, it: It) -> String {
        match self.types.resolve(it).known() {
            Some(ty) => ty.to_string(),
            None => "value of unknown type".to_owned(),
        }
    }

    /// Makes unknown types final and hands the results over.
    fn finish(&mut self) -> Option<Checked> {
        let mut drafts = std::mem::take(&mut self.drafts);
        for draft in &mut drafts {
            self.settle_inputs(draft);
        }
        for at in 0..self.pending.len() {
            if let Some(pending) = self.pending.get(at).copied() {
                self.settle(pending);
            }
        }
        if self.constants.exhausted {
            let message = "the constants of this file come to too much work or memory".to_owned();
            self.error(super::codes::E0103, Span::default(), message);
        }
        for draft in &mut drafts {
            let body = self.final_body(draft);
            self.bodies.push(body);
        }
        if self.errors == 0 {
            self.too_deep();
            self.warn_of_unused_items();
        }
        if self.errors > 0 {
            return None;
        }
        for (id, it) in std::mem::take(&mut self.open) {
            let ty = self.types.resolve(it).known().unwrap_or(Ty::UNIT);
            if let Some(info) = self.exprs.get_mut(id.0 as usize) {
                info.ty = ty;
            }
        }
        Some(Checked {
            exprs: std::mem::take(&mut self.exprs),
            stmts: std::mem::take(&mut self.stmts),
            bodies: std::mem::take(&mut self.bodies),
            constants: std::mem::take(&mut self.constants.values),
        })
    }

    /// Constants and functions that nobody mentions. Where something is wrong, what mentions them may be what is wrong.
    fn warn_of_unused_items(&mut self) {
        let ast = self.ast;
        for item in &ast.items {
            let (code, what) = match item.kind {
                ItemKind::Const(_) => (super::codes::W0101, "used"),
                ItemKind::Fn { .. } => (super::codes::W0105, "called"),
                _ => continue,
            };
            let name = ast.symbol(item.name);
            if !self.names.is_used(item.name) && !name.starts_with('_') {
                let message = format!("`{name}` is never {what}; begin its name with `_` if that is meant");
                self.warn(code, item.name_span, message);
            }
        }
    }

    /// Where nothing else is wrong, the only types in error are those that came out deeper than types can be.
    fn too_deep(&mut self) {
        let mut deep: Option<ExprId> = None;
        for (id, it) in &self.open {
            if self.types.resolve(*it).is_error() {
                deep = Some(deep.map_or(*id, |first| first.min(*id)));
            }
        }
        if let Some(id) = deep {
            let span = self.span(id);
            self.error(super::codes::E0132, span, "arrays nest at most 63 deep".to_owned());
        }
    }

    fn settle(&mut self, pending: Pending) {
        match pending {
            Pending::Addition(it, span) => {
                let it = self.types.resolve(it);
                if let Some(ty) = it.known()
                    && ty != Ty::NUMBER
                    && ty != Ty::TEXT
                {
                    self.error(
                        super::codes::E0110,
                        span,
                        format!("`+` adds numbers or joins strings, not a {ty}"),
                    );
                }
            }
            Pending::Storable(it, span) => {
                let it = self.types.resolve(it);
                if let Some(ty) = it.known()
                    && ![Ty::NUMBER, Ty::TEXT, Ty::BOOL].contains(&ty)
                {
                    self.error(
                        super::codes::E0111,
                        span,
                        format!("a store keeps strings, numbers and bools, not a {ty}"),
                    );
                }
            }
            Pending::Literal(it, span) => {
                let it = self.types.resolve(it);
                if it.known().is_none() && !it.is_error() {
                    let message = "the type of this cannot be told from its surroundings".to_owned();
                    self.error(super::codes::E0112, span, message);
                    self.types.poison(it);
                }
            }
        }
    }

    /// Inputs whose types nobody has found out. What hangs on them has been said with that.
    fn settle_inputs(&mut self, draft: &mut Draft) {
        for (name, it, span) in &mut draft.inputs {
            let found = self.types.resolve(*it);
            if found.is_error() || found.known().is_some() {
                continue;
            }
            let name = self.ast.symbol(*name);
            let how = match draft.kind {
                BodyKind::Expression => format!("`policy main({name}: ..) {{ return ..; }}`"),
                _ => format!("a parameter list: `policy name({name}: ..)`"),
            };
            let message = format!(
                "the type of the input `{name}` cannot be told from its uses; write it down, in {how}"
            );
            self.error(super::codes::E0113, *span, message);
            self.types.poison(found);
        }
    }

    fn final_body(&mut self, draft: &mut Draft) -> Body {
        let mut inputs = Vec::with_capacity(draft.inputs.len());
        for (name, it, _) in &draft.inputs {
            let ty = self.types.resolve(*it).known().unwrap_or(Ty::UNIT);
            inputs.push(Input { name: self.ast.symbol(*name).into(), ty });
        }
        let locals =
            draft.locals.iter().map(|it| self.types.resolve(*it).known().unwrap_or(Ty::UNIT)).collect();
        let result = self.types.resolve(draft.result);
        let result = result.known().unwrap_or(Ty::UNIT);
        Body {
            kind: draft.kind,
            item: draft.item,
            params: draft.params,
            locals,
            result,
            inputs,
            mentions: draft.mentions,
            trust_at: draft.trust_at,
            effect: draft.effect,
            calls: std::mem::take(&mut draft.calls),
        }
    }
}
