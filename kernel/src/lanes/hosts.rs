//! What hosts are asked, in columns. Only lanes that run ask, and only after they have paid; each distinct DID is asked for
//! once, and up to 64 in one call. The answers are kept until `forget`: one value of a host is one version of the world
//! (`HostInterface`), which gives the same answer to the same question.
//!
//! A host that errs leaves the lanes that wanted its answer to the scalar engine, which asks again and says whose fault it
//! is. After each call to a host that does not say it is fast, the clock is looked at.

use super::columns::{Arg, NULL, Operand, number_bits};
use super::masks;
use super::plan::{Code, LaneOp};
use super::run::Run;
use crate::host::{HostInterface, HostResult, RealmFacts, StoreValueRef};
use crate::limits::MAX_SAFE_INTEGER;
use crate::value::TrustVector;

/// Answers, in a byte for each text. 0 is none yet.
pub(super) const NO: u8 = 1;
/// The other one; for numbers, that there is one.
pub(super) const YES: u8 = 2;
/// Asked for, and not answered.
const ASKED: u8 = 3;
/// A number beyond 2^53.
const LARGE: u8 = 4;
/// DIDs in one call.
const TOGETHER: usize = 64;

/// What is known for each text.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) state: Vec<u8>,
    numbers: Vec<f64>,
}

/// What hosts, and looks into texts, have answered so far.
#[derive(Debug, Default)]
pub(super) struct Memos {
    tables: Vec<Table>,
    trust_state: Vec<u8>,
    trust: Vec<[f64; 6]>,
    /// The mean of all trust; the inner None where there is nobody.
    mean: Option<Option<f64>>,
    /// The realm asked for last.
    realm: Option<(u64, Option<RealmFacts>)>,
}

impl Memos {
    pub(super) fn clear(&mut self) {
        for table in &mut self.tables {
            table.state.clear();
        }
        self.trust_state.clear();
        self.mean = None;
        self.realm = None;
    }
    pub(super) fn begin(&mut self, tables: usize, texts: usize) {
        self.tables.resize_with(tables.max(self.tables.len()), Table::default);
        for table in self.tables.iter_mut().take(tables) {
            table.state.resize(texts, 0);
        }
    }
    /// The table of a question; questions count from 1.
    #[inline]
    pub(super) fn table(&mut self, question: u32) -> Option<&mut Table> {
        self.tables.get_mut((question as usize).checked_sub(1)?)
    }
}

/// Asks for what the lanes of `mask` want and nobody has asked for yet: calls `ask` with up to 64 DIDs, and `keep` with
/// each DID's id and place among them. Err where the host errs.
fn ask_missing(
    state: &mut [u8],
    mask: &[u64],
    ids: Operand<'_>,
    mut ask: impl FnMut(&[usize], &mut [u8]) -> HostResult<()>,
) -> HostResult<()> {
    let mut wanted = [0usize; TOGETHER];
    let mut n = 0;
    let mut result = Ok(());
    let mut flush = |wanted: &[usize], state: &mut [u8]| {
        if result.is_ok() && !wanted.is_empty() {
            result = ask(wanted, state);
        }
        // What was not answered may be asked again.
        for id in wanted {
            if let Some(known) = state.get_mut(*id).filter(|known| **known == ASKED) {
                *known = 0;
            }
        }
    };
    masks::each(mask, |lane| {
        let id = ids.bits(lane) as usize;
        let Some(known) = state.get_mut(id).filter(|known| **known == 0) else { return };
        *known = ASKED;
        if let Some(slot) = wanted.get_mut(n) {
            *slot = id;
            n += 1;
        }
        if n == TOGETHER {
            flush(&wanted, state);
            n = 0;
        }
    });
    flush(wanted.get(..n).unwrap_or(&[]), state);
    result
}

/// One lane of six columns.
type Row<'c> = (((((&'c mut f64, &'c mut f64), &'c mut f64), &'c mut f64), &'c mut f64), &'c mut f64);

#[inline(always)]
fn put_row((((((r, i), c), p), v), o): Row<'_>, six: [f64; 6]) {
    [*r, *i, *c, *p, *v, *o] = six;
}

impl Run<'_> {
    #[inline(never)]
    pub(super) fn ask_host(&mut self, op: &LaneOp) {
        self.before_host(op.exit);
        if !masks::any(&self.s.mask) {
            return;
        }
        match op.code {
            Code::LoadTrust => {
                self.ask_trust(op.b);
                self.gather_trust(op, op.b);
            }
            Code::HasCredential | Code::ResolveDid | Code::IsMember => self.truths(op),
            Code::GetBalance => self.balance(op),
            Code::MemberCount | Code::Threshold => self.realm_facts(op),
            Code::Metric => self.mean(op),
            Code::StoreNumber | Code::StoreTruth => self.stored(op),
            _ => {}
        }
        self.after_host();
    }
    fn after_host(&mut self) {
        if self.env.host.is_some_and(|host| !host.is_fast()) {
            self.look();
        }
    }

    /// The caller's vector, loaded at entry. The body's own instruction takes it from there.
    #[inline(never)]
    pub(super) fn entry_trust(&mut self, op: &LaneOp) {
        self.before_host(op.exit);
        if masks::any(&self.s.mask) {
            self.ask_trust(Arg::None);
            self.after_host();
        }
    }

    /// The ids that an operand has; of none, the caller's.
    fn ids(&self, arg: Arg) -> Operand<'_> {
        match arg {
            Arg::None => self.given.inputs.view((self.plan.program().inputs.len() as u32) << 3),
            arg => self.s.columns.word(&self.given.inputs, arg),
        }
    }
    fn realm_ids(&self) -> Operand<'_> {
        self.given.inputs.view((self.plan.program().inputs.len() as u32 + 1) << 3)
    }

    /// Sees to it that the vectors of all lanes that run are known; those it cannot get are given up.
    fn ask_trust(&mut self, arg: Arg) {
        let texts = self.given.texts;
        let host = self.env.host;
        let mut state = core::mem::take(&mut self.s.memos.trust_state);
        let mut trust = core::mem::take(&mut self.s.memos.trust);
        state.resize(texts.len(), 0);
        trust.resize(texts.len().max(trust.len()), [0.1; 6]);
        let ids = self.ids(arg);
        let failed = ask_missing(&mut state, &self.s.mask, ids, |wanted, state| {
            let mut dids = [""; TOGETHER];
            for (did, id) in dids.iter_mut().zip(wanted) {
                *did = texts.text(*id);
            }
            let mut out = [None; TOGETHER];
            let (dids, out) = (dids.get(..wanted.len()), out.get_mut(..wanted.len()));
            if let (Some(host), Some(dids), Some(out)) = (host, dids, out) {
                host.trust_batch(dids, out)?;
                for (id, vector) in wanted.iter().zip(out) {
                    let TrustVector(six) = vector.unwrap_or(TrustVector::NEWCOMER);
                    if let (Some(slot), Some(known)) = (trust.get_mut(*id), state.get_mut(*id)) {
                        *slot = six.map(|x| f64::from_bits(number_bits(x)));
                        *known = YES;
                    }
                }
            } else {
                for id in wanted {
                    if let (Some(slot), Some(known)) = (trust.get_mut(*id), state.get_mut(*id)) {
                        *slot = TrustVector::NEWCOMER.0;
                        *known = YES;
                    }
                }
            }
            Ok(())
        })
        .is_err();
        self.s.memos.trust_state = state;
        self.s.memos.trust = trust;
        if failed {
            self.give_up_unknown(arg);
        }
    }
    /// Lanes whose vector is not known are left to the scalar engine.
    fn give_up_unknown(&mut self, arg: Arg) {
        let mut test = core::mem::take(&mut self.s.test);
        test.fill(0);
        let ids = self.ids(arg);
        masks::each(&self.s.mask, |lane| {
            if self.s.memos.trust_state.get(ids.bits(lane) as usize) != Some(&YES) {
                masks::insert(&mut test, lane);
            }
        });
        self.s.test = test;
        self.give_up();
    }

    /// `a = trust vector of b`, of what is known.
    pub(super) fn gather_trust(&mut self, op: &LaneOp, arg: Arg) {
        let mut six: [Vec<f64>; 6] = core::array::from_fn(|_| self.s.columns.take_spare());
        let ids = self.ids(arg);
        let known = &self.s.memos.trust;
        let [r, i, c, p, v, o] = &mut six;
        let six_of = |bits: u64| known.get(bits as usize).copied().unwrap_or_default();
        // Also for lanes that do not run: what they get nobody reads, and whoever is not known is not asked for.
        let rows = r.iter_mut().zip(i).zip(c).zip(p).zip(v).zip(o);
        match ids {
            Operand::K(id) => rows.for_each(|row| put_row(row, six_of(id.to_bits()))),
            Operand::S(ids) => rows.zip(ids).for_each(|(row, id)| put_row(row, six_of(id.to_bits()))),
        }
        self.put_six(op, six);
    }

    /// Questions that are answered with yes or no.
    fn truths(&mut self, op: &LaneOp) {
        let texts = self.given.texts;
        let host = self.env.host;
        if op.code == Code::IsMember {
            return self.is_member(op);
        }
        if op.code == Code::HasCredential && op.x >> 8 == 0 {
            return self.each_asks(op, |host, did, schema| host.has_credential(did, schema));
        }
        let schema = match op.c {
            Arg::K(k) => texts.of(k),
            _ => "",
        };
        let at = (op.x >> 8) as usize - 1;
        let mut table = self.s.memos.tables.get_mut(at).map(core::mem::take).unwrap_or_default();
        let ids = self.ids(op.b);
        let failed = ask_missing(&mut table.state, &self.s.mask, ids, |wanted, state| {
            let mut dids = [""; TOGETHER];
            for (did, id) in dids.iter_mut().zip(wanted) {
                *did = texts.text(*id);
            }
            let mut out = [false; TOGETHER];
            let (dids, answers) = (dids.get(..wanted.len()), out.get_mut(..wanted.len()));
            if let (Some(host), Some(dids), Some(out)) = (host, dids, answers) {
                match op.code {
                    Code::ResolveDid => host.resolve_did_batch(dids, out)?,
                    _ => host.has_credential_batch(dids, schema, out)?,
                }
            }
            for (id, yes) in wanted.iter().zip(out) {
                if let Some(known) = state.get_mut(*id) {
                    *known = if yes { YES } else { NO };
                }
            }
            Ok(())
        })
        .is_err();
        let mut test = core::mem::take(&mut self.s.test);
        if failed {
            test.fill(0);
            let ids = self.ids(op.b);
            masks::each(&self.s.mask, |lane| {
                if table.state.get(ids.bits(lane) as usize).is_none_or(|known| *known == 0) {
                    masks::insert(&mut test, lane);
                }
            });
            self.s.test = core::mem::take(&mut test);
            self.give_up();
            test = core::mem::take(&mut self.s.test);
        }
        test.fill(0);
        let ids = self.ids(op.b);
        masks::each(&self.s.mask, |lane| {
            if table.state.get(ids.bits(lane) as usize) == Some(&YES) {
                masks::insert(&mut test, lane);
            }
        });
        if let Some(slot) = self.s.memos.tables.get_mut(at) {
            *slot = table;
        }
        self.s.test = test;
        self.put_test(op, false);
    }

    /// Asks lane by lane, with two texts; lanes for which the host errs are given up.
    fn each_asks(&mut self, op: &LaneOp, ask: impl Fn(&dyn HostInterface, &str, &str) -> HostResult<bool>) {
        let texts = self.given.texts;
        let mut failed = core::mem::take(&mut self.s.test);
        let mut yes = core::mem::take(&mut self.s.more);
        failed.fill(0);
        yes.clear();
        yes.resize(failed.len(), 0);
        let (b, c) = (self.ids(op.b), self.ids(if op.code == Code::IsMember { op.b } else { op.c }));
        let realms = self.realm_ids();
        masks::each(&self.s.mask, |lane| {
            let (first, second) = match op.code {
                Code::IsMember => (realms.bits(lane), b.bits(lane)),
                _ => (b.bits(lane), c.bits(lane)),
            };
            match self.env.host.map_or(Ok(false), |host| ask(host, texts.of(first), texts.of(second))) {
                Ok(true) => masks::insert(&mut yes, lane),
                Ok(false) => {}
                Err(_) => masks::insert(&mut failed, lane),
            }
        });
        self.s.test = failed;
        self.give_up();
        core::mem::swap(&mut self.s.test, &mut yes);
        self.s.more = yes;
        self.put_test(op, false);
    }

    /// `a = balance of b`; NumberOutOfRange.
    fn balance(&mut self, op: &LaneOp) {
        let texts = self.given.texts;
        let host = self.env.host;
        let at = (op.x >> 8) as usize - 1;
        let mut table = self.s.memos.tables.get_mut(at).map(core::mem::take).unwrap_or_default();
        let mut numbers = core::mem::take(&mut table.numbers);
        numbers.resize(texts.len(), 0.0);
        let ids = self.ids(op.b);
        let failed = ask_missing(&mut table.state, &self.s.mask, ids, |wanted, state| {
            let mut dids = [""; TOGETHER];
            for (did, id) in dids.iter_mut().zip(wanted) {
                *did = texts.text(*id);
            }
            let mut out = [0i128; TOGETHER];
            let (dids, answers) = (dids.get(..wanted.len()), out.get_mut(..wanted.len()));
            if let (Some(host), Some(dids), Some(out)) = (host, dids, answers) {
                host.balance_batch(dids, out)?;
            }
            for (id, balance) in wanted.iter().zip(out) {
                if let (Some(known), Some(slot)) = (state.get_mut(*id), numbers.get_mut(*id)) {
                    let large = balance.unsigned_abs() > MAX_SAFE_INTEGER as u128;
                    *known = if large { LARGE } else { YES };
                    *slot = balance as f64;
                }
            }
            Ok(())
        })
        .is_err();
        let mut new = self.s.columns.take_spare();
        let mut large = core::mem::take(&mut self.s.more);
        let mut unknown = core::mem::take(&mut self.s.test);
        large.clear();
        large.resize(unknown.len(), 0);
        unknown.fill(0);
        let ids = self.ids(op.b);
        masks::each(&self.s.mask, |lane| {
            let id = ids.bits(lane) as usize;
            match table.state.get(id) {
                Some(&YES) => {
                    if let (Some(new), Some(number)) = (new.get_mut(lane), numbers.get(id)) {
                        *new = *number;
                    }
                }
                Some(&LARGE) => masks::insert(&mut large, lane),
                _ => masks::insert(&mut unknown, lane),
            }
        });
        debug_assert!(failed || !masks::any(&unknown));
        table.numbers = numbers;
        if let Some(slot) = self.s.memos.tables.get_mut(at) {
            *slot = table;
        }
        self.s.test = unknown;
        self.give_up();
        core::mem::swap(&mut self.s.test, &mut large);
        self.s.more = large;
        self.leave_tested(op.exit + 1);
        self.put(op, new);
    }

    /// The facts of a realm; None where there is none, or an unknown one. Err where the host errs.
    fn facts(&mut self, realm: u64) -> HostResult<Option<RealmFacts>> {
        if let Some((last, facts)) = self.s.memos.realm
            && last == realm
        {
            return Ok(facts);
        }
        let facts = match self.env.host {
            Some(host) if realm != NULL => host.realm(self.given.texts.of(realm))?,
            _ => None,
        };
        self.s.memos.realm = Some((realm, facts));
        Ok(facts)
    }
    /// For each lane that runs, its realm's facts: `visit` says whether it can go on. Lanes without a realm fault, lanes
    /// for which the host errs are given up. Realms come in runs, so that the last one asked for is most often the next.
    fn with_facts(&mut self, op: &LaneOp, mut visit: impl FnMut(usize, &RealmFacts)) {
        let mut missing = core::mem::take(&mut self.s.more);
        let mut failed = core::mem::take(&mut self.s.test);
        let mask = core::mem::take(&mut self.s.mask);
        missing.clear();
        missing.resize(failed.len(), 0);
        failed.fill(0);
        masks::each(&mask, |lane| {
            let realm = self.realm_ids().bits(lane);
            match self.facts(realm) {
                Ok(Some(facts)) => visit(lane, &facts),
                Ok(None) => masks::insert(&mut missing, lane),
                Err(_) => masks::insert(&mut failed, lane),
            }
        });
        self.s.mask = mask;
        self.s.test = failed;
        self.give_up();
        core::mem::swap(&mut self.s.test, &mut missing);
        self.s.more = missing;
        self.leave_tested(op.exit);
    }

    fn is_member(&mut self, op: &LaneOp) {
        self.with_facts(op, |_, _| {});
        self.each_asks(op, |host, realm, did| host.is_member(realm, did));
    }

    /// `member_count()` and `trust_threshold()`, also as metrics.
    fn realm_facts(&mut self, op: &LaneOp) {
        let mut new = self.s.columns.take_spare();
        let mut large = Vec::new();
        let count = op.code == Code::MemberCount;
        self.with_facts(op, |lane, facts| {
            let number = if count { facts.member_count as f64 } else { facts.trust_threshold };
            if count && facts.member_count > MAX_SAFE_INTEGER as u64 {
                large.push(lane);
            }
            if let Some(new) = new.get_mut(lane) {
                *new = f64::from_bits(number_bits(number));
            }
        });
        self.s.test.fill(0);
        for lane in large {
            masks::insert(&mut self.s.test, lane);
        }
        self.leave_tested(op.exit + 1);
        self.put(op, new);
    }

    /// The mean of all trust: one number for the whole world.
    fn mean(&mut self, op: &LaneOp) {
        let mean = match (self.s.memos.mean, self.env.host) {
            (Some(mean), _) => mean,
            (None, None) => None,
            (None, Some(host)) => match host.mean_trust(&[]) {
                Ok(mean) => {
                    self.s.memos.mean = Some(mean);
                    self.look();
                    mean
                }
                Err(_) => {
                    self.s.test.copy_from_slice(&self.s.mask);
                    return self.give_up();
                }
            },
        };
        self.put_k(op, mean.map_or(NULL, number_bits));
    }

    /// `store_get_number` and `store_get_bool`.
    fn stored(&mut self, op: &LaneOp) {
        self.with_facts(op, |_, _| {});
        let texts = self.given.texts;
        let mut new = self.s.columns.take_spare();
        let mut failed = core::mem::take(&mut self.s.test);
        failed.fill(0);
        let (realms, keys) = (self.realm_ids(), self.ids(op.b));
        let mut last: Option<(u64, u64, u64)> = None;
        masks::each(&self.s.mask, |lane| {
            let (realm, key) = (realms.bits(lane), keys.bits(lane));
            let bits = match last {
                Some((r, k, bits)) if (r, k) == (realm, key) => bits,
                _ => {
                    let Some(host) = self.env.host else { return };
                    match host.store_get(texts.of(realm), texts.of(key)) {
                        Err(_) => return masks::insert(&mut failed, lane),
                        Ok(Some(StoreValueRef::Number(n))) if op.code == Code::StoreNumber => number_bits(n),
                        Ok(Some(StoreValueRef::Bool(b))) if op.code == Code::StoreTruth => u64::from(b),
                        Ok(_) => NULL,
                    }
                }
            };
            last = Some((realm, key, bits));
            if let Some(new) = new.get_mut(lane) {
                *new = f64::from_bits(bits);
            }
        });
        self.s.test = failed;
        self.give_up();
        self.put(op, new);
    }
}
