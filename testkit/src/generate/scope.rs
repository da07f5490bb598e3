//! What a generated program knows while it is being written: names in sight, functions, how much may still be written.

use super::rng::Rng;
use eclvm_kernel::types::{Base, Ty};

/// What a name is bound by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A constant.
    Const,
    /// An input, declared, inferred or standard, or the variable of a quantifier: cannot be assigned to.
    Fixed,
    /// A `let`, loop variable or function parameter.
    Assignable,
}

/// A name in sight.
#[derive(Clone, Debug)]
pub struct Var {
    /// The name.
    pub name: String,
    /// Its type, narrowed where a null test holds.
    pub ty: Ty,
    /// What binds it.
    pub kind: Kind,
    /// The loop depth at which it was narrowed.
    pub narrowed: Option<u32>,
}

/// A function that may be called.
#[derive(Clone, Debug)]
pub struct Fun {
    /// The name.
    pub name: String,
    /// Types of its parameters.
    pub params: Vec<Ty>,
    /// What it returns.
    pub result: Ty,
    /// Whether its first parameter counts down to the end of a recursion.
    pub countdown: bool,
}

/// What a program is mostly about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Everything.
    All,
    /// Numbers, truth values and trust only, without loops, calls and reads: engines have short cuts for these.
    Plain,
    /// Writes, and reads of what was written.
    Stateful,
}

/// The writer's state.
#[derive(Debug)]
pub struct Gen {
    /// What it is about.
    pub style: Style,
    /// Randomness.
    pub rng: Rng,
    /// Names in sight, innermost last; one hides earlier ones of the same name.
    pub vars: Vec<Var>,
    /// All functions; `callable_from` says which may be called.
    pub funs: Vec<Fun>,
    /// Functions from this one on may be called freely.
    pub callable_from: usize,
    /// The function that is being written, if it counts down.
    pub myself: Option<usize>,
    /// Whether free names may become inputs, and those that have.
    pub inferring: bool,
    /// How often, in a thousand, something short is a free name.
    pub free_names: u64,
    /// Inferred inputs.
    pub inferred: Vec<(String, Ty)>,
    /// Whether only what folds without a fault may be written.
    pub constant: bool,
    /// Whether writes may be written.
    pub writes: bool,
    /// Whether other realms may be asked.
    pub crossings: bool,
    /// Open loops.
    pub loops: u32,
    /// Expressions that may still be written before only short ones are.
    pub fuel: i32,
    /// For fresh names.
    pub count: u32,
}

/// A number in [0, 4) names a scalar type.
const SCALARS: [Ty; 5] = [Ty::NUMBER, Ty::BOOL, Ty::TEXT, Ty::DID, Ty::TRUST];

impl Gen {
    /// An empty program.
    pub fn new(rng: Rng) -> Gen {
        Gen {
            style: Style::All,
            rng,
            vars: Vec::new(),
            funs: Vec::new(),
            callable_from: 0,
            myself: None,
            inferring: false,
            free_names: 200,
            inferred: Vec::new(),
            constant: false,
            writes: true,
            crossings: true,
            loops: 0,
            fuel: 0,
            count: 0,
        }
    }
    /// A type; arrays nest up to `depth`.
    pub fn ty(&mut self, depth: u32) -> Ty {
        if self.style == Style::Plain {
            let ty = self.rng.pick(&[Ty::NUMBER, Ty::NUMBER, Ty::BOOL, Ty::TRUST]);
            return if self.rng.often(150) { ty.opt() } else { ty };
        }
        let ty = match self.rng.weighted(&[34, 20, 16, 8, 9, if depth > 0 { 14 } else { 0 }]) {
            5 => self.ty(depth - 1).array().expect("shallow"),
            i => SCALARS[i],
        };
        if self.rng.often(110) { ty.opt() } else { ty }
    }
    /// A type without `?` at the top.
    pub fn plain_ty(&mut self, depth: u32) -> Ty {
        self.ty(depth).required()
    }
    /// A type to compare or search by: mostly what is cheap to write.
    pub fn operand_ty(&mut self) -> Ty {
        if self.style == Style::Plain {
            return self.rng.pick(&[Ty::NUMBER, Ty::NUMBER, Ty::BOOL, Ty::TRUST]);
        }
        match self.rng.weighted(&[40, 8, 25, 10, 5, 12]) {
            5 => {
                let elem = self.rng.pick(&[Ty::NUMBER, Ty::TEXT, Ty::BOOL, Ty::DID]);
                let array = elem.array().expect("shallow");
                if self.rng.often(200) { array.array().expect("shallow") } else { array }
            }
            i => SCALARS[i],
        }
    }
    /// A new name; sometimes one that hides another.
    pub fn fresh(&mut self, prefix: &str) -> String {
        if self.rng.often(120) {
            let hidden: Vec<&Var> = self
                .vars
                .iter()
                .filter(|v| (v.kind != Kind::Fixed || v.name.starts_with('p')) && !v.name.starts_with("c_"))
                .collect();
            if !hidden.is_empty() {
                let i = self.rng.index(hidden.len());
                return hidden[i].name.clone();
            }
        }
        self.count += 1;
        format!("{prefix}{}", self.count)
    }
    /// Brings a name in sight.
    pub fn bind(&mut self, name: &str, ty: Ty, kind: Kind) {
        self.vars.push(Var { name: name.to_owned(), ty, kind, narrowed: None });
    }
    /// Names that are not hidden and of which `like` is true, by index.
    pub fn in_sight(&self, like: impl Fn(&Var) -> bool) -> Vec<usize> {
        let visible = |i: usize| !self.vars[i + 1..].iter().any(|later| later.name == self.vars[i].name);
        (0..self.vars.len()).filter(|i| like(&self.vars[*i]) && visible(*i)).collect()
    }
    /// A name of exactly this type.
    pub fn var_of(&mut self, ty: Ty) -> Option<String> {
        let constant = self.constant;
        let found = self.in_sight(|v| v.ty == ty && (!constant || v.kind == Kind::Const));
        (!found.is_empty()).then(|| {
            // Late ones are more interesting than constants and standard inputs.
            let i = found.len() - 1 - self.rng.index(found.len()).min(self.rng.index(found.len()));
            self.vars[found[i]].name.clone()
        })
    }
    /// A name of any optional type.
    pub fn optional_var(&mut self) -> Option<usize> {
        let found = self.in_sight(|v| v.ty.is_optional());
        (!found.is_empty() && !self.constant).then(|| self.rng.pick(&found))
    }
    /// A function of exactly this result that may be called here.
    pub fn fun_of(&mut self, ty: Ty) -> Option<usize> {
        let found: Vec<usize> = (0..self.funs.len())
            .filter(|i| self.funs[*i].result == ty && (*i >= self.callable_from || self.myself == Some(*i)))
            .collect();
        (!found.is_empty() && !self.constant).then(|| self.rng.pick(&found))
    }
    /// Whether it is time to write something short.
    pub fn tired(&mut self, depth: u32) -> bool {
        self.fuel -= 1;
        self.fuel <= 0 || depth == 0
    }
    /// Whether a scalar type.
    pub fn is_scalar(ty: Ty, base: Base) -> bool {
        ty == Ty::of(base)
    }
}
