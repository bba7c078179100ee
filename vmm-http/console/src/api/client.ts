import createClient from 'openapi-fetch';
import { asProblem, Problem, problemOf } from './problem';
import type { components, paths } from './schema';
import { EventParser, type ServerEvent } from './sse';

/** The types of the API's bodies, by name. */
export type Api = components['schemas'];

/** The header that proves to the server that a call comes from the console and not from a form of another page. */
const HEADER = { 'X-Vmm-Console': '1' };

const listeners = new Set<() => void>();

/** Calls `listener` when the server says that nobody is signed in. */
export function onSignedOut(listener: () => void): void {
  listeners.add(listener);
}

function noteStatus(response: Response): void {
  // Signing in says by itself that a password is wrong.
  if (response.status === 401 && !response.url.endsWith('/web-session')) for (const listener of listeners) listener();
}

/** Asks the person for the code of the second factor, and gives it to the server. Returns whether that succeeded. */
type GiveSecondFactor = () => Promise<boolean>;

let giveSecondFactor: GiveSecondFactor = () => Promise.resolve(false);

/** Calls `give` when the server wants the second factor again, and then repeats what it was wanted for. */
export function onSecondFactorNeeded(give: GiveSecondFactor): void {
  giveSecondFactor = give;
}

/** Repeats a call that needs the second factor again, after the person has given it. */
async function withSecondFactor(response: Response, repeat: () => Promise<Response>): Promise<Response> {
  // Signing in asks for the code in its own form.
  if (response.status !== 403 || response.url.endsWith('/web-session')) return response;
  const problem = problemOf(response, await response.clone().json().catch(() => ({})));
  return problem.kind === 'second-factor' && (await giveSecondFactor()) ? repeat() : response;
}

/** Calls as they were sent, until their answers have come. */
const sent = new Map<string, Request>();

/** The client of the API. Each call carries the session's cookie, which scripts cannot see. */
export const api = createClient<paths>({ baseUrl: location.origin, credentials: 'same-origin' });

api.use({
  onRequest({ request, id }) {
    request.headers.set('X-Vmm-Console', '1');
    sent.set(id, request.clone());
    return request;
  },
  async onResponse({ response, id }) {
    const request = sent.get(id);
    sent.delete(id);
    const answer = request ? await withSecondFactor(response, () => fetch(request)) : response;
    noteStatus(answer);
    return answer;
  },
  onError({ id }) {
    sent.delete(id);
  },
});

/** What a call of the client answers. */
interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** Returns the body of an answer, or throws its problem. */
export async function done<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer;
  try {
    answer = await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw asProblem(error);
  }
  if (!answer.response.ok) throw problemOf(answer.response, answer.error);
  return answer.data as T;
}

/** Returns headers that make a POST safe to repeat. */
export function once(): { 'Idempotency-Key': string } {
  const words = crypto.getRandomValues(new Uint32Array(4));
  return { 'Idempotency-Key': [...words].map((word) => word.toString(16).padStart(8, '0')).join('') };
}

/** Calls a path without the generated client, for bodies that are files or streams. */
export async function raw(method: string, path: string, init: RequestInit = {}): Promise<Response> {
  const send = () => fetch(path, {
    ...init,
    method,
    credentials: 'same-origin',
    headers: { ...HEADER, ...(init.headers as Record<string, string> | undefined) },
  }).catch((error: unknown) => {
    throw error instanceof DOMException && error.name === 'AbortError' ? error : asProblem(error);
  });
  const response = await withSecondFactor(await send(), send);
  noteStatus(response);
  if (!response.ok) throw problemOf(response, await response.json().catch(() => ({})));
  return response;
}

/** Yields the events of a stream until it ends. */
export async function* events(
  method: 'GET' | 'POST',
  path: string,
  options: { signal: AbortSignal; body?: unknown; lastId?: string | undefined },
): AsyncGenerator<ServerEvent> {
  const headers: Record<string, string> = { Accept: 'text/event-stream' };
  if (options.body !== undefined) headers['Content-Type'] = 'application/json';
  if (options.lastId !== undefined) headers['Last-Event-ID'] = options.lastId;
  const body = options.body === undefined ? {} : { body: JSON.stringify(options.body) };
  const response = await raw(method, path, { signal: options.signal, headers, ...body });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  const parser = new EventParser();
  try {
    for (;;) {
      const { value, done: ended } = await reader.read();
      if (ended) return;
      yield* parser.push(value);
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/**
 * Reads a stream of GET and connects again when the connection is lost, at growing intervals of up to 30 s.
 *
 * `take` returns whether the stream has had its last event.
 */
export async function follow(path: string, signal: AbortSignal, take: (event: ServerEvent) => boolean): Promise<void> {
  let lastId: string | undefined;
  let wait = 500;
  while (!signal.aborted) {
    try {
      for await (const event of events('GET', path, { signal, lastId })) {
        lastId = event.id ?? lastId;
        wait = 500;
        if (take(event)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      const { status } = asProblem(error);
      if (status >= 400 && status < 500 && status !== 429) throw error;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, wait);
      signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
    });
    wait = Math.min(wait * 2, 30_000);
  }
}

export { asProblem, Problem };
