import { api, done, once, type Api } from '../../api/client';
import { asProblem, Problem } from '../../api/problem';
import { isAdmin, me } from '../../api/session';
import { eachOf } from '../../lib/rows';
import { confirm } from '../../ui/dialog';
import { toast } from '../../ui/toasts';
import { text } from './messages';

/** What can be done with the power of a machine. */
export type PowerAction = Api['PowerAction'];

const FITS: Record<PowerAction, readonly Api['VmStatus'][]> = {
  start: ['off', 'saved'],
  shutdown: ['on'],
  reboot: ['on'],
  stop: ['on', 'paused'],
  resume: ['paused'],
  'discard-saved': ['saved'],
};

/** All actions, in the order of their buttons. */
export const POWER = Object.keys(FITS) as PowerAction[];

/** Returns why an action cannot be done with a machine, if so. */
export function powerBlocked(action: PowerAction, vm: Api['Vm']): string | undefined {
  if (!isAdmin() && vm.user !== me()) return text('notYours', { user: vm.user });
  return FITS[action].includes(vm.status) ? undefined : text(`blocked.${action}`);
}

/** Does something with each machine, and throws a problem that names those where it failed. */
export async function onEach(vms: readonly Api['Vm'][], call: (vm: Api['Vm']) => Promise<unknown>): Promise<void> {
  const failures = await eachOf(vms, 4, call);
  if (failures.size === 0) return;
  throw new Problem(409, {
    title: text('someFailed', { n: failures.size, all: vms.length }),
    problems: [...failures].map(([vm, error]) => ({ field: vm.name, reason: asProblem(error).message })),
  });
}

/** Asks, and then does an action with those of the machines that it fits. */
export function power(action: PowerAction, vms: readonly Api['Vm'][], after: () => unknown): void {
  const fitting = vms.filter((vm) => !powerBlocked(action, vm));
  const left = vms.length - fitting.length;
  const act = async () => {
    try {
      await onEach(fitting, (vm) =>
        done(api.POST('/vm/power', { params: { query: { vm: vm.name }, header: once() }, body: { action } })));
      toast.done(text('done.power', { n: fitting.length }));
    } finally {
      after();
    }
  };
  confirm({
    title: text(`ask.${action}`, { n: fitting.length }),
    detail: [text(`effect.${action}`), left > 0 ? text('left', { n: left }) : ''].filter(Boolean).join(' '),
    names: fitting.map((vm) => vm.name),
    action: text(action),
    danger: action === 'stop' || action === 'discard-saved',
    act,
  });
}

/** Asks, and then deletes machines. */
export function remove(vms: readonly Api['Vm'][], after: () => unknown): void {
  const act = async () => {
    try {
      await onEach(vms, (vm) =>
        done(api.DELETE('/db/vm', { params: { query: { name: vm.name }, header: { 'If-Match': `"${vm.revision}"` } } })));
      toast.done(text('removed', { n: vms.length }));
    } finally {
      after();
    }
  };
  confirm({
    title: text('removeAsk', { n: vms.length }),
    detail: text('removeHow'),
    names: vms.map((vm) => vm.name),
    action: text('remove'),
    danger: true,
    act,
  });
}
