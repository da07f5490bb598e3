//! How a run ends when it does not simply answer: fault kinds and exhaustion reasons.

use core::fmt;

macro_rules! named_enum {
    ($(#[$m:meta])* $name:ident { $($(#[$vm:meta])* $v:ident),+ $(,)? }) => {
        $(#[$m])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[$vm])* $v),+ }
        impl $name {
            /// Every one of them, in order.
            pub const ALL: &'static [$name] = &[$($name::$v),+];
            /// The name, exactly as receipts print it.
            pub fn name(self) -> &'static str {
                match self { $($name::$v => stringify!($v)),+ }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.name()) }
        }
    };
}

named_enum! {
    /// The policy, or what it was given, went wrong.
    Fault {
        /// `x / 0` or `x % 0`.
        DivisionByZero,
        /// An argument outside a function's domain.
        DomainError,
        /// An index that is no whole number in range.
        IndexOutOfRange,
        /// A text, array or run memory over its limit.
        ValueTooLarge,
        /// `did(..)` of text that is no DID.
        InvalidDid,
        /// A host's whole number beyond 2^53.
        NumberOutOfRange,
        /// A required input was not given.
        MissingInput,
        /// An input of the wrong type, or a key nobody knows.
        TypeMismatch,
        /// The host could not answer.
        HostError,
        /// A policy that writes, where no writes are granted.
        EffectNotAllowed,
    }
}

named_enum! {
    /// The limit that ended a run.
    Exhaustion {
        /// The gas limit.
        OutOfGas,
        /// The mana limit.
        OutOfMana,
        /// The time limit.
        Timeout,
        /// The call depth.
        StackOverflow,
        /// Somebody cancelled.
        Cancelled,
    }
}

/// The four outcomes of a run.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// Passed.
    Allow,
    /// A `require` or a false result said no.
    Deny,
    /// The policy went wrong.
    Fault(Fault),
    /// A limit ended it.
    Exhausted(Exhaustion),
}

impl Outcome {
    /// `allow`, `deny`, `fault` or `exhausted`.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Allow => "allow",
            Outcome::Deny => "deny",
            Outcome::Fault(_) => "fault",
            Outcome::Exhausted(_) => "exhausted",
        }
    }
}
