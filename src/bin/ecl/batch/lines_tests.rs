//! Lines come out whole and in order, however the file is cut.

use super::{BLOCK_BYTES, LineReader, Lines};
use std::io::{self, Read};

/// Hands out at most `step` bytes at a time.
struct Slow<'a> {
    data: &'a [u8],
    step: usize,
}

impl Read for Slow<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.step.min(out.len()).min(self.data.len());
        let (now, later) = self.data.split_at(n);
        out.iter_mut().zip(now).for_each(|(slot, byte)| *slot = *byte);
        self.data = later;
        Ok(n)
    }
}

fn lines(data: &[u8], step: usize, most: usize, longest: usize) -> Vec<Vec<u8>> {
    let mut reader = LineReader::with_longest(Slow { data, step }, most, longest);
    let mut block = Lines::default();
    let mut out = Vec::new();
    loop {
        let more = reader.fill(&mut block).unwrap_or(false);
        assert!(block.lines.len() <= most);
        out.extend(block.lines.iter().map(|r| block.data.get(r.clone()).unwrap_or(b"?").to_vec()));
        if !more {
            assert_eq!(block.end, data.len() as u64);
            return out;
        }
    }
}

fn check(data: &[u8], longest: usize, expected: &[&[u8]]) {
    for step in [1, 2, 3, 7, 1 << 20] {
        for most in [1, 2, 1_000] {
            assert_eq!(lines(data, step, most, longest), expected, "step {step}, most {most}");
        }
    }
}

#[test]
fn blank_lines_are_no_requests() {
    check(b"", 100, &[]);
    check(b"\n\n \t\r\n", 100, &[]);
    check(b"\n{}\n\n  \r\n[1]\r\n", 100, &[b"{}", b"[1]\r"]);
}

#[test]
fn the_last_line_may_lack_its_end() {
    check(b"a\nb", 100, &[b"a", b"b"]);
    check(b"a\nb\n", 100, &[b"a", b"b"]);
}

#[test]
fn a_line_that_is_too_long_becomes_an_empty_request() {
    // Up to a read's step more than the limit may get through, never less.
    let long = vec![b'x'; 3 << 20];
    let data = [b"a\n".as_slice(), &long, b"\nb\n", &long].concat();
    for most in [1, 1_000] {
        assert_eq!(lines(&data, 1 << 20, most, 100), [b"a".to_vec(), Vec::new(), b"b".to_vec(), Vec::new()]);
    }
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    assert_eq!(lines(b"\xEF\xBB\xBF{}\n", 100, 10, 100), [b"{}".to_vec()]);
}

#[test]
fn blocks_are_cut_at_line_ends() {
    let line = [vec![b'y'; 1_000], b"\n".to_vec()].concat();
    let data = line.repeat(3 * BLOCK_BYTES / line.len());
    let got = lines(&data, usize::MAX, usize::MAX, BLOCK_BYTES);
    assert_eq!(got.len(), data.len() / line.len());
    assert!(got.iter().all(|l| l.len() == 1_000));
}
