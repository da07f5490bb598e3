//! A run from request to receipt.

use super::exec::{Exit, execute};
use super::input;
use super::memory::{Memory, NULL, number_slot};
use super::meter::Meter;
use super::plan::{Executable, PlanFunction};
use super::quick;
use super::step;
use super::writes::Writes;
use crate::fault::{Fault, Outcome};
use crate::host::{EntryPolicy, RealmFacts};
use crate::program::StdInput;
use crate::receipt::{Detail, Receipt};
use crate::request::{Env, Request};
use crate::types::{Base, Ty};
use crate::value::{Did, ValueRef};
use bumpalo::Bump;
use std::sync::Arc;

/// Runs programs, one at a time. Keeps its memory from run to run: after the first few, a run allocates nothing. One per
/// thread.
#[derive(Debug)]
pub struct Vm {
    pub(super) bump: Bump,
    registers: Vec<u64>,
    pub(super) words: Vec<u64>,
    calls: Vec<Call>,
    /// Registers of quick runs; not cleared (V4).
    pub(super) quick: [u64; quick::REGISTERS],
    default_entry: Option<Arc<Executable>>,
}

/// The standard inputs of an activation, in register form.
#[derive(Clone, Copy)]
pub(crate) struct Std {
    pub(crate) caller: u64,
    pub(crate) realm: u64,
    pub(crate) trust: u64,
    pub(crate) now: u64,
}

/// One policy that is running: the one that was asked for, or an entry policy that `cross_realm` asked.
pub(crate) struct Activation<'a> {
    pub(crate) pc: u32,
    pub(crate) base: u32,
    pub(crate) registers: u16,
    /// Open calls below this one's own.
    floor: usize,
    pub(crate) std: Std,
    pub(crate) caller: Option<&'a str>,
    pub(crate) realm: Option<&'a str>,
    pub(crate) facts: Option<RealmFacts>,
    /// The portable instruction that ended the run, where it is not the one that `pc` stands for.
    pub(crate) culprit: Option<u32>,
}

impl<'a> Activation<'a> {
    /// The start of a program's body, its frame at `base`, its standard inputs but `trust` in place.
    #[inline]
    fn new(
        exe: &Executable,
        caller: ValueRef<'a>,
        realm: ValueRef<'a>,
        base: u32,
        floor: usize,
        now: f64,
        memory: &mut Memory<'a>,
    ) -> Activation<'a> {
        let (caller, realm) = (text_of(caller), text_of(realm));
        let mut std = Std { caller: NULL, realm: NULL, trust: NULL, now: number_slot(now) };
        let program = exe.program();
        if let (Some(did), true) = (caller, program.mentions(StdInput::Caller)) {
            std.caller = memory.put_text(did);
        }
        if let (Some(id), true) = (realm, program.mentions(StdInput::Realm)) {
            std.realm = memory.put_text(id);
        }
        let registers = exe.functions.first().map_or(0, |f| f.registers);
        Activation { pc: 0, base, registers, floor, std, caller, realm, facts: None, culprit: None }
    }
    #[inline(always)]
    pub(crate) fn std_slot(&self, x: u8) -> u64 {
        match x {
            0 => self.std.caller,
            1 => self.std.realm,
            2 => self.std.trust,
            _ => self.std.now,
        }
    }
}

/// An open call.
#[derive(Clone, Copy, Debug)]
struct Call {
    pc: u32,
    base: u32,
    registers: u16,
    dst: u16,
}

/// Registers of all open frames, and the calls between them.
///
/// Registers are not cleared: V4 proves that none is read before the run has written it.
pub(crate) struct Stack<'a> {
    registers: &'a mut Vec<u64>,
    calls: &'a mut Vec<Call>,
}

impl Stack<'_> {
    #[inline(always)]
    pub(crate) fn window(&mut self, at: &Activation<'_>) -> &mut [u64] {
        let base = at.base as usize;
        self.registers.get_mut(base..base + usize::from(at.registers)).unwrap_or(&mut [])
    }
    /// Makes room up to `end`.
    #[inline]
    fn reserve(&mut self, end: usize) {
        if end > self.registers.len() {
            self.registers.resize(end, 0);
        }
    }
    pub(crate) fn enter(
        &mut self,
        at: &mut Activation<'_>,
        back: u32,
        dst: u16,
        args: u16,
        callee: &PlanFunction,
    ) {
        self.calls.push(Call { pc: back, base: at.base, registers: at.registers, dst });
        let from = at.base as usize + usize::from(args);
        let base = at.base as usize + usize::from(at.registers);
        self.reserve(base + usize::from(callee.registers));
        self.registers.copy_within(from..from + usize::from(callee.params), base);
        at.base = base as u32;
        at.registers = callee.registers;
    }
    /// Leaves a function: where to go on; None from a body.
    pub(crate) fn leave(&mut self, at: &mut Activation<'_>, value: u64) -> Option<u32> {
        if self.calls.len() <= at.floor {
            return None;
        }
        let call = self.calls.pop()?;
        at.base = call.base;
        at.registers = call.registers;
        self.set(at, call.dst, value);
        Some(call.pc)
    }
    fn set(&mut self, at: &Activation<'_>, register: u16, value: u64) {
        if let Some(slot) = self.registers.get_mut(at.base as usize + usize::from(register)) {
            *slot = value;
        }
    }
}

/// Everything of a run but its frames.
pub(crate) struct Machine<'a> {
    pub(crate) memory: Memory<'a>,
    pub(crate) meter: Meter<'a>,
    pub(crate) env: &'a Env<'a>,
    pub(crate) writes: Option<Box<Writes<'a>>>,
    pub(crate) log: Vec<Box<str>>,
    pub(crate) max_depth: u32,
    /// Open calls, crossings included; the body is depth 0.
    pub(crate) depth: u32,
    slow_host: bool,
}

impl<'a> Machine<'a> {
    #[inline]
    fn new(bump: &'a Bump, words: &'a mut Vec<u64>, env: &'a Env<'a>, started: Option<u64>) -> Machine<'a> {
        Machine {
            memory: Memory::new(bump, words),
            meter: Meter::new(env, started),
            env,
            writes: None,
            log: Vec::new(),
            max_depth: env.limits.depth(),
            depth: 0,
            slow_host: env.host.is_some_and(|host| !host.is_fast()),
        }
    }
    pub(crate) fn writes(&mut self) -> &mut Writes<'a> {
        self.writes.get_or_insert_default()
    }
    /// A slow host may have used up the time.
    pub(crate) fn after_host_call(&mut self) -> Result<(), Exit> {
        if self.slow_host || self.meter.tick(512) {
            self.meter.look().map_err(Exit::Exhausted)
        } else {
            Ok(())
        }
    }
}

impl Default for Vm {
    fn default() -> Vm {
        Vm::new()
    }
}

impl Vm {
    /// A machine that has run nothing yet.
    pub fn new() -> Vm {
        Vm {
            bump: Bump::new(),
            registers: Vec::new(),
            words: Vec::new(),
            calls: Vec::new(),
            quick: [0; quick::REGISTERS],
            default_entry: None,
        }
    }

    /// Runs a program on one request. Never panics, unless the host does.
    pub fn run(&mut self, exe: &Executable, request: &Request<'_>, env: &Env<'_>) -> Receipt {
        self.run_quickly::<true>(exe, request, env)
    }

    /// As [`Vm::run`], but always on the full machine. For tests and benchmarks: receipts are the same.
    pub fn run_fully(&mut self, exe: &Executable, request: &Request<'_>, env: &Env<'_>) -> Receipt {
        self.run_as::<true>(exe, request, env, None)
    }

    /// As [`Vm::run`], without metering, to measure what metering costs. No limit holds.
    #[cfg(feature = "bench-internals")]
    pub fn run_unmetered(&mut self, exe: &Executable, request: &Request<'_>, env: &Env<'_>) -> Receipt {
        self.run_quickly::<false>(exe, request, env)
    }

    /// As [`Vm::run_fully`], without metering.
    #[cfg(feature = "bench-internals")]
    pub fn run_fully_unmetered(&mut self, exe: &Executable, request: &Request<'_>, env: &Env<'_>) -> Receipt {
        self.run_as::<false>(exe, request, env, None)
    }

    /// `started`: when the clock was first looked at, if that was before.
    #[inline(never)]
    pub(super) fn run_as<const METERED: bool>(
        &mut self,
        exe: &Executable,
        request: &Request<'_>,
        env: &Env<'_>,
        started: Option<u64>,
    ) -> Receipt {
        let version = env.host.map_or(0, |host| host.version());
        if let Err(fault) = input::check(exe.program(), request, env) {
            return Receipt::unstarted(fault, version);
        }
        if let Some(reason) = env.shared.and_then(|budget| budget.exhausted()) {
            return Receipt {
                outcome: Outcome::Exhausted(reason),
                ..Receipt::unstarted(Fault::HostError, version)
            };
        }
        self.make_room();
        let Vm { bump, registers, words, calls, default_entry, quick: _ } = self;
        let mut stack = Stack { registers, calls };
        let mut m = Machine::new(bump, words, env, started);
        if METERED && m.slow_host {
            m.meter.start_clock();
        }
        let mut at = Activation::new(exe, request.caller, request.realm, 0, 0, env.now, &mut m.memory);
        stack.reserve(usize::from(at.registers));
        let program = exe.program();
        for (index, input) in program.inputs.iter().enumerate() {
            let given = request.inputs.get(index).copied().unwrap_or(ValueRef::Missing);
            // Checked: sizes are within limits, so nothing is refused here.
            let slot = m.memory.put_input(&exe.constants, given, input.ty).unwrap_or(NULL);
            if let Some(register) = stack.registers.get_mut(index) {
                *register = slot;
            }
        }
        let began = begin::<METERED>(exe, &mut m, &mut stack, &mut at, request.trust);
        let exit = match began {
            Err(exit) => exit,
            Ok(()) => match execute::<METERED>(exe, &mut m, &mut stack, &mut at) {
                Exit::Cross { realm, dst } => {
                    crossings::<METERED>(exe, &mut m, &mut stack, &mut at, (realm, dst), default_entry)
                }
                exit => exit,
            },
        };
        m.receipt(exe, &at, exit, version)
    }

    /// What the last run left is gone, and what it needed far beyond the ordinary is given back.
    #[inline]
    pub(super) fn make_room(&mut self) {
        self.bump.reset();
        self.calls.clear();
        if self.registers.len().max(self.words.capacity()) > KEPT_WORDS {
            self.registers = Vec::new();
            self.words = Vec::new();
        }
    }
}

/// Words that a machine keeps from run to run (1 MiB of each kind).
pub(super) const KEPT_WORDS: usize = 1 << 17;

/// Loads `trust` and puts the standard inputs into their registers.
#[inline]
fn begin<const METERED: bool>(
    exe: &Executable,
    m: &mut Machine<'_>,
    stack: &mut Stack<'_>,
    at: &mut Activation<'_>,
    trust: ValueRef<'_>,
) -> Result<(), Exit> {
    let program = exe.program();
    if program.mentions(StdInput::Trust) {
        match (trust, m.env.host) {
            (_, Some(host)) => step::entry_trust::<METERED>(m, at, host)?,
            (ValueRef::Trust(t), None) => at.std.trust = m.memory.put_trust(t),
            _ => {}
        }
    }
    if program.mentions != 0 {
        for (x, register) in (0u8..).zip(exe.standard) {
            if let Some(register) = register {
                stack.set(at, register, at.std_slot(x));
            }
        }
    }
    at.pc = exe.start;
    Ok(())
}

fn text_of(value: ValueRef<'_>) -> Option<&str> {
    match value {
        ValueRef::Text(s) => Some(s),
        ValueRef::Did(d) => Some(d.as_str()),
        _ => None,
    }
}

/// Runs entry policies, and policies that these ask, on a stack of activations; none of it recurses.
#[cold]
fn crossings<'a, const METERED: bool>(
    outer: &Executable,
    m: &mut Machine<'a>,
    stack: &mut Stack<'a>,
    outer_at: &mut Activation<'a>,
    mut asked: (u64, u16),
    default_entry: &mut Option<Arc<Executable>>,
) -> Exit {
    let mut inner: Vec<Inner<'a>> = Vec::new();
    loop {
        // Somebody asks: the innermost activation, in `asked`.
        let (exe, at): (&Executable, &Activation<'a>) = match inner.last() {
            Some(inner) => (&inner.exe, &inner.at),
            None => (outer, outer_at),
        };
        let realm = m.memory.copy_text(m.memory.text(&exe.constants, asked.0));
        let (caller, base) = (at.caller, at.base + u32::from(at.registers));
        let entry = match entry(m, realm, default_entry) {
            Ok(entry) => entry,
            Err(fault) => return Exit::Fault(fault),
        };
        let mut answer = None;
        match entry {
            None => answer = Some((asked.1, false)),
            Some(exe) => match activate(m, stack, &exe, realm, caller, base) {
                Ok(mut at) => {
                    m.depth += 1;
                    if let Err(exit) = begin::<METERED>(&exe, m, stack, &mut at, ValueRef::Missing) {
                        return exit;
                    }
                    inner.push(Inner { exe, at, dst: asked.1 });
                }
                Err(fault) => return Exit::Fault(fault),
            },
        }
        // Run on, giving answers back, until somebody asks again or the outermost policy ends.
        loop {
            if let Some((dst, passed)) = answer.take() {
                let at = inner.last_mut().map_or(&mut *outer_at, |inner| &mut inner.at);
                stack.set(at, dst, u64::from(passed));
                at.pc += 1;
                if let Err(exit) = m.after_host_call() {
                    return exit;
                }
            }
            let exit = match inner.last_mut() {
                Some(inner) => execute::<METERED>(&inner.exe, m, stack, &mut inner.at),
                None => execute::<METERED>(outer, m, stack, outer_at),
            };
            let passed = match exit {
                Exit::Cross { realm, dst } => {
                    asked = (realm, dst);
                    break;
                }
                exit if inner.is_empty() => return exit,
                Exit::Return(value) => value == 1,
                Exit::Deny(_) => false,
                // Its fault is this run's fault, and so is its exhaustion.
                exit => return exit,
            };
            m.depth -= 1;
            answer = inner.pop().map(|ended| (ended.dst, passed));
        }
    }
}

/// An entry policy that is running, and the register that waits for its answer.
struct Inner<'a> {
    exe: Arc<Executable>,
    at: Activation<'a>,
    dst: u16,
}

/// The policy that decides about entering a realm; None where nobody may.
fn entry(
    m: &Machine<'_>,
    realm: &str,
    default_entry: &mut Option<Arc<Executable>>,
) -> Result<Option<Arc<Executable>>, Fault> {
    let Some(host) = m.env.host else { return Ok(None) };
    Ok(match host.entry_policy(realm)? {
        EntryPolicy::UnknownRealm | EntryPolicy::Quarantined => None,
        EntryPolicy::Program(exe) => Some(exe),
        EntryPolicy::Default => Some(match default_entry {
            Some(exe) => exe.clone(),
            None => {
                let exe = Arc::new(crate::entry::default_entry().map_err(|_| Fault::HostError)?);
                default_entry.insert(exe).clone()
            }
        }),
    })
}

/// An entry policy, ready to run: no inputs, no writes, `realm` is the realm it speaks for.
fn activate<'a>(
    m: &mut Machine<'a>,
    stack: &mut Stack<'a>,
    exe: &Executable,
    realm: &'a str,
    caller: Option<&'a str>,
    base: u32,
) -> Result<Activation<'a>, Fault> {
    let program = exe.program();
    let caller = caller.map_or(ValueRef::Missing, |did| ValueRef::Did(Did::trusted(did)));
    let realm = ValueRef::Text(realm);
    let request = Request { caller, realm, ..Request::new(&[]) };
    input::check(program, &request, &Env { allow_writes: false, ..*m.env })?;
    let at = Activation::new(exe, caller, realm, base, stack.calls.len(), m.env.now, &mut m.memory);
    stack.reserve(base as usize + usize::from(at.registers));
    // Checked: what inputs it has are optional.
    let inputs = stack.registers.get_mut(base as usize..base as usize + program.inputs.len());
    inputs.unwrap_or(&mut []).fill(NULL);
    Ok(at)
}

impl<'a> Machine<'a> {
    /// The receipt, and the end of the lease.
    #[inline]
    fn receipt(&mut self, exe: &Executable, at: &Activation<'_>, exit: Exit, version: u64) -> Receipt {
        let program = exe.program();
        let mut message = None;
        let mut value = None;
        let outcome = match exit {
            Exit::Return(slot) => {
                let ty = program.functions.first().map_or(Ty::BOOL, |f| f.result);
                let truth = slot <= 1 && !ty.is_array() && ty.base() == Base::Bool;
                if program.expression && !truth {
                    value = Some(self.memory.value(&exe.constants, ty, slot));
                }
                if truth && slot == 1 { Outcome::Allow } else { Outcome::Deny }
            }
            Exit::Deny(id) => {
                message = id;
                Outcome::Deny
            }
            Exit::Fault(fault) => Outcome::Fault(fault),
            Exit::Exhausted(reason) => Outcome::Exhausted(reason),
            Exit::Cross { .. } => Outcome::Fault(Fault::HostError),
        };
        let span = if outcome == Outcome::Allow {
            None
        } else {
            let pc = at.culprit.map_or_else(|| exe.source_of(at.pc as usize), |pc| pc as usize);
            Some(program.spans.get(pc).copied().unwrap_or_default())
        };
        let effects = match (outcome, self.writes.take()) {
            (Outcome::Allow, Some(writes)) => writes.into_effects(),
            _ => Vec::new(),
        };
        let detail = if value.is_some() || !self.log.is_empty() || !effects.is_empty() {
            Some(Box::new(Detail { log: core::mem::take(&mut self.log), value, effects }))
        } else {
            None
        };
        let gas = self.meter.units();
        let cost = self.meter.cost();
        let mana = self.meter.mana();
        self.meter.close(cost);
        Receipt { outcome, message, span, gas, cost, mana, version, detail }
    }
}
