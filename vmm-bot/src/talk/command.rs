//! The commands that people can send.

use vmm_core::SecretString;
use vmm_core::model::{RequestId, ScriptName, VmName};

use crate::talk::scope::Scope;

/// A command that was understood.
#[derive(Debug)]
pub(crate) enum Command {
    /// A greeting.
    Start,
    /// Bind this person to an account.
    Link(SecretString),
    /// Undo that.
    Unlink,
    /// End the own account's logins and delete its API tokens; also what would be left, if `everything` is to end.
    Revoke { everything: bool },
    /// List the commands.
    Help,
    /// List machines.
    Vms,
    /// Show a machine.
    Vm(VmName),
    /// Show a machine's load.
    Monitor(VmName),
    /// Show how a machine is defined on its host, to accept that.
    Definition(VmName),
    /// Set vmm's tag again on a machine's domain that has lost it.
    Reclaim(VmName),
    /// List open requests.
    Requests,
    /// Show a request, or the own ones and how to make one.
    Request(Option<RequestId>),
    /// List stuck jobs.
    Jobs,
    /// Change the own password.
    Password,
    /// List scripts.
    Scripts,
    /// List runs of scripts.
    Runs,
    /// Run a script on these machines and groups, or on those that it names.
    Run { script: ScriptName, on: Vec<String> },
    /// Keep the file that comes with it as a script; the words are what runs it, and the machines.
    Keep { name: ScriptName, words: Vec<String> },
    /// Run this on a machine, or ask what.
    Ssh(VmName, Option<String>),
    /// Fetch this file from a machine.
    Get(VmName, String),
    /// Put the file that this stands with into a directory of a machine.
    Put(VmName, String),
    /// Forget the logins of machines.
    Forget,
    /// Allow the group that this is said in what private chats are allowed.
    Allow,
    /// End that.
    Disallow,
    /// List the groups that are allowed.
    Groups,
    /// Ask no more.
    Cancel,
}

impl Command {
    /// Returns the chats in which the command may be sent.
    pub(crate) fn scope(&self) -> Scope {
        match self {
            Self::Link(_) | Self::Unlink | Self::Password | Self::Forget | Self::Groups => Scope::Private,
            Self::Revoke { .. } => Scope::Private,
            Self::Requests | Self::Request(_) | Self::Jobs | Self::Run { .. } | Self::Keep { .. } => Scope::Trusted,
            Self::Ssh(..) | Self::Get(..) | Self::Put(..) | Self::Definition(_) | Self::Reclaim(_) => Scope::Trusted,
            Self::Start | Self::Help | Self::Vms | Self::Vm(_) | Self::Monitor(_) | Self::Cancel => Scope::Everywhere,
            Self::Scripts | Self::Runs => Scope::Everywhere,
            Self::Allow | Self::Disallow => Scope::Groups,
        }
    }
}

/// The reason why a text is not a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Misread {
    /// It is meant for nobody, or for another bot.
    NotForUs,
    /// There is no such command.
    Unknown,
    /// The command is wrong; the text says what would be right.
    Wrong(String),
}

/// Reads a text that somebody wrote to the bot of this name.
pub(crate) fn parse(text: &str, bot: &str) -> Result<Command, Misread> {
    let text = text.trim().strip_prefix('/').ok_or(Misread::NotForUs)?;
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let (name, to) = first.split_once('@').map_or((first, None), |(name, to)| (name, Some(to)));
    if to.is_some_and(|to| !to.eq_ignore_ascii_case(bot)) {
        return Err(Misread::NotForUs);
    }
    let words = Words { name: name.to_lowercase(), rest: rest.trim() };
    match words.name.as_str() {
        "start" if words.rest.is_empty() => Ok(Command::Start),
        "start" => words.one("CODE").map(|code| Command::Link(code.to_owned().into())),
        "unlink" => words.none(Command::Unlink),
        "revoke" => match words.rest {
            "" => Ok(Command::Revoke { everything: false }),
            "all" => Ok(Command::Revoke { everything: true }),
            _ => Err(Misread::Wrong("Send /revoke or /revoke all.".to_owned())),
        },
        "help" => words.none(Command::Help),
        "cancel" => words.none(Command::Cancel),
        "vms" => words.none(Command::Vms),
        "vm" => words.vm().map(Command::Vm),
        "monitor" => words.vm().map(Command::Monitor),
        "reclaim" => words.vm().map(Command::Reclaim),
        "definition" => words.vm().map(Command::Definition),
        "requests" => words.none(Command::Requests),
        "request" if words.rest.is_empty() => Ok(Command::Request(None)),
        "request" => match RequestId::new(words.one("shop-1")?) {
            Ok(id) => Ok(Command::Request(Some(id))),
            Err(error) => Err(Misread::Wrong(error.to_string())),
        },
        "jobs" => words.none(Command::Jobs),
        "password" => words.none(Command::Password),
        "scripts" => words.none(Command::Scripts),
        "runs" => words.none(Command::Runs),
        "run" => words.script().map(|(script, on)| Command::Run { script, on }),
        "script" => words.script().map(|(name, words)| Command::Keep { name, words }),
        "ssh" => words.vm_and_text().map(|(vm, line)| Command::Ssh(vm, line)),
        "get" => match words.vm_and_text()? {
            (vm, Some(path)) => Ok(Command::Get(vm, path)),
            (vm, None) => Err(Misread::Wrong(format!("Which file? Add its path, like /get {vm} /etc/hosts."))),
        },
        "put" => words.vm_and_text().map(|(vm, directory)| {
            let home = || "~".to_owned();
            Command::Put(vm, directory.unwrap_or_else(home))
        }),
        "forget" => words.none(Command::Forget),
        "allow" => words.none(Command::Allow),
        "disallow" => words.none(Command::Disallow),
        "groups" => words.none(Command::Groups),
        _ => Err(Misread::Unknown),
    }
}

/// A command's name and what stands behind it.
struct Words<'a> {
    name: String,
    rest: &'a str,
}

impl<'a> Words<'a> {
    /// Nothing may stand there.
    fn none(&self, command: Command) -> Result<Command, Misread> {
        if self.rest.is_empty() {
            return Ok(command);
        }
        Err(Misread::Wrong(format!("/{0} takes no words after it. Send /{0} alone.", self.name)))
    }

    /// One word must stand there.
    fn one(&self, example: &str) -> Result<&'a str, Misread> {
        if self.rest.is_empty() || self.rest.contains(char::is_whitespace) {
            return Err(Misread::Wrong(format!("/{0} takes one word after it, like /{0} {example}.", self.name)));
        }
        Ok(self.rest)
    }

    /// A script must stand there, in quotes if its name has several words, and words may follow.
    fn script(&self) -> Result<(ScriptName, Vec<String>), Misread> {
        if self.rest.is_empty() {
            return Err(Misread::Wrong(format!(
                "Which script? Send /{0} and its name, like /{0} backup. Put a name of several words in quotes, like \
                 /{0} \"nightly backup\".",
                self.name
            )));
        }
        let split = match self.rest.strip_prefix(is_quote) {
            Some(quoted) => {
                let ends = |rest: &str| rest.is_empty() || rest.starts_with(char::is_whitespace);
                quoted.split_once(is_quote).filter(|(_, rest)| ends(rest))
            }
            None => Some(self.rest.split_once(char::is_whitespace).unwrap_or((self.rest, ""))),
        };
        let Some((name, rest)) = split else {
            let reason = format!(
                "The closing quote is missing. Put the name in quotes, like /{} \"nightly backup\".",
                self.name
            );
            return Err(Misread::Wrong(reason));
        };
        let name = ScriptName::new(name).map_err(|error| Misread::Wrong(error.to_string()))?;
        Ok((name, rest.split_whitespace().map(str::to_owned).collect()))
    }

    /// A machine must stand there, alone.
    fn vm(&self) -> Result<VmName, Misread> {
        self.some()?;
        named(self.one("web-1")?)
    }

    /// A machine must stand there, and a text may stand behind it, which is taken as it is.
    fn vm_and_text(&self) -> Result<(VmName, Option<String>), Misread> {
        self.some()?;
        let (name, text) = self.rest.split_once(char::is_whitespace).unwrap_or((self.rest, ""));
        let text = text.trim();
        Ok((named(name)?, (!text.is_empty()).then(|| text.to_owned())))
    }

    /// Something must stand there that begins with a machine.
    fn some(&self) -> Result<(), Misread> {
        if self.rest.is_empty() {
            let reason = format!("Which machine? Send /{0} and its name, like /{0} web-1.", self.name);
            return Err(Misread::Wrong(reason));
        }
        Ok(())
    }
}

/// Returns whether a character is a quote around a name. Phones write other quotes than keyboards.
fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '“' | '”' | '„' | '‘' | '’' | '‚' | '«' | '»')
}

fn named(name: &str) -> Result<VmName, Misread> {
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
    fn help_and_menus_say_where_a_command_may_be_said() {
        for entry in crate::talk::render::help::COMMANDS {
            let words = match entry.name {
                "vm" | "monitor" | "ssh" | "put" | "definition" | "reclaim" => " web-1",
                "get" => " web-1 /etc/hosts",
                "run" | "script" => " backup",
                _ => "",
            };
            let command = parse(&format!("/{}{words}", entry.name), "desk_bot").expect("a command");
            assert_eq!(command.scope(), entry.scope, "{}", entry.name);
        }
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
    fn what_shall_run_is_taken_as_it_is() {
        let ssh = |text: &str| match parse(text, "desk_bot") {
            Ok(Command::Ssh(vm, line)) => (vm.to_string(), line),
            other => panic!("{other:?}"),
        };
        let line = "for i in 1 2; do\n  echo  \"$i\"\ndone";
        assert_eq!(ssh(&format!("/ssh web-1 {line}")), ("web-1".to_owned(), Some(line.to_owned())));
        assert_eq!(ssh(&format!("/ssh web-1\n{line}\n")), ("web-1".to_owned(), Some(line.to_owned())));
        assert_eq!(ssh("/ssh  web-1 "), ("web-1".to_owned(), None));
        assert!(read("/ssh").contains("Which machine?"));
        assert!(read("/ssh -rf /").contains("Wrong"));
    }

    #[test]
    fn a_script_of_several_words_stands_in_quotes() {
        let run = |text: &str| match parse(text, "desk_bot") {
            Ok(Command::Run { script, on }) => (script.to_string(), on.join("+")),
            other => panic!("{other:?}"),
        };
        let named = |name: &str, on: &str| (name.to_owned(), on.to_owned());
        assert_eq!(run("/run backup web-1  @db"), named("backup", "web-1+@db"));
        for text in ["\"nightly backup\" web-1 @db", "“nightly backup”\nweb-1 @db", "„nightly backup“ web-1 @db"]
        {
            assert_eq!(run(&format!("/run {text}")), named("nightly backup", "web-1+@db"), "{text}");
        }
        assert_eq!(run("/run 'backup'"), named("backup", ""));
        assert!(read("/script \"nightly backup\" sh @db").contains("words: [\"sh\", \"@db\"]"));
        for text in ["/run \"nightly backup", "/run \"nightly backup\"web-1", "/run \""] {
            assert!(read(text).contains("in quotes"), "{text}");
        }
        assert!(read("/run").contains("in quotes") && read("/run \"\"").contains("Wrong"));
    }

    #[test]
    fn a_code_is_not_shown() {
        assert!(!read("/start s3cret-code").contains("s3cret"));
    }
}
