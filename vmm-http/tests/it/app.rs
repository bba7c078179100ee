//! A server on a free port over a desk of fakes, and a client for it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use vmm_core::BudgetLimits;
use vmm_core::config::Settings;
use vmm_core::model::{NewSession, Role, SessionId, TokenHash, UserChange, UserId, VmFilter};
use vmm_core::repository::Repository;
use vmm_http::{ConnectionLimits, Limits, Server};
use vmm_testkit::fixture::{PASSWORD, TestDesk};
use vmm_testkit::sample;

use crate::secrets::capture_log;
use crate::specified::assert_documented;

/// Two machines that `TestDesk` can make.
pub(crate) const SPEC: &str = "name,os,vcpu,memory\nweb-1,debian:12,1,512\nweb-2,debian:12,2,1GiB\n";

/// The sender of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// Nobody.
    Anonymous,
    /// A user whose login has expired.
    Expired,
    /// A user whose account is disabled, with a login that would be good otherwise.
    Disabled,
    /// A user whose nothing is.
    Bob,
    /// The user who requested the machines.
    Alice,
    /// An admin.
    Root,
}

impl Who {
    pub(crate) const ALL: [Self; 6] =
        [Self::Anonymous, Self::Expired, Self::Disabled, Self::Bob, Self::Alice, Self::Root];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "nobody",
            Self::Expired => "erin",
            Self::Disabled => "dora",
            Self::Bob => "bob",
            Self::Alice => "alice",
            Self::Root => "root",
        }
    }
}

pub(crate) struct App {
    pub(crate) desk: TestDesk,
    pub(crate) address: SocketAddr,
    client: reqwest::Client,
    tokens: Mutex<HashMap<Who, String>>,
    server: JoinHandle<()>,
}

impl Drop for App {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl App {
    /// A server whose desk has the image `debian:12`, the admin `root`, and the users `alice` and `bob`.
    pub(crate) async fn new() -> Self {
        Self::with(Limits::default()).await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::behind(limits, ConnectionLimits::default()).await
    }

    pub(crate) async fn with_budgets(change: impl FnOnce(&mut BudgetLimits)) -> Self {
        Self::with_settings(|settings| change(&mut settings.budgets)).await
    }

    pub(crate) async fn with_settings(change: impl FnOnce(&mut Settings)) -> Self {
        let mut desk = TestDesk::with_settings(change).await;
        desk.start_worker();
        desk.import("debian", "12").await;
        Self::over(desk, Limits::default(), ConnectionLimits::default()).await
    }

    pub(crate) async fn behind(limits: Limits, connections: ConnectionLimits) -> Self {
        Self::over(TestDesk::new().await, limits, connections).await
    }

    async fn over(desk: TestDesk, limits: Limits, connections: ConnectionLimits) -> Self {
        capture_log();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server::new(listener).limits(connections);
        let routes = vmm_http::routes(desk.vmm.clone(), limits);
        let server = tokio::spawn(server.run(routes, std::future::pending(), Duration::ZERO));
        let app = Self { desk, address, client: reqwest::Client::new(), tokens: Mutex::default(), server };
        let bob = json!({"user": [{"name": "bob", "password": PASSWORD}]});
        assert_eq!(app.post(Who::Root, "/db/user", bob).await.status, 200);
        app
    }

    /// A token of this account, from a login that is made when it is first needed.
    pub(crate) async fn token(&self, who: Who) -> Option<String> {
        let known = self.tokens.lock().unwrap().get(&who).cloned();
        match (who, known) {
            (Who::Anonymous, _) => None,
            (_, Some(token)) => Some(token),
            (Who::Expired | Who::Disabled, None) => {
                let token = self.void_token(who).await;
                self.tokens.lock().unwrap().insert(who, token.clone());
                Some(token)
            }
            (_, None) => {
                let token = self.login(who, PASSWORD).await.body["token"].as_str().unwrap().to_owned();
                self.tokens.lock().unwrap().insert(who, token.clone());
                Some(token)
            }
        }
    }

    /// A token of a login that is recorded and does not count.
    async fn void_token(&self, who: Who) -> String {
        let users = self.desk.repository.users();
        let user = users.create(sample::user(who.name(), Role::User), sample::audit("user.create")).await.unwrap().id;
        if who == Who::Disabled {
            let change = UserChange { disabled: Some(true), ..UserChange::default() };
            users.update(user, change, None, sample::audit("user.update")).await.unwrap();
        }
        let life = if who == Who::Expired { TimeDelta::seconds(-1) } else { TimeDelta::hours(1) };
        self.record_session(user, who.name(), Utc::now() + life).await;
        who.name().to_owned()
    }

    /// The id of a further login of alice's.
    pub(crate) async fn new_session(&self) -> String {
        let user = self.desk.user.user_id().unwrap();
        let token = format!("{:?}", std::time::Instant::now());
        self.record_session(user, &token, Utc::now() + TimeDelta::hours(1)).await.to_string()
    }

    async fn record_session(&self, user: UserId, token: &str, expires_at: DateTime<Utc>) -> SessionId {
        let session =
            NewSession { user, token: TokenHash(Sha256::digest(token).into()), expires_at, second_factor_at: None };
        self.desk.repository.sessions().create(session, sample::audit("session.login")).await.unwrap().id
    }

    /// Sees to it that the token of this account is good.
    pub(crate) async fn renew_token(&self, who: Who) {
        if self.get(who, "/db/os").await.status == 401 {
            self.tokens.lock().unwrap().remove(&who);
            self.token(who).await;
        }
    }

    /// Forgets the tokens, which some calls end.
    pub(crate) fn forget_tokens(&self) {
        self.tokens.lock().unwrap().clear();
    }

    pub(crate) async fn login(&self, who: Who, password: &str) -> Answer {
        let body = json!({"name": who.name(), "password": password});
        self.send(None, "POST", "/session", Some(body)).await
    }

    pub(crate) async fn get(&self, who: Who, path: &str) -> Answer {
        self.call(who, "GET", path, None).await
    }

    pub(crate) async fn post(&self, who: Who, path: &str, body: Value) -> Answer {
        self.call(who, "POST", path, Some(body)).await
    }

    pub(crate) async fn call(&self, who: Who, method: &str, path: &str, body: Option<Value>) -> Answer {
        // Boxed because a call logs in, and a login is a call.
        let token = Box::pin(self.token(who)).await;
        self.send(token.as_deref(), method, path, body).await
    }

    pub(crate) async fn send(&self, token: Option<&str>, method: &str, path: &str, body: Option<Value>) -> Answer {
        // As a browser's page does; a program's call does not care.
        let origin = format!("http://{}", self.address);
        self.send_with(&[("Origin", &origin)], token, method, path, body).await
    }

    pub(crate) async fn send_with(
        &self,
        headers: &[(&str, &str)],
        token: Option<&str>,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let verb = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(verb, format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, value.as_bytes());
        }
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Self::answer(method, path, request).await
    }

    /// Sends bytes of this type.
    pub(crate) async fn send_bytes(&self, who: Who, method: &str, path: &str, kind: &str, bytes: Vec<u8>) -> Answer {
        let token = Box::pin(self.token(who)).await;
        let verb = Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.client.request(verb, format!("http://{}{path}", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Self::answer(method, path, request.header("content-type", kind).body(bytes)).await
    }

    async fn answer(method: &str, path: &str, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap().to_vec();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert_documented(method, path, status);
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, body, text, bytes }
    }

    /// Makes the machines of [`SPEC`] for alice, as request `r1`.
    pub(crate) async fn provision(&self) {
        self.desk.provision("r1", SPEC).await;
    }

    /// Makes them, and tells where `web-1` is reached.
    pub(crate) async fn machine(&self) -> SocketAddr {
        self.provision().await;
        let vms = self.desk.vmm.vms(&self.desk.admin, &VmFilter::default()).await.unwrap();
        SocketAddr::new(vms[0].ip.unwrap(), 22)
    }
}

/// The server's answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: reqwest::header::HeaderMap,
    /// `null` if it is not JSON.
    pub(crate) body: Value,
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The fields, or rows and columns, that a problem detail names.
    #[track_caller]
    pub(crate) fn problem_fields(&self) -> Vec<String> {
        self.assert_problem(422);
        let name = |problem: &Value| match (&problem["row"], &problem["column"]) {
            (Value::Number(row), Value::String(column)) => format!("{row}:{column}"),
            _ => problem["field"].as_str().unwrap().to_owned(),
        };
        self.body["problems"].as_array().unwrap().iter().map(name).collect()
    }

    /// That it is a problem detail of this status.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        assert_eq!(self.body["status"], status, "{}", self.text);
        assert!(self.body["type"].as_str().unwrap().starts_with("urn:vmm:problem:"), "{}", self.text);
        assert!(!self.body["title"].as_str().unwrap().is_empty(), "{}", self.text);
        assert!(!self.body["detail"].as_str().unwrap().is_empty(), "{}", self.text);
    }

    /// That it went well.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.text);
        self.body
    }
}
