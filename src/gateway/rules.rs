//! What a gateway decides without asking a policy: who is blocked, and rules about pairs of realms.

use crate::kernel::limits::{MAX_BLOCKED_CALLERS, MAX_CROSSING_RULES, MAX_NAME_BYTES, MAX_TEXT_BYTES};
use foldhash::HashSet;
use std::fmt;
use std::sync::Arc;

/// Which realms a rule is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RealmMatch {
    /// All, and outside.
    Any,
    /// Outside: from no realm.
    Outside,
    /// The realm of this id.
    Is(Arc<str>),
}

impl RealmMatch {
    fn matches(&self, realm: Option<&str>) -> bool {
        match self {
            RealmMatch::Any => true,
            RealmMatch::Outside => realm.is_none(),
            RealmMatch::Is(id) => realm == Some(id),
        }
    }
}

/// What a rule says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// No.
    Deny,
    /// No later rule is asked; the entry policy still is.
    AskPolicy,
}

/// A rule about crossings. The first that matches counts; where none does, the entry policy is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CrossingRule {
    /// Its name, which a denial carries.
    pub name: Arc<str>,
    /// From where.
    pub from: RealmMatch,
    /// To where.
    pub to: RealmMatch,
    /// What then.
    pub verdict: Verdict,
}

/// Why rules were not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RulesError {
    /// More than [`MAX_CROSSING_RULES`].
    TooManyRules,
    /// More than [`MAX_BLOCKED_CALLERS`].
    TooManyBlocked,
    /// A rule's name longer than [`MAX_NAME_BYTES`], or a blocked one longer than any DID.
    NameTooLong,
}

impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RulesError::TooManyRules => "too many rules",
            RulesError::TooManyBlocked => "too many blocked callers",
            RulesError::NameTooLong => "a name is too long",
        })
    }
}
impl std::error::Error for RulesError {}

/// Blocked callers and rules, as one value.
#[derive(Clone, Debug, Default)]
pub struct CrossingRules {
    blocked: HashSet<Arc<str>>,
    rules: Vec<CrossingRule>,
}

impl CrossingRules {
    /// These callers and these rules, in order.
    ///
    /// # Errors
    ///
    /// There are too many of them, or a name is too long.
    pub fn new(
        blocked: impl IntoIterator<Item = Arc<str>>,
        rules: Vec<CrossingRule>,
    ) -> Result<CrossingRules, RulesError> {
        let mut all = CrossingRules { blocked: HashSet::default(), rules };
        if all.rules.len() > MAX_CROSSING_RULES {
            return Err(RulesError::TooManyRules);
        }
        if all.rules.iter().any(|rule| rule.name.len() > MAX_NAME_BYTES) {
            return Err(RulesError::NameTooLong);
        }
        blocked.into_iter().try_for_each(|did| all.block(&did))?;
        Ok(all)
    }
    /// Blocks one more caller.
    ///
    /// # Errors
    ///
    /// There is no room, or the name is too long.
    pub fn block(&mut self, did: &str) -> Result<(), RulesError> {
        // Whatever can be a DID can be blocked.
        if did.len() > MAX_TEXT_BYTES {
            return Err(RulesError::NameTooLong);
        }
        if !self.blocked.contains(did) {
            if self.blocked.len() >= MAX_BLOCKED_CALLERS {
                return Err(RulesError::TooManyBlocked);
            }
            self.blocked.insert(did.into());
        }
        Ok(())
    }
    /// Lets a caller in again; whether they were blocked.
    pub fn unblock(&mut self, did: &str) -> bool {
        self.blocked.remove(did)
    }
    /// Whether a caller is blocked.
    pub fn is_blocked(&self, did: &str) -> bool {
        self.blocked.contains(did)
    }
    /// The rules, in order.
    pub fn rules(&self) -> &[CrossingRule] {
        &self.rules
    }
    /// The rule that denies a crossing, if one does.
    pub fn denies(&self, from: Option<&str>, to: &str) -> Option<&CrossingRule> {
        let first = self.rules.iter().find(|rule| rule.from.matches(from) && rule.to.matches(Some(to)))?;
        (first.verdict == Verdict::Deny).then_some(first)
    }
}
