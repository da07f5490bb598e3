//! What operators and pure builtins do to values that are already there (ecl.md, sections 4 and 5). What they cost is
//! `price`; when they are folded is `fold`.

use super::value::Val;
use eclvm::lang::ast::{BinaryOp, UnaryOp};
use eclvm::lang::builtins::Builtin;
use eclvm_kernel::fault::Fault;

/// A value, or the fault of the operation.
pub type Answer = Result<Val, Fault>;

const LONGEST_TEXT: usize = 65_536;
/// Most elements of an array, nested ones counted.
pub const MOST_ELEMENTS: u64 = 65_536;

/// A unary operator.
pub fn unary(op: UnaryOp, x: &Val) -> Val {
    match op {
        UnaryOp::Not => Val::Bool(!x.bool()),
        UnaryOp::Neg => Val::Num(-x.num()),
    }
}

/// A binary operator that needs both operands.
pub fn binary(op: BinaryOp, l: &Val, r: &Val) -> Answer {
    Ok(match op {
        BinaryOp::Eq => Val::Bool(l.equals(r)),
        BinaryOp::Ne => Val::Bool(!l.equals(r)),
        BinaryOp::Lt => Val::Bool(l.num() < r.num()),
        BinaryOp::Le => Val::Bool(l.num() <= r.num()),
        BinaryOp::Gt => Val::Bool(l.num() > r.num()),
        BinaryOp::Ge => Val::Bool(l.num() >= r.num()),
        BinaryOp::In => Val::Bool(stands_in(l, r)),
        BinaryOp::Add => match (l, r) {
            (Val::Text(a), Val::Text(b)) if a.len() + b.len() > LONGEST_TEXT => {
                return Err(Fault::ValueTooLarge);
            }
            (Val::Text(a), Val::Text(b)) => Val::Text(format!("{a}{b}").into()),
            _ => Val::Num(l.num() + r.num()),
        },
        BinaryOp::Sub => Val::Num(l.num() - r.num()),
        BinaryOp::Mul => Val::Num(l.num() * r.num()),
        BinaryOp::Div if r.num() == 0.0 => return Err(Fault::DivisionByZero),
        BinaryOp::Div => Val::Num(l.num() / r.num()),
        BinaryOp::Rem if r.num() == 0.0 => return Err(Fault::DivisionByZero),
        BinaryOp::Rem => Val::Num(l.num() % r.num()),
        BinaryOp::And | BinaryOp::Or | BinaryOp::Coalesce => unreachable!("{op:?} is lazy"),
    })
}

fn stands_in(needle: &Val, hay: &Val) -> bool {
    hay.items().iter().any(|item| item.equals(needle))
}

/// `a[i]`
pub fn index(array: &Val, i: &Val) -> Answer {
    let (items, i) = (array.items(), i.num());
    if i.fract() == 0.0 && i >= 0.0 && i < items.len() as f64 {
        Ok(items[i as usize].clone())
    } else {
        Err(Fault::IndexOutOfRange)
    }
}

/// `tv.name`
pub fn field(trust: &Val, name: &str) -> Val {
    let names = ["r", "i", "c", "p", "v", "omega"];
    Val::Num(trust.trust()[names.iter().position(|n| *n == name).expect("the checker knows the fields")])
}

/// An array literal.
pub fn array(items: Vec<Val>) -> Answer {
    let array = Val::Array(items.into());
    if array.elements() > MOST_ELEMENTS { Err(Fault::ValueTooLarge) } else { Ok(array) }
}

/// Whether a builtin's answer depends on its arguments alone, so that it folds.
pub fn is_pure(builtin: Builtin) -> bool {
    use Builtin::*;
    match builtin {
        TrustNorm | TrustWeighted | TrustCombine | TrustCreate | TrustAboveThreshold | TrustDistance
        | Did | Abs | Sqrt | Floor | Ceil | Round | Min | Max | Clamp | Lerp | Surprisal | StrLen
        | StrContains | StrStartsWith | StrEndsWith | StrEqIgnoreCase | ArrayLen | ArrayGet | Contains => {
            true
        }
        LoadTrust | HasCredential | ResolveDid | GetBalance | IsMember | MemberCount | TrustThreshold
        | GetMetric | StoreGet | StoreGetNumber | StoreGetBool | StorePut | StoreDelete | UpdateTrust
        | CastVote | CrossRealm | GetTimestamp | TimeSince | Log => false,
    }
}

/// A pure builtin.
pub fn pure(builtin: Builtin, args: &[Val]) -> Answer {
    let n = |i: usize| args[i].num();
    let s = |i: usize| args[i].str();
    let t = |i: usize| args[i].trust();
    Ok(match builtin {
        Builtin::TrustNorm => {
            let [r, i, c, p, v, omega] = t(0);
            Val::Num((((((r + i) + c) + p) + v) + omega) / 6.0)
        }
        Builtin::TrustWeighted => return weighted(t(0), &args[1]),
        Builtin::TrustCombine => {
            let (a, b) = (t(0), t(1));
            Val::Trust(std::array::from_fn(|i| 1.0 - (1.0 - a[i]) * (1.0 - b[i])))
        }
        Builtin::TrustCreate => {
            let six: [f64; 6] = std::array::from_fn(n);
            if six.iter().any(|x| !(*x >= 0.0 && *x <= 1.0)) {
                return Err(Fault::DomainError);
            }
            Val::Trust(six)
        }
        Builtin::TrustAboveThreshold => Val::Bool(t(0).iter().all(|x| *x >= n(1))),
        Builtin::TrustDistance => {
            let (a, b) = (t(0), t(1));
            let square = |i: usize| (a[i] - b[i]) * (a[i] - b[i]);
            let mut sum = square(0);
            for i in 1..6 {
                sum += square(i);
            }
            Val::Num(sum.sqrt())
        }
        Builtin::Did if is_did(s(0)) => Val::Did(s(0).into()),
        Builtin::Did => return Err(Fault::InvalidDid),
        Builtin::Abs => Val::Num(n(0).abs()),
        Builtin::Sqrt if n(0) < 0.0 => return Err(Fault::DomainError),
        Builtin::Sqrt => Val::Num(n(0).sqrt()),
        Builtin::Floor => Val::Num(n(0).floor()),
        Builtin::Ceil => Val::Num(n(0).ceil()),
        Builtin::Round => Val::Num(round(n(0))),
        Builtin::Min => Val::Num(if n(0).is_nan() || n(1).is_nan() {
            f64::NAN
        } else if n(1) < n(0) {
            n(1)
        } else {
            n(0)
        }),
        Builtin::Max => Val::Num(maximum(n(0), n(1))),
        Builtin::Clamp => {
            let (v, lo, hi) = (n(0), n(1), n(2));
            if v.is_nan() || lo.is_nan() || hi.is_nan() || lo > hi {
                return Err(Fault::DomainError);
            }
            Val::Num(if v < lo {
                lo
            } else if v > hi {
                hi
            } else {
                v
            })
        }
        Builtin::Lerp => Val::Num(n(0) + (n(1) - n(0)) * n(2)),
        Builtin::Surprisal if !(n(0) > 0.0 && n(0) <= 1.0) => return Err(Fault::DomainError),
        Builtin::Surprisal if n(0) == 1.0 => Val::Num(0.0),
        Builtin::Surprisal => Val::Num(-libm::log2(n(0))),
        Builtin::StrLen => Val::Num(s(0).chars().count() as f64),
        Builtin::StrContains => {
            let (hay, needle) = (s(0).as_bytes(), s(1).as_bytes());
            Val::Bool(needle.is_empty() || hay.windows(needle.len()).any(|w| w == needle))
        }
        Builtin::StrStartsWith => Val::Bool(s(0).as_bytes().starts_with(s(1).as_bytes())),
        Builtin::StrEndsWith => Val::Bool(s(0).as_bytes().ends_with(s(1).as_bytes())),
        Builtin::StrEqIgnoreCase => Val::Bool(s(0).bytes().map(lower).eq(s(1).bytes().map(lower))),
        Builtin::ArrayLen => Val::Num(args[0].items().len() as f64),
        Builtin::ArrayGet => return index(&args[0], &args[1]),
        Builtin::Contains => Val::Bool(stands_in(&args[0], &args[1])),
        other => unreachable!("{other:?} is not pure"),
    })
}

fn lower(byte: u8) -> u8 {
    if byte.is_ascii_uppercase() { byte + (b'a' - b'A') } else { byte }
}

/// The larger; NaN of a NaN; the first of two equals.
pub fn maximum(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if b > a {
        b
    } else {
        a
    }
}

/// Half away from zero; whole numbers, infinities and NaN as they are.
fn round(x: f64) -> f64 {
    let whole = x.trunc();
    if (x - whole).abs() >= 0.5 { whole + 1f64.copysign(x) } else { whole }
}

fn weighted(t: [f64; 6], weights: &Val) -> Answer {
    let w: Vec<f64> = weights.items().iter().map(Val::num).collect();
    if w.len() != 6 {
        return Err(Fault::DomainError);
    }
    let (mut total, mut sum) = (w[0], w[0] * t[0]);
    for i in 1..6 {
        total += w[i];
        sum += w[i] * t[i];
    }
    if total > 0.0 { Ok(Val::Num(sum / total)) } else { Err(Fault::DomainError) }
}

/// `did:` method `:` id (ecl.md, section 1).
pub fn is_did(text: &str) -> bool {
    let mut parts = text.splitn(3, ':');
    let (Some("did"), Some(method), Some(id)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-%".contains(c);
    !method.is_empty()
        && !id.is_empty()
        && method.chars().all(plain)
        && id.chars().all(|c| c == ':' || plain(c))
        && !id.ends_with(':')
        && !id.ends_with('.')
}
