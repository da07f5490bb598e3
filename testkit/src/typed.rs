//! Requests as rows of structs: the same requests, with a field for each input, of the types that structs have.

use eclvm::Policy;
use eclvm::batch::Rows;
use eclvm::kernel::request::Request;
use eclvm::kernel::types::{Base, Ty};
use eclvm::kernel::value::{Did, TrustVector, ValueRef};

/// A request, and its lists as a struct would have them.
pub struct Row<'v> {
    request: Request<'v>,
    lists: Vec<List<'v>>,
}

enum List<'v> {
    None,
    Numbers(Vec<Option<f64>>),
    Bools(Vec<bool>),
    Texts(Vec<String>),
    NullableTexts(Vec<Option<&'v str>>),
    Dids(Vec<Did<'v>>),
}

/// The rows that can be said with fields: each value of its input's type, or null. Which of `requests` they are.
pub fn rows<'v>(policy: &Policy, requests: &[Request<'v>]) -> (Vec<Row<'v>>, Vec<usize>) {
    let n = policy.inputs().len();
    let mut standard = None;
    let mut found = (Vec::new(), Vec::new());
    for (at, request) in requests.iter().enumerate() {
        let given = [request.caller, request.realm, request.trust].map(|value| value != ValueRef::Missing);
        let plain = matches!(request.caller, ValueRef::Missing | ValueRef::Did(_))
            && matches!(request.realm, ValueRef::Missing | ValueRef::Text(_))
            && matches!(request.trust, ValueRef::Missing | ValueRef::Trust(_));
        let inputs = request.inputs.iter().zip(policy.inputs());
        let fits = inputs.clone().all(|(value, input)| is_of(*value, input.ty));
        // A field is there for all, or for none.
        if !plain || !fits || request.unknown_keys || request.inputs.len() != n {
            continue;
        }
        if *standard.get_or_insert(given) == given {
            let lists = inputs.map(|(value, input)| list(*value, input.ty)).collect();
            found.0.push(Row { request: *request, lists });
            found.1.push(at);
        }
    }
    found
}

fn is_of(value: ValueRef<'_>, ty: Ty) -> bool {
    match value {
        ValueRef::Null => true,
        ValueRef::Array(items) => ty.elem().is_some_and(|elem| {
            let null = elem.is_optional();
            let nulls = matches!(elem.base(), Base::Number | Base::Text);
            !elem.is_array()
                && elem.base() != Base::Trust
                && items.iter().all(|item| match item {
                    ValueRef::Null => null && nulls,
                    item => is_of(*item, elem),
                })
        }),
        _ if ty.is_array() => false,
        ValueRef::Number(_) => ty.base() == Base::Number,
        ValueRef::Bool(_) => ty.base() == Base::Bool,
        ValueRef::Text(_) => ty.base() == Base::Text,
        ValueRef::Did(_) => ty.base() == Base::Did,
        ValueRef::Trust(_) => ty.base() == Base::Trust,
        _ => false,
    }
}

fn list<'v>(value: ValueRef<'v>, ty: Ty) -> List<'v> {
    let (ValueRef::Array(items), Some(elem)) = (value, ty.elem()) else { return List::None };
    fn of<'v, T>(items: &[ValueRef<'v>], of: impl Fn(ValueRef<'v>) -> T) -> Vec<T> {
        items.iter().map(|item| of(*item)).collect()
    }
    match (elem.base(), elem.is_optional()) {
        (Base::Number, _) => List::Numbers(of(items, number)),
        (Base::Bool, _) => List::Bools(of(items, |item| item == ValueRef::Bool(true))),
        (Base::Text, true) => List::NullableTexts(of(items, text)),
        (Base::Text, false) => List::Texts(of(items, |item| text(item).unwrap_or("").to_owned())),
        (Base::Did, false) => List::Dids(items.iter().filter_map(|item| did(*item)).collect()),
        _ => List::None,
    }
}

fn number(value: ValueRef<'_>) -> Option<f64> {
    if let ValueRef::Number(x) = value { Some(x) } else { None }
}
fn truth(value: ValueRef<'_>) -> Option<bool> {
    if let ValueRef::Bool(x) = value { Some(x) } else { None }
}
fn text(value: ValueRef<'_>) -> Option<&str> {
    if let ValueRef::Text(x) = value { Some(x) } else { None }
}
fn did(value: ValueRef<'_>) -> Option<Did<'_>> {
    if let ValueRef::Did(x) = value { Some(x) } else { None }
}
fn trust(value: ValueRef<'_>) -> Option<&TrustVector> {
    if let ValueRef::Trust(x) = value { Some(x) } else { None }
}

/// A field for each input: of its plain type where no row has null there, else of an `Option`. None where the policy has an
/// input that no field is for.
pub fn fields<'d>(policy: &Policy, rows: &'d [Row<'d>]) -> Option<Rows<'d, Row<'d>>> {
    let mut typed = Rows::new(policy, rows);
    for (at, input) in policy.inputs().iter().enumerate() {
        let nulls = rows.iter().any(|row| row.request.inputs[at] == ValueRef::Null);
        let value = move |row: &'d Row<'d>| row.request.inputs[at];
        let name = &*input.name;
        macro_rules! field {
            ($get:expr) => {
                match nulls {
                    true => typed.with(name, $get),
                    false => typed.with(name, move |row| $get(row).unwrap()),
                }
            };
        }
        macro_rules! lists {
            ($kind:ident) => {
                field!(move |row: &'d Row<'d>| match &row.lists[at] {
                    List::$kind(list) => Some(list),
                    _ => None,
                })
            };
        }
        typed = match (input.ty.elem(), input.ty.base()) {
            (None, Base::Number) => field!(move |row| number(value(row))),
            (None, Base::Bool) => field!(move |row| truth(value(row))),
            (None, Base::Text) => field!(move |row| text(value(row))),
            (None, Base::Did) => field!(move |row| did(value(row))),
            (None, Base::Trust) => field!(move |row| trust(value(row))),
            (Some(elem), base) if !elem.is_array() => match (base, elem.is_optional()) {
                (Base::Number, _) => lists!(Numbers),
                (Base::Bool, false) => lists!(Bools),
                (Base::Text, true) => lists!(NullableTexts),
                (Base::Text, false) => lists!(Texts),
                (Base::Did, false) => lists!(Dids),
                _ => return None,
            },
            _ => return None,
        }
        .unwrap();
    }
    let first = rows.first()?.request;
    if first.caller != ValueRef::Missing {
        typed = typed.with("caller", |row| did(row.request.caller).unwrap()).ok()?;
    }
    if first.realm != ValueRef::Missing {
        typed = typed.with("realm", |row| text(row.request.realm).unwrap()).ok()?;
    }
    if first.trust != ValueRef::Missing {
        typed = typed.with("trust", |row| trust(row.request.trust).unwrap()).ok()?;
    }
    Some(typed)
}
