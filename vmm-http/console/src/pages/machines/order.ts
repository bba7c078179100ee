import type { Api } from '../../api/client';
import { plain, words } from '../../lib/search';

type Vm = Api['Vm'];

const names = new Intl.Collator('en', { numeric: true });

const KEYS: Record<string, (a: Vm, b: Vm) => number> = {
  name: (a, b) => names.compare(a.name, b.name),
  status: (a, b) => names.compare(a.status, b.status),
  ip: (a, b) => names.compare(a.ip ?? '', b.ip ?? ''),
  vcpu: (a, b) => a.vcpu - b.vcpu,
  memory: (a, b) => a.memory - b.memory,
  group_name: (a, b) => names.compare(a.group_name ?? '', b.group_name ?? ''),
  user: (a, b) => names.compare(a.user, b.user),
};

/** A machine with all that can be searched, prepared for comparison. */
export interface Row {
  vm: Vm;
  name: string;
  haystack: string;
}

/** Sorts machines and prepares them for the search. `-memory` sorts by memory, the largest first. */
export function rowsOf(vms: readonly Vm[], sort: string): Row[] {
  const down = sort.startsWith('-');
  const order = KEYS[down ? sort.slice(1) : sort] ?? KEYS.name;
  const sorted = [...vms].sort((a, b) => {
    const first = order?.(a, b) ?? 0;
    return (down ? -first : first) || (a.name < b.name ? -1 : 1);
  });
  return sorted.map((vm) => ({
    vm,
    name: vm.name,
    haystack: plain([vm.name, vm.hostname, vm.ip, vm.group_name, vm.user, vm.description, vm.mac, vm.request, vm.status].join('\n')),
  }));
}

/** Returns the rows that have all words of a search in any of their fields. */
export function found(rows: readonly Row[], typed: string): readonly Row[] {
  const wanted = words(typed);
  return wanted.length === 0 ? rows : rows.filter((row) => wanted.every((word) => row.haystack.includes(word)));
}
