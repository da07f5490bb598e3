//! `ecl completions` and `ecl man`, made from the command line's own description.

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::exit::{Done, Exit, Failure};
use crate::output;
use clap::CommandFactory;

/// Completions for a shell.
pub(crate) fn completions(args: &CompletionsArgs) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "ecl", &mut script);
    output::data(&script)?;
    Ok(Exit::Done)
}

/// The man page of `ecl`, or of one command.
pub(crate) fn man(args: &ManArgs) -> Done {
    let mut all = Cli::command();
    all.build();
    let page = match &args.command {
        None => all,
        Some(name) => {
            let found = all.find_subcommand(name).cloned();
            let unknown = || Failure::usage(format!("no command named `{name}`; see `ecl --help`"));
            found.ok_or_else(unknown)?
        }
    };
    let mut roff = Vec::new();
    clap_mangen::Man::new(page).render(&mut roff).map_err(|error| Failure::failed(error.to_string()))?;
    output::data(&roff)?;
    Ok(Exit::Done)
}
