//! Writes operators and builtins that give a wanted type.

use super::expr::Text;
use super::pools::{DIDS, KEYS, METRICS, REALMS, SCHEMAS, quote};
use super::scope::{Gen, Kind, Style};
use eclvm_kernel::types::{Base, Ty};

impl Gen {
    pub(super) fn chain(&mut self, ty: Ty, operators: &[&str], level: u8, d: u32) -> Text {
        let mut text = self.exact(ty, d).at(level);
        loop {
            let operator = self.rng.pick(operators);
            let right = self.exact(ty, d).at(level + 1);
            text = format!("{text} {operator} {right}");
            if !self.rng.often(350) {
                return Text(text, level);
            }
        }
    }

    /// `name(args)`
    pub(super) fn builtin(&mut self, name: &str, args: &[Ty], d: u32) -> Text {
        let args: Vec<String> = args.iter().map(|ty| self.fit(*ty, d).0).collect();
        Text::atom(format!("{name}({})", args.join(", ")))
    }

    /// An operator or builtin that gives this type.
    pub(super) fn operation(&mut self, ty: Ty, d: u32) -> Text {
        if ty.is_optional() {
            return if self.rng.often(300) { self.ternary(ty, d) } else { self.leaf(ty) };
        }
        if let Some(elem) = ty.elem() {
            return self.literal_array(elem, d, false);
        }
        match ty.base() {
            Base::Number => self.number(d),
            Base::Bool => self.truth(d),
            Base::Text if self.rng.often(600) => self.chain(Ty::TEXT, &["+"], 6, d),
            Base::Did if self.rng.often(400) && !self.constant => {
                let text = if self.rng.often(700) {
                    Text::atom(quote(self.rng.pick(DIDS)))
                } else {
                    self.exact(Ty::TEXT, d)
                };
                Text::atom(format!("did({})", text.0))
            }
            Base::Trust => self.trust(d),
            _ => self.leaf(ty),
        }
    }

    fn number(&mut self, d: u32) -> Text {
        const N: Ty = Ty::NUMBER;
        const T: Ty = Ty::TRUST;
        if self.constant {
            return match self.rng.below(5) {
                0 => self.chain(N, &["+", "-"], 6, d),
                1 => self.chain(N, &["*"], 7, d),
                2 => self.builtin("max", &[N, N], d),
                3 => self.builtin("str_len", &[Ty::TEXT], d),
                _ => self.leaf(N),
            };
        }
        let kind = match self.style {
            Style::Plain => self.rng.pick(&[0, 0, 6, 9, 10, 10, 12, 14, 18, 19, 20, 23, 23, 34, 37]),
            Style::Stateful if self.rng.often(350) => return self.stored_number(),
            _ => self.rng.below(38),
        };
        match kind {
            0..=5 => self.chain(N, &["+", "-"], 6, d),
            6..=8 => self.chain(N, &["*", "*", "*", "/", "%"], 7, d),
            9 => Text(format!("-{}", self.exact(N, d).at(8)), 8),
            10 | 11 => {
                let field = self.rng.pick(&["r", "i", "c", "p", "v", "omega"]);
                Text::atom(format!("{}.{field}", self.exact(T, d).at(9)))
            }
            12 => self.builtin("trust_norm", &[T], d),
            13 => {
                let vector = self.exact(T, d);
                let weights = match self.rng.below(3) {
                    0 => "[1, 1, 1, 1, 1, 1]".to_owned(),
                    1 => format!("[1, {}, 0.5, 2, 0, 1]", self.exact(N, d).0),
                    _ => self.exact(N.array().expect("shallow"), d).0,
                };
                Text::atom(format!("trust_weighted({}, {weights})", vector.0))
            }
            14 => self.builtin("trust_distance", &[T, T], d),
            15 => self.builtin("get_balance", &[Ty::DID], d),
            16 => Text::atom("member_count()"),
            17 => Text::atom("trust_threshold()"),
            18 => Text::atom("get_timestamp()"),
            19 => self.builtin("time_since", &[N], d),
            20 | 21 => {
                let name = self.rng.pick(&["abs", "floor", "ceil", "round"]);
                self.builtin(name, &[N], d)
            }
            22 => {
                let inner = self.exact(N, d).0;
                Text::atom(if self.rng.often(700) {
                    format!("sqrt(abs({inner}))")
                } else {
                    format!("sqrt({inner})")
                })
            }
            23 | 24 => {
                let name = self.rng.pick(&["min", "max"]);
                self.builtin(name, &[N, N], d)
            }
            25 if self.rng.often(700) => Text::atom(format!(
                "clamp({}, 0, {})",
                self.exact(N, d).0,
                self.rng.pick(&["1", "0.5", "10"])
            )),
            25 => self.builtin("clamp", &[N, N, N], d),
            26 => self.builtin("lerp", &[N, N, N], d),
            27 => {
                let inner = self.exact(N, d).0;
                Text::atom(if self.rng.often(700) {
                    format!("surprisal(clamp({inner}, 0.001, 1))")
                } else {
                    format!("surprisal({inner})")
                })
            }
            28 | 29 => self.builtin("str_len", &[Ty::TEXT], d),
            30 | 31 => {
                let array = self.plain_ty(1).array().expect("shallow");
                Text::atom(format!("array_len({})", self.exact(array, d).0))
            }
            32 | 33 => self.quantifier("count", d),
            34 => Text::atom("now"),
            _ => self.leaf(N),
        }
        .known(self, N)
    }

    fn truth(&mut self, d: u32) -> Text {
        const B: Ty = Ty::BOOL;
        const S: Ty = Ty::TEXT;
        let n = match self.style {
            _ if self.constant => self.rng.below(24),
            Style::Plain => self.rng.pick(&[0, 0, 0, 6, 6, 10, 10, 14, 17, 22, 24, 29, 29, 43, 57]),
            Style::Stateful if self.writes && self.rng.often(300) => return self.write(d),
            _ => self.rng.below(58),
        };
        match n {
            0..=5 => self.chain_once(Ty::NUMBER, &["<", "<=", ">", ">="], 5, d),
            6..=9 => {
                let ty = self.operand_ty();
                self.chain_once(ty, &["==", "!="], 4, d)
            }
            10..=13 => self.chain(B, &["&&"], 3, d),
            14..=16 => self.chain(B, &["||"], 2, d),
            17 | 18 => Text(format!("!{}", self.exact(B, d).at(8)), 8),
            19 => {
                let name = self.rng.pick(&[
                    "str_contains",
                    "str_starts_with",
                    "str_ends_with",
                    "str_eq_ignore_case",
                ]);
                self.builtin(name, &[S, S], d)
            }
            20 | 21 => {
                let ty = self.operand_ty();
                let (needle, hay) = (self.exact(ty, d), self.exact(ty.array().expect("shallow"), d));
                if self.rng.often(400) {
                    Text::atom(format!("contains({}, {})", needle.0, hay.0))
                } else {
                    Text(format!("{} in {}", needle.at(5), hay.at(6)), 5)
                }
            }
            22 => self.builtin("trust_above_threshold", &[Ty::TRUST, Ty::NUMBER], d),
            23 => self.leaf(B),
            24..=28 => self.null_test(d),
            29..=33 => self.narrowing_logic(d),
            34..=37 => {
                let name = self.rng.pick(&["any", "all"]);
                self.quantifier(name, d)
            }
            38 | 39 => {
                let did = self.exact(Ty::DID, d).0;
                let schema =
                    if self.rng.often(800) { quote(self.rng.pick(SCHEMAS)) } else { self.exact(S, d).0 };
                Text::atom(format!("has_credential({did}, {schema})"))
            }
            40 => self.builtin("resolve_did", &[Ty::DID], d),
            41 | 42 => self.builtin("is_member", &[Ty::DID], d),
            43..=45 => {
                let ty = self.operand_ty();
                let optional = ty.opt();
                let (l, r) = (
                    self.exact(optional, d),
                    if self.rng.often(600) { self.exact(ty, d) } else { self.exact(optional, d) },
                );
                let (l, r) = if self.rng.often(500) { (l, r) } else { (r, l) };
                Text(format!("{} {} {}", l.at(5), self.rng.pick(&["==", "!="]), r.at(5)), 4)
            }
            46 | 50 | 51 if self.crossings => {
                let realm =
                    if self.rng.often(800) { quote(self.rng.pick(REALMS)) } else { self.exact(S, d).0 };
                Text::atom(format!("cross_realm({realm})"))
            }
            47..=49 if self.writes => self.write(d),
            _ => self.leaf(B),
        }
        .known(self, B)
    }

    fn chain_once(&mut self, ty: Ty, operators: &[&str], level: u8, d: u32) -> Text {
        let left = self.exact(ty, d).at(level + 1);
        let right = self.exact(ty, d).at(level + 1);
        Text(format!("{left} {} {right}", self.rng.pick(operators)), level)
    }

    /// A number that a run may have written itself.
    fn stored_number(&mut self) -> Text {
        match self.rng.below(5) {
            0 => Text(format!("get_metric({}) ?? -1", quote(self.rng.pick(&METRICS[..3]))), 1),
            1 => Text::atom(format!("load_trust({}).r", self.rng.pick(&DIDS[..5]))),
            2 => Text(format!("(store_get_bool({}) ?? false) ? 1 : 2", quote(self.rng.pick(&KEYS[..5]))), 0),
            3 => Text::atom(format!("str_len(store_get({}) ?? \"\")", quote(self.rng.pick(&KEYS[..5])))),
            _ => Text(format!("store_get_number({}) ?? 0", quote(self.rng.pick(&KEYS[..5]))), 1),
        }
    }

    /// A builtin that writes.
    pub fn write(&mut self, d: u32) -> Text {
        let key = if self.rng.often(800) { quote(self.rng.pick(KEYS)) } else { self.exact(Ty::TEXT, d).0 };
        match self.rng.below(6) {
            0..=2 => {
                let ty = self.rng.pick(&[Ty::NUMBER, Ty::TEXT, Ty::BOOL]);
                Text::atom(format!("store_put({key}, {})", self.exact(ty, d).0))
            }
            3 => Text::atom(format!("store_delete({key})")),
            4 => {
                let delta = if self.rng.often(700) { self.rng.pick(&["0.1", "-0.25", "0.5"]) } else { "" };
                let delta = if delta.is_empty() { self.exact(Ty::NUMBER, d).0 } else { delta.to_owned() };
                Text::atom(format!("update_trust({}, {delta})", self.exact(Ty::DID, d).0))
            }
            _ => Text::atom(format!("cast_vote({key}, {})", self.exact(Ty::BOOL, d).0)),
        }
    }

    pub(super) fn null_test(&mut self, d: u32) -> Text {
        let Some(var) = self.optional_var() else { return self.narrowing_logic(d) };
        let name = self.vars[var].name.clone();
        Text(format!("{name} {} null", self.rng.pick(&["==", "!="])), 4)
    }

    pub(super) fn narrowing_logic(&mut self, d: u32) -> Text {
        let Some(var) = self.optional_var() else { return self.leaf(Ty::BOOL) };
        let name = self.vars[var].name.clone();
        let ty = self.vars[var].ty.required();
        let rest = self.narrowed(var, |g| {
            // Often about the name itself, so that the narrowing matters.
            if g.rng.often(400) && !ty.is_array() && ty.base() == Base::Bool {
                Text::atom(name.clone())
            } else if g.rng.often(400) {
                let other = g.exact(ty, d.saturating_sub(1)).at(5);
                Text(format!("{name} == {other}"), 4)
            } else {
                g.exact(Ty::BOOL, d)
            }
        });
        match self.rng.below(3) {
            0 => Text(format!("{name} == null || {}", rest.at(3)), 2),
            1 => Text(format!("!({name} == null) && {}", rest.at(4)), 3),
            _ => Text(format!("{name} != null && {}", rest.at(4)), 3),
        }
    }

    fn quantifier(&mut self, name: &str, d: u32) -> Text {
        let elem = self.operand_ty();
        let hay = self.exact(elem.array().expect("shallow"), d);
        let var = self.fresh("q");
        let known = self.vars.len();
        self.bind(&var, elem, Kind::Fixed);
        let body = self.exact(Ty::BOOL, d);
        self.vars.truncate(known);
        Text::atom(format!("{name}({var} in {}, {})", hay.0, body.0))
    }

    fn trust(&mut self, d: u32) -> Text {
        const N: Ty = Ty::NUMBER;
        match self.rng.below(8) {
            0 | 1 => self.builtin("trust_combine", &[Ty::TRUST, Ty::TRUST], d),
            2 => {
                let one = self.exact(N, d).0;
                let one = if self.rng.often(800) { format!("clamp({one}, 0, 1)") } else { one };
                if self.constant {
                    self.leaf(Ty::TRUST)
                } else {
                    Text::atom(format!("trust_create(0.5, {one}, 0, 1, 0.25, 0.75)"))
                }
            }
            3 | 4 if !self.constant => self.builtin("load_trust", &[Ty::DID], d),
            _ => self.leaf(Ty::TRUST),
        }
    }
}
