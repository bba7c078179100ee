//! Server-sent events, read as they come.

use std::time::Duration;

use serde_json::Value;

use crate::app::{App, Who};

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The events of a stream.
pub(crate) struct Stream {
    response: reqwest::Response,
    rest: String,
}

impl Stream {
    /// Opens one, with `GET` unless there is a body.
    pub(crate) async fn open(app: &App, who: Who, path: &str, body: Option<Value>) -> Self {
        let url = format!("http://{}{path}", app.address);
        let client = reqwest::Client::new();
        let request = match body {
            Some(body) => client.post(url).json(&body),
            None => client.get(url),
        };
        let response = request.bearer_auth(app.token(who).await.unwrap()).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Self { response, rest: String::new() }
    }

    /// The name and the data of the next event, or `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, after)) = self.rest.split_once("\n\n") {
                let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
                let found = field("event: ").map(|name| {
                    (name.to_owned(), serde_json::from_str(field("data: ").expect("it has data")).unwrap())
                });
                self.rest = after.to_owned();
                match found {
                    Some(event) => return Some(event),
                    // That it is open.
                    None => continue,
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("an event in time");
            self.rest.push_str(std::str::from_utf8(&chunk.unwrap()?).unwrap());
        }
    }
}
