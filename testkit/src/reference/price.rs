//! Gas schedule V1, written down once more from gas.md, section 2.

use super::value::Val;
use eclvm::lang::ast::BinaryOp;
use eclvm::lang::builtins::Builtin;
use eclvm_kernel::gas::GasLayer;

/// What one instruction costs: layer, units, mana.
#[derive(Clone, Copy, Debug)]
pub struct Price {
    /// The layer.
    pub layer: GasLayer,
    /// Units of it.
    pub units: u64,
    /// Mana.
    pub mana: u64,
}

/// So many units of Compute.
pub fn compute(units: u64) -> Price {
    Price { layer: GasLayer::Compute, units, mana: 0 }
}
fn network() -> Price {
    Price { layer: GasLayer::Network, units: 5, mana: 0 }
}
fn storage(units: u64) -> Price {
    Price { layer: GasLayer::Storage, units, mana: 0 }
}

/// The load of the standard input `trust`.
pub const ENTRY_TRUST: Price = Price { layer: GasLayer::Network, units: 5, mana: 0 };

fn pieces(bytes: u64, of: u64) -> u64 {
    bytes.div_ceil(of)
}

fn strings(total: u64) -> Price {
    compute(1 + pieces(total, 32))
}

/// `emit` with this payload.
pub fn emit(name: &str, payload: &Val) -> Price {
    let bytes = payload.bytes();
    Price {
        layer: GasLayer::Storage,
        units: 2 + pieces(name.len() as u64 + bytes, 64),
        mana: 1 + pieces(bytes, 1024),
    }
}

/// A binary operator that needs both operands.
pub fn binary(op: BinaryOp, l: &Val, r: &Val) -> Price {
    match (op, l, r) {
        (BinaryOp::In, ..) => search(l, r),
        (BinaryOp::Eq | BinaryOp::Ne, Val::Array(_), Val::Array(_)) => search(l, r),
        (BinaryOp::Add | BinaryOp::Eq | BinaryOp::Ne, Val::Text(a), Val::Text(b)) => {
            strings((a.len() + b.len()) as u64)
        }
        _ => compute(1),
    }
}

/// Two operands of which one is searched or both are compared.
fn search(l: &Val, r: &Val) -> Price {
    let elements = pieces(l.elements() + r.elements(), 8);
    compute(1 + elements + pieces(l.string_bytes() + r.string_bytes(), 32))
}

/// A builtin.
pub fn builtin(builtin: Builtin, args: &[Val]) -> Price {
    use Builtin::*;
    match builtin {
        LoadTrust | HasCredential | ResolveDid | GetBalance | IsMember | GetMetric => network(),
        TrustNorm | TrustWeighted | TrustCombine | TrustCreate | TrustAboveThreshold | TrustDistance => {
            compute(2)
        }
        MemberCount | TrustThreshold | GetTimestamp | TimeSince | Abs | Sqrt | Floor | Ceil | Round | Min
        | Max | Clamp | Lerp | Surprisal | ArrayLen | ArrayGet => compute(1),
        Did | StrLen | StrContains | StrStartsWith | StrEndsWith | StrEqIgnoreCase => {
            strings(args.iter().map(Val::string_bytes).sum())
        }
        Contains => search(&args[0], &args[1]),
        StoreGet | StoreGetNumber | StoreGetBool | StoreDelete => storage(10),
        StorePut => {
            let (key, value) = (args[0].bytes(), args[1].bytes());
            Price { mana: 1 + pieces(value, 1024), ..storage(10 + pieces(key + value, 64)) }
        }
        UpdateTrust => storage(50),
        CastVote => storage(100),
        CrossRealm => Price { layer: GasLayer::Realm, units: 20, mana: 0 },
        Log => storage(2 + pieces(args[0].bytes(), 64)),
    }
}
