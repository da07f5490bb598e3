//! What runs are given: the world from a state file, the time, inputs from JSON.

use crate::args::{NowArgs, WorldArgs};
use crate::diagnostics::Rejected;
use crate::exit::Failure;
use crate::input::{self, MAX_REQUEST_BYTES, MAX_STATE_FILE_BYTES};
use eclvm::host::{StateHost, World};
use eclvm::kernel::value::Did;
use eclvm::wire::Defaults;
use serde::de::IgnoredAny;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The host of `--state`, if it is given; `writes`: for a policy that may write.
pub(crate) fn host(state: Option<&str>, writes: bool) -> Result<Option<StateHost>, Failure> {
    let Some(file) = state else { return Ok(None) };
    let json = input::read(file, MAX_STATE_FILE_BYTES)?;
    let name = input::display_name(file);
    match World::from_json(&json) {
        Ok(world) if writes => Ok(Some(StateHost::new(Arc::new(world)))),
        Ok(world) => Ok(Some(StateHost::new(Arc::new(world)))),
        // The entry policy's own diagnostics say more than that it does not compile.
        Err(error) => match error.policy {
            Some(rejected) => {
                let (source, diagnostics) = *rejected;
                let name = format!("{name}: {}", error.path);
                Err(Failure::Source(Box::new(Rejected { name, source, diagnostics })))
            }
            None => Err(Failure::invalid(format!("`{name}`: {error}"))),
        },
    }
}

/// `--now`, else the clock's whole seconds.
pub(crate) fn now(args: &NowArgs) -> f64 {
    args.now
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs() as f64))
}

/// What `--caller` and `--realm` say.
pub(crate) fn defaults(args: &WorldArgs) -> Defaults<'_> {
    Defaults::new(args.caller.as_deref().and_then(Did::new), args.realm.as_deref())
}

/// The file of `--input @FILE`.
pub(crate) fn input_file(input: Option<&str>) -> Option<&str> {
    input.and_then(|text| text.strip_prefix('@'))
}

/// The JSON object of `--input`; an empty one where it is not given.
pub(crate) fn input_json(input: Option<&str>) -> Result<Vec<u8>, Failure> {
    let json = match (input, input_file(input)) {
        (None, _) => return Ok(b"{}".to_vec()),
        (_, Some(file)) => {
            let bytes = input::read(file, MAX_REQUEST_BYTES)?;
            input::text(file, bytes)?
        }
        (Some(text), None) => text.to_owned(),
    };
    match serde_json::from_str::<IgnoredAny>(&json) {
        Err(error) => Err(Failure::invalid(format!("--input is not JSON: {error}"))),
        Ok(_) if !json.trim_start().starts_with('{') => {
            Err(Failure::invalid("--input is not a JSON object with the inputs' names as keys"))
        }
        Ok(_) => Ok(json.into_bytes()),
    }
}
