//! Stands where SSH would be in a program that was built without it.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::mpsc::Sender;

use super::{
    Command, Download, Endpoint, Login, Output, Piece, RemoteExec, Sink, Source, Transferred, TreeDownload,
    TreeTransferred, TreeUpload, Upload,
};
use crate::error::{Error, Part, Result};
use crate::model::HostKey;

/// Answers every call that it is not there.
#[derive(Clone, Copy, Debug, Default)]
pub struct AbsentRemote;

#[async_trait]
impl RemoteExec for AbsentRemote {
    async fn run(&self, _: &Endpoint, _: &Login, _: &Command) -> Result<Output> {
        Err(absent())
    }

    async fn follow(&self, _: &Endpoint, _: &Login, _: &Command, _: Sender<Piece>) -> Result<Output> {
        Err(absent())
    }

    async fn host_key(&self, _: SocketAddr, _: Duration) -> Result<HostKey> {
        Err(absent())
    }

    async fn send(&self, _: &Endpoint, _: &Login, _: &Upload, _: Source) -> Result<Transferred> {
        Err(absent())
    }

    async fn receive(&self, _: &Endpoint, _: &Login, _: &Download, _: Sink) -> Result<Transferred> {
        Err(absent())
    }

    async fn send_tree(&self, _: &Endpoint, _: &Login, _: &TreeUpload, _: Source) -> Result<TreeTransferred> {
        Err(absent())
    }

    async fn receive_tree(&self, _: &Endpoint, _: &Login, _: &TreeDownload, _: Sink) -> Result<TreeTransferred> {
        Err(absent())
    }
}

fn absent() -> Error {
    Error::unavailable(Part::Machine, "this program was built without the feature ssh")
}
