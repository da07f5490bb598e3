//! Writes statements and blocks.

use super::pools::{TEXTS, quote};
use super::scope::{Gen, Kind, Style};
use eclvm_kernel::types::{Base, Ty};

/// What a block is in: what `return` must give.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Within {
    /// A policy.
    Policy,
    /// A function with this result.
    Function(Ty),
}

/// Depth of the expressions that statements hold.
const DEPTH: u32 = 3;

impl Gen {
    /// The lines of a block, braces not included; names bound in it are forgotten.
    pub fn block(&mut self, within: Within, nesting: u32, indent: usize) -> String {
        let known = self.vars.len();
        let out = self.lines(within, nesting, indent);
        self.vars.truncate(known);
        out
    }

    /// Statements; names bound by them stay in sight.
    pub fn lines(&mut self, within: Within, nesting: u32, indent: usize) -> String {
        let mut out = String::new();
        let most = if nesting == 0 { 6 } else { 3 };
        for _ in 0..1 + self.rng.below(most) {
            if self.fuel <= 0 {
                break;
            }
            self.statement(within, nesting, indent, &mut out);
        }
        out
    }

    fn line(&self, indent: usize, text: &str, out: &mut String) {
        out.push_str(&"  ".repeat(indent));
        out.push_str(text);
        out.push('\n');
    }

    /// A block in braces after `head`; narrowings and bindings of `before` hold in it.
    fn nested(&mut self, head: &str, within: Within, nesting: u32, indent: usize, out: &mut String) {
        self.line(indent, &format!("{head} {{"), out);
        let body = self.block(within, nesting + 1, indent + 1);
        out.push_str(&body);
    }

    fn statement(&mut self, within: Within, nesting: u32, indent: usize, out: &mut String) {
        let deep = nesting >= 3;
        let plain = self.style == Style::Plain;
        let loops = if deep || plain { 0 } else { 1 };
        let writes = match (self.writes, self.style) {
            (false, _) | (_, Style::Plain) => 0,
            (true, Style::All) => 4,
            (true, Style::Stateful) => 12,
        };
        let weights: [u32; 13] = [
            26,
            13,
            if within == Within::Policy && self.style != Style::Stateful { 12 } else { 4 },
            if deep { 0 } else { 13 },
            6 * loops,
            6 * loops,
            5 * loops,
            if self.loops > 0 { 6 } else { 0 },
            if nesting > 0 { 4 } else { 1 },
            writes,
            if plain { 0 } else { 4 },
            if plain { 0 } else { 4 + 2 * writes },
            3,
        ];
        match self.rng.weighted(&weights) {
            0 => self.let_(indent, out),
            1 => self.assign(indent, out),
            2 => self.require(indent, out),
            3 => self.if_(within, nesting, indent, out),
            4 => self.for_range(within, nesting, indent, out),
            5 => self.for_each(within, nesting, indent, out),
            6 => self.while_(within, nesting, indent, out),
            7 => {
                let text = self.rng.pick(&["break;", "continue;"]);
                self.line(indent, text, out);
            }
            8 => {
                let text = self.return_(within);
                self.line(indent, &text, out);
            }
            9 => {
                let name = quote(self.rng.pick(TEXTS));
                let payload = if self.rng.often(800) {
                    let ty = self.ty(2);
                    format!(", {}", self.exact(ty, DEPTH).0)
                } else {
                    String::new()
                };
                self.line(indent, &format!("emit {name}{payload};"), out);
            }
            10 => {
                let text = self.exact(Ty::TEXT, DEPTH).0;
                self.line(indent, &format!("log({text});"), out);
            }
            11 => {
                let text = if self.writes { self.write(DEPTH).0 } else { self.exact(Ty::BOOL, DEPTH).0 };
                self.line(indent, &format!("{text};"), out);
            }
            _ => {
                let mut name = self.fresh("K");
                // Two constants of one name in one block are an error.
                if self.vars.iter().any(|v| v.name == name && v.kind == Kind::Const) {
                    self.count += 1;
                    name = format!("K{}", self.count);
                }
                let ty = self.constant_ty();
                let value = self.constant_of(ty);
                self.line(indent, &format!("const {name} = {value};"), out);
                self.bind(&name, ty, Kind::Const);
            }
        }
    }

    /// A type that constants of the generator have.
    pub fn constant_ty(&mut self) -> Ty {
        if self.style == Style::Plain {
            return self.rng.pick(&[Ty::NUMBER, Ty::BOOL]);
        }
        let array = |ty: Ty| ty.array().expect("shallow");
        self.rng.pick(&[
            Ty::NUMBER,
            Ty::NUMBER,
            Ty::TEXT,
            Ty::BOOL,
            Ty::DID,
            Ty::TRUST,
            array(Ty::NUMBER),
            array(Ty::TEXT),
        ])
    }
    /// An expression that folds without a fault.
    pub fn constant_of(&mut self, ty: Ty) -> String {
        self.constant = true;
        let text = self.exact(ty, 2).0;
        self.constant = false;
        text
    }

    fn let_(&mut self, indent: usize, out: &mut String) {
        let ty = self.ty(2);
        let name = self.fresh("v");
        let (mark, value) = if ty.is_optional() || ty.is_array() || self.rng.often(350) {
            (format!(": {ty}"), self.fit(ty, DEPTH).0)
        } else {
            (String::new(), self.exact(ty, DEPTH).0)
        };
        self.line(indent, &format!("let {name}{mark} = {value};"), out);
        self.bind(&name, ty, Kind::Assignable);
    }

    fn assign(&mut self, indent: usize, out: &mut String) {
        let loops = self.loops;
        // A narrowed name is assigned to only where it was narrowed in the same loop: later rounds would see it.
        let found = self.in_sight(|v| {
            v.kind == Kind::Assignable && v.narrowed.is_none_or(|at| at == loops) && !v.name.starts_with("c_")
        });
        if found.is_empty() {
            return self.let_(indent, out);
        }
        let i = self.rng.pick(&found);
        let (name, ty, narrowed) = (self.vars[i].name.clone(), self.vars[i].ty, self.vars[i].narrowed);
        let declared = if narrowed.is_some() { ty.opt() } else { ty };
        let value = self.fit(declared, DEPTH).0;
        self.line(indent, &format!("{name} = {value};"), out);
        if narrowed.is_some() {
            for var in self.vars.iter_mut().filter(|v| v.name == name) {
                if var.narrowed.take().is_some() {
                    var.ty = var.ty.opt();
                }
            }
        }
    }

    fn require(&mut self, indent: usize, out: &mut String) {
        let message =
            if self.rng.often(600) { format!(", {}", quote(self.rng.pick(TEXTS))) } else { String::new() };
        if self.rng.often(200)
            && let Some(i) = self.optional_var()
        {
            let name = self.vars[i].name.clone();
            self.line(indent, &format!("require {name} != null{message};"), out);
            self.narrow_here(i);
            return;
        }
        let mut cond = self.exact(Ty::BOOL, DEPTH).0;
        if self.rng.often(400) {
            cond = format!("({cond}) || {}", self.rng.pick(&["true", "now > 0 || now <= 0", "1 < 2"]));
            if self.vars.iter().any(|v| v.name == "now" && v.ty != Ty::NUMBER) {
                cond = cond.replace("now > 0 || now <= 0", "true");
            }
        }
        self.line(indent, &format!("require {cond}{message};"), out);
    }

    /// From here to the end of the block a name is not null.
    fn narrow_here(&mut self, i: usize) {
        let mut var = self.vars[i].clone();
        var.ty = var.ty.required();
        var.narrowed = Some(self.loops);
        self.vars.push(var);
    }

    fn if_(&mut self, within: Within, nesting: u32, indent: usize, out: &mut String) {
        if self.rng.often(300)
            && let Some(i) = self.optional_var()
        {
            let name = self.vars[i].name.clone();
            match self.rng.below(3) {
                0 => {
                    self.line(indent, &format!("if {name} == null {{"), out);
                    let leave = match self.rng.below(2) {
                        0 if self.loops > 0 => self.rng.pick(&["break;", "continue;"]).to_owned(),
                        _ => self.return_(within),
                    };
                    self.line(indent + 1, &leave, out);
                    self.line(indent, "}", out);
                    self.narrow_here(i);
                }
                _ => {
                    let known = self.vars.len();
                    self.narrow_here(i);
                    self.nested(&format!("if {name} != null"), within, nesting, indent, out);
                    let assigned = self.vars.get(known).is_some_and(|v| v.narrowed.is_none());
                    self.vars.truncate(known);
                    if self.rng.often(400) && !assigned {
                        self.nested("} else", within, nesting, indent, out);
                    }
                    self.line(indent, "}", out);
                }
            }
            return;
        }
        let cond = self.exact(Ty::BOOL, DEPTH).0;
        self.nested(&format!("if {cond}"), within, nesting, indent, out);
        while self.rng.often(250) && self.fuel > 0 {
            let cond = self.exact(Ty::BOOL, DEPTH - 1).0;
            self.nested(&format!("}} else if {cond}"), within, nesting, indent, out);
        }
        if self.rng.often(450) {
            self.nested("} else", within, nesting, indent, out);
        }
        self.line(indent, "}", out);
    }

    /// A loop's body, with its variable in sight; ends in the closing brace.
    fn body(
        &mut self,
        head: &str,
        var: Option<(&str, Ty)>,
        within: Within,
        nesting: u32,
        indent: usize,
        out: &mut String,
    ) {
        let known = self.vars.len();
        // Narrowings from outside do not hold in a body that may assign: forget those of what can be assigned to.
        let outer: Vec<_> = self
            .vars
            .iter()
            .filter(|v| v.narrowed.is_some() && v.kind == Kind::Assignable)
            .cloned()
            .collect();
        for mut v in outer {
            v.narrowed = None;
            v.ty = v.ty.opt();
            v.kind = Kind::Fixed;
            self.vars.push(v);
        }
        if let Some((name, ty)) = var {
            self.bind(name, ty, Kind::Assignable);
        }
        self.loops += 1;
        self.nested(head, within, nesting, indent, out);
        self.loops -= 1;
        self.vars.truncate(known);
        self.line(indent, "}", out);
    }

    fn for_range(&mut self, within: Within, nesting: u32, indent: usize, out: &mut String) {
        let bounds = match self.rng.below(12) {
            0 => format!("{}..{}", self.exact(Ty::NUMBER, 1).0, self.exact(Ty::NUMBER, 1).0),
            1 => format!("-2..{}", self.rng.below(3)),
            2 => {
                let ty = self.operand_ty().array().expect("shallow");
                format!("0..array_len({})", self.exact(ty, 1).0)
            }
            3 => format!("({})..(2 + 1)", self.rng.below(3)),
            4 => format!("0..floor(abs({}) % 4)", self.exact(Ty::NUMBER, 1).0),
            _ => format!("{}..{}", self.rng.below(2), self.rng.below(5)),
        };
        let var = self.fresh("i");
        self.body(&format!("for {var} in {bounds}"), Some((&var, Ty::NUMBER)), within, nesting, indent, out);
    }

    fn for_each(&mut self, within: Within, nesting: u32, indent: usize, out: &mut String) {
        let ty = self.operand_ty();
        let over = self.exact(ty.array().expect("shallow"), 2).0;
        let var = self.fresh("x");
        self.body(&format!("for {var} in {over}"), Some((&var, ty)), within, nesting, indent, out);
    }

    fn while_(&mut self, within: Within, nesting: u32, indent: usize, out: &mut String) {
        match self.rng.below(10) {
            0 => self.body("while true", None, within, nesting, indent, out),
            1 => {
                let cond = self.exact(Ty::BOOL, 2).0;
                self.body(&format!("while {cond}"), None, within, nesting, indent, out);
            }
            2 | 3 => {
                let ty = self.operand_ty();
                self.count += 1;
                let name = format!("c_{}", self.count);
                let first = self.fit(ty.opt(), 2).0;
                self.line(indent, &format!("let {name}: {} = {first};", ty.opt()), out);
                self.bind(&name, ty.opt(), Kind::Assignable);
                let known = self.vars.len();
                self.bind(&name, ty, Kind::Fixed);
                self.loops += 1;
                self.nested(&format!("while {name} != null"), within, nesting, indent, out);
                self.loops -= 1;
                self.vars.truncate(known);
                let next = if self.rng.often(800) { "null".to_owned() } else { self.leaf(ty).0 };
                self.line(indent + 1, &format!("{name} = {next};"), out);
                self.line(indent, "}", out);
            }
            _ => {
                self.count += 1;
                let name = format!("c_{}", self.count);
                self.line(indent, &format!("let {name} = 0;"), out);
                self.bind(&name, Ty::NUMBER, Kind::Assignable);
                let most = self.rng.below(4);
                self.line(indent, &format!("while {name} < {most} {{"), out);
                self.line(indent + 1, &format!("{name} = {name} + 1;"), out);
                self.loops += 1;
                let body = self.block(within, nesting + 1, indent + 1);
                self.loops -= 1;
                out.push_str(&body);
                self.line(indent, "}", out);
            }
        }
    }

    /// A `return`.
    pub fn return_(&mut self, within: Within) -> String {
        match within {
            Within::Policy if self.rng.often(300) => "return;".to_owned(),
            Within::Policy => format!("return {};", self.exact(Ty::BOOL, DEPTH).0),
            Within::Function(ty) if ty.base() == Base::Unit => "return;".to_owned(),
            Within::Function(ty) => format!("return {};", self.fit(ty, DEPTH).0),
        }
    }
}
