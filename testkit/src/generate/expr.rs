//! Writes expressions of a wanted type.
//!
//! `exact` gives an expression whose own type is the wanted one; `fit` may also give a `T`, a `null` or an array literal
//! with such elements where a `T?` is wanted, for places that say what they expect. Operators appear with as few
//! parentheses as their levels need, and sometimes with more.

use super::pools::{DIDS, KEYS, METRICS, NUMBERS, TEXTS, quote};
use super::scope::{Fun, Gen, Style, Var};
use eclvm_kernel::types::{Base, Ty};

/// An expression and the level of its outermost operator: 0 `?:`, 1 `??`, 2 `||`, 3 `&&`, 4 `==`, 5 `<`, 6 `+`, 7 `*`,
/// 8 unary, 9 all else.
pub struct Text(pub String, pub u8);

impl Text {
    /// Something that never needs parentheses.
    pub fn atom(text: impl Into<String>) -> Text {
        Text(text.into(), 9)
    }
    /// As an operand of something of that level.
    pub(super) fn at(self, level: u8) -> String {
        if self.1 < level { format!("({})", self.0) } else { self.0 }
    }
}

impl Gen {
    /// An expression of exactly this type.
    pub fn exact(&mut self, ty: Ty, depth: u32) -> Text {
        let text = self.plain(ty, depth);
        if self.rng.often(25) { Text::atom(format!("({})", text.0)) } else { text }
    }

    fn plain(&mut self, ty: Ty, depth: u32) -> Text {
        if self.tired(depth) {
            return self.leaf(ty);
        }
        let d = depth - 1;
        match self.rng.weighted(&[28, 6, 5, 4, 4, 5, 52]) {
            0 => self.leaf(ty),
            1 => self.ternary(ty, d),
            2 => self.coalesce(ty, d),
            3 => self.narrowing_ternary(ty, d),
            4 if !self.constant && self.style != Style::Plain => self.element(ty, d),
            5 => match self.fun_of(ty) {
                Some(fun) => self.call(fun, d),
                None => self.operation(ty, d),
            },
            _ => self.operation(ty, d),
        }
    }

    /// An expression where `ty` is expected: also a `T` for a `T?`.
    pub fn fit(&mut self, ty: Ty, depth: u32) -> Text {
        if self.tired(depth) && !ty.is_array() {
            return if ty.is_optional() && self.rng.often(300) {
                Text::atom("null")
            } else {
                self.leaf(ty.required())
            };
        }
        if ty.is_optional() {
            return match self.rng.weighted(&[20, 40, 25, 6]) {
                0 => Text::atom("null"),
                1 => self.fit(ty.required(), depth),
                2 => self.exact(ty, depth),
                _ => {
                    let d = depth.saturating_sub(1);
                    let (c, a, b) = (self.exact(Ty::BOOL, d), self.fit(ty, d), self.fit(ty, d));
                    Text(format!("{} ? {} : {}", c.at(1), a.at(0), b.at(0)), 0)
                }
            };
        }
        match ty.elem() {
            Some(elem) if self.rng.often(700) => self.literal_array(elem, depth, true),
            _ => self.exact(ty, depth),
        }
    }

    pub(super) fn literal_array(&mut self, elem: Ty, depth: u32, fit: bool) -> Text {
        let d = depth.saturating_sub(1);
        let short = self.fuel <= 0 || depth == 0;
        let len = if short {
            1 + self.rng.below(2)
        } else {
            u64::from(!fit) + self.rng.below(if elem.is_array() { 3 } else { 5 })
        };
        let items: Vec<String> =
            (0..len).map(|_| if fit { self.fit(elem, d).0 } else { self.exact(elem, d).0 }).collect();
        let comma = if len > 0 && self.rng.often(40) { "," } else { "" };
        Text::atom(format!("[{}{comma}]", items.join(", ")))
    }

    /// Something short.
    pub fn leaf(&mut self, ty: Ty) -> Text {
        if self.rng.often(650)
            && let Some(name) = self.var_of(ty)
        {
            return Text::atom(name);
        }
        if self.inferring && !ty.is_optional() && !self.constant && self.rng.often(self.free_names) {
            return Text::atom(self.input(ty));
        }
        if ty.is_optional() {
            return self.optional_leaf(ty);
        }
        if let Some(elem) = ty.elem() {
            return self.literal_array(elem, 0, false);
        }
        Text::atom(match ty.base() {
            Base::Number if self.rng.often(60) => return Text(format!("-{}", self.rng.pick(NUMBERS)), 8),
            Base::Number => self.rng.pick(NUMBERS).to_owned(),
            Base::Bool => self.rng.pick(&["true", "false"]).to_owned(),
            Base::Text => quote(self.rng.pick(TEXTS)),
            Base::Did => self.rng.pick(DIDS).to_owned(),
            Base::Trust => match self.rng.below(4) {
                0 if !self.constant && self.style != Style::Plain => {
                    format!("load_trust({})", self.rng.pick(DIDS))
                }
                1 if !self.constant => "trust".to_owned(),
                _ => "trust_create(0.1, 0.5, 0.25, 1, 0.9, 0)".to_owned(),
            },
            Base::Unit => unreachable!("no expression is wanted to have no value"),
        })
        .known(self, ty)
    }

    /// An optional that something other than its surroundings makes optional.
    fn optional_leaf(&mut self, ty: Ty) -> Text {
        if let Some(name) = self.var_of(ty) {
            return Text::atom(name);
        }
        let required = ty.required();
        for (base, name) in
            [(Base::Number, "store_get_number"), (Base::Text, "store_get"), (Base::Bool, "store_get_bool")]
        {
            if Gen::is_scalar(required, base) && !self.constant && self.style != Style::Plain {
                if base == Base::Number && self.rng.often(400) {
                    return Text::atom(format!("get_metric({})", quote(self.rng.pick(METRICS))));
                }
                return Text::atom(format!("{name}({})", quote(self.rng.pick(KEYS))));
            }
        }
        if let Some(fun) = self.fun_of(ty) {
            return self.call(fun, 0);
        }
        // What is on both arms makes it optional: one of them null.
        let value = self.leaf(required).at(1);
        Text::atom(format!("(true ? {value} : null)"))
    }

    /// A free name that becomes an input.
    fn input(&mut self, ty: Ty) -> String {
        if let Some((name, _)) = self.inferred.iter().find(|(_, known)| *known == ty)
            && self.rng.often(500)
        {
            return name.clone();
        }
        let name = format!("in{}", self.inferred.len());
        self.inferred.push((name.clone(), ty));
        name
    }

    pub(super) fn ternary(&mut self, ty: Ty, d: u32) -> Text {
        let (c, a, b) = (self.exact(Ty::BOOL, d), self.exact(ty, d), self.exact(ty, d));
        Text(format!("{} ? {} : {}", c.at(1), a.at(0), b.at(0)), 0)
    }

    fn coalesce(&mut self, ty: Ty, d: u32) -> Text {
        let optional = ty.opt();
        let mut text = self.exact(optional, d).at(2);
        while self.rng.often(200) {
            text = format!("{text} ?? {}", self.exact(optional, d).at(2));
        }
        let last = self.exact(ty, d).at(2);
        Text(format!("{text} ?? {last}"), 1)
    }

    /// With a name narrowed for the time of `write`.
    pub fn narrowed<T>(&mut self, var: usize, write: impl FnOnce(&mut Gen) -> T) -> T {
        let loops = self.loops;
        let Var { name, ty, kind, .. } = self.vars[var].clone();
        let known = self.vars.len();
        self.vars.push(Var { name, ty: ty.required(), kind, narrowed: Some(loops) });
        let text = write(self);
        self.vars.remove(known);
        text
    }

    fn narrowing_ternary(&mut self, ty: Ty, d: u32) -> Text {
        let Some(var) = self.optional_var() else { return self.operation(ty, d) };
        let name = self.vars[var].name.clone();
        if self.rng.often(500) {
            let a = self.narrowed(var, |g| g.exact(ty, d));
            let b = self.exact(ty, d);
            Text(format!("{name} != null ? {} : {}", a.at(0), b.at(0)), 0)
        } else {
            let a = self.exact(ty, d);
            let b = self.narrowed(var, |g| g.exact(ty, d));
            Text(format!("null == {name} ? {} : {}", a.at(0), b.at(0)), 0)
        }
    }

    /// An element of an array.
    fn element(&mut self, ty: Ty, d: u32) -> Text {
        let Some(array) = ty.array() else { return self.leaf(ty) };
        if ty.depth() > 1 || (ty.is_optional() && self.var_of(array).is_none()) {
            return self.leaf(ty);
        }
        let text = self.exact(array, d);
        let index = if self.rng.often(850) {
            Text::atom(self.rng.below(3).to_string())
        } else {
            self.exact(Ty::NUMBER, d)
        };
        Text::atom(if self.rng.often(300) {
            format!("array_get({}, {})", text.0, index.0)
        } else {
            format!("{}[{}]", text.at(9), index.0)
        })
    }

    /// A call of a user function.
    pub fn call(&mut self, fun: usize, d: u32) -> Text {
        let Fun { name, params, countdown, .. } = self.funs[fun].clone();
        let mut args = Vec::new();
        for (i, ty) in params.iter().enumerate() {
            args.push(match (i, countdown, self.myself == Some(fun)) {
                (0, true, true) if self.rng.often(20) => "n".to_owned(),
                (0, true, true) => "n - 1".to_owned(),
                (0, true, false) => self.rng.below(6).to_string(),
                _ => self.fit(*ty, d).0,
            });
        }
        Text::atom(format!("{name}({})", args.join(", ")))
    }
}

impl Text {
    /// Itself, unless the standard input that it names is hidden by a name of another type: then a literal.
    pub(super) fn known(self, gen_: &mut Gen, ty: Ty) -> Text {
        let standard = matches!(self.0.as_str(), "now" | "trust");
        let hidden =
            standard && gen_.vars.iter().rev().find(|v| v.name == self.0).is_some_and(|v| v.ty != ty);
        if !hidden {
            self
        } else if ty == Ty::NUMBER {
            Text::atom("1")
        } else {
            Text::atom("trust_create(0, 0, 0, 0, 0, 0)")
        }
    }
}
