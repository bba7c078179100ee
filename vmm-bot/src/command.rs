//! What people can ask for by words.

use teloxide::types::BotCommand;
use vmm_core::SecretString;
use vmm_core::model::VmName;

/// A command that was understood.
#[derive(Debug)]
pub(crate) enum Command {
    /// A greeting.
    Start,
    /// Bind this person to an account.
    Link(SecretString),
    /// Undo that.
    Unlink,
    /// What the bot can do.
    Help,
    /// List machines.
    Vms,
    /// Show a machine.
    Vm(VmName),
    /// Show a machine's load.
    Monitor(VmName),
}

impl Command {
    /// Whether it is secret or changes something, and so belongs into a private chat.
    pub(crate) fn private(&self) -> bool {
        match self {
            Self::Link(_) | Self::Unlink => true,
            Self::Start | Self::Help | Self::Vms | Self::Vm(_) | Self::Monitor(_) => false,
        }
    }
}

/// Why a text is no command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Misread {
    /// It is meant for nobody, or for another bot.
    NotForUs,
    /// There is no such command.
    Unknown,
    /// What is wrong, and what would be right.
    Wrong(String),
}

/// The menu that Telegram shows.
pub(crate) fn menu() -> Vec<BotCommand> {
    [
        ("vms", "List machines"),
        ("vm", "Show a machine: /vm web-1"),
        ("monitor", "How a machine is now: /monitor web-1"),
        ("help", "What this bot can do"),
        ("unlink", "Free your account of this chat"),
    ]
    .map(|(name, description)| BotCommand::new(name, description))
    .to_vec()
}

/// Reads a text that somebody wrote to the bot of this name.
pub(crate) fn parse(text: &str, bot: &str) -> Result<Command, Misread> {
    let mut words = text.split_whitespace();
    let first = words.next().and_then(|word| word.strip_prefix('/')).ok_or(Misread::NotForUs)?;
    let (name, to) = first.split_once('@').map_or((first, None), |(name, to)| (name, Some(to)));
    if to.is_some_and(|to| !to.eq_ignore_ascii_case(bot)) {
        return Err(Misread::NotForUs);
    }
    let (argument, more) = (words.next(), words.next());
    if more.is_some() {
        return Err(Misread::Wrong(format!("/{name} takes one word at most.")));
    }
    match (name.to_lowercase().as_str(), argument) {
        ("start", None) => Ok(Command::Start),
        ("start", Some(code)) => Ok(Command::Link(code.to_owned().into())),
        ("unlink", None) => Ok(Command::Unlink),
        ("help", None) => Ok(Command::Help),
        ("vms", None) => Ok(Command::Vms),
        ("vm" | "monitor", None) => {
            Err(Misread::Wrong(format!("Which machine? Say /{name} and its name, like /{name} web-1.")))
        }
        ("vm", Some(vm)) => machine(vm).map(Command::Vm),
        ("monitor", Some(vm)) => machine(vm).map(Command::Monitor),
        ("unlink" | "help" | "vms", Some(_)) => Err(Misread::Wrong(format!("/{name} takes no words."))),
        _ => Err(Misread::Unknown),
    }
}

fn machine(name: &str) -> Result<VmName, Misread> {
    VmName::new(name).map_err(|error| Misread::Wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        format!("{:?}", parse(text, "desk_bot"))
    }

    #[test]
    fn commands_are_read_with_and_without_the_bots_name() {
        assert_eq!(read("/vms"), "Ok(Vms)");
        assert_eq!(read("  /VMS@Desk_Bot "), "Ok(Vms)");
        assert_eq!(read("/vms@other_bot"), "Err(NotForUs)");
        assert_eq!(read("hello"), "Err(NotForUs)");
        assert_eq!(read(""), "Err(NotForUs)");
        assert_eq!(read("/launch"), "Err(Unknown)");
        assert!(read("/vm web-1").starts_with("Ok(Vm("));
        assert!(read("/Monitor web-1").starts_with("Ok(Monitor("));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(read("/vm").contains("Which machine?"));
        assert!(read("/monitor").contains("/monitor web-1"));
        assert!(read("/vm -rf").contains("Wrong"));
        assert!(read("/vm web-1 web-2").contains("one word"));
        assert!(read("/help me").contains("no words"));
    }

    #[test]
    fn a_code_is_not_shown() {
        assert!(!read("/start s3cret-code").contains("s3cret"));
    }
}
