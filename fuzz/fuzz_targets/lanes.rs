//! `cargo fuzz run lanes`; without libFuzzer a program that replays the files it is given.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| eclvm_fuzz::lanes(data));

#[cfg(not(fuzzing))]
fn main() -> std::process::ExitCode {
    eclvm_fuzz::replay(eclvm_fuzz::lanes)
}
