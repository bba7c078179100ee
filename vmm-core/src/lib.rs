#![doc = include_str!("../README.md")]

pub mod config;
#[cfg(feature = "crash-points")]
pub mod crash;
pub mod files;
pub mod host;
pub mod image;
mod mac;
pub mod mail;
pub mod model;
pub mod remote;
pub mod repository;

mod attempts;
mod blocking;
mod budget;
#[cfg(not(feature = "crash-points"))]
mod crash;
mod desk;
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
mod worker;

pub use budget::{Holder, Place, Turn};
pub use config::{DeskConfig, Settings};
#[cfg(feature = "sqlite")]
pub use desk::NotReady;
pub use desk::{DefinitionLook, Health, PartHealth, Vmm, VmmBuilder};
pub use error::{Error, Kind, Part, Problem, Problems, Result};
#[cfg(feature = "crash-points")]
pub use job::crash_points;
pub use model::{Budget, BudgetLimits, Limit, Over, Stored};
pub use ops::{
    AdoptionDraft, BotMail, BudgetUse, Cargo, DeskStatistics, Direction, History, HistoryPoint, JobWatch, Machines,
    MadeLinkCode, MadeToken, Monitor, NewLogin, NewSecondFactor, Power, ReceiveTo, RequestDraft, RequestNews,
    RequestPreview, RequestProgress, RunChange, RunDraft, RunTerms, RunWatch, SavedScript, ScheduleDraft, ScriptDraft,
    ScriptUpdate, SecondFactorState, SendFrom, SshEvent, Submission, Switched, TokenDraft, Transfer, TransferReport,
    TransferReports, UserDraft, UserUpdate, VmHostKey, VmLogin, VmUpdate,
};
pub use planning::{RowVerdict, Spreadsheet};
pub use policy::{Action, Actor, Policy, RolePolicy, Target};
pub use process::forbid_core_files;
pub use secrecy::{ExposeSecret, SecretString};
pub use secrets::MasterKey;
