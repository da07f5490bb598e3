//! V7: the static gas bound.
//!
//! In code order, the dearest way to each instruction, layer by layer: exact for code without loops whose sizes are
//! known. A loop is charged, at its head, its rounds times its dearest round; rounds are known for `for` over constant
//! bounds and bounded by the array's size for `for` over arrays. What is unbounded names the instruction whose span says
//! why. Loops are taken smallest first, so that an outer one finds its inner ones priced.

use super::bound_loops::{are_nested, first_sources, loops, rounds};
use super::bound_sizes::{Operands, Sizes};
use super::constants::Facts;
use super::jumps::{Jumps, Targets};
use super::prices::{Cost, Of, cost, fixed_price};
use super::walk::{Functions, Met};
use crate::gas::{GasLayer, GasUnits, Prices};
use crate::isa::{Instr, Op};
use crate::limits::MAX_NESTING;
use crate::program::{Function, Program};
use crate::span::Span;
use smallvec::SmallVec;

/// The worst case of one layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bound {
    /// At most so many units.
    Finite(u64),
    /// No bound is known; the span is the loop, recursion or crossing that is responsible.
    Unbounded(Span),
}

/// The worst case of a program, per layer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GasBound {
    layers: [Bound; 4],
}

impl GasBound {
    /// The bound of a layer.
    pub fn layer(&self, layer: GasLayer) -> Bound {
        let [network, compute, storage, realm] = self.layers;
        match layer {
            GasLayer::Network => network,
            GasLayer::Compute => compute,
            GasLayer::Storage => storage,
            GasLayer::Realm => realm,
        }
    }
    /// All four as units, where all are finite.
    pub fn units(&self) -> Option<GasUnits> {
        let mut units = GasUnits::ZERO;
        for layer in GasLayer::ALL {
            match self.layer(layer) {
                Bound::Finite(n) => units[layer] = n,
                Bound::Unbounded(_) => return None,
            }
        }
        Some(units)
    }
    /// The worst-case cost under these prices, where it is bounded.
    pub fn cost(&self, prices: &Prices) -> Option<u64> {
        self.units().map(|units| prices.cost(&units))
    }
    /// The span of what makes it unbounded, if anything does.
    pub fn unbounded_at(&self) -> Option<Span> {
        self.layers.iter().find_map(|bound| match bound {
            Bound::Finite(_) => None,
            Bound::Unbounded(span) => Some(*span),
        })
    }
}

/// Stands for "nothing makes it unbounded": no program has so many instructions.
const NOBODY: u32 = u32::MAX;

/// Units per layer, and the instruction that makes a layer unbounded.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Worst {
    units: [u64; 4],
    why: [u32; 4],
}

impl Worst {
    pub(super) const ZERO: Worst = Worst { units: [0; 4], why: [NOBODY; 4] };

    #[inline]
    fn combine(&mut self, other: &Worst, units: impl Fn(u64, u64) -> u64) {
        for (mine, theirs) in self.units.iter_mut().zip(other.units) {
            *mine = units(*mine, theirs);
        }
        for (mine, theirs) in self.why.iter_mut().zip(other.why) {
            *mine = if *mine == NOBODY { theirs } else { *mine };
        }
    }
    #[inline]
    pub(super) fn merge(&mut self, other: &Worst) {
        self.combine(other, u64::max);
    }
    #[inline]
    fn add(&mut self, other: &Worst) {
        self.combine(other, u64::saturating_add);
    }
    /// Adds units of one layer.
    #[inline(always)]
    pub(super) fn pay(&mut self, layer: GasLayer, n: u64) {
        if let Some(units) = self.units.get_mut(layer as usize) {
            *units = units.saturating_add(n);
        }
    }
    /// `rounds` times, or without bound because of instruction `pc`.
    fn times(&self, rounds: Option<u64>, pc: usize) -> Worst {
        let mut out = *self;
        for (units, why) in out.units.iter_mut().zip(&mut out.why) {
            match rounds {
                Some(n) => *units = units.saturating_mul(n),
                None if *units > 0 && *why == NOBODY => *why = pc as u32,
                None => {}
            }
        }
        out
    }
    fn unbounded(pc: usize) -> Worst {
        Worst { units: [u64::MAX; 4], why: [pc as u32; 4] }
    }
}

/// Of the instructions of a function; most functions are short.
type Costs = SmallVec<[Cost; 64]>;

/// A program that holds V1 to V6, and what is known of it.
#[derive(Clone, Copy)]
struct Known<'p> {
    p: &'p Program,
    facts: &'p [Facts],
    targets: Targets<'p>,
    met: &'p [Met],
}

/// The bound of a program that holds V1 to V6.
pub(super) fn compute(p: &Program, facts: &[Facts], jumps: &Jumps, met: &[Met]) -> GasBound {
    let known = Known { p, facts, targets: jumps.targets(), met };
    let worst = match p.functions.first() {
        Some(body) => match known.met(0) {
            Met { calls: true, .. } => with_callees(known),
            Met { back: false, sized: false, worst, .. } => worst,
            _ => function(known, 0, body, &[], &mut Costs::new()),
        },
        None => Worst::unbounded(0),
    };
    let mut layers = [Bound::Finite(0); 4];
    for (layer, (units, why)) in layers.iter_mut().zip(worst.units.iter().zip(worst.why)) {
        *layer = match why {
            NOBODY => Bound::Finite(*units),
            pc => Bound::Unbounded(p.spans.get(pc as usize).copied().unwrap_or_default()),
        };
    }
    GasBound { layers }
}

impl Known<'_> {
    fn met(&self, function: usize) -> Met {
        let anything = Met { calls: true, back: true, sized: true, worst: Worst::unbounded(0) };
        self.met.get(function).copied().unwrap_or(anything)
    }
}

/// What the body comes to: functions in callee-first order; one that is met while it is still open calls itself.
fn with_callees(known: Known<'_>) -> Worst {
    let p = known.p;
    let mut results: Functions<Option<Worst>> = SmallVec::from_elem(None, p.functions.len());
    let mut costs = Costs::new();
    let mut open: SmallVec<[bool; 16]> = SmallVec::from_elem(false, p.functions.len());
    let mut way: SmallVec<[(usize, usize); 4]> = SmallVec::from_elem((0, 0), 1);
    while let Some((index, from)) = way.pop() {
        let Some(f) = p.functions.get(index) else { continue };
        if let Some(flag) = open.get_mut(index) {
            *flag = true;
        }
        let code = p.code.get(f.start as usize..f.end as usize).unwrap_or(&[]);
        let callee = code.iter().enumerate().skip(from).find(|(_, instr)| {
            let id = usize::from(instr.b);
            instr.op == Op::Call && results.get(id) == Some(&None) && open.get(id) == Some(&false)
        });
        match callee {
            Some((offset, instr)) => {
                way.push((index, offset + 1));
                way.push((usize::from(instr.b), 0));
            }
            None => {
                let worst = function(known, index, f, &results, &mut costs);
                if let Some(slot) = results.get_mut(index) {
                    *slot = Some(worst);
                }
            }
        }
    }
    results.first().copied().flatten().unwrap_or(Worst::unbounded(0))
}

fn function(
    known: Known<'_>,
    index: usize,
    f: &Function,
    callees: &[Option<Worst>],
    costs: &mut Costs,
) -> Worst {
    let Known { p, facts, targets, .. } = known;
    let met = known.met(index);
    if let Met { calls: false, back: false, sized: false, worst } = met {
        return worst;
    }
    let (start, end) = (f.start as usize, f.end as usize);
    let code = p.code.get(start..end).unwrap_or(&[]);
    costs.clear();
    if met.sized {
        let mut sizes = Sizes::new(p, facts, f, code, targets, met.back);
        costs.extend((start..).zip(code).map(|(pc, instr)| {
            let fixed = fixed_price(p, f, *instr);
            let at = sizes.step(pc, *instr, fixed.is_none());
            fixed.map_or_else(|| cost(p, f, *instr, &at), |(layer, n)| Cost::units(layer, n))
        }));
    } else {
        let at = Operands::default();
        costs.extend(code.iter().map(|instr| {
            fixed_price(p, f, *instr)
                .map_or_else(|| cost(p, f, *instr, &at), |(layer, n)| Cost::units(layer, n))
        }));
    }
    let ways = SmallVec::from_elem(None, targets.before(end) - targets.before(start));
    let mut walk = Walk { code, costs, start, targets, callees, ways, loops: SmallVec::new() };
    if met.back {
        let loops = loops(code, start);
        let work: usize = loops.iter().map(|l| l.last - l.head).sum();
        let first_source = first_sources(code, start);
        // Deeper than any source nests: not worth the time, and unbounded is always right.
        if work > code.len().saturating_mul(MAX_NESTING) || !are_nested(&loops, &first_source) {
            return Worst::unbounded(start + loops.first().map_or(0, |l| l.last));
        }
        walk.loops = SmallVec::from_elem(Worst::ZERO, walk.ways.len());
        for l in &loops {
            let round = walk.run(l.head, l.last, Goal::BackTo(l.head));
            let rounds = rounds(p, code, start, l, &first_source);
            let number = targets.number(start + l.head).and_then(|n| n.checked_sub(targets.before(start)));
            if let Some(slot) = number.and_then(|n| walk.loops.get_mut(n)) {
                *slot = round.times(rounds, start + l.last);
            }
        }
    }
    walk.run(0, code.len().saturating_sub(1), Goal::Anywhere)
}

/// Which ways count.
#[derive(Clone, Copy)]
enum Goal {
    /// Those that go back to this head.
    BackTo(usize),
    /// All.
    Anywhere,
}

struct Walk<'f> {
    code: &'f [Instr],
    /// Of each instruction.
    costs: &'f [Cost],
    start: usize,
    targets: Targets<'f>,
    callees: &'f [Option<Worst>],
    /// The dearest way so far to each instruction that is jumped to.
    ways: SmallVec<[Option<Worst>; 4]>,
    /// What the loop comes to whose head it is, once it has been measured; empty where there are no loops.
    loops: SmallVec<[Worst; 4]>,
}

impl Walk<'_> {
    /// The dearest way from `from` within `from..=to`, in code order.
    fn run(&mut self, from: usize, to: usize, goal: Goal) -> Worst {
        let first = self.targets.before(self.start);
        let inside =
            self.targets.before(self.start + from) - first..self.targets.before(self.start + to + 1) - first;
        let mut number = inside.start;
        if let Some(ways) = self.ways.get_mut(inside) {
            ways.fill(None);
        }
        let mut worst = Worst::ZERO;
        let mut here = Worst::ZERO;
        let mut reached = true;
        let code = self.code.get(from..=to).unwrap_or(&[]);
        let costs = self.costs.get(from..=to).unwrap_or(&[]);
        for (i, (instr, cost)) in (from..).zip(code.iter().zip(costs)) {
            if self.targets.is_target(self.start + i) {
                if let Some(Some(way)) = self.ways.get(number) {
                    let mut way = *way;
                    if reached {
                        way.merge(&here);
                    }
                    (here, reached) = (way, true);
                }
                // The loop that is being measured does not count itself.
                if let Some(more) = self.loops.get(number).filter(|_| reached)
                    && !matches!(goal, Goal::BackTo(head) if head == i)
                {
                    here.add(more);
                }
                number += 1;
            }
            if !reached {
                continue;
            }
            self.pay(&mut here, i, *cost);
            let (ends, jumps) = (instr.is_end(), instr.uses().jumps());
            if !ends && !jumps {
                continue;
            }
            let target = if jumps { Some(usize::from(instr.c) - self.start) } else { None };
            // What is behind an instruction costs no less than the way to it, so that only the ends of ways count.
            match goal {
                Goal::Anywhere if ends => worst.merge(&here),
                Goal::BackTo(head) if target == Some(head) => worst.merge(&here),
                _ => {}
            }
            if let Some(there) = target.filter(|t| *t > i)
                && let Some(slot) = self.number(there).and_then(|n| self.ways.get_mut(n - first))
            {
                match slot {
                    Some(there) => there.merge(&here),
                    None => *slot = Some(here),
                }
            }
            reached = !ends;
        }
        worst
    }

    /// The number of an instruction that is jumped to.
    fn number(&self, i: usize) -> Option<usize> {
        self.targets.number(self.start + i)
    }

    /// Adds what an instruction costs.
    #[inline(always)]
    fn pay(&self, way: &mut Worst, i: usize, cost: Cost) {
        let Cost(of, n) = cost;
        match of {
            Of::Network => way.pay(GasLayer::Network, n),
            Of::Compute => way.pay(GasLayer::Compute, n),
            Of::Storage => way.pay(GasLayer::Storage, n),
            Of::Realm => way.pay(GasLayer::Realm, n),
            Of::Call => match self.callees.get(n as usize).copied().flatten() {
                Some(callee) => {
                    way.pay(GasLayer::Compute, Op::Call.gas_cost());
                    way.add(&callee);
                }
                // Still open: it is recursive.
                None => way.add(&Worst::unbounded(self.start + i)),
            },
            Of::Unbounded => way.add(&Worst::unbounded(self.start + i)),
        }
    }
}
