//! As much of Thrift's compact protocol as is needed to look over the heads of a Parquet file before its decoder does.

use super::MAX_DEPTH;

/// What is no compact Thrift, or ends too early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Bad {
    /// There may be more.
    Short,
    /// It is wrong.
    Wrong(&'static str),
}

/// Types of fields.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const BYTE: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// A place in bytes.
struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Cursor<'_> {
    fn byte(&mut self) -> Result<u8, Bad> {
        let byte = self.bytes.get(self.at).copied().ok_or(Bad::Short)?;
        self.at += 1;
        Ok(byte)
    }
    fn varint(&mut self) -> Result<u64, Bad> {
        let mut x = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            x |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(x);
            }
        }
        Err(Bad::Wrong("a number has too many bytes"))
    }
    fn signed(&mut self) -> Result<i64, Bad> {
        let x = self.varint()?;
        Ok((x >> 1) as i64 ^ -((x & 1) as i64))
    }
    fn advance(&mut self, bytes: u64) -> Result<(), Bad> {
        let left = (self.bytes.len() - self.at) as u64;
        if bytes > left {
            return Err(Bad::Short);
        }
        self.at += bytes as usize;
        Ok(())
    }
    /// The next field of a struct: its number and type; None at the end.
    fn field(&mut self, last: &mut i64) -> Result<Option<(i64, u8)>, Bad> {
        let head = self.byte()?;
        if head == 0 {
            return Ok(None);
        }
        *last = if head >> 4 == 0 { self.signed()? } else { last.wrapping_add(i64::from(head >> 4)) };
        Ok(Some((*last, head & 15)))
    }
    /// Length and type of elements of a list.
    fn list(&mut self) -> Result<(u64, u8), Bad> {
        let head = self.byte()?;
        let size = if head >> 4 == 15 { self.varint()? } else { u64::from(head >> 4) };
        Ok((size, head & 15))
    }
    fn skip(&mut self, ty: u8, depth: usize) -> Result<(), Bad> {
        let depth = depth.checked_sub(1).ok_or(Bad::Wrong("it is nested too deeply"))?;
        match ty {
            TRUE | FALSE => Ok(()),
            BYTE => self.advance(1),
            I16 | I32 | I64 => self.varint().map(|_| ()),
            DOUBLE => self.advance(8),
            BINARY => {
                let n = self.varint()?;
                self.advance(n)
            }
            LIST | SET => {
                let (n, ty) = self.list()?;
                self.elements(n, ty, depth)
            }
            MAP => {
                let n = self.varint()?;
                let types = if n == 0 { 0 } else { self.byte()? };
                (0..n).try_for_each(|_| {
                    self.elements(1, types >> 4, depth)?;
                    self.elements(1, types & 15, depth)
                })
            }
            STRUCT => {
                let mut last = 0;
                while let Some((_, ty)) = self.field(&mut last)? {
                    self.skip(ty, depth)?;
                }
                Ok(())
            }
            _ => Err(Bad::Wrong("a field has no type")),
        }
    }
    /// Elements of a list: truth values take a byte there. Each takes one at least, so that the count is bounded.
    fn elements(&mut self, n: u64, ty: u8, depth: usize) -> Result<(), Bad> {
        match ty {
            TRUE | FALSE | BYTE => self.advance(n),
            ty => (0..n).try_for_each(|_| self.skip(ty, depth)),
        }
    }
    /// The fields of a struct whose numbers and types `want` names, as integers; the others are skipped.
    fn integers<const N: usize>(&mut self, want: [i64; N]) -> Result<[Option<i64>; N], Bad> {
        let (mut found, mut last) = ([None; N], 0);
        while let Some((id, ty)) = self.field(&mut last)? {
            match want.iter().position(|want| *want == id).and_then(|at| found.get_mut(at)) {
                Some(slot) if matches!(ty, I16 | I32 | I64) => *slot = Some(self.signed()?),
                _ => self.skip(ty, MAX_DEPTH)?,
            }
        }
        Ok(found)
    }
}

/// What the head of a page says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PageHead {
    /// Whether it is a page of a dictionary.
    pub(super) is_dictionary: bool,
    /// How its values are written, by the number that Parquet has for it.
    pub(super) encoding: Option<i64>,
    /// Bytes of the head.
    pub(super) len: usize,
    /// Bytes of the page when unpacked.
    pub(super) unpacked: i64,
    /// Bytes of the page in the file.
    pub(super) packed: i64,
    /// Values (or elements) in it; 0 for what holds none.
    pub(super) values: i64,
}

/// Reads the head of a page.
pub(super) fn page_head(bytes: &[u8]) -> Result<PageHead, Bad> {
    let mut cursor = Cursor { bytes, at: 0 };
    let (mut unpacked, mut packed, mut values, mut last) = (None, None, 0, 0);
    let (mut is_dictionary, mut encoding) = (false, None);
    while let Some((id, ty)) = cursor.field(&mut last)? {
        match (id, ty) {
            (2, I32) => unpacked = Some(cursor.signed()?),
            (3, I32) => packed = Some(cursor.signed()?),
            // A data page, a dictionary, a data page of the second version: the count of values is the first field of each.
            (5 | 7 | 8, STRUCT) => {
                let [count, how] = cursor.integers([1, if id == 8 { 4 } else { 2 }])?;
                values = count.unwrap_or(0);
                encoding = how;
                is_dictionary |= id == 7;
            }
            _ => cursor.skip(ty, MAX_DEPTH)?,
        }
    }
    let missing = Bad::Wrong("the head of a page lacks a size");
    Ok(PageHead {
        is_dictionary,
        encoding,
        len: cursor.at,
        unpacked: unpacked.ok_or(missing)?,
        packed: packed.ok_or(missing)?,
        values,
    })
}

/// Looks over the footer of a file: that its schema is nested no deeper than [`MAX_DEPTH`], and is a tree.
pub(super) fn footer(bytes: &[u8]) -> Result<(), Bad> {
    let mut cursor = Cursor { bytes, at: 0 };
    let mut last = 0;
    while let Some((id, ty)) = cursor.field(&mut last)? {
        if (id, ty) != (2, LIST) {
            cursor.skip(ty, MAX_DEPTH)?;
            continue;
        }
        let (n, ty) = cursor.list()?;
        if n > 0 && ty != STRUCT {
            return Err(Bad::Wrong("the schema is no list of elements"));
        }
        // Children that are still to come, of each element that is open.
        let mut open: Vec<i64> = Vec::new();
        for element in 0..n {
            let [children] = cursor.integers([5])?;
            let children = children.unwrap_or(0);
            if children < 0 || children as u64 > n - element {
                return Err(Bad::Wrong("the schema has more children than elements"));
            }
            if children > 0 {
                open.push(children);
                if open.len() > MAX_DEPTH {
                    return Err(Bad::Wrong("the schema is nested too deeply"));
                }
                continue;
            }
            while let Some(left) = open.last_mut() {
                *left -= 1;
                if *left > 0 {
                    break;
                }
                open.pop();
            }
        }
    }
    Ok(())
}
