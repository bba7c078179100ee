// The main job with the types that openapi-typescript generates, and openapi-fetch.

import assert from "node:assert/strict";
import { env } from "node:process";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

type Problem = components["schemas"]["ProblemDetails"];

function given(name: string): string {
  const value = env[name];
  assert(value !== undefined, `${name} is not set`);
  return value;
}

const machine = given("VMM_VM");
const vmm = createClient<paths>({ baseUrl: given("VMM_URL") });

const credentials = { name: given("VMM_NAME"), password: given("VMM_PASSWORD") };
const session = await vmm.POST("/session", { body: credentials });
assert(session.data, session.error?.detail);
const { token } = session.data;
vmm.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${token}`);
    return request;
  },
});

const submit = (id: string, spec: string) => vmm.POST("/request-vm", { body: { "request-vm": [{ id, spec }] } });

const submitted = await submit("client-1", "name,os,vcpu,memory\nclient-1,debian:12,1,512\n");
const submission = submitted.data?.["request-vm"][0];
assert(submission?.created, submitted.error?.detail);
assert.equal(submission.rows[0]?.verdict, "ok");

const vms = await vmm.GET("/db/vm");
assert(vms.data?.vm.some((vm) => vm.name === machine), vms.error?.detail);

const command = { command: "uname", user: "vmm", password: "a password" };
const results = await vmm.POST("/vm/ssh", { params: { query: { vm: machine } }, body: { ssh: [command] } });
const result = results.data?.ssh[0];
assert.deepEqual([result?.exit_code, result?.stdout], [0, "Linux\n"], results.error?.detail);

const content = Uint8Array.from({ length: 256 }, (_, index) => index);
const path = { name: "client.bin" };
const stored = await vmm.PUT("/files/{name}", {
  params: { path },
  // The types of a specification know bytes as strings alone.
  body: content as unknown as string,
  bodySerializer: (bytes) => bytes,
  headers: { "Content-Type": "application/octet-stream" },
});
assert.equal(stored.data?.bytes, content.length, stored.error?.detail);
const fetched = await vmm.GET("/files/{name}", { params: { path }, parseAs: "arrayBuffer" });
assert(fetched.data, fetched.error?.detail);
assert.deepEqual(new Uint8Array(fetched.data), content);

const missing = await vmm.GET("/request-vm/{id}", { params: { path: { id: "no-such-request" } } });
const notFound: Problem | undefined = missing.error;
assert.deepEqual([notFound?.status, notFound?.type], [404, "urn:vmm:problem:not-found"]);

const wrong = await submit("client-2", "name,os,vcpu,memory\nclient-2,no-such-os,1,512\n");
assert.deepEqual(wrong.error?.problems.map(({ row, column }) => [row, column]), [[2, "os"]]);

const ended = await vmm.DELETE("/session");
assert.equal(ended.response.status, 204);
