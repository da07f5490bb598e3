//! By hand: what somebody would write who wants these decisions and nothing else: no gas, no message, no limit.
//!
//! Over columns the loops are compiled three times, for plain x86-64, for AVX2 and for AVX-512, and the machine's best is
//! taken, as the lanes engine does. Texts of columns are small numbers already, as they are ids there.

use crate::data::{Access, Data, Entry, Loop, N, Reliable, Transfer, norm, square};
use crate::race::{Contender, Given, bits};
use eclvm::kernel::value::TrustVector;

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
fn with_avx2(job: impl FnOnce()) {
    job();
}
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,popcnt")]
fn with_avx512(job: impl FnOnce()) {
    job();
}

/// Does a job, whose loops are inlined into it, on what the machine has.
#[inline(always)]
fn wide(job: impl FnOnce()) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        let avx2 = has!("avx2") && has!("bmi1") && has!("bmi2") && has!("popcnt");
        if avx2 && has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
            // SAFETY: the condition has found every feature that the function was compiled for.
            return unsafe { with_avx512(job) };
        }
        if avx2 {
            // SAFETY: as above.
            return unsafe { with_avx2(job) };
        }
    }
    job();
}

fn by_struct<'d, T>(requests: &'d [T], pass: impl Fn(&T) -> bool + 'd) -> Contender<'d> {
    Contender {
        engine: "by hand",
        given: Given::FromStruct,
        requests: N,
        decide: Box::new(move |out| bits(out, N, |i| pass(std::hint::black_box(&requests[i])))),
    }
}

fn by_column<'d>(decide: impl FnMut(&mut [u64]) + 'd) -> Contender<'d> {
    Contender { engine: "by hand", given: Given::Ready, requests: N, decide: Box::new(decide) }
}

/// One column of each component.
fn columns<T>(requests: &[T], vector: impl Fn(&T) -> &TrustVector) -> [Vec<f64>; 6] {
    std::array::from_fn(|k| requests.iter().map(|r| vector(r).0[k]).collect())
}

pub fn w1(data: &Data) -> Vec<Contender<'_>> {
    let r: Vec<f64> = data.w1.iter().map(|w| w.trust.0[0]).collect();
    vec![
        by_column(move |out| {
            wide(
                #[inline(always)]
                || {
                    for (word, r) in out.iter_mut().zip(r.as_chunks::<64>().0) {
                        let mut answers = 0;
                        for lane in 0..64 {
                            answers |= if r[lane] >= 0.5 { 1 << lane } else { 0 };
                        }
                        *word = answers;
                    }
                },
            );
        }),
        by_struct(&data.w1, |w: &Reliable| w.trust.0[0] >= 0.5),
    ]
}

pub fn w2(data: &Data) -> Vec<Contender<'_>> {
    let of = columns(&data.w2, |w| &w.of);
    let member: Vec<bool> = data.w2.iter().map(|w| w.credentials.iter().any(|c| c == "member")).collect();
    vec![
        by_column(move |out| {
            wide(
                #[inline(always)]
                || {
                    let [r, i, c, p, v, o] = of.each_ref().map(|c| c.as_chunks::<64>().0);
                    let six = r.iter().zip(i).zip(c).zip(p).zip(v).zip(o);
                    let rows = six.zip(member.as_chunks::<64>().0);
                    for (word, ((((((r, i), c), p), v), o), member)) in out.iter_mut().zip(rows) {
                        let mut answers = 0;
                        for k in 0..64 {
                            let mean = (r[k] + i[k] + c[k] + p[k] + v[k] + o[k]) / 6.0;
                            let pass = (r[k] >= 0.3) & (o[k] >= 0.2) & (mean >= 0.25) & member[k];
                            answers |= if pass { 1 << k } else { 0 };
                        }
                        *word = answers;
                    }
                },
            );
        }),
        by_struct(&data.w2, |w: &Entry| {
            w.of.0[0] >= 0.3
                && w.of.0[5] >= 0.2
                && norm(&w.of) >= 0.25
                && w.credentials.iter().any(|c| c == "member")
        }),
    ]
}

pub fn w3(data: &Data) -> Vec<Contender<'_>> {
    let (from, to) = (columns(&data.w3, |w| &w.from), columns(&data.w3, |w| &w.to));
    let amount: Vec<f64> = data.w3.iter().map(|w| w.amount).collect();
    let balance: Vec<f64> = data.w3.iter().map(|w| w.balance).collect();
    let kyc: Vec<bool> = data.w3.iter().map(|w| w.credentials.iter().any(|c| c == "kyc")).collect();
    vec![
        by_column(move |out| {
            wide(
                #[inline(always)]
                || {
                    for (at, word) in out.iter_mut().enumerate() {
                        let first = at * 64;
                        let part = |c: &'_ [f64]| -> [f64; 64] { c[first..first + 64].try_into().unwrap() };
                        let mut sums = [[0.0f64; 64]; 3];
                        for k in 0..6 {
                            let (a, b) = (part(&from[k]), part(&to[k]));
                            for lane in 0..64 {
                                sums[0][lane] += a[lane];
                                sums[1][lane] += b[lane];
                                sums[2][lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
                            }
                        }
                        let (amount, balance) = (part(&amount), part(&balance));
                        let kyc: &[bool; 64] = kyc[first..first + 64].try_into().unwrap();
                        let mut answers = 0;
                        for lane in 0..64 {
                            let pass = (amount[lane] > 0.0)
                                & (amount[lane] <= balance[lane])
                                & (sums[0][lane] / 6.0 >= 0.4)
                                & (sums[1][lane] / 6.0 >= 0.3)
                                & ((amount[lane] <= 5_000.0) | kyc[lane])
                                & (sums[2][lane].sqrt() < 0.3);
                            answers |= if pass { 1 << lane } else { 0 };
                        }
                        *word = answers;
                    }
                },
            );
        }),
        by_struct(&data.w3, |w: &Transfer| {
            w.amount > 0.0
                && w.amount <= w.balance
                && norm(&w.from) >= 0.4
                && norm(&w.to) >= 0.3
                && (w.amount <= 5_000.0 || w.credentials.iter().any(|c| c == "kyc"))
                && square(&w.from, &w.to).sqrt() < 0.3
        }),
    ]
}

fn may(role: &str, action: &str) -> bool {
    match action {
        "read" => ["viewer", "editor", "admin"].contains(&role),
        "write" => ["editor", "admin"].contains(&role),
        _ => role == "admin",
    }
}

pub fn w4(data: &Data) -> Vec<Contender<'_>> {
    let id = |role: &String| match role.as_str() {
        "viewer" => 0u8,
        "editor" => 1,
        "admin" => 2,
        _ => 3,
    };
    let roles: Vec<u8> = data.w4.iter().flat_map(|w| w.roles.iter().map(id)).collect();
    let mut ends: Vec<usize> = Vec::with_capacity(N);
    for w in &data.w4 {
        ends.push(ends.last().copied().unwrap_or(0) + w.roles.len());
    }
    let least: Vec<u8> = data
        .w4
        .iter()
        .map(|w| ["read", "write"].iter().position(|a| *a == w.action).unwrap_or(2) as u8)
        .collect();
    vec![
        by_column(move |out| {
            let mut start = 0;
            bits(out, N, |i| {
                let own = &roles[start..ends[i]];
                start = ends[i];
                (!data.w4[i].resource.starts_with("system/") || own.contains(&2))
                    && own.iter().any(|role| (least[i]..3).contains(role))
            });
        }),
        by_struct(&data.w4, |w: &Access| {
            (!w.resource.starts_with("system/") || w.roles.iter().any(|r| r == "admin"))
                && w.roles.iter().any(|r| may(r, &w.action))
        }),
    ]
}

pub fn w5(data: &Data) -> Vec<Contender<'_>> {
    let seeds: Vec<f64> = data.w5.iter().map(|w| w.seed).collect();
    vec![
        by_column(move |out| {
            wide(
                #[inline(always)]
                || {
                    for (word, seeds) in out.iter_mut().zip(seeds.as_chunks::<64>().0) {
                        let mut x = *seeds;
                        for i in 0..1000 {
                            let add = f64::from(i) * 0.25;
                            for x in &mut x {
                                let y = *x * 0.5 + add;
                                *x = if y > 100.0 { y - 50.0 } else { y };
                            }
                        }
                        *word = x.iter().enumerate().fold(0, |w, (bit, x)| w | u64::from(*x > 10.0) << bit);
                    }
                },
            );
        }),
        by_struct(&data.w5, |w: &Loop| {
            let mut x = w.seed;
            for i in 0..1000 {
                x = x * 0.5 + f64::from(i) * 0.25;
                if x > 100.0 {
                    x -= 50.0;
                }
            }
            x > 10.0
        }),
    ]
}
