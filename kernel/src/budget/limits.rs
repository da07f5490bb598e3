//! What a budget allows: the limits, their presets, and how trust scales them.

use crate::limits::MAX_STACK_DEPTH;

/// What a run, or many together, may use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BudgetLimits {
    /// Most gas, priced.
    pub gas_limit: u64,
    /// Most mana.
    pub mana_limit: u64,
    /// Deepest call; the policy's body is depth 0. Whatever stands here, no more than
    /// [`MAX_STACK_DEPTH`] is granted.
    pub max_stack_depth: u32,
    /// Longest run, in milliseconds, host calls included.
    pub timeout_ms: u64,
}

impl BudgetLimits {
    /// For small questions that strangers ask.
    pub const MINIMAL: BudgetLimits =
        BudgetLimits { gas_limit: 10_000, mana_limit: 100, max_stack_depth: 64, timeout_ms: 100 };
    /// For sagas.
    pub const SAGA: BudgetLimits = BudgetLimits {
        gas_limit: 10_000_000,
        mana_limit: 100_000,
        max_stack_depth: 2_048,
        timeout_ms: 30_000,
    };
    /// For realm crossings.
    pub const GATEWAY: BudgetLimits =
        BudgetLimits { gas_limit: 50_000, mana_limit: 10_000, max_stack_depth: 1_024, timeout_ms: 5_000 };
    /// No limit that a run could reach in practice, except depth.
    pub const UNBOUNDED: BudgetLimits = BudgetLimits {
        gas_limit: u64::MAX,
        mana_limit: u64::MAX,
        max_stack_depth: MAX_STACK_DEPTH,
        timeout_ms: u64::MAX,
    };

    /// Gas and mana scaled by 0.5 + 0.5 t, rounded down; t is clamped to [0, 1] and NaN counts as 0. Exact for every
    /// u64: t is a whole multiple of 2^-1074 and the product is formed in integers.
    pub fn with_trust_factor(self, t: f64) -> BudgetLimits {
        BudgetLimits {
            gas_limit: scale_by_trust(self.gas_limit, t),
            mana_limit: scale_by_trust(self.mana_limit, t),
            ..self
        }
    }

    /// The depth that is granted.
    pub fn depth(&self) -> u32 {
        self.max_stack_depth.min(MAX_STACK_DEPTH)
    }
}

impl Default for BudgetLimits {
    fn default() -> Self {
        BudgetLimits { gas_limit: 1_000_000, mana_limit: 10_000, max_stack_depth: 1_024, timeout_ms: 5_000 }
    }
}

/// floor(n (1 + t) / 2), exactly. With t = m 2^-e (m < 2^53) this is floor((n + n m 2^-e) / 2) = floor((n 2^e + n m) /
/// 2^(e+1)); for e <= 63 everything fits in 128 bits. For larger e, n m 2^-e < 2^(64 + 53 - e), and t < 2^-10: the exact
/// fraction is kept as a quotient and whether a remainder is left, which floor does not need.
fn scale_by_trust(n: u64, t: f64) -> u64 {
    if t >= 1.0 {
        return n;
    }
    if t.is_nan() || t <= 0.0 {
        return n / 2;
    }
    let bits = t.to_bits();
    let exponent = (bits >> 52) as i32;
    let fraction = bits & ((1 << 52) - 1);
    // t = mantissa 2^-e
    let (mantissa, e) = if exponent == 0 { (fraction, 1074) } else { (fraction | 1 << 52, 1075 - exponent) };
    let product = u128::from(n) * u128::from(mantissa);
    // floor((n + floor(product / 2^e)) / 2) = floor((n + product / 2^e) / 2), since n is whole.
    let part = u32::try_from(e).ok().and_then(|e| product.checked_shr(e)).unwrap_or(0);
    u64::try_from((u128::from(n) + part) / 2).unwrap_or(n)
}
