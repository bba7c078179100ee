//! The main job with the client that progenitor generates.

use std::env;

use futures::TryStreamExt;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};

use generated::types::{
    Credentials, NewRequest, NewRequests, ProblemDetails, SshCommand, SshCommands, Submissions, Verdict,
};
use generated::{Client, Error, ResponseValue};

mod generated {
    progenitor::generate_api!(spec = "../../../../docs/openapi.json", interface = Builder);
}

fn given(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
}

async fn log_in(url: &str) -> Client {
    let credentials = Credentials::builder().name(given("VMM_NAME")).password(given("VMM_PASSWORD"));
    let session = Client::new(url).login().body(credentials).send().await.expect("a login");
    let mut value = HeaderValue::try_from(format!("Bearer {}", *session.token)).expect("a token fits a header");
    value.set_sensitive(true);
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    Client::new_with_client(url, reqwest::Client::builder().default_headers(headers).build().expect("a client"))
}

async fn submit(vmm: &Client, id: &str, spec: &str) -> Result<ResponseValue<Submissions>, Error<ProblemDetails>> {
    let request = NewRequest::builder().id(id).spec(spec).try_into().expect("a request");
    vmm.submit_requests().body(NewRequests::builder().request_vm([request])).send().await
}

/// The problem that a refused call answers with.
fn problem<T>(answer: Result<T, Error<ProblemDetails>>) -> ProblemDetails {
    match answer {
        Err(Error::ErrorResponse(problem)) => problem.into_inner(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was not refused"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let machine = given("VMM_VM");
    let vmm = log_in(&given("VMM_URL")).await;

    let submissions =
        submit(&vmm, "client-1", "name,os,vcpu,memory\nclient-1,debian:12,1,512\n").await.expect("a submission");
    let submission = &submissions.request_vm[0];
    assert!(submission.created);
    assert_eq!(submission.rows[0].verdict, Verdict::Ok);

    let vms = vmm.list_vms().send().await.expect("machines");
    assert!(vms.vm.iter().any(|vm| vm.name == machine));

    let command = SshCommand::builder().command("uname").user("vmm").password("a password");
    let commands = SshCommands::builder().ssh([command.try_into().expect("a command")]);
    let results = vmm.run_ssh_commands().vm(machine.as_str()).body(commands).send().await.expect("results");
    assert_eq!((results.ssh[0].exit_code, results.ssh[0].stdout.as_str()), (Some(0), "Linux\n"));

    let content: Vec<u8> = (0..=255).collect();
    let stored = vmm.put_file().name("client.bin").body(content.clone()).send().await.expect("a stored file");
    assert_eq!(stored.bytes, 256);
    let stream = vmm.get_file().name("client.bin").send().await.expect("a file").into_inner().into_inner();
    let chunks: Vec<_> = stream.try_collect().await.expect("its content");
    assert_eq!(chunks.concat(), content);

    let missing = problem(vmm.get_request().id("no-such-request").send().await);
    assert_eq!((missing.status, missing.type_.as_str()), (404, "urn:vmm:problem:not-found"));

    let wrong = problem(submit(&vmm, "client-2", "name,os,vcpu,memory\nclient-2,no-such-os,1,512\n").await);
    let places: Vec<_> = wrong.problems.iter().map(|problem| (problem.row, problem.column.as_deref())).collect();
    assert_eq!(places, [(Some(2), Some("os"))]);

    let ended = vmm.logout().send().await.expect("a logout");
    assert_eq!(ended.status(), 204);
}
