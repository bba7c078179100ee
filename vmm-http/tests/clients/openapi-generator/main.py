"""The main job with the client that openapi-generator generates for Python."""

import os

from vmm_client import (
    ApiClient,
    Configuration,
    Credentials,
    FileApi,
    NewRequest,
    NewRequests,
    ProblemDetails,
    RequestApi,
    SessionApi,
    SshCommand,
    SshCommands,
    Verdict,
    VmApi,
)
from vmm_client.exceptions import NotFoundException, UnprocessableEntityException

machine = os.environ["VMM_VM"]

configuration = Configuration(host=os.environ["VMM_URL"])
credentials = Credentials(name=os.environ["VMM_NAME"], password=os.environ["VMM_PASSWORD"])
session = SessionApi(ApiClient(configuration)).login(credentials)
configuration.access_token = session.token
client = ApiClient(configuration)
requests, vms = RequestApi(client), VmApi(client)


def submit(id: str, spec: str):
    body = NewRequests.model_validate({"request-vm": [NewRequest(id=id, spec=spec)]})
    return requests.submit_requests(body)


submission = submit("client-1", "name,os,vcpu,memory\nclient-1,debian:12,1,512\n").request_vm[0]
assert submission.created
assert submission.rows[0].verdict is Verdict.OK

assert machine in [vm.name for vm in vms.list_vms().vm]

command = SshCommand(command="uname", user="vmm", password="a password")
result = vms.run_ssh_commands(machine, SshCommands(ssh=[command])).ssh[0]
assert (result.exit_code, result.stdout) == (0, "Linux\n")

content = bytes(range(256))
files = FileApi(client)
assert files.put_file("client.bin", content).bytes == len(content)
assert files.get_file("client.bin") == content

try:
    raise AssertionError(requests.get_request("no-such-request"))
except NotFoundException as error:
    assert isinstance(error.data, ProblemDetails), error
    assert error.data.type == "urn:vmm:problem:not-found"

try:
    raise AssertionError(submit("client-2", "name,os,vcpu,memory\nclient-2,no-such-os,1,512\n"))
except UnprocessableEntityException as error:
    assert isinstance(error.data, ProblemDetails), error
    assert [(problem.row, problem.column) for problem in error.data.problems] == [(2, "os")]

assert SessionApi(client).logout_with_http_info().status_code == 204
