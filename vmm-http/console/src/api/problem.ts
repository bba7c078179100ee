/** A field or a cell that the server refused, with the reason. */
export interface FieldProblem {
  field?: string;
  column?: string;
  row?: number;
  reason: string;
}

/** An answer that is an error (RFC 9457), or a call that got no answer. */
export class Problem extends Error {
  /** The status of HTTP, or 0 if there was no answer. */
  readonly status: number;
  /** The last part of the problem's type, such as `conflict`. */
  readonly kind: string;
  readonly title: string;
  readonly detail: string;
  readonly fields: readonly FieldProblem[];
  /** How many seconds to wait before another attempt. */
  readonly retryAfter: number | null;

  constructor(status: number, body: Partial<ProblemBody>, retryAfter: number | null = null) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.name = 'Problem';
    this.status = status;
    this.kind = (body.type ?? '').split(/[:/]/).pop() ?? '';
    this.title = body.title ?? '';
    this.detail = body.detail ?? '';
    this.fields = body.problems ?? [];
    this.retryAfter = retryAfter;
  }

  /** Returns the reason why a field was refused. Fields of a batch are found by their last name: `user[0].name`. */
  field(name: string): string | undefined {
    return this.fields.find((item) => (item.field ?? '').split('.').pop() === name)?.reason;
  }
}

interface ProblemBody {
  type: string;
  title: string;
  detail: string;
  problems: FieldProblem[];
}

/** Reads a problem from an answer and its body. */
export function problemOf(response: Response, body: unknown): Problem {
  const wait = Number(response.headers.get('Retry-After') ?? Number.NaN);
  const fields = typeof body === 'object' && body !== null ? (body as Partial<ProblemBody>) : {};
  return new Problem(response.status, fields, Number.isFinite(wait) ? wait : null);
}

/** Returns the problem that a caught value stands for. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, { detail: error instanceof Error ? error.message : String(error), type: 'no-answer' });
}
