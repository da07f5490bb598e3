//! The requests: 65 536 distinct ones for each workload, the same in every run.
//!
//! Components are whole thousandths and amounts whole numbers, and nothing lies on a threshold: so engines that have only
//! whole numbers, or no square root, come to the same decisions.

use eclvm::kernel::value::TrustVector;

/// Requests of each workload.
pub const N: usize = 65_536;

/// W1: is a trust vector's first component at least a half?
pub struct Reliable {
    pub trust: TrustVector,
}

/// W2: entry, by two thresholds, a mean of six, and a credential.
pub struct Entry {
    pub of: TrustVector,
    pub credentials: Vec<String>,
}

/// W3: a transfer, by amount, balance, two means, a credential for large amounts, and a distance.
pub struct Transfer {
    pub amount: f64,
    pub balance: f64,
    pub from: TrustVector,
    pub to: TrustVector,
    pub credentials: Vec<String>,
}

/// W4: roles, by equality of texts and lists.
pub struct Access {
    pub roles: Vec<String>,
    pub action: String,
    pub resource: String,
}

/// W5: a loop of a thousand rounds.
pub struct Loop {
    pub seed: f64,
}

/// All of them.
pub struct Data {
    pub w1: Vec<Reliable>,
    pub w2: Vec<Entry>,
    pub w3: Vec<Transfer>,
    pub w4: Vec<Access>,
    pub w5: Vec<Loop>,
}

/// A small generator of numbers: the same ones every time.
pub struct Rng(u64);

impl Rng {
    pub fn new() -> Rng {
        Rng(0x9E37_79B9_7F4A_7C15)
    }
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    /// A component in whole thousandths, from `lo` to `hi` of them.
    pub fn component(&mut self, lo: usize, hi: usize) -> f64 {
        (lo + self.below(hi - lo + 1)) as f64 / 1_000.0
    }
    pub fn vector(&mut self, lo: usize, hi: usize) -> TrustVector {
        TrustVector(std::array::from_fn(|_| self.component(lo, hi)))
    }
    fn some_of(&mut self, names: &[&str], at_least: usize) -> Vec<String> {
        let n = at_least + self.below(names.len() + 1 - at_least);
        (0..n).map(|_| names[self.below(names.len())].to_string()).collect()
    }
}

/// The mean of six, summed from the first to the last.
pub fn norm(t: &TrustVector) -> f64 {
    let [r, i, c, p, v, o] = t.0;
    (r + i + c + p + v + o) / 6.0
}

/// The square of the distance.
pub fn square(a: &TrustVector, b: &TrustVector) -> f64 {
    a.0.iter().zip(b.0).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn near(x: f64, threshold: f64) -> bool {
    (x - threshold).abs() < 1e-9
}

pub fn data() -> Data {
    let mut rng = Rng::new();
    let credentials = ["member", "kyc", "resident", "auditor"];
    let names = ["viewer", "editor", "admin", "guest", "auditor"];
    let w1 = (0..N).map(|_| Reliable { trust: rng.vector(0, 1_000) }).collect();
    let mut w2 = Vec::new();
    while w2.len() < N {
        let of = rng.vector(0, 1_000);
        if !near(norm(&of), 0.25) {
            w2.push(Entry { of, credentials: rng.some_of(&credentials, 0) });
        }
    }
    let mut w3 = Vec::new();
    while w3.len() < N {
        let from = rng.vector(250, 900);
        // Somebody of a like kind, most often.
        let to = TrustVector(from.0.map(|x| {
            let thousandths = (x * 1_000.0).round() as usize + rng.below(300);
            thousandths.saturating_sub(150).min(1_000) as f64 / 1_000.0
        }));
        if near(norm(&from), 0.4) || near(norm(&to), 0.3) || near(square(&from, &to), 0.09) {
            continue;
        }
        w3.push(Transfer {
            amount: (1 + rng.below(9_000)) as f64,
            balance: (1_000 + rng.below(20_000)) as f64,
            from,
            to,
            credentials: rng.some_of(&credentials, 0),
        });
    }
    let w4 = (0..N)
        .map(|i| Access {
            roles: rng.some_of(&names, 1),
            action: ["read", "write", "delete"][rng.below(3)].to_string(),
            resource: if rng.below(50) == 0 { format!("system/{i}") } else { format!("files/{i}") },
        })
        .collect();
    let w5 = (0..N).map(|_| Loop { seed: rng.below(12_000) as f64 }).collect();
    Data { w1, w2, w3, w4, w5 }
}
