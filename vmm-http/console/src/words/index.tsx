import type { Api } from '../api/client';
import { text } from './messages';
import { Status, type Tone } from '../ui/parts';

const VM: Record<Api['VmStatus'], Tone> = {
  on: 'good', off: 'quiet', saved: 'quiet', paused: 'warn', unknown: 'bad', request: 'busy',
};
const JOB: Record<Api['JobState'], Tone> = {
  queued: 'quiet', running: 'busy', undoing: 'warn', done: 'good', failed: 'bad', cancelled: 'quiet', stuck: 'bad', closed: 'quiet',
};
const REQUEST: Record<Api['RequestState'], Tone> = {
  pending: 'warn', approved: 'busy', running: 'busy', done: 'good', failed: 'bad', rejected: 'bad', cancelled: 'quiet',
};
const RUN: Record<Api['RunState'], Tone> = {
  queued: 'quiet', running: 'busy', done: 'good', failed: 'bad', unknown: 'warn', interrupted: 'warn', cancelled: 'quiet',
};
const OUTCOME: Record<Api['Outcome'], Tone> = { started: 'busy', done: 'good', failed: 'bad', denied: 'warn' };
const VERDICT: Record<Api['RowVerdict'], Tone> = { ok: 'good', warning: 'warn', wrong: 'bad' };

/** The states that a list of jobs can be filtered by. */
export const JOB_STATES = Object.keys(JOB) as Api['JobState'][];
/** The states that a list of requests can be filtered by. */
export const REQUEST_STATES = Object.keys(REQUEST) as Api['RequestState'][];
/** The states that a list of runs can be filtered by. */
export const RUN_STATES = Object.keys(RUN) as Api['RunState'][];
/** The states that a list of machines can be filtered by. */
export const VM_STATES = Object.keys(VM) as Api['VmStatus'][];
/** The ends that the audit log can be filtered by. */
export const OUTCOMES = Object.keys(OUTCOME) as Api['Outcome'][];

export const vmWord = (status: Api['VmStatus']) => text(`vm.${status}`);
export const jobWord = (state: Api['JobState']) => text(`job.${state}`);
export const requestWord = (state: Api['RequestState']) => text(`request.${state}`);
export const runWord = (state: Api['RunState']) => text(`run.${state}`);
export const outcomeWord = (outcome: Api['Outcome']) => text(`outcome.${outcome}`);

/** The status of a machine, with the reason where it has one. */
export function VmState({ vm }: { vm: { status: Api['VmStatus']; status_reason?: Api['VmStatusReason'] | undefined } }) {
  const why = vm.status_reason && text(`reason.${vm.status_reason}`);
  return (
    <Status tone={VM[vm.status]} title={why}>
      {vmWord(vm.status)}{why && <span class="muted hide-narrow">{` (${why})`}</span>}
    </Status>
  );
}

export const JobState = ({ state }: { state: Api['JobState'] }) => <Status tone={JOB[state]}>{jobWord(state)}</Status>;
export const RequestState = ({ state }: { state: Api['RequestState'] }) => <Status tone={REQUEST[state]}>{requestWord(state)}</Status>;
export const RunState = ({ state }: { state: Api['RunState'] }) => <Status tone={RUN[state]}>{runWord(state)}</Status>;
export const Outcome = ({ outcome }: { outcome: Api['Outcome'] }) => <Status tone={OUTCOME[outcome]}>{outcomeWord(outcome)}</Status>;
export const Verdict = ({ verdict }: { verdict: Api['RowVerdict'] }) => <Status tone={VERDICT[verdict]}>{text(`verdict.${verdict}`)}</Status>;

/** Returns the colour of a job's bar. */
export const jobTone = (state: Api['JobState']): Tone => JOB[state];

/** Says whether a job has had its last change. */
export function jobEnded(state: Api['JobState']): boolean {
  return ['done', 'failed', 'cancelled', 'closed'].includes(state);
}
