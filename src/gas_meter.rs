//! `GasMeter`, for code that still meters gas by itself: another name for gas of a [`Budget`], and no meter of its own.

use crate::kernel::budget::{Budget, BudgetLimits};
use crate::kernel::fault::Exhaustion;
use std::sync::Arc;

/// Gas of a budget. Clones pay from the same budget; so do runs that draw on it.
///
/// ```
/// use eclvm::GasMeter;
/// use eclvm::kernel::budget::{Budget, BudgetLimits};
/// use std::sync::Arc;
///
/// let budget = Arc::new(Budget::new(BudgetLimits { gas_limit: 10, ..BudgetLimits::default() }));
/// let meter = GasMeter::from_budget(budget.clone());
/// assert!(meter.consume(7).is_ok());
/// assert!(meter.consume(4).is_err());
/// assert_eq!((meter.used(), meter.remaining(), budget.gas_used()), (7, 3, 7));
/// ```
#[derive(Clone, Debug)]
pub struct GasMeter {
    budget: Arc<Budget>,
}

impl GasMeter {
    /// A meter with a budget of its own: the default limits, but this much gas.
    pub fn new(gas_limit: u64) -> GasMeter {
        let limits = BudgetLimits { gas_limit, ..BudgetLimits::default() };
        GasMeter::from_budget(Arc::new(Budget::new(limits)))
    }
    /// A meter of this budget's gas.
    pub fn from_budget(budget: Arc<Budget>) -> GasMeter {
        GasMeter { budget }
    }
    /// The budget.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }
    /// Pays gas.
    ///
    /// # Errors
    ///
    /// As [`Budget::consume_gas`]: nothing was paid, and why.
    pub fn consume(&self, units: u64) -> Result<(), Exhaustion> {
        self.budget.consume_gas(units)
    }
    /// The limit.
    pub fn limit(&self) -> u64 {
        self.budget.limits().gas_limit
    }
    /// Gas paid.
    pub fn used(&self) -> u64 {
        self.budget.gas_used()
    }
    /// Gas that can still be paid by this budget: neither paid nor out on leases. One that it is nested in may have less.
    pub fn remaining(&self) -> u64 {
        self.budget.snapshot().gas_left
    }
    /// Whether the budget pays nothing any more.
    pub fn is_exhausted(&self) -> bool {
        self.budget.exhausted().is_some()
    }
}

impl Default for GasMeter {
    /// A meter with a budget of its own, of the default limits.
    fn default() -> GasMeter {
        GasMeter::new(BudgetLimits::default().gas_limit)
    }
}
