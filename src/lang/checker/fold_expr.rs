//! What expressions fold to, from what their operands fold to.

use super::Checker;
use super::fold::{self, Fold};
use crate::lang::ast::ExprId;
use crate::lang::builtins::Builtin;
use crate::lang::checked::{ConstId, Folds};
use eclvm_kernel::fault::Fault;
use eclvm_kernel::value::Value;
use smallvec::SmallVec;

impl Checker<'_> {
    pub(super) fn literal(&mut self, value: Value) -> Fold {
        Fold::Value(self.constants.add(value))
    }

    /// Stores what something folds to.
    pub(super) fn folded(&mut self, folded: Result<Value, Fault>) -> Fold {
        match folded {
            _ if self.constants.exhausted => Fold::No,
            Ok(value) => Fold::Value(self.constants.add(value)),
            Err(_) => Fold::Faults,
        }
    }

    /// What an expression folds to, all of it.
    pub(super) fn whole_fold(&self, id: ExprId) -> Fold {
        let info = self.info(id);
        match (info.folds, info.folded) {
            (Folds::Whole, Some(id)) => Fold::Value(id),
            (Folds::Faults, _) => Fold::Faults,
            _ => Fold::No,
        }
    }

    pub(super) fn fold_array(&mut self, items: &[ExprId]) -> Fold {
        let folds = || items.iter().map(|id| self.whole_fold(*id));
        if folds().any(|f| f == Fold::No) {
            return Fold::No;
        }
        if folds().any(|f| f == Fold::Faults) {
            return Fold::Faults;
        }
        if items.len() > eclvm_kernel::limits::MAX_ARRAY_ELEMENTS {
            return Fold::Faults;
        }
        let mut values = Vec::with_capacity(items.len());
        for id in items {
            let Fold::Value(id) = self.whole_fold(*id) else { return Fold::No };
            if !self.constants.copies(id) {
                return Fold::No;
            }
            values.push(self.constants.get(id).clone());
        }
        let made = fold::array(values);
        self.folded(made)
    }

    /// A pure builtin on constants.
    pub(super) fn fold_builtin(&mut self, builtin: Builtin, args: &[ExprId]) -> Fold {
        let mut ids: SmallVec<[ConstId; 4]> = SmallVec::new();
        let mut faults = false;
        for arg in args {
            match self.whole_fold(*arg) {
                Fold::No => return Fold::No,
                Fold::Faults => faults = true,
                Fold::Value(id) => ids.push(id),
            }
        }
        if faults {
            return Fold::Faults;
        }
        for id in &ids {
            // The only builtins that give back what they are given.
            let paid = match builtin {
                Builtin::Did | Builtin::ArrayGet => self.constants.copies(*id),
                _ => self.constants.weigh(*id),
            };
            if !paid {
                return Fold::No;
            }
        }
        let values: SmallVec<[&Value; 4]> = ids.iter().map(|id| self.constants.get(*id)).collect();
        let result = fold::builtin(builtin, &values);
        drop(values);
        self.folded(result)
    }
}
