//! `ecl db`: a store on disk, made, filled and read.

use crate::args::{DbArgs, DbCommand, DbImportArgs, DbLogArgs, DbPruneArgs, Format};
use crate::event_json::event_json;
use crate::exit::{Done, Exit, Failure};
use crate::{context, output};
use eclvm::durable::{DurableStore, ErynoaHost, Keep};
use serde_json::json;

/// Events read at a time.
const PAGE: usize = 4_096;

/// Runs the command.
pub(crate) fn run(command: &DbCommand, format: Format) -> Done {
    match command {
        DbCommand::Init(args) => init(args),
        DbCommand::Import(args) => import(args, format),
        DbCommand::Export(args) => export(args),
        DbCommand::Log(args) => log(args, format),
        DbCommand::Prune(args) => prune(args, format),
    }
}

fn open(directory: &str) -> Result<ErynoaHost, Failure> {
    ErynoaHost::open_existing(directory).map_err(|error| context::no_store(directory, &error))
}

fn init(args: &DbArgs) -> Done {
    let directory = &args.directory;
    DurableStore::create(directory).map_err(|error| context::no_store(directory, &error))?;
    output::talk(&format!("an empty store is in {}\n", output::tame(directory)));
    Ok(Exit::Done)
}

fn import(args: &DbImportArgs, format: Format) -> Done {
    let directory = &args.db.directory;
    // Read first: a state file that is wrong leaves no store behind.
    let world = context::world(&args.state)?;
    let host = ErynoaHost::open(directory).map_err(|error| context::no_store(directory, &error))?;
    let transaction = host.import(&world).map_err(|error| context::too_much(&error))?;
    let version = context::commit(&host, &transaction)?;
    let (identities, realms) = (world.identity_count(), world.realms().len());
    match format {
        Format::Json => {
            output::json(&json!({"identities": identities, "realms": realms, "version": version}))?;
        }
        Format::Text => {
            output::styled(&format!("{identities} identities, {realms} realms, version {version}\n"))?
        }
    }
    Ok(Exit::Done)
}

fn export(args: &DbArgs) -> Done {
    let host = open(&args.directory)?;
    let mut json = host.view().to_json().map_err(|error| Failure::failed(error.to_string()))?;
    json.push(b'\n');
    output::data(&json)?;
    Ok(Exit::Done)
}

fn log(args: &DbLogArgs, format: Format) -> Done {
    let directory = &args.db.directory;
    let host = open(directory)?;
    let first = host.store().log_first().map_err(|error| context::no_store(directory, &error))?;
    let mut since = args.since.unwrap_or(first);
    loop {
        let page = host.store().log(since, PAGE).map_err(|error| context::no_store(directory, &error))?;
        let Some(last) = page.last() else { return Ok(Exit::Done) };
        since = last.number.saturating_add(1);
        let mut out = String::new();
        for logged in &page {
            let (name, fields) = event_json(&logged.event);
            let (number, version) = (logged.number, logged.version);
            match format {
                Format::Json => {
                    let line = json!({"n": number, "version": version, "event": name, "data": fields});
                    out += &line.to_string();
                }
                Format::Text => {
                    out += &format!("{number:>8}  version {version:<8} {name:<20} ");
                    out += &output::tame(&fields.to_string());
                }
            }
            out.push('\n');
        }
        output::data(out.as_bytes())?;
    }
}

fn prune(args: &DbPruneArgs, format: Format) -> Done {
    let directory = &args.db.directory;
    let failed = |error| context::no_store(directory, &error);
    let (mut store, _) = DurableStore::open_existing(directory).map_err(failed)?;
    let usual = Keep::default();
    let keep = Keep {
        events: args.keep_events.unwrap_or(usual.events),
        bytes: args.keep_bytes.unwrap_or(usual.bytes),
    };
    let pruned = store.prune(keep).map_err(failed)?;
    if args.compact {
        store.compact().map_err(failed)?;
    }
    let (events, runs, first) = (pruned.events, pruned.runs, pruned.first);
    match format {
        Format::Json => output::json(&json!({"events": events, "runs": runs, "first": first}))?,
        Format::Text => output::styled(&format!(
            "{events} events and {runs} recorded requests are gone, the log begins with event {first}\n"
        ))?,
    }
    Ok(Exit::Done)
}
