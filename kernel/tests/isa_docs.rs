//! `docs/isa.md` is made from the instruction table. `UPDATE_DOCS=1 cargo test -p eclvm-kernel --test isa_docs`
//! rewrites it.

use eclvm_kernel::isa::isa_markdown;
use std::{env, fs, path::Path};

#[test]
fn the_document_is_the_table() -> std::io::Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/isa.md");
    let table = isa_markdown();
    if env::var_os("UPDATE_DOCS").is_some() {
        return fs::write(file, table);
    }
    assert_eq!(
        fs::read_to_string(file)?,
        table,
        "docs/isa.md has drifted from kernel/src/isa/table.rs: run this test with UPDATE_DOCS=1"
    );
    Ok(())
}
