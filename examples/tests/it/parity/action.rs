//! Actions that people ask for, and the verdicts that they are told.

use super::scene::SENT;

/// An action on a machine that both front ends offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Show,
    Monitor,
    Start,
    Shutdown,
    Stop,
    Reboot,
    /// A command by SSH.
    Command,
    /// A file that is there.
    Fetch,
    /// A file that is not there.
    FetchMissing,
    /// A file into a directory that is there.
    Put,
    /// A file into a directory that is not there.
    PutNowhere,
    /// A script.
    Run,
}

/// An order to a machine's power.
pub(crate) struct Order {
    /// The word for it over HTTP.
    pub(crate) word: &'static str,
    /// The button for it in a chat.
    pub(crate) label: &'static str,
}

impl Action {
    /// All of them.
    pub(crate) const ALL: &'static [Self] = &[
        Self::Show,
        Self::Monitor,
        Self::Start,
        Self::Shutdown,
        Self::Stop,
        Self::Reboot,
        Self::Command,
        Self::Fetch,
        Self::FetchMissing,
        Self::Put,
        Self::PutNowhere,
        Self::Run,
    ];

    /// Of so many that are asked for, how many are this one. A look at a load and a run take half a second each.
    pub(crate) fn share(self) -> usize {
        match self {
            Self::Monitor => 2,
            Self::Run => 4,
            Self::FetchMissing | Self::PutNowhere => 5,
            Self::Fetch | Self::Put => 9,
            Self::Start | Self::Shutdown | Self::Stop | Self::Reboot => 12,
            Self::Show | Self::Command => 15,
        }
    }

    /// The order that it gives.
    pub(crate) fn order(self) -> Option<Order> {
        let order = |word, label| Some(Order { word, label });
        match self {
            Self::Start => order("start", "Start"),
            Self::Shutdown => order("shutdown", "Shut down"),
            Self::Stop => order("stop", "Power off"),
            Self::Reboot => order("reboot", "Reboot"),
            _ => None,
        }
    }

    /// The file that it carries: its directory and its name.
    pub(crate) fn file(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Fetch => Some(("/tmp", "report")),
            Self::FetchMissing => Some(("/tmp", "missing")),
            Self::Put => Some(("/tmp", SENT)),
            Self::PutNowhere => Some(("/nowhere", SENT)),
            _ => None,
        }
    }

    /// Returns whether the action needs a login on the machine.
    pub(crate) fn needs_login(self) -> bool {
        self.file().is_some() || matches!(self, Self::Command | Self::Run)
    }
}

/// The outcome of an action, as the front end tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    Done,
    /// The person is not known.
    Unknown,
    Forbidden,
    NotFound,
    /// The machine is not in the state for it.
    Conflict,
    /// A file or a directory is not there, or the target of a run.
    Invalid,
    /// The machine does not take the login.
    Refused,
    /// The machine shows another host key than the recorded one.
    OtherKey,
}

impl Verdict {
    /// All of them.
    pub(crate) const ALL: &'static [Self] = &[
        Self::Done,
        Self::Unknown,
        Self::Forbidden,
        Self::NotFound,
        Self::Conflict,
        Self::Invalid,
        Self::Refused,
        Self::OtherKey,
    ];
}

/// An action that somebody asks for, with its circumstances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) action: Action,
    pub(crate) vm: &'static str,
    /// True if the machine is on.
    pub(crate) on: bool,
    /// The password of the login on the machine.
    pub(crate) password: &'static str,
}

/// Words that people are told, and what they mean; what stands above goes before what stands below.
const WORDS: &[(&str, Verdict)] = &[
    ("You are not linked to an account", Verdict::Unknown),
    ("may not", Verdict::Forbidden),
    ("there is no vm", Verdict::NotFound),
    ("there is no machine", Verdict::Invalid),
    ("does not exist", Verdict::Invalid),
    ("refused the login", Verdict::Refused),
    ("showed the host key", Verdict::OtherKey),
    ("is off; start it first", Verdict::Conflict),
    ("it does not run", Verdict::Conflict),
    ("✅", Verdict::Done),
    ("is on", Verdict::Done),
    ("is off", Verdict::Done),
    ("is running", Verdict::Done),
];

/// The verdict of a text for people.
pub(crate) fn told(text: &str) -> Verdict {
    let meant = WORDS.iter().find(|(words, _)| text.contains(words));
    meant.unwrap_or_else(|| panic!("what does this mean? {text}")).1
}
