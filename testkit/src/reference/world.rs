//! Builtins that are not pure: time, the log, reads of the world with the run's own writes in sight, writes, and the
//! question to another realm.

use super::ops::{self, Answer};
use super::price::{self};
use super::run::{Activation, Run};
use super::source::Source;
use super::value::Val;
use super::{Stop, input};
use crate::case::{Ask, Given, Setting};
use eclvm::lang::builtins::Builtin;
use eclvm_kernel::effects::{Effect, StoreValue};
use eclvm_kernel::fault::Fault;
use eclvm_kernel::host::HostError;
use eclvm_kernel::span::Span;
use eclvm_kernel::value::TrustVector;
use std::sync::OnceLock;

fn failed(_: HostError) -> Fault {
    Fault::HostError
}

/// The realm that the policy runs in; a builtin that needs one goes wrong without.
fn realm(run: &Run<'_>, at: &Activation<'_>) -> Result<String, Fault> {
    let (Some(world), Some(realm)) = (run.world(), &at.realm) else { return Err(Fault::HostError) };
    world.works(realm).map_err(failed)?;
    if world.realms.contains_key(&**realm) { Ok(realm.to_string()) } else { Err(Fault::HostError) }
}

/// A DID's vector as the run sees it; None where the DID is unknown.
fn vector(run: &Run<'_>, did: &str) -> Result<Option<[f64; 6]>, Fault> {
    if let Some(own) = run.trusts.get(did) {
        return Ok(Some(*own));
    }
    let Some(world) = run.world() else { return Ok(None) };
    world.works(did).map_err(failed)?;
    Ok(world.identities.get(did).map(|i| i.trust))
}

/// `load_trust`, and the standard input `trust`.
pub fn load_trust(run: &Run<'_>, did: &str) -> Answer {
    Ok(Val::Trust(vector(run, did)?.unwrap_or([0.1; 6])))
}

/// What stands under a key of a realm's store, as the run sees it.
fn stored(run: &Run<'_>, realm: &str, key: &str) -> Result<Option<StoreValue>, Fault> {
    if let Some(own) = run.stored.get(&(realm.to_owned(), key.to_owned())) {
        return Ok(own.clone());
    }
    let Some(world) = run.world() else { return Ok(None) };
    world.works(key).map_err(failed)?;
    Ok(world.realms.get(realm).and_then(|r| r.store.get(key)).cloned())
}

/// A host's whole number.
fn whole(n: i128) -> Answer {
    if n.unsigned_abs() > 1 << 53 { Err(Fault::NumberOutOfRange) } else { Ok(Val::Num(n as f64)) }
}

/// `get_metric("trust.avg")`
fn mean_trust(run: &Run<'_>) -> Answer {
    let Some(world) = run.world() else { return Ok(Val::Null) };
    world.works("trust.avg").map_err(failed)?;
    let mut norms = Vec::new();
    for (did, identity) in &world.identities {
        let trust = Val::Trust(*run.trusts.get(did).unwrap_or(&identity.trust));
        norms.push(ops::pure(Builtin::TrustNorm, &[trust])?.num());
    }
    let Some((first, rest)) = norms.split_first() else { return Ok(Val::Null) };
    Ok(Val::Num(rest.iter().fold(*first, |sum, norm| sum + norm) / norms.len() as f64))
}

/// A builtin that is not pure and has been charged.
pub fn builtin(run: &mut Run<'_>, at: &Activation<'_>, builtin: Builtin, args: &[Val]) -> Answer {
    let did = || args[0].str();
    match builtin {
        Builtin::GetTimestamp => Ok(Val::Num(run.setting.now)),
        Builtin::TimeSince => Ok(Val::Num(ops::maximum(0.0, run.setting.now - args[0].num()))),
        Builtin::Log => {
            if run.log.len() < 64 {
                run.log.push(cut(args[0].str()));
            }
            Ok(Val::Unit)
        }
        Builtin::LoadTrust => {
            let trust = load_trust(run, did())?;
            run.make(48)?;
            Ok(trust)
        }
        Builtin::HasCredential | Builtin::ResolveDid | Builtin::GetBalance => {
            let Some(world) = run.world() else {
                return Ok(if builtin == Builtin::GetBalance { Val::Num(0.0) } else { Val::Bool(false) });
            };
            world.works(did()).map_err(failed)?;
            let known = world.identities.get(did());
            match builtin {
                Builtin::HasCredential => {
                    Ok(Val::Bool(known.is_some_and(|i| i.credentials.contains(args[1].str()))))
                }
                Builtin::ResolveDid => Ok(Val::Bool(known.is_some())),
                _ => whole(known.map_or(0, |i| i.balance)),
            }
        }
        Builtin::IsMember => {
            let realm = realm(run, at)?;
            let world = run.world().expect("a realm stands in a world");
            world.works(did()).map_err(failed)?;
            Ok(Val::Bool(world.member(&realm, did())))
        }
        Builtin::MemberCount => member_count(run, at),
        Builtin::TrustThreshold => threshold(run, at),
        Builtin::GetMetric => match args[0].str() {
            "trust.avg" => mean_trust(run),
            "realm.member_count" => member_count(run, at),
            "realm.trust_threshold" => threshold(run, at),
            _ => Ok(Val::Null),
        },
        Builtin::StoreGet | Builtin::StoreGetNumber | Builtin::StoreGetBool => {
            let realm = realm(run, at)?;
            Ok(match (builtin, stored(run, &realm, args[0].str())?) {
                (Builtin::StoreGet, Some(StoreValue::Text(s))) => Val::Text((*s).into()),
                (Builtin::StoreGetNumber, Some(StoreValue::Number(n))) => Val::Num(n),
                (Builtin::StoreGetBool, Some(StoreValue::Bool(b))) => Val::Bool(b),
                _ => Val::Null,
            })
        }
        Builtin::StorePut | Builtin::StoreDelete | Builtin::UpdateTrust | Builtin::CastVote => {
            write(run, at, builtin, args)
        }
        other => unreachable!("{other:?} is pure, or asked elsewhere"),
    }
}

fn member_count(run: &Run<'_>, at: &Activation<'_>) -> Answer {
    let realm = realm(run, at)?;
    whole(i128::from(run.world().expect("a realm stands in a world").member_count(&realm)))
}

fn threshold(run: &Run<'_>, at: &Activation<'_>) -> Answer {
    let realm = realm(run, at)?;
    Ok(Val::Num(run.world().expect("a realm stands in a world").realms[&realm].threshold))
}

fn write(run: &mut Run<'_>, at: &Activation<'_>, builtin: Builtin, args: &[Val]) -> Answer {
    match builtin {
        Builtin::StorePut => {
            let (realm, key) = (realm(run, at)?, args[0].str().to_owned());
            run.make(key.len() as u64 + args[1].bytes())?;
            let value = match &args[1] {
                Val::Num(n) => StoreValue::Number(*n),
                Val::Bool(b) => StoreValue::Bool(*b),
                text => StoreValue::Text(text.str().into()),
            };
            run.stored.insert((realm.clone(), key.clone()), Some(value.clone()));
            run.effects.push(Effect::StorePut { realm: realm.into(), key: key.into(), value });
            Ok(Val::Bool(true))
        }
        Builtin::StoreDelete => {
            let (realm, key) = (realm(run, at)?, args[0].str().to_owned());
            let there = stored(run, &realm, &key)?.is_some();
            run.make(key.len() as u64)?;
            run.stored.insert((realm.clone(), key.clone()), None);
            run.effects.push(Effect::StoreDelete { realm: realm.into(), key: key.into() });
            Ok(Val::Bool(there))
        }
        Builtin::UpdateTrust => {
            let (did, delta) = (args[0].str(), args[1].num());
            if !(-0.5..=0.5).contains(&delta) {
                return Err(Fault::DomainError);
            }
            let Some(old) = vector(run, did)? else { return Ok(Val::Bool(false)) };
            run.make(did.len() as u64 + 48)?;
            let new = old.map(|x| (x + delta).clamp(0.0, 1.0));
            run.trusts.insert(did.to_owned(), new);
            run.effects.push(Effect::TrustUpdate { did: did.into(), delta, new: TrustVector(new) });
            Ok(Val::Bool(true))
        }
        _ => {
            let realm = realm(run, at)?;
            let voter = at.caller.clone().ok_or(Fault::HostError)?;
            let (proposal, yes) = (args[0].str(), args[1].bool());
            run.make(proposal.len() as u64)?;
            let vote =
                Effect::Vote { realm: realm.into(), proposal: proposal.into(), voter: (*voter).into(), yes };
            run.effects.push(vote);
            Ok(Val::Bool(true))
        }
    }
}

/// A log line as it is kept: at most 4 KiB, cut at a character.
fn cut(line: &str) -> String {
    let mut kept = String::new();
    for c in line.chars() {
        if kept.len() + c.len_utf8() > 4096 {
            break;
        }
        kept.push(c);
    }
    kept
}

/// `cross_realm(id)`: that realm's entry policy, asked on this run's bill.
pub fn cross_realm(run: &mut Run<'_>, at: &Activation<'_>, id: &str, span: Span) -> Result<Val, Stop> {
    static DEFAULT: OnceLock<Source> = OnceLock::new();
    run.may_call(span)?;
    run.charge(price::builtin(Builtin::CrossRealm, &[]), span)?;
    run.crossed = true;
    let Some(world) = run.world() else { return Ok(Val::Bool(false)) };
    world.works(id).map_err(|_| Stop::Fault(Fault::HostError, span))?;
    let source = match world.realms.get(id) {
        None => return Ok(Val::Bool(false)),
        Some(realm) if realm.quarantined => return Ok(Val::Bool(false)),
        Some(realm) => match &realm.entry {
            Some(entry) => &entry.source,
            None => DEFAULT.get_or_init(|| Source::compile("trust.r >= 0.3").expect("it compiles")),
        },
    };
    let ask = Ask {
        caller: at.caller.as_ref().map_or(Given::Missing, |did| Given::Did(did.to_string())),
        realm: Given::Text(id.to_owned()),
        ..Ask::default()
    };
    let facts = &source.policies[0];
    let read_only = Setting { allow_writes: false, ..run.setting.clone() };
    input::check(source, facts, &ask, &read_only).map_err(|fault| Stop::Fault(fault, span))?;
    run.depth += 1;
    let answer = run.policy(Activation::new(source, facts, &ask));
    run.depth -= 1;
    match answer {
        Ok(answer) => Ok(Val::Bool(answer.is_true())),
        Err(Stop::Deny(..)) => Ok(Val::Bool(false)),
        Err(Stop::Fault(fault, _)) => Err(Stop::Fault(fault, span)),
        Err(Stop::Exhausted(reason, _)) => Err(Stop::Exhausted(reason, span)),
    }
}
