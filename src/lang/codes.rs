//! Every diagnostic code, once: the code, and its title in the documentation. A code is never reused.
//!
//! Blocks: `E00xx` text and grammar (lexer, parser), `E01xx` meaning (checker), `W00xx` warnings of either.

macro_rules! codes {
    ($($code:ident $title:literal)+) => {
        $(#[doc = $title] pub const $code: &str = stringify!($code);)+
        /// Code and title of each, in the order of the table.
        pub const ALL: &[(&str, &str)] = &[$(($code, $title)),+];
    };
}

codes! {
    // Text and grammar.
    E0001 "something else was expected here"
    E0002 "the source is too long"
    E0003 "the source has too many tokens"
    E0004 "nested too deeply"
    E0005 "a literal is too long"
    E0006 "a string does not end"
    E0007 "an unknown or malformed escape in a string"
    E0008 "a block comment does not end"
    E0009 "a malformed number"
    E0010 "a number that is too large"
    E0011 "a malformed DID"
    E0012 "a character that ECL does not use"
    E0013 "a letter that is not ASCII in a name"
    E0014 "a control character"
    E0015 "no policy in the file"
    E0016 "a bracket or block that is not closed"
    E0017 "a bracket that closes nothing"
    E0018 "only a name can be assigned to"
    E0019 "a keyword where a name is needed"
    E0020 "an unknown type"
    E0021 "an operator of another language"
    E0022 "something follows the expression"
    E0023 "a statement or item in the wrong place"
    E0024 "a semicolon is missing"

    // Meaning.
    E0101 "a name that is taken"
    E0102 "a name of a builtin"
    E0103 "constants that are too large"
    E0104 "a constant that is defined by itself"
    E0105 "a constant that would fault"
    E0106 "a constant that is not constant"
    E0107 "a value of the wrong type"
    E0110 "`+` of something else"
    E0111 "a value that a store does not keep"
    E0112 "a type that cannot be told"
    E0113 "an input whose type cannot be told"
    E0114 "a policy without a value"
    E0115 "a function that does not return"
    E0116 "a loop over something else"
    E0117 "`break` or `continue` outside of a loop"
    E0118 "something that cannot be assigned to"
    E0119 "`return` without a value"
    E0120 "something without a value"
    E0121 "an unknown name"
    E0122 "a function that is not called"
    E0123 "comparisons that chain"
    E0124 "`??` after something that is never null"
    E0125 "a comparison of different types"
    E0126 "`in` something else"
    E0127 "arms of different types"
    E0128 "a component of something else"
    E0129 "an unknown component"
    E0130 "an index into something else"
    E0131 "elements of different types"
    E0132 "arrays that nest too deeply"
    E0133 "a call of something else"
    E0134 "an unknown function"
    E0135 "a wrong number of arguments"
    E0136 "too many policies in one file"

    // Lowering.
    E0200 "the policy is too large"
    E0201 "an error in the compiler itself"

    // Warnings of the lexer.
    W0001 "a bidirectional control character"
    W0002 "a character that looks like another one"
    W0003 "an invisible or control character in a string"

    // Warnings of the checker.
    W0101 "a binding that is never used"
    W0102 "code that is never reached"
    W0103 "a requirement that is constant"
    W0104 "a comparison with null that is always false"
    W0105 "a function that is never called"
    W0106 "a condition that is constant"
}

/// The title of a code.
pub fn title(code: &str) -> Option<&'static str> {
    ALL.iter().find(|(known, _)| *known == code).map(|(_, title)| *title)
}
