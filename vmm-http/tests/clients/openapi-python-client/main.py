"""The main job with the client that openapi-python-client generates."""

import os
from io import BytesIO

from vmm_client import AuthenticatedClient, Client
from vmm_client.api.file import get_file, put_file
from vmm_client.api.request import get_request, submit_requests
from vmm_client.api.session import login, logout
from vmm_client.api.vm import list_vms, run_ssh_commands
from vmm_client.models import (
    Credentials,
    NewRequest,
    NewRequests,
    ProblemDetails,
    Session,
    SshCommand,
    SshCommands,
    SshResults,
    StoredFile,
    Submissions,
    Verdict,
    Vms,
)

from vmm_client.types import File

url, machine = os.environ["VMM_URL"], os.environ["VMM_VM"]

credentials = Credentials(name=os.environ["VMM_NAME"], password=os.environ["VMM_PASSWORD"])
session = login.sync(client=Client(base_url=url), body=credentials)
assert isinstance(session, Session), session
vmm = AuthenticatedClient(base_url=url, token=session.token)


def submit(id: str, spec: str):
    body = NewRequests(request_vm=[NewRequest(id=id, spec=spec)])
    return submit_requests.sync(client=vmm, body=body)


submissions = submit("client-1", "name,os,vcpu,memory\nclient-1,debian:12,1,512\n")
assert isinstance(submissions, Submissions), submissions
assert submissions.request_vm[0].created
assert submissions.request_vm[0].rows[0].verdict is Verdict.OK

vms = list_vms.sync(client=vmm)
assert isinstance(vms, Vms), vms
assert machine in [vm.name for vm in vms.vm]

command = SshCommand(command="uname", user="vmm", password="a password")
results = run_ssh_commands.sync(client=vmm, vm=machine, body=SshCommands(ssh=[command]))
assert isinstance(results, SshResults), results
assert (results.ssh[0].exit_code, results.ssh[0].stdout) == (0, "Linux\n")

content = bytes(range(256))
stored = put_file.sync(client=vmm, name="client.bin", body=File(payload=BytesIO(content)))
assert isinstance(stored, StoredFile), stored
assert stored.bytes_ == len(content)
fetched = get_file.sync(client=vmm, name="client.bin")
assert isinstance(fetched, File), fetched
assert fetched.payload.read() == content

missing = get_request.sync(client=vmm, id="no-such-request")
assert isinstance(missing, ProblemDetails), missing
assert (missing.status, missing.type_) == (404, "urn:vmm:problem:not-found")

wrong = submit("client-2", "name,os,vcpu,memory\nclient-2,no-such-os,1,512\n")
assert isinstance(wrong, ProblemDetails), wrong
assert [(problem.row, problem.column) for problem in wrong.problems] == [(2, "os")]

ended = logout.sync_detailed(client=vmm)
assert ended.status_code == 204, ended
