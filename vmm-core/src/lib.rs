#![doc = include_str!("../README.md")]

pub mod config;
pub mod files;
pub mod hypervisor;
pub mod image;
mod mac;
pub mod model;
pub mod remote;
pub mod repository;

mod attempts;
mod blocking;
mod budget;
mod definition;
mod error;
mod job;
mod ops;
mod password;
mod planning;
mod policy;
mod process;
mod script;
mod secrets;
mod seed;
mod text;
mod vmm;

pub use budget::{Budget, BudgetLimits, Holder, Limit, Over, Place, Stored};
pub use config::{DeskConfig, Settings};
pub use definition::DefinitionLook;
pub use error::{Error, Kind, Part, Problem, Problems, Result};
#[cfg(feature = "crash-points")]
pub use job::crash;
pub use ops::{
    AdoptionDraft, BotMail, BudgetUse, Health, History, HistoryPoint, JobWatch, MadeLinkCode, MadeToken, Monitor,
    NewLogin, PartHealth, Power, RequestDraft, RequestNews, RequestPreview, RequestProgress, RunChange, RunDraft,
    RunTerms, RunWatch, SavedScript, ScheduleDraft, ScriptDraft, ScriptUpdate, SshEvent, Statistics, Submission,
    Switched, TokenDraft, Transfer, TransferReport, TreeReport, TreeTransfer, UserDraft, UserUpdate, VmHostKey,
    VmLogin, VmUpdate,
};
pub use planning::{RowVerdict, Spreadsheet};
pub use policy::{Action, Actor, Policy, RolePolicy, Target};
pub use process::forbid_core_files;
pub use secrecy::{ExposeSecret, SecretString};
pub use secrets::MasterKey;
#[cfg(feature = "sqlite")]
pub use vmm::NotReady;
pub use vmm::{Vmm, VmmBuilder};
