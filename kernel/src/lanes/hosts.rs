//! What hosts are asked, in columns. Only lanes that run ask, and only after they have paid; what has been answered stands
//! in `memos`.
//!
//! A host that errs leaves the lanes that wanted its answer to the scalar engine, which asks again and says whose fault it
//! is. After each call to a host that does not say it is fast, the clock is looked at.

use super::border::Given;
use super::columns::{Arg, Columns, NULL, Operand, number_bits};
use super::masks;
use super::memos::{self, LARGE, NO, TOGETHER, UNKNOWN, Vectors, YES};
use super::ops;
use super::plan::{Code, LaneOp};
use super::run::Run;
use super::texts::Dictionary;
use crate::host::{HostInterface, HostResult, RealmFacts, StoreValueRef};
use crate::limits::MAX_SAFE_INTEGER;
use crate::value::TrustVector;

/// The ids that an operand has; of none (and of the input `trust`), the caller's.
fn ids_of<'s>(columns: &'s Columns, given: &'s Given<'_>, caller: u32, arg: Arg) -> Operand<'s> {
    match arg {
        Arg::None | Arg::Trust => given.inputs.view(caller << 3),
        Arg::Loaded(input) => given.inputs.view(input << 3),
        arg => columns.word(&given.inputs, arg),
    }
}

/// The DIDs of some ids.
fn dids_of<'t>(texts: &'t Dictionary, wanted: &[usize]) -> [&'t str; TOGETHER] {
    let mut dids = [""; TOGETHER];
    for (did, id) in dids.iter_mut().zip(wanted) {
        *did = texts.text(*id);
    }
    dids
}

impl Run<'_> {
    #[inline(never)]
    pub(super) fn ask_host(&mut self, op: &LaneOp) {
        self.before_host(op.exit);
        if !masks::any(&self.s.mask) {
            return;
        }
        match op.code {
            Code::AskTrust => self.ask_trust(op.b),
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

    /// The input that is the caller.
    fn caller(&self) -> u32 {
        self.plan.program().inputs.len() as u32
    }
    fn ids(&self, arg: Arg) -> Operand<'_> {
        ids_of(&self.s.columns, &self.given, self.caller(), arg)
    }
    fn realm_ids(&self) -> Operand<'_> {
        self.given.inputs.view((self.caller() + 1) << 3)
    }

    /// Sees to it that the vectors of all lanes that run are known; lanes whose vector it cannot get are given up. Keeps
    /// the norms by lane.
    fn ask_trust(&mut self, arg: Arg) {
        let (texts, host, caller) = (self.given.texts, self.env.host, self.caller());
        let s = &mut *self.s;
        let ids = ids_of(&s.columns, &self.given, caller, arg);
        let memos = &mut s.memos;
        memos.vectors.cover(texts.len());
        let Vectors { rows, norms } = &mut memos.vectors;
        let input = match arg {
            Arg::Loaded(input) => input,
            Arg::None => caller,
            _ => caller + 1,
        };
        memos.by_lane.resize_with((input as usize + 1).max(memos.by_lane.len()), Vec::new);
        let Some(by_lane) = memos.by_lane.get_mut(input as usize) else { return };
        by_lane.resize(self.given.inputs.lanes, 0.0);
        let marked = memos::gather(norms, ids, by_lane);
        if !marked || !memos::unknown(by_lane, &s.mask, &mut s.test) {
            return;
        }
        let answered = memos::ask_numbers(norms, &s.test, ids, &mut |wanted, norms| {
            let dids = dids_of(texts, wanted);
            let mut out = [None; TOGETHER];
            let (dids, out) = (dids.get(..wanted.len()), out.get_mut(..wanted.len()));
            if let (Some(host), Some(dids), Some(out)) = (host, dids, out) {
                host.trust_batch(dids, out)?;
                for (id, vector) in wanted.iter().zip(out) {
                    let TrustVector(six) = vector.unwrap_or(TrustVector::NEWCOMER);
                    memos::put_vector(rows, norms, *id, six.map(|x| f64::from_bits(number_bits(x))));
                }
            } else {
                wanted.iter().for_each(|id| memos::put_vector(rows, norms, *id, TrustVector::NEWCOMER.0));
            }
            Ok(())
        });
        memos::gather(norms, ids, by_lane);
        if answered.is_err() && memos::unknown(by_lane, &s.mask, &mut s.test) {
            self.give_up();
        }
    }

    /// `a = trust vector of b`, of what is known.
    pub(super) fn gather_trust(&mut self, op: &LaneOp, arg: Arg) {
        let mut six: [Vec<f64>; 6] = core::array::from_fn(|_| self.s.columns.take_spare());
        let ids = self.ids(arg);
        let known = &self.s.memos.vectors;
        let [r, i, c, p, v, o] = &mut six;
        // Also for lanes that do not run: what they get nobody reads, and whoever is not known is not asked for.
        let rows = r.iter_mut().zip(i).zip(c).zip(p).zip(v).zip(o);
        for (lane, (((((r, i), c), p), v), o)) in rows.enumerate() {
            [*r, *i, *c, *p, *v, *o] = known.six(ids.get(lane));
        }
        self.put_six(op, six);
    }

    /// Instructions on vectors that hosts have loaded: nothing is copied but what they ask for.
    pub(super) fn on_loaded(&mut self, op: &LaneOp) {
        let mut new = self.s.columns.take_spare();
        let (s, caller) = (&*self.s, self.caller());
        let vectors = &s.memos.vectors;
        let b = ids_of(&s.columns, &self.given, caller, op.b);
        match op.code {
            Code::Norm => {
                let input = if let Arg::Loaded(input) = op.b { input } else { caller };
                match s.memos.by_lane.get(input as usize) {
                    Some(norms) if norms.len() == new.len() => new.copy_from_slice(norms),
                    _ => _ = memos::gather(&vectors.norms, b, &mut new),
                }
            }
            Code::Distance => {
                let c = ids_of(&s.columns, &self.given, caller, op.c);
                memos::distances(vectors, b, c, &s.mask, &mut new);
            }
            _ => {
                let k = op.x as usize;
                for (lane, new) in new.iter_mut().enumerate() {
                    *new = vectors.six(b.get(lane)).get(k).copied().unwrap_or(0.0);
                }
            }
        }
        self.put(op, new);
    }

    /// Questions that are answered with yes or no.
    fn truths(&mut self, op: &LaneOp) {
        let (texts, host, caller) = (self.given.texts, self.env.host, self.caller());
        if op.code == Code::IsMember {
            return self.is_member(op);
        }
        if op.x >> 8 == 0 {
            return self.each_asks(op, |host, did, schema| host.has_credential(did, schema));
        }
        let schema = match op.c {
            Arg::K(k) => texts.of(k),
            _ => "",
        };
        let s = &mut *self.s;
        let ids = ids_of(&s.columns, &self.given, caller, op.b);
        let Some(table) = s.memos.table(op.x >> 8) else { return };
        table.state.resize(texts.len(), UNKNOWN);
        if memos::truths(&table.state, ids, &s.mask, &mut s.test) {
            memos::unanswered(&table.state, ids, &s.mask, &mut s.test);
            let answered = memos::ask_truths(&mut table.state, &s.test, ids, &mut |wanted, state| {
                let dids = dids_of(texts, wanted);
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
            });
            if answered.is_err() {
                memos::unanswered(&table.state, ids, &s.mask, &mut s.test);
                masks::without(&mut s.mask, &s.test);
                masks::without(&mut s.live, &s.test);
            }
            memos::truths(&table.state, ids, &s.mask, &mut s.test);
        }
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
        let (texts, host, caller) = (self.given.texts, self.env.host, self.caller());
        let mut new = self.s.columns.take_spare();
        let s = &mut *self.s;
        let ids = ids_of(&s.columns, &self.given, caller, op.b);
        let Some(table) = s.memos.table(op.x >> 8) else { return };
        memos::cover(&mut table.numbers, texts.len());
        let marked = memos::gather(&table.numbers, ids, &mut new);
        if !marked {
            return self.put(op, new);
        }
        if memos::unknown(&new, &s.mask, &mut s.test) {
            let answered = memos::ask_numbers(&mut table.numbers, &s.test, ids, &mut |wanted, numbers| {
                let dids = dids_of(texts, wanted);
                let mut out = [0i128; TOGETHER];
                let (dids, answers) = (dids.get(..wanted.len()), out.get_mut(..wanted.len()));
                if let (Some(host), Some(dids), Some(out)) = (host, dids, answers) {
                    host.balance_batch(dids, out)?;
                }
                for (id, balance) in wanted.iter().zip(out) {
                    if let Some(slot) = numbers.get_mut(*id) {
                        let large = balance.unsigned_abs() > MAX_SAFE_INTEGER as u128;
                        *slot = if large { LARGE } else { balance as f64 };
                    }
                }
                Ok(())
            });
            memos::gather(&table.numbers, ids, &mut new);
            if answered.is_err() && memos::unknown(&new, &s.mask, &mut s.test) {
                self.give_up();
            }
        }
        let s = &mut *self.s;
        ops::test(&mut s.test, Operand::S(&new), |n| n.to_bits() == LARGE.to_bits());
        masks::and(&mut s.test, &s.mask);
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
