import { signal } from '@preact/signals';
import { api, done, onSignedOut, type Api } from './client';
import { asProblem, type Problem } from './problem';

/** Who is signed in. `access: 'own'` means that the account reaches its own page alone. */
export type WebSession = Api['WebSession'];

/** The session: `undefined` until the server has said, `null` if nobody is signed in. */
export const session = signal<WebSession | null | undefined>(undefined);

/** Why the session could not be read, if the server did not answer. */
export const sessionProblem = signal<Problem | null>(null);

onSignedOut(() => {
  session.value = null;
});

/** Asks the server who is signed in. */
export async function readSession(): Promise<void> {
  try {
    sessionProblem.value = null;
    session.value = await done(api.GET('/web-session'));
  } catch (error) {
    const problem = asProblem(error);
    if (problem.status === 401) session.value = null;
    else sessionProblem.value = problem;
  }
}

/** Signs in; with a code of the second factor if the account has one. */
export async function signIn(name: string, password: string, code: string): Promise<void> {
  session.value = await done(api.POST('/web-session', { body: { name, password, ...(code ? { code } : {}) } }));
}

/** Signs out. */
export async function signOut(): Promise<void> {
  await done(api.DELETE('/web-session'));
  session.value = null;
}

/** Says whether the account is an admin's. */
export function isAdmin(): boolean {
  return session.value?.user.role === 'admin';
}

/** Returns the name of the account that is signed in. */
export function me(): string {
  return session.value?.user.name ?? '';
}
