import type { Problem } from '../api/problem';
import { text } from '../messages';
import { Button } from './button';

/** Returns the heading of a problem. */
export function problemTitle(problem: Problem): string {
  if (problem.status === 0) return text('problem.noAnswer');
  return problem.title || text('problem.title', { status: problem.status });
}

/** Returns what to do after a problem. */
export function nextStep(problem: Problem): string {
  if (problem.retryAfter !== null) return text('problem.wait', { n: problem.retryAfter });
  switch (problem.status) {
    case 0:
      return text('problem.checkServer');
    case 403:
      return text('problem.askAdmin');
    case 404:
      return text('problem.checkName');
    case 412:
      return text('problem.readAgain');
    case 500:
      return text('problem.log');
    case 503:
      return text('problem.later');
    default:
      return '';
  }
}

/** A problem in the place of what could not be read or done. */
export function ProblemBox({ problem, retry }: { problem: Problem; retry?: () => unknown }) {
  return (
    <div class="problem" role="alert">
      <strong>{problemTitle(problem)}</strong>
      {problem.detail && <p>{problem.detail}</p>}
      {problem.fields.length > 0 && (
        <ul>
          {problem.fields.slice(0, 50).map((item) => (
            <li key={`${item.field}${item.row}${item.column}${item.reason}`}>
              {item.field && <code>{item.field}</code>} {item.reason}
            </li>
          ))}
        </ul>
      )}
      {nextStep(problem) && <p>{nextStep(problem)}</p>}
      {retry && (
        <Button small onClick={() => retry()}>
          {text('retry')}
        </Button>
      )}
    </div>
  );
}
