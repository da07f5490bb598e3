//! Strings in Parquet's delta encodings, looked over before their decoder sees them. It makes room for as many lengths as a
//! page says that it has, and in DELTA_BYTE_ARRAY each string may repeat any beginning of the one before: a few bytes may
//! stand for very many.
//!
//! ```text
//!  DELTA_LENGTH_BYTE_ARRAY   lengths, then all strings, one after the other
//!  DELTA_BYTE_ARRAY          lengths of beginnings, lengths of the rest, then all rests
//!  lengths                   head, then blocks of packed differences (DELTA_BINARY_PACKED)
//! ```
//! Source: Apache Parquet, "Encodings".

use super::MAX_PAGE_STRINGS;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::ChunkReader;
use parquet::file::serialized_reader::SerializedPageReader;
use std::sync::Arc;

/// What strings that repeat the one before come to when decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Repeated {
    /// Bytes of the longest.
    pub(super) longest: u64,
    /// Bytes of all.
    pub(super) bytes: u64,
}

/// Whether values are written so, by the number that Parquet has for it.
pub(super) fn is_delta(encoding: i64) -> bool {
    [Encoding::DELTA_LENGTH_BYTE_ARRAY as i64, Encoding::DELTA_BYTE_ARRAY as i64].contains(&encoding)
}

/// Looks over such pages of a column, whose heads have been looked at.
pub(super) fn look<R: ChunkReader + 'static>(
    file: R,
    chunk: &ColumnChunkMetaData,
    rows: usize,
) -> Result<Repeated, String> {
    let failed = |error: ParquetError| error.to_string();
    let mut pages = SerializedPageReader::new(Arc::new(file), chunk, rows, None).map_err(failed)?;
    let (mut all, mut number) = (Repeated::default(), 0);
    while let Some(page) = pages.get_next_page().map_err(failed)? {
        if is_delta(page.encoding() as i64) {
            let found = values(&page, chunk)
                .and_then(|bytes| strings(bytes, page.encoding(), page.num_values() as usize));
            let found = found.map_err(|what| format!("page {number}, delta-encoded strings: {what}"))?;
            all.longest = all.longest.max(found.longest);
            all.bytes = all.bytes.saturating_add(found.bytes);
        }
        number += 1;
    }
    Ok(all)
}

/// The values of a page, behind its levels.
fn values<'p>(page: &'p Page, chunk: &ColumnChunkMetaData) -> Result<&'p [u8], &'static str> {
    let short = "the levels end too early";
    let column = chunk.column_descr();
    match page {
        Page::DataPageV2 { buf, def_levels_byte_len, rep_levels_byte_len, .. } => {
            let levels = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
            buf.get(usize::try_from(levels).unwrap_or(usize::MAX)..).ok_or(short)
        }
        Page::DataPage { buf, num_values, def_level_encoding, rep_level_encoding, .. } => {
            let mut rest: &[u8] = buf;
            let levels =
                [(column.max_rep_level(), rep_level_encoding), (column.max_def_level(), def_level_encoding)];
            for (most, encoding) in levels.into_iter().filter(|(most, _)| *most > 0) {
                rest = match encoding {
                    Encoding::RLE => {
                        let (len, behind) = rest.split_first_chunk().ok_or(short)?;
                        behind.get(u32::from_le_bytes(*len) as usize..)
                    }
                    #[expect(deprecated, reason = "files have it")]
                    Encoding::BIT_PACKED => {
                        let bits = u64::from(*num_values) * u64::from(i16::BITS - most.leading_zeros());
                        rest.get(usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX)..)
                    }
                    _ => return Err("levels in an encoding that levels do not have"),
                }
                .ok_or(short)?;
            }
            Ok(rest)
        }
        Page::DictionaryPage { .. } => Err("a dictionary is not written so"),
    }
}

/// Looks over the values of a page that should have `most` at most.
fn strings(bytes: &[u8], encoding: Encoding, most: usize) -> Result<Repeated, &'static str> {
    if bytes.is_empty() {
        // Nothing but nulls.
        return Ok(Repeated::default());
    }
    let most = most.min(MAX_PAGE_STRINGS);
    let counted = |lengths: &Lengths<'_>| match lengths.left > most {
        true => Err("there are more than the page has values, or than are read"),
        false => Ok(()),
    };
    if encoding == Encoding::DELTA_LENGTH_BYTE_ARRAY {
        // These are not copied.
        return counted(&Lengths::new(bytes)?).map(|()| Repeated::default());
    }
    let mut beginnings = Lengths::new(bytes)?;
    counted(&beginnings)?;
    let mut rests = Lengths::new(bytes.get(beginnings.clone().end()?..).unwrap_or(&[]))?;
    if beginnings.left != rests.left {
        return Err("there are more beginnings than rests, or fewer");
    }
    let (mut found, mut before) = (Repeated::default(), 0);
    while let (Some(beginning), Some(rest)) = (beginnings.step()?, rests.step()?) {
        if !(0..=before).contains(&beginning) || rest < 0 {
            return Err("one begins with more than the one before has, or its length is negative");
        }
        before = beginning.checked_add(rest).ok_or("one is longer than 2 GiB")?;
        found.longest = found.longest.max(u64::from(before.unsigned_abs()));
        found.bytes += u64::from(before.unsigned_abs());
    }
    Ok(found)
}

/// Integers of 32 bits, as DELTA_BINARY_PACKED.
#[derive(Clone, Debug)]
struct Lengths<'p> {
    bytes: &'p [u8],
    /// Where the next block, or the next part of this one, begins.
    at: usize,
    /// Values still to come.
    left: usize,
    /// Parts of a block, and values of a part.
    parts: usize,
    per_part: usize,
    /// Bits of a value, for each part of this block that is still to come.
    widths: &'p [u8],
    /// The part that is read, the bit in it that is next, the width of its values and how many of them are left.
    part: &'p [u8],
    bit: usize,
    width: u8,
    in_part: usize,
    first: Option<i32>,
    last: i32,
    least: i32,
}

const SHORT: &str = "the lengths end too early";

impl<'p> Lengths<'p> {
    fn new(bytes: &'p [u8]) -> Result<Lengths<'p>, &'static str> {
        let mut this = Lengths {
            bytes,
            at: 0,
            left: 0,
            parts: 0,
            per_part: 0,
            widths: &[],
            part: &[],
            bit: 0,
            width: 0,
            in_part: 0,
            first: None,
            last: 0,
            least: 0,
        };
        let bad = "a head of lengths that makes no sense";
        let block = usize::try_from(this.varint()?).map_err(|_| bad)?;
        this.parts = usize::try_from(this.varint()?).map_err(|_| bad)?;
        this.left = usize::try_from(this.varint()?).map_err(|_| bad)?;
        this.first = Some(this.signed()?);
        this.per_part = block.checked_div(this.parts).ok_or(bad)?;
        let sound = this.per_part > 0 && this.per_part.is_multiple_of(32) && block.is_multiple_of(128);
        if sound && block.is_multiple_of(this.parts) { Ok(this) } else { Err(bad) }
    }
    fn varint(&mut self) -> Result<u64, &'static str> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at).ok_or(SHORT)?;
            self.at += 1;
            n |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err("a number of more than 64 bits")
    }
    fn signed(&mut self) -> Result<i32, &'static str> {
        let n = self.varint()?;
        let n = (n >> 1) as i64 ^ -((n & 1) as i64);
        i32::try_from(n).map_err(|_| "a length of more than 32 bits")
    }
    fn take(&mut self, len: usize) -> Result<&'p [u8], &'static str> {
        let end = self.at.checked_add(len).ok_or(SHORT)?;
        let taken = self.bytes.get(self.at..end).ok_or(SHORT)?;
        self.at = end;
        Ok(taken)
    }
    /// The next one; None behind the last.
    #[inline]
    fn step(&mut self) -> Result<Option<i32>, &'static str> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        if let Some(first) = self.first.take() {
            self.last = first;
            return Ok(Some(first));
        }
        if self.in_part == 0 {
            self.begin_part()?;
        }
        self.in_part -= 1;
        let (byte, shift) = (self.bit / 8, self.bit % 8);
        self.bit += usize::from(self.width);
        let from = self.part.get(byte..).unwrap_or(&[]);
        let word = match from.first_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => from.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
        };
        let difference = (word >> shift & ((1 << self.width) - 1)) as u32;
        self.last = self.last.wrapping_add(self.least).wrapping_add(difference.cast_signed());
        Ok(Some(self.last))
    }
    fn begin_part(&mut self) -> Result<(), &'static str> {
        if self.widths.is_empty() {
            self.least = self.signed()?;
            self.widths = self.take(self.parts)?;
        }
        let (width, widths) = self.widths.split_first().ok_or(SHORT)?;
        if *width > 32 {
            return Err("a length of more than 32 bits");
        }
        let len = usize::from(*width).checked_mul(self.per_part).ok_or(SHORT)? / 8;
        (self.part, self.width, self.widths) = (self.take(len)?, *width, widths);
        (self.bit, self.in_part) = (0, self.per_part);
        Ok(())
    }
    /// Where they end: behind the last part that holds any.
    fn end(mut self) -> Result<usize, &'static str> {
        if self.first.take().is_some() {
            self.left = self.left.saturating_sub(1);
        }
        while self.left > self.in_part {
            self.left -= self.in_part;
            self.begin_part()?;
        }
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::{Encoding, Lengths, Repeated, strings};

    fn varint(mut n: u64, out: &mut Vec<u8>) {
        while n >= 0x80 {
            out.push(n as u8 | 0x80);
            n >>= 7;
        }
        out.push(n as u8);
    }
    fn zigzag(n: i64, out: &mut Vec<u8>) {
        varint((n << 1 ^ n >> 63) as u64, out);
    }
    /// Packs lengths in blocks of 128, four parts each, bit by bit.
    fn packed(lengths: &[i32]) -> Vec<u8> {
        let mut out = Vec::new();
        for n in [128, 4, lengths.len() as u64] {
            varint(n, &mut out);
        }
        zigzag(lengths.first().copied().unwrap_or(0).into(), &mut out);
        let differences: Vec<i32> = lengths.windows(2).map(|w| w[1].wrapping_sub(w[0])).collect();
        for block in differences.chunks(128) {
            let least = *block.iter().min().unwrap();
            zigzag(least.into(), &mut out);
            let over = |part: &[i32]| part.iter().map(|d| d.wrapping_sub(least) as u32).collect::<Vec<_>>();
            let parts: Vec<Vec<u32>> = block.chunks(32).map(over).collect();
            let width = |part: &Vec<u32>| 32 - part.iter().fold(0, |any, d| any | d).leading_zeros();
            (0..4).for_each(|k| out.push(parts.get(k).map_or(7, width) as u8));
            for part in &parts {
                let width = width(part) as usize;
                let mut bits = vec![0u8; width * 4];
                for (at, d) in part.iter().enumerate() {
                    for bit in (0..width).filter(|bit| d >> bit & 1 == 1) {
                        bits[(at * width + bit) / 8] |= 1 << ((at * width + bit) % 8);
                    }
                }
                out.extend(bits);
            }
        }
        out
    }
    fn all(bytes: &[u8]) -> Vec<i32> {
        let mut lengths = Lengths::new(bytes).unwrap();
        std::iter::from_fn(|| lengths.step().unwrap()).collect()
    }

    #[test]
    fn lengths_are_those_that_were_packed_and_end_where_what_follows_begins() {
        let mut seed = 1u64;
        for n in [0, 1, 2, 32, 33, 34, 128, 129, 130, 1_000] {
            for bits in [0, 1, 7, 13, 31, 32] {
                let lengths: Vec<i32> = (0..n)
                    .map(|_| {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        (seed >> 32 & ((1 << bits) - 1)) as u32 as i32
                    })
                    .collect();
                let bytes = packed(&lengths);
                assert_eq!(all(&bytes), lengths, "{n} of {bits} bits");
                let more = [bytes.as_slice(), b"more"].concat();
                assert_eq!(Lengths::new(&more).unwrap().end(), Ok(bytes.len()), "{n} of {bits} bits");
            }
        }
    }

    #[test]
    fn strings_that_repeat_the_one_before_are_counted_whole() {
        let page = |beginnings: &[i32], rests: &[i32], bytes: &[u8]| {
            [packed(beginnings).as_slice(), &packed(rests), bytes].concat()
        };
        let look = |page: &[u8], most| strings(page, Encoding::DELTA_BYTE_ARRAY, most);
        // "did:a", "did:b", "did:b"
        let sound = page(&[0, 4, 5], &[5, 1, 0], b"did:ab");
        assert_eq!(look(&sound, 3), Ok(Repeated { longest: 5, bytes: 15 }));
        assert!(look(&sound, 2).is_err(), "more strings than the page says");
        for (beginnings, rests) in
            [([0, 6, 5], [5, 1, 0]), ([0, -1, 5], [5, 1, 0]), ([0, 4, 5], [5, -1, 0]), ([1, 4, 5], [5, 1, 0])]
        {
            assert!(look(&page(&beginnings, &rests, b"did:ab"), 3).is_err(), "{beginnings:?} {rests:?}");
        }
        assert!(look(&page(&[0, 4, 5], &[5, 1], b"did:ab"), 3).is_err(), "a rest too few");
        assert!(look(&page(&[0, i32::MAX], &[i32::MAX, 1], b""), 2).is_err(), "beyond 2 GiB");
    }

    /// The decoder would make room for all of them before it looks for one.
    #[test]
    fn a_few_bytes_that_stand_for_very_many_strings_are_refused() {
        for encoding in [Encoding::DELTA_LENGTH_BYTE_ARRAY, Encoding::DELTA_BYTE_ARRAY] {
            let mut page = Vec::new();
            for n in [1 << 30, 1, 1 << 30, 0, 0, 0] {
                varint(n, &mut page);
            }
            assert!(strings(&page, encoding, usize::MAX).is_err(), "{encoding}");
            for len in 0..page.len() {
                assert_eq!(strings(&page[..len], encoding, usize::MAX).is_ok(), len == 0, "{encoding} {len}");
            }
        }
    }
}
