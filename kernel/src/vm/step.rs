//! What the rarer instructions do: those priced by size, those that ask the host, those that write; and how a straight
//! run ends early.

use super::exec::Exit;
use super::frame::Frame;
use super::memory::{Memory, NULL, number_slot};
use super::meter::Meter;
use super::plan::{Executable, PlanOp, step_key};
use super::run::{Activation, Machine};
use super::writes::Write;
use crate::fault::{Exhaustion, Fault};
use crate::gas::GasLayer;
use crate::host::{HostError, HostInterface, RealmFacts, StoreValueRef};
use crate::isa::{CONST_B, CONST_C, Op};
use crate::limits::{MAX_LOG_LINES, MAX_SAFE_INTEGER};
use crate::ops::{math, text, trust};
use crate::types::{Base, Ty};
use crate::value::{Did, TrustVector};

impl From<Fault> for Exit {
    fn from(fault: Fault) -> Exit {
        Exit::Fault(fault)
    }
}
impl From<Exhaustion> for Exit {
    fn from(reason: Exhaustion) -> Exit {
        Exit::Exhausted(reason)
    }
}
impl From<HostError> for Exit {
    fn from(_: HostError) -> Exit {
        Exit::Fault(Fault::HostError)
    }
}
impl From<HostError> for Fault {
    fn from(_: HostError) -> Fault {
        Fault::HostError
    }
}

/// Charges the instructions of a straight run one by one, up to and with `last`.
fn charge_run(
    exe: &Executable,
    meter: &mut Meter<'_>,
    at: &mut Activation<'_>,
    start: usize,
    last: usize,
) -> Option<Exit> {
    for pc in start..=last {
        let units = exe.straight_units(pc);
        if units > 0
            && let Err(reason) = meter.charge(GasLayer::Compute, units, 0)
        {
            at.culprit = Some(pc as u32);
            return Some(Exit::Exhausted(reason));
        }
    }
    None
}

/// A straight run that cannot be paid in one: the first of its instructions that cannot be paid ends the run. None where
/// another run has given back meanwhile what was missing.
#[cold]
#[inline(never)]
pub(crate) fn out_of_gas(
    exe: &Executable,
    meter: &mut Meter<'_>,
    at: &mut Activation<'_>,
    pc: usize,
) -> Option<Exit> {
    let last = exe.source_of(pc);
    charge_run(exe, meter, at, exe.run_start(last), last)
}

/// A fault in a straight run: what came before it, and itself, must be paid first.
#[cold]
#[inline(never)]
pub(crate) fn straight_fault(
    exe: &Executable,
    meter: &mut Meter<'_>,
    at: &mut Activation<'_>,
    pc: usize,
    fault: Fault,
) -> Exit {
    let last = exe.source_of(pc);
    charge_run(exe, meter, at, exe.run_start(last), last).unwrap_or(Exit::Fault(fault))
}

/// A call that would be too deep: what came before it must be paid first, itself is not charged.
#[cold]
#[inline(never)]
pub(crate) fn too_deep(exe: &Executable, meter: &mut Meter<'_>, at: &mut Activation<'_>, pc: usize) -> Exit {
    let call = exe.source_of(pc);
    let start = exe.run_start(call);
    let before = if call > start { charge_run(exe, meter, at, start, call - 1) } else { None };
    before.unwrap_or(Exit::Exhausted(Exhaustion::StackOverflow))
}

/// The caller's trust vector, once, at entry: the first charge of a run on host state.
#[cold]
#[inline(never)]
pub(crate) fn entry_trust<const METERED: bool>(
    m: &mut Machine<'_>,
    at: &mut Activation<'_>,
    host: &dyn HostInterface,
) -> Result<(), Exit> {
    at.culprit = Some(0);
    if METERED {
        m.meter.charge(GasLayer::Network, 5, 0)?;
    }
    let caller = at.caller.unwrap_or("");
    let vector = load_trust(m, host, caller)?;
    at.std.trust = m.memory.put_trust(&vector);
    m.after_host_call()?;
    at.culprit = None;
    Ok(())
}

fn load_trust(m: &Machine<'_>, host: &dyn HostInterface, did: &str) -> Result<TrustVector, HostError> {
    if let Some(own) = m.writes.as_ref().and_then(|w| w.trust(did)) {
        return Ok(own);
    }
    Ok(host.trust(did)?.unwrap_or(TrustVector::NEWCOMER))
}

/// The realm in which the policy runs; HostError where there is none, or an unknown one.
fn realm<'a>(m: &Machine<'a>, at: &mut Activation<'a>) -> Result<(&'a str, RealmFacts), Fault> {
    let id = at.realm.ok_or(Fault::HostError)?;
    if let Some(facts) = at.facts {
        return Ok((id, facts));
    }
    let host = m.env.host.ok_or(Fault::HostError)?;
    let facts = host.realm(id)?.ok_or(Fault::HostError)?;
    at.facts = Some(facts);
    Ok((id, facts))
}

/// `n` bytes in pieces of `per`.
pub(crate) fn pieces(n: u64, per: u64) -> u64 {
    n.div_ceil(per)
}

/// Runs an instruction that charges for itself.
#[inline(never)]
pub(crate) fn step<'a, const METERED: bool>(
    exe: &Executable,
    m: &mut Machine<'a>,
    f: &mut Frame<'_>,
    at: &mut Activation<'a>,
    op: &PlanOp,
) -> Result<(), Exit> {
    let (Some(portable), ty) = step_key(exe, op) else { return Err(Fault::HostError.into()) };
    let k = &exe.constants;
    let b = if op.x & CONST_B != 0 { k.slot_of(op.b) } else { f.get(op.b) };
    let c = if op.x & CONST_C != 0 { k.slot_of(op.c) } else { f.get(op.c) };
    macro_rules! charge {
        ($layer:ident, $units:expr, $mana:expr) => {
            if METERED {
                m.meter.charge(GasLayer::$layer, $units, $mana)?;
            }
        };
        ($layer:ident, $units:expr) => {
            charge!($layer, $units, 0)
        };
    }
    let value = match portable {
        Op::Eq | Op::Ne => {
            let null = b == NULL || c == NULL;
            let units = if null {
                1
            } else if ty.is_array() {
                search_units(&m.memory, exe, ty, b, c)
            } else {
                1 + pieces((m.memory.text(k, b).len() + m.memory.text(k, c).len()) as u64, 32)
            };
            charge!(Compute, units);
            u64::from(m.memory.equal(k, ty, b, c) == (portable == Op::Eq))
        }
        Op::Contains => {
            charge!(Compute, contains_units(&m.memory, exe, ty, b, c));
            let found = m.memory.elements(k, c).iter().any(|item| m.memory.equal(k, ty, b, *item));
            u64::from(found)
        }
        Op::Concat => {
            let (l, r) = (m.memory.text(k, b), m.memory.text(k, c));
            charge!(Compute, 1 + pieces((l.len() + r.len()) as u64, 32));
            let len = text::joined_len(l.len(), r.len())?;
            let mut joined = bumpalo::collections::String::with_capacity_in(len, m.memory.bump);
            joined.push_str(l);
            joined.push_str(r);
            m.memory.make(len as u64)?;
            m.memory.put_text(joined.into_bump_str())
        }
        Op::StrLen | Op::MakeDid => {
            let s = m.memory.text(k, b);
            charge!(Compute, 1 + pieces(s.len() as u64, 32));
            if portable == Op::StrLen {
                text::chars(s).to_bits()
            } else {
                Did::new(s).ok_or(Fault::InvalidDid)?;
                b
            }
        }
        Op::StrContains | Op::StrStartsWith | Op::StrEndsWith | Op::StrEqIgnoreCase => {
            let (l, r) = (m.memory.text(k, b), m.memory.text(k, c));
            charge!(Compute, 1 + pieces((l.len() + r.len()) as u64, 32));
            u64::from(match portable {
                Op::StrContains => text::contains(l, r),
                Op::StrStartsWith => l.starts_with(r),
                Op::StrEndsWith => l.ends_with(r),
                _ => text::eq_ignore_ascii_case(l, r),
            })
        }
        Op::Log => {
            let line = m.memory.text(k, b);
            charge!(Storage, 2 + pieces(line.len() as u64, 64));
            if m.log.len() < MAX_LOG_LINES {
                m.log.push(text::log_line(line).into());
            }
            return Ok(());
        }
        Op::Emit => {
            let name = m.memory.text(k, k.slot_of(op.b));
            let bytes = m.memory.bytes(k, ty, c);
            charge!(Storage, 2 + pieces(name.len() as u64 + bytes, 64), 1 + pieces(bytes, 1024));
            m.memory.make(name.len() as u64 + bytes)?;
            let name = m.memory.copy_text(name);
            let payload = m.memory.value(k, if c == NULL { ty.opt() } else { ty }, c);
            m.writes().push(Write::Emit { name, payload });
            return Ok(());
        }
        _ => return host_step::<METERED>(exe, m, f, at, op, portable, ty, b, c),
    };
    f.set(op.a, value);
    Ok(())
}

/// Price of comparing two arrays.
fn search_units(memory: &Memory<'_>, exe: &Executable, ty: Ty, b: u64, c: u64) -> u64 {
    let (b, c) = (memory.totals(&exe.constants, b), memory.totals(&exe.constants, c));
    debug_assert!(ty.is_array());
    1 + pieces(b.elements.saturating_add(c.elements), 8) + pieces(b.text.saturating_add(c.text), 32)
}

/// Price of looking for `b` of type `ty` in the array `c`.
pub(crate) fn contains_units(memory: &Memory<'_>, exe: &Executable, ty: Ty, b: u64, c: u64) -> u64 {
    let k = &exe.constants;
    let hay = memory.totals(k, c);
    let (elements, bytes) = if b == NULL {
        (0, 0)
    } else if ty.is_array() {
        let needle = memory.totals(k, b);
        (needle.elements, needle.text)
    } else if ty.base() == Base::Text {
        (0, memory.text(k, b).len() as u64)
    } else {
        (0, 0)
    };
    1 + pieces(hay.elements.saturating_add(elements), 8) + pieces(hay.text.saturating_add(bytes), 32)
}

#[expect(clippy::too_many_arguments, reason = "one function cut in two; the operands are already fetched")]
fn host_step<'a, const METERED: bool>(
    exe: &Executable,
    m: &mut Machine<'a>,
    f: &mut Frame<'_>,
    at: &mut Activation<'a>,
    op: &PlanOp,
    portable: Op,
    ty: Ty,
    b: u64,
    c: u64,
) -> Result<(), Exit> {
    let k = &exe.constants;
    macro_rules! charge {
        ($layer:ident, $units:expr, $mana:expr) => {
            if METERED {
                m.meter.charge(GasLayer::$layer, $units, $mana)?;
            }
        };
        ($layer:ident, $units:expr) => {
            charge!($layer, $units, 0)
        };
    }
    let host = m.env.host;
    let value = match portable {
        Op::MemberCount => realm(m, at)?.1.member_count.min(MAX_SAFE_INTEGER as u64 + 1),
        Op::RealmThreshold => realm(m, at)?.1.trust_threshold.to_bits(),
        Op::LoadTrust => {
            charge!(Network, 5);
            let did = m.memory.text(k, b);
            let vector = match host {
                Some(host) => load_trust(m, host, did)?,
                None => TrustVector::NEWCOMER,
            };
            m.memory.make(48)?;
            m.memory.put_trust(&vector)
        }
        Op::HasCredential => {
            charge!(Network, 5);
            let (did, schema) = (m.memory.text(k, b), m.memory.text(k, c));
            u64::from(host.map_or(Ok(false), |h| h.has_credential(did, schema))?)
        }
        Op::ResolveDid => {
            charge!(Network, 5);
            let did = m.memory.text(k, b);
            u64::from(host.map_or(Ok(false), |h| h.resolve_did(did))?)
        }
        Op::GetBalance => {
            charge!(Network, 5);
            let balance = host.map_or(Ok(0), |h| h.balance(m.memory.text(k, b)))?;
            number_slot(whole(balance)?)
        }
        Op::IsMember => {
            charge!(Network, 5);
            let (id, _) = realm(m, at)?;
            let did = m.memory.text(k, b);
            u64::from(host.map_or(Ok(false), |h| h.is_member(id, did))?)
        }
        Op::GetMetric => {
            charge!(Network, 5);
            match (m.memory.text(k, b), host) {
                ("trust.avg", Some(host)) => {
                    let mean = match &mut m.writes {
                        Some(writes) => writes.mean_trust(host)?,
                        None => host.mean_trust(&[])?,
                    };
                    m.meter.look()?;
                    mean.map_or(NULL, number_slot)
                }
                ("realm.member_count", _) => whole(i128::from(realm(m, at)?.1.member_count))?.to_bits(),
                ("realm.trust_threshold", _) => number_slot(realm(m, at)?.1.trust_threshold),
                _ => NULL,
            }
        }
        Op::StoreGetText | Op::StoreGetNumber | Op::StoreGetBool => {
            charge!(Storage, 10);
            let (id, _) = realm(m, at)?;
            let stored = stored(m, id, m.memory.text(k, b))?;
            match (portable, stored) {
                (Op::StoreGetText, Some(StoreValueRef::Text(s))) => m.memory.put_text(s),
                (Op::StoreGetNumber, Some(StoreValueRef::Number(n))) => number_slot(n),
                (Op::StoreGetBool, Some(StoreValueRef::Bool(v))) => u64::from(v),
                _ => NULL,
            }
        }
        Op::StorePut => {
            let key = m.memory.text(k, b);
            let bytes = m.memory.bytes(k, ty, c);
            charge!(Storage, 10 + pieces(key.len() as u64 + bytes, 64), 1 + pieces(bytes, 1024));
            let (id, _) = realm(m, at)?;
            m.memory.make(key.len() as u64 + bytes)?;
            let key = m.memory.copy_text(key);
            let value = match ty.base() {
                Base::Number => StoreValueRef::Number(f64::from_bits(c)),
                Base::Bool => StoreValueRef::Bool(c != 0),
                _ => StoreValueRef::Text(m.memory.copy_text(m.memory.text(k, c))),
            };
            m.writes().push(Write::Put { realm: id, key, value });
            1
        }
        Op::StoreDelete => {
            charge!(Storage, 10);
            let (id, _) = realm(m, at)?;
            let key = m.memory.text(k, b);
            let there = stored(m, id, key)?.is_some();
            m.memory.make(key.len() as u64)?;
            let key = m.memory.copy_text(key);
            m.writes().push(Write::Delete { realm: id, key });
            u64::from(there)
        }
        Op::UpdateTrust => {
            charge!(Storage, 50);
            let delta = f64::from_bits(c);
            let did = m.memory.text(k, b);
            trust::shift(&TrustVector::NEWCOMER, delta)?;
            let own = m.writes.as_ref().and_then(|w| w.trust(did));
            let now = match (own, host) {
                (Some(own), _) => Some(own),
                (None, Some(host)) => host.trust(did)?,
                (None, None) => None,
            };
            match now {
                Some(vector) => {
                    let new = trust::shift(&vector, delta)?;
                    m.memory.make(did.len() as u64 + 48)?;
                    let did = m.memory.copy_text(did);
                    m.writes().push(Write::Trust { did, delta, new });
                    1
                }
                None => 0,
            }
        }
        Op::CastVote => {
            charge!(Storage, 100);
            let (id, _) = realm(m, at)?;
            let voter = at.caller.ok_or(Fault::HostError)?;
            let proposal = m.memory.text(k, b);
            m.memory.make(proposal.len() as u64)?;
            let proposal = m.memory.copy_text(proposal);
            m.writes().push(Write::Vote { realm: id, proposal, voter, yes: c != 0 });
            1
        }
        Op::CrossRealm => {
            if m.depth >= m.max_depth {
                return Err(Exhaustion::StackOverflow.into());
            }
            charge!(Realm, 20);
            return Err(Exit::Cross { realm: b, dst: op.a });
        }
        _ => return Err(Fault::HostError.into()),
    };
    let value = if portable == Op::MemberCount { whole(i128::from(value))?.to_bits() } else { value };
    f.set(op.a, value);
    m.after_host_call()
}

/// A host's whole number as a number.
pub(crate) fn whole(n: i128) -> Result<f64, Fault> {
    let number = n as f64;
    if n.unsigned_abs() > MAX_SAFE_INTEGER as u128 { Err(Fault::NumberOutOfRange) } else { Ok(number) }
}

/// What stands under a key: the run's own writes first.
fn stored<'a>(m: &Machine<'a>, realm: &str, key: &str) -> Result<Option<StoreValueRef<'a>>, Fault> {
    if let Some(own) = m.writes.as_ref().and_then(|w| w.stored(realm, key)) {
        return Ok(own);
    }
    match m.env.host {
        Some(host) => Ok(host.store_get(realm, key)?),
        None => Ok(None),
    }
}

/// Runs a straight instruction that has no line of its own in the loop.
#[inline(never)]
pub(crate) fn straight(
    exe: &Executable,
    memory: &mut Memory<'_>,
    f: &Frame<'_>,
    now: u64,
    op: &PlanOp,
) -> Result<u64, Fault> {
    let (Some(portable), ty) = step_key(exe, op) else { return Err(Fault::HostError) };
    let k = &exe.constants;
    let b = if op.x & CONST_B != 0 { k.slot_of(op.b) } else { f.get(op.b) };
    let c = if op.x & CONST_C != 0 { k.slot_of(op.c) } else { f.get(op.c) };
    let (bn, cn) = (f64::from_bits(b), f64::from_bits(c));
    let number = |n: f64| n.to_bits();
    let args = |n: u16| f.range(op.b, n);
    Ok(match portable {
        Op::Add => number(bn + cn),
        Op::Sub => number(bn - cn),
        Op::Mul => number(bn * cn),
        Op::Div => number(math::div(bn, cn)?),
        Op::Rem => number(math::rem(bn, cn)?),
        Op::Lt => u64::from(bn < cn),
        Op::Le => u64::from(bn <= cn),
        Op::Gt => u64::from(bn > cn),
        Op::Ge => u64::from(bn >= cn),
        Op::Eq => u64::from(memory.equal(k, ty, b, c)),
        Op::Ne => u64::from(!memory.equal(k, ty, b, c)),
        Op::Index => {
            let items = memory.elements(k, b);
            let i = math::index(cn, items.len())?;
            items.get(i).copied().unwrap_or(0)
        }
        Op::ArrayLit => {
            let items: bumpalo::collections::Vec<'_, u64> =
                bumpalo::collections::Vec::from_iter_in(args(op.c).iter().copied(), memory.bump);
            memory.put_array(k, ty, &items)?
        }
        Op::TrustNorm => number(trust::norm(&memory.trust(k, b))),
        Op::TrustWeighted => {
            let vector = memory.trust(k, b);
            let weights = memory.elements(k, c);
            let six: [u64; 6] = weights.try_into().map_err(|_| Fault::DomainError)?;
            number(trust::weighted(&vector, &six.map(f64::from_bits))?)
        }
        Op::TrustCombine => {
            let vector = trust::combine(&memory.trust(k, b), &memory.trust(k, c));
            memory.make(48)?;
            memory.put_trust(&vector)
        }
        Op::TrustCreate => {
            let six: [u64; 6] = args(6).try_into().map_err(|_| Fault::DomainError)?;
            let vector = trust::create(six.map(f64::from_bits))?;
            memory.make(48)?;
            memory.put_trust(&vector)
        }
        Op::TrustAbove => u64::from(trust::above(&memory.trust(k, b), cn)),
        Op::TrustDistance => number(trust::distance(&memory.trust(k, b), &memory.trust(k, c))),
        Op::Now => now,
        Op::TimeSince => number(math::max(0.0, f64::from_bits(now) - bn)),
        Op::Abs => number(bn.abs()),
        Op::Sqrt => number(math::sqrt(bn)?),
        Op::Floor => number(bn.floor()),
        Op::Ceil => number(bn.ceil()),
        Op::RoundNumber => number(math::round(bn)),
        Op::Min => number(math::min(bn, cn)),
        Op::Max => number(math::max(bn, cn)),
        Op::Clamp | Op::Lerp => {
            let three: [u64; 3] = args(3).try_into().map_err(|_| Fault::DomainError)?;
            let [x, y, z] = three.map(f64::from_bits);
            if portable == Op::Clamp { number(math::clamp(x, y, z)?) } else { number(math::lerp(x, y, z)) }
        }
        Op::Surprisal => number(math::surprisal(bn)?),
        Op::ArrayLen => number(memory.array_len(k, b) as f64),
        _ => return Err(Fault::HostError),
    })
}
