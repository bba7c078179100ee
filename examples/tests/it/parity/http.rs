//! Actions that are asked for over HTTP.

use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::action::{Action, Verdict, Wish, told};
use super::scene::{LINE, REPORT, SCRIPT, SENT, Scene, Somebody, USER};

const OCTETS: &str = "application/octet-stream";
/// The boundary between the parts of a body.
const BOUNDARY: &str = "between";

impl Scene {
    /// Asks, and tells the verdict.
    pub(crate) async fn over_http(&self, somebody: &Somebody, wish: Wish) -> Verdict {
        let body = match self.send(somebody, self.request(wish)).await {
            Ok(body) => body,
            Err(verdict) => return verdict,
        };
        match wish.action {
            Action::Run => {
                let body: Value = serde_json::from_str(&body).unwrap();
                return self.ended(somebody, &format!("/vm/script/run/{}", body["run"][0]["id"])).await;
            }
            Action::Fetch => assert_eq!(body, REPORT),
            _ => {}
        }
        Verdict::Done
    }

    /// The body of the answer, unless it is a problem.
    async fn send(&self, somebody: &Somebody, request: RequestBuilder) -> Result<String, Verdict> {
        let request = if somebody.token.is_empty() { request } else { request.bearer_auth(&somebody.token) };
        let response = request.send().await.unwrap();
        let good = response.status().is_success();
        let body = response.text().await.unwrap();
        if good {
            return Ok(body);
        }
        let problem: Value = serde_json::from_str(&body).unwrap();
        Err(match problem["type"].as_str().unwrap().trim_start_matches("urn:vmm:problem:") {
            "unauthenticated" => Verdict::Unknown,
            "forbidden" => Verdict::Forbidden,
            "not-found" => Verdict::NotFound,
            "conflict" => Verdict::Conflict,
            "invalid" => Verdict::Invalid,
            "login-refused" => Verdict::Refused,
            "host-key-changed" => Verdict::OtherKey,
            _ => panic!("{} gets {body}", somebody.name),
        })
    }

    fn request(&self, wish: Wish) -> RequestBuilder {
        let Wish { action, vm, password, .. } = wish;
        let post = |path: &str, body: Value| {
            let request = self.client.post(self.at(path)).header("content-type", "application/json");
            request.body(body.to_string())
        };
        if let Some(order) = action.order() {
            return post(&format!("/vm/power?vm={vm}"), json!({ "action": order.word }));
        }
        if let Some((directory, file)) = action.file() {
            let item = json!({ "file": file, "directory": directory, "user": USER, "password": password });
            let items = json!({ "ft": [item] });
            return match action {
                Action::Fetch | Action::FetchMissing => {
                    post(&format!("/vm/ft?direction=receive&vm={vm}"), items).header("accept", OCTETS)
                }
                _ => {
                    let request = self.client.post(self.at(&format!("/vm/ft?direction=send&vm={vm}")));
                    let media = format!("multipart/form-data; boundary={BOUNDARY}");
                    request.header("content-type", media).body(parts(&items.to_string()))
                }
            };
        }
        match action {
            Action::Show => self.client.get(self.at(&format!("/db/vm/{vm}"))),
            Action::Monitor => self.client.get(self.at(&format!("/vm/monitor?vm={vm}"))),
            Action::Command => {
                let command = json!({ "command": LINE, "user": USER, "password": password });
                post(&format!("/vm/ssh?vm={vm}"), json!({ "ssh": [command] }))
            }
            Action::Run => {
                let run = json!({ "script": SCRIPT, "vm": [vm], "user": USER, "password": password });
                post("/vm/script/run", json!({ "run": [run] }))
            }
            other => panic!("how is {other:?} asked for?"),
        }
    }

    /// Waits for the end of a run and returns the verdict for its only machine.
    async fn ended(&self, somebody: &Somebody, path: &str) -> Verdict {
        let run = async || {
            let body = self.send(somebody, self.client.get(self.at(path))).await.unwrap();
            serde_json::from_str::<Value>(&body).unwrap()
        };
        let open = |run: &Value| ["queued", "running"].iter().any(|state| run["state"] == *state);
        self.desk.until("the run ends", async || !open(&run().await)).await;
        let machine = run().await["vm"][0].take();
        match (machine["state"].as_str(), machine["error"].as_str()) {
            (Some("done"), _) => Verdict::Done,
            (Some("failed"), Some(error)) => told(error),
            _ => panic!("what has become of it? {machine}"),
        }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }
}

/// A transfer and the content of its file.
fn parts(items: &str) -> String {
    let part = |name: &str, content: &str| {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"; filename=\"x\"");
        format!("--{BOUNDARY}\r\n{head}\r\n\r\n{content}\r\n")
    };
    format!("{}{}--{BOUNDARY}--\r\n", part("ft", items), part("file", SENT))
}
